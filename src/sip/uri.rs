//! SIP and tel URIs as borrowed views (RFC 3261 19.1, RFC 3966).
//!
//! Takes a text, gives its parts; decodes no escapes, resolves no names, never allocates.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sluice_base::lanes::{equal_in_16, words_in_16};

use crate::params;
use crate::text::{has_blank, number, split_once};

/// A URI's scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the schemes")]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    Other,
}

/// A parsed URI; every part borrows from the text. Percent escapes stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// The whole text.
    pub text: &'a [u8],
    /// `sip`, `sips`, `tel`.
    pub scheme: Scheme,
    /// User part without password.
    pub user: Option<&'a [u8]>,
    /// Password.
    pub password: Option<&'a [u8]>,
    /// Host; an IPv6 literal keeps its brackets.
    pub host: &'a [u8],
    /// Port as written.
    pub port: Option<u16>,
    /// Parameters without the leading `;`.
    pub params: &'a [u8],
    /// Headers without the leading `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a whole text as a URI; `None` when it is none.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = split_once(text, b':')?;
        if rest.is_empty() || !is_scheme(scheme) || has_blank(text) {
            return None;
        }
        match Scheme::of(scheme) {
            scheme @ (Scheme::Sip | Scheme::Sips) => Self::parse_sip(text, scheme, rest),
            Scheme::Tel => {
                let (number, params) = split_once(rest, b';').unwrap_or((rest, b""));
                let user = (!number.is_empty()).then_some(number)?;
                Some(Self { user: Some(user), params, ..Self::bare(text, Scheme::Tel) })
            }
            Scheme::Other => Some(Self::bare(text, Scheme::Other)),
        }
    }

    /// The value of a parameter, any case; `Some(b"")` for one without value.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        params::find(self.params, name)
    }

    /// The port, else the default of its scheme and transport: 5060; 5061 for sips and tls; 80 for
    /// ws; 443 for wss, and for ws in a sips URI (RFC 7118 5.2); 0 for an unknown transport
    /// (spec 0, 2.2).
    pub fn port_or_default(&self) -> u16 {
        if let Some(port) = self.port {
            return port;
        }
        let transport = self.param("transport").unwrap_or(b"udp");
        match (default_port(transport), self.scheme) {
            (5060, Scheme::Sips) => 5061,
            (80, Scheme::Sips) => 443,
            (port, _) => port,
        }
    }

    /// The host as a literal address, brackets removed.
    pub fn host_ip(&self) -> Option<IpAddr> {
        literal_addr(self.host)
    }

    const fn bare(text: &'a [u8], scheme: Scheme) -> Self {
        let none: &[u8] = b"";
        Self {
            text,
            scheme,
            user: None,
            password: None,
            host: none,
            port: None,
            params: none,
            headers: none,
        }
    }

    fn parse_sip(text: &'a [u8], scheme: Scheme, rest: &'a [u8]) -> Option<Self> {
        // A user part may hold `;`, `?`, `/`; nothing behind it may hold `@` (RFC 3261 25.1).
        let (user, password, rest) = match split_once(rest, b'@') {
            Some((b"", _)) => return None,
            Some((info, rest)) => match split_once(info, b':') {
                Some((user, password)) => (Some(user), Some(password), rest),
                None => (Some(info), None, rest),
            },
            None => (None, None, rest),
        };
        let (host, rest) = split_host(rest)?;
        let (port, rest) = match rest {
            [b':', rest @ ..] => {
                let end = memchr::memchr2(b';', b'?', rest).unwrap_or(rest.len());
                (Some(port(&rest[..end])?), &rest[end..])
            }
            _ => (None, rest),
        };
        let (params, headers) = match rest {
            [] => (&b""[..], &b""[..]),
            [b';', rest @ ..] => split_once(rest, b'?').unwrap_or((rest, b"")),
            [b'?', headers @ ..] => (&b""[..], headers),
            _ => return None,
        };
        Some(Self { text, scheme, user, password, host, port, params, headers })
    }
}

impl Scheme {
    fn of(name: &[u8]) -> Self {
        [("sip", Self::Sip), ("sips", Self::Sips), ("tel", Self::Tel)]
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
            .map_or(Self::Other, |(_, scheme)| scheme)
    }
}

