//! Sockets and names of ours as scripts write them (spec 1.3):
//! `[proto:]host[:port] [as host[:port]] [use_workers N] [tag NAME] ...`.
//!
//! Takes text; gives its parts, or what is wrong and where in the text. Resolves nothing and does
//! not know which transports are there.

use std::net::Ipv6Addr;

/// A socket's parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketText<'a> {
    /// Where it listens.
    pub endpoint: Endpoint<'a>,
    /// What stands behind `as`.
    pub advertised: Option<(&'a str, Option<u16>)>,
    /// What stands behind `tag`.
    pub tag: Option<&'a str>,
    /// `anycast`: other machines have the address, too.
    pub anycast: bool,
    /// `accept_subdomain`: names below its host are ours, too.
    pub subdomains: bool,
}

/// Words of a socket that change nothing here, and why.
const IGNORED: &[(&str, &str)] = &[
    ("use_workers", "each socket is served by all workers"),
    ("use_children", "each socket is served by all workers"),
    ("use_auto_scaling_profile", "each socket is served by all workers"),
    ("tos", "packets keep the system's type of service"),
    ("frag", "fragmentation is the system's choice"),
    ("reuse_port", "every socket has it"),
];

/// The words of a socket that change nothing, with the reason.
pub fn ignored(text: &str) -> impl Iterator<Item = (&str, &'static str)> {
    let known = |word| IGNORED.iter().find(|(name, _)| *name == word).map(|(_, why)| *why);
    text.split_ascii_whitespace().skip(1).filter_map(move |word| Some((word, known(word)?)))
}

/// `[proto:]host[:port]`; a host may be `*`, an interface, a name or an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint<'a> {
    /// The transport as written.
    pub proto: Option<&'a str>,
    /// The host, an IPv6 address perhaps in brackets.
    pub host: &'a str,
    /// The port.
    pub port: Option<u16>,
}

/// What is wrong with a text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub struct Misfit<'a> {
    /// The diagnostic's code.
    pub code: &'static str,
    /// The part that is wrong.
    pub part: &'a str,
    /// What is wrong with it.
    pub why: String,
}

impl<'a> Misfit<'a> {
    fn new(code: &'static str, part: &'a str, why: String) -> Self {
        Self { code, part, why }
    }

    /// Where the part begins in the text that was read, bytes.
    pub fn offset_in(&self, text: &str) -> usize {
        (self.part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
    }
}

/// Reads a socket.
///
/// # Errors
/// No host, an impossible port, a word that no socket has, a word without its value.
pub fn socket(text: &str) -> Result<SocketText<'_>, Misfit<'_>> {
    let mut words = text.split_ascii_whitespace();
    let endpoint = endpoint(words.next().unwrap_or_default())?;
    let (mut advertised, mut tag, mut anycast, mut subdomains) = (None, None, false, false);
    while let Some(word) = words.next() {
        let mut value = || {
            let why = format!("`{word}` needs a value");
            words.next().ok_or_else(|| Misfit::new("bad-socket", word, why))
        };
        match word {
            "as" => advertised = Some(host_port(value()?)?),
            "tag" => tag = Some(value()?),
            "use_workers" | "use_children" | "use_auto_scaling_profile" | "tos" => {
                value()?;
            }
            "frag" | "reuse_port" => {}
            "anycast" => anycast = true,
            SUBDOMAINS => subdomains = true,
            "allow_proxy_protocol" | "send_proxy_protocol" | "proxy_protocol" => {
                let why = format!("`{word}` comes with a later release");
                return Err(Misfit::new("later", word, why));
            }
            other => {
                let why = format!("unknown word `{other}`");
                return Err(Misfit::new("bad-socket", other, why));
            }
        }
    }
    Ok(SocketText { endpoint, advertised, tag, anycast, subdomains })
}

/// The word behind a host, of a socket or an alias, that makes names below it ours.
pub const SUBDOMAINS: &str = "accept_subdomain";

/// Reads `[proto:]host[:port]`.
///
/// # Errors
/// No host, or an impossible port.
pub fn endpoint(text: &str) -> Result<Endpoint<'_>, Misfit<'_>> {
    let (proto, rest) = match text.split_once(':') {
        Some((word, rest)) if is_proto(word, rest, text) => (Some(word), rest),
        _ => (None, text),
    };
    let (host, port) = host_port(rest)?;
    Ok(Endpoint { proto, host, port })
}

/// A port that a socket can have.
pub fn port(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port > 0)
}

