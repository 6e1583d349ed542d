//! The messages of a call: recognised when they arrive, and written from what they answer.
//!
//! Takes the header lines that a user agent has to copy (Via, Record-Route, Contact) from the
//! message at hand, all else from templates, and pads to the size of the kind. Reads only what it
//! needs, and only messages of this load: it is no SIP parser.

use std::net::SocketAddrV4;

use anyhow::{Context, Result};

use crate::page::Page;
use crate::template::{DIGITS, INVITE_BYTES, NUMBER, SDP, Template, digits_of, number_at};

/// Via lines kept of a message: ours and one of the subject.
const VIAS: usize = 4;
/// Record-Route lines kept of a message.
const ROUTES: usize = 4;

/// Where the user called stands in an INVITE.
const CALLED: usize = "INVITE sip:".len();

/// What a message is, in the order of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// INVITE.
    Invite,
    /// 100 to it.
    Trying,
    /// 180.
    Ringing,
    /// 200 to the INVITE.
    Answer,
    /// ACK.
    Ack,
    /// BYE.
    Bye,
    /// 200 to the BYE.
    Ended,
}

impl Kind {
    /// All kinds; a subject receives one of each a call.
    pub const ALL: [Self; 7] = [
        Self::Invite,
        Self::Trying,
        Self::Ringing,
        Self::Answer,
        Self::Ack,
        Self::Bye,
        Self::Ended,
    ];

    /// The size of every message of this kind that a subject receives, in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Invite | Self::Answer => INVITE_BYTES,
            Self::Ringing => 620,
            Self::Trying | Self::Ack | Self::Bye | Self::Ended => 550,
        }
    }
}

/// A message that arrived.
pub struct Seen<'a> {
    /// What it is; `None` for what has no place in a call that succeeds.
    pub kind: Option<Kind>,
    /// The number of its call.
    pub number: u64,
    vias: Lines<'a, VIAS>,
    routes: Lines<'a, ROUTES>,
    contact: &'a [u8],
}

/// Header lines with their ends; those that find no room are left out.
struct Lines<'a, const MOST: usize> {
    lines: [&'a [u8]; MOST],
    count: usize,
}

impl<'a, const MOST: usize> Lines<'a, MOST> {
    const NONE: Self = Self { lines: [&[]; MOST], count: 0 };

    fn push(&mut self, line: &'a [u8]) {
        if let Some(place) = self.lines.get_mut(self.count) {
            *place = line;
            self.count += 1;
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.lines[..self.count].iter().copied()
    }
}

/// Reads a message; `None` for what does not belong to a call of this load.
pub fn read(message: &[u8]) -> Option<Seen<'_>> {
    let mut seen =
        Seen { kind: None, number: u64::MAX, vias: Lines::NONE, routes: Lines::NONE, contact: &[] };
    let mut ends_dialog = false;
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', message) {
        let line = &message[begin..=end];
        match line {
            b"\r\n" => break,
            [b'V', b'i', b'a', b':', ..] => seen.vias.push(line),
            [b'R', b'e', b'c', ..] => seen.routes.push(line),
            [b'C', b'S', ..] => ends_dialog = line.ends_with(b"BYE\r\n"),
            [b'C', b'a', ..] => seen.number = number_at(line, "Call-ID: ".len())?,
            [b'C', b'o', b'n', b't', b'a', ..] => seen.contact = uri(line),
            _ => {}
        }
        begin = end + 1;
    }
    seen.kind = match message.get(..11)? {
        [b'I', ..] => Some(Kind::Invite),
        [b'A', ..] => Some(Kind::Ack),
        [b'B', ..] => Some(Kind::Bye),
        b"SIP/2.0 100" => Some(Kind::Trying),
        b"SIP/2.0 180" => Some(Kind::Ringing),
        b"SIP/2.0 200" if ends_dialog => Some(Kind::Ended),
        b"SIP/2.0 200" => Some(Kind::Answer),
        _ => None,
    };
    (seen.number != u64::MAX).then_some(seen)
}

/// The URI between the angle brackets of a line.
fn uri(line: &[u8]) -> &[u8] {
    let begin = memchr::memchr(b'<', line).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'>', line).unwrap_or(begin);
    line.get(begin..end).unwrap_or_default()
}

/// What caller and callees write.
pub struct Texts {
    invite: Template,
    trying: Reply,
    ringing: Vec<Reply>,
    answer: Vec<Reply>,
    ended: Reply,
    ack: Request,
    bye: Request,
}