/// The default port of a transport's name, any case; 0 when it is unknown.
pub fn default_port(transport: &[u8]) -> u16 {
    [("udp", 5060), ("tcp", 5060), ("tls", 5061), ("sctp", 5060), ("ws", 80), ("wss", 443)]
        .into_iter()
        .find(|(known, _)| transport.eq_ignore_ascii_case(known.as_bytes()))
        .map_or(0, |(_, port)| port)
}

/// A host as a literal address; an IPv6 one with or without brackets.
pub fn literal_addr(host: &[u8]) -> Option<IpAddr> {
    match host {
        [b'[', inner @ .., b']'] => ipv6(inner).map(IpAddr::V6),
        _ if host.contains(&b':') => std::str::from_utf8(host).ok()?.parse().ok(),
        _ => ipv4(host).map(IpAddr::V4),
    }
}

/// Four numbers of at most three digits, none with a zero in front of another digit.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut at, mut digits) = ([0u8; 4], 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits == 0 || octets.get(at).is_some_and(|octet| *octet > 0) => {
                let octet = octets.get_mut(at)?;
                *octet = octet.checked_mul(10)?.checked_add(byte - b'0')?;
                digits += 1;
            }
            b'.' if digits > 0 => (at, digits) = (at + 1, 0),
            _ => return None,
        }
    }
    (at == 3 && digits > 0).then(|| octets.into())
}

/// An IPv6 address without brackets.
fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().or_else(|| ipv6_of_three_colons(text))
}

/// RFC 5118 4.10: RFC 3261's grammar has a colon too many before an embedded IPv4 address.
#[cold]
fn ipv6_of_three_colons(text: &str) -> Option<Ipv6Addr> {
    let (before, behind) = text.split_once(":::")?;
    behind.parse::<Ipv4Addr>().ok()?;
    let mut right = [0; 45]; // the longest address
    let right = right.get_mut(..text.len() - 1)?;
    let (head, tail) = right.split_at_mut(before.len() + 2);
    head.copy_from_slice(text.as_bytes().get(..before.len() + 2)?);
    tail.copy_from_slice(behind.as_bytes());
    std::str::from_utf8(right).ok()?.parse().ok()
}

/// Splits a host from what follows it. The host is not empty and holds only bytes of names and
/// addresses; an IPv6 literal keeps its brackets.
#[inline(always)]
pub(crate) fn split_host(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = match text {
        [b'[', inner @ ..] => {
            let close = memchr::memchr(b']', inner)?;
            ipv6(&inner[..close])?;
            close + 2
        }
        _ => host_len(text),
    };
    (len > 0).then(|| text.split_at(len))
}

/// A port as written: decimal digits up to 65,535.
pub(crate) fn port(digits: &[u8]) -> Option<u16> {
    number(digits).and_then(|port| u16::try_from(port).ok())
}

#[inline(always)]
fn host_len(text: &[u8]) -> usize {
    // As nearly all are: letters, digits, `-`, `.`, and then one of the next 16 bytes ends it.
    if let Some(head) = text.first_chunk() {
        let len = (!(words_in_16(head) | equal_in_16(head, b'.'))).trailing_zeros() as usize;
        if text.get(len).is_some_and(|byte| !is_host(*byte)) {
            return len;
        }
    }
    text.iter().position(|byte| !is_host(*byte)).unwrap_or(text.len())
}

/// Letters, digits, `-`, `.`; `_` and UTF-8 are met in the field and left to the resolver.
const fn is_host(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | 0x80..)
}

