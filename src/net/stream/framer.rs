//! Where a message in a stream ends (RFC 3261 18.3, 20.14; RFC 5626 4.4.1).
//!
//! Takes the bytes of a connection that nobody has consumed, gives what stands at their beginning:
//! a message, a keep-alive, or the reason why nothing behind it can be told apart any more. Keeps
//! how far it has looked, so that a message that comes byte by byte is read once. Reads the first
//! line and Content-Length only: whatever else is wrong with a message costs that message and not
//! the connection. Never allocates, never panics.

use crate::limits::{MESSAGE_BYTES, SKIPPED_BYTES};

/// What stands at the beginning of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Not enough to say; nothing is to be consumed.
    More,
    /// A whole message of so many bytes.
    Message(usize),
    /// Line ends between messages, so many bytes; `ping`: two of them, which ask for a pong.
    Blank {
        /// How many bytes.
        len: usize,
        /// Whether a keep-alive was completed.
        ping: bool,
    },
    /// The header part, of so many bytes, of a message that is larger than any may be. Its body is
    /// skipped; `lost`: it is too large even for that, and the connection must end.
    TooLarge {
        /// How many bytes.
        head: usize,
        /// Whether nothing behind it can be read.
        lost: bool,
    },
    /// Bytes of a body that is skipped.
    Skipped(usize),
    /// The connection is of no use any more.
    Broken(Broken),
}

/// Why the messages of a stream cannot be told apart any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// The first bytes are those of a TLS handshake (RFC 8446 5.1).
    Tls,
    /// The first line is HTTP's.
    Http,
    /// The first line is neither a request's nor a reply's.
    FirstLine,
    /// The header part does not end.
    EndlessHead,
    /// There is no Content-Length, which streams must have (RFC 3261 20.14).
    NoLength,
    /// Content-Length is no number.
    BadLength,
    /// There are two that differ.
    TwoLengths,
}

/// How far the message at the beginning has been looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Framer {
    /// Bytes of the header part that hold no end of it.
    seen: u32,
    /// Its first line was found to be SIP's.
    started: bool,
    /// Length of the whole message, once it is known.
    whole: u32,
    /// Bytes of a body still to be skipped.
    skip: u32,
    /// Line ends that came one behind the other.
    line_ends: u8,
}

impl Framer {
    /// Looks at the bytes from the first that was not consumed. What a step names is consumed
    /// before the next call.
    pub fn step(&mut self, bytes: &[u8]) -> Step {
        if self.skip > 0 {
            let len = bytes.len().min(self.skip as usize);
            self.skip -= len as u32;
            return if len == 0 { Step::More } else { Step::Skipped(len) };
        }
        if self.whole == 0 {
            if self.seen == 0
                && let Some(step) = self.blank(bytes)
            {
                return step;
            }
            if let Some(step) = self.head(bytes) {
                return step;
            }
        }
        if self.whole as usize > bytes.len() {
            return Step::More;
        }
        let len = self.whole as usize;
        *self = Self::default();
        Step::Message(len)
    }

