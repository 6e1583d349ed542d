//! The index of a message: every header as a span, found in one pass.
//!
//! Takes the bytes of one datagram, gives spans into them or the reason why they are no SIP. Reads
//! the header part only, and no value but Content-Length; typed views are made on first use by
//! [`Message`](crate::Message). Never panics, and never allocates: the room for all fields is
//! reserved once.
//!
//! The pass walks bitmaps of line ends, 64 bytes a step. A usual line takes a short path; every
//! other line takes the plain one, which gives the same where both apply. Nothing looks ahead: a
//! line that begins with a blank is added to the field before it.

use sluice_base::Span;
use sluice_base::lanes::{Lanes, Visit, find_in_16};

use crate::startline::start_line;
use crate::text::{is_space, is_token, number, split_once, trim, trim_start};
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
    /// The first `count` are the message's.
    fields: Box<[Field; limits::FIELDS]>,
    count: usize,
    /// Position + 1 in `fields` of the first field of each kind, 0 for none.
    first: [u16; Kind::COUNT],
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
            fields: Box::new([NO_FIELD; limits::FIELDS]),
            count: 0,
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
        self.first = [0; Kind::COUNT];
        let scan = Scan {
            bytes,
            fields: &mut self.fields,
            first: &mut self.first,
            count: 0,
            start: Err(Reason::FirstLine),
            line: begin,
            unusual: false,
            end: Err(Reason::Unfinished),
        };
        let scan = self.lanes.line_ends(bytes, begin, scan);
        let Scan { count, start, line, unusual, end, .. } = scan;
        self.count = count;
        (self.start, self.start_line) = start?;
        let body = end?;
        self.headers_end = line as u16;
        self.check_mandatory(unusual)?;
        self.find_body(bytes, body)
    }

    /// The fields in order.
    #[inline]
    pub(crate) fn fields(&self) -> &[Field] {
        self.fields.get(..self.count).unwrap_or_default()
    }

    /// The first field of a kind.
    #[inline]
    pub(crate) fn first(&self, kind: Kind) -> Option<&Field> {
        self.fields().get(usize::from(self.first[kind as usize]).checked_sub(1)?)
    }

    /// The fields from the first of a kind on; none when there is none.
    #[inline]
    pub(crate) fn fields_from(&self, kind: Kind) -> &[Field] {
        match self.first[kind as usize] {
            0 => &[],
            place => self.fields().get(usize::from(place) - 1..).unwrap_or_default(),
        }
    }

    /// The mandatory headers are there; none is empty, as only one of an unusual line can be.
    #[inline]
    fn check_mandatory(&self, unusual: bool) -> Result<(), Reason> {
        let all = [Kind::Via, Kind::From, Kind::To, Kind::CallId, Kind::CSeq];
        let absent = |kind: Kind| self.first[kind as usize] == 0;
        let empty = |kind| self.first(kind).is_none_or(|field| field.value.is_empty());
        if all.into_iter().any(absent) || (unusual && all.into_iter().any(empty)) {
            return Err(Reason::Mandatory);
        }
        Ok(())
    }

    /// The body begins at `at` and is as long as Content-Length says, else all that is left.
    #[inline]
    fn find_body(&mut self, bytes: &[u8], at: usize) -> Result<(), Reason> {
        let rest = bytes.len().saturating_sub(at);
        let len = match self.fields_from(Kind::ContentLength) {
            [] => rest,
            [field, others @ ..] => {
                let len = number(field.value.of(bytes)).ok_or(Reason::ContentLength)?;
                let differs = |other: &Field| {
                    other.kind == Kind::ContentLength && number(other.value.of(bytes)) != Some(len)
                };
                if others.iter().any(differs) {
                    return Err(Reason::ContentLength);
                }
                len as usize
            }
        };
        // RFC 3261 18.3: bytes behind the body are ignored; a short datagram is an error.
        if len > rest {
            return Err(Reason::ContentLength);
        }
        self.body = Span { start: at as u16, end: (at + len) as u16 };
        Ok(())
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

const NO_START: StartLine =
    StartLine::Reply { status: 0, code: Span::new(0, 0), reason: Span::new(0, 0) };

const NO_FIELD: Field = Field {
    kind: Kind::Other,
    name: Span::new(0, 0),
    value: Span::new(0, 0),
    line: Span::new(0, 0),
};

/// Where the first line begins, past the line ends that RFC 3261 7.5 lets stand in front of it.
#[inline]
fn first_line_at(bytes: &[u8]) -> Result<usize, Reason> {
    if bytes.len() > limits::MESSAGE {
        return Err(Reason::TooLarge);
    }
    if let [b'!'..=0xFF, _, ..] = bytes {
        return Ok(0);
    }
    let blank = |byte: &u8| is_space(*byte) || *byte == 0;
    match bytes.first() {
        // RFC 7983 7: the first byte of STUN is 0 to 3.
        Some(0..=3) if bytes.len() > 1 && !bytes.iter().all(blank) => Err(Reason::Stun),
        Some(_) if bytes.len() > 1 && !bytes.iter().all(blank) => {
            Ok(bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0))
        }
        _ => Err(Reason::KeepAlive),
    }
}

/// One pass. It is handed through by value, so that its numbers stay in registers.
struct Scan<'a> {
    bytes: &'a [u8],
    fields: &'a mut [Field; limits::FIELDS],
    first: &'a mut [u16; Kind::COUNT],
    count: usize,
    /// The first line; `FirstLine` until it is read.
    start: Result<(StartLine, Span), Reason>,
    /// Where the line begins that is being read; at last, the empty line.
    line: usize,
    /// There was a line that is not as nearly all are.
    unusual: bool,
    /// Where the body begins; `Unfinished` until the empty line is found.
    end: Result<usize, Reason>,
}

