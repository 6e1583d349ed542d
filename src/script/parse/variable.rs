//! Variables and formats: `$(name(sub)[index]{transformation})`, `"text $name text"` (spec 2.1).
//!
//! Takes bytes and the place they come from; places within them are computed from the offset.

use crate::diagnostic::Diagnostic;
use crate::lex::{Trail, variable_length};
use crate::limits;
use crate::source::Location;

use super::ast::{Format, IndexText, Name, Part, Transformation, Variable};

/// A piece of bytes that knows its place.
#[derive(Clone, Copy)]
pub(crate) struct Span<'a> {
    pub bytes: &'a [u8],
    pub base: usize,
    pub places: &'a Trail<'a>,
    /// How many variables it lies within.
    pub depth: usize,
}

type Parsed<T> = Result<T, Diagnostic>;

impl<'a> Span<'a> {
    pub const fn new(bytes: &'a [u8], places: &'a Trail<'a>) -> Self {
        Self { bytes, base: 0, places, depth: 0 }
    }

    fn cut(self, from: usize, to: usize) -> Self {
        let to = to.min(self.bytes.len());
        let from = from.min(to);
        Self { bytes: &self.bytes[from..to], base: self.base + from, ..self }
    }

    fn from(self, at: usize) -> Self {
        self.cut(at, self.bytes.len())
    }

    fn at(self) -> Location {
        self.places.part(self.base, self.bytes.len())
    }

    fn trim(self) -> Self {
        let left = self.bytes.len() - self.bytes.trim_ascii_start().len();
        self.cut(left, left + self.bytes.trim_ascii().len())
    }

    fn name(self) -> Name {
        Name { text: String::from_utf8_lossy(self.bytes).into_owned(), at: self.at() }
    }

    fn error(self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.at(), message)
    }

    /// One variable deeper.
    fn deeper(self) -> Parsed<Self> {
        if self.depth >= limits::NESTING {
            let message = format!("variables nested over {} deep", limits::NESTING);
            return Err(self.error("nesting", message));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

/// Splits a text into parts. `known` says whether a variable of that name exists: `$rd.txt` is
/// `$rd` and `.txt`, `$msg.type` is one variable.
pub(crate) fn format(span: Span<'_>, known: &dyn Fn(&str) -> bool) -> Parsed<Format> {
    // Places are cheap in rising order only: the whole comes before its parts.
    let place = span.at();
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let mut at = 0;
    while let Some(byte) = span.bytes.get(at).copied() {
        let rest = &span.bytes[at..];
        if byte != b'$' {
            text.push(byte);
            at += 1;
        } else if rest.starts_with(b"$$") {
            text.push(b'$');
            at += 2;
        } else if let Some(length) = variable_length(rest) {
            let length = shorten(rest, length, known);
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Variable(variable(span.cut(at, at + length), known)?));
            at += length;
        } else if rest.get(1) == Some(&b'(') || opens(rest) {
            let message = "the variable's parenthesis is not closed";
            return Err(span.from(at).error("unclosed-variable", message));
        } else {
            text.push(byte);
            at += 1;
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(Format { at: place, parts })
}

/// Whether a name with an open parenthesis follows the `$`.
fn opens(rest: &[u8]) -> bool {
    let name = rest[1..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"_.".contains(b));
    let length = name.count();
    length > 0 && rest[1].is_ascii_alphabetic() && rest.get(length + 1) == Some(&b'(')
}

/// Cuts dotted endings off a bare name until it is known.
fn shorten(rest: &[u8], length: usize, known: &dyn Fn(&str) -> bool) -> usize {
    let name = &rest[1..length];
    if name.contains(&b'(') {
        return length;
    }
    let mut end = name.len();
    loop {
        let Ok(text) = std::str::from_utf8(&name[..end]) else { return length };
        if known(text) {
            return end + 1;
        }
        match text.rfind('.') {
            Some(dot) => end = dot,
            None => return if end == 0 { length } else { end + 1 },
        }
    }
}

/// Reads `$name`, `$name(sub)` or `$(name(sub)[index]{transformation})`; the span is the whole.
pub(crate) fn variable(span: Span<'_>, known: &dyn Fn(&str) -> bool) -> Parsed<Variable> {
    let span = span.deeper()?;
    let at = span.at();
    match span.bytes {
        [b'$', b'(', .., b')'] => {
            let inner = span.cut(2, span.bytes.len() - 1);
            inside(at, inner.trim(), known)
        }
        _ => inside(at, span.from(1), known),
    }
}

/// Reads `name(sub)[index]{transformation}`, with `<context>` before it.
fn inside(at: Location, span: Span<'_>, known: &dyn Fn(&str) -> bool) -> Parsed<Variable> {
    let (context, span) = match span.bytes {
        [b'<', ..] => {
            let Some(close) = span.bytes.iter().position(|b| *b == b'>') else {
                return Err(span.error("unclosed-context", "`<` is not closed by `>`"));
            };
            (Some(span.cut(1, close).name()), span.from(close + 1))
        }
        _ => (None, span),
    };
    let length =
        span.bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_.".contains(b)).count();
    if length == 0 {
        return Err(span.error("variable-name", "a variable's name is expected here"));
    }
    let name = span.cut(0, length).name();
    let mut rest = span.from(length);
    let mut sub = None;
    if rest.bytes.first() == Some(&b'(') {
        let close = closing(rest, b'(', b')')?;
        sub = Some(format(rest.cut(1, close).trim(), known)?);
        rest = rest.from(close + 1).trim();
    }
    let mut index = None;
    if rest.bytes.first() == Some(&b'[') {
        let close = closing(rest, b'[', b']')?;
        index = Some(read_index(rest.cut(1, close).trim(), known)?);
        rest = rest.from(close + 1).trim();
    }
    let mut transformations = Vec::new();
    while rest.bytes.first() == Some(&b'{') {
        let close = closing(rest, b'{', b'}')?;
        transformations.push(transformation(rest.cut(1, close)));
        rest = rest.from(close + 1).trim();
    }
    if !rest.bytes.is_empty() {
        let message = "this is no part of a variable: it is $(name(sub)[index]{transformation})";
        return Err(rest.error("variable-form", message));
    }
    Ok(Variable { at, name, context, sub, index, transformations })
}

/// Offset of the bracket that closes the one at the beginning.
fn closing(span: Span<'_>, open: u8, close: u8) -> Parsed<usize> {
    let mut depth = 0_usize;
    for (at, byte) in span.bytes.iter().enumerate() {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            depth -= 1;
            if depth == 0 {
                return Ok(at);
            }
        }
    }
    let message = format!("`{}` is not closed", char::from(open));
    Err(span.cut(0, 1).error("unclosed-variable", message))
}

fn read_index(span: Span<'_>, known: &dyn Fn(&str) -> bool) -> Parsed<IndexText> {
    match span.bytes {
        b"*" => Ok(IndexText::All),
        b"append" => Ok(IndexText::Append),
        [b'$', ..] => Ok(IndexText::Dynamic(Box::new(variable(span, known)?))),
        text => match std::str::from_utf8(text).map(str::parse) {
            Ok(Ok(index)) => Ok(IndexText::At(index)),
            _ => Err(span.error("bad-index", "an index is a number, `*`, `append` or a variable")),
        },
    }
}

fn transformation(span: Span<'_>) -> Transformation {
    match span.bytes.iter().position(|b| *b == b',') {
        Some(comma) => Transformation {
            name: span.cut(0, comma).trim().name(),
            params: Some(span.from(comma + 1).name()),
        },
        None => Transformation { name: span.trim().name(), params: None },
    }
}
