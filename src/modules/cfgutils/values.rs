//! Functions on variables that have several values: `$avp` and `$hdr`.

use sluice_engine::headers::named;
use sluice_engine::module::{Function, Name};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::table::{function, param};

const COUNT: &[ParamDef] =
    &[param("variable", ParamKind::Variable), param("result", ParamKind::Output)];
const LIST_OF: &[ParamDef] = &[param("variable", ParamKind::Variable)];

const NO_LIST: Flow = Flow::Fail("only $avp and $hdr have several values");

pub(super) const LIST: &[Function] = &[
    function(
        "set_count",
        "Counts the values of $avp or $hdr.",
        COUNT,
        Routes::ANY,
        |ctx, _, args| {
            let [variable, result] = args else { return Flow::FALSE };
            let Some(values) = values(ctx, *variable) else { return NO_LIST };
            ctx.output(*result, Value::Int(values.len() as i64));
            Flow::TRUE
        },
    ),
    function(
        "set_select_weight",
        "Chooses among numbers by their weight; returns the index, from 0.",
        LIST_OF,
        Routes::ANY,
        |ctx, _, args| {
            let Some(values) = args.first().and_then(|list| values(ctx, *list)) else {
                return NO_LIST;
            };
            let weight = |value: &Value| value.int().map_or(0, |n| n.max(0) as u64);
            let total = values.iter().fold(0u64, |sum, value| sum.saturating_add(weight(value)));
            if total == 0 {
                return Flow::Fail("no value is a number above 0");
            }
            let mut left = ctx.local.random() % total;
            let chosen = values.iter().position(|value| {
                let weight = weight(value);
                let here = left < weight;
                left = left.saturating_sub(weight);
                here
            });
            Flow::Number(chosen.unwrap_or_default() as i32)
        },
    ),
    function(
        "shuffle_avps",
        "Puts an $avp's values in random order.",
        LIST_OF,
        Routes::ANY,
        shuffle,
    ),
];

/// All values of a variable; `None` for one that has only one.
fn values(ctx: &Ctx<'_>, variable: Value) -> Option<Vec<Value>> {
    match ctx.referred(variable)? {
        ("avp", name) => {
            let key = key(name)?;
            Some((0..).map_while(|at| ctx.avp_get(key, at)).collect())
        }
        ("hdr", Name::Text(name)) => {
            let fields = named(ctx.message, ctx.bytes(name));
            Some(fields.map(|f| number(ctx, ctx.message.text(f.value))).collect())
        }
        _ => None,
    }
}

fn key(name: Name) -> Option<AvpKey> {
    match name {
        Name::Slot(slot) => Some(AvpKey::Slot(slot)),
        Name::Text(text) => Some(AvpKey::Text(text)),
        Name::None => None,
    }
}

/// A header's value with its number face, if it has one.
fn number(ctx: &Ctx<'_>, text: &[u8]) -> Value {
    let piece = ctx.of_message(text);
    let number = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
    number.map_or(Value::Text(piece), |number| Value::Both(piece, number))
}

fn shuffle(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, args: &[Value]) -> Flow {
    let Some(("avp", name)) = args.first().and_then(|list| ctx.referred(*list)) else {
        return Flow::Fail("only an $avp can be shuffled");
    };
    let Some(key) = key(name) else { return Flow::FALSE };
    let count = ctx.avp_count(key);
    for at in (1..count).rev() {
        let other = (ctx.local.random() % (at as u64 + 1)) as i32;
        let (a, b) = (ctx.avp_get(key, at as i32), ctx.avp_get(key, other));
        if let (Some(a), Some(b)) = (a, b) {
            ctx.avp_replace(key, at as i32, b);
            ctx.avp_replace(key, other, a);
        }
    }
    Flow::of(count > 0)
}
