//! From an offset in what a token means to the place where that was written.
//!
//! Offsets are asked for in rising order, so each step goes on from the last one: a text of many
//! variables costs its length once.

use std::cell::Cell;

use crate::source::{Location, SourceText};

use super::text::Unescape;

/// Places within one token, or within adjacent quoted texts.
pub(crate) struct Trail<'a> {
    raw: &'a [u8],
    at: Location,
    state: Cell<State>,
    quoted: bool,
}

#[derive(Clone, Copy)]
struct State {
    /// Bytes of meaning passed.
    offset: usize,
    /// Bytes of source passed.
    raw: usize,
    quote: u8,
    line: u32,
    column: u32,
}

impl<'a> Trail<'a> {
    /// Within a token that means what it says.
    pub fn plain(source: &'a SourceText, at: Location) -> Self {
        Self::new(source, at, false)
    }

    /// Within quoted texts.
    pub fn quoted(source: &'a SourceText, at: Location) -> Self {
        Self::new(source, at, true)
    }

    fn new(source: &'a SourceText, at: Location, quoted: bool) -> Self {
        let raw = source.slice(at);
        let state = Self::start(raw, at, quoted);
        Self { raw, at, state: Cell::new(state), quoted }
    }

    fn start(raw: &[u8], at: Location, quoted: bool) -> State {
        let quote = raw.first().copied().unwrap_or_default();
        // A typographic quote has three bytes, in one column.
        let skip = match (quoted, quote.is_ascii()) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 3,
        };
        let column = at.column + u32::from(quoted);
        State { offset: 0, raw: skip, quote, line: at.line, column }
    }

    /// The place of `length` bytes of meaning from `offset`.
    pub fn part(&self, offset: usize, length: usize) -> Location {
        let mut state = self.state.get();
        if offset < state.offset {
            state = Self::start(self.raw, self.at, self.quoted);
        }
        self.pass(&mut state, offset);
        self.state.set(state);
        let mut begin = state;
        let mut end = state;
        if self.quoted {
            // What means nothing (the gap between two texts) is not part of the place.
            let mut bytes = self.bytes(&state);
            if let Some((from, _)) = bytes.next() {
                self.walk(&mut begin, from);
            }
        }
        self.pass(&mut end, offset + length);
        let base = self.at.start;
        Location {
            file: self.at.file,
            line: begin.line,
            column: begin.column,
            start: base + begin.raw as u32,
            end: base + end.raw.max(begin.raw) as u32,
        }
    }

    fn bytes(&self, state: &State) -> Unescape<'a> {
        Unescape { body: self.raw, at: state.raw, quote: state.quote }
    }

    /// Moves behind `offset` bytes of meaning.
    fn pass(&self, state: &mut State, offset: usize) {
        let count = offset.saturating_sub(state.offset);
        if count == 0 {
            return;
        }
        state.offset = offset;
        if !self.quoted {
            return self.walk(state, state.raw + count);
        }
        let mut bytes = self.bytes(state);
        for _ in 0..count {
            if bytes.next().is_none() {
                break;
            }
        }
        state.quote = bytes.quote;
        self.walk(state, bytes.at);
    }

    /// Moves to a byte of the source.
    fn walk(&self, state: &mut State, to: usize) {
        let to = to.min(self.raw.len()).max(state.raw.min(self.raw.len()));
        let from = state.raw.min(to);
        for byte in &self.raw[from..to] {
            match *byte {
                b'\n' => {
                    state.line += 1;
                    state.column = 1;
                }
                0x80..=0xBF => {}
                _ => state.column += 1,
            }
        }
        state.raw = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize, length: usize) -> (u32, u32, String) {
        let source = SourceText { name: String::new(), text: text.into() };
        let at = Location { line: 1, column: 1, end: text.len() as u32, ..Location::default() };
        let found = Trail::quoted(&source, at).part(offset, length);
        let written = String::from_utf8_lossy(source.slice(found)).into_owned();
        (found.line, found.column, written)
    }

    #[test]
    fn escapes_gaps_and_lines_are_stepped_over() {
        assert_eq!(place(r#""a\\.b(""#, 2, 1), (1, 5, ".".into()));
        assert_eq!(place(r#""a\n$ru""#, 2, 3), (1, 5, "$ru".into()));
        assert_eq!(place("\"ab\" \"cd\"", 2, 2), (1, 7, "cd".into()));
        assert_eq!(place("\"ab\"\n  \"cd\"", 3, 1), (2, 5, "d".into()));
        assert_eq!(place("\"a\nb\"", 2, 1), (2, 1, "b".into()));
        assert_eq!(place("\"äb\"", 2, 1), (1, 3, "b".into()));
    }

    #[test]
    fn going_back_starts_anew() {
        let source = SourceText { name: String::new(), text: b"\"abcdef\"".to_vec() };
        let at = Location { line: 1, column: 1, end: 8, ..Location::default() };
        let trail = Trail::quoted(&source, at);
        assert_eq!(trail.part(4, 1).column, 6);
        assert_eq!(trail.part(1, 1).column, 3);
    }
}
