//! Functions on the body and its parts (spec 9.2): asking, removing, adding.
//!
//! Content-Type follows what is left; Content-Length follows when the message is sent. Asking
//! shows the received body without what was removed: what was added is not seen, and to a body
//! that was added nothing can be added.

use std::any::Any;

use sluice_base::Span;
use sluice_engine::forward::hex;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::multipart::{boundary, closing};
use sluice_sip::{Kind, Place};

use super::content::{Content, contents, received_boundary};
use crate::table::{function, optional, param};

const A: Routes = Routes::ANY;
const MIME: &[ParamDef] = &[optional("mime", ParamKind::Text)];
const FILTER: &[ParamDef] = &[param("mime", ParamKind::Text)];
const REMOVE: &[ParamDef] =
    &[optional("mime", ParamKind::Text), optional("revert", ParamKind::Text)];
const REPLACE: &[ParamDef] = &[param("body", ParamKind::Text), optional("mime", ParamKind::Text)];
const ADD: &[ParamDef] = &[
    param("body", ParamKind::Text),
    param("mime", ParamKind::Text),
    optional("headers", ParamKind::Text),
];
const UPDATED: &[ParamDef] =
    &[optional("mime", ParamKind::Text), param("result", ParamKind::Output)];

pub(super) const LIST: &[Function] = &[
    Function {
        aliases: &["has_body_part"],
        ..function("has_body", "Whether there is a body or part, of a type if given.", MIME, A, has)
    },
    function("filter_body", "Leaves only the first part of a type.", FILTER, A, filter),
    Function {
        aliases: &["strip_body"],
        ..function(
            "remove_body_part",
            "Removes the body, or its parts of a type; with `revert` all others.",
            REMOVE,
            A,
            remove,
        )
    },
    function("add_body", "Puts another body in place of the one there is.", REPLACE, A, replace),
    function("add_body_part", "Adds a part; several make the body multipart.", ADD, A, add),
    function(
        "get_updated_body_part",
        "Gives the body, or its first part of a type, as edits have left it.",
        UPDATED,
        A,
        updated,
    ),
];

/// A text argument; `None` when it was left out.
fn text(ctx: &Ctx<'_>, args: &[Value], at: usize) -> Option<Vec<u8>> {
    let text = args.get(at)?.text()?;
    Some(ctx.bytes(text).to_vec())
}

fn has(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let Some(mime) = text(ctx, args, 0) else { return Flow::of(!contents(ctx).is_empty()) };
    let whole = ctx.message.value(Kind::ContentType).unwrap_or_default();
    let body = Content { mime: whole, text: b"", part: None };
    let all = contents(ctx);
    Flow::of(!all.is_empty() && body.is(&mime) || all.iter().any(|content| content.is(&mime)))
}

fn filter(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let Some(mime) = text(ctx, args, 0) else { return Flow::FALSE };
    let all = contents(ctx);
    let found = all.iter().find(|content| content.part.is_some() && content.is(&mime));
    let Some(kept) = found else { return Flow::FALSE };
    let others = all.iter().filter(|other| other.part != kept.part);
    others.filter_map(|other| other.part).for_each(|part| cut(ctx, part));
    cut_around(ctx, kept);
    Flow::TRUE
}

fn remove(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let mime = text(ctx, args, 0);
    let revert = text(ctx, args, 1).is_some_and(|word| word.eq_ignore_ascii_case(b"revert"));
    let goes = |content: &Content<'_>| mime.as_ref().is_none_or(|m| content.is(m) != revert);
    let (gone, left): (Vec<_>, Vec<_>) = contents(ctx).into_iter().partition(goes);
    if gone.is_empty() {
        return Flow::FALSE;
    }
    if left.is_empty() {
        clear(ctx);
        return Flow::TRUE;
    }
    gone.iter().filter_map(|content| content.part).for_each(|part| cut(ctx, part));
    if let [only] = left.as_slice() {
        cut_around(ctx, only);
        set_type(ctx, only.mime);
    }
    Flow::TRUE
}

fn replace(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let Some(body) = text(ctx, args, 0) else { return Flow::FALSE };
    let mime = text(ctx, args, 1);
    if mime.is_none() && ctx.message.value(Kind::ContentType).is_none() {
        return Flow::Fail("the new body needs a type");
    }
    let place = ctx.message.body();
    ctx.run.patches.remove(place);
    ctx.run.patches.replace_anew(place, &body);
    if let Some(mime) = mime {
        set_type(ctx, &mime);
    }
    Flow::TRUE
}

