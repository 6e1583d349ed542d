//! Calls out of the machine: functions, variables, transformations, and the joining of texts.

use sluice_script::catalog::ParamKind;
use sluice_script::ir::{
    Assign, Constant, Context, FunctionId, Index, ReferenceId, RouteId, Sub, TransformId,
};

use super::{Barrier, Machine, Pending, States, Step, eval, other, reference};
use crate::context::Ctx;
use crate::job::Answer;
use crate::module::{Apply, Asked, Flow, Function, Name, Subject, Then};
use crate::registry::Registry;
use crate::value::{Source, Text, Value};

/// Calls a function with the topmost arguments (spec 1.8).
pub(super) fn call(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    id: FunctionId,
    args: u8,
) -> Step {
    let base = machine.stack.len().saturating_sub(args as usize);
    let Some((module, function)) = registry.function_by_id(id) else { return Step::Next };
    if let Err(text) = prepare(ctx, function, &mut machine.stack[base..]) {
        ctx.complain(text);
        machine.stack.truncate(base);
        return settle(machine, ctx, -1);
    }
    let Some(state) = states.get_mut(module) else { return Step::Next };
    let flow = (function.call)(ctx, state.as_mut(), &machine.stack[base..]);
    if !ctx.run.outputs.is_empty() {
        deliver(ctx, registry, states);
    }
    let flow = evaluated(machine, ctx, registry, states, (id, args), flow);
    conclude(machine, ctx, function, id, args, flow)
}

/// Calls a function with arguments that were made ready at start. In the loop itself, as
/// [`super::step`].
#[inline(always)]
pub(super) fn call_constant(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    id: FunctionId,
    args: u8,
    first: u32,
) -> Step {
    let Some((module, function)) = registry.function_by_id(id) else { return Step::Next };
    let Some(state) = states.get_mut(module) else { return Step::Next };
    let range = first as usize..first as usize + usize::from(args);
    let values = ctx.shared.constants.get(range).unwrap_or_default();
    let flow = (function.call)(ctx, state.as_mut(), values);
    if !ctx.run.outputs.is_empty() {
        deliver(ctx, registry, states);
    }
    match flow {
        Flow::Code(code) => settle(machine, ctx, code),
        Flow::Suspend(..) | Flow::Enter(..) | Flow::Evaluate(..) | Flow::EvaluateAll(..) => {
            // The step that goes on finds them on the stack, as those of any call.
            machine.stack.extend_from_slice(values);
            let flow = evaluated(machine, ctx, registry, states, (id, args), flow);
            conclude(machine, ctx, function, id, args, flow)
        }
        _ => conclude(machine, ctx, function, id, 0, flow),
    }
}

/// Goes on with what waited.
pub(super) fn finish(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    pending: Pending,
    answer: &Answer,
) -> Step {
    match pending {
        Pending::Call { function, args, then } => {
            let base = machine.stack.len().saturating_sub(usize::from(args));
            let Some((module, of)) = registry.function_by_id(function) else { return Step::Next };
            let Some(state) = states.get_mut(module) else { return Step::Next };
            let flow = then(ctx, state.as_mut(), &machine.stack[base..], answer);
            if !ctx.run.outputs.is_empty() {
                deliver(ctx, registry, states);
            }
            let flow = evaluated(machine, ctx, registry, states, (function, args), flow);
            conclude(machine, ctx, of, function, args, flow)
        }
        Pending::Transform { transform, params } => {
            let (input, base) = operands(machine, params);
            let result = match registry.transformation_by_id(transform).map(|t| t.apply) {
                Some(Apply::Ask { then, .. }) => then(ctx, input, &machine.stack[base..], answer),
                _ => Value::Null,
            };
            replace(machine, base, result)
        }
    }
}