    /// Whether a message or a skipped body has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.seen > 0 || self.whole > 0 || self.skip > 0
    }

    /// How many bytes the message at the beginning has, if that is known.
    pub fn expected(&self) -> Option<usize> {
        (self.whole > 0).then_some(self.whole as usize)
    }

    /// Line ends in front of a message (RFC 3261 7.5), of which each two are a keep-alive. A CR at
    /// the very end waits for its LF.
    fn blank(&mut self, bytes: &[u8]) -> Option<Step> {
        match bytes {
            [] | [b'\r'] => Some(Step::More),
            [b'\r', b'\n', ..] => {
                self.line_ends += 1;
                let ping = self.line_ends == 2;
                if ping {
                    self.line_ends = 0;
                }
                Some(Step::Blank { len: 2, ping })
            }
            [b'\n' | b'\r', ..] => Some(Step::Blank { len: 1, ping: false }),
            _ => {
                self.line_ends = 0;
                None
            }
        }
    }

    /// Looks for the end of the header part; `None`: it is there, and so is the message's length.
    fn head(&mut self, bytes: &[u8]) -> Option<Step> {
        if let [0x16, 0x03, ..] = bytes {
            return Some(Step::Broken(Broken::Tls));
        }
        if let [0x16] = bytes {
            return Some(Step::More);
        }
        let within = bytes.get(..MESSAGE_BYTES).unwrap_or(bytes);
        let mut from = self.seen as usize;
        while let Some(at) = within.get(from..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let line = within.get(from..from + at).unwrap_or_default();
            from += at + 1;
            if !self.started {
                if let Some(broken) = first_line(line) {
                    return Some(Step::Broken(broken));
                }
                self.started = true;
            } else if matches!(line, [] | [b'\r']) {
                return self.length(bytes, from);
            }
            self.seen = from as u32;
        }
        if bytes.len() >= MESSAGE_BYTES {
            return Some(Step::Broken(Broken::EndlessHead));
        }
        // A first line of other bytes than SIP's need not be waited for.
        if !self.started && is_foreign(bytes) {
            return Some(Step::Broken(Broken::FirstLine));
        }
        Some(Step::More)
    }

    /// The header part is `bytes[..head]`.
    fn length(&mut self, bytes: &[u8], head: usize) -> Option<Step> {
        let body = match content_length(bytes.get(..head).unwrap_or_default()) {
            Ok(body) => body,
            Err(broken) => return Some(Step::Broken(broken)),
        };
        match body.checked_add(head as u64) {
            Some(whole) if whole <= MESSAGE_BYTES as u64 => {
                self.whole = whole as u32;
                None
            }
            _ => {
                let lost = body > u64::from(SKIPPED_BYTES);
                *self = Self::default();
                self.skip = if lost { 0 } else { body as u32 };
                Some(Step::TooLarge { head, lost })
            }
        }
    }
}

/// What is wrong with a first line, without its LF.
fn first_line(line: &[u8]) -> Option<Broken> {
    if is_foreign(line) {
        return Some(Broken::FirstLine);
    }
    let line = line.trim_ascii_end();
    if line.starts_with(b"SIP/") {
        return None;
    }
    // RFC 3261 7.1: a request line ends with the version; which one is the parser's to judge.
    let version = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    match version {
        [b'H' | b'h', b'T' | b't', b'T' | b't', b'P' | b'p', b'/', ..] => Some(Broken::Http),
        [b'S' | b's', b'I' | b'i', b'P' | b'p', b'/', ..] if version.len() < line.len() => None,
        _ => Some(Broken::FirstLine),
    }
}

/// Whether a first line begins with bytes that no SIP line holds.
fn is_foreign(line: &[u8]) -> bool {
    let foreign = |byte: &u8| !matches!(byte, b'!'..=b'~' | b' ' | b'\t' | b'\r' | 0x80..);
    line.iter().take(16).any(foreign)
}

/// The value of the Content-Length fields of a header part, first line included.
fn content_length(head: &[u8]) -> Result<u64, Broken> {
    let mut found = None;
    let mut lines = head.split(|byte| *byte == b'\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        let Some(value) = length_value(line) else { continue };
        // RFC 3261 7.3.1: a value may stand on the lines below, which begin with a blank.
        let mut value = value.trim_ascii();
        while let Some([b' ' | b'\t', more @ ..]) = lines.peek() {
            let more = more.trim_ascii();
            if value.is_empty() {
                value = more;
            } else if !more.is_empty() {
                return Err(Broken::BadLength);
            }
            lines.next();
        }
        let value = number(value).ok_or(Broken::BadLength)?;
        if found.is_some_and(|other| other != value) {
            return Err(Broken::TwoLengths);
        }
        found = Some(value);
    }
    found.ok_or(Broken::NoLength)
}

/// What stands behind the colon of a line that is a Content-Length field, long or compact.
fn length_value(line: &[u8]) -> Option<&[u8]> {
    if !matches!(line.first(), Some(b'C' | b'c' | b'L' | b'l')) {
        return None;
    }
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at(colon);
    let name = name.trim_ascii_end();
    let ours = name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l");
    ours.then(|| value.get(1..).unwrap_or_default())
}

/// Decimal digits and nothing else; a number beyond all bounds is the largest.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = |all: u64, digit: &u8| {
        all.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
    };
    Some(digits.iter().fold(0, value))
}

#[cfg(test)]
#[path = "framer_tests.rs"]
mod tests;
