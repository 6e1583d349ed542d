//! `async()` and `launch()`: a function whose caller does not stand behind it.
//!
//! `async()` leaves all routes, calls the function, and goes on in a route with its code; the same
//! run keeps all else that it has. `launch()` prepares another run, which calls the function with a
//! copy of the message, and then enters a route; this run goes on at once.

use sluice_script::ir::{FunctionId, RouteId};

use super::{Machine, Outcome, States, Step, call, watch};
use crate::context::Ctx;
use crate::own::{Busy, Origin, carry};
use crate::registry::Registry;
use crate::run::Run;
use crate::value::Value;

/// [`sluice_script::ir::Op::Async`]
pub(super) fn detach(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    (function, args): (FunctionId, u8),
    route: RouteId,
) -> Step {
    let base = machine.stack.len().saturating_sub(usize::from(args));
    let seconds = base.checked_sub(1).and_then(|at| machine.stack.get(at)).copied();
    machine.deadline_ms = seconds.and_then(|seconds| deadline(ctx, seconds));
    machine.stack.drain(..base);
    machine.loops.clear();
    watch::give_back(machine, ctx);
    ctx.run.frames.clear();
    ctx.run.params.clear();
    ctx.run.param_base = 0;
    machine.pc = entry(ctx, Some(route));
    match call::call(machine, ctx, registry, states, function, args) {
        Step::Park => {
            machine.detached = true;
            Step::Park
        }
        // Also after 0: nothing stands behind the call that it could end.
        Step::Next | Step::End => {
            machine.deadline_ms = None;
            Step::Next
        }
    }
}

/// [`sluice_script::ir::Op::Launch`]
pub(super) fn launch(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    (function, args): (FunctionId, u8),
    route: Option<RouteId>,
) -> Step {
    let base = machine.stack.len().saturating_sub(usize::from(args));
    let mut run = Box::<Run>::default();
    run.origin = Origin::Own(Busy::default());
    run.packet = ctx.packet;
    run.kept.extend_from_slice(ctx.message.bytes);
    run.state.kind = ctx.run.kind;
    run.state.at = ctx.run.at;
    for arg in machine.stack.get(base..).unwrap_or_default() {
        let arg = carry(ctx, &mut run.state, *arg, true);
        run.machine.stack.push(arg);
    }
    let below = base.saturating_sub(1);
    match machine.stack.get(below) {
        Some(Value::Omitted) | None => {}
        Some(param) => {
            let param = carry(ctx, &mut run.state, *param, true);
            run.state.params.push(param);
        }
    }
    run.machine.pc = entry(ctx, route);
    run.machine.first = Some((function, args));
    machine.stack.truncate(below);
    let started = ctx.local.start(run);
    if !started {
        ctx.complain("too many runs wait to begin");
    }
    call::settle(machine, ctx, if started { 1 } else { -1 })
}

/// Begins a run: calls its first function, if it was launched.
pub fn begin(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
) -> Outcome {
    if let Some((function, args)) = machine.first.take()
        && call::call(machine, ctx, registry, states, function, args) == Step::Park
    {
        machine.detached = true;
        return machine.parked();
    }
    super::run(machine, ctx, registry, states)
}

/// When a time-out of so many seconds is over.
fn deadline(ctx: &Ctx<'_>, seconds: Value) -> Option<u64> {
    if seconds == Value::Omitted {
        return None;
    }
    let seconds = seconds.int().and_then(|seconds| u64::try_from(seconds).ok());
    let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else {
        ctx.complain("a time-out is a number of seconds above 0; there is none now");
        return None;
    };
    Some(ctx.now.mono_ms().saturating_add(seconds.saturating_mul(1_000)))
}

fn entry(ctx: &Ctx<'_>, route: Option<RouteId>) -> u32 {
    let routes = &ctx.shared.script.routes;
    let route = route.and_then(|route| routes.get(usize::from(route.0)));
    route.map_or(u32::MAX, |route| route.entry)
}
