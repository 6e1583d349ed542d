//! `"Name" <uri>;params` of From, To, Contact, Route (RFC 3261 20.10).
//!
//! Takes a header value or one of its items, gives borrowed parts; never allocates.

use crate::params;
use crate::text::{find, quoted_end, trim, trim_end, trim_start};

/// One name-addr or addr-spec with its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The whole item.
    pub text: &'a [u8],
    /// Display name as in the message, with quotes; `None` when empty.
    pub name: Option<&'a [u8]>,
    /// The URI without angle brackets.
    pub uri: &'a [u8],
    /// Header parameters without the leading `;`.
    pub params: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Reads one item; `None` when it has no URI, when quotes or brackets do not close, or when
    /// something other than parameters follows the URI.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = trim(text);
        let name_end = match text.first() {
            Some(b'"') => quoted_end(text),
            _ => 0,
        };
        let open = memchr::memchr2(b'<', b';', &text[name_end..]).map(|at| name_end + at);
        let (name, uri, rest) = match open {
            Some(at) if text[at] == b'<' => {
                let close = at + find(&text[at..], b'>')?;
                (trim_end(&text[..at]), trim(&text[at + 1..close]), trim_start(&text[close + 1..]))
            }
            // An addr-spec without brackets: its parameters are the header's (RFC 3261 20.10).
            _ if name_end > 0 => return None,
            Some(at) => (&b""[..], trim_end(&text[..at]), &text[at..]),
            None => (&b""[..], text, &b""[..]),
        };
        let params = match rest {
            [] => rest,
            [b';', params @ ..] => trim_start(params),
            _ => return None,
        };
        let name = (!name.is_empty()).then_some(name);
        (!uri.is_empty()).then_some(Self { text, name, uri, params })
    }

    /// The value of a header parameter, any case; `Some(b"")` for one without value. Quotes around
    /// the value are removed.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        params::find(self.params, name)
    }

    /// The tag parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.param("tag")
    }
}

/// The comma-separated items of a header value; commas in quotes and brackets do not split. Items
/// are trimmed, empty ones are skipped.
pub fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = item_end(rest);
            let item = trim(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
            if !item.is_empty() {
                return Some(item);
            }
        }
        None
    })
}

/// Where the first item of `text` ends: its comma, or the end.
fn item_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b',', b'"', b'<', &text[at..]) {
        at += found;
        match text[at] {
            b',' => return at,
            b'"' => at += quoted_end(&text[at..]),
            _ => match memchr::memchr(b'>', &text[at..]) {
                Some(close) => at += close + 1,
                None => return text.len(),
            },
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(&str, &str, &str)> {
        let text_of = |bytes| std::str::from_utf8(bytes).unwrap();
        let item = NameAddr::parse(text.as_bytes())?;
        Some((item.name.map_or("-", text_of), text_of(item.uri), text_of(item.params)))
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("<sip:a@b>", ("-", "sip:a@b", "")),
            ("sip:a@b;tag=1", ("-", "sip:a@b", "tag=1")),
            ("sip:a@b", ("-", "sip:a@b", "")),
            ("Bob <sip:a@b;lr> ; tag=1", ("Bob", "sip:a@b;lr", "tag=1")),
            (r#""A \"<x>\", B" <sip:a@b>;q=1"#, (r#""A \"<x>\", B""#, "sip:a@b", "q=1")),
            (r#""x"<sip:a@b>"#, (r#""x""#, "sip:a@b", "")),
            ("J Rosenberg\r\n <sip:a@b>\r\n ;tag=x", ("J Rosenberg", "sip:a@b", "tag=x")),
            ("*", ("-", "*", "")),
        ] {
            assert_eq!(parts(text), Some(expected), "{text}");
        }
        for text in
            ["", "<>", "<sip:a", r#""a" sip:x@y"#, r#""a <sip:x@y>"#, "<sip:a@b> x", ";tag=1"]
        {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn tags() {
        let to = NameAddr::parse(b"\"tag=0\" <sip:a@b;tag=1>;x;TAG=2").unwrap();
        assert_eq!(to.tag(), Some(&b"2"[..]));
        assert_eq!(to.param("x"), Some(&b""[..]));
        assert_eq!(NameAddr::parse(b"<sip:a@b;tag=1>").unwrap().tag(), None);
    }

    #[test]
    fn commas_split_only_outside() {
        let value = b"\"a,b\" <sip:x,y@z>;p=\"1,2\", ,<sip:c>\r\n , sip:d";
        let seen: Vec<_> = items(value).collect();
        assert_eq!(seen, [&b"\"a,b\" <sip:x,y@z>;p=\"1,2\""[..], b"<sip:c>", b"sip:d"]);
        assert_eq!(items(b"").count(), 0);
        assert_eq!(items(b"<sip:a, sip:b").count(), 1);
    }
}
