//! Functions that look for, add and remove header fields. Adding and removing are patches: reads
//! still see the message as received (spec 2.4).

use std::any::Any;

use sluice_engine::context::bytes_in;
use sluice_engine::headers::named;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::{Field, Place};

use crate::regexes::{Read, Regexes};
use crate::table::{function, optional, param};

const NAME: &[ParamDef] = &[param("name", ParamKind::Text)];
const LINE: &[ParamDef] = &[param("line", ParamKind::Text), optional("header", ParamKind::Text)];
const REMOVE: &[ParamDef] =
    &[param("name", ParamKind::Text), optional("flags", ParamKind::Literal)];
const PATTERN: &[ParamDef] = &[param("pattern", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[
    function("is_present_hf", "Whether there is a header.", NAME, Routes::ANY, |ctx, _, args| {
        let name = text(args, 0).map(|name| ctx.bytes(name)).unwrap_or_default();
        Flow::of(named(ctx.message, name).next().is_some())
    }),
    function(
        "append_hf",
        "Adds text behind the last header, or behind the last one of a name.",
        LINE,
        Routes::ANY,
        |ctx, _, args| {
            let behind = match text(args, 1) {
                Some(name) => named(ctx.message, ctx.bytes(name)).last().map(|f| f.line.end),
                None => None,
            };
            put(ctx, args, behind.unwrap_or(ctx.message.headers_end()), Place::After)
        },
    ),
    function(
        "insert_hf",
        "Adds text before the first header, or before the first one of a name.",
        LINE,
        Routes::ANY,
        |ctx, _, args| {
            let before = match text(args, 1) {
                Some(name) => named(ctx.message, ctx.bytes(name)).next().map(|f| f.line.start),
                None => None,
            };
            put(ctx, args, before.unwrap_or(ctx.message.start_line().end), Place::Before)
        },
    ),
    function(
        "append_to_reply",
        "Adds text to local replies.",
        &[param("line", ParamKind::Text)],
        Routes::ANY,
        |ctx, _, args| {
            let Some(line) = text(args, 0) else { return Flow::FALSE };
            let mut lines = std::mem::take(&mut ctx.run.reply_lines);
            lines.extend_from_slice(ctx.bytes(line));
            ctx.run.reply_lines = lines;
            Flow::TRUE
        },
    ),
    function(
        "append_body_to_reply",
        "Gives local replies a body, without a Content-Type; the last one counts.",
        &[param("body", ParamKind::Text)],
        Routes::ANY,
        |ctx, _, args| {
            ctx.run.reply_body = text(args, 0);
            Flow::of(ctx.run.reply_body.is_some())
        },
    ),
    function(
        "append_urihf",
        "Adds a header behind the last one: prefix, received Request-URI, suffix.",
        &[param("prefix", ParamKind::Text), param("suffix", ParamKind::Text)],
        Routes::REQUESTS,
        |ctx, _, args| {
            let (Some(prefix), Some(suffix)) = (text(args, 0), text(args, 1)) else {
                return Flow::FALSE;
            };
            let Some(uri) = ctx.original_ruri() else { return Flow::FALSE };
            let line = ctx.join([prefix, uri, suffix].into_iter());
            put(ctx, &[line], ctx.message.headers_end(), Place::After)
        },
    ),
    function("append_time", "Adds Date to local replies.", &[], Routes::ANY, |ctx, _, _| {
        let lines = &mut ctx.run.reply_lines;
        crate::core::api::date_line(ctx.now.wall_s(), lines);
        Flow::TRUE
    }),
    function(
        "remove_hf",
        "Removes all headers of a name; flag r: of a regex, g: of a glob; false without any.",
        REMOVE,
        Routes::ANY,
        |ctx, state, args| {
            let flags = text(args, 1).map(|flags| ctx.bytes(flags)).unwrap_or_default();
            match (flags.contains(&b'r'), flags.contains(&b'g')) {
                (true, _) => remove_re(ctx, state, args),
                (_, true) => remove_glob(ctx, args),
                _ => {
                    let name = text(args, 0).map(|name| ctx.bytes(name)).unwrap_or_default();
                    let found: Vec<Field> = named(ctx.message, name).copied().collect();
                    remove(ctx, &found)
                }
            }
        },
    ),
    function(
        "is_privacy",
        "Whether Privacy holds a value (RFC 3323).",
        &[param("value", ParamKind::Text)],
        Routes::ANY,
        |ctx, _, args| {
            let wanted = text(args, 0).map(|value| ctx.bytes(value)).unwrap_or_default();
            let is = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(wanted);
            let has = |field: &Field| {
                ctx.message.text(field.value).split(|byte| matches!(byte, b';' | b',')).any(is)
            };
            Flow::of(named(ctx.message, b"Privacy").any(has))
        },
    ),
    function(
        "get_glob_headers_values",
        "Pushes names and values of all headers whose name fits a glob; false without any.",
        &[
            param("pattern", ParamKind::Text),
            param("names", ParamKind::Output),
            param("values", ParamKind::Output),
        ],
        Routes::ANY,
        glob_values,
    ),
    function(
        "remove_hf_re",
        "Removes all headers whose name a regex finds; false without any.",
        PATTERN,
        Routes::ANY,
        remove_re,
    ),
    function(
        "remove_hf_glob",
        "Removes all headers whose name fits a glob (`*`, `?`); false without any.",
        PATTERN,
        Routes::ANY,
        |ctx, _, args| remove_glob(ctx, args),
    ),
];

fn text(args: &[Value], at: usize) -> Option<Text> {
    args.get(at).and_then(|value| value.text())
}

/// Puts the first argument at a place of the message.
fn put(ctx: &mut Ctx<'_>, args: &[Value], at: u16, place: Place) -> Flow {
    let Some(line) = text(args, 0) else { return Flow::FALSE };
    let run = &mut *ctx.run;
    let text = bytes_in(line, ctx.message, &run.arena, ctx.shared);
    run.patches.insert(at, place, text);
    Flow::TRUE
}

fn remove_re(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let pattern = text(args, 0).map(|pattern| ctx.bytes(pattern)).unwrap_or_default();
    let regex = state.downcast_mut::<Regexes>().and_then(|all| all.get(pattern, Read::USUAL));
    let Some(regex) = regex else { return Flow::Fail("bad regex") };
    remove_where(ctx, |name| regex.is_match(name))
}

fn remove_glob(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(pattern) = text(args, 0) else { return Flow::FALSE };
    let pattern = ctx.bytes(pattern).to_ascii_lowercase();
    remove_where(ctx, |name| glob(&pattern, &name.to_ascii_lowercase()))
}

fn glob_values(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(pattern), [_, names, values]) = (text(args, 0), args) else { return Flow::FALSE };
    let pattern = ctx.bytes(pattern).to_ascii_lowercase();
    let mut found = false;
    // The last one given is assigned first: AVPs show the first header first.
    for field in ctx.message.all() {
        let (name, value) = (ctx.message.text(field.name), ctx.message.text(field.value));
        if glob(&pattern, &name.to_ascii_lowercase()) {
            ctx.output(*names, Value::Text(ctx.of_message(name)));
            ctx.output(*values, Value::Text(ctx.of_message(value)));
            found = true;
        }
    }
    Flow::of(found)
}

fn remove_where(ctx: &mut Ctx<'_>, fits: impl Fn(&[u8]) -> bool) -> Flow {
    let all = ctx.message.all().iter();
    let found: Vec<Field> =
        all.filter(|field| fits(ctx.message.text(field.name))).copied().collect();
    remove(ctx, &found)
}

fn remove(ctx: &mut Ctx<'_>, fields: &[Field]) -> Flow {
    fields.iter().for_each(|field| ctx.run.patches.replace(field.line, b""));
    Flow::of(!fields.is_empty())
}

/// Whether all of `text` fits a pattern of `*` and `?`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last `*` takes one more byte.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((after, taken)) => {
                    *taken += 1;
                    (p, t) = (*after, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("x-*", "x-a", true),
            ("x-*", "ax-a", false),
            ("*a*b", "xaab", true),
            ("*a*b", "xaabc", false),
            ("?", "", false),
            ("?*", "a", true),
            ("", "", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }
}
