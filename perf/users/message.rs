//! REGISTER requests and what is read of the replies to them.
//!
//! Writes without formatting, from texts and numbers. Reads only what it needs, and only messages
//! of this load: it is no SIP parser. Digests are RFC 7616's with MD5 and `qop=auth`.

use std::net::Ipv4Addr;

use anyhow::Result;
use md5::{Digest, Md5};

use super::{PASSWORD, REALM};
use crate::page::Page;
use crate::template::{DIGITS, digits_of, number_at};

/// Bytes of a REGISTER without credentials, and with them.
pub const BYTES: (usize, usize) = (520, 800);
/// Addresses are 127.100.x.y with x and y of three digits each, so that messages have one length.
const OCTETS: (u64, u64) = (100, 150);
/// The longest nonce that is answered.
const NONCE_BYTES: usize = 96;

/// What a REGISTER says of its user.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The user's number.
    pub user: u64,
    /// The address that it is sent from.
    pub from: Ipv4Addr,
    /// The CSeq number.
    pub cseq: u64,
    /// The port of the contact, on the user's own address or, for a callee, on 127.0.0.1.
    pub port: u16,
    /// Whether the contact is a callee's.
    pub is_callee: bool,
}

/// A message that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Whose.
    pub user: u64,
    /// Its CSeq number.
    pub cseq: u64,
}

/// What arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind<'a> {
    /// A 200, or a REGISTER with credentials that was passed on.
    Accepted,
    /// A 401 with this nonce, or a REGISTER without credentials that was passed on.
    Asked(&'a [u8]),
    /// Any other reply.
    Refused,
}

/// The address of a user.
pub fn address(user: u64) -> Ipv4Addr {
    let octet = |number: u64| (OCTETS.0 + number % OCTETS.1) as u8;
    Ipv4Addr::new(127, 100, octet(user / OCTETS.1), octet(user))
}

/// Writes REGISTER requests of users who send from one port.
pub struct Texts {
    /// `127.100.xxx.xxx` of each user is made of this.
    source_port: [u8; 5],
    /// Hash of user, realm and password of each user, in digits.
    secrets: Vec<[u8; 32]>,
    /// Hash of method and URI.
    about: [u8; 32],
}

impl Texts {
    /// Texts of so many users who send from this port.
    pub fn new(users: u64, source_port: u16) -> Self {
        Self {
            source_port: port(source_port),
            secrets: (0..users).map(secret).collect(),
            about: hash(&[b"REGISTER:sip:", REALM.as_bytes()]),
        }
    }

    /// Writes a REGISTER, with credentials for a nonce if one is given, and says how long it is.
    ///
    /// # Errors
    /// When a nonce is too long.
    pub fn write(&self, wish: Wish, nonce: Option<&[u8]>, to: &mut [u8]) -> Result<usize> {
        let (user, cseq) = (digits_of(wish.user), digits_of(wish.cseq));
        // No leading zeros: a CSeq number has ten digits here.
        let cseq = &cseq[2..];
        let (from, own) = (host(wish.from), host(address(wish.user)));
        let mut page = Page::new(to);
        let mut put = |texts: &[&[u8]]| texts.iter().for_each(|text| page.text(text));
        put(&[b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP ", &from, b":"]);
        put(&[&self.source_port, b";branch=z9hG4bK-", &user, b"-", cseq, b";rport\r\n"]);
        put(&[b"Max-Forwards: 70\r\nFrom: <sip:", &user, b"@example.com>;tag=", &user]);
        put(&[b"\r\nTo: <sip:", &user, b"@example.com>\r\nCall-ID: ", &user]);
        put(&[b"@127.100.example.invalid\r\nCSeq: ", cseq, b" REGISTER\r\nContact: <sip:"]);
        let contact = if wish.is_callee { &b"127.0.0.1"[..] } else { &own };
        put(&[&user, b"@", contact, b":", &port(wish.port), b">\r\nExpires: 3600\r\n"]);
        put(&[b"User-Agent: perf 1.0 by nobody.\r\n"]);
        let bytes = match nonce {
            Some(nonce) => {
                let nonce = &nonce[..nonce.len().min(NONCE_BYTES)];
                let response = self.response(wish.user, nonce);
                put(&[b"Authorization: Digest username=\"", &user, b"\", realm=\"example.com\""]);
                put(&[b", nonce=\"", nonce, b"\", uri=\"sip:example.com\", response=\""]);
                put(&[&response, b"\", algorithm=MD5, cnonce=\"", CNONCE, b"\", qop=auth, nc="]);
                put(&[COUNT, b"\r\n"]);
                BYTES.1
            }
            None => BYTES.0,
        };
        page.finish(b"Content-Length: 0\r\n\r\n", bytes)?;
        Ok(bytes)
    }

    /// RFC 7616 3.4.1.
    fn response(&self, user: u64, nonce: &[u8]) -> [u8; 32] {
        let secret = self.secrets.get(user as usize).copied().unwrap_or([b'0'; 32]);
        hash(&[&secret, b":", nonce, b":", COUNT, b":", CNONCE, b":auth:", &self.about])
    }
}

const CNONCE: &[u8] = b"0a4f113b";
const COUNT: &[u8] = b"00000001";

/// The hash of user, realm and password, in digits.
pub fn secret(user: u64) -> [u8; 32] {
    hash(&[&digits_of(user), b":", REALM.as_bytes(), b":", PASSWORD.as_bytes()])
}

fn hash(texts: &[&[u8]]) -> [u8; 32] {
    const DIGIT: &[u8; 16] = b"0123456789abcdef";
    let mut md5 = Md5::new();
    texts.iter().for_each(|text| md5.update(text));
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(md5.finalize()) {
        pair.copy_from_slice(&[DIGIT[usize::from(byte >> 4)], DIGIT[usize::from(byte & 15)]]);
    }
    digits
}

/// An address of four octets of three digits.
fn host(address: Ipv4Addr) -> [u8; 15] {
    let mut text = *b"000.000.000.000";
    for (place, octet) in text.chunks_mut(4).zip(address.octets()) {
        place[..3].copy_from_slice(&digits_of(octet.into())[DIGITS - 3..]);
    }
    text
}

/// A port of five digits.
fn port(port: u16) -> [u8; 5] {
    let mut digits = [0; 5];
    digits.copy_from_slice(&digits_of(port.into())[DIGITS - 5..]);
    digits
}

/// Reads a message; `None` for what does not belong to this load.
pub fn read(message: &[u8]) -> Option<Seen<'_>> {
    const NO_NONCE: &[u8] = b"0123456789012345678901234567890123456789";
    let mut seen = Seen { kind: Kind::Refused, user: u64::MAX, cseq: 0 };
    let mut nonce = NO_NONCE;
    let mut has_credentials = false;
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', message) {
        let line = &message[begin..=end];
        match line {
            b"\r\n" => break,
            [b'C', b'a', ..] => seen.user = number_at(line, "Call-ID: ".len())?,
            [b'C', b'S', ..] => seen.cseq = cseq(line),
            [b'W', b'W', ..] => nonce = nonce_of(line).unwrap_or(NO_NONCE),
            [b'A', b'u', ..] => has_credentials = true,
            _ => {}
        }
        begin = end + 1;
    }
    seen.kind = match message.get(..11)? {
        b"SIP/2.0 200" => Kind::Accepted,
        b"SIP/2.0 401" => Kind::Asked(nonce),
        b"REGISTER si" if has_credentials => Kind::Accepted,
        b"REGISTER si" => Kind::Asked(nonce),
        _ => Kind::Refused,
    };
    (seen.user != u64::MAX).then_some(seen)
}

