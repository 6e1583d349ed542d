//! A received message: its bytes and their index, with typed views on first use.

use sluice_base::Span;

use crate::nameaddr::NameAddr;
use crate::via::Via;
use crate::{Field, Index, Kind, Method, StartLine};

/// Bytes and index together; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// As received.
    pub bytes: &'a [u8],
    /// The index of exactly these bytes.
    pub index: &'a Index,
}

impl<'a> Message<'a> {
    /// The first line.
    pub fn start(&self) -> StartLine {
        self.index.start
    }
    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.start, StartLine::Request { .. })
    }
    /// The request's method; on a reply the CSeq's.
    pub fn method(&self) -> Method {
        unimplemented!()
    }
    /// The method's token; on a reply the CSeq's.
    pub fn method_token(&self) -> Span {
        unimplemented!()
    }
    /// The Request-URI; `None` on a reply.
    pub fn uri(&self) -> Option<Span> {
        unimplemented!()
    }
    /// The status code; `None` on a request.
    pub fn status(&self) -> Option<u16> {
        unimplemented!()
    }
    /// The bytes of a span.
    pub fn text(&self, span: Span) -> &'a [u8] {
        span.of(self.bytes)
    }
    /// The first field of a kind.
    pub fn field(&self, _kind: Kind) -> Option<&'a Field> {
        unimplemented!()
    }
    /// All fields of a kind, in order.
    pub fn fields(&self, _kind: Kind) -> impl Iterator<Item = &'a Field> + 'a {
        self.index.fields.iter().filter(|_| unimplemented!())
    }
    /// All fields, in order.
    pub fn all(&self) -> &'a [Field] {
        &self.index.fields
    }
    /// The value of the first field of a kind.
    pub fn value(&self, kind: Kind) -> Option<&'a [u8]> {
        self.field(kind).map(|field| self.text(field.value))
    }
    /// The Call-ID (present: the index refuses a message without).
    pub fn call_id(&self) -> &'a [u8] {
        unimplemented!()
    }
    /// CSeq number and method token.
    pub fn cseq(&self) -> Option<(u32, Span)> {
        unimplemented!()
    }
    /// The topmost Via value.
    pub fn top_via(&self) -> Option<Via<'a>> {
        unimplemented!()
    }
    /// Every Via value, over all fields and commas, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> + 'a {
        std::iter::from_fn(|| unimplemented!())
    }
    /// From.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        unimplemented!()
    }
    /// To.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        unimplemented!()
    }
    /// The body.
    pub fn body(&self) -> Span {
        self.index.body
    }
    /// The start line with its line end.
    pub fn start_line(&self) -> Span {
        self.index.start_line
    }
    /// Offset of the empty line that ends the headers: where a header is appended.
    pub fn headers_end(&self) -> u16 {
        self.index.headers_end
    }
    /// A span for a piece of this message's bytes, by address.
    pub fn span_of(&self, piece: &[u8]) -> Span {
        let start = (piece.as_ptr() as usize).wrapping_sub(self.bytes.as_ptr() as usize);
        match u16::try_from(start) {
            Ok(at) if start + piece.len() <= self.bytes.len() => {
                Span::new(at, (start + piece.len()) as u16)
            }
            _ => Span::default(),
        }
    }
}
