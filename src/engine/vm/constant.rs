//! Calls whose arguments are all constants are made ready once, when a program starts.
//!
//! Takes a script's instructions, gives the values of such calls in one table. The first push of
//! such a call becomes [`Op::CallConstant`], which skips the others and the call behind them;
//! instructions keep their places. Most calls of a script are of this kind.

use sluice_script::Script;
use sluice_script::ir::{FunctionId, Op};

use crate::module::Function;
use crate::registry::Registry;
use crate::value::{Source, Text, Value};

/// Changes the calls and gives their arguments, end to end.
pub fn fold(script: &mut Script, registry: &Registry) -> Box<[Value]> {
    let landings = landings(script);
    let mut values = Vec::new();
    for at in 0..script.code.len() {
        let Some(&Op::Call { function, args }) = script.code.get(at) else { continue };
        let Some(begin) = at.checked_sub(usize::from(args)).filter(|begin| *begin < at) else {
            continue;
        };
        // Whoever lands behind the first push comes with other values on the stack.
        if landings.get(begin + 1..=at).is_none_or(|inside| inside.contains(&true)) {
            continue;
        }
        let pushes = script.code.get(begin..at).unwrap_or_default();
        let constants: Option<Vec<Value>> = pushes.iter().map(|op| constant(script, op)).collect();
        let Some(constants) = constants.filter(|all| fit(registry, function, all)) else {
            continue;
        };
        let first = values.len() as u32;
        values.extend(constants);
        if let Some(op) = script.code.get_mut(begin) {
            *op = Op::CallConstant { function, args, first };
        }
    }
    values.into()
}

/// Which instructions are reached otherwise than from the one before.
fn landings(script: &Script) -> Vec<bool> {
    let mut landings = vec![false; script.code.len()];
    let jumps = script.code.iter().filter_map(|op| match op {
        Op::Jump(to) | Op::JumpIf(to) | Op::JumpIfNot(to) | Op::LoopCheck(to) => Some(*to),
        _ => None,
    });
    for to in jumps.chain(script.routes.iter().map(|route| route.entry)) {
        if let Some(landing) = landings.get_mut(to as usize) {
            *landing = true;
        }
    }
    landings
}

/// What an instruction pushes, if that is always the same.
fn constant(script: &Script, op: &Op) -> Option<Value> {
    match *op {
        Op::Text(c) => {
            Some(Value::Text(Text { source: Source::Constant, start: c.start, len: c.len }))
        }
        Op::Int(n) => Some(Value::Int(n)),
        Op::Null => Some(Value::Null),
        Op::Omitted => Some(Value::Omitted),
        Op::Regex(id) => Some(Value::Regex(id)),
        Op::Refer(id) => {
            let reference = script.references.get(usize::from(id.0))?;
            (!reference.is_dynamic()).then_some(Value::Reference(id))
        }
        _ => None,
    }
}

/// Whether all arguments have the form that the function wants already.
fn fit(registry: &Registry, id: FunctionId, args: &[Value]) -> bool {
    let Some((_, Function { params, .. })) = registry.function_by_id(id) else { return false };
    params.iter().zip(args).all(|(param, arg)| super::call::fits(param.kind, *arg))
}
