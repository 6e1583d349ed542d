//! The virtual machine: runs a script's instructions over a [`Machine`], which is plain data.
//!
//! An explicit frame stack, which the run holds, no recursion, no closure: a machine can be put
//! aside between any two instructions and goes on later on the same worker. Nothing of a run lives
//! in the worker.

mod arith;
mod call;
mod compare;
mod constant;
mod detach;
mod eval;
mod other;
mod trace;
mod watch;

use std::any::Any;

use sluice_script::Script;
use sluice_script::ir::{FunctionId, Op, Reference, RouteId, RouteKind, TransformId};

use crate::context::Ctx;
use crate::fault::Fault;
use crate::job::Answer;
use crate::limits;
use crate::module::{Then, Wait};
use crate::registry::Registry;
use crate::run::Frame;
use crate::value::{Source, Text, Value};

pub use constant::fold;
pub use detach::begin;
pub use trace::Trace;

/// The values of texts with variables that a module's parameter gives.
pub(crate) fn values(
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    texts: &[Box<str>],
) -> Vec<Value> {
    texts.iter().map(|text| eval::value(ctx, registry, states, text)).collect()
}

/// The states of all modules of one worker, by number of module.
pub type States = Vec<Box<dyn Any + Send>>;

/// How a stretch of instructions ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The run is over.
    Done,
    /// The run waits; [`resume`] goes on.
    Parked(Wait),
}

/// What waits.
#[derive(Clone, Copy, Debug)]
enum Pending {
    /// A call.
    Call { function: FunctionId, args: u8, then: Then },
    /// A transformation.
    Transform { transform: TransformId, params: u8 },
}

/// Where a function goes on that has entered a route: no `exit` of that route gets past it.
#[derive(Clone, Copy, Debug)]
struct Barrier {
    function: FunctionId,
    args: u8,
    then: Then,
    /// As they were.
    pc: u32,
    kind: RouteKind,
    dropped: bool,
    param_base: u32,
    /// How many there were.
    frames: usize,
    loops: usize,
    stack: usize,
    params: usize,
}

/// The program state of a run.
#[derive(Debug, Default)]
pub struct Machine {
    pc: u32,
    truth: bool,
    stack: Vec<Value>,
    loops: Vec<u32>,
    pending: Option<Pending>,
    /// Functions that entered a route, outermost first.
    barriers: Vec<Barrier>,
    /// What the run is about to wait for.
    wait: Option<Wait>,
    steps: u32,
    /// What a run that was launched begins with.
    first: Option<(FunctionId, u8)>,
    /// The call that waits stands by itself: its 0 ends nothing.
    detached: bool,
    /// When the call that waits fails, in monotonic milliseconds.
    deadline_ms: Option<u64>,
    /// While error_route{} runs.
    interrupted: Option<watch::Interrupted>,
}

impl Machine {
    /// A machine with room for a usual script.
    pub fn new() -> Self {
        Self { stack: Vec::with_capacity(64), loops: Vec::with_capacity(8), ..Self::default() }
    }

    /// Forgets everything and stands before the first instruction of a route.
    pub fn enter(&mut self, script: &Script, route: RouteId) {
        self.pc = script.routes.get(route.0 as usize).map_or(u32::MAX, |r| r.entry);
        self.truth = false;
        self.stack.clear();
        self.loops.clear();
        self.pending = None;
        self.barriers.clear();
    }

    /// The run is over, whatever it was doing.
    pub(crate) fn stop(&mut self) {
        self.first = None;
        self.detached = false;
        self.deadline_ms = None;
        self.interrupted = None;
    }

    /// When what it waits for must have come, in monotonic milliseconds.
    pub(crate) const fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    fn parked(&mut self) -> Outcome {
        Outcome::Parked(self.wait.take().unwrap_or(Wait::Turn))
    }

