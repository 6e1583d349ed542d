//! `script_trace()` and `sr_check_status()`: looking at how a script and the program do (spec 1.9).

use sluice_engine::module::Function;
use sluice_engine::vm::Trace;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::table::{function, optional, param};

const TRACE: &[ParamDef] = &[
    optional("level", ParamKind::Int),
    optional("format", ParamKind::Literal),
    optional("info", ParamKind::Text),
];
const STATUS: &[ParamDef] =
    &[param("group", ParamKind::Text), optional("identifier", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[
    function(
        "script_trace",
        "Logs each further step of the message's run, with a text; without one it stops.",
        TRACE,
        Routes::ANY,
        |ctx, _, args| trace(ctx, args),
    ),
    function(
        "sr_check_status",
        "The status of a part of the program: above 0 when it is ready, below 0 when it is not.",
        STATUS,
        Routes::ANY,
        |ctx, _, args| status(ctx, args),
    ),
];

fn trace(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let arg = |at: usize| args.get(at).copied().unwrap_or_default();
    ctx.run.trace = match (arg(0).int(), arg(1).text()) {
        (Some(level), Some(text)) => Some(Trace { level, text, info: arg(2).text() }),
        (None, None) => None,
        _ => return Flow::Fail("script_trace() takes a level and a text, or nothing"),
    };
    Flow::TRUE
}

fn status(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let text = |at: usize| {
        let text = args.get(at).and_then(|arg| arg.text());
        text.and_then(|text| std::str::from_utf8(ctx.bytes(text)).ok())
    };
    let found = text(0).and_then(|group| ctx.shared.reports.status(group, text(1)));
    match found {
        Some((status, _)) => Flow::Number(status),
        None => Flow::Fail("there is no such group or identifier of statuses"),
    }
}