/// Evaluates texts for a function until it has another answer.
#[inline]
fn evaluated(
    machine: &Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    (id, args): (FunctionId, u8),
    mut flow: Flow,
) -> Flow {
    loop {
        let (answer, then) = match flow {
            Flow::Evaluate(text, then) => {
                let value = eval::evaluate(ctx, registry, states, Value::Text(text));
                (Answer::Evaluated(value), then)
            }
            Flow::EvaluateAll(texts, then) => {
                (Answer::Values(super::values(ctx, registry, states, &texts).into()), then)
            }
            other => return other,
        };
        let found = registry.function_by_id(id).and_then(|(module, _)| states.get_mut(module));
        let base = machine.stack.len().saturating_sub(usize::from(args));
        flow = match found {
            Some(state) => then(ctx, state.as_mut(), &machine.stack[base..], &answer),
            None => Flow::Fail("the module is not running"),
        };
    }
}

#[inline(never)]
fn conclude(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    function: &'static Function,
    id: FunctionId,
    args: u8,
    flow: Flow,
) -> Step {
    let code = match flow {
        Flow::Code(code) => code,
        Flow::Number(number) => {
            let base = machine.stack.len().saturating_sub(args as usize);
            machine.stack.truncate(base);
            ctx.run.code = number;
            machine.truth = number > 0;
            return Step::Next;
        }
        Flow::Fail(text) => {
            ctx.complain(text);
            function.unknown
        }
        Flow::Suspend(wait, then) => {
            machine.pending = Some(Pending::Call { function: id, args, then });
            machine.wait = Some(wait);
            return Step::Park;
        }
        // Done before.
        Flow::Evaluate(..) | Flow::EvaluateAll(..) => function.unknown,
        Flow::Enter(route, then) => {
            let barrier = (id, args, then);
            return enter_for(machine, ctx, route, barrier);
        }
    };
    let base = machine.stack.len().saturating_sub(args as usize);
    machine.stack.truncate(base);
    settle(machine, ctx, code)
}

/// Enters a route for a function, which goes on when the route is over.
fn enter_for(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    route: RouteId,
    (function, args, then): (FunctionId, u8, Then),
) -> Step {
    let Some(route) = ctx.shared.script.routes.get(usize::from(route.0)) else { return Step::End };
    machine.barriers.push(Barrier {
        function,
        args,
        then,
        pc: machine.pc,
        kind: ctx.run.kind,
        dropped: ctx.run.dropped,
        param_base: ctx.run.param_base,
        frames: ctx.run.frames.len(),
        loops: machine.loops.len(),
        stack: machine.stack.len(),
        params: ctx.run.params.len(),
    });
    (ctx.run.kind, ctx.run.dropped) = (route.kind, false);
    ctx.run.param_base = ctx.run.params.len() as u32;
    ctx.run.hand_over();
    machine.pc = route.entry;
    Step::Next
}

/// The route that a function entered is over: all is as it was, and the function goes on.
pub(super) fn return_to_barrier(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
) -> Step {
    let Some(barrier) = machine.barriers.pop() else { return Step::End };
    ctx.run.frames.truncate(barrier.frames);
    ctx.run.params.truncate(barrier.params);
    ctx.run.names.truncate(barrier.params);
    (ctx.run.kind, ctx.run.param_base) = (barrier.kind, barrier.param_base);
    machine.loops.truncate(barrier.loops);
    machine.stack.truncate(barrier.stack);
    machine.pc = barrier.pc;
    let Barrier { function, args, then, .. } = barrier;
    let pending = Pending::Call { function, args, then };
    let answer = Answer::Returned(std::mem::replace(&mut ctx.run.dropped, barrier.dropped));
    finish(machine, ctx, registry, states, pending, &answer)
}

/// A command's code: 0 stops the whole script, whatever the command (spec 1.5).
#[inline]
pub(super) fn settle(machine: &mut Machine, ctx: &mut Ctx<'_>, code: i32) -> Step {
    ctx.run.code = code;
    machine.truth = code > 0;
    if code == 0 { Step::End } else { Step::Next }
}

