//! The functions of `textops`.

use std::any::Any;
use std::ops::Range;

use regex::bytes::Regex;
use sluice_base::Span;
use sluice_engine::context::bytes_in;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::Place;

use crate::core::api::set_user;
use crate::regexes::{Read, Regexes, with_regex};
use crate::subst::Subst;
use crate::table::{function, param};

const A: Routes = Routes::ANY;
const RE: &[ParamDef] = &[param("regex", ParamKind::Regex)];
const RE_TEXT: &[ParamDef] = &[param("regex", ParamKind::Regex), param("text", ParamKind::Text)];
const WHOLE_TEXT: &[ParamDef] =
    &[param("regex", ParamKind::WholeRegex), param("text", ParamKind::Text)];
const SUBST: &[ParamDef] = &[param("substitution", ParamKind::Subst)];

pub(super) const LIST: &[Function] = &[
    function("search", "Whether a regex finds something in the message.", RE, A, |c, s, args| {
        let whole = 0..c.message.bytes.len();
        search(c, s, args, whole)
    }),
    function("search_body", "Whether a regex finds something in the body.", RE, A, |c, s, args| {
        let body = body(c);
        search(c, s, args, body)
    }),
    function("search_append", "Adds text behind the first match.", RE_TEXT, A, |c, s, args| {
        let headers = headers(c);
        edit(c, s, args, headers, Edit::Append)
    }),
    function(
        "search_append_body",
        "Adds text behind the first match in the body.",
        RE_TEXT,
        A,
        |c, s, args| {
            let body = body(c);
            edit(c, s, args, body, Edit::Append)
        },
    ),
    function("replace", "Replaces the first match by a text.", RE_TEXT, A, |c, s, args| {
        let headers = headers(c);
        edit(c, s, args, headers, Edit::First)
    }),
    function("replace_all", "Replaces every match by a text.", RE_TEXT, A, |c, s, args| {
        let headers = headers(c);
        edit(c, s, args, headers, Edit::All)
    }),
    function("replace_body", "Replaces the body's first match.", RE_TEXT, A, |c, s, args| {
        let body = body(c);
        edit(c, s, args, body, Edit::First)
    }),
    function("replace_body_all", "Replaces the body's matches.", RE_TEXT, A, |c, s, args| {
        let body = body(c);
        edit(c, s, args, body, Edit::All)
    }),
    function(
        "replace_body_atonce",
        "Replaces the body's matches; line breaks are characters like others.",
        WHOLE_TEXT,
        A,
        |c, s, args| {
            let body = body(c);
            edit(c, s, args, body, Edit::AllWhole)
        },
    ),
    function("subst", "Substitutes in headers and body.", SUBST, A, |c, s, args| {
        let headers = headers(c);
        subst(c, s, args, headers)
    }),
    function("subst_body", "Substitutes in the body.", SUBST, A, |c, s, args| {
        let body = body(c);
        subst(c, s, args, body)
    }),
    function(
        "subst_uri",
        "Substitutes in the Request-URI.",
        SUBST,
        Routes::REQUESTS,
        |c, s, args| {
            let uri = c.ruri();
            match substituted(c, s, args, uri) {
                Ok(Some(uri)) => {
                    c.run.ruri = Some(uri);
                    Flow::TRUE
                }
                Ok(None) => Flow::FALSE,
                Err(flow) => flow,
            }
        },
    ),
    function(
        "subst_user",
        "Substitutes in the user of the Request-URI.",
        SUBST,
        Routes::REQUESTS,
        |c, s, args| {
            let whole = c.ruri();
            let user = whole.and_then(|uri| Some(c.piece(uri, c.uri(uri)?.user?)));
            match substituted(c, s, args, user) {
                Ok(Some(user)) => Flow::of(set_user(c, user)),
                Ok(None) => Flow::FALSE,
                Err(flow) => flow,
            }
        },
    ),
];

/// What an edit does at a match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Append,
    First,
    All,
    /// As `All`, for a regex that looks at the body as one line.
    AllWhole,
}

/// All behind the first line.
fn headers(ctx: &Ctx<'_>) -> Range<usize> {
    usize::from(ctx.message.start_line().end)..ctx.message.bytes.len()
}

fn body(ctx: &Ctx<'_>) -> Range<usize> {
    let body = ctx.message.body();
    usize::from(body.start)..usize::from(body.end)
}

fn search(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], range: Range<usize>) -> Flow {
    let regex = args.first().copied().unwrap_or_default();
    let found = with_regex(ctx, state, regex, Read::USUAL, |ctx, regex| {
        regex.is_match(ctx.message.bytes.get(range).unwrap_or_default())
    });
    found.map_or(Flow::Fail("bad regex"), Flow::of)
}

fn edit(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    range: Range<usize>,
    edit: Edit,
) -> Flow {
    let Some(text) = args.get(1).and_then(|text| text.text()) else { return Flow::FALSE };
    let regex = args.first().copied().unwrap_or_default();
    let read = Read { whole: edit == Edit::AllWhole, ..Read::USUAL };
    let done = with_regex(ctx, state, regex, read, |ctx, regex| {
        let region = ctx.message.bytes.get(range.clone()).unwrap_or_default();
        let most = if matches!(edit, Edit::Append | Edit::First) { 1 } else { usize::MAX };
        let mut found = false;
        for matched in regex.find_iter(region).take(most) {
            let start = if edit == Edit::Append { matched.end() } else { matched.start() };
            let cut = span(range.start + start..range.start + matched.end());
            let run = &mut *ctx.run;
            let bytes = bytes_in(text, ctx.message, &run.arena, ctx.shared);
            match edit {
                Edit::Append => run.patches.insert(cut.start, Place::Before, bytes),
                _ => run.patches.replace(cut, bytes),
            }
            found = true;
        }
        found
    });
    done.map_or(Flow::Fail("bad regex"), Flow::of)
}

fn subst(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], range: Range<usize>) -> Flow {
    let (subst, regex) = match compile(ctx, state, args) {
        Ok(compiled) => compiled,
        Err(flow) => return flow,
    };
    let region = ctx.message.bytes.get(range.clone()).unwrap_or_default();
    let mut count = 0;
    let mut text = Vec::new();
    for found in regex.captures_iter(region).take(if subst.all { usize::MAX } else { 1 }) {
        let Some(whole) = found.get(0) else { continue };
        text.clear();
        subst.expand(&found, &mut text);
        let cut = span(range.start + whole.start()..range.start + whole.end());
        ctx.run.patches.replace(cut, &text);
        count += 1;
    }
    if count == 0 { Flow::FALSE } else { Flow::Code(count) }
}

/// The text after substitution; `None` without a match.
fn substituted(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    text: Option<Text>,
) -> Result<Option<Text>, Flow> {
    let (subst, regex) = compile(ctx, state, args)?;
    let changed = text.and_then(|text| subst.apply(&regex, ctx.bytes(text)));
    Ok(changed.map(|changed| ctx.keep(&changed)))
}

fn compile(
    ctx: &Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
) -> Result<(Subst, std::sync::Arc<Regex>), Flow> {
    let text = args.first().and_then(|text| text.text());
    let subst = text.and_then(|text| Subst::parse(ctx.bytes(text)));
    let subst = subst.ok_or(Flow::Fail("not of the form /regex/replacement/flags"))?;
    let regexes = state.downcast_mut::<Regexes>();
    let regex = regexes.and_then(|all| all.of(&subst));
    Ok((subst, regex.ok_or(Flow::Fail("bad regex"))?))
}

fn span(range: Range<usize>) -> Span {
    Span::new(range.start as u16, range.end as u16)
}
