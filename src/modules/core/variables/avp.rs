//! `$avp` (spec 2.3), `$var` (spec 1.11), `$param` and `$return`.

use sluice_engine::context::{Kept, bytes_in};
use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::{Assign, Index};

use super::headers::join;
use crate::table::{variable, writable};

pub(super) const LIST: &[Variable] = &[
    Variable {
        sub: SubKind::Avp,
        indexed: true,
        ..writable("avp", &[], "A stack of values of the message; reads give the newest.", get, set)
    },
    Variable {
        sub: SubKind::Var,
        ..writable(
            "var",
            &[],
            "A variable of the worker; outlives the message.",
            |ctx, _, subject| get_var(ctx, subject),
            |ctx, _, subject, _, value| set_var(ctx, subject, value),
        )
    },
    Variable {
        sub: SubKind::Text { optional: false },
        ..variable(
            "param",
            &[],
            "The i-th argument of the route, from 1; a parameter of the event, by its name.",
            |ctx, _, subject| {
                let Some(place) = number(ctx, subject) else { return event_param(ctx, subject) };
                let base = ctx.run.param_base as usize;
                let params = ctx.run.params.get(base..).unwrap_or_default();
                let at = place.checked_sub(1);
                at.and_then(|at| params.get(at)).copied().unwrap_or_default()
            },
        )
    },
    Variable {
        sub: SubKind::Text { optional: false },
        ..variable(
            "return",
            &[],
            "The i-th extra value of the last return, from 0.",
            |ctx, _, s| {
                let at = number(ctx, s);
                at.and_then(|at| ctx.run.returns.get(at)).copied().unwrap_or_default()
            },
        )
    },
];

fn key(subject: Subject) -> Option<AvpKey> {
    match subject.name {
        Name::Slot(slot) => Some(AvpKey::Slot(slot)),
        Name::Text(text) => Some(AvpKey::Text(text)),
        Name::None => None,
    }
}

fn get(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, subject: Subject) -> Value {
    let Some(key) = key(subject) else { return Value::Null };
    let at = match subject.index {
        Index::None => 0,
        Index::At(at) => at,
        Index::All => return all(ctx, key),
        Index::Append | Index::Dynamic => return Value::Null,
    };
    ctx.avp_get(key, at).unwrap_or_default()
}

/// `[*]`: all values, newest first.
fn all(ctx: &mut Ctx<'_>, key: AvpKey) -> Value {
    let values: Vec<Value> = (0..).map_while(|at| ctx.avp_get(key, at)).collect();
    let texts: Vec<Text> = values.into_iter().map(|value| ctx.to_text(value)).collect();
    join(ctx, &texts)
}

fn set(
    ctx: &mut Ctx<'_>,
    _: &mut dyn std::any::Any,
    subject: Subject,
    op: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let key = key(subject).ok_or("an AVP has a name")?;
    match (op, subject.index, value) {
        (Assign::Replace, Index::None | Index::All, _) => {
            ctx.avp_remove(key);
            if value != Value::Null {
                ctx.avp_push(key, value);
            }
        }
        (_, Index::None, Value::Null) => {
            ctx.avp_pop(key);
        }
        (_, Index::None, _) => ctx.avp_push(key, value),
        (_, Index::All, Value::Null) => {
            ctx.avp_remove(key);
        }
        (_, Index::At(at), Value::Null) => {
            ctx.avp_take(key, at);
        }
        (_, Index::At(at), _) if ctx.avp_replace(key, at, value) => {}
        (_, Index::At(_), _) => return Err("the AVP has no value at that index"),
        (_, Index::Append, Value::Null) => return Err("NULL cannot be appended"),
        (_, Index::Append, _) => ctx.avp_append(key, value),
        (_, Index::All | Index::Dynamic, _) => return Err("[*] takes NULL only"),
    }
    Ok(())
}

fn get_var(ctx: &mut Ctx<'_>, subject: Subject) -> Value {
    let kept = match subject.name {
        Name::Slot(slot) => ctx.local.vars.get(slot),
        Name::Text(name) => ctx.local.vars.named(ctx.bytes(name)),
        Name::None => None,
    };
    match kept {
        Some(Kept::Int(n)) => Value::Int(*n),
        Some(Kept::Text(bytes)) => {
            let start = ctx.run.arena.len() as u32;
            ctx.run.arena.extend_from_slice(bytes);
            let len = ctx.run.arena.len() as u32 - start;
            Value::Text(Text { source: sluice_engine::Source::Arena, start, len })
        }
        Some(Kept::Null) | None => Value::Null,
    }
}

fn set_var(ctx: &mut Ctx<'_>, subject: Subject, value: Value) -> Result<(), &'static str> {
    let mut kept = std::mem::take(place(ctx, subject.name).ok_or(NO_PLACE)?);
    match (value, value.text()) {
        // A number face wins over the text it was read from only where there is no text.
        (_, Some(text)) => {
            let mut bytes = match kept {
                Kept::Text(bytes) => bytes,
                Kept::Null | Kept::Int(_) => Vec::new(),
            };
            bytes.clear();
            bytes.extend_from_slice(ctx.bytes(text));
            kept = Kept::Text(bytes);
        }
        (value, None) => kept = value.int().map_or(Kept::Null, Kept::Int),
    }
    if let Some(place) = place(ctx, subject.name) {
        *place = kept;
    }
    Ok(())
}

const NO_PLACE: &str = "too many $var names made at run time, or the name is too long";

/// Where the value of a `$var` is kept.
fn place<'a>(ctx: &'a mut Ctx<'_>, name: Name) -> Option<&'a mut Kept> {
    match name {
        Name::Slot(slot) => ctx.local.vars.get_mut(slot),
        Name::Text(name) => {
            let name = bytes_in(name, ctx.message, &ctx.run.arena, ctx.shared);
            ctx.local.vars.named_mut(name)
        }
        Name::None => None,
    }
}

/// A parameter of the event whose route runs, or of the route that a function has entered.
fn event_param(ctx: &Ctx<'_>, subject: Subject) -> Value {
    let Name::Text(name) = subject.name else { return Value::Null };
    let named = |given: &Option<Text>| given.is_some_and(|n| ctx.bytes(n) == ctx.bytes(name));
    let at = ctx.run.names.iter().rposition(named);
    at.and_then(|at| ctx.run.params.get(at)).copied().unwrap_or_default()
}

/// The number in parentheses.
fn number(ctx: &Ctx<'_>, subject: Subject) -> Option<usize> {
    let Name::Text(text) = subject.name else { return None };
    std::str::from_utf8(ctx.bytes(text)).ok()?.trim().parse().ok()
}
