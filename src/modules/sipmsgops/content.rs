//! What the received body holds: one content, or the parts of a multipart body; those that the
//! script has removed or replaced are left out.

use sluice_engine::Ctx;
use sluice_sip::Kind;
use sluice_sip::multipart::{Part, boundary, is_type, parts};
use sluice_sip::sdp::Sdp;

/// A content of the body as received.
#[derive(Clone, Copy)]
pub(super) struct Content<'a> {
    /// Its type; empty when there is none.
    pub mime: &'a [u8],
    /// Its bytes.
    pub text: &'a [u8],
    /// All of the part that it is in; `None` when it is the body.
    pub part: Option<&'a [u8]>,
}

impl<'a> Content<'a> {
    /// Whether it is of a type. Words that are no `type/subtype` fit any (spec 9.2).
    pub(super) fn is(&self, mime: &[u8]) -> bool {
        !mime.contains(&b'/') || is_type(self.mime, mime)
    }

    fn of(part: Part<'a>) -> Self {
        // RFC 2046 5.1: a part that does not say its type is plain text.
        let mime = part.content_type().unwrap_or(b"text/plain");
        Self { mime, text: part.content, part: Some(part.whole) }
    }
}

/// The boundary of the received body; `None` when it is no multipart body.
pub(super) fn received_boundary<'a>(ctx: &Ctx<'a>) -> Option<&'a [u8]> {
    boundary(ctx.message.value(Kind::ContentType)?)
}

/// The contents that are left, in order.
pub(super) fn contents<'a>(ctx: &Ctx<'a>) -> Vec<Content<'a>> {
    let message = ctx.message;
    let text = message.text(message.body());
    let mime = message.value(Kind::ContentType).unwrap_or_default();
    let replaced = |piece: &[u8]| ctx.run.patches.replaced(message.span_of(piece)).is_some();
    if text.is_empty() || replaced(text) {
        return Vec::new();
    }
    match received_boundary(ctx) {
        Some(boundary) => {
            parts(text, boundary).filter(|part| !replaced(part.whole)).map(Content::of).collect()
        }
        None => vec![Content { mime, text, part: None }],
    }
}

/// The session descriptions that are left.
pub(crate) fn descriptions<'a>(ctx: &Ctx<'a>) -> impl Iterator<Item = Sdp<'a>> + use<'a> {
    let contents = contents(ctx).into_iter();
    let sdp = contents.filter(|content| is_type(content.mime, b"application/sdp"));
    sdp.map(|content| Sdp { text: content.text })
}