/// Brings run-time values into the form that the parameters want; an error means "not called".
fn prepare(ctx: &mut Ctx<'_>, function: &Function, args: &mut [Value]) -> Result<(), &'static str> {
    for (param, arg) in function.params.iter().zip(args) {
        if *arg == Value::Omitted {
            continue;
        }
        match param.kind {
            ParamKind::Int => match arg.int() {
                Some(n) => *arg = Value::Int(n),
                None => *arg = Value::Int(digits(ctx, *arg).ok_or("a number was expected")?),
            },
            ParamKind::NumberOr(_) => match (arg.int(), digits(ctx, *arg)) {
                (Some(n), _) | (None, Some(n)) => *arg = Value::Int(n),
                _ if arg.text().is_some() => {}
                _ => return Err("a number or a text was expected"),
            },
            ParamKind::Text
            | ParamKind::Checked(_)
            | ParamKind::Literal
            | ParamKind::Subst
            | ParamKind::Route(_) => match *arg {
                Value::Null => return Err("a string parameter is NULL"),
                Value::Text(_) => {}
                other => *arg = Value::Text(ctx.to_text(other)),
            },
            ParamKind::Word(read) => {
                if let Some(text) = arg.text() {
                    let word = std::str::from_utf8(ctx.bytes(text)).map_err(|_| "not a word")?;
                    *arg = Value::Int(read(word).map_err(|_| "a parameter has no such value")?);
                }
            }
            ParamKind::Any
            | ParamKind::Output
            | ParamKind::Outputs
            | ParamKind::Variable
            | ParamKind::Regex
            | ParamKind::WholeRegex
            | ParamKind::Flag => {}
        }
    }
    Ok(())
}

/// Whether [`prepare`] would leave an argument as it is.
pub(super) fn fits(kind: ParamKind, arg: Value) -> bool {
    match (kind, arg) {
        (_, Value::Omitted) | (ParamKind::Int | ParamKind::NumberOr(_), Value::Int(_)) => true,
        (ParamKind::Text | ParamKind::Checked(_) | ParamKind::Literal, Value::Text(_))
        | (ParamKind::Subst | ParamKind::Route(_), Value::Text(_)) => true,
        // A text without digits alone stays one; one with a number never is a constant text.
        (ParamKind::NumberOr(_), arg) => arg.text().is_some(),
        (ParamKind::Int | ParamKind::Text | ParamKind::Checked(_) | ParamKind::Literal, _)
        | (ParamKind::Subst | ParamKind::Route(_), _) => false,
        (ParamKind::Word(_), arg) => arg.text().is_none(),
        (ParamKind::Any | ParamKind::Output | ParamKind::Variable | ParamKind::Flag, _)
        | (ParamKind::Outputs | ParamKind::Regex | ParamKind::WholeRegex, _) => true,
    }
}

/// A string of digits serves as a number: 1.x scripts quote everything (spec 1.8).
fn digits(ctx: &Ctx<'_>, value: Value) -> Option<i64> {
    std::str::from_utf8(ctx.bytes(value.text()?)).ok()?.trim().parse().ok()
}

/// Takes name and index of a reference, popping what was pushed for them, and says whether it means
/// the run's own message. `None`: the index is no number.
fn subject(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    id: ReferenceId,
) -> Option<(u16, Subject, bool)> {
    let reference = reference(ctx, id)?;
    let index = match reference.index {
        Index::Dynamic => machine.pop().int().map(|n| Index::At(n.clamp(-0x7FFF, 0x7FFF) as i32)),
        fixed => Some(fixed),
    };
    let name = match reference.sub {
        Sub::None => Name::None,
        Sub::Slot(slot) => Name::Slot(slot),
        Sub::Text(c) => Name::Text(constant(c)),
        Sub::Dynamic => {
            let value = machine.pop();
            Name::Text(ctx.to_text(value))
        }
    };
    let here = match reference.context {
        Context::Current => true,
        Context::Request => ctx.message.is_request(),
        Context::Reply => !ctx.message.is_request(),
    };
    let Some(index) = index else {
        ctx.complain("an index is a number");
        return None;
    };
    Some((reference.variable.0, Subject { name, index }, here))
}

/// Pushes a variable itself. What its dynamic parts are now is kept until the call delivers.
pub(super) fn refer(machine: &mut Machine, ctx: &mut Ctx<'_>, id: ReferenceId) {
    if reference(ctx, id).is_some_and(|reference| reference.is_dynamic()) {
        let Some((_, subject, true)) = subject(machine, ctx, id) else {
            return machine.stack.push(Value::Null);
        };
        ctx.run.referred.retain(|(other, _)| *other != id);
        ctx.run.referred.push((id, subject));
    }
    machine.stack.push(Value::Reference(id));
}

/// Pushes a variable's value.
pub(super) fn load(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    id: ReferenceId,
) {
    let found = subject(machine, ctx, id);
    let value = found.and_then(|(variable, subject, here)| {
        let (module, variable) = registry.variable_by_id(variable)?;
        let subject = registry.settle(ctx, variable, subject);
        let state = states.get_mut(module)?.as_mut();
        if here {
            return Some((variable.get)(ctx, state, subject));
        }
        other::read(ctx, state, variable, subject)
    });
    machine.stack.push(value.unwrap_or_default());
}

/// Pops a value and assigns it.
pub(super) fn store(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    id: ReferenceId,
    op: Assign,
) {
    let value = machine.pop();
    let done = match (subject(machine, ctx, id), value) {
        (_, Value::Invalid) => Err("the old value stays"),
        (Some((variable, subject, true)), value) => {
            assign(ctx, registry, states, variable, subject, op, value)
        }
        _ => Err("there is no such variable here"),
    };
    ctx.run.code = match done {
        Ok(()) => 1,
        Err(text) => {
            ctx.complain(text);
            -1
        }
    };
    machine.truth = ctx.run.code > 0;
}

fn assign(
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    variable: u16,
    subject: Subject,
    op: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let (module, variable) = registry.variable_by_id(variable).ok_or("no such variable")?;
    let set = variable.set.ok_or("the variable is read-only")?;
    let subject = registry.settle(ctx, variable, subject);
    let state = states.get_mut(module).ok_or("no such module")?;
    set(ctx, state.as_mut(), subject, op, value)
}

/// Pops the parameters and the input of a transformation, pushes its result.
pub(super) fn transform(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    transform: TransformId,
    params: u8,
) -> Step {
    let (input, base) = operands(machine, params);
    let Some(of) = registry.transformation_by_id(transform).filter(|_| !input.is_null()) else {
        return replace(machine, base, Value::Null);
    };
    let result = match of.apply {
        Apply::Now(apply) => apply(ctx, input, &machine.stack[base..]),
        Apply::Evaluate => eval::evaluate(ctx, registry, states, input),
        Apply::Ask { ask, .. } => match ask(ctx, input, &machine.stack[base..]) {
            Asked::Known(value) => value,
            Asked::Wait(wait) => {
                machine.pending = Some(Pending::Transform { transform, params });
                machine.wait = Some(wait);
                return Step::Park;
            }
        },
    };
    replace(machine, base, result)
}

/// The input of a transformation, and where its parameters begin.
fn operands(machine: &Machine, params: u8) -> (Value, usize) {
    let base = machine.stack.len().saturating_sub(usize::from(params));
    let input = base.checked_sub(1).and_then(|at| machine.stack.get(at)).copied();
    (input.unwrap_or_default(), base)
}

/// Puts the result in the place of the input and what lies above.
fn replace(machine: &mut Machine, base: usize, result: Value) -> Step {
    machine.stack.truncate(base.saturating_sub(1));
    machine.stack.push(result);
    Step::Next
}

/// Pops `n` values and pushes their texts joined.
pub(super) fn concat(machine: &mut Machine, ctx: &mut Ctx<'_>, n: u8) {
    let base = machine.stack.len().saturating_sub(n as usize);
    // Numbers are printed first: that may grow the arena, where the joined text must lie in one.
    for value in &mut machine.stack[base..] {
        *value = Value::Text(ctx.to_text(*value));
    }
    let joined = ctx.join(machine.stack[base..].iter().filter_map(|value| value.text()));
    machine.stack.truncate(base);
    machine.stack.push(joined);
}

/// Assigns what the function put into its output arguments.
fn deliver(ctx: &mut Ctx<'_>, registry: &Registry, states: &mut States) {
    while let Some((id, value)) = ctx.run.outputs.pop() {
        let Some((variable, subject)) = ctx.subject(id) else { continue };
        if let Err(text) = assign(ctx, registry, states, variable.0, subject, Assign::Set, value) {
            ctx.complain(text);
        }
    }
}

fn constant(c: Constant) -> Text {
    Text { source: Source::Constant, start: c.start, len: c.len }
}
