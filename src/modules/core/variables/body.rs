//! The body: whole, by part (RFC 2046), and as a session description (`$sdp`, read only).

use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::Index;
use sluice_sip::multipart::{boundary, is_type, parts};
use sluice_sip::sdp::{Line, Sdp, lines};
use sluice_sip::{Kind, Message};

use super::headers::{join, position};
use super::of_message;
use crate::table::variable;

const SPEC: SubKind = SubKind::Text { optional: false };

pub(super) const LIST: &[Variable] = &[
    Variable {
        sub: SubKind::Text { optional: true },
        indexed: true,
        ..variable(
            "rb",
            &[],
            "The body; `(mime)` and `[i]` a part of it; NULL without one.",
            |ctx, _, subject| {
                let body = body(ctx.message);
                match (subject.name, subject.index) {
                    (Name::None, Index::None | Index::All) => of_message(ctx, body),
                    _ => part(ctx, subject),
                }
            },
        )
    },
    Variable {
        indexed: true,
        ..variable(
            "cT",
            &[],
            "Content-Type; `[i]` that of a part of the body, `[*]` all.",
            |ctx, _, subject| content_type(ctx, subject.index),
        )
    },
    variable("sdp", &[], "The session description of the body.", |ctx, _, _| {
        of_message(ctx, sdp(ctx.message).map(|sdp| sdp.text))
    }),
    Variable {
        sub: SPEC,
        ..variable(
            "sdp.line",
            &[],
            "A line, `a=rtpmap[1]`, or a token of it, `a=x/[2]`.",
            |c, _, s| find(c, s, |sdp, spec| line(sdp.text, spec)),
        )
    },
    Variable {
        sub: SPEC,
        ..variable("sdp.session", &[], "As $sdp.line, before the first stream.", |c, _, s| {
            find(c, s, |sdp, spec| line(sdp.session(), spec))
        })
    },
    Variable {
        sub: SPEC,
        ..variable("sdp.stream", &[], "As $sdp.line, in a stream: `audio[1]/a=x`.", |c, _, s| {
            find(c, s, |sdp, spec| stream(sdp, spec).map(|(_, found)| found))
        })
    },
    Variable {
        sub: SPEC,
        ..variable("sdp.stream.idx", &[], "Number of the stream that fits.", |ctx, _, subject| {
            let Name::Text(spec) = subject.name else { return Value::Null };
            let found = sdp(ctx.message).and_then(|sdp| stream(sdp, ctx.bytes(spec)));
            found.map_or(Value::Null, |(at, _)| Value::Int(at as i64))
        })
    },
];

fn body(message: Message<'_>) -> Option<&[u8]> {
    Some(message.text(message.body())).filter(|body| !body.is_empty())
}

/// The contents of the body's parts with their types; a body that is not of several parts is one.
fn contents(message: Message<'_>) -> Vec<(Option<&[u8]>, &[u8])> {
    let Some(body) = body(message) else { return Vec::new() };
    let kind = message.value(Kind::ContentType);
    match kind.and_then(boundary) {
        Some(boundary) => {
            parts(body, boundary).map(|part| (part.content_type(), part.content)).collect()
        }
        None => vec![(kind, body)],
    }
}

fn part(ctx: &mut Ctx<'_>, subject: Subject) -> Value {
    let mut contents = contents(ctx.message);
    if let Name::Text(mime) = subject.name {
        let mime = ctx.bytes(mime);
        contents.retain(|(kind, _)| kind.is_some_and(|kind| is_type(kind, mime)));
    }
    if subject.index == Index::All {
        let texts: Vec<Text> = contents.iter().map(|(_, text)| ctx.of_message(text)).collect();
        return join(ctx, &texts);
    }
    let at = position(subject.index, contents.len());
    of_message(ctx, at.and_then(|at| contents.get(at)).map(|(_, content)| *content))
}

