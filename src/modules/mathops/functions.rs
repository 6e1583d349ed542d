//! The functions. Each gives its result in an output variable, and false with a log line when it
//! has none.

use std::any::Any;

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::number::{Refused, parse, print, rounded, significant, whole};
use super::{Decimals, expression, limits, rpn};
use crate::table::{function, optional, param};

const A: Routes = Routes::ANY;
const RESULT: ParamDef = param("result", ParamKind::Output);
const EXPRESSION: &[ParamDef] = &[param("expression", ParamKind::Text), RESULT];
const NUMBER: &[ParamDef] = &[param("number", ParamKind::Text), RESULT];
const ROUND: &[ParamDef] =
    &[param("number", ParamKind::Text), RESULT, optional("decimals", ParamKind::Int)];
const FIGURES: &[ParamDef] =
    &[param("number", ParamKind::Text), RESULT, param("figures", ParamKind::Int)];
const TWO: &[ParamDef] =
    &[param("expression", ParamKind::Text), param("expression", ParamKind::Text), RESULT];

pub(super) const LIST: &[Function] = &[
    function("math_eval", "Evaluates an expression.", EXPRESSION, A, |ctx, state, args| {
        let value = expression::evaluate(text(ctx, args, 0));
        give_fraction(ctx, state, args, value)
    }),
    function(
        "math_rpn",
        "Evaluates reverse Polish notation.",
        EXPRESSION,
        A,
        |ctx, state, args| {
            let value = rpn::evaluate(text(ctx, args, 0));
            give_fraction(ctx, state, args, value)
        },
    ),
    function("math_trunc", "Rounds towards zero.", NUMBER, A, |ctx, _, args| {
        let value = parse(text(ctx, args, 0)).and_then(|number| whole(number.trunc()));
        give(ctx, args, 1, value.map(Value::Int))
    }),
    function("math_floor", "Rounds down.", NUMBER, A, |ctx, _, args| {
        let value = parse(text(ctx, args, 0)).and_then(|number| whole(number.floor()));
        give(ctx, args, 1, value.map(Value::Int))
    }),
    function("math_ceil", "Rounds up.", NUMBER, A, |ctx, _, args| {
        let value = parse(text(ctx, args, 0)).and_then(|number| whole(number.ceil()));
        give(ctx, args, 1, value.map(Value::Int))
    }),
    function(
        "math_round",
        "Rounds to a whole number, or to some decimals; ties away from zero.",
        ROUND,
        A,
        |ctx, _, args| {
            let number = parse(text(ctx, args, 0));
            let value = match args.get(2).and_then(|decimals| decimals.int()) {
                None | Some(0) => number.and_then(|number| whole(number.round())).map(Value::Int),
                Some(digits @ 1..=limits::DECIMALS) => number
                    .and_then(|number| rounded(number, digits as usize))
                    .map(|text| Value::Text(ctx.keep(text.as_bytes()))),
                Some(_) => Err("decimals are 0 to 15"),
            };
            give(ctx, args, 1, value)
        },
    ),
    function("math_round_sf", "Rounds to significant figures.", FIGURES, A, |ctx, _, args| {
        let number = parse(text(ctx, args, 0));
        let value = match args.get(2).and_then(|figures| figures.int()) {
            Some(figures @ 1..=limits::DECIMALS) => number
                .and_then(|number| significant(number, figures as usize))
                .map(|text| Value::Text(ctx.keep(text.as_bytes()))),
            _ => Err("significant figures are 1 to 15"),
        };
        give(ctx, args, 1, value)
    }),
    function(
        "math_compare",
        "Gives 1, 0 or -1 as the first expression is more, as much or less than the second.",
        TWO,
        A,
        |ctx, _, args| {
            let value = |at: usize| expression::evaluate(text(ctx, args, at));
            let order = value(0).and_then(|left| Ok(left.total_cmp(&value(1)?)));
            give(ctx, args, 2, order.map(|order| Value::Int(order as i64)))
        },
    ),
];

fn text<'a>(ctx: &'a Ctx<'_>, args: &[Value], at: usize) -> &'a [u8] {
    let text = args.get(at).and_then(|value| value.text());
    text.map(|text| ctx.bytes(text)).unwrap_or_default()
}

/// Puts a result into the output variable at a place of the arguments.
fn give(ctx: &mut Ctx<'_>, args: &[Value], at: usize, value: Result<Value, Refused>) -> Flow {
    match (value, args.get(at)) {
        (Ok(value), Some(result)) => {
            ctx.output(*result, value);
            Flow::TRUE
        }
        (Ok(_), None) => Flow::FALSE,
        (Err(why), _) => Flow::Fail(why),
    }
}

/// Gives a number with the decimals of `decimal_digits`.
fn give_fraction(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    value: Result<f64, Refused>,
) -> Flow {
    let decimals = state.downcast_ref().map_or(0, |Decimals(digits)| *digits);
    let value = value.map(|number| {
        let text = print(number, decimals);
        Value::Text(ctx.keep(text.as_bytes()))
    });
    give(ctx, args, 1, value)
}
