//! `$err.*`: what went wrong with the message last (spec 1.10).

use sluice_engine::fault::Fault;
use sluice_engine::module::Variable;
use sluice_engine::{Ctx, Value};

use crate::table::variable;

pub(super) const LIST: &[Variable] = &[
    variable("err.class", &[], "Class of the last error: 1 parsing, 4 assert().", |ctx, _, _| {
        number(ctx, |fault| fault.class as i64)
    }),
    variable("err.level", &[], "How grave the last error is, 1 to 5.", |ctx, _, _| {
        number(ctx, |fault| fault.class.level())
    }),
    variable("err.info", &[], "Text of the last error.", |ctx, _, _| text(ctx, |f| f.info)),
    variable("err.rcode", &[], "Code of the reply that fits the last error.", |ctx, _, _| {
        number(ctx, |fault| i64::from(fault.code))
    }),
    variable("err.rreason", &[], "Reason phrase of that reply.", |ctx, _, _| {
        text(ctx, |fault| fault.reason)
    }),
];

fn number(ctx: &Ctx<'_>, of: fn(Fault) -> i64) -> Value {
    ctx.run.fault.map_or(Value::Null, |fault| Value::Int(of(fault)))
}

fn text(ctx: &mut Ctx<'_>, of: fn(Fault) -> &'static str) -> Value {
    match ctx.run.fault {
        Some(fault) => Value::Text(ctx.keep(of(fault).as_bytes())),
        None => Value::Null,
    }
}
