//! Via (RFC 3261 20.42).
//!
//! Takes one Via value, gives borrowed parts; blanks and folds may stand around `/`, `:`, `;` and
//! `=`. A Via says where replies go, so that one with half a parameter is refused, as in OpenSIPS.
//! Never allocates.

use sluice_base::lanes::{blanks_in_16, equal_in_16};

use crate::nameaddr::items;
use crate::params::{self, Param, piece_end};
use crate::text::{
    closed_end, is_space, is_token, leading_number, number, split_once, trim, trim_start,
};
use crate::uri::{default_port, port, split_host};

/// One Via value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// The whole value, trimmed.
    pub text: &'a [u8],
    /// `UDP`, as written.
    pub transport: &'a [u8],
    /// Sent-by host, brackets kept.
    pub host: &'a [u8],
    /// Sent-by port as written.
    pub port: Option<u16>,
    /// Parameters without the leading `;`.
    pub params: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one value; `None` when it is no `SIP/2.0/TRANSPORT host[:port][;params]`.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = trim(text);
        let rest = behind_version(text)?;
        let (transport, rest) = rest.split_at(rest.iter().position(|byte| is_space(*byte))?);
        let (host, rest) = split_host(trim_start(rest))?;
        // A port is short: a search that prepares itself would cost more.
        let (by, params) = match rest.iter().position(|byte| *byte == b';') {
            Some(at) if are_params(&rest[at + 1..]) => {
                (trim(&rest[..at]), trim_start(&rest[at + 1..]))
            }
            Some(_) => return None,
            None => (trim(rest), &b""[..]),
        };
        let port = match by {
            [] => None,
            [b':', digits @ ..] => Some(port(trim(digits))?),
            _ => return None,
        };
        is_token(transport).then_some(Self { text, transport, host, port, params })
    }

    /// The first of the values of a field, and what is known of it.
    pub fn first(values: &'a [u8]) -> Option<(Self, Known<'a>)> {
        if let Some(usual) = usual(values) {
            return Some(usual);
        }
        let via = Self::parse(items(values).next()?)?;
        Some((via, via.known()))
    }

    /// The value of a parameter, any case; `Some(b"")` for one without value. Quotes around the
    /// value are removed.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        params::find(self.params, name)
    }

    /// What a server reads and changes of the parameters.
    pub fn known(&self) -> Known<'a> {
        let mut known = Known::default();
        for piece in params::pieces(self.params, b';') {
            let param = Param::of(piece);
            let place = match (param.name.len(), param.name.first().map_or(0, |first| first | 0x20))
            {
                (6, b'b') if param.name.eq_ignore_ascii_case(b"branch") => {
                    known.branch.get_or_insert(param.value.unwrap_or_default());
                    continue;
                }
                (8, b'r') if param.name.eq_ignore_ascii_case(b"received") => &mut known.received,
                (5, b'r') if param.name.eq_ignore_ascii_case(b"rport") => &mut known.rport,
                _ => continue,
            };
            place.get_or_insert(piece);
        }
        known
    }

    /// The host and port that a reply to this hop goes to: `maddr`, else `received`, else the
    /// sent-by host; the `rport` value, else the port, else the transport's default
    /// (RFC 3261 18.2.2, RFC 3581 4, spec 11).
    pub fn reply_to(&self) -> (&'a [u8], u16) {
        let given = |name| self.param(name).filter(|value| !value.is_empty());
        let host = given("maddr").or_else(|| given("received")).unwrap_or(self.host);
        let rport = given("rport").and_then(number).and_then(|port| u16::try_from(port).ok());
        (host, rport.or(self.port).unwrap_or_else(|| default_port(self.transport)))
    }
}

/// The parameters of a Via that a server reads and changes; see [`Via::known`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Known<'a> {
    /// The value of `branch`.
    pub branch: Option<&'a [u8]>,
    /// `received` with its value, as written.
    pub received: Option<&'a [u8]>,
    /// `rport` with its value, if it has one, as written.
    pub rport: Option<&'a [u8]>,
}

