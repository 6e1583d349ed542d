//! The texts of a caller: templates per source address, and what is put together from a reply.
//!
//! First requests are templates through and through. ACK to a 2xx and BYE carry what the reply
//! said (Contact, Record-Route, To tag), so they are made of pieces: bytes of the reply around a
//! template. Nothing here allocates once the templates are made.

use std::net::SocketAddr;

use sluice_sip::nameaddr::{self, NameAddr};
use sluice_sip::{Kind, Message};

use super::config::{Mode, UacConfig};
use super::registrant::Registrant;
use crate::error::TrafficError;
use crate::glance::Glance;
use crate::limits;
use crate::template::{Numbers, Slot, Template, read_hex};

/// CSeq numbers begin here, so that all have nine digits (and stay below 2^31: RFC 3261 8.1.1.5).
pub const FIRST_CSEQ: u64 = 100_000_000;

const SDP_HEAD: &str = "v=0\r\no=sluice 1 1 IN IP4 127.0.0.1\r\ns=-";
const SDP_TAIL: &str = "\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// How calls map to Call-IDs and CSeq numbers, and back.
#[derive(Debug)]
pub struct Numbering {
    prefix: Vec<u8>,
    call_ids: Option<u64>,
    /// How many users callers and callees are drawn from.
    users: u64,
    /// CSeq numbers that one call takes.
    step: u64,
}

impl Numbering {
    /// Call-IDs of a caller, each for one call, or taken by turns.
    pub fn new(config: &UacConfig) -> Self {
        let is_registrar = config.mode == Mode::Register;
        Self {
            prefix: prefix(config.seed).into_bytes(),
            call_ids: if is_registrar { Some(config.users) } else { config.call_ids },
            users: config.users,
            // RFC 3261 22.2: an answer to a challenge is a new request.
            step: if is_registrar { 2 } else { 1 },
        }
    }

    /// The numbers in the first request of call `number`.
    #[inline]
    pub fn of(&self, number: u64) -> Numbers {
        let (turn, call_id) = match self.call_ids {
            Some(count) => (number / count, number % count),
            None => (0, number),
        };
        let cseq = FIRST_CSEQ + turn * self.step;
        Numbers { number, call_id, user: call_id % self.users, cseq }
    }

    /// The call that a reply belongs to; `None` when it is none of ours.
    #[inline]
    pub fn call_of(&self, seen: &Glance) -> Option<u64> {
        let rest = seen.call_id.strip_prefix(&self.prefix[..])?;
        let call_id = read_hex(rest.get(..Slot::CallId.width())?)?;
        match self.call_ids {
            Some(count) => {
                let turn = u64::from(seen.cseq).checked_sub(FIRST_CSEQ)? / self.step;
                turn.checked_mul(count)?.checked_add(call_id)
            }
            None => Some(call_id),
        }
    }
}

fn prefix(seed: u64) -> String {
    format!("{seed:016x}-")
}

/// The templates of one source address.
#[derive(Debug)]
pub struct Requests {
    /// INVITE or OPTIONS, whole.
    pub first: Template,
    /// Request line and headers of an ACK to a final reply of 300 or above, without To.
    refused: Template,
    /// The headers of an ACK to a 2xx, without Route and To.
    ack: Template,
    /// The headers of a BYE, without Route and To.
    bye: Template,
    /// A REGISTER up to the answer to a challenge, and who gives it.
    answer: Option<(Template, Registrant)>,
}

impl Requests {
    /// The texts for calls from `source`.
    ///
    /// # Errors
    /// [`TrafficError::Size`] when the wanted size cannot be had.
    pub fn new(config: &UacConfig, source: SocketAddr) -> Result<Self, TrafficError> {
        let host = config.domain.clone().unwrap_or_else(|| config.target.to_string());
        let text = Text { host: &host, source, seed: config.seed };
        let is_registrar = config.mode == Mode::Register;
        let register = |letter| text.register(letter, config.contact, config.expires);
        let answer = config.password.as_ref().filter(|_| is_registrar).map(|password| {
            (register('r'), Registrant { domain: host.clone(), password: password.clone() })
        });
        let end = "Content-Length: 0\r\n\r\n";
        Ok(Self {
            first: match is_registrar {
                true => register('i').text(end),
                false => text.first(config.mode.method(), config.size)?,
            },
            answer,
            refused: text.headers(text.request_line("ACK"), 'i', "ACK"),
            ack: text.headers(Template::default(), 'a', "ACK"),
            bye: text.headers(Template::default(), 'b', "BYE"),
        })
    }

    /// Writes the ACK to a final reply of 300 or above: the branch and Request-URI of the INVITE,
    /// the To of the reply (RFC 3261 17.1.1.3).
    pub fn write_refused(&self, numbers: &Numbers, reply: &Message, out: &mut Vec<u8>) {
        self.refused.write(numbers, out);
        write_to_and_end(reply, out);
    }

    /// Writes the ACK of the dialog that the 2xx `reply` made: Request-URI from Contact, Route
    /// from Record-Route in reverse (RFC 3261 12.1.2, 12.2.1.1).
    pub fn write_ack(&self, numbers: &Numbers, reply: &Message, out: &mut Vec<u8>) {
        write_request_line("ACK", reply, out);
        self.ack.write(numbers, out);
        write_routes(reply, out);
        write_to_and_end(reply, out);
    }

