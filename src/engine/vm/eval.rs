//! `{s.eval}`: a text that the script made is read as a format and evaluated (spec 2.5).
//!
//! Names that the script does not have are keys without a value. What would have to wait for an
//! answer is NULL here, since an evaluation is one step of the machine.

use sluice_script::catalog::{Catalog, Found, SubKind};
use sluice_script::format::{self, Format, IndexText, Part, Transformation, Variable};
use sluice_script::ir::Index;

use super::States;
use crate::context::Ctx;
use crate::limits;
use crate::module::{Apply, Asked, Name, Subject};
use crate::registry::Registry;
use crate::value::{Text, Value};

/// The value of a text with variables; NULL, and a line in the log, when it is none.
pub(super) fn evaluate(
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    input: Value,
) -> Value {
    let text = ctx.to_text(input);
    let left = limits::EVALUATED_VARIABLES;
    let mut evaluation = Evaluation { ctx, registry, states, depth: 0, left };
    let value = evaluation.text(text);
    if value.is_none() {
        ctx.complain("{s.eval}: no text with variables, or too much of it");
    }
    value.unwrap_or_default()
}

/// The value of a text with variables that a module's parameter gives; of a sole variable its own.
/// NULL, and a line in the log, when it is none.
pub(super) fn value(
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
    text: &str,
) -> Value {
    let left = limits::EVALUATED_VARIABLES;
    let mut evaluation = Evaluation { ctx, registry, states, depth: 0, left };
    let format = evaluation.read(text.as_bytes());
    let value = format.and_then(|format| evaluation.value(&format));
    if value.is_none() {
        ctx.complain("a parameter of a module has no such variables");
    }
    value.unwrap_or_default()
}

struct Evaluation<'e, 'a> {
    ctx: &'e mut Ctx<'a>,
    registry: &'e Registry,
    states: &'e mut States,
    depth: u8,
    /// How many variables may still be read.
    left: u32,
}

impl Evaluation<'_, '_> {
    /// `None` where it is not well formed, names what does not exist or goes over a limit.
    fn text(&mut self, text: Text) -> Option<Value> {
        self.depth += 1;
        if self.depth > limits::EVALUATIONS || text.len as usize > limits::EVALUATED_BYTES {
            return None;
        }
        let format = self.read(self.ctx.bytes(text))?;
        let texts = self.texts(&format)?;
        self.depth -= 1;
        self.join(texts)
    }

    fn join(&mut self, texts: Vec<Text>) -> Option<Value> {
        let length: usize = texts.iter().map(|text| text.len as usize).sum();
        let fits = length <= limits::EVALUATED_TO_BYTES;
        fits.then(|| self.ctx.join(texts.into_iter()))
    }

    fn read(&self, text: &[u8]) -> Option<Format> {
        let known = |name: &str| !matches!(self.find(name), Found::No);
        format::read(text, &known)
    }

    fn find(&self, name: &str) -> Found<sluice_script::catalog::VariableSignature> {
        self.registry.variable(name, &self.ctx.shared.script.modules)
    }

    fn texts(&mut self, format: &Format) -> Option<Vec<Text>> {
        let parts = format.parts.iter().map(|part| match part {
            Part::Text(text) => Some(self.ctx.keep(text)),
            Part::Variable(variable) => {
                let value = self.variable(variable)?;
                Some(self.ctx.to_text(value))
            }
        });
        parts.collect()
    }

    fn value(&mut self, format: &Format) -> Option<Value> {
        if let Some(variable) = format.sole() {
            return self.variable(variable);
        }
        let texts = self.texts(format)?;
        self.join(texts)
    }

    fn variable(&mut self, given: &Variable) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        let Found::Yes(signature) = self.find(&given.name.text) else { return None };
        let here = match given.context.as_ref().map(|context| context.text.as_str()) {
            None => true,
            Some("request") => self.ctx.message.is_request(),
            Some("reply") => !self.ctx.message.is_request(),
            Some(_) => return None,
        };
        if !here {
            return Some(Value::Null);
        }
        let name = match (&given.sub, signature.sub) {
            (None, SubKind::None | SubKind::Text { optional: true }) => Name::None,
            (None, SubKind::Word(read)) => Name::Slot(read("").ok()?),
            (None, _) | (Some(_), SubKind::None) => return None,
            (Some(sub), _) => {
                let value = self.value(sub)?;
                Name::Text(self.ctx.to_text(value))
            }
        };
        let index = match &given.index {
            None => Index::None,
            Some(_) if !signature.indexed => return None,
            Some(IndexText::At(at)) => Index::At(*at),
            Some(IndexText::All) => Index::All,
            Some(IndexText::Append) => Index::Append,
            Some(IndexText::Dynamic(at)) => {
                Index::At(i32::try_from(self.variable(at)?.int()?).ok()?)
            }
        };
        let (module, variable) = self.registry.variable_by_id(signature.id.0)?;
        let subject = self.registry.settle(self.ctx, variable, Subject { name, index });
        let state = self.states.get_mut(module)?;
        let mut value = (variable.get)(self.ctx, state.as_mut(), subject);
        for transformation in &given.transformations {
            value = self.transform(transformation, value)?;
        }
        Some(value)
    }

    fn transform(&mut self, given: &Transformation, input: Value) -> Option<Value> {
        let (class, name, index) = format::transformation_name(&given.name.text)?;
        let Found::Yes((id, fewest, most)) = self.registry.transformation(class, &name) else {
            return None;
        };
        let mut params: Vec<Value> = index.map(Value::Int).into_iter().collect();
        let room = usize::from(most).checked_sub(params.len())?;
        if let Some(text) = &given.params {
            if room == 0 {
                return None;
            }
            for param in format::parameters(&text.text, room) {
                params.push(match format::parameter_number(param) {
                    Some(number) => Value::Int(number),
                    None => {
                        let format = self.read(param.as_bytes())?;
                        self.value(&format)?
                    }
                });
            }
        }
        let fits = params.len() >= usize::from(fewest);
        let of = self.registry.transformation_by_id(id).filter(|_| fits)?;
        if input.is_null() {
            return Some(Value::Null);
        }
        match of.apply {
            Apply::Now(apply) => Some(apply(self.ctx, input, &params)),
            Apply::Evaluate => {
                let text = self.ctx.to_text(input);
                self.text(text)
            }
            Apply::Ask { ask, .. } => match ask(self.ctx, input, &params) {
                Asked::Known(value) => Some(value),
                Asked::Wait(_) => Some(Value::Null),
            },
        }
    }
}
