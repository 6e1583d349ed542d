//! Substitution expressions, `/regex/replacement/flags`; any character may delimit (spec 9.2).
//!
//! Takes the expression as written, gives its parts. Compiles nothing, replaces nothing.

use std::ops::Range;

/// In front of a byte that was written behind a backslash in a replacement ([`mark`]).
pub const MARK: u8 = 0;

/// An expression taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts<'a> {
    /// The regex; a delimiter in it has lost its backslash.
    pub pattern: Vec<u8>,
    /// Where the replacement stands in the expression.
    pub replacement: Range<usize>,
    /// `g` all matches, `i` letters in any case, `s` line breaks are characters like others.
    pub flags: &'a [u8],
}

/// Takes an expression apart; `None` when it is none.
pub fn split(text: &[u8]) -> Option<Parts<'_>> {
    let delimiter = *text.first()?;
    let middle = end_of_part(text, 1, delimiter)?;
    let last = end_of_part(text, middle + 1, delimiter)?;
    let flags = text.get(last + 1..)?;
    let known = flags.iter().all(|flag| matches!(flag, b'g' | b'i' | b's'));
    let pattern = unescaped(text.get(1..middle)?, delimiter);
    known.then_some(Parts { pattern, replacement: middle + 1..last, flags })
}

/// A replacement in which each backslash has become a [`MARK`], so that the text of a variable,
/// which may hold backslashes, can be put into it.
pub fn mark(replacement: &[u8]) -> Vec<u8> {
    let mut out = replacement.to_vec();
    let mut at = 0;
    while at + 1 < out.len() {
        if out[at] == b'\\' {
            out[at] = MARK;
            at += 1;
        }
        at += 1;
    }
    out
}

/// Where the next delimiter stands that has no backslash in front of it.
fn end_of_part(text: &[u8], from: usize, delimiter: u8) -> Option<usize> {
    let mut at = from;
    while *text.get(at)? != delimiter {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    Some(at)
}

fn unescaped(text: &[u8], delimiter: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(next)) if *next == delimiter => {}
            (b'\\', Some(next)) => {
                out.extend_from_slice(&[byte, *next]);
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for (text, pattern, replacement, flags) in [
            ("/a/b/", "a", "b", ""),
            ("/a//gi", "a", "", "gi"),
            ("|a|/|s", "a", "/", "s"),
            ("/\\/\\d\\\\/x\\/y/", "/\\d\\\\", "x\\/y", ""),
        ] {
            let parts = split(text.as_bytes()).unwrap();
            assert_eq!(parts.pattern, pattern.as_bytes(), "{text}");
            assert_eq!(&text[parts.replacement], replacement);
            assert_eq!(parts.flags, flags.as_bytes());
        }
        for bad in ["", "/", "/a", "/a/b", "/a/b/x", "/a/b\\/", "/a\\"] {
            assert_eq!(split(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn backslashes_become_marks() {
        assert_eq!(mark(b"a\\1\\\\n\\"), b"a\x001\x00\\n\\");
    }
}