    /// Writes the BYE of the same dialog.
    pub fn write_bye(&self, numbers: &Numbers, reply: &Message, out: &mut Vec<u8>) {
        write_request_line("BYE", reply, out);
        self.bye.write(&Numbers { cseq: numbers.cseq + 1, ..*numbers }, out);
        write_routes(reply, out);
        write_to_and_end(reply, out);
    }
}

impl Requests {
    /// Writes the REGISTER that answers the challenge of `reply`; false without a password, or for
    /// a challenge that cannot be answered.
    pub fn write_answer(&self, numbers: &Numbers, reply: &Message, out: &mut Vec<u8>) -> bool {
        let Some((template, registrant)) = &self.answer else { return false };
        let before = out.len();
        template.write(&Numbers { cseq: numbers.cseq + 1, ..*numbers }, out);
        let answered = registrant.answer(numbers, reply, out);
        if answered {
            out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        } else {
            out.truncate(before);
        }
        answered
    }
}

/// What the texts of one source address have in common.
#[derive(Clone, Copy)]
struct Text<'a> {
    host: &'a str,
    source: SocketAddr,
    seed: u64,
}

impl Text<'_> {
    fn request_line(self, method: &str) -> Template {
        let line = Template::default().text(method).text(" ");
        self.callee(line).text(" SIP/2.0\r\n")
    }

    fn callee(self, before: Template) -> Template {
        before.text("sip:callee").slot(Slot::User).text("@").text(self.host)
    }

    /// Via to CSeq, without To. `letter` makes the branch unlike that of the call's other requests.
    fn headers(self, before: Template, letter: char, method: &str) -> Template {
        let Self { host, source, seed } = self;
        before
            .text(&format!("Via: SIP/2.0/UDP {source};branch=z9hG4bK{seed:016x}"))
            .slot(Slot::Number)
            .text(&format!("{letter}\r\nMax-Forwards: 70\r\nFrom: <sip:caller"))
            .slot(Slot::User)
            .text(&format!("@{host}>;tag="))
            .slot(Slot::Number)
            .text(&format!("\r\nCall-ID: {}", prefix(seed)))
            .slot(Slot::CallId)
            .text(&format!("@{source}\r\nCSeq: "))
            .slot(Slot::CSeq)
            .text(&format!(" {method}\r\n"))
    }

    /// A REGISTER of the callee, without its end.
    fn register(self, letter: char, contact: Option<SocketAddr>, expires: u32) -> Template {
        let line = Template::default().text(&format!("REGISTER sip:{} SIP/2.0\r\n", self.host));
        let head = self.headers(line, letter, "REGISTER").text("To: <");
        let contact = contact.unwrap_or(self.source);
        self.callee(head)
            .text(">\r\nContact: <sip:callee")
            .slot(Slot::User)
            .text(&format!("@{contact}>\r\nExpires: {expires}\r\nUser-Agent: Sluice load\r\n"))
    }

    /// A first request, exactly `size` bytes long when that is given.
    fn first(self, method: &str, size: Option<usize>) -> Result<Template, TrafficError> {
        let head = self.headers(self.request_line(method), 'i', method).text("To: <");
        let head = self
            .callee(head)
            .text(&format!(">\r\nContact: <sip:caller@{}>\r\n", self.source))
            .text("User-Agent: Sluice load\r\n");
        let Some(wanted) = size else {
            return Ok(head.text("Content-Length: 0\r\n\r\n"));
        };
        // Blanks before the number keep the size of the headers apart from that of the body.
        let body_head = |length| {
            format!("Content-Type: application/sdp\r\nContent-Length: {length:>5}\r\n\r\n")
        };
        let least = head.size() + body_head(0).len() + SDP_HEAD.len() + SDP_TAIL.len();
        if wanted < least || wanted > limits::REQUEST_BYTES {
            return Err(TrafficError::Size { wanted, least });
        }
        let padding = "-".repeat(wanted - least);
        let body = format!("{SDP_HEAD}{padding}{SDP_TAIL}");
        Ok(head.text(&body_head(body.len())).text(&body))
    }
}

/// The request line of a request to the reply's Contact. A reply without a readable one gets a
/// Request-URI that names the fault; what the far side makes of it is counted.
fn write_request_line(method: &str, reply: &Message, out: &mut Vec<u8>) {
    let contact = reply.value(Kind::Contact).and_then(NameAddr::parse);
    let uri = contact.map_or(&b"sip:contact.invalid"[..], |contact| contact.uri);
    for piece in [method.as_bytes(), b" ", uri, b" SIP/2.0\r\n"] {
        out.extend_from_slice(piece);
    }
}

fn write_routes(reply: &Message, out: &mut Vec<u8>) {
    let mut routes = [&b""[..]; limits::ROUTES];
    let mut count = 0;
    let fields = reply.fields(Kind::RecordRoute);
    let items = fields.flat_map(|field| nameaddr::items(reply.text(field.value)));
    for (place, item) in routes.iter_mut().zip(items) {
        *place = item;
        count += 1;
    }
    for route in routes[..count].iter().rev() {
        for piece in [b"Route: ", *route, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    }
}

fn write_to_and_end(reply: &Message, out: &mut Vec<u8>) {
    let to = reply.value(Kind::To).unwrap_or_default();
    for piece in [b"To: ", to, b"\r\nContent-Length: 0\r\n\r\n"] {
        out.extend_from_slice(piece);
    }
}
