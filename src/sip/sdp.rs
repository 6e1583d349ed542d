//! Session descriptions as borrowed views (RFC 8866): lines, streams, codecs.
//!
//! Takes a body, gives pieces of it. Reading is lenient: what cannot be read is skipped, and
//! [`Sdp::check`] says what is wrong. Never allocates, never panics, changes nothing.

use crate::limits;
use crate::text::{number, split_once};
use crate::uri::literal_addr;

/// A line; the last one may lack its line end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The whole line with its line end.
    pub text: &'a [u8],
    /// The letter before `=`; 0 when the line is no `x=value`.
    pub kind: u8,
    /// What follows `=`, without the line end; of another line all of it.
    pub value: &'a [u8],
}

impl<'a> Line<'a> {
    /// The line without its line end.
    pub fn bare(&self) -> &'a [u8] {
        let text = self.text.strip_suffix(b"\n").unwrap_or(self.text);
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    /// The payload type that an attribute is about: `rtpmap`, `fmtp`, `rtcp-fb`.
    pub fn payload(&self) -> Option<&'a [u8]> {
        let (name, rest) = split_once(self.value, b':')?;
        let about = self.kind == b'a' && matches!(name, b"rtpmap" | b"fmtp" | b"rtcp-fb");
        about.then(|| word(rest)).flatten().map(|(payload, _)| payload)
    }

    fn of(text: &'a [u8]) -> Self {
        let whole = Self { text, kind: 0, value: text };
        match whole.bare() {
            [kind @ b'a'..=b'z', b'=', value @ ..] => Self { kind: *kind, value, ..whole },
            bare => Self { value: bare, ..whole },
        }
    }
}

/// The lines of a text in order, ended by CRLF or LF.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(end);
        rest = behind;
        Some(Line::of(line))
    })
}

/// A session description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sdp<'a> {
    /// All of it.
    pub text: &'a [u8],
}

/// What is wrong with a description.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Defect {
    /// A line is no `x=value`.
    #[error("a line is not of the form x=value")]
    Line,
    /// It does not begin with `v=0`.
    #[error("no v=0 at the start")]
    Version,
    /// No `o=` with six fields.
    #[error("no o= line with six fields")]
    Origin,
    /// No `s=`.
    #[error("no s= line")]
    Name,
    /// No `t=`.
    #[error("no t= line")]
    Time,
    /// An `m=` without media, port, protocol and format.
    #[error("an m= line cannot be read")]
    Media,
    /// A stream in use has no `c=` of its own and the session has none.
    #[error("a stream has no c= line")]
    Connection,
    /// A `c=` that is not `IN IP4` or `IN IP6` with an address or a name.
    #[error("a c= line cannot be read")]
    Address,
}

impl<'a> Sdp<'a> {
    /// The session's part: everything before the first `m=`.
    pub fn session(&self) -> &'a [u8] {
        let text = self.text;
        text.get(..next_media(text, 0)).unwrap_or(text)
    }

    /// The streams in order, at most [`limits::STREAMS`]; one whose `m=` cannot be read is skipped.
    pub fn streams(&self) -> impl Iterator<Item = Stream<'a>> + use<'a> {
        self.blocks().filter_map(Stream::of).take(limits::STREAMS)
    }

    /// The session's `c=` address.
    pub fn connection(&self) -> Option<&'a [u8]> {
        connection(self.session())
    }

    /// The session's direction, which streams without one share.
    pub fn direction(&self) -> Option<Direction> {
        direction(self.session())
    }

    /// Looks for defects.
    ///
    /// # Errors
    /// The first defect found.
    pub fn check(&self) -> Result<(), Defect> {
        let session = self.session();
        let has = |kind: u8| lines(session).any(|line| line.kind == kind);
        let origin = lines(session).find(|line| line.kind == b'o');
        if lines(self.text).any(|line| line.kind == 0 && !line.value.is_empty()) {
            return Err(Defect::Line);
        }
        if !lines(session).next().is_some_and(|line| line.kind == b'v' && line.value == b"0") {
            return Err(Defect::Version);
        }
        if origin.is_none_or(|line| words(line.value).count() != 6) {
            return Err(Defect::Origin);
        }
        if !has(b's') {
            return Err(Defect::Name);
        }
        if !has(b't') {
            return Err(Defect::Time);
        }
        let mut connections = lines(self.text).filter(|line| line.kind == b'c');
        if connections.any(|line| address(line.value).is_none()) {
            return Err(Defect::Address);
        }
        let common = self.connection();
        for block in self.blocks() {
            let stream = Stream::of(block).ok_or(Defect::Media)?;
            // RFC 3264 6: a stream with port 0 is not used.
            let unused = number(stream.port) == Some(0);
            if !unused && stream.connection().or(common).is_none() {
                return Err(Defect::Connection);
            }
        }
        Ok(())
    }

    /// Everything from one `m=` to the next, whether its line can be read or not.
    pub fn blocks(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.text.get(self.session().len()..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (block, behind) = rest.split_at(next_media(rest, 1));
            rest = behind;
            (!block.is_empty()).then_some(block)
        })
    }
}

