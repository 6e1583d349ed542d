//! The index of a message: every header as a span, found in one pass.
//!
//! Takes the bytes of one datagram, gives spans into them or the reason why they are no SIP. Reads
//! the header part only, and no value but Content-Length; typed views are made on first use by
//! [`Message`](crate::Message). Never panics, and never allocates: the room for all fields is
//! reserved once.
//!
//! The pass walks bitmaps of line ends and colons, 64 bytes a step. A line is looked at when its end
//! is found, because only the byte behind tells whether it is folded.

use sluice_base::Span;
use sluice_base::lanes::{Lanes, Marks};

use crate::startline::start_line;
use crate::text::{is_space, is_token, number};
use crate::{Kind, Method, Reason, limits};

/// One header field as received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// What it is.
    pub kind: Kind,
    /// Its name as written, without blanks before the colon.
    pub name: Span,
    /// Its value, trimmed of blanks and line ends on both sides; folds inside stay.
    pub value: Span,
    /// The whole field from the first byte of the name past its line end (folds included).
    pub line: Span,
}

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartLine {
    /// `METHOD URI SIP/2.0`
    Request {
        /// The method.
        method: Method,
        /// Its token.
        token: Span,
        /// The Request-URI.
        uri: Span,
    },
    /// `SIP/2.0 CODE REASON`
    Reply {
        /// 100 to 699.
        status: u16,
        /// Where the three digits stand.
        code: Span,
        /// The phrase, may be empty.
        reason: Span,
    },
}

/// The index; reused from message to message, so that indexing allocates nothing after warm-up.
#[derive(Clone, Debug)]
pub struct Index {
    pub(crate) start: StartLine,
    pub(crate) fields: Vec<Field>,
    /// Position + 1 in `fields` of the first field of each kind, 0 for none.
    pub(crate) first: [u16; Kind::COUNT],
    /// The start line with its line end.
    pub(crate) start_line: Span,
    /// Offset of the empty line that ends the headers.
    pub(crate) headers_end: u16,
    /// The body: as long as Content-Length says, else all that is left.
    pub(crate) body: Span,
    lanes: Lanes,
}

impl Index {
    /// An empty index with room for every message that is accepted.
    pub fn new() -> Self {
        Self {
            start: NO_START,
            fields: Vec::with_capacity(limits::FIELDS),
            first: [0; Kind::COUNT],
            start_line: Span::default(),
            headers_end: 0,
            body: Span::default(),
            lanes: Lanes::best(),
        }
    }

    /// Reads `bytes` anew.
    ///
    /// # Errors
    /// The reason why this is no SIP message; the index is then not to be used.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let begin = first_line_at(bytes)?;
        self.fields.clear();
        self.first = [0; Kind::COUNT];
        let lanes = self.lanes;
        let mut scan = Scan {
            bytes,
            index: self,
            line: begin,
            colon: NONE,
            in_headers: false,
            filled: 0,
            repeated: 0,
            end: Err(Reason::Unfinished),
        };
        lanes.each_block(bytes, |base, marks| scan.block(base, marks));
        let in_headers = scan.in_headers;
        let (filled, repeated) = (scan.filled, scan.repeated);
        match scan.end {
            Ok(body) => self.finish(bytes, body, filled, repeated),
            Err(Reason::Unfinished) if !in_headers => Err(Reason::FirstLine),
            Err(reason) => Err(reason),
        }
    }

    /// What only all headers together tell: none is missing, and how long the body is.
    fn finish(
        &mut self,
        bytes: &[u8],
        body: usize,
        filled: u64,
        repeated: u64,
    ) -> Result<(), Reason> {
        if filled & MANDATORY != MANDATORY {
            return Err(Reason::Mandatory);
        }
        let rest = bytes.len() - body;
        let len = match self.first_of(Kind::ContentLength) {
            Some(field) => {
                let len = number(field.value.of(bytes)).ok_or(Reason::ContentLength)? as usize;
                if repeated & bit(Kind::ContentLength) != 0 {
                    self.check_lengths(bytes, len)?;
                }
                len
            }
            None => rest,
        };
        // RFC 3261 18.3: bytes behind the body are ignored; a short datagram is an error.
        if len > rest {
            return Err(Reason::ContentLength);
        }
        self.body = Span { start: body as u16, end: (body + len) as u16 };
        Ok(())
    }

    /// Every Content-Length says `len`.
    fn check_lengths(&self, bytes: &[u8], len: usize) -> Result<(), Reason> {
        let mut lengths = self.fields.iter().filter(|field| field.kind == Kind::ContentLength);
        let same = lengths.all(|field| number(field.value.of(bytes)) == u32::try_from(len).ok());
        if same { Ok(()) } else { Err(Reason::ContentLength) }
    }

    /// The first field of a kind.
    #[inline]
    pub(crate) fn first_of(&self, kind: Kind) -> Option<&Field> {
        let place = *self.first.get(kind as usize)?;
        self.fields.get(usize::from(place).checked_sub(1)?)
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

const NO_START: StartLine = StartLine::Reply {
    status: 0,
    code: Span { start: 0, end: 0 },
    reason: Span { start: 0, end: 0 },
};

const MANDATORY: u64 =
    bit(Kind::Via) | bit(Kind::From) | bit(Kind::To) | bit(Kind::CallId) | bit(Kind::CSeq);

/// A kind as one bit of a set.
const fn bit(kind: Kind) -> u64 {
    1 << kind as u8
}

const _: () = assert!(Kind::COUNT <= 64, "sets of kinds are one word");

/// No colon seen yet.
const NONE: usize = usize::MAX;

/// Where the first line begins, past the line ends that RFC 3261 7.5 lets stand in front of it.
#[inline]
fn first_line_at(bytes: &[u8]) -> Result<usize, Reason> {
    if bytes.len() > limits::MESSAGE {
        return Err(Reason::TooLarge);
    }
    if let [byte, _, ..] = bytes
        && *byte > b' '
    {
        return Ok(0);
    }
    let blank = |byte: &u8| is_space(*byte) || *byte == 0;
    match bytes.first() {
        Some(_) if bytes.len() == 1 || bytes.iter().all(blank) => Err(Reason::KeepAlive),
        // RFC 7983 7: the first byte of STUN is 0 to 3.
        Some(0..=3) => Err(Reason::Stun),
        Some(_) => Ok(bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0)),
        None => Err(Reason::KeepAlive),
    }
}

