//! What other modules use of `rr`: parameters of our Record-Route, and of our Route when a request
//! of the dialog has followed it.

use sluice_engine::{Ctx, Text};
use sluice_sip::params;

/// Adds text, with its own `;`, to the URI of Record-Route: now, or when it will be recorded.
pub fn add_param(ctx: &mut Ctx<'_>, more: Text) {
    let joined = match recorded(ctx) {
        Some(before) => ctx.join([before, more].into_iter()).text(),
        None => Some(more),
    };
    put(ctx, joined);
}

/// As [`add_param`], but there is one parameter of this name only: an earlier one goes.
pub fn set_param(ctx: &mut Ctx<'_>, name: &str, value: &[u8]) {
    let mut text = Vec::new();
    let before = recorded(ctx).map(|before| ctx.bytes(before)).unwrap_or_default();
    for piece in before.split(|byte| *byte == b';').filter(|piece| !piece.is_empty()) {
        if params::find(piece, name).is_none() {
            text.push(b';');
            text.extend_from_slice(piece);
        }
    }
    for piece in [b";", name.as_bytes(), b"=", value] {
        text.extend_from_slice(piece);
    }
    let text = ctx.keep(&text);
    put(ctx, Some(text));
}

/// The value of a parameter of our Route, after `loose_route()`.
pub fn param<'a>(ctx: &'a Ctx<'_>, name: &str) -> Option<&'a [u8]> {
    params::find(ctx.bytes(ctx.run.own_route?), name)
}

/// Whether the request goes to the side that began the dialog; `None` before `loose_route()` found
/// a Route of ours (spec 9.1: without a tag in it, it does not).
pub fn is_upstream(ctx: &Ctx<'_>) -> Option<bool> {
    ctx.run.own_route?;
    let from = ctx.message.from().and_then(|from| from.tag());
    Some(param(ctx, "ftag").is_some_and(|tag| Some(tag) != from))
}

fn recorded(ctx: &Ctx<'_>) -> Option<Text> {
    match &ctx.run.record {
        Some(record) => record.text,
        None => ctx.run.record_params,
    }
}

fn put(ctx: &mut Ctx<'_>, text: Option<Text>) {
    match &mut ctx.run.record {
        Some(record) => record.text = text,
        None => ctx.run.record_params = text,
    }
}