fn content_type(ctx: &mut Ctx<'_>, index: Index) -> Value {
    let main = ctx.message.value(Kind::ContentType);
    if index == Index::None {
        return of_message(ctx, main);
    }
    let several = main.is_some_and(|main| boundary(main).is_some());
    let kinds: Vec<&[u8]> = contents(ctx.message).iter().filter_map(|(kind, _)| *kind).collect();
    if index == Index::All {
        let all = main.filter(|_| several).into_iter().chain(kinds);
        let texts: Vec<Text> = all.map(|kind| ctx.of_message(kind)).collect();
        return join(ctx, &texts);
    }
    let at = position(index, kinds.len());
    of_message(ctx, at.and_then(|at| kinds.get(at).copied()))
}

fn sdp(message: Message<'_>) -> Option<Sdp<'_>> {
    let contents = contents(message).into_iter();
    let mut fit = contents.filter(|(kind, _)| kind.is_some_and(|k| is_type(k, b"application/sdp")));
    fit.next().map(|(_, text)| Sdp { text })
}

fn find(
    ctx: &Ctx<'_>,
    subject: Subject,
    of: impl for<'a> Fn(Sdp<'a>, &[u8]) -> Option<&'a [u8]>,
) -> Value {
    let Name::Text(spec) = subject.name else { return Value::Null };
    of_message(ctx, sdp(ctx.message).and_then(|sdp| of(sdp, ctx.bytes(spec))))
}

/// `audio[1]/a=ptime`: the number of the first stream that has the line, and the line. A media's
/// name may be shortened; without an index all its streams are looked through.
fn stream<'a>(sdp: Sdp<'a>, spec: &[u8]) -> Option<(usize, &'a [u8])> {
    let (media, rest) = step(spec);
    let rest = rest.unwrap_or_default();
    let named = |block: &[u8]| block.strip_prefix(b"m=").is_some_and(|m| m.starts_with(media.text));
    let fitting = sdp.blocks().enumerate().filter(|(_, block)| named(block));
    let mut streams = fitting.enumerate().filter(|(n, _)| media.at.is_none_or(|at| at == *n));
    streams.find_map(|(_, (at, block))| Some((at, line(block, rest)?)))
}

/// `a=rtpmap[1]/PCMU[0]`: the second line that begins so, and in it the first such token.
fn line<'a>(text: &'a [u8], spec: &[u8]) -> Option<&'a [u8]> {
    let (wanted, token) = step(spec);
    let bare = lines(text).filter(|line: &Line<'a>| line.bare().starts_with(wanted.text));
    let line = bare.map(|line| line.bare()).nth(wanted.at.unwrap_or(0))?;
    let Some(token) = token else { return Some(line) };
    let (wanted, _) = step(token);
    let value = line.get(2..)?;
    // Values of fmtp are set apart by semicolons.
    let tokens = value.split(|byte| matches!(byte, b' ' | b';')).filter(|token| !token.is_empty());
    let unescaped: Vec<u8> = wanted.text.iter().copied().filter(|byte| *byte != b'\\').collect();
    tokens.filter(|token| token.starts_with(&unescaped)).nth(wanted.at.unwrap_or(0))
}

/// A step of a path: how something begins, and which of those.
struct Step<'a> {
    text: &'a [u8],
    at: Option<usize>,
}

/// The first step of `a=rtpmap[1]/PCMU` and what follows its slash; `\/` is no end.
fn step(spec: &[u8]) -> (Step<'_>, Option<&[u8]>) {
    let end = spec.iter().enumerate().position(|(at, byte)| {
        *byte == b'/' && at.checked_sub(1).and_then(|at| spec.get(at)) != Some(&b'\\')
    });
    let (step, rest) = match end {
        Some(end) => (spec.get(..end).unwrap_or_default(), spec.get(end + 1..)),
        None => (spec, None),
    };
    let indexed = step.strip_suffix(b"]").and_then(|step| {
        let open = step.iter().rposition(|byte| *byte == b'[')?;
        let at = std::str::from_utf8(step.get(open + 1..)?).ok()?.trim().parse().ok()?;
        Some(Step { text: step.get(..open)?, at: Some(at) })
    });
    (indexed.unwrap_or(Step { text: step, at: None }), rest)
}