    #[inline]
    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or_default()
    }

    /// Leaves the current route; `false` when it was the outermost.
    fn leave(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let floor = self.barriers.last().map_or(0, |barrier| barrier.frames);
        if ctx.run.frames.len() <= floor {
            return false;
        }
        let Some(frame) = ctx.run.frames.pop() else { return false };
        ctx.run.params.truncate(ctx.run.param_base as usize);
        ctx.run.param_base = frame.param_base;
        self.loops.truncate(frame.loops as usize);
        self.pc = frame.back;
        true
    }
}

/// Runs until the script ends or waits.
pub fn run(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
) -> Outcome {
    machine.steps = limits::STEPS_PER_TURN;
    let shared = ctx.shared;
    if shared.watched {
        return watch::run(machine, ctx, registry, states);
    }
    let code: &[Op] = &shared.script.code;
    while let Some(op) = code.get(machine.pc as usize) {
        ctx.run.at = machine.pc;
        machine.pc += 1;
        match step(machine, ctx, registry, states, *op) {
            Step::Next => {}
            Step::End if machine.barriers.is_empty() => return Outcome::Done,
            Step::End => match unwind(machine, ctx, registry, states) {
                Step::Next => {}
                Step::Park => return machine.parked(),
                Step::End => return Outcome::Done,
            },
            Step::Park => return machine.parked(),
        }
    }
    Outcome::Done
}

/// The script has ended, within a route that a function entered: the function goes on, and so on
/// outwards while these end the script, too.
#[cold]
fn unwind(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
) -> Step {
    while !machine.barriers.is_empty() {
        let step = call::return_to_barrier(machine, ctx, registry, states);
        if step != Step::End {
            return step;
        }
    }
    Step::End
}

/// Goes on after a wait.
pub fn resume(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    answer: &Answer,
) -> Outcome {
    machine.steps = limits::STEPS_PER_TURN;
    if let Some(pending) = machine.pending.take() {
        let detached = std::mem::take(&mut machine.detached);
        match call::finish(machine, ctx, registry, states, pending, answer) {
            Step::Next => {}
            Step::Park => {
                machine.detached = detached;
                return machine.parked();
            }
            Step::End if detached => {}
            Step::End => match unwind(machine, ctx, registry, states) {
                Step::Next => {}
                Step::Park => return machine.parked(),
                Step::End if !ctx.shared.watched || watch::is_over(machine, ctx) => {
                    return Outcome::Done;
                }
                Step::End => {}
            },
        }
        machine.deadline_ms = None;
    }
    run(machine, ctx, registry, states)
}

/// What follows an instruction; small, since it is asked after each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Next,
    End,
    /// The run waits, for what lies in [`Machine::wait`].
    Park,
}