/// A single value as nearly all are: over UDP, without blanks and quotes, names in small letters.
/// `None` for any other; what it reads, [`Via::parse`] and [`Via::known`] read alike.
fn usual(text: &[u8]) -> Option<(Via<'_>, Known<'_>)> {
    let by = text.strip_prefix(b"SIP/2.0/UDP ")?;
    let (host, behind) = split_host(by)?;
    let (port, params) = match behind {
        [b':', behind @ ..] => {
            let (port, params) = usual_port(behind)?;
            (Some(port), params)
        }
        [b';', params @ ..] => (None, params),
        _ => return None,
    };
    let known = usual_params(params)?;
    Some((Via { text, transport: text.get(8..11)?, host, port, params }, known))
}

/// A port of at most five digits and what follows its `;`.
#[inline]
fn usual_port(text: &[u8]) -> Option<(u16, &[u8])> {
    let (port, digits @ ..=5) = leading_number(text)? else { return None };
    let params = text.get(digits..)?.strip_prefix(b";")?;
    Some((u16::try_from(port).ok()?, params))
}

fn usual_params(mut rest: &[u8]) -> Option<Known<'_>> {
    let mut known = Known::default();
    loop {
        if rest == b"rport" && known.rport.is_none() {
            known.rport = Some(rest);
            return Some(known);
        }
        let (piece, behind) = rest.split_at(plain_len(rest));
        match (piece.strip_prefix(b"branch="), piece) {
            (Some(value), _) if known.branch.is_none() => known.branch = Some(value),
            (None, b"rport") if known.rport.is_none() => known.rport = Some(piece),
            (_, [] | [b'=' | b'B' | b'b' | b'R' | b'r', ..]) => return None,
            _ => {}
        }
        rest = match behind {
            [b';', behind @ ..] => behind,
            [] => return Some(known),
            _ => return None,
        };
    }
}

/// Whether a list of parameters, without its first `;`, holds nothing else.
fn are_params(mut list: &[u8]) -> bool {
    loop {
        let end = piece_end(list, b';');
        if !is_param(&list[..end]) {
            return false;
        }
        match list.get(end + 1..) {
            Some(behind) => list = behind,
            None => return true,
        }
    }
}

/// `name` or `name=value`; a value in quotes may hold anything, nothing else a blank.
fn is_param(piece: &[u8]) -> bool {
    let plain = |text: &[u8]| !text.iter().any(|byte| matches!(byte, 0..=b' ' | b'"' | b'<'));
    let (name, value) = split_once(piece, b'=').unwrap_or((piece, b""));
    let (name, value) = (trim(name), trim(value));
    let good_value = match value {
        [b'"', ..] => closed_end(value) == Some(value.len()),
        _ => plain(value),
    };
    !name.is_empty() && plain(name) && good_value
}

/// How many bytes stand before the first that ends a parameter or makes it an unusual one.
fn plain_len(text: &[u8]) -> usize {
    let (parts, tail) = text.as_chunks::<16>();
    for (n, part) in parts.iter().enumerate() {
        let marks =
            b";,\"<".iter().fold(blanks_in_16(part), |all, mark| all | equal_in_16(part, *mark));
        if marks != 0 {
            return n * 16 + marks.trailing_zeros() as usize;
        }
    }
    let mark = |byte: &u8| matches!(byte, 0..=b' ' | b';' | b',' | b'"' | b'<');
    text.len() - tail.len() + tail.iter().position(mark).unwrap_or(tail.len())
}

