//! What the routes of an edition use: for modules that do less where nobody looks.

use sluice_script::Script;
use sluice_script::catalog::SubKind;
use sluice_script::ir::{Op, Sub};

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