/// A reply: its first line, the lines copied, and the rest.
struct Reply {
    first: &'static str,
    with_routes: bool,
    rest: Template,
    body: String,
}

/// A request of the caller within a dialog.
struct Request {
    method: &'static str,
    rest: Template,
}

impl Texts {
    /// The texts of a caller on `source_port` that calls through `to`, and of callees on the ports
    /// given.
    pub fn new(to: SocketAddrV4, source_port: u16, sink_ports: &[u16]) -> Self {
        let reply = |code, method: &str, callee: Option<u16>| Reply::new(to, code, method, callee);
        let each = |code| sink_ports.iter().map(move |port| reply(code, "1 INVITE", Some(*port)));
        Self {
            invite: Template::invite(to, source_port),
            trying: reply("SIP/2.0 100 Trying\r\n", "1 INVITE", None),
            ringing: each("SIP/2.0 180 Ringing\r\n").collect(),
            answer: each("SIP/2.0 200 OK\r\n").collect(),
            ended: reply("SIP/2.0 200 OK\r\n", "2 BYE", None),
            ack: Request::new(to, source_port, "ACK", 1),
            bye: Request::new(to, source_port, "BYE", 2),
        }
    }

    /// Writes the INVITE of a call to the user of this number.
    pub fn invite(&self, number: u64, user: u64, to: &mut [u8]) {
        self.invite.write(number, to);
        to[CALLED..CALLED + DIGITS].copy_from_slice(&digits_of(user));
    }

    /// Writes what follows upon `seen`, said by the callee `sink` where a callee says it.
    ///
    /// # Errors
    /// When it is longer than messages of its kind shall be, or no callee of that number is there.
    pub fn write(&self, kind: Kind, seen: &Seen<'_>, sink: usize, to: &mut [u8]) -> Result<()> {
        let mut page = Page::new(to);
        match kind {
            Kind::Invite => page.template(&self.invite, seen.number),
            Kind::Trying => self.trying.write(seen, &mut page, kind)?,
            Kind::Ringing => of(&self.ringing, sink)?.write(seen, &mut page, kind)?,
            Kind::Answer => of(&self.answer, sink)?.write(seen, &mut page, kind)?,
            Kind::Ended => self.ended.write(seen, &mut page, kind)?,
            Kind::Ack => self.ack.write(seen, &mut page, kind)?,
            Kind::Bye => self.bye.write(seen, &mut page, kind)?,
        }
        Ok(())
    }
}

/// The reply of a callee.
fn of(replies: &[Reply], sink: usize) -> Result<&Reply> {
    replies.get(sink).context("an INVITE came back to the caller")
}

impl Reply {
    /// A reply that makes a dialog when the callee's port is given, with a body when it is a 200.
    fn new(to: SocketAddrV4, first: &'static str, cseq: &str, callee: Option<u16>) -> Self {
        let tag = if first.contains(" 100 ") { String::new() } else { format!(";tag=u{NUMBER}") };
        let contact = callee
            .map_or(String::new(), |port| format!("Contact: <sip:{NUMBER}@127.0.0.1:{port}>\r\n"));
        let has_body = callee.is_some() && first.contains(" 200 ");
        let kind = if has_body { "Content-Type: application/sdp\r\n" } else { "" };
        let rest = format!(
            "From: \"Caller\" <sip:caller@{to}>;tag={NUMBER}\r\n\
             To: <sip:{NUMBER}@example.com>{tag}\r\n\
             Call-ID: {NUMBER}@127.0.0.1\r\n\
             CSeq: {cseq}\r\n\
             {contact}User-Agent: perf\r\n{kind}"
        );
        let body = if has_body { SDP } else { "" };
        let body = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        Self { first, with_routes: callee.is_some(), rest: Template::new(&rest), body }
    }

    fn write(&self, seen: &Seen<'_>, page: &mut Page<'_>, kind: Kind) -> Result<()> {
        page.text(self.first.as_bytes());
        seen.vias.iter().for_each(|line| page.text(line));
        if self.with_routes {
            seen.routes.iter().for_each(|line| page.text(line));
        }
        page.template(&self.rest, seen.number);
        page.finish(self.body.as_bytes(), kind.bytes())
    }
}