/// What is said of any other.
pub(crate) fn impossible(port: impl std::fmt::Display) -> String {
    format!("impossible port `{port}` (1 to 65535)")
}

/// Whether a word before a colon is a transport: in `udp:*` and `tcp:[::1]:5060`, but not in
/// `eth0:5060`, `example.org:x` or `fe80::1`.
fn is_proto(word: &str, rest: &str, text: &str) -> bool {
    let name = word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let port = rest.bytes().all(|b| b.is_ascii_digit());
    name && !port && text.parse::<Ipv6Addr>().is_err()
}

/// `host[:port]`, where an IPv6 address may stand without brackets if no port follows.
fn host_port(text: &str) -> Result<(&str, Option<u16>), Misfit<'_>> {
    if text.is_empty() {
        return Err(Misfit::new("bad-socket", text, "no host".into()));
    }
    let bare_v6 = text.parse::<Ipv6Addr>().is_ok();
    let end_of_v6 = if text.starts_with('[') { text.find(']') } else { None };
    let split = match end_of_v6 {
        Some(end) => text[end..].find(':').map(|at| at + end),
        None if bare_v6 => None,
        None => text.rfind(':'),
    };
    let Some(at) = split else { return Ok((text, None)) };
    let digits = &text[at + 1..];
    match port(digits.parse().unwrap_or(0)) {
        Some(port) => Ok((&text[..at], Some(port))),
        None => Err(Misfit::new("bad-port", digits, impossible(digits))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, &str, Option<u16>) {
        let Endpoint { proto, host, port } = endpoint(text).unwrap();
        (proto, host, port)
    }

    #[test]
    fn parts_of_an_endpoint() {
        assert_eq!(parts("udp:10.0.0.1:5060"), (Some("udp"), "10.0.0.1", Some(5060)));
        assert_eq!(parts("tcp:*"), (Some("tcp"), "*", None));
        assert_eq!(parts("eth0:5060"), (None, "eth0", Some(5060)));
        assert_eq!(parts("udp:[::1]:5060"), (Some("udp"), "[::1]", Some(5060)));
        assert_eq!(parts("::1"), (None, "::1", None));
        assert_eq!(parts("abcd:1234::1"), (None, "abcd:1234::1", None));
    }

    #[test]
    fn what_is_wrong_is_marked() {
        let wrong = |text: &'static str| {
            let misfit = socket(text).unwrap_err();
            (misfit.code, misfit.offset_in(text), misfit.part)
        };
        assert_eq!(wrong("udp:10.0.0.1:99999"), ("bad-port", 13, "99999"));
        assert_eq!(wrong("example.org:x"), ("bad-port", 12, "x"));
        assert_eq!(wrong("udp:*:0 as a:b"), ("bad-port", 6, "0"));
        assert_eq!(wrong("udp:*:1 as a:b"), ("bad-port", 13, "b"));
        assert_eq!(wrong("* tag"), ("bad-socket", 2, "tag"));
        assert_eq!(wrong("* loud"), ("bad-socket", 2, "loud"));
        assert_eq!(wrong(""), ("bad-socket", 0, ""));
        assert_eq!(wrong("* proxy_protocol"), ("later", 2, "proxy_protocol"));
    }

    #[test]
    fn words_behind_the_host() {
        let text = "udp:a use_workers 3 anycast frag as b:1 accept_subdomain tag t";
        let read = socket(text).unwrap();
        assert!(read.anycast && read.subdomains && read.tag == Some("t"));
        let words: Vec<&str> = ignored(text).map(|(word, _)| word).collect();
        assert_eq!(words, ["use_workers", "frag"]);
    }
}