fn cseq(line: &[u8]) -> u64 {
    let digits = line.iter().skip("CSeq: ".len()).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'))
}

fn nonce_of(line: &[u8]) -> Option<&[u8]> {
    let begin = memchr::memmem::find(line, b"nonce=\"")? + "nonce=\"".len();
    let length = memchr::memchr(b'"', line.get(begin..)?)?;
    line.get(begin..begin + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Ipv4Addr = Ipv4Addr::new(127, 100, 100, 107);
    const WISH: Wish =
        Wish { user: 1_042, from: FROM, cseq: 1_000_000_007, port: 45_071, is_callee: false };

    fn written(wish: Wish, nonce: Option<&[u8]>) -> String {
        let mut bytes = vec![0; 2_048];
        let length = Texts::new(2_000, 45_678).write(wish, nonce, &mut bytes).expect("room");
        String::from_utf8(bytes[..length].to_vec()).expect("text")
    }

    #[test]
    fn a_register_has_its_size_and_is_known_again() {
        let text = written(WISH, None);
        assert_eq!(text.len(), BYTES.0);
        assert!(
            text.contains("\r\nContact: <sip:000000001042@127.100.106.242:45071>\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\nVia: SIP/2.0/UDP 127.100.100.107:45678;branch="), "{text}");
        let seen = read(text.as_bytes()).expect("ours");
        assert!(matches!(seen.kind, Kind::Asked(_)));
        assert_eq!((seen.user, seen.cseq), (1_042, 1_000_000_007));
        let callee = written(Wish { is_callee: true, ..WISH }, None);
        assert!(callee.contains("\r\nContact: <sip:000000001042@127.0.0.1:45071>\r\n"), "{callee}");
        let long = [b'n'; 300];
        let text = written(WISH, Some(&long));
        assert_eq!(
            (text.len(), read(text.as_bytes()).expect("ours").kind),
            (BYTES.1, Kind::Accepted)
        );
    }

    #[test]
    fn credentials_are_those_of_the_nonce() {
        let text = written(WISH, Some(b"abc"));
        let about = hash(&[b"REGISTER:sip:example.com"]);
        let whole =
            [&hash(&[b"000000001042:example.com:secret"])[..], b":abc:00000001:0a4f113b:auth:"];
        let response = hash(&[&whole.concat(), &about]);
        let response = std::str::from_utf8(&response).expect("digits");
        assert!(text.contains(&format!("response=\"{response}\"")), "{text}");
        assert_eq!(hash(&[b"abc"]), *b"900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn replies_are_told_apart() {
        let reply = |first: &str, more: &str| {
            format!("SIP/2.0 {first}\r\nCall-ID: 000000000007@x\r\nCSeq: 12 REGISTER\r\n{more}\r\n")
        };
        let kind = |text: &str| read(text.as_bytes()).map(|seen| format!("{:?}", seen.kind));
        assert_eq!(kind(&reply("200 OK", "")).as_deref(), Some("Accepted"));
        assert_eq!(kind(&reply("503 Full", "")).as_deref(), Some("Refused"));
        let asks = reply(
            "401 Who",
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n",
        );
        let seen = read(asks.as_bytes()).expect("ours");
        assert_eq!((seen.kind, seen.user, seen.cseq), (Kind::Asked(b"n1"), 7, 12));
        assert_eq!(kind("OPTIONS sip:a SIP/2.0\r\n\r\n"), None);
    }

    #[test]
    fn neighbours_have_different_addresses() {
        assert_eq!(address(0), Ipv4Addr::new(127, 100, 100, 100));
        assert_eq!(address(9_999), Ipv4Addr::new(127, 100, 166, 199));
        let all: std::collections::HashSet<_> = (0..10_000).map(address).collect();
        assert_eq!(all.len(), 10_000);
    }
}
