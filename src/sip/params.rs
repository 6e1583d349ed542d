//! `;name=value` lists of URIs, Via and name-addr headers (RFC 3261 25.1, generic-param).
//!
//! Takes the text without its leading `;`, gives borrowed names and values; never allocates.

use crate::text::{quoted_end, trim, unquote};

/// One parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param<'a> {
    /// Its name as written.
    pub name: &'a [u8],
    /// Its value without quotes (escapes inside stay); `None` when there is no `=`.
    pub value: Option<&'a [u8]>,
}

/// The parameters of a list in order; empty places between two `;` are skipped.
pub fn iter(list: &[u8]) -> impl Iterator<Item = Param<'_>> {
    pieces(list, b';').map(Param::of)
}

impl<'a> Param<'a> {
    /// Reads a trimmed piece of a list that is not empty.
    #[inline]
    pub(crate) fn of(piece: &'a [u8]) -> Self {
        // A name is short: a search that prepares itself would cost more.
        match piece.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                Self { name: trim(&piece[..at]), value: Some(unquote(trim(&piece[at + 1..]))) }
            }
            None => Self { name: piece, value: None },
        }
    }
}

/// The value of the first parameter called `name`, any case; `Some(b"")` for one without value.
pub fn find<'a>(list: &'a [u8], name: &str) -> Option<&'a [u8]> {
    if list.len() < name.len() {
        // As with `lr`, mostly.
        return None;
    }
    iter(list)
        .find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
        .map(|param| param.value.unwrap_or_default())
}

/// The trimmed pieces between separators that stand outside quoted strings; empty ones are skipped.
pub(crate) fn pieces(mut rest: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = piece_end(rest, separator);
            let piece = trim(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    })
}

pub(crate) fn piece_end(text: &[u8], separator: u8) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(separator, b'"', &text[at..]) {
        at += found;
        if text[at] == separator {
            return at;
        }
        at += quoted_end(&text[at..]);
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_and_quotes() {
        let list = br#"branch=z9 ; Rport;x = "a;b\"c";;maddr="#;
        let seen: Vec<_> = iter(list).map(|p| (p.name, p.value)).collect();
        assert_eq!(
            seen,
            [
                (&b"branch"[..], Some(&b"z9"[..])),
                (b"Rport", None),
                (b"x", Some(br#"a;b\"c"#)),
                (b"maddr", Some(b"")),
            ]
        );
        assert_eq!(find(list, "rport"), Some(&b""[..]));
        assert_eq!(find(list, "b"), None);
    }

    #[test]
    fn an_open_quote_takes_the_rest() {
        assert_eq!(find(br#"a="b;c=d"#, "c"), None);
        assert_eq!(find(br#"a="b;c=d"#, "a"), Some(&br#""b;c=d"#[..]));
    }
}