impl Visit for Scan<'_> {
    #[inline(always)]
    fn block(&mut self, base: usize, mut line_ends: u64) -> bool {
        if line_ends != 0 && self.start.is_err() {
            let end = base + line_ends.trailing_zeros() as usize;
            line_ends &= line_ends - 1;
            self.start = start_line(self.bytes, self.line, end);
            if self.start.is_err() {
                return false;
            }
            self.line = end + 1;
        }
        // Locals, so that they stay in registers from line to line.
        let (mut line, mut count) = (self.line, self.count);
        let mut more = true;
        while line_ends != 0 && more {
            let end = base + line_ends.trailing_zeros() as usize;
            line_ends &= line_ends - 1;
            let kind = match (usual_field(self.bytes, line, end), self.fields.get_mut(count)) {
                (Some(field), Some(slot)) => {
                    *slot = field;
                    field.kind
                }
                _ => match self.unusual_line(line, count, end) {
                    Some(Line::Field(kind)) => kind,
                    Some(Line::Fold) => {
                        line = end + 1;
                        continue;
                    }
                    _ => {
                        more = false;
                        continue;
                    }
                },
            };
            count += 1;
            line = end + 1;
            let first = &mut self.first[kind as usize];
            if *first == 0 {
                *first = count as u16;
            }
        }
        (self.line, self.count) = (line, count);
        more
    }
}

impl Scan<'_> {
    /// Reads any line that ends with the LF at `end`, and keeps how the pass ended, if it did.
    #[inline(never)]
    fn unusual_line(&mut self, start: usize, count: usize, end: usize) -> Option<Line> {
        let (before, behind) = self.fields.split_at_mut(count.min(limits::FIELDS));
        match any_line(self.bytes, start, end, before.last_mut(), behind.first_mut()) {
            Ok(Line::Empty) => self.end = Ok(end + 1),
            Ok(line) => {
                self.unusual = true;
                return Some(line);
            }
            Err(reason) => self.end = Err(reason),
        }
        None
    }
}

/// The field of a line as nearly all are: a short name, a colon, one blank, a value, CRLF. `None`
/// for any other.
#[inline(always)]
fn usual_field(bytes: &[u8], start: usize, end: usize) -> Option<Field> {
    let head = bytes.get(start..)?.first_chunk::<18>()?;
    let name = head.first_chunk::<16>()?;
    let len = find_in_16(name, b':');
    let kind = match Kind::of_head(name, len) {
        Some(kind) => kind,
        None if is_other_name(name, len) => Kind::Other,
        None => return None,
    };
    // A name holds no LF, so that the colon stands in front of this line's end.
    let value = (len & 15) + 2;
    let (b' ', b'!'..=0xFF) = (head[value - 1], head[value]) else { return None };
    let (before, _) = bytes.split_at_checked(end)?;
    let Some([b'!'..=0xFF, b'\r']) = before.last_chunk() else { return None };
    Some(Field {
        kind,
        name: Span { start: start as u16, end: (start + value - 2) as u16 },
        value: Span { start: (start + value) as u16, end: (end - 1) as u16 },
        line: Span { start: start as u16, end: (end + 1) as u16 },
    })
}

/// What a line was.
enum Line {
    /// A new field.
    Field(Kind),
    /// More of the last field.
    Fold,
    /// The end of the headers.
    Empty,
}

/// Reads `bytes[start..end]`, a line without its LF. Adds to the `last` field or fills the `next`.
#[inline(never)]
fn any_line(
    bytes: &[u8],
    start: usize,
    end: usize,
    last: Option<&mut Field>,
    next: Option<&mut Field>,
) -> Result<Line, Reason> {
    let line = bytes.get(start..end).unwrap_or_default();
    match line {
        [] | [b'\r'] => Ok(Line::Empty),
        // RFC 3261 7.3.1: a line that begins with a blank goes on with the one before.
        [b' ' | b'\t', ..] => {
            let field = last.ok_or(Reason::Header)?;
            field.value = trimmed(bytes, usize::from(field.value.start), end);
            field.line.end = (end + 1) as u16;
            Ok(Line::Fold)
        }
        _ => {
            let (name, _) = split_once(line, b':').ok_or(Reason::Header)?;
            let colon = start + name.len();
            let name = without_blanks(name);
            if !is_token(name) {
                return Err(Reason::Header);
            }
            let kind = Kind::of(name);
            *next.ok_or(Reason::TooManyHeaders)? = Field {
                kind,
                name: Span { start: start as u16, end: (start + name.len()) as u16 },
                value: trimmed(bytes, colon + 1, end),
                line: Span { start: start as u16, end: (end + 1) as u16 },
            };
            Ok(Line::Field(kind))
        }
    }
}

/// The span of `bytes[start..end]` without white space at both ends.
fn trimmed(bytes: &[u8], start: usize, end: usize) -> Span {
    let text = trim_start(bytes.get(start..end).unwrap_or_default());
    let from = end - text.len();
    Span { start: from as u16, end: (from + trim(text).len()) as u16 }
}

/// Whether a name without a kind may be one; it ends at its colon, `len` bytes into the line.
#[inline(never)]
fn is_other_name(head: &[u8; 16], len: usize) -> bool {
    len < 16 && is_token(head.get(..len).unwrap_or_default())
}

/// A name without the blanks before its colon.
fn without_blanks(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}
