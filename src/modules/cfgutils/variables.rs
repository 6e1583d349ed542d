//! Variables: random numbers, shared variables, calendar time, the environment.

use std::any::Any;

use sluice_engine::context::Kept;
use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::Assign;

use super::state::of;
use crate::core::api::time_part;
use crate::limits;
use crate::table::{variable, writable};

const NAMED: SubKind = SubKind::Text { optional: false };

pub(super) const LIST: &[Variable] = &[
    variable("RANDOM", &[], "A random number below 2^31, new at each read.", |ctx, _, _| {
        Value::Number((ctx.local.random() >> 33) as i64)
    }),
    Variable {
        sub: NAMED,
        ..writable("shv", &[], "A variable that all workers share.", get_shared, set_shared)
    },
    Variable {
        sub: NAMED,
        ..variable(
            "ctime",
            &[],
            "A part of the local time now: sec, min, hour, mday, mon, year, wday, yday.",
            |ctx, _, subject| {
                let name = name(ctx, subject).unwrap_or_default();
                time_part(ctx.now.wall_s(), &ctx.shared.zone, name)
                    .map_or(Value::Null, Value::Number)
            },
        )
    },
    Variable {
        sub: NAMED,
        ..variable("env", &[], "A variable of the program's environment.", |ctx, _, subject| {
            let name = name(ctx, subject).and_then(|name| std::str::from_utf8(name).ok());
            // std::env panics at names that no environment can have.
            let name = name.filter(|n| !n.is_empty() && !n.contains(['=', '\0']));
            match name.and_then(std::env::var_os) {
                Some(value) => Value::Text(ctx.keep(value.as_encoded_bytes())),
                None => Value::Null,
            }
        })
    },
];

fn name<'a>(ctx: &'a Ctx<'_>, subject: Subject) -> Option<&'a [u8]> {
    match subject.name {
        Name::Text(text) => Some(ctx.bytes(text)),
        Name::Slot(_) | Name::None => None,
    }
}

fn get_shared(ctx: &mut Ctx<'_>, state: &mut dyn Any, subject: Subject) -> Value {
    let Some(state) = of(state) else { return Value::Null };
    let Some(name) = name(ctx, subject) else { return Value::Null };
    match state.read(name, Kept::clone) {
        Kept::Null => Value::Null,
        Kept::Int(number) => Value::Int(number),
        Kept::Text(text) => Value::Text(ctx.keep(&text)),
    }
}

fn set_shared(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    subject: Subject,
    _: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let state = of(state).ok_or("the module does not run")?;
    let kept = match (value.text(), value.int()) {
        (Some(text), _) if text.len as usize > limits::SHARED_VARIABLE_BYTES => {
            return Err("the text is too long for a $shv");
        }
        (Some(text), _) => Kept::Text(ctx.bytes(text).to_vec()),
        (None, Some(number)) => Kept::Int(number),
        (None, None) => Kept::Null,
    };
    let name = name(ctx, subject).ok_or("a $shv has a name")?;
    if state.write(name, kept) { Ok(()) } else { Err("there are too many $shv") }
}