/// A stream: an `m=` line and what follows it up to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream<'a> {
    /// All of it, from `m=` on.
    pub text: &'a [u8],
    /// `audio`, `video`, `image`.
    pub media: &'a [u8],
    /// The port as written, `49170` or `49170/2`.
    pub port: &'a [u8],
    /// `RTP/AVP`.
    pub protocol: &'a [u8],
    /// The list of formats, not empty, without blanks around it.
    pub formats: &'a [u8],
}

impl<'a> Stream<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let line = lines(text).next().filter(|line| line.kind == b'm')?;
        let (media, rest) = word(line.value)?;
        let (port, rest) = word(rest)?;
        let (protocol, rest) = word(rest)?;
        let formats = rest.trim_ascii();
        let digits = split_once(port, b'/').map_or(port, |(port, _)| port);
        let good = number(digits).is_some() && !formats.is_empty();
        good.then_some(Self { text, media, port, protocol, formats })
    }

    /// Its own `c=` address.
    pub fn connection(&self) -> Option<&'a [u8]> {
        connection(self.text)
    }

    /// Its own direction.
    pub fn direction(&self) -> Option<Direction> {
        direction(self.text)
    }
}

/// What a payload type means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Codec<'a> {
    /// `PCMU`; any case.
    pub name: &'a [u8],
    /// The clock rate as written, `8000`; empty when left out.
    pub clock: &'a [u8],
}

