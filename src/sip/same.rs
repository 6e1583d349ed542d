//! Whether two URIs are the same (RFC 3261 19.1.4).
//!
//! Takes parsed URIs; decodes escapes as it compares, never allocates. URIs of other schemes are
//! the same when their bytes are.

use crate::params::{self, Param, pieces};
use crate::uri::{Scheme, Uri};

/// Parameters that mean something where they stand, so that a URI without them is another one.
const NEVER_IGNORED: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];

/// Whether two URIs are the same.
pub fn same(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    if one.text == other.text {
        return true;
    }
    if one.scheme != other.scheme || !matches!(one.scheme, Scheme::Sip | Scheme::Sips) {
        return false;
    }
    same_option(one.user, other.user)
        && same_option(one.password, other.password)
        && one.host.eq_ignore_ascii_case(other.host)
        && one.port == other.port
        && covers(one.params, other.params)
        && covers(other.params, one.params)
        && has_headers(one.headers, other.headers)
        && has_headers(other.headers, one.headers)
}

/// Whether two texts are, read as URIs; texts that are none when their bytes are the same.
pub fn same_texts(one: &[u8], other: &[u8]) -> bool {
    one == other
        || Uri::parse(one).zip(Uri::parse(other)).is_some_and(|(one, other)| same(&one, &other))
}

fn same_option(one: Option<&[u8]>, other: Option<&[u8]>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_decoded(one, other, |a, b| a == b),
        (None, None) => true,
        _ => false,
    }
}

/// Whether no parameter of one list contradicts the other list.
fn covers(one: &[u8], other: &[u8]) -> bool {
    params::iter(one).all(|param| {
        let found = params::iter(other).find(|o| o.name.eq_ignore_ascii_case(param.name));
        match found {
            Some(found) => same_value(param, found),
            None => !NEVER_IGNORED.iter().any(|name| param.name.eq_ignore_ascii_case(name)),
        }
    })
}

fn same_value(one: Param<'_>, other: Param<'_>) -> bool {
    match (one.value, other.value) {
        (Some(one), Some(other)) => same_decoded(one, other, |a, b| a.eq_ignore_ascii_case(&b)),
        (None, None) => true,
        _ => false,
    }
}

/// Whether each header of one list is in the other.
fn has_headers(one: &[u8], other: &[u8]) -> bool {
    pieces(one, b'&').all(|header| {
        pieces(other, b'&').any(|o| same_decoded(header, o, |a, b| a.eq_ignore_ascii_case(&b)))
    })
}

/// Whether two texts are the same once escapes of characters that need none are read.
fn same_decoded(one: &[u8], other: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    let (mut one, mut other) = (decoded(one), decoded(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some((a, false)), Some((b, false))) if same(a, b) => {}
            // An escape that stays one: `%2f` is `%2F`, and no `/`.
            (Some((a, true)), Some((b, true))) if a == b => {}
            _ => return false,
        }
    }
}

/// The bytes of a text, each with whether it is one that an escape stands for and must.
fn decoded(text: &[u8]) -> impl Iterator<Item = (u8, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if let [b'%', high, low, behind @ ..] = rest
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            rest = behind;
            let byte = high << 4 | low;
            return Some((byte, !is_unreserved(byte)));
        }
        let (first, behind) = rest.split_first()?;
        rest = behind;
        Some((*first, false))
    })
}

/// The value of a hexadecimal digit.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// RFC 3261 25.1: characters that need no escape anywhere.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &str, other: &str, expected: bool) {
        let (a, b) = (one.as_bytes(), other.as_bytes());
        assert_eq!(same_texts(a, b), expected, "{one} {other}");
        assert_eq!(same_texts(b, a), expected, "{other} {one}");
    }

    #[test]
    fn the_examples_of_the_rfc() {
        for (one, other) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            check(one, other, true);
        }
        for (one, other) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ] {
            check(one, other, false);
        }
    }

    #[test]
    fn escapes_schemes_and_texts_that_are_no_uris() {
        check("sip:a%2fb@h", "sip:a%2Fb@h", true);
        check("sip:a%2fb@h", "sip:a/b@h", false);
        check("sip:a%zz@h", "sip:a%zz@h;x", true);
        check("sip:a@h", "sips:a@h", false);
        check("sip:a@h", "sip:h", false);
        check("sip:a:p@h", "sip:a@h", false);
        check("sip:a@h;lr", "sip:a@h;lr=on", false);
        check("tel:+1", "tel:+1", true);
        check("tel:+1", "tel:+1;x", false);
        check("hello", "hello", true);
        check("hello", "Hello", false);
    }
}
