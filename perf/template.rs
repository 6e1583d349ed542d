//! Messages of the load: text with places for a number, written without formatting.
//!
//! Equal numbers make equal messages, and all numbers make messages of one length, so that the
//! load can send them in trains. It knows nothing of what the messages mean.

use std::net::SocketAddrV4;

/// Digits of a number; the first three tell one shot from another.
pub const DIGITS: usize = 12;
/// Numbers of one shot, at most: a thousand million.
pub const SHOT: u64 = 1_000_000_000;
/// Bytes of an INVITE.
pub const INVITE_BYTES: usize = 900;
/// What stands for a number in the text of a template.
pub const NUMBER: &str = "000000000000";
/// The session description of caller and callee, without what makes it as long as it shall be.
pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// A text with places for its number.
pub struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// A template of a text in which [`NUMBER`] stands where the number shall be.
    pub fn new(text: &str) -> Self {
        let places = text.match_indices(NUMBER).map(|(at, _)| at).collect();
        Self { bytes: text.as_bytes().to_vec(), places }
    }

    /// An INVITE of [`INVITE_BYTES`] from a caller on `source_port` of this machine.
    pub fn invite(to: SocketAddrV4, source_port: u16) -> Self {
        let head = format!(
            "INVITE sip:{NUMBER}@example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{source_port};branch=z9hG4bK-{NUMBER};rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Caller\" <sip:caller@{to}>;tag={NUMBER}\r\n\
             To: <sip:{NUMBER}@example.com>\r\n\
             Call-ID: {NUMBER}@127.0.0.1\r\n\
             CSeq: 1 INVITE\r\n\
             Contact: <sip:caller@127.0.0.1:{source_port}>\r\n\
             User-Agent: perf\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\n\
             Content-Type: application/sdp\r\n"
        );
        // An attribute of the right length makes the message the size it shall have.
        let fixed = head.len() + "Content-Length: 000\r\n\r\n".len();
        let body = INVITE_BYTES.saturating_sub(fixed);
        let pad = body.saturating_sub(SDP.len() + "a=x-pad:\r\n".len());
        let pad = "x".repeat(pad);
        Self::new(&format!("{head}Content-Length: {body:03}\r\n\r\n{SDP}a=x-pad:{pad}\r\n"))
    }

    /// Its length, whatever the number.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Writes the text with `number` at the beginning of `to`, which must have room.
    pub fn write(&self, number: u64, to: &mut [u8]) {
        to[..self.bytes.len()].copy_from_slice(&self.bytes);
        let digits = digits_of(number);
        for place in &self.places {
            to[*place..*place + DIGITS].copy_from_slice(&digits);
        }
    }
}

/// A number as it stands in a message.
pub fn digits_of(number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// The number that begins at `at`.
pub fn number_at(message: &[u8], at: usize) -> Option<u64> {
    let digits = message.get(at..at + DIGITS)?;
    digits.iter().try_fold(0, |number: u64, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn an_invite_has_its_size_and_its_number_everywhere() {
        let template = Template::invite(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5080), 45_678);
        let mut bytes = vec![0; 2_048];
        template.write(7_000_000_123, &mut bytes);
        let text = std::str::from_utf8(&bytes[..template.length()]).expect("text");
        assert_eq!(template.length(), INVITE_BYTES);
        assert_eq!(text.matches("007000000123").count(), 5);
        assert_eq!(number_at(text.as_bytes(), "INVITE sip:".len()), Some(7_000_000_123));
        let (head, body) = text.split_once("\r\n\r\n").expect("a body");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
        assert_eq!(number_at(b"OPTIONS sip:bob@example.com", 12), None);
    }
}
