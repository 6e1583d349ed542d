//! The index of a message: every header as a span, found in one pass.
//!
//! Takes the bytes of one datagram, gives spans into them or the reason why they are no SIP. Reads
//! the header part only, and no value but Content-Length; typed views are made on first use by
//! [`Message`](crate::Message). Never panics, and never allocates: the room for all fields is
//! reserved once.
//!
//! The pass walks bitmaps of line ends, 64 bytes a step. A usual line takes a short path without a
//! loop: its name is found and looked up as 16 bytes at once, and its value is trimmed already.
//! Every other line takes the plain path, which gives the same where both apply. Nothing looks
//! ahead: a line that begins with a blank is added to the field before it.
//!
//! How many fields there are is checked once, at last: those beyond the room overwrite others, and
//! the message is refused.

use sluice_base::Span;
use sluice_base::lanes::{Lanes, Line, Visit, equal_in_16, words_in_16};

use crate::startline::start_line;
use crate::text::{is_space, is_token, number, split_once, trim, trim_start};
use crate::{Kind, Method, Reason, limits};

/// One header field as received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(16))] // so that its place in the index is a shift
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
    found: Box<Found>,
    /// How many fields the message has.
    count: usize,
    /// The start line with its line end.
    pub(crate) start_line: Span,
    /// Offset of the empty line that ends the headers.
    pub(crate) headers_end: u16,
    /// The body: as long as Content-Length says, else all that is left.
    pub(crate) body: Span,
    lanes: Lanes,
}

/// The fields of a message and the way to them.
#[derive(Clone, Debug)]
struct Found {
    fields: [Field; limits::FIELDS],
    /// Position + 1 in `fields` of the first field of each kind, 0 for none.
    first: [u16; Kind::COUNT],
}