/// One instruction. In the loop itself, since a call for each would cost a tenth of a message.
#[inline(always)]
fn step(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    op: Op,
) -> Step {
    match op {
        Op::Text(c) => {
            let text = Text { source: Source::Constant, start: c.start, len: c.len };
            machine.stack.push(Value::Text(text));
        }
        Op::Int(n) => machine.stack.push(Value::Int(n)),
        Op::Null => machine.stack.push(Value::Null),
        Op::Omitted => machine.stack.push(Value::Omitted),
        Op::Regex(id) => machine.stack.push(Value::Regex(id)),
        Op::Refer(id) => call::refer(machine, ctx, id),
        Op::Load(id) => call::load(machine, ctx, registry, states, id),
        Op::Concat(n) => call::concat(machine, ctx, n),
        Op::Transform { transform, params } => {
            return call::transform(machine, ctx, registry, states, transform, params);
        }
        Op::Arith { op, literal, compound } => {
            let (right, left) = (machine.pop(), machine.pop());
            let result = arith::arith(ctx, op, left, right, literal, compound);
            machine.stack.push(result);
        }
        Op::Complement => {
            let value = machine.pop();
            machine.stack.push(arith::complement(ctx, value));
        }
        Op::Compare { op, literal } => {
            let (right, left) = (machine.pop(), machine.pop());
            machine.truth = compare::compare(ctx, op, left, right, literal);
        }
        Op::Case => {
            let (label, subject) = (machine.pop(), machine.pop());
            machine.truth = compare::is_case(ctx, subject, label);
        }
        Op::Match(id) => {
            let subject = machine.pop();
            machine.truth = compare::matches(ctx, id, subject);
        }
        Op::MatchDynamic => {
            let (pattern, subject) = (machine.pop(), machine.pop());
            machine.truth = compare::matches_dynamic(ctx, pattern, subject);
        }
        Op::InNet(id) => {
            let subject = machine.pop();
            machine.truth = compare::in_net(ctx, id, subject);
        }
        Op::Truth => {
            let value = machine.pop();
            machine.truth = compare::truth(value);
        }
        Op::NonZero => machine.truth = machine.pop().int().is_some_and(|n| n != 0),
        Op::PushTruth => machine.stack.push(Value::Int(i64::from(machine.truth))),
        Op::PushCode => machine.stack.push(Value::Int(i64::from(ctx.run.code))),
        Op::Not => machine.truth = !machine.truth,
        Op::Jump(to) => machine.pc = to,
        Op::JumpIf(to) => {
            if machine.truth {
                machine.pc = to;
            }
        }
        Op::JumpIfNot(to) => {
            if !machine.truth {
                machine.pc = to;
            }
        }
        Op::Store { target, op } => call::store(machine, ctx, registry, states, target, op),
        Op::Guard { function, to } => {
            let level = machine.pop();
            let guard = registry.function_by_id(function).and_then(|(_, f)| f.guard);
            if guard.is_some_and(|guard| !guard(ctx, level)) {
                (ctx.run.code, machine.truth, machine.pc) = (1, true, to);
            }
        }
        Op::Call { function, args } => {
            return call::call(machine, ctx, registry, states, function, args);
        }
        Op::CallConstant { function, args, first } => {
            // The plain call has the place in the script.
            ctx.run.at += u32::from(args);
            machine.pc += u32::from(args);
            return call::call_constant(machine, ctx, registry, states, function, args, first);
        }
        Op::Async { function, args, route } => {
            return detach::detach(machine, ctx, registry, states, (function, args), route);
        }
        Op::Launch { function, args, route } => {
            return detach::launch(machine, ctx, (function, args), route);
        }
        Op::Route { route, args } => return enter(machine, ctx, Some(route), args),
        Op::RouteDynamic { args } => return enter_named(machine, ctx, args),
        Op::Return { values } => return leave(machine, ctx, values),
        Op::End => {
            // A test that took no branch leaves 0 in `$rc`, but no command has stopped the script.
            if ctx.run.code == 0 {
                ctx.run.code = 1;
            }
            if !machine.leave(ctx) {
                return Step::End;
            }
            machine.truth = ctx.run.code > 0;
        }
        Op::Exit => return Step::End,
        Op::Assert => return assert(machine, ctx),
        Op::Drop => {
            ctx.run.dropped = true;
            return Step::End;
        }
        Op::LoopEnter => machine.loops.push(0),
        Op::LoopCheck(out) => return count_round(machine, ctx, out),
        Op::LoopLeave => {
            machine.loops.pop();
        }
        Op::CodeFromTruth => ctx.run.code = i32::from(machine.truth),
        Op::Pop => {
            machine.stack.pop();
        }
        Op::Pick(below) => {
            let value = machine.stack.iter().rev().nth(usize::from(below)).copied();
            machine.stack.push(value.unwrap_or_default());
        }
    }
    Step::Next
}

/// Ends the script when what it takes for granted does not hold.
#[cold]
fn assert(machine: &mut Machine, ctx: &mut Ctx<'_>) -> Step {
    let text = machine.pop();
    if machine.truth {
        return Step::Next;
    }
    let text = ctx.to_text(text);
    let text = String::from_utf8_lossy(ctx.bytes(text)).into_owned();
    ctx.complain(&format!("ASSERTION FAILED - {text}"));
    ctx.note(Fault::ASSERT);
    ctx.local.aborted |= ctx.shared.settings.abort_on_assert;
    Step::End
}