/// What follows `SIP/2.0/`; blanks may stand around each `/`.
fn behind_version(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"SIP/2.0/") {
        return Some(trim_start(rest));
    }
    let (name, rest) = split_once(text, b'/')?;
    let (version, rest) = split_once(rest, b'/')?;
    let ours = trim(name).eq_ignore_ascii_case(b"SIP") && trim(version) == b"2.0";
    ours.then(|| trim_start(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_value() {
        let via = Via::parse(b"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;rport").unwrap();
        assert_eq!(via.transport, b"UDP");
        assert_eq!((via.host, via.port), (&b"192.0.2.1"[..], Some(5070)));
        assert_eq!(via.param("branch"), Some(&b"z9hG4bK1"[..]));
        assert_eq!(via.param("rport"), Some(&b""[..]));
        assert_eq!(via.param("received"), None);
    }

    #[test]
    fn blanks_folds_and_ipv6() {
        let via = Via::parse(b" SIP / 2.0\r\n / TCP \t [2001:db8::9] : 5060 ; x=\"a;b\" ;rport ");
        let via = via.unwrap();
        assert_eq!(via.transport, b"TCP");
        assert_eq!((via.host, via.port), (&b"[2001:db8::9]"[..], Some(5060)));
        assert_eq!(via.params, b"x=\"a;b\" ;rport");
        assert_eq!(via.param("x"), Some(&b"a;b"[..]));
        assert_eq!(via.param("RPORT"), Some(&b""[..]));
    }

    #[test]
    fn usual_ones_are_read_as_all_others_are() {
        let mut usual_ones = 0;
        for text in [
            "h;branch=z9hG4bK1",
            "192.0.2.101:5060;branch=z9hG4bK74bf9a21c0d8e3;rport",
            "[2001:db8::9]:5060;rport;branch=x=y;alias",
            "h:5060;maddr=1.2.3.4;ttl=1",
            "h;rport=9;branch=1",
            "h;RPORT;Branch=2;branch=3",
            "h;received=1.2.3.4;branch=1",
            "h;branch=1;branch=2;rport;rport",
            "h;branch=;;x",
            "h;branch=\"q\";rport",
            "h;branch=1 ;rport",
            "h;branch=1, SIP/2.0/UDP z",
            "h;branch=z9hG4bK74bf9a21c0d8e3-and-more, SIP/2.0/UDP z",
            "h;branch=z9hG4bK74bf9a21c0d8e3\t;rport",
            "h ;branch=1",
            "h:99999;branch=1",
            "h:005060;branch=1",
            "h:506x;branch=1",
            "h:;branch=1",
            "h",
            "h;",
            "h;branch=1;",
            "h;=1",
        ] {
            let text = format!("SIP/2.0/UDP {text}");
            let plain = items(text.as_bytes()).next().and_then(Via::parse);
            assert_eq!(Via::first(text.as_bytes()), plain.map(|via| (via, via.known())), "{text}");
            usual_ones += usize::from(usual(text.as_bytes()).is_some());
        }
        assert_eq!(usual_ones, 4);
    }

    #[test]
    fn no_vias() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0 host",
            "SIP/1.0/UDP h",
            "HTTP/2.0/UDP h",
            "SIP/2.0/UDP h:",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/UDP h x",
            "SIP/2.0/UDP ;branch=1",
            "SIP/2.0/U\"P h",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP h;",
            "SIP/2.0/UDP h;branch=1;",
            "SIP/2.0/UDP h;;branch=1",
            "SIP/2.0/UDP h; ;branch=1",
            "SIP/2.0/UDP h;=1",
            "SIP/2.0/UDP h;branch=1 2",
            "SIP/2.0/UDP h;br anch=1",
            "SIP/2.0/UDP h;a=\"1",
            "SIP/2.0/UDP h;a=\"1\"2\"",
            "SIP/2.0/UDP h;a=<1>",
        ] {
            assert_eq!(Via::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn replies_go_to() {
        for (text, host, port) in [
            ("SIP/2.0/UDP h", "h", 5060),
            ("SIP/2.0/TLS h", "h", 5061),
            ("SIP/2.0/UDP h:7", "h", 7),
            ("SIP/2.0/UDP h:7;rport", "h", 7),
            ("SIP/2.0/UDP h:7;rport=9;received=1.2.3.4", "1.2.3.4", 9),
            ("SIP/2.0/UDP h:7;received=1.2.3.4", "1.2.3.4", 7),
            ("SIP/2.0/UDP h;maddr=m;received=1.2.3.4", "m", 5060),
            ("SIP/2.0/UDP h:7;rport=99999", "h", 7),
        ] {
            let via = Via::parse(text.as_bytes()).unwrap();
            assert_eq!(via.reply_to(), (host.as_bytes(), port), "{text}");
        }
    }
}
