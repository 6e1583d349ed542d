//! Header fields by name, single headers that have a variable of their own, the whole message.

use sluice_engine::headers::named;
use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::Index;
use sluice_sip::text::trim_end;
use sluice_sip::{Field, Kind, StartLine};

use super::of_message;
use crate::table::variable;

const NAMED: SubKind = SubKind::Text { optional: false };

pub(super) const LIST: &[Variable] = &[
    Variable {
        sub: NAMED,
        indexed: true,
        ..variable("hdr", &[], "Value of a header by name; `[i]` its i-th field.", header)
    },
    Variable {
        sub: NAMED,
        ..variable("hdrcnt", &[], "How many header fields of a name there are.", |ctx, _, to| {
            let count = name_of(ctx, to).map_or(0, |name| named(ctx.message, name).count());
            Value::Number(count as i64)
        })
    },
    Variable {
        indexed: true,
        ..variable(
            "hdr_name",
            &[],
            "Name of the message's i-th header field; `[*]` all.",
            |ctx, _, subject| {
                let fields = ctx.message.all();
                if subject.index == Index::All {
                    let names = fields.iter().map(|field| ctx.message.text(field.name));
                    let texts: Vec<Text> = names.map(|name| ctx.of_message(name)).collect();
                    return join(ctx, &texts);
                }
                let at = position(subject.index, fields.len());
                of_message(ctx, at.and_then(|at| fields.get(at)).map(|f| ctx.message.text(f.name)))
            },
        )
    },
    variable("ci", &[], "The Call-ID as received.", |ctx, _, _| {
        of_message(ctx, Some(ctx.message.call_id()))
    }),
    variable("cs", &[], "Number of CSeq, as text.", |ctx, _, _| {
        let value = ctx.message.value(Kind::CSeq).unwrap_or_default();
        let number = value.split(|byte| !byte.is_ascii_digit()).next();
        of_message(ctx, number)
    }),
    variable("rm", &[], "The method; on a reply CSeq's.", |ctx, _, _| {
        let token = ctx.message.method_token();
        of_message(ctx, Some(ctx.message.text(token)))
    }),
    variable("rs", &[], "Status of a reply; NULL on requests.", |ctx, _, _| {
        match (ctx.message.start(), ctx.message.status()) {
            (StartLine::Reply { code, .. }, Some(status)) => {
                Value::Both(ctx.of_message(ctx.message.text(code)), i64::from(status))
            }
            _ => Value::Null,
        }
    }),
    variable("rr", &[], "Reason phrase of a reply; NULL on requests.", |ctx, _, _| {
        match ctx.message.start() {
            StartLine::Reply { reason, .. } => of_message(ctx, Some(ctx.message.text(reason))),
            StartLine::Request { .. } => Value::Null,
        }
    }),
    variable("cl", &[], "Content-Length.", |ctx, _, _| value(ctx, Kind::ContentLength)),
    variable("ua", &[], "User-Agent.", |ctx, _, _| value(ctx, Kind::UserAgent)),
    variable("path", &[], "All Path headers, joined.", |ctx, _, _| {
        let fields = ctx.message.fields(Kind::Path);
        let texts: Vec<Text> = fields.map(|f| ctx.of_message(ctx.message.text(f.value))).collect();
        join(ctx, &texts)
    }),
    variable("mb", &[], "The whole message as received.", |ctx, _, _| {
        of_message(ctx, Some(ctx.message.bytes))
    }),
    variable("ml", &[], "Length of the message as received, in bytes.", |ctx, _, _| {
        Value::Number(ctx.message.bytes.len() as i64)
    }),
    variable(
        "msg.is_request",
        &[],
        "Prints `true` on a request, `false` on a reply.",
        |ctx, _, _| {
            let is = ctx.message.is_request();
            Value::Both(ctx.keep(if is { b"true" } else { b"false" }), i64::from(is))
        },
    ),
    variable("msg.type", &[], "`request` or `reply`.", |ctx, _, _| {
        Value::Text(ctx.keep(if ctx.message.is_request() { b"request" } else { b"reply" }))
    }),
];

fn header(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, subject: Subject) -> Value {
    let Some(name) = name_of(ctx, subject) else { return Value::Null };
    let fields = || named(ctx.message, name);
    let field = match subject.index {
        Index::All => {
            let texts: Vec<Text> = fields().map(|field| loose(ctx, field)).collect();
            return join(ctx, &texts);
        }
        Index::None | Index::At(0) => fields().next(),
        index => position(index, fields().count()).and_then(|at| fields().nth(at)),
    };
    field.map_or(Value::Null, |field| Value::Text(loose(ctx, field)))
}

/// A value as `$hdr` shows it: trimmed on the left only, trailing blanks and folds stay (spec 0).
fn loose(ctx: &Ctx<'_>, field: &Field) -> Text {
    let line = ctx.message.text(field.line);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let skipped = usize::from(field.value.start).saturating_sub(usize::from(field.line.start));
    let value = line.get(skipped..).unwrap_or_default();
    if trim_end(value).is_empty() {
        return ctx.of_message(ctx.message.text(field.value));
    }
    ctx.of_message(value)
}

fn value(ctx: &Ctx<'_>, kind: Kind) -> Value {
    of_message(ctx, ctx.message.value(kind))
}

/// The name in parentheses.
fn name_of<'a>(ctx: &'a Ctx<'_>, subject: Subject) -> Option<&'a [u8]> {
    match subject.name {
        Name::Text(text) => Some(ctx.bytes(text)),
        Name::None | Name::Slot(_) => None,
    }
}

/// Where an index points among `len` values; negative ones count from the end.
pub(super) fn position(index: Index, len: usize) -> Option<usize> {
    let at = match index {
        Index::None => 0,
        Index::At(at) => at,
        Index::All | Index::Append | Index::Dynamic => return None,
    };
    let at = if at < 0 { len as i64 + i64::from(at) } else { i64::from(at) };
    usize::try_from(at).ok().filter(|at| *at < len)
}

/// All values joined with ", " (spec 0); NULL when there is none.
pub(super) fn join(ctx: &mut Ctx<'_>, texts: &[Text]) -> Value {
    let Some((first, rest)) = texts.split_first() else { return Value::Null };
    let whole = ctx.append(*first);
    for text in rest {
        ctx.keep(b", ");
        ctx.append(*text);
    }
    Value::Text(Text { len: ctx.run.arena.len() as u32 - whole.start, ..whole })
}
