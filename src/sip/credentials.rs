//! Digest credentials and challenges (RFC 3261 20.7, 20.27, 20.44; RFC 7616).
//!
//! Takes the value of an Authorization, Proxy-Authorization, WWW-Authenticate or
//! Proxy-Authenticate field, gives borrowed parts. Checks no password, never allocates.

use crate::params::{Param, pieces};
use crate::text::{is_space, is_token, split_once, trim, unquote};

/// `Digest name=value, ...`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credentials<'a> {
    /// The scheme as written, `Digest`.
    pub scheme: &'a [u8],
    /// What follows the scheme.
    pub params: &'a [u8],
}

impl<'a> Credentials<'a> {
    /// Reads a field's value; `None` when it does not begin with a scheme and a blank.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let (scheme, params) = value.split_at(value.iter().position(|byte| is_space(*byte))?);
        is_token(scheme).then_some(Self { scheme, params: trim(params) })
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    /// The parameters in order; commas in quoted values do not split.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        pieces(self.params, b',').map(|piece| match split_once(piece, b'=') {
            Some((name, value)) => Param { name: trim(name), value: Some(unquote(trim(value))) },
            None => Param { name: piece, value: None },
        })
    }

    /// The value of a parameter, any case, without quotes (escapes inside stay).
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        self.iter()
            .find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
            .and_then(|param| param.value)
    }

    /// Who it is; may be `user` or `user@domain`.
    pub fn username(&self) -> Option<&'a [u8]> {
        self.param("username")
    }

    /// For which realm.
    pub fn realm(&self) -> Option<&'a [u8]> {
        self.param("realm")
    }

    /// The server's nonce.
    pub fn nonce(&self) -> Option<&'a [u8]> {
        self.param("nonce")
    }

    /// The URI that the response was computed for.
    pub fn uri(&self) -> Option<&'a [u8]> {
        self.param("uri")
    }

    /// The response: 32 or 64 hexadecimal digits.
    pub fn response(&self) -> Option<&'a [u8]> {
        self.param("response")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest() {
        let value = b"Digest username=\"bob, \\\"b\\\"\", realm = \"atlanta.com\",\r\n \
            nonce=\"84a4\", uri=\"sip:x;a=b\",response=\"dfe5\", algorithm=MD5, qop=auth, \
            nc=00000001";
        let seen = Credentials::parse(value).unwrap();
        assert!(seen.is_digest());
        assert_eq!(seen.username(), Some(&br#"bob, \"b\""#[..]));
        assert_eq!(seen.realm(), Some(&b"atlanta.com"[..]));
        assert_eq!(seen.nonce(), Some(&b"84a4"[..]));
        assert_eq!(seen.uri(), Some(&b"sip:x;a=b"[..]));
        assert_eq!(seen.response(), Some(&b"dfe5"[..]));
        assert_eq!(seen.param("ALGORITHM"), Some(&b"MD5"[..]));
        assert_eq!(seen.param("opaque"), None);
        assert_eq!(seen.iter().count(), 8);
    }

    #[test]
    fn no_credentials() {
        for value in ["", "Digest", " Digest ", "Dig\"est x=y"] {
            assert_eq!(Credentials::parse(value.as_bytes()), None, "{value:?}");
        }
        assert!(!Credentials::parse(b"Basic abc").unwrap().is_digest());
    }
}
