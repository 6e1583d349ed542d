//! `uac_replace_from()`, `uac_replace_to()` (spec 9.8): another party in From or To of what is sent
//! on. Replies get the caller's own, and so do later requests, by what Record-Route stores.

use sluice_base::Span;
use sluice_engine::originals::Replaced;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::Kind;
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::uri::Uri;

use super::params::{Mode, Options};
use super::stored;
use crate::rr::api as rr;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Party {
    From,
    To,
}

impl Party {
    pub fn kind(self) -> Kind {
        match self {
            Self::From => Kind::From,
            Self::To => Kind::To,
        }
    }

    fn replaced(self) -> Replaced {
        match self {
            Self::From => Replaced::FROM,
            Self::To => Replaced::TO,
        }
    }
}

/// Where the pieces of a From or To are.
struct Pieces {
    /// The display name.
    name: Option<Span>,
    uri: Span,
    /// The bracket in front of the URI.
    open: Option<u16>,
}

/// With one parameter it is the URI, as in 1.x.
pub(super) fn call(ctx: &mut Ctx<'_>, options: &Options, party: Party, args: &[Value]) -> Flow {
    let mut texts = [0, 1].map(|at| args.get(at).and_then(|arg| arg.text()));
    if texts[1].is_none() {
        texts.swap(0, 1);
    }
    let [display, uri] = texts.map(|text| text.map(|text| ctx.bytes(text).to_vec()));
    let whole = |text: &Vec<u8>| !text.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    if !display.iter().chain(&uri).all(whole) {
        return Flow::Fail("uac: a party does not fill more than a line");
    }
    let uri = uri.filter(|uri| !uri.is_empty());
    if uri.as_ref().is_some_and(|uri| Uri::parse(uri).is_none()) {
        return Flow::Fail("uac: a party's URI is none");
    }
    // spec 9.8: what later requests say follows from the first one.
    let later = ctx.message.to().is_some_and(|to| to.tag().is_some());
    if options.mode == Mode::Auto && later && uri.is_some() {
        return Flow::Fail("uac: From and To of a later request are restored, not replaced");
    }
    let Some(pieces) = pieces(ctx, party) else { return Flow::FALSE };
    let old = ctx.message.text(pieces.uri);
    if let Some(uri) = &uri
        && options.mode != Mode::None
    {
        let name = match party {
            Party::From => &options.from_param,
            Party::To => &options.to_param,
        };
        let Some(value) = stored::encode(old, uri, &options.password) else {
            return Flow::Fail("uac: a URI is too long to be stored");
        };
        rr::set_param(ctx, name, value.as_bytes());
    }
    put(ctx, &pieces, display.as_deref(), uri.as_deref());
    ctx.run.replaced = ctx.run.replaced.and(party.replaced());
    Flow::TRUE
}

fn pieces(ctx: &Ctx<'_>, party: Party) -> Option<Pieces> {
    let value = ctx.message.value(party.kind())?;
    let read = NameAddr::parse(value)?;
    let uri = ctx.message.span_of(read.uri);
    let start = ctx.message.span_of(value).start;
    let before = ctx.message.text(Span::new(start, uri.start)).trim_ascii_end();
    let open = before.ends_with(b"<").then(|| start + before.len() as u16 - 1);
    Some(Pieces { name: read.name.map(|name| ctx.message.span_of(name)), uri, open })
}

/// An empty display name is taken away, and one that is not given stays.
fn put(ctx: &mut Ctx<'_>, pieces: &Pieces, display: Option<&[u8]>, uri: Option<&[u8]>) {
    let message = ctx.message;
    let patches = &mut ctx.run.patches;
    let Some(open) = pieces.open else {
        // Without brackets a display name needs them, and so does a URI with parameters.
        let uri = uri.unwrap_or(message.text(pieces.uri));
        let name = display.filter(|name| !name.is_empty());
        let space: &[u8] = if name.is_some() { b" " } else { b"" };
        let whole = [name.unwrap_or_default(), space, b"<", uri, b">"].concat();
        return patches.replace_anew(pieces.uri, &whole);
    };
    match (pieces.name, display) {
        (Some(name), Some(display)) => patches.replace_anew(name, display),
        (None, Some(display)) => {
            let space: &[u8] = if display.is_empty() { b"" } else { b" " };
            patches.replace_anew(Span::new(open, open), &[display, space].concat());
        }
        (_, None) => {}
    }
    if let Some(uri) = uri {
        patches.replace_anew(pieces.uri, uri);
    }
}

/// Replaces the URI of a party and no more.
pub(super) fn put_uri(ctx: &mut Ctx<'_>, party: Party, uri: &[u8]) -> bool {
    let Some(pieces) = pieces(ctx, party) else { return false };
    put(ctx, &pieces, None, Some(uri));
    ctx.run.replaced = ctx.run.replaced.and(party.replaced());
    true
}

/// The URI of a party as the caller wrote it.
pub(super) fn uri_of<'a>(ctx: &Ctx<'a>, party: Party) -> Option<&'a [u8]> {
    NameAddr::parse(ctx.message.value(party.kind())?).map(|read| read.uri)
}
