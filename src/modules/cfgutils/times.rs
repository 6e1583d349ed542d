//! Functions: time differences, the present moment, time recurrences.

use jiff::Timestamp;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::schedule::is_open;
use crate::table::{function, optional, param};

const DELTA: &[ParamDef] = &[
    param("first_seconds", ParamKind::Int),
    param("first_microseconds", ParamKind::Int),
    param("second_seconds", ParamKind::Int),
    param("second_microseconds", ParamKind::Int),
    optional("delta", ParamKind::Output),
    optional("delta_number", ParamKind::Output),
];
const NOW: &[ParamDef] = &[
    param("seconds", ParamKind::Output),
    param("microseconds", ParamKind::Output),
    optional("both", ParamKind::Output),
];
const RECURRENCE: &[ParamDef] =
    &[param("recurrence", ParamKind::Text), optional("timestamp", ParamKind::Int)];

pub(super) const LIST: &[Function] = &[
    function(
        "ts_usec_delta",
        "Gives the microseconds between two moments.",
        DELTA,
        Routes::ANY,
        delta,
    ),
    function(
        "get_accurate_time",
        "Gives the Unix time now: seconds, microseconds, both as a fraction.",
        NOW,
        Routes::ANY,
        |ctx, _, args| {
            let micros = ctx.now.wall_us;
            let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
            let both = Value::Text(ctx.keep(format!("{seconds}.{rest:06}").as_bytes()));
            let values = [Value::Int(seconds as i64), Value::Int(rest as i64), both];
            args.iter().zip(values).for_each(|(to, value)| ctx.output(*to, value));
            Flow::TRUE
        },
    ),
    Function {
        unknown: -2,
        ..function(
            "check_time_rec",
            "Whether the time now, or a Unix time, lies in a recurrence; -2: it cannot be read.",
            RECURRENCE,
            Routes::ANY,
            check,
        )
    },
];

fn delta(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, args: &[Value]) -> Flow {
    let number = |at: usize| args.get(at).and_then(|value| value.int());
    let micros = |at: usize| number(at)?.checked_mul(1_000_000)?.checked_add(number(at + 1)?);
    let both = micros(0).zip(micros(2));
    let apart = both.and_then(|(first, second)| i64::try_from(first.abs_diff(second)).ok());
    let Some(apart) = apart else { return Flow::Fail("the difference does not fit a number") };
    let text = ctx.to_text(Value::Int(apart));
    for (to, value) in args.iter().skip(4).zip([Value::Both(text, apart), Value::Int(apart)]) {
        ctx.output(*to, value);
    }
    Flow::TRUE
}

fn check(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, args: &[Value]) -> Flow {
    let text = args.first().and_then(|text| text.text()).map(|text| ctx.bytes(text));
    let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) else {
        return Flow::Fail("a time recurrence is UTF-8");
    };
    let now = ctx.now.wall_s() as i64;
    let seconds = args.get(1).and_then(|seconds| seconds.int()).unwrap_or(now);
    let Ok(moment) = Timestamp::from_second(seconds) else {
        return Flow::Fail("the time is beyond the calendar");
    };
    match is_open(text, moment, &ctx.shared.zone) {
        Ok(open) => Flow::of(open),
        Err(why) => Flow::Fail(why),
    }
}
