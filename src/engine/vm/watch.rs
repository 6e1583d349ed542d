//! Runs that are looked after between two instructions: for scripts with an error_route{} or a
//! script_trace(), and for those whose runs hold what must be given back at their end. All others
//! do without.
//!
//! error_route{} interrupts the script where an error of the message has shown, as if it were
//! called there; afterwards the script goes on with the code and the test result that it had. What
//! ends the script within error_route{} ends it. An error within error_route{} is only noted.

use sluice_script::ir::{Op, RouteId, RouteKind};

use super::{Machine, Outcome, States, Step, trace};
use crate::context::Ctx;
use crate::limits;
use crate::registry::Registry;
use crate::run::Frame;

/// What the script had when error_route{} interrupted it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interrupted {
    /// How many routes it was in; `None`: it was over, and does not go on.
    depth: Option<usize>,
    truth: bool,
    code: i32,
    kind: RouteKind,
}

/// As [`super::run`].
#[cold]
pub(super) fn run(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
) -> Outcome {
    let shared = ctx.shared;
    let code: &[Op] = &shared.script.code;
    loop {
        if let Some(route) = error_route(machine, ctx) {
            interrupt(machine, ctx, route);
        }
        let step = match code.get(machine.pc as usize) {
            Some(op) => {
                ctx.run.at = machine.pc;
                machine.pc += 1;
                if ctx.run.trace.is_some() {
                    trace::line(ctx, registry, states, *op);
                }
                super::step(machine, ctx, registry, states, *op)
            }
            None => Step::End,
        };
        let step = match step {
            Step::End => super::unwind(machine, ctx, registry, states),
            step => step,
        };
        match step {
            Step::Next => come_back(machine, ctx),
            Step::Park => return machine.parked(),
            Step::End if is_over(machine, ctx) => return Outcome::Done,
            Step::End => {}
        }
    }
}

/// Whether a script that has ended is over; false when error_route{} is to run first.
pub(super) fn is_over(machine: &mut Machine, ctx: &mut Ctx<'_>) -> bool {
    if let Some(route) = error_route(machine, ctx) {
        let (truth, code, kind) = (machine.truth, ctx.run.code, ctx.run.kind);
        machine.enter(&ctx.shared.script, route);
        ctx.run.frames.clear();
        ctx.run.params.clear();
        ctx.run.param_base = 0;
        ctx.run.kind = RouteKind::Error;
        machine.interrupted = Some(Interrupted { depth: None, truth, code, kind });
        return false;
    }
    give_back(machine, ctx);
    let mut locks = std::mem::take(&mut ctx.run.locks);
    ctx.local.release_locks(&mut locks);
    true
}

/// What is left of error_route{} when its run goes on elsewhere.
pub(super) fn give_back(machine: &mut Machine, ctx: &mut Ctx<'_>) {
    if let Some(interrupted) = machine.interrupted.take() {
        ctx.run.kind = interrupted.kind;
    }
}

/// The route to be entered, when an error has shown since the last look.
fn error_route(machine: &Machine, ctx: &mut Ctx<'_>) -> Option<RouteId> {
    if !std::mem::take(&mut ctx.run.fault_is_new) || ctx.run.fault.is_none() {
        return None;
    }
    // It is for requests that were received (spec 1.4).
    let request = matches!(
        ctx.run.kind,
        RouteKind::Request | RouteKind::Branch | RouteKind::Failure | RouteKind::Local
    );
    ctx.shared.error_route.filter(|_| request && machine.interrupted.is_none())
}

fn interrupt(machine: &mut Machine, ctx: &mut Ctx<'_>, route: RouteId) {
    let entry = ctx.shared.script.routes.get(usize::from(route.0)).map(|route| route.entry);
    let depth = ctx.run.frames.len();
    let Some(entry) = entry.filter(|_| depth < limits::ROUTE_DEPTH) else {
        return ctx.complain("routes nest too deep for error_route");
    };
    ctx.run.frames.push(Frame {
        back: machine.pc,
        param_base: ctx.run.param_base,
        loops: machine.loops.len() as u32,
    });
    ctx.run.param_base = ctx.run.params.len() as u32;
    let (truth, code, kind) = (machine.truth, ctx.run.code, ctx.run.kind);
    machine.interrupted = Some(Interrupted { depth: Some(depth), truth, code, kind });
    machine.pc = entry;
    ctx.run.kind = RouteKind::Error;
}

/// Gives the script back what it had, when error_route{} has been left.
fn come_back(machine: &mut Machine, ctx: &mut Ctx<'_>) {
    let Some(interrupted) = machine.interrupted else { return };
    if interrupted.depth.is_some_and(|depth| ctx.run.frames.len() <= depth) {
        machine.interrupted = None;
        machine.truth = interrupted.truth;
        ctx.run.code = interrupted.code;
        ctx.run.kind = interrupted.kind;
    }
}