impl Index {
    /// An empty index with room for every message that is accepted.
    pub fn new() -> Self {
        Self {
            start: NO_START,
            found: Box::new(Found { fields: [NO_FIELD; limits::FIELDS], first: [0; Kind::COUNT] }),
            count: 0,
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
        let headers = start_line(bytes, begin, &mut self.start)?;
        self.start_line = Span { start: begin as u16, end: headers as u16 };
        self.found.first = [0; Kind::COUNT];
        let mut rare = Rare { bytes, unusual: false, end: Err(Reason::Unfinished) };
        let mut scan = Scan { found: &mut self.found, rare: &mut rare };
        self.count = self.lanes.lines(bytes, headers, &mut scan, 0);
        if self.count > limits::FIELDS {
            return Err(Reason::TooManyHeaders); // whatever else is wrong behind the last place
        }
        let end = rare.end?;
        self.headers_end = end.start;
        self.check_mandatory(rare.unusual)?;
        self.find_body(bytes, usize::from(end.end))
    }

    /// Reads a header part alone: whatever Content-Length says, there is no body.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    pub fn scan_head(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        match self.scan(bytes) {
            // That of the body is looked at last: all fields have been found.
            Ok(()) | Err(Reason::ContentLength) => {
                self.body = Span { start: bytes.len() as u16, end: bytes.len() as u16 };
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    /// The fields in order.
    #[inline]
    pub(crate) fn fields(&self) -> &[Field] {
        self.found.fields.get(..self.count).unwrap_or_default()
    }

    /// The first field of a kind.
    #[inline]
    pub(crate) fn first(&self, kind: Kind) -> Option<&Field> {
        self.fields().get(usize::from(self.found.first[kind as usize]).checked_sub(1)?)
    }

    /// The fields from the first of a kind on; none when there is none.
    #[inline]
    pub(crate) fn fields_from(&self, kind: Kind) -> &[Field] {
        match self.found.first[kind as usize] {
            0 => &[],
            place => self.fields().get(usize::from(place) - 1..).unwrap_or_default(),
        }
    }

    /// The mandatory headers are there; none is empty, as only one of an unusual line can be.
    #[inline]
    fn check_mandatory(&self, unusual: bool) -> Result<(), Reason> {
        let all = [Kind::Via, Kind::From, Kind::To, Kind::CallId, Kind::CSeq];
        let absent = |kind: Kind| self.found.first[kind as usize] == 0;
        let empty = |kind| self.first(kind).is_none_or(|field| field.value.is_empty());
        if all.into_iter().any(absent) || (unusual && all.into_iter().any(empty)) {
            return Err(Reason::Mandatory);
        }
        Ok(())
    }

    /// The body begins at `at` and is as long as Content-Length says, else all that is left.
    #[inline(always)] // into the only caller
    fn find_body(&mut self, bytes: &[u8], at: usize) -> Result<(), Reason> {
        let rest = bytes.len().saturating_sub(at);
        let len = match self.fields_from(Kind::ContentLength) {
            [] => rest,
            [field] => content_length(field, bytes)?, // as nearly always, it is the last one
            [field, others @ ..] => {
                let len = content_length(field, bytes)?;
                let mut others = others.iter().filter(|other| other.kind == Kind::ContentLength);
                if others.any(|other| content_length(other, bytes) != Ok(len)) {
                    return Err(Reason::ContentLength);
                }
                len
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

#[inline(always)]
fn content_length(field: &Field, bytes: &[u8]) -> Result<usize, Reason> {
    number(field.value.of(bytes)).map(|len| len as usize).ok_or(Reason::ContentLength)
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
            let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
            // The table of methods does not see a NUL in front of one.
            if bytes.get(begin) == Some(&0) { Err(Reason::FirstLine) } else { Ok(begin) }
        }
        _ => Err(Reason::KeepAlive),
    }
}

/// One pass; its state is how many fields were met.
struct Scan<'a, 'b> {
    found: &'a mut Found,
    rare: &'a mut Rare<'b>,
}

impl Visit for Scan<'_, '_> {
    type State = usize;

    #[inline(always)]
    fn line(&mut self, count: &mut usize, line: Line<'_>) -> bool {
        if let Some(field) = usual_field(&line) {
            *count = self.found.keep(field, *count);
            return true;
        }
        if line.end - line.start == 1 && line.tail[1] == b'\r' {
            self.rare.end = Ok(line_span(line.start, line.end));
            return false;
        }
        self.edge(count, line.start, line.end)
    }

    #[inline(always)]
    fn edge(&mut self, count: &mut usize, start: usize, end: usize) -> bool {
        let more;
        (*count, more) = self.rare.line(self.found, *count, start, end);
        more
    }
}

impl Found {
    /// Keeps a field behind `count` others, and the way to the first one of its kind; gives how
    /// many there are now.
    #[inline(always)]
    fn keep(&mut self, field: Field, count: usize) -> usize {
        self.fields[count % limits::FIELDS] = field;
        let count = count + 1;
        let first = &mut self.first[field.kind as usize];
        if *first == 0 {
            *first = count as u16;
        }
        count
    }
}

/// The field of a line as nearly all are: a short name, a colon, one blank, a value, CRLF. `None`
/// for any other, the empty one among them.
#[inline(always)]
fn usual_field(line: &Line<'_>) -> Option<Field> {
    let head = line.head;
    let name = head.first_chunk::<16>()?;
    let len = u32::from(equal_in_16(name, b':')).trailing_zeros() as usize;
    let kind = match Kind::of_head(name, len) {
        Some(kind) => kind,
        None if is_other_name(name, len) => Kind::Other,
        None => return None,
    };
    // A name holds no LF, so that the colon stands in front of this line's end.
    let len = len & 15;
    let (b' ', b'!'..=0xFF) = (head[len + 1], head[len + 2]) else { return None };
    let [b'!'..=0xFF, b'\r'] = line.tail else { return None };
    let Line { start, end, .. } = *line;
    let colon = (start + len) as u16;
    Some(Field {
        kind,
        name: Span { start: start as u16, end: colon },
        value: Span { start: colon + 2, end: (end - 1) as u16 },
        line: line_span(start, end),
    })
}

/// Whether the first `len` bytes are a name of letters, digits and hyphens, and the next is none of
/// these. There are other names, which are read as those of unusual lines.
#[inline(always)]
fn is_other_name(head: &[u8; 16], len: usize) -> bool {
    (1..16).contains(&len) && u32::from(!words_in_16(head)).trailing_zeros() as usize == len
}

/// What happens once in a message, or not at all.
struct Rare<'a> {
    bytes: &'a [u8],
    /// There was a field that is not as nearly all are.
    unusual: bool,
    /// The empty line, or why the pass ended before it.
    end: Result<Span, Reason>,
}

impl Rare<'_> {
    /// Reads any line behind the first; `count` fields are there before it. Gives how many there
    /// are now, and whether the headers go on.
    #[inline(never)]
    fn line(&mut self, found: &mut Found, count: usize, start: usize, end: usize) -> (usize, bool) {
        self.end = match self.bytes.get(start..end).unwrap_or_default() {
            [] | [b'\r'] => Ok(line_span(start, end)),
            // RFC 3261 7.3.1: a line that begins with a blank goes on with the one before.
            [b' ' | b'\t', ..] => match count.checked_sub(1) {
                Some(last) => {
                    self.unusual = true;
                    let field = &mut found.fields[last % limits::FIELDS];
                    field.value = trimmed(self.bytes, usize::from(field.value.start), end);
                    field.line.end = (end + 1) as u16;
                    return (count, true);
                }
                None => Err(Reason::Header),
            },
            line => match any_field(self.bytes, line, start, end) {
                Ok(field) => {
                    self.unusual = true;
                    return (found.keep(field, count), true);
                }
                Err(reason) => Err(reason),
            },
        };
        (count, false)
    }
}

/// Reads `line`, which is `bytes[start..end]`: a field without its LF.
fn any_field(bytes: &[u8], line: &[u8], start: usize, end: usize) -> Result<Field, Reason> {
    let (name, _) = split_once(line, b':').ok_or(Reason::Header)?;
    let colon = start + name.len();
    let name = without_blanks(name);
    if !is_token(name) {
        return Err(Reason::Header);
    }
    Ok(Field {
        kind: Kind::of(name),
        name: Span { start: start as u16, end: (start + name.len()) as u16 },
        value: trimmed(bytes, colon + 1, end),
        line: line_span(start, end),
    })
}

/// The span of a line that begins at `start` and has its LF at `end`.
#[inline(always)]
fn line_span(start: usize, end: usize) -> Span {
    Span { start: start as u16, end: (end + 1) as u16 }
}

/// The span of `bytes[start..end]` without white space at both ends.
fn trimmed(bytes: &[u8], start: usize, end: usize) -> Span {
    let text = trim_start(bytes.get(start..end).unwrap_or_default());
    let from = end - text.len();
    Span { start: from as u16, end: (from + trim(text).len()) as u16 }
}

/// A name without the blanks before its colon.
fn without_blanks(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}
