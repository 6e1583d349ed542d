//! A place that moves through one file and always knows its line and column.

use std::rc::Rc;

use crate::source::{Location, SourceText};

/// A reading position.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    source: Rc<SourceText>,
    file: u16,
    pos: usize,
    line: u32,
    column: u32,
    /// Only white space so far on this line.
    pub first: bool,
    /// White space or a comment was just passed.
    pub spaced: bool,
}

impl Cursor {
    pub fn new(source: Rc<SourceText>, file: u16) -> Self {
        let mut cursor =
            Self { source, file, pos: 0, line: 1, column: 1, first: true, spaced: true };
        if cursor.rest().starts_with(b"\xEF\xBB\xBF") {
            cursor.pos = 3;
        }
        cursor
    }

    /// What lies ahead.
    pub fn rest(&self) -> &[u8] {
        self.source.text.get(self.pos..).unwrap_or_default()
    }

    /// The byte ahead, or the one `n` further.
    pub fn peek(&self, n: usize) -> Option<u8> {
        self.source.text.get(self.pos + n).copied()
    }

    /// Moves on by bytes.
    pub fn advance(&mut self, bytes: usize) {
        let end = (self.pos + bytes).min(self.source.text.len());
        for byte in &self.source.text[self.pos..end] {
            match *byte {
                b'\n' => {
                    self.line += 1;
                    self.column = 1;
                    self.first = true;
                }
                // Continuation bytes of UTF-8 take no column of their own.
                0x80..=0xBF => {}
                _ => self.column += 1,
            }
        }
        self.pos = end;
    }

    /// Moves to the end of the line, before its line break.
    pub fn skip_line(&mut self) {
        let length = self.line_length();
        self.advance(length);
    }

    /// Bytes left on this line.
    pub fn line_length(&self) -> usize {
        let rest = self.rest();
        rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
    }

    /// The place of the next `length` bytes.
    pub fn here(&self, length: usize) -> Location {
        let end = (self.pos + length).min(self.source.text.len());
        Location {
            file: self.file,
            line: self.line,
            column: self.column,
            start: self.pos as u32,
            end: end as u32,
        }
    }

    pub fn name(&self) -> &str {
        &self.source.name
    }
}

/// The place `offset` bytes into `at`, `length` bytes long.
pub(crate) fn within(source: &SourceText, at: Location, offset: usize, length: usize) -> Location {
    let passed = source.slice(at);
    let offset = offset.min(passed.len());
    let (mut line, mut column) = (at.line, at.column);
    for byte in &passed[..offset] {
        match *byte {
            b'\n' => {
                line += 1;
                column = 1;
            }
            0x80..=0xBF => {}
            _ => column += 1,
        }
    }
    let start = at.start + offset as u32;
    let end = (start + length as u32).min(at.end);
    Location { file: at.file, line, column, start, end }
}