fn is_scheme(name: &[u8]) -> bool {
    let tail = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    matches!(name, [first, rest @ ..] if first.is_ascii_alphabetic() && rest.iter().all(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn all_parts() {
        let uri = uri("sip:alice;day=tue:secret@atlanta.com:5070;transport=TCP;lr?subject=x&to=y");
        assert_eq!(uri.scheme, Scheme::Sip);
        assert_eq!(uri.user, Some(&b"alice;day=tue"[..]));
        assert_eq!(uri.password, Some(&b"secret"[..]));
        assert_eq!(uri.host, b"atlanta.com");
        assert_eq!(uri.port, Some(5070));
        assert_eq!(uri.params, b"transport=TCP;lr");
        assert_eq!(uri.headers, b"subject=x&to=y");
        assert_eq!(uri.param("Transport"), Some(&b"TCP"[..]));
        assert_eq!(uri.param("lr"), Some(&b""[..]));
        assert_eq!(uri.param("maddr"), None);
    }

    #[test]
    fn forms() {
        let plain = uri("SIPS:example.org");
        assert_eq!(
            (plain.scheme, plain.user, plain.host),
            (Scheme::Sips, None, &b"example.org"[..])
        );
        let v6 = uri("sip:bob@[2001:db8::1]:5080;lr");
        assert_eq!((v6.host, v6.port), (&b"[2001:db8::1]"[..], Some(5080)));
        assert_eq!(v6.host_ip(), Some("2001:db8::1".parse().unwrap()));
        assert_eq!(uri("sip:10.0.0.1").host_ip(), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(uri("sip:host").host_ip(), None);
        let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
        assert_eq!((tel.scheme, tel.user), (Scheme::Tel, Some(&b"+1-201-555-0123"[..])));
        assert_eq!(tel.param("phone-context"), Some(&b"example.com"[..]));
        assert_eq!(uri("urn:service:sos").scheme, Scheme::Other);
        assert_eq!(uri("sip:h?to=x").headers, b"to=x");
        assert_eq!(uri("sip:u:@h").password, Some(&b""[..]));
    }

    #[test]
    fn a_third_colon_before_an_embedded_ipv4_address_is_one_too_many() {
        let addr = |text: &str| literal_addr(format!("[{text}]").as_bytes());
        let right = Some("2001:db8::192.0.2.1".parse().unwrap());
        assert_eq!(addr("2001:db8::192.0.2.1"), right);
        assert_eq!(addr("2001:db8:::192.0.2.1"), right);
        let longest = "1111:2222:3333:4444:5555:6666:123.123.123.123";
        assert!(addr(longest).is_some());
        for text in
            ["2001:db8:::1", "2001:db8::::192.0.2.1", "1::2:::192.0.2.1", ":::", "1:::1.2.3"]
        {
            assert_eq!(addr(text), None, "{text}");
        }
        assert_eq!(addr(&format!("{longest}:::1.2.3.4")), None);
        assert_eq!(addr("192.0.2.1"), None, "no IPv4 address in brackets");
    }

    #[test]
    fn no_uris() {
        for text in [
            "",
            "hello",
            "sip:",
            "sip:@host",
            "sip:a@",
            "sip:a@b@c",
            "sip:a b@c",
            "sip:h:",
            "tel:",
            "sip:h:65536",
            "sip:h:12x",
            "sip:h:1:2",
            "sip:[::1",
            "sip:[zz]",
            "sip:[::1]x",
            "sip:\0h",
            "1sip:h",
            "<sip:h>",
            "sip:a@;lr",
            "sip:h,sip:i",
            "tel:;x=y",
        ] {
            assert_eq!(Uri::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn default_ports() {
        for (text, port) in [
            ("sip:h", 5060),
            ("sip:h;transport=udp", 5060),
            ("sip:h;transport=TLS", 5061),
            ("sip:h;transport=ws", 80),
            ("sip:h;transport=wss", 443),
            ("sip:h;transport=pigeon", 0),
            ("sips:h", 5061),
            ("sips:h;transport=tcp", 5061),
            ("sips:h;transport=ws", 443),
            ("sip:h:0", 0),
            ("sips:h:5070;transport=x", 5070),
        ] {
            assert_eq!(uri(text).port_or_default(), port, "{text}");
        }
    }

    #[test]
    fn ipv4_addresses_as_the_library_reads_them() {
        let texts = [
            "192.0.2.1",
            "0.0.0.0",
            "255.255.255.255",
            "256.0.0.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.4.",
            "01.2.3.4",
            "1.00.3.4",
            "1..3.4",
            ".1.2.3.4",
            "1.2.3.1000",
            "",
            "1.2.3.a",
            "1.2.3.4 ",
        ];
        for text in texts {
            assert_eq!(super::ipv4(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }
}
