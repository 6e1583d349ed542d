//! A received message: its bytes and their index, with typed views on first use.
//!
//! Takes bytes that [`Index::scan`] accepted; what it does not find or cannot read is `None`.

use sluice_base::Span;

use crate::nameaddr::{NameAddr, items};
use crate::text::{is_token, leading_digits, number, trim_start};
use crate::via::{Known, Via};
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
    #[inline]
    pub fn start(&self) -> StartLine {
        self.index.start
    }
    /// Whether it is a request.
    #[inline]
    pub fn is_request(&self) -> bool {
        matches!(self.index.start, StartLine::Request { .. })
    }
    /// The request's method; on a reply the CSeq's.
    #[inline]
    pub fn method(&self) -> Method {
        match self.index.start {
            StartLine::Request { method, .. } => method,
            StartLine::Reply { .. } => self.cseq_method(),
        }
    }
    /// The method of the CSeq, where it stands behind a number and a blank.
    fn cseq_method(&self) -> Method {
        let value = self.value(Kind::CSeq).unwrap_or_default();
        let rest = value.get(leading_digits(value)..).unwrap_or_default();
        let token = trim_start(rest);
        if rest.len() == value.len() || rest.len() == token.len() {
            return Method::Other;
        }
        Method::of(token)
    }
    /// The method's token; on a reply the CSeq's (empty when unreadable).
    pub fn method_token(&self) -> Span {
        match self.index.start {
            StartLine::Request { token, .. } => token,
            StartLine::Reply { .. } => self.cseq().map_or(Span::default(), |(_, token)| token),
        }
    }
    /// The Request-URI; `None` on a reply.
    #[inline]
    pub fn uri(&self) -> Option<Span> {
        match self.index.start {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Reply { .. } => None,
        }
    }
    /// The status code; `None` on a request.
    #[inline]
    pub fn status(&self) -> Option<u16> {
        match self.index.start {
            StartLine::Reply { status, .. } => Some(status),
            StartLine::Request { .. } => None,
        }
    }
    /// The bytes of a span.
    #[inline]
    pub fn text(&self, span: Span) -> &'a [u8] {
        span.of(self.bytes)
    }
    /// The first field of a kind.
    #[inline]
    pub fn field(&self, kind: Kind) -> Option<&'a Field> {
        self.index.first(kind)
    }
    /// All fields of a kind, in order.
    pub fn fields(&self, kind: Kind) -> impl Iterator<Item = &'a Field> + use<'a> {
        let fields = self.index.fields_from(kind);
        fields.iter().filter(move |field| field.kind == kind)
    }
    /// All fields, in order.
    pub fn all(&self) -> &'a [Field] {
        self.index.fields()
    }
    /// The value of the first field of a kind.
    #[inline]
    pub fn value(&self, kind: Kind) -> Option<&'a [u8]> {
        self.field(kind).map(|field| self.text(field.value))
    }
    /// The Call-ID (present: the index refuses a message without).
    #[inline]
    pub fn call_id(&self) -> &'a [u8] {
        self.value(Kind::CallId).unwrap_or_default()
    }
    /// CSeq number and method token.
    pub fn cseq(&self) -> Option<(u32, Span)> {
        let value = self.value(Kind::CSeq)?;
        let (digits, rest) = value.split_at(leading_digits(value));
        let method = trim_start(rest);
        let good = method.len() < rest.len() && is_token(method);
        good.then_some((number(digits)?, self.span_of(method)))
    }
    /// The topmost Via value.
    pub fn top_via(&self) -> Option<Via<'a>> {
        Via::parse(items(self.value(Kind::Via)?).next()?)
    }
    /// The topmost Via value, and what is known of it.
    #[inline]
    pub fn top_via_known(&self) -> Option<(Via<'a>, Known<'a>)> {
        Via::first(self.value(Kind::Via)?)
    }
    /// The Via value behind the topmost, whose sender gets a reply; `None` also when the field that
    /// it should stand in is empty or cannot be read.
    pub fn next_via(&self) -> Option<Via<'a>> {
        let mut fields = self.fields(Kind::Via).map(|field| items(self.text(field.value)));
        let mut values = fields.next()?;
        values.next()?;
        Via::parse(values.next().or_else(|| fields.next()?.next())?)
    }
    /// Every Via value that can be read, over all fields and commas, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> + use<'a> {
        self.items(Kind::Via).filter_map(Via::parse)
    }
    /// Every item of the fields of a kind, over all fields and commas, topmost first.
    pub fn items(&self, kind: Kind) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let message = *self;
        self.fields(kind).flat_map(move |field| items(message.text(field.value)))
    }
    /// Every name-addr of a kind (Contact, Route, Record-Route) that can be read, topmost first.
    pub fn name_addrs(&self, kind: Kind) -> impl Iterator<Item = NameAddr<'a>> + use<'a> {
        self.items(kind).filter_map(NameAddr::parse)
    }
    /// From.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.value(Kind::From)?)
    }
    /// To.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.value(Kind::To)?)
    }
    /// Max-Forwards; `None` when absent or no number.
    pub fn max_forwards(&self) -> Option<u32> {
        number(self.value(Kind::MaxForwards)?)
    }
    /// Whether the CSeq can be read and its method is the request's (RFC 3261 8.1.1.5).
    #[inline]
    pub fn has_good_cseq(&self) -> bool {
        let StartLine::Request { token, .. } = self.index.start else {
            return self.cseq().is_some();
        };
        let value = self.value(Kind::CSeq).unwrap_or_default();
        let (digits, rest) = value.split_at(leading_digits(value));
        let method = trim_start(rest);
        // Nine digits fit; more must be looked at.
        method.len() < rest.len()
            && method == self.text(token)
            && (matches!(digits.len(), 1..=9) || number(digits).is_some())
    }
    /// The body.
    #[inline]
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
    #[inline]
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