fn add(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(body), Some(mime)) = (text(ctx, args, 0), text(ctx, args, 1)) else {
        return Flow::FALSE;
    };
    let headers = text(ctx, args, 2).unwrap_or_default();
    let all = contents(ctx);
    let place = ctx.message.body();
    let Some(last) = all.last() else {
        if ctx.run.patches.part_len(ctx.message.bytes, place) > 0 {
            return Flow::Fail("a second body cannot be added to the one just added");
        }
        ctx.run.patches.insert(place.end, Place::Instead, &body);
        set_type(ctx, &mime);
        return Flow::TRUE;
    };
    let Some(now) = now_type(ctx) else { return Flow::Fail("the body has no Content-Type") };
    let part = [b"Content-Type: ", &mime[..], b"\r\n", &headers, b"\r\n", &body].concat();
    let received = received_boundary(ctx);
    match (boundary(&now), received) {
        (Some(name), Some(received)) if name == received => {
            let end = closing(ctx.message.text(place), received);
            let Some(end) = end else { return Flow::Fail("the multipart body is not ended") };
            let text = [b"--", name, b"\r\n", &part, b"\r\n"].concat();
            ctx.run.patches.insert(place.start + end as u16, Place::Before, &text);
        }
        (made, _) => {
            let span = ctx.message.span_of(last.text);
            let name = match made {
                Some(made) => made.to_vec(),
                None => make_multipart(ctx, span, &now),
            };
            let text = [b"\r\n--", &name[..], b"\r\n", &part].concat();
            ctx.run.patches.insert(span.end, Place::Instead, &text);
        }
    }
    Flow::TRUE
}

fn updated(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let span = match text(ctx, args, 0) {
        None => Some(ctx.message.body()),
        Some(mime) => {
            let found = contents(ctx).into_iter().find(|content| content.is(&mime));
            found.map(|content| ctx.message.span_of(content.text))
        }
    };
    let (Some(span), Some(result)) = (span, args.get(1)) else { return Flow::FALSE };
    let mut made = Vec::new();
    ctx.run.patches.write_part(ctx.message.bytes, span, &mut made);
    let made = Value::Text(ctx.keep(&made));
    ctx.output(*result, made);
    Flow::TRUE
}

/// Cuts a part with all that was changed in it.
fn cut(ctx: &mut Ctx<'_>, part: &[u8]) {
    let span = ctx.message.span_of(part);
    ctx.run.patches.remove(span);
}

/// Cuts the body around one content. What was cut there before stays known as cut.
fn cut_around(ctx: &mut Ctx<'_>, content: &Content<'_>) {
    let (body, kept) = (ctx.message.body(), ctx.message.span_of(content.text));
    ctx.run.patches.replace(Span::new(body.start, kept.start), b"");
    ctx.run.patches.replace(Span::new(kept.end, body.end), b"");
}

/// Removes body and Content-Type.
fn clear(ctx: &mut Ctx<'_>) {
    let body = ctx.message.body();
    ctx.run.patches.remove(body);
    if let Some(field) = ctx.message.field(Kind::ContentType) {
        ctx.run.patches.remove(field.line);
    }
}

/// The Content-Type as edits have left it.
fn now_type(ctx: &Ctx<'_>) -> Option<Vec<u8>> {
    let field = ctx.message.field(Kind::ContentType)?;
    let edited = ctx.run.patches.replaced(field.value);
    Some(edited.unwrap_or(ctx.message.text(field.value)).to_vec())
}

/// Sets the Content-Type; a message without one gets it behind its last header.
fn set_type(ctx: &mut Ctx<'_>, mime: &[u8]) {
    let patches = &mut ctx.run.patches;
    match ctx.message.field(Kind::ContentType) {
        Some(field) if patches.replaced(field.line) != Some(b"") => {
            patches.replace_anew(field.value, mime);
        }
        _ => {
            let line = [b"Content-Type: ", mime, b"\r\n"].concat();
            patches.insert(ctx.message.headers_end(), Place::After, &line);
        }
    }
}

/// Makes one content the first part of a multipart body; gives the boundary.
fn make_multipart(ctx: &mut Ctx<'_>, content: Span, mime: &[u8]) -> Vec<u8> {
    // Random: it must not stand in what it separates.
    let name = [b"sluice-", &hex(ctx.local.random())[..]].concat();
    set_type(ctx, &[b"multipart/mixed;boundary=", &name[..]].concat());
    let begin = [b"--", &name[..], b"\r\nContent-Type: ", mime, b"\r\n\r\n"].concat();
    ctx.run.patches.insert(content.start, Place::Before, &begin);
    let end = [b"\r\n--", &name[..], b"--\r\n"].concat();
    ctx.run.patches.insert(content.end, Place::After, &end);
    name
}
