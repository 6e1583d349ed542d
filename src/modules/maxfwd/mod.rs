//! Module `maxfwd`: checks and counts down Max-Forwards (RFC 3261 16.3, spec 8.10).
//!
//! The change is a patch; nothing is answered and nothing is allocated.

use std::any::Any;
use std::sync::Arc;

use sluice_base::{Span, WorkerId};
use sluice_engine::module::{Function, Hooks, Module, Setup, SetupError, SharedState};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes, SettingKind, Status};
use sluice_script::ir::Setting;
use sluice_sip::digits::push_u64;
use sluice_sip::text::number;
use sluice_sip::{Kind, Place};

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
                (Some((Some(value), _)), Some(limit)) => Flow::of(i64::from(value) < limit),
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
        Some((Some(0), _)) => Flow::FALSE,
        Some((Some(value), span)) => {
            let left = u64::from((value - 1).min(limit));
            ctx.run.patches.replace_with(span, |out| push_u64(out, left));
            Flow::TRUE
        }
        Some((None, _)) => Flow::Fail("Max-Forwards is no number"),
        None => {
            let wanted = args.first().and_then(|value| value.int());
            let Some(wanted) = wanted.and_then(|wanted| u32::try_from(wanted).ok()) else {
                return Flow::Fail("the value for Max-Forwards is below 0");
            };
            let at = ctx.message.start_line().end;
            ctx.run.patches.insert_with(at, Place::Before, |out| {
                out.extend_from_slice(b"Max-Forwards: ");
                push_u64(out, u64::from(wanted.min(limit)));
                out.extend_from_slice(b"\r\n");
            });
            Flow::Code(2)
        }
    }
}

/// The header's value, if it is a number, and where it stands.
#[inline]
fn value(ctx: &Ctx<'_>) -> Option<(Option<u32>, Span)> {
    let span = ctx.message.field(Kind::MaxForwards)?.value;
    Some((number(ctx.message.text(span)), span))
}
