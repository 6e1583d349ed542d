//! A quick look at a message: first line, Call-ID and CSeq, nothing else.
//!
//! The caller needs no more to count a reply, and an agent that only counts needs no more of a
//! request. The full index costs several times as much, and a generator that is the limit measures
//! itself. The price: a folded Call-ID or CSeq is not read; then the message counts as unreadable.
//! Whatever is *answered* goes through the index.

use sluice_sip::Method;

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// A request.
    Request(Method),
    /// A reply with its status, 100 to 699.
    Reply(u16),
}

/// What a quick look finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glance<'a> {
    /// Request or reply.
    pub first: First,
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The number of CSeq.
    pub cseq: u32,
    /// The method of CSeq.
    pub method: Method,
}

impl<'a> Glance<'a> {
    /// Looks at `bytes`; `None` when the first line, Call-ID or CSeq cannot be read.
    pub fn at(bytes: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', bytes)?;
        let first = first_line(&bytes[..end])?;
        let mut rest = &bytes[end + 1..];
        let (mut call_id, mut cseq) = (None, None);
        loop {
            let end = memchr::memchr(b'\n', rest)?;
            let line = rest[..end].trim_ascii_end();
            rest = &rest[end + 1..];
            match line.first()? {
                b'C' | b'c' | b'I' | b'i' => {
                    let colon = memchr::memchr(b':', line)?;
                    let (name, value) = (line[..colon].trim_ascii_end(), &line[colon + 1..]);
                    if name.eq_ignore_ascii_case(b"Call-ID") || name.eq_ignore_ascii_case(b"i") {
                        call_id = Some(value.trim_ascii());
                    } else if name.eq_ignore_ascii_case(b"CSeq") {
                        cseq = Some(read_cseq(value.trim_ascii())?);
                    }
                }
                _ => continue,
            }
            if let (Some(call_id), Some((cseq, method))) = (call_id, cseq) {
                return Some(Self { first, call_id, cseq, method });
            }
        }
    }
}

fn first_line(line: &[u8]) -> Option<First> {
    if let Some(rest) = line.strip_prefix(b"SIP/2.0 ") {
        let status = decimal(rest.get(..3)?)?;
        return (100..700).contains(&status).then_some(First::Reply(status as u16));
    }
    if !line.trim_ascii_end().ends_with(b" SIP/2.0") {
        return None;
    }
    let token = &line[..memchr::memchr(b' ', line)?];
    Some(First::Request(Method::of(token)))
}

fn read_cseq(value: &[u8]) -> Option<(u32, Method)> {
    let blank = value.iter().position(u8::is_ascii_whitespace)?;
    Some((decimal(&value[..blank])?, Method::of(value[blank..].trim_ascii_start())))
}

fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read() {
        let reply =
            b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a\r\ni : x@y \r\nCSeq:  7  INVITE\r\n";
        let seen = Glance::at(reply).expect("readable");
        assert_eq!(seen.first, First::Reply(180));
        assert_eq!((seen.call_id, seen.cseq, seen.method), (&b"x@y"[..], 7, Method::Invite));
    }

    #[test]
    fn a_request_is_read_with_the_headers_in_any_order() {
        let request = b"BYE sip:a SIP/2.0\nCSEQ: 9 BYE\nContact: <sip:b>\ncall-id: 1\n\n";
        let seen = Glance::at(request).expect("readable");
        assert_eq!(seen.first, First::Request(Method::Bye));
        assert_eq!((seen.call_id, seen.cseq), (&b"1"[..], 9));
    }

    #[test]
    fn what_is_no_sip_is_refused() {
        let headers = "Call-ID: a\r\nCSeq: 1 BYE\r\n\r\n";
        for first in ["", "\r\n", "SIP/2.0 99 x\r\n", "SIP/2.0 20\r\n", "GET / HTTP/1.1\r\n"] {
            assert_eq!(Glance::at(format!("{first}{headers}").as_bytes()), None, "{first:?}");
        }
        for headers in ["", "\r\n", "Call-ID: a\r\n\r\n", "CSeq: x BYE\r\nCall-ID: a\r\n\r\n"] {
            let text = format!("BYE sip:a SIP/2.0\r\n{headers}");
            assert_eq!(Glance::at(text.as_bytes()), None, "{headers:?}");
        }
        let big = b"SIP/2.0 200 OK\r\nCall-ID: a\r\nCSeq: 4294967296 BYE\r\n";
        assert_eq!(Glance::at(big), None);
    }
}
