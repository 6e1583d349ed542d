//! What the owner of a call judges before its script runs: the topmost Via and CSeq, read naively.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Read, is_token, long_name, trim};
use sluice_sip::Reason;

/// Whether a message that was read may go to the script.
pub fn check(read: &Read) -> Result<(), Reason> {
    let value = |wanted: &str| {
        let mut fields = read.fields.iter();
        let (_, value) = fields.find(|(name, _)| long_name(name) == wanted).unwrap();
        value
    };
    if !top(value("via")).is_some_and(|via| is_via(&via)) {
        return Err(Reason::Via);
    }
    if !is_cseq(value("cseq"), read.method.as_deref()) {
        return Err(Reason::CSeq);
    }
    Ok(())
}

/// The first value of a list that is not empty.
fn top(value: &[u8]) -> Option<Vec<u8>> {
    let items = split(value, b',', true);
    items.into_iter().map(|item| trim(&item).to_vec()).find(|item| !item.is_empty())
}

/// The pieces between separators outside of quotes and, where asked, of angle brackets. What is
/// opened and not closed reaches to the end.
fn split(text: &[u8], separator: u8, brackets: bool) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let mut closing = None;
    let mut escaped = false;
    for byte in text {
        match closing {
            None if *byte == separator => {
                pieces.push(Vec::new());
                continue;
            }
            None if *byte == b'"' => closing = Some(b'"'),
            None if brackets && *byte == b'<' => closing = Some(b'>'),
            Some(b'"') if escaped => escaped = false,
            Some(b'"') if *byte == b'\\' => escaped = true,
            Some(end) if end == *byte => closing = None,
            _ => {}
        }
        pieces.last_mut().unwrap().push(*byte);
    }
    pieces
}

/// `SIP/2.0/TRANSPORT host[:port]` and parameters.
fn is_via(via: &[u8]) -> bool {
    let pieces = split(via, b';', false);
    let mut parts = pieces[0].splitn(3, |byte| *byte == b'/');
    let name = parts.next().map(trim).unwrap_or_default();
    let version = parts.next().map(trim).unwrap_or_default();
    let rest = parts.next().map(trim).unwrap_or_default();
    let Some(blank) = rest.iter().position(|byte| b" \t\r\n".contains(byte)) else { return false };
    let (transport, sent_by) = (&rest[..blank], trim(&rest[blank..]));
    name.eq_ignore_ascii_case(b"SIP")
        && version == b"2.0"
        && is_token(transport)
        && is_sent_by(sent_by)
        && pieces[1..].iter().all(|piece| is_param(piece))
}

fn is_sent_by(text: &[u8]) -> bool {
    let host_end = if text.starts_with(b"[") {
        let Some(close) = text.iter().position(|byte| *byte == b']') else { return false };
        if !is_ipv6(&text[1..close]) {
            return false;
        }
        close + 1
    } else {
        let host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte) || *byte > 127;
        text.iter().position(|byte| !host(byte)).unwrap_or(text.len())
    };
    let port = trim(&text[host_end..]);
    host_end > 0 && (port.is_empty() || port.starts_with(b":") && is_port(trim(&port[1..])))
}

fn is_port(text: &[u8]) -> bool {
    digits(text).is_some_and(|number| number <= 65_535)
}

fn is_ipv6(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mended = text.split_once(":::").filter(|(_, tail)| tail.parse::<Ipv4Addr>().is_ok());
    let mended = mended.map(|(head, tail)| format!("{head}::{tail}"));
    text.parse::<Ipv6Addr>().is_ok() || mended.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_param(piece: &[u8]) -> bool {
    let mut parts = piece.splitn(2, |byte| *byte == b'=');
    let name = trim(parts.next().unwrap());
    let value = trim(parts.next().unwrap_or_default());
    let plain = |text: &[u8]| text.iter().all(|byte| *byte > b' ' && !b"\"<".contains(byte));
    let quoted = value.len() > 1
        && value.starts_with(b"\"")
        && value.ends_with(b"\"")
        && closes_at_the_end(value);
    !name.is_empty() && plain(name) && (plain(value) || quoted)
}

/// Whether the quoted string that `text` begins with is closed by its last byte.
fn closes_at_the_end(text: &[u8]) -> bool {
    let mut escaped = false;
    for byte in &text[1..text.len() - 1] {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

/// Digits, blanks, and the method of the request; any method on a reply.
fn is_cseq(value: &[u8], method: Option<&[u8]>) -> bool {
    let blank = value.iter().position(|byte| b" \t\r\n".contains(byte));
    let (number, of) = value.split_at(blank.unwrap_or(value.len()));
    let of = trim(of);
    digits(number).is_some() && method.map_or(is_token(of), |method| method == of)
}

/// A number of digits only, of at most 32 bits.
fn digits(text: &[u8]) -> Option<u32> {
    let all = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    all.then(|| std::str::from_utf8(text).unwrap().parse().ok())?
}
