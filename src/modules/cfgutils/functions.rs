//! Functions: waiting and chance.

use std::any::Any;

use sluice_engine::job::Answer;
use sluice_engine::module::{Function, Wait};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::state::of;
use crate::table::{function, optional, param};

const SECONDS: &[ParamDef] = &[param("seconds", ParamKind::Int)];
const MICROS: &[ParamDef] = &[param("microseconds", ParamKind::Int)];
const MAY: &[ParamDef] = &[optional("percent", ParamKind::Int)];
const PERCENT: &[ParamDef] = &[param("percent", ParamKind::Int)];

pub(super) const LIST: &[Function] = &[
    function(
        "pkg_status",
        "Logs that there are no memory pools, and what this run keeps.",
        &[],
        Routes::ANY,
        |ctx, _, _| memory(ctx, "PKG"),
    ),
    function(
        "shm_status",
        "Logs that there are no memory pools, and what this run keeps.",
        &[],
        Routes::ANY,
        |ctx, _, _| memory(ctx, "SHM"),
    ),
    Function {
        suspends: true,
        ..function("sleep", "Waits some seconds.", SECONDS, Routes::ANY, |_, _, args| {
            wait(args, 1_000_000)
        })
    },
    Function {
        suspends: true,
        ..function(
            "usleep",
            "Waits some microseconds, rounded up to milliseconds.",
            MICROS,
            Routes::ANY,
            |_, _, args| wait(args, 1),
        )
    },
    function(
        "rand_event",
        "True by chance: by the given or the set percentage.",
        MAY,
        Routes::ANY,
        |ctx, state, args| {
            let Some(state) = of(state) else { return Flow::FALSE };
            let percent = args.first().and_then(|percent| percent.int());
            let percent = percent.unwrap_or(i64::from(state.probability()));
            Flow::of(((ctx.local.random() % 100) as i64) < percent)
        },
    ),
    function(
        "rand_set_prob",
        "Sets the percentage of rand_event().",
        PERCENT,
        Routes::ANY,
        |_, state, args| {
            let percent = args.first().and_then(|percent| percent.int());
            let set = of(state).zip(percent).is_some_and(|(s, p)| s.set_probability(p));
            if set { Flow::TRUE } else { Flow::Fail("a percentage from 0 to 100 was expected") }
        },
    ),
    function(
        "rand_reset_prob",
        "Sets the percentage of rand_event() as it was at start.",
        &[],
        Routes::ANY,
        |_, state, _| {
            if let Some(state) = of(state) {
                state.reset_probability();
            }
            Flow::TRUE
        },
    ),
    function(
        "rand_get_prob",
        "Returns the percentage of rand_event().",
        &[],
        Routes::ANY,
        |_, state, _| Flow::Number(of(state).map_or(-1, |state| state.probability() as i32)),
    ),
];

/// There is nothing to dump: memory is the system's.
fn memory(ctx: &mut Ctx<'_>, pool: &str) -> Flow {
    let (texts, variables) = (ctx.run.arena.len(), ctx.local.vars.count());
    tracing::info!(
        target: "script",
        "no {pool} pool: memory comes from the system; this run keeps {texts} bytes of texts, \
         this worker {variables} $var",
    );
    Flow::TRUE
}

fn wait(args: &[Value], unit_us: u64) -> Flow {
    let count = args.first().and_then(|count| count.int());
    let Some(count) = count.and_then(|count| u64::try_from(count).ok()) else {
        return Flow::Fail("a time that is not below 0 was expected");
    };
    let millis = count.saturating_mul(unit_us).div_ceil(1_000);
    Flow::Suspend(Wait::Millis(millis), woken)
}

fn woken(_: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    match answer {
        Answer::Elapsed => Flow::TRUE,
        _ => Flow::Fail("the time-out came before the end of the sleep"),
    }
}
