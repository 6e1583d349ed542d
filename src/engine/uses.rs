//! What the routes of an edition use: for modules that do less where nobody looks.

use sluice_script::Script;
use sluice_script::catalog::SubKind;
use sluice_script::ir::{Names, Op, Sub};

use crate::module::Apply;
use crate::registry::Registry;

/// The routes of one edition.
#[derive(Clone, Copy)]
pub struct Uses<'a> {
    script: &'a Script,
    registry: &'a Registry,
}

impl<'a> Uses<'a> {
    /// Of a script.
    pub fn of(script: &'a Script, registry: &'a Registry) -> Self {
        Self { script, registry }
    }

    /// Whether they call a function, by its name in the table.
    pub fn calls(&self, name: &str) -> bool {
        let mut called = self.script.code.iter().filter_map(|op| op.called());
        called.any(|id| self.registry.function_by_id(id).is_some_and(|(_, f)| f.name == name))
    }

    /// The numbers that calls of a function have as their argument at a place, from 0; `None` where
    /// one is known at run time only.
    pub fn numbers(&self, name: &str, place: usize) -> Option<Vec<i64>> {
        let mut numbers = Vec::new();
        for (at, op) in self.script.code.iter().enumerate() {
            let function = op.called().and_then(|id| self.registry.function_by_id(id));
            if function.is_none_or(|(_, function)| function.name != name) {
                continue;
            }
            numbers.push(self.pushed(at, *op, place)?);
        }
        Some(numbers)
    }

    /// The number that is pushed for a call as its argument at a place.
    fn pushed(&self, at: usize, call: Op, place: usize) -> Option<i64> {
        // The push of the first argument is the call itself where all are constants.
        let (first, end) = match call {
            Op::CallConstant { args, .. } => (at, at + usize::from(args)),
            Op::Call { args, .. } => (at.checked_sub(usize::from(args))?, at),
            _ => return None,
        };
        let pushes = self.script.code.get(first..end)?;
        let single = |op: &Op| match op {
            Op::Int(_) | Op::Text(_) | Op::Null | Op::Omitted | Op::CallConstant { .. } => true,
            Op::Load(id) => {
                let reference = self.script.references.get(usize::from(id.0));
                reference.is_some_and(|reference| !reference.is_dynamic())
            }
            _ => false,
        };
        match pushes.get(place) {
            Some(Op::Int(number)) if pushes.iter().all(single) => Some(*number),
            _ => None,
        }
    }

    /// The arguments of each call of a function that are texts written out, and `None` for the
    /// others.
    pub fn literals(&self, name: &str) -> Vec<Vec<Option<&'a str>>> {
        let calls = self.script.code.iter().enumerate().filter_map(|(at, op)| {
            let (_, function) = self.registry.function_by_id(op.called()?)?;
            (function.name == name).then_some((at, op.arguments()?))
        });
        calls.map(|(at, args)| self.texts_before(at, usize::from(args))).collect()
    }

    /// Which of the `count` values that are pushed before an instruction are texts written out.
    fn texts_before(&self, mut at: usize, count: usize) -> Vec<Option<&'a str>> {
        let mut texts = vec![None; count];
        for text in texts.iter_mut().rev() {
            let end = at;
            let mut missing = 1;
            while missing > 0 {
                let Some(op) = at.checked_sub(1).and_then(|at| self.script.code.get(at)) else {
                    return texts;
                };
                let Some(pops) = op.pops(self.script) else { return texts };
                missing = missing - 1 + pops;
                at -= 1;
            }
            if let Some(Op::Text(constant)) = self.script.code.get(at).filter(|_| at + 1 == end) {
                *text = std::str::from_utf8(self.script.text(*constant)).ok();
            }
        }
        texts
    }

    /// The names of all flags, by slot.
    pub fn flags(&self) -> &'a Names {
        &self.script.flags
    }

    /// Whether they may touch the AVP of a slot: by its name, or by one made at run time.
    pub fn names_avp(&self, slot: u32) -> bool {
        let named = self.script.references.iter().any(|reference| match reference.sub {
            Sub::Slot(named) => {
                let variable = self.registry.variable_by_id(reference.variable.0);
                named == slot && variable.is_some_and(|(_, v)| matches!(v.sub, SubKind::Avp))
            }
            Sub::Dynamic | Sub::Text(_) => true,
            Sub::None => false,
        });
        named || self.evaluates()
    }

    /// Whether texts made at run time are evaluated, which may name anything.
    fn evaluates(&self) -> bool {
        self.script.code.iter().any(|op| match op {
            Op::Transform { transform, .. } => {
                let found = self.registry.transformation_by_id(*transform);
                found.is_some_and(|found| matches!(found.apply, Apply::Evaluate))
            }
            _ => false,
        })
    }
}
