//! `script_trace()`: a line in the log for each step of a run, with a text of the script's (spec
//! 1.9). For people who look for a mistake; a run without it does not come here.

use sluice_script::ir::Op;

use super::{States, eval};
use crate::context::Ctx;
use crate::registry::Registry;
use crate::value::{Text, Value};

/// What a run's lines say.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// Their level, -3 to 4.
    pub level: i64,
    /// A text with variables, evaluated for each line.
    pub text: Text,
    /// What stands in each line, to find it again.
    pub info: Option<Text>,
}

/// Logs the instruction that is next, when it is one that a script's author would know.
#[cold]
pub(super) fn line(ctx: &mut Ctx<'_>, registry: &Registry, states: &mut States, op: Op) {
    let Some(trace) = ctx.run.trace else { return };
    let heard = ctx.local.log_level.unwrap_or(ctx.shared.levels.log());
    let Some((class, step)) = step(ctx, registry, op).filter(|_| trace.level <= heard.into())
    else {
        return;
    };
    let text = eval::evaluate(ctx, registry, states, Value::Text(trace.text));
    let text = ctx.to_text(text);
    let script = &ctx.shared.script;
    let at = script.locations.get(ctx.run.at as usize).copied().unwrap_or_default();
    let file = script.files.get(usize::from(at.file)).map_or("", String::as_str);
    let info = trace
        .info
        .map_or_else(String::new, |info| format!("[{}]", String::from_utf8_lossy(ctx.bytes(info))));
    let text = String::from_utf8_lossy(ctx.bytes(text));
    let line = format!("[Script Trace][{file}:{}]{info}[{class} {step}] -> ({text})", at.line);
    match trace.level {
        ..=-1 => tracing::error!(target: "script", "{line}"),
        0 | 1 => tracing::warn!(target: "script", "{line}"),
        2 | 3 => tracing::info!(target: "script", "{line}"),
        _ => tracing::debug!(target: "script", "{line}"),
    }
}

/// Whose step it is, and what it is called.
fn step(ctx: &Ctx<'_>, registry: &Registry, op: Op) -> Option<(&'static str, String)> {
    if let Some(called) = op.called() {
        let (module, function) = registry.function_by_id(called)?;
        let module = registry.modules().get(module).map_or("core", |module| module.name);
        return Some((module, function.name.to_owned()));
    }
    let core = |step: &str| Some(("core", step.to_owned()));
    match op {
        Op::Store { .. } => core("assign"),
        Op::Route { route, .. } => {
            let route = ctx.shared.script.routes.get(usize::from(route.0))?;
            Some(("core", format!("route({})", route.name)))
        }
        Op::RouteDynamic { .. } => core("route"),
        Op::JumpIfNot(_) => core("if"),
        Op::Return { .. } => core("return"),
        Op::Exit => core("exit"),
        Op::Drop => core("drop"),
        _ => None,
    }
}
