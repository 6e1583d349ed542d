//! Functions on the codecs of session descriptions (spec 9.2).
//!
//! An edit sees what earlier edits of these functions left: after `codec_delete("speex")`,
//! `codec_exists("speex")` is false. A stream that loses its last codec is refused by port 0
//! (RFC 3264 6), since an `m=` line without a format would be none.

use std::any::Any;

use ahash::{AHashMap, AHashSet};
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::sdp::{Codec, Line, Stream, lines};

use super::content::descriptions;
use crate::regexes::{Read, with_regex};
use crate::table::{function, optional, param};

const A: Routes = Routes::ANY;
const NAME: &[ParamDef] = &[param("name", ParamKind::Text), optional("clock", ParamKind::Text)];
const RE: &[ParamDef] = &[param("regex", ParamKind::Regex)];

pub(super) const LIST: &[Function] = &[
    function("codec_exists", "Whether SDP offers a codec.", NAME, A, |ctx, _, args| {
        named(ctx, args, Act::Find)
    }),
    function("codec_delete", "Removes a codec from SDP.", NAME, A, |ctx, _, args| {
        named(ctx, args, Act::Delete)
    }),
    function("codec_move_up", "Makes a codec the first of SDP.", NAME, A, |ctx, _, args| {
        named(ctx, args, Act::MoveUp)
    }),
    function("codec_move_down", "Makes a codec the last of SDP.", NAME, A, |ctx, _, args| {
        named(ctx, args, Act::MoveDown)
    }),
    function("codec_exists_re", "Whether SDP offers a codec.", RE, A, |ctx, state, args| {
        found_by_regex(ctx, state, args, Act::Find, true)
    }),
    function("codec_delete_re", "Removes codecs from SDP.", RE, A, |ctx, state, args| {
        found_by_regex(ctx, state, args, Act::Delete, true)
    }),
    function(
        "codec_delete_except_re",
        "Removes all codecs from SDP but those that a regex finds.",
        RE,
        A,
        |ctx, state, args| found_by_regex(ctx, state, args, Act::Delete, false),
    ),
    function("codec_move_up_re", "Makes codecs the first of SDP.", RE, A, |ctx, state, args| {
        found_by_regex(ctx, state, args, Act::MoveUp, true)
    }),
    function("codec_move_down_re", "Makes codecs the last of SDP.", RE, A, |ctx, state, args| {
        found_by_regex(ctx, state, args, Act::MoveDown, true)
    }),
];

/// What is done with the codecs that are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Find,
    Delete,
    MoveUp,
    MoveDown,
}

fn named(ctx: &mut Ctx<'_>, args: &[Value], act: Act) -> Flow {
    let text = |at: usize| args.get(at).and_then(|value| value.text());
    let Some(name) = text(0).map(|name| ctx.bytes(name).to_vec()) else { return Flow::FALSE };
    let clock = text(1).map(|clock| ctx.bytes(clock).to_vec());
    let is_meant = |codec: Codec<'_>| {
        let same_clock = clock.as_ref().is_none_or(|clock| codec.clock == clock.as_slice());
        same_clock && codec.name.eq_ignore_ascii_case(&name)
    };
    all_streams(ctx, act, &is_meant)
}

/// `wanted` says whether those are meant that the regex finds, or the others.
fn found_by_regex(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    act: Act,
    wanted: bool,
) -> Flow {
    let regex = args.first().copied().unwrap_or_default();
    let done = with_regex(ctx, state, regex, Read::USUAL, |ctx, regex| {
        all_streams(ctx, act, &|codec| regex.is_match(codec.name) == wanted)
    });
    done.unwrap_or(Flow::Fail("bad regex"))
}

/// Does it in every stream of every description; false when none has a codec that is meant.
fn all_streams(ctx: &mut Ctx<'_>, act: Act, is_meant: &dyn Fn(Codec<'_>) -> bool) -> Flow {
    let mut found = false;
    for sdp in descriptions(ctx) {
        for stream in sdp.streams() {
            if super::streams::is_left(ctx, &stream) {
                found |= one_stream(ctx, &stream, act, is_meant);
            }
        }
    }
    Flow::of(found)
}

fn one_stream(
    ctx: &mut Ctx<'_>,
    stream: &Stream<'_>,
    act: Act,
    is_meant: &dyn Fn(Codec<'_>) -> bool,
) -> bool {
    let place = ctx.message.span_of(stream.formats);
    let now = ctx.run.patches.replaced(place).unwrap_or(stream.formats).to_vec();
    let codecs = Codecs::of(stream);
    let (meant, others): (Vec<&[u8]>, Vec<&[u8]>) = now
        .split(u8::is_ascii_whitespace)
        .filter(|format| !format.is_empty())
        .partition(|format| codecs.get(format).is_some_and(is_meant));
    if meant.is_empty() || act == Act::Find {
        return !meant.is_empty();
    }
    let list = match act {
        Act::Delete if others.is_empty() => {
            let port = ctx.message.span_of(stream.port);
            ctx.run.patches.replace_anew(port, b"0");
            meant.get(..1).unwrap_or_default().join(&b' ')
        }
        Act::Delete => others.join(&b' '),
        Act::MoveDown => [&others[..], &meant].concat().join(&b' '),
        Act::MoveUp | Act::Find => [&meant[..], &others].concat().join(&b' '),
    };
    ctx.run.patches.replace_anew(place, &list);
    if act == Act::Delete {
        let meant: AHashSet<&[u8]> = meant.into_iter().collect();
        let about = |line: &Line<'_>| line.payload().is_some_and(|format| meant.contains(format));
        for line in lines(stream.text).filter(about) {
            let line = ctx.message.span_of(line.text);
            ctx.run.patches.remove(line);
        }
    }
    true
}

/// The codecs of a stream by payload type; read once, since a hostile stream has thousands.
struct Codecs<'a> {
    mapped: AHashMap<&'a [u8], Codec<'a>>,
    /// Payload types that need no `a=rtpmap` count.
    assigned: bool,
}

impl<'a> Codecs<'a> {
    fn of(stream: &Stream<'a>) -> Self {
        let mut mapped = AHashMap::new();
        for line in lines(stream.text) {
            if let (Some(codec), Some(format)) = (Codec::of(&line), line.payload()) {
                mapped.entry(format).or_insert(codec);
            }
        }
        Self { mapped, assigned: stream.protocol.starts_with(b"RTP/") }
    }

    fn get(&self, format: &[u8]) -> Option<Codec<'a>> {
        let mapped = self.mapped.get(format).copied();
        mapped.or_else(|| Codec::assigned(format).filter(|_| self.assigned))
    }
}
