//! Module `maxfwd`: checks and counts down Max-Forwards (RFC 3261 16.3, spec 8.10).
//!
//! The new value is kept with the run and written when the request is sent; nothing is answered
//! and nothing is allocated.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{Function, Hooks, Module, Setup, SetupError, SharedState};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes, SettingKind, Status};
use sluice_script::ir::Setting;
use sluice_sip::Kind;
use sluice_sip::text::number;

use crate::table::{function, param, setting};

/// The definition table.
pub static MODULE: Module = Module {
    name: "maxfwd",
    aliases: &["mf"],
    doc: "Checks and counts down Max-Forwards.",
    includes: &[],
    params: &[sluice_engine::module::ParamEntry {
        check: Some(check_limit),
        ..setting(
            "max_limit",
            &[],
            "Largest value that leaves, 1 to 256; 256.",
            SettingKind::Int,
            Status::Honoured,
        )
    }],
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

const FUNCTIONS: &[Function] = &[
    Function {
        unknown: -2,
        ..function(
            "mf_process_maxfwd_header",
            "Counts Max-Forwards down; -1 at 0; adds the header with this value where it is \
             missing and returns 2.",
            VALUE,
            Routes::REQUEST,
            process,
        )
    },
    Function {
        unknown: -2,
        ..function(
            "is_maxfwd_lt",
            "Whether Max-Forwards is below a value; -1 also without the header.",
            VALUE,
            Routes::REQUESTS,
            |ctx, _, args| match (value(ctx), args.first().and_then(|limit| limit.int())) {
                (None, _) => Flow::FALSE,
                (Some(Some(value)), Some(limit)) => Flow::of(i64::from(value) < limit),
                _ => Flow::Fail("Max-Forwards is no number"),
            },
        )
    },
];

const VALUE: &[ParamDef] = &[param("value", ParamKind::Int)];

/// OpenSIPS' default and ceiling.
const MAX_LIMIT: u32 = 256;

/// The state: the limit, the same for all workers.
#[derive(Clone, Copy)]
struct Limit(u32);

impl SharedState for Limit {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(*self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let limit = setup.int("max_limit", i64::from(MAX_LIMIT));
    Ok(Arc::new(Limit(u32::try_from(limit).unwrap_or(MAX_LIMIT))))
}

fn check_limit(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=256) => Ok(()),
        _ => Err("a number from 1 to 256".to_owned()),
    }
}

fn process(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let limit = state.downcast_ref::<Limit>().map_or(MAX_LIMIT, |limit| limit.0);
    match value(ctx) {
        Some(Some(0)) => Flow::FALSE,
        Some(Some(value)) => {
            ctx.run.max_forwards = Some((value - 1).min(limit));
            Flow::TRUE
        }
        Some(None) => Flow::Fail("Max-Forwards is no number"),
        None => {
            let wanted = args.first().and_then(|value| value.int());
            let Some(wanted) = wanted.and_then(|wanted| u32::try_from(wanted).ok()) else {
                return Flow::Fail("the value for Max-Forwards is below 0");
            };
            ctx.run.max_forwards = Some(wanted.min(limit));
            Flow::Code(2)
        }
    }
}

/// The value as it stands now, if there is one; its number, if it is one.
#[inline]
fn value(ctx: &Ctx<'_>) -> Option<Option<u32>> {
    match ctx.run.max_forwards {
        Some(counted) => Some(Some(counted)),
        None => ctx.message.value(Kind::MaxForwards).map(number),
    }
}