/// One pass.
struct Scan<'a> {
    bytes: &'a [u8],
    index: &'a mut Index,
    /// Where the line begins that is being read.
    line: usize,
    /// Its first colon.
    colon: usize,
    /// The first line is done.
    in_headers: bool,
    /// The kinds whose first field is not empty.
    filled: u64,
    /// The kinds that came again.
    repeated: u64,
    /// Where the body begins; `Unfinished` until the empty line is found.
    end: Result<usize, Reason>,
}

impl Scan<'_> {
    /// Reads the lines that end in one block; `false` when the headers are done or refused.
    #[inline(always)]
    fn block(&mut self, base: usize, marks: Marks) -> bool {
        let Marks { mut line_ends, mut colons } = marks;
        if base < self.line {
            // Line ends in front of the first line: they may fill whole blocks.
            let skipped = (self.line - base).min(64);
            line_ends &= u64::MAX.checked_shl(skipped as u32).unwrap_or(0);
        }
        while line_ends != 0 {
            let end = base + line_ends.trailing_zeros() as usize;
            if self.colon == NONE && colons != 0 {
                self.colon = base + colons.trailing_zeros() as usize;
            }
            colons &= !(line_ends ^ (line_ends - 1));
            line_ends &= line_ends - 1;
            match self.line_end(end) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(reason) => {
                    self.end = Err(reason);
                    return false;
                }
            }
        }
        if self.colon == NONE && colons != 0 {
            self.colon = base + colons.trailing_zeros() as usize;
        }
        true
    }

    /// The line that ends with the LF at `end` is whole, unless it is folded. `Ok(false)` when it
    /// was the empty one.
    #[inline(always)]
    fn line_end(&mut self, end: usize) -> Result<bool, Reason> {
        let (start, next) = (self.line, end + 1);
        if !self.in_headers {
            self.index.start = start_line(self.bytes, start, end)?;
            self.index.start_line = Span { start: start as u16, end: next as u16 };
            self.in_headers = true;
        } else if matches!(self.bytes.get(start..end), Some([] | [b'\r'])) {
            self.index.headers_end = start as u16;
            self.end = Ok(next);
            return Ok(false);
        } else if matches!(self.bytes.get(next), Some(b' ' | b'\t')) {
            // Folded: the line goes on (RFC 3261 7.3.1).
            return Ok(true);
        } else {
            self.field(start, end)?;
        }
        self.line = next;
        self.colon = NONE;
        Ok(true)
    }

    /// Adds the field of `start ..= end`, whose last byte is its LF.
    #[inline(always)]
    fn field(&mut self, start: usize, end: usize) -> Result<(), Reason> {
        let colon = self.colon;
        let (Some(name), Some(value)) =
            (self.bytes.get(start..colon), self.bytes.get(colon.wrapping_add(1)..end))
        else {
            return Err(Reason::Header);
        };
        let name = without_blanks(name);
        let kind = Kind::of(name);
        if kind == Kind::Other && !is_token(name) {
            return Err(Reason::Header);
        }
        let value_len = value.len();
        let value = crate::text::trim_start(value);
        let from = colon + 1 + (value_len - value.len());
        let to = from + crate::text::trim_end(value).len();
        if self.index.fields.len() >= limits::FIELDS {
            return Err(Reason::TooManyHeaders);
        }
        self.index.fields.push(Field {
            kind,
            name: Span { start: start as u16, end: (start + name.len()) as u16 },
            value: Span { start: from as u16, end: to as u16 },
            line: Span { start: start as u16, end: (end + 1) as u16 },
        });
        self.note(kind, from == to);
        Ok(())
    }

    /// Keeps the tables of kinds for the field added last.
    #[inline(always)]
    fn note(&mut self, kind: Kind, empty: bool) {
        let first = &mut self.index.first[kind as usize];
        if *first == 0 {
            *first = self.index.fields.len() as u16;
            self.filled |= u64::from(!empty) << kind as u8;
        } else {
            self.repeated |= bit(kind);
        }
    }
}

/// A name without the blanks before its colon.
#[inline(always)]
fn without_blanks(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}
