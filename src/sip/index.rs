//! The index of a message: every header as a span, found in one pass.

use sluice_base::Span;

use crate::{Kind, Method, Reason};

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
}

impl Index {
    /// An empty index with room for a usual message.
    pub fn new() -> Self {
        unimplemented!()
    }

    /// Reads `bytes` anew.
    ///
    /// # Errors
    /// The reason why this is no SIP message; the index is then not to be used.
    pub fn scan(&mut self, _bytes: &[u8]) -> Result<(), Reason> {
        unimplemented!()
    }
}
