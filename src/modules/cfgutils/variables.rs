//! Variables: random numbers, shared variables, calendar time, the environment.

use std::any::Any;

use jiff::Timestamp;
use sluice_engine::context::Kept;
use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::Assign;

use super::state::of;
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
        sub: SubKind::Word(time_part),
        ..variable(
            "ctime",
            &[],
            "A part of the local time: sec, min, hour, mday, mon, year, wday, yday, isdst.",
            get_time,
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

/// The parts of [`get_time`], by their number.
const TIME_PARTS: [&str; 9] =
    ["sec", "min", "hour", "mday", "mon", "year", "wday", "yday", "isdst"];

fn time_part(name: &str) -> Result<u32, String> {
    let part = TIME_PARTS.iter().position(|part| *part == name);
    part.map(|part| part as u32).ok_or_else(|| format!("one of {}", TIME_PARTS.join(", ")))
}

fn get_time(ctx: &mut Ctx<'_>, _: &mut dyn Any, subject: Subject) -> Value {
    let Name::Slot(part) = subject.name else { return Value::Null };
    let Ok(moment) = Timestamp::from_second(ctx.now.wall_s() as i64) else { return Value::Null };
    let zone = &ctx.shared.zone;
    let now = zone.to_datetime(moment);
    Value::Number(match part {
        0 => now.second().into(),
        1 => now.minute().into(),
        2 => now.hour().into(),
        3 => now.day().into(),
        4 => now.month().into(),
        5 => now.year().into(),
        6 => now.weekday().to_sunday_one_offset().into(),
        7 => now.day_of_year().into(),
        _ => zone.to_offset_info(moment).dst().is_dst().into(),
    })
}

/// Unset or set to NULL it is 0.
fn get_shared(ctx: &mut Ctx<'_>, state: &mut dyn Any, subject: Subject) -> Value {
    let Some(state) = of(state) else { return Value::Null };
    let Some(name) = name(ctx, subject) else { return Value::Null };
    match state.read(name) {
        None | Some(Kept::Null) => Value::Int(0),
        Some(Kept::Int(number)) => Value::Int(number),
        Some(Kept::Text(text)) => Value::Text(ctx.keep(&text)),
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
