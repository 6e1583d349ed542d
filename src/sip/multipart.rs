//! Bodies of several parts (RFC 2046 5.1), one layer deep, as borrowed views.
//!
//! Takes a body and its boundary, gives the parts as pieces of it. Never allocates, never panics.

use crate::text::{split_once, trim};
use crate::{limits, params};

/// One part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part<'a> {
    /// From its delimiter line to the next delimiter line.
    pub whole: &'a [u8],
    /// Its header lines.
    pub headers: &'a [u8],
    /// Its content, without the line end that belongs to the next delimiter.
    pub content: &'a [u8],
}

impl<'a> Part<'a> {
    /// Its Content-Type; RFC 2046 5.1 takes `text/plain` when there is none.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        let fields = self.headers.split(|byte| *byte == b'\n');
        fields.into_iter().find_map(|line| {
            let (name, value) = split_once(line, b':')?;
            trim(name).eq_ignore_ascii_case(b"content-type").then(|| trim(value))
        })
    }
}

/// The boundary of a Content-Type `multipart/...`; `None` for another type.
pub fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let (kind, list) = split_once(content_type, b';')?;
    let multipart = trim(kind).get(..10).is_some_and(|k| k.eq_ignore_ascii_case(b"multipart/"));
    params::find(list, "boundary").filter(|boundary| multipart && !boundary.is_empty())
}

/// Whether a Content-Type, with or without parameters, is `mime`, in any case.
pub fn is_type(content_type: &[u8], mime: &[u8]) -> bool {
    let bare = |text| split_once(text, b';').map_or(text, |(kind, _)| kind).trim_ascii();
    bare(content_type).eq_ignore_ascii_case(bare(mime))
}

/// The parts in order, at most [`limits::PARTS`]. What stands before the first delimiter and behind
/// the last is no part; a part that is not ended goes to the body's end.
pub fn parts<'a>(body: &'a [u8], boundary: &'a [u8]) -> impl Iterator<Item = Part<'a>> {
    let mut next = delimiter(body, boundary, 0);
    let all = std::iter::from_fn(move || {
        let Delimiter { start, end, last: false } = next? else { return None };
        next = delimiter(body, boundary, end);
        let stop = next.map_or(body.len(), |next| next.start);
        let inside = body.get(end..stop).unwrap_or_default();
        let (headers, content) = split_headers(inside);
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        Some(Part { whole: body.get(start..stop).unwrap_or_default(), headers, content })
    });
    all.take(limits::PARTS)
}

/// Where the delimiter begins that ends the last part; `None` when there is none.
pub fn closing(body: &[u8], boundary: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let found = delimiter(body, boundary, from)?;
        if found.last {
            return Some(found.start);
        }
        from = found.end;
    }
}

#[derive(Clone, Copy)]
struct Delimiter {
    start: usize,
    /// Behind its line end.
    end: usize,
    last: bool,
}

/// The next line `--boundary` or `--boundary--` that begins at `from` or later.
fn delimiter(body: &[u8], boundary: &[u8], from: usize) -> Option<Delimiter> {
    let mut start = from;
    while let Some(rest) = body.get(start..).filter(|rest| !rest.is_empty()) {
        let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let line = rest.get(..len).unwrap_or_default().trim_ascii_end();
        let named = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary));
        if let Some(tail @ (b"" | b"--")) = named {
            return Some(Delimiter { start, end: start + len, last: !tail.is_empty() });
        }
        start += len;
    }
    None
}

/// Header lines up to and with the empty line, and what follows.
fn split_headers(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        if rest.get(..len).unwrap_or_default().trim_ascii().is_empty() {
            let (headers, _) = text.split_at(at);
            return (headers, text.get(at + len..).unwrap_or_default());
        }
        at += len;
    }
    (text, b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        b"preamble\r\n--b1\r\nContent-Type: application/sdp\r\nX: y\r\n\r\nv=0\r\n\r\n\
        --b1\r\n\r\nplain\r\n--b1--\r\nepilogue";

    #[test]
    fn parts_in_order() {
        let seen: Vec<_> = parts(BODY, b"b1").collect();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].content_type(), Some(&b"application/sdp"[..]));
        assert_eq!(seen[0].content, b"v=0\r\n");
        assert_eq!((seen[1].content_type(), seen[1].content), (None, &b"plain"[..]));
        assert_eq!(seen[1].whole, b"--b1\r\n\r\nplain\r\n");
        let at = closing(BODY, b"b1").unwrap();
        assert!(BODY[at..].starts_with(b"--b1--\r\n"));
    }

    #[test]
    fn damaged_bodies() {
        for (body, count) in [
            (&b""[..], 0),
            (b"--b1", 1),
            (b"--b1--", 0),
            (b"--b12\r\nx", 0),
            (b"--b1\nA: b\n\nopen end", 1),
            (b"--b1\r\nno empty line", 1),
            (b"--b1\r\n--b1\r\n--b1--\r\n--b1\r\n", 2),
        ] {
            assert_eq!(parts(body, b"b1").count(), count, "{body:?}");
        }
        assert_eq!(parts(b"--b1\nA: b\n\nopen end", b"b1").next().unwrap().content, b"open end");
        assert_eq!(closing(b"--b1\r\n", b"b1"), None);
        let many = "--b1\r\n".repeat(1_000);
        assert_eq!(parts(many.as_bytes(), b"b1").count(), limits::PARTS);
    }

    #[test]
    fn boundaries_and_types() {
        assert_eq!(boundary(b"Multipart/Mixed; boundary=\"x y\";a=b"), Some(&b"x y"[..]));
        assert_eq!(boundary(b"multipart/mixed"), None);
        assert_eq!(boundary(b"multipart/mixed;boundary="), None);
        assert_eq!(boundary(b"text/plain;boundary=x"), None);
        assert!(is_type(b"Application/SDP ; charset=utf-8", b"application/sdp"));
        assert!(!is_type(b"application/sdpx", b"application/sdp"));
    }
}