impl Request {
    fn new(to: SocketAddrV4, source_port: u16, method: &'static str, cseq: u32) -> Self {
        let rest = format!(
            " SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{source_port};branch=z9hG4bK-{method}{NUMBER};rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Caller\" <sip:caller@{to}>;tag={NUMBER}\r\n\
             To: <sip:{NUMBER}@example.com>;tag=u{NUMBER}\r\n\
             Call-ID: {NUMBER}@127.0.0.1\r\n\
             CSeq: {cseq} {method}\r\n\
             User-Agent: perf\r\n"
        );
        Self { method, rest: Template::new(&rest) }
    }

    fn write(&self, seen: &Seen<'_>, page: &mut Page<'_>, kind: Kind) -> Result<()> {
        page.text(self.method.as_bytes());
        page.text(b" ");
        page.text(seen.contact);
        page.template(&self.rest, seen.number);
        // RFC 3261 12.1.2: the caller's route set is what was recorded, in reverse.
        for line in seen.routes.iter().rev() {
            page.text(line.strip_prefix(b"Record-").unwrap_or(line));
        }
        page.finish(b"Content-Length: 0\r\n\r\n", kind.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const NUMBER: u64 = 7_000_000_123;

    fn texts() -> Texts {
        Texts::new(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5080), 45_678, &[5071, 5072])
    }

    fn written(kind: Kind, seen: &Seen<'_>) -> String {
        let mut bytes = vec![0; 2_048];
        texts().write(kind, seen, 1, &mut bytes).expect("room");
        String::from_utf8(bytes[..kind.bytes()].to_vec()).expect("text")
    }

    fn invite() -> String {
        let mut bytes = vec![0; 2_048];
        texts().invite(NUMBER, 42, &mut bytes);
        let text = String::from_utf8(bytes[..INVITE_BYTES].to_vec()).expect("text");
        // As a proxy passes it on.
        let proxied = "Record-Route: <sip:127.0.0.1:5080;lr>\r\n\
                       Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKproxy\r\nVia:";
        text.replacen("Via:", proxied, 1)
    }

    #[test]
    fn every_message_has_its_size_and_is_known_again() {
        let invite = invite();
        let seen = read(invite.as_bytes()).expect("ours");
        assert_eq!((seen.kind, seen.number), (Some(Kind::Invite), NUMBER));
        assert!(invite.starts_with("INVITE sip:000000000042@example.com SIP/2.0\r\n"), "{invite}");
        let answer = written(Kind::Answer, &seen);
        let answered = read(answer.as_bytes()).expect("ours");
        for kind in Kind::ALL.into_iter().skip(1) {
            let from = if matches!(kind, Kind::Ack | Kind::Bye) { &answered } else { &seen };
            let text = written(kind, from);
            let again = read(text.as_bytes()).expect("ours");
            assert_eq!((again.kind, again.number), (Some(kind), NUMBER), "{text}");
            let (head, body) = text.split_once("\r\n\r\n").expect("an end");
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
        }
    }

    #[test]
    fn replies_copy_their_vias_and_the_caller_follows_the_route() {
        let invite = invite();
        let seen = read(invite.as_bytes()).expect("ours");
        let answer = written(Kind::Answer, &seen);
        let vias = |text: &str| text.matches("\r\nVia: ").count();
        assert_eq!(vias(&answer), 2);
        assert!(answer.contains("\r\nRecord-Route: <sip:127.0.0.1:5080;lr>\r\n"), "{answer}");
        assert!(!written(Kind::Trying, &seen).contains("Record-Route"));
        let bye = written(Kind::Bye, &read(answer.as_bytes()).expect("ours"));
        assert!(bye.starts_with("BYE sip:007000000123@127.0.0.1:5072 SIP/2.0\r\n"), "{bye}");
        assert!(bye.contains("\r\nRoute: <sip:127.0.0.1:5080;lr>\r\n"), "{bye}");
        assert_eq!(vias(&bye), 1);
    }

    #[test]
    fn what_is_no_message_of_a_call_is_told_apart() {
        let refusal = invite().replacen("INVITE sip:", "SIP/2.0 503 ", 1);
        let seen = read(refusal.as_bytes()).expect("ours");
        assert_eq!((seen.kind, seen.number), (None, NUMBER));
        assert!(read(b"OPTIONS sip:a SIP/2.0\r\n\r\n").is_none());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let longer = invite().replace("z9hG4bKproxy", &"z".repeat(400));
        let seen = read(longer.as_bytes()).expect("ours");
        let mut bytes = vec![0; 2_048];
        assert!(texts().write(Kind::Trying, &seen, 0, &mut bytes).is_err());
    }
}
