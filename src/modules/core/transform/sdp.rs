//! `{sdp.*}`: lines and streams of a session description (RFC 4566 5).

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Text, Value};
use sluice_sip::sdp::{Sdp, lines};

use super::{entry, made, number, piece, position, text};

pub(super) const LIST: &[Transformation] = &[
    entry("sdp", "line", (1, 2), "The n-th line, from 0, that begins with some text.", line),
    entry("sdp", "stream", (1, 1), "The n-th stream, from 0, or the first of a media.", stream),
    entry(
        "sdp",
        "stream-delete",
        (1, 1),
        "All but the n-th stream, from 0, or but those of a media.",
        delete,
    ),
];

fn line(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let Some(kind) = text(ctx, params, 0) else { return Value::Null };
    let at = if params.len() > 1 { number(ctx, params, 1) } else { Some(0) };
    let at = at.and_then(|at| usize::try_from(at).ok());
    let all = lines(ctx.bytes(whole)).map(|line| line.bare());
    let kind = ctx.bytes(kind);
    let mut fitting = all.filter(|line| line.starts_with(kind));
    piece(ctx, whole, at.and_then(|at| fitting.nth(at)))
}

fn stream(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let (streams, meant) = meant(ctx, whole, params);
    let first = streams.iter().zip(meant).find_map(|(stream, meant)| meant.then_some(*stream));
    piece(ctx, whole, first)
}

fn delete(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let (streams, meant) = meant(ctx, whole, params);
    if !meant.contains(&true) {
        return Value::Null;
    }
    let session = Sdp { text: ctx.bytes(whole) }.session();
    let kept = streams.iter().zip(meant).filter(|(_, meant)| !meant).map(|(stream, _)| *stream);
    let rest: Vec<u8> = std::iter::once(session).chain(kept).flatten().copied().collect();
    made(ctx, Some(&rest))
}

/// The streams, each from its `m=` to the next one's, and which of them the parameter means: a
/// number is a place, a word the beginning of the media's name.
fn meant<'a>(ctx: &'a Ctx<'_>, whole: Text, params: &[Value]) -> (Vec<&'a [u8]>, Vec<bool>) {
    let streams: Vec<&[u8]> = Sdp { text: ctx.bytes(whole) }.blocks().collect();
    let media = params.first().and_then(|param| param.text()).map(|media| ctx.bytes(media));
    let at = number(ctx, params, 0).map(|at| position(at, streams.len()));
    let meant = streams.iter().enumerate().map(|(n, stream)| match (at, media) {
        (Some(at), _) => at == Some(n),
        (None, Some(media)) => {
            let name = stream.get(2..).unwrap_or_default().split(|byte| *byte == b' ').next();
            name.is_some_and(|name| name.eq_ignore_ascii_case(media.trim_ascii()))
        }
        (None, None) => false,
    });
    let meant = meant.collect();
    (streams, meant)
}