impl<'a> Codec<'a> {
    /// What `a=rtpmap:0 PCMU/8000/1` says; `None` for another line.
    pub fn of(line: &Line<'a>) -> Option<Self> {
        let rest = line.value.strip_prefix(b"rtpmap:").filter(|_| line.kind == b'a')?;
        let (_, encoding) = word(rest)?;
        let mut parts = encoding.trim_ascii().split(|byte| *byte == b'/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        Some(Self { name, clock: parts.next().unwrap_or_default() })
    }

    /// RFC 3551 6: payload types of RTP that need no `rtpmap`.
    pub fn assigned(format: &[u8]) -> Option<Self> {
        let (_, name, clock) = ASSIGNED.iter().find(|(of, ..)| number(format) == Some(*of))?;
        Some(Self { name: name.as_bytes(), clock: clock.as_bytes() })
    }
}

/// Which way media flows (RFC 8866 6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the attributes")]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

fn direction(text: &[u8]) -> Option<Direction> {
    let mut attributes = lines(text).filter(|line| line.kind == b'a');
    attributes.find_map(|line| match line.value.trim_ascii_end() {
        b"sendrecv" => Some(Direction::SendRecv),
        b"sendonly" => Some(Direction::SendOnly),
        b"recvonly" => Some(Direction::RecvOnly),
        b"inactive" => Some(Direction::Inactive),
        _ => None,
    })
}

fn connection(text: &[u8]) -> Option<&[u8]> {
    lines(text).find(|line| line.kind == b'c').and_then(|line| address(line.value))
}

/// The address of `IN IP4 224.2.1.1/127/3`, without what follows a slash.
fn address(value: &[u8]) -> Option<&[u8]> {
    let mut words = words(value);
    let (net, kind, address) = (words.next()?, words.next()?, words.next()?);
    let address = split_once(address, b'/').map_or(address, |(address, _)| address);
    let version = match literal_addr(address) {
        Some(addr) if addr.is_ipv4() => kind == b"IP4",
        Some(_) => kind == b"IP6",
        None => matches!(kind, b"IP4" | b"IP6"),
    };
    (net == b"IN" && version && words.next().is_none()).then_some(address)
}

/// The first word of a text and the rest.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

/// Where a line `m=` begins that is not before `from`; the end of the text when none does.
fn next_media(text: &[u8], from: usize) -> usize {
    let found = memchr::memmem::find_iter(text, b"m=")
        .find(|at| *at >= from && (*at == 0 || text.get(*at - 1) == Some(&b'\n')));
    found.unwrap_or(text.len())
}

/// Payload types, names and clock rates of RFC 3551 6, tables 4 and 5.
const ASSIGNED: [(u32, &str, &str); 24] = [
    (0, "PCMU", "8000"),
    (3, "GSM", "8000"),
    (4, "G723", "8000"),
    (5, "DVI4", "8000"),
    (6, "DVI4", "16000"),
    (7, "LPC", "8000"),
    (8, "PCMA", "8000"),
    (9, "G722", "8000"),
    (10, "L16", "44100"),
    (11, "L16", "44100"),
    (12, "QCELP", "8000"),
    (13, "CN", "8000"),
    (14, "MPA", "90000"),
    (15, "G728", "8000"),
    (16, "DVI4", "11025"),
    (17, "DVI4", "22050"),
    (18, "G729", "8000"),
    (25, "CelB", "90000"),
    (26, "JPEG", "90000"),
    (28, "nv", "90000"),
    (31, "H261", "90000"),
    (32, "MPV", "90000"),
    (33, "MP2T", "90000"),
    (34, "H263", "90000"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=a 1 1 IN IP4 h.example\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        a=sendonly\r\n\
        m=audio 49170 RTP/AVP 0  8 96\r\na=rtpmap:96 speex/16000\r\na=fmtp:96 mode=any\r\n\
        m=video 0/2 RTP/SAVP 31 97\nc=IN IP6 2001:db8::1\na=rtpmap:97 H264/90000/1\na=inactive\n\
        m=image 5004 udptl t38";

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_with_any_line_end() {
        let seen: Vec<_> = lines(b"v=0\r\nx\na=\r\n=b\nz=last").collect();
        let values: Vec<_> = seen.iter().map(|line| (line.kind, text(line.value))).collect();
        assert_eq!(values, [(b'v', "0"), (0, "x"), (b'a', ""), (0, "=b"), (b'z', "last")]);
        assert_eq!(seen[0].text, b"v=0\r\n");
        assert_eq!(seen[0].bare(), b"v=0");
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn streams_and_codecs() {
        let sdp = Sdp { text: OFFER.as_bytes() };
        assert_eq!(sdp.check(), Ok(()));
        assert_eq!(sdp.connection(), Some(&b"192.0.2.1"[..]));
        assert_eq!(sdp.direction(), Some(Direction::SendOnly));
        let streams: Vec<_> = sdp.streams().collect();
        let medias: Vec<_> = streams.iter().map(|s| (text(s.media), text(s.port))).collect();
        assert_eq!(medias, [("audio", "49170"), ("video", "0/2"), ("image", "5004")]);
        assert_eq!(text(streams[0].formats), "0  8 96");
        let seen: Vec<_> = lines(streams[0].text).filter_map(|line| Codec::of(&line)).collect();
        assert_eq!(seen, [Codec { name: b"speex", clock: b"16000" }]);
        let about: Vec<_> = lines(streams[0].text).filter_map(|line| line.payload()).collect();
        assert_eq!(about, [b"96", b"96"]);
        let video = lines(streams[1].text).find_map(|line| Codec::of(&line));
        assert_eq!(video, Some(Codec { name: b"H264", clock: b"90000" }));
        assert_eq!(Codec::assigned(b"8"), Some(Codec { name: b"PCMA", clock: b"8000" }));
        assert_eq!((Codec::assigned(b"96"), Codec::assigned(b"t38")), (None, None));
        assert_eq!((streams[0].direction(), streams[0].connection()), (None, None));
        assert_eq!(streams[1].direction(), Some(Direction::Inactive));
        assert_eq!(streams[1].connection(), Some(&b"2001:db8::1"[..]));
    }

    #[test]
    fn defects() {
        for (from, to, defect) in [
            ("v=0", "v=1", Defect::Version),
            ("v=0\r\n", "", Defect::Version),
            ("s=-", "subject", Defect::Line),
            ("o=a 1 1", "o=a 1", Defect::Origin),
            ("s=-", "i=-", Defect::Name),
            ("t=0 0", "b=AS:1", Defect::Time),
            ("audio 49170", "audio", Defect::Media),
            ("m=audio 49170", "m=audio x", Defect::Media),
            (" 0  8 96", "", Defect::Media),
            ("c=IN IP4 192.0.2.1\r\n", "", Defect::Connection),
            ("IN IP6 2001:db8::1", "IN IP4 2001:db8::1", Defect::Address),
            ("IN IP4 192", "ATM IP4 192", Defect::Address),
        ] {
            let bad = OFFER.replace(from, to);
            assert_eq!(Sdp { text: bad.as_bytes() }.check(), Err(defect), "{from} -> {to}");
        }
        assert_eq!(Sdp { text: b"" }.check(), Err(Defect::Version));
    }

    #[test]
    fn hostile_descriptions_are_read_to_their_end() {
        for (bad, count) in [
            ("m=", 0),
            ("m=\n", 0),
            ("m=m=m=", 0),
            ("\nm=a 1 b c", 1),
            ("m=audio 1 RTP/AVP 0\r\na=rtpmap:\r\na=rtpmap:0 /8000\r\na=fmtp", 1),
        ] {
            let sdp = Sdp { text: bad.as_bytes() };
            assert_eq!(sdp.streams().count(), count, "{bad:?}");
            let many = format!("{bad}\r\n{}", "m=a 1 b c\n".repeat(1_000));
            assert_eq!(Sdp { text: many.as_bytes() }.streams().count(), limits::STREAMS);
            assert!(lines(bad.as_bytes()).all(|line| Codec::of(&line).is_none()), "{bad:?}");
        }
    }
}