/// Counts a backward step: a run that takes too many yields to the worker's other messages.
fn tick(machine: &mut Machine, ctx: &mut Ctx<'_>) -> Step {
    let full = ctx.run.arena.len() > limits::ARENA_BYTES;
    if full || machine.stack.len() > limits::STACK_VALUES {
        ctx.complain("the run holds too much text or too many values and is ended");
        return Step::End;
    }
    if machine.steps > 0 {
        machine.steps -= 1;
        return Step::Next;
    }
    machine.wait = Some(Wait::Turn);
    Step::Park
}

fn count_round(machine: &mut Machine, ctx: &mut Ctx<'_>, out: u32) -> Step {
    let limit = ctx.shared.settings.max_while_loops;
    let Some(rounds) = machine.loops.last_mut() else { return Step::Next };
    *rounds += 1;
    if *rounds > limit {
        ctx.complain("max_while_loops reached, the loop is left");
        machine.pc = out;
        return Step::Next;
    }
    tick(machine, ctx)
}

fn enter(machine: &mut Machine, ctx: &mut Ctx<'_>, route: Option<RouteId>, args: u8) -> Step {
    let base = machine.stack.len().saturating_sub(args as usize);
    let entry = route.and_then(|id| ctx.shared.script.routes.get(id.0 as usize)).map(|r| r.entry);
    let Some(entry) = entry.filter(|_| ctx.run.frames.len() < limits::ROUTE_DEPTH) else {
        let text = if entry.is_some() { "routes nest too deep" } else { "no such route" };
        ctx.complain(text);
        machine.stack.truncate(base);
        ctx.run.code = -1;
        machine.truth = false;
        return Step::Next;
    };
    ctx.run.frames.push(Frame {
        back: machine.pc,
        param_base: ctx.run.param_base,
        loops: machine.loops.len() as u32,
    });
    ctx.run.param_base = ctx.run.params.len() as u32;
    ctx.run.params.extend_from_slice(machine.stack.get(base..).unwrap_or_default());
    machine.stack.truncate(base);
    machine.pc = entry;
    tick(machine, ctx)
}

fn enter_named(machine: &mut Machine, ctx: &mut Ctx<'_>, args: u8) -> Step {
    let below = machine.stack.len().saturating_sub(args as usize + 1);
    let name = machine.stack.get(below).copied().unwrap_or_default();
    let name = ctx.to_text(name);
    // The numeric 0 is the main route (spec 1.4).
    let name = match ctx.bytes(name) {
        b"0" => b"",
        name => name,
    };
    let route = ctx.shared.script.route(RouteKind::Request, name);
    if below < machine.stack.len() {
        machine.stack.remove(below);
    }
    enter(machine, ctx, route, args)
}

fn leave(machine: &mut Machine, ctx: &mut Ctx<'_>, values: u8) -> Step {
    let base = machine.stack.len().saturating_sub(values as usize);
    ctx.run.returns.clear();
    ctx.run.returns.extend_from_slice(machine.stack.get(base..).unwrap_or_default());
    machine.stack.truncate(base);
    // spec 1.5: NULL returns -1, what is no number returns 1, 0 stops the whole script.
    let code = match machine.pop() {
        Value::Null | Value::Omitted => -1,
        value => value.int().map_or(1, |n| n.clamp(-0x7FFF_FFFF, 0x7FFF_FFFF) as i32),
    };
    ctx.run.code = code;
    machine.truth = code > 0;
    if code == 0 || !machine.leave(ctx) { Step::End } else { Step::Next }
}

/// The reference of an id; a script is checked, so an unknown one cannot come from it.
fn reference(ctx: &Ctx<'_>, id: sluice_script::ir::ReferenceId) -> Option<Reference> {
    ctx.shared.script.references.get(id.0 as usize).copied()
}
