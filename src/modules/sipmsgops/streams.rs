//! Functions on the media streams of session descriptions (spec 9.2).

use std::any::Any;

use regex::bytes::Regex;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::sdp::{Direction, Stream};

use super::content::descriptions;
use crate::regexes::{Read, with_regex};
use crate::table::{function, optional, param};

const RE: &[ParamDef] = &[param("media", ParamKind::Regex), optional("protocol", ParamKind::Regex)];

pub(super) const LIST: &[Function] = &[
    function(
        "stream_exists",
        "Whether SDP has a stream whose media, and protocol if given, a regex finds.",
        RE,
        Routes::ANY,
        |ctx, state, args| select(ctx, state, args, |_, _| {}),
    ),
    function(
        "stream_delete",
        "Removes the streams from SDP whose media, and protocol if given, a regex finds.",
        RE,
        Routes::ANY,
        |ctx, state, args| {
            select(ctx, state, args, |ctx, stream| {
                let whole = ctx.message.span_of(stream.text);
                ctx.run.patches.remove(whole);
            })
        },
    ),
    function(
        "is_audio_on_hold",
        "1 when audio is on hold by a null address (RFC 2543), 2 by its direction (RFC 3264).",
        &[],
        Routes::ANY,
        |ctx, _, _| on_hold(ctx),
    ),
];

/// Whether a stream is neither removed nor refused by an edit of this run.
pub(super) fn is_left(ctx: &Ctx<'_>, stream: &Stream<'_>) -> bool {
    let became = |piece: &[u8]| ctx.run.patches.replaced(ctx.message.span_of(piece));
    became(stream.text) != Some(b"") && became(stream.port) != Some(b"0")
}

/// Calls `with` for each stream that fits; false when none does.
fn select(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    with: fn(&mut Ctx<'_>, &Stream<'_>),
) -> Flow {
    let regex = |at: usize| args.get(at).copied().filter(|value| !value.is_null());
    let Some(media) = regex(0) else { return Flow::FALSE };
    let of = |state: &mut dyn Any, ctx: &mut Ctx<'_>, value: Value| {
        with_regex(ctx, state, value, Read::USUAL, |_, regex| regex.clone())
    };
    let Some(media) = of(state, ctx, media) else { return Flow::Fail("bad regex") };
    let protocol = match regex(1).map(|value| of(state, ctx, value)) {
        Some(None) => return Flow::Fail("bad regex"),
        Some(protocol) => protocol,
        None => None,
    };
    let fits = |regex: Option<&Regex>, text: &[u8]| regex.is_none_or(|regex| regex.is_match(text));
    let mut found = false;
    for stream in descriptions(ctx).flat_map(|sdp| sdp.streams()) {
        let wanted = fits(Some(&media), stream.media) && fits(protocol.as_ref(), stream.protocol);
        if wanted && is_left(ctx, &stream) {
            with(ctx, &stream);
            found = true;
        }
    }
    Flow::of(found)
}

fn on_hold(ctx: &mut Ctx<'_>) -> Flow {
    for sdp in descriptions(ctx) {
        let (common, way) = (sdp.connection(), sdp.direction());
        for stream in sdp.streams().filter(|stream| stream.media.eq_ignore_ascii_case(b"audio")) {
            if !is_left(ctx, &stream) {
                continue;
            }
            if stream.connection().or(common) == Some(b"0.0.0.0") {
                return Flow::Code(1);
            }
            let direction = stream.direction().or(way);
            if matches!(direction, Some(Direction::SendOnly | Direction::Inactive)) {
                return Flow::Code(2);
            }
        }
    }
    Flow::FALSE
}
