//! Variables and formats become loads, references and joins.

use crate::catalog::{Found, Named, SubKind, VariableSignature};
use crate::check::{later, not_ours};
use crate::diagnostic::Diagnostic;
use crate::format;
use crate::ir::{Context, Index, Op, Reference, ReferenceId, Sub};
use crate::lex::Trail;
use crate::limits;
use crate::parse::ast::{Format, IndexText, Name, Part, Transformation, Variable};
use crate::parse::variable::{self, Span};

use super::emit::{Full, intern};
use super::{Lowering, Refused};

impl Lowering<'_> {
    /// Pushes a variable's value, transformed.
    pub(super) fn load(&mut self, variable: &Variable) -> Result<(), Refused> {
        if self.depth >= limits::NESTING {
            let message = format!("variables nested over {} deep", limits::NESTING);
            return self.refuse(Diagnostic::error("nesting", variable.at, message));
        }
        self.depth += 1;
        let loaded = self.load_deeper(variable);
        self.depth -= 1;
        loaded
    }

    fn load_deeper(&mut self, variable: &Variable) -> Result<(), Refused> {
        let id = self.reference(variable)?;
        self.emit(Op::Load(id), variable.at);
        for transformation in &variable.transformations {
            self.transform(transformation)?;
        }
        Ok(())
    }

    /// Pushes one value of a list `$(name[*])`; a copy of its index is taken from the stack's top.
    pub(super) fn load_indexed(&mut self, list: &Variable) -> Result<(), Refused> {
        let id = self.refer(list, Some(Index::Dynamic))?;
        // The index is pushed behind a name made at run time.
        self.emit(Op::Pick(self.emitter.dynamic_parts(id) - 1), list.at);
        self.emit(Op::Load(id), list.at);
        for transformation in &list.transformations {
            self.transform(transformation)?;
        }
        Ok(())
    }

    /// Pushes the dynamic parts of a variable and gives its reference.
    pub(super) fn reference(&mut self, variable: &Variable) -> Result<ReferenceId, Refused> {
        self.refer(variable, None)
    }

    /// As [`Self::reference`], perhaps with another index than the one written.
    fn refer(
        &mut self,
        variable: &Variable,
        instead: Option<Index>,
    ) -> Result<ReferenceId, Refused> {
        let signature = self.variable(&variable.name)?;
        let context = self.context(variable.context.as_ref())?;
        let sub = self.sub(variable, &signature)?;
        let index = match &variable.index {
            None => Index::None,
            Some(_) if !signature.indexed => {
                let message = format!("${} takes no index", variable.name.text);
                return self.refuse(Diagnostic::error("no-index", variable.at, message));
            }
            Some(_) if let Some(index) = instead => index,
            Some(IndexText::At(index)) => Index::At(*index),
            Some(IndexText::All) => Index::All,
            Some(IndexText::Append) => Index::Append,
            Some(IndexText::Dynamic(index)) => {
                self.load(index)?;
                Index::Dynamic
            }
        };
        let reference = Reference { variable: signature.id, sub, index, context };
        let id = self.emitter.reference(reference);
        self.fit(id, variable.at)
    }

    /// The reference of a variable that is written to; see [`Self::reference`].
    pub(super) fn target(&mut self, variable: &Variable) -> Result<ReferenceId, Refused> {
        let signature = self.variable(&variable.name)?;
        if !variable.transformations.is_empty() {
            let message = "transformations not accepted in left side of assignment";
            return self.refuse(Diagnostic::error("assigned-transformation", variable.at, message));
        }
        if !signature.writable {
            let name = &variable.name.text;
            let message = format!("invalid left operand in assignment: ${name} can only be read");
            return self.refuse(Diagnostic::error("read-only", variable.at, message));
        }
        if matches!(variable.index, Some(IndexText::All)) {
            let message = "[*] cannot be assigned; assign one value, or use :=";
            return self.refuse(Diagnostic::error("assigned-list", variable.at, message));
        }
        self.usage.set(variable);
        self.reference(variable)
    }

    /// What the catalog knows of a variable.
    pub(super) fn variable(&mut self, name: &Name) -> Result<VariableSignature, Refused> {
        let what = format!("${}", name.text);
        match self.world.catalog.variable(&name.text, &self.loaded) {
            Found::Yes(signature) => {
                let renamed = self.world.catalog.renamed(Named::Variable, &name.text);
                // A word of 1.x stands for a variable, and has a note of its own.
                if renamed.is_some() && self.source(name.at).slice(name.at) == name.text.as_bytes()
                {
                    self.sink.renamed(renamed, name.at);
                }
                Ok(signature)
            }
            // One missing loadmodule is one cause.
            Found::NeedsModule(module)
                if self.world.is_assumed(module) || !self.missing.insert(module) =>
            {
                Err(Refused)
            }
            Found::NeedsModule(module) => {
                let message = format!("variable {what} belongs to a module that is not loaded");
                let hint = format!("write loadmodule \"{module}.so\"");
                let diagnostic = Diagnostic::error("variable-not-loaded", name.at, message);
                self.refuse(diagnostic.hint(hint))
            }
            Found::Later(module) => self.refuse(later(&what, module, name.at)),
            Found::NotOurs(module, why) => self.refuse(not_ours(&what, module, why, name.at)),
            Found::No => {
                let names = self.world.catalog.variable_names();
                let message = format!("unknown script variable {what}");
                let own = format!("a variable of your own is $var({})", name.text);
                let unknown = Diagnostic::error("unknown-variable", name.at, message).hint(own);
                self.refuse(unknown.suggest(&name.text, &names, |name| format!("${name}")))
            }
        }
    }

    fn context(&mut self, context: Option<&Name>) -> Result<Context, Refused> {
        let Some(name) = context else { return Ok(Context::Current) };
        match name.text.as_str() {
            "request" => Ok(Context::Request),
            "reply" => Ok(Context::Reply),
            other => {
                let message =
                    format!("no such context: <{other}>; there are <request> and <reply>");
                self.refuse(Diagnostic::error("unknown-context", name.at, message))
            }
        }
    }

    /// The part in parentheses, checked against what the variable takes.
    fn sub(&mut self, variable: &Variable, signature: &VariableSignature) -> Result<Sub, Refused> {
        let name = &variable.name.text;
        let Some(format) = &variable.sub else {
            return match signature.sub {
                SubKind::None | SubKind::Text { optional: true } => Ok(Sub::None),
                // A word that may be left out is one that accepts the empty word.
                SubKind::Word(read) => match read("") {
                    Ok(slot) => Ok(Sub::Slot(slot)),
                    Err(_) => self.no_sub(variable),
                },
                _ => self.no_sub(variable),
            };
        };
        if matches!(signature.sub, SubKind::None) {
            let message = format!("${name} takes nothing in parentheses");
            return self.refuse(Diagnostic::error("extra-subname", format.at, message));
        }
        let Some(plain) = format.plain() else {
            if matches!(signature.sub, SubKind::Var) {
                self.usage.name_any();
            }
            self.format(format)?;
            return Ok(Sub::Dynamic);
        };
        if let SubKind::Text { .. } = signature.sub {
            return Ok(Sub::Text(self.emitter.text(plain)));
        }
        let Ok(text) = std::str::from_utf8(plain) else {
            let message = "this name is not UTF-8";
            return self.refuse(Diagnostic::error("not-utf8", format.at, message));
        };
        if matches!(signature.sub, SubKind::Var) {
            self.usage.name(variable, text);
        }
        let script = &mut self.emitter.script;
        let slot: Result<u32, Full> = match signature.sub {
            SubKind::Avp => intern(&mut script.avps, text, limits::NAMES),
            SubKind::Var => intern(&mut script.vars, text, limits::NAMES),
            SubKind::Flag => intern(&mut script.flags, text, limits::FLAGS),
            SubKind::Word(read) => match read(text) {
                Ok(slot) => Ok(slot),
                Err(why) => {
                    let message = format!("${name}({text}): {why}");
                    return self.refuse(Diagnostic::error("bad-subname", format.at, message));
                }
            },
            SubKind::None | SubKind::Text { .. } => return Ok(Sub::None),
        };
        self.fit(slot, format.at).map(Sub::Slot)
    }

    fn no_sub<T>(&mut self, variable: &Variable) -> Result<T, Refused> {
        let name = &variable.name.text;
        let message = format!("${name} needs a name in parentheses: ${name}(name)");
        self.refuse(Diagnostic::error("missing-subname", variable.at, message))
    }

    fn transform(&mut self, given: &Transformation) -> Result<(), Refused> {
        let Some((class, name, index)) = format::transformation_name(&given.name.text) else {
            let message = "a transformation is written {class.name}";
            return self.refuse(Diagnostic::error("transformation-form", given.name.at, message));
        };
        let what = format!("transformation {{{}}}", given.name.text);
        let (transform, fewest, most) = match self.world.catalog.transformation(class, &name) {
            Found::Yes(found) => found,
            Found::Later(module) | Found::NeedsModule(module) => {
                return self.refuse(later(&what, module, given.name.at));
            }
            Found::NotOurs(module, why) => {
                return self.refuse(not_ours(&what, module, why, given.name.at));
            }
            Found::No => {
                let names = self.world.catalog.transformation_names();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let message = format!("unknown {what}");
                let unknown = Diagnostic::error("unknown-transformation", given.name.at, message);
                let wrap = |name: &str| format!("{{{name}}}");
                return self.refuse(unknown.suggest(&given.name.text, &names, wrap));
            }
        };
        // The index in the name is a parameter, too.
        let in_name = usize::from(index.is_some());
        let (fewest, most) = (usize::from(fewest), usize::from(most));
        let params: Vec<&str> = match &given.params {
            Some(params) if most > in_name => {
                format::parameters(&params.text, most - in_name).collect()
            }
            Some(params) => {
                let message = format!("{what} takes no parameters");
                return self.refuse(Diagnostic::error("transformation-params", params.at, message));
            }
            None => Vec::new(),
        };
        if in_name + params.len() < fewest {
            let missing = fewest - in_name;
            let message = format!("{what} needs at least {missing} parameters");
            return self.refuse(Diagnostic::error("transformation-params", given.name.at, message));
        }
        if let Some(index) = index {
            self.emit(Op::Int(index), given.name.at);
        }
        for param in &params {
            self.transform_param(param, given)?;
        }
        let params = (in_name + params.len()) as u8;
        self.emit(Op::Transform { transform, params }, given.name.at);
        Ok(())
    }

    /// A number stays one; a text may hold variables.
    fn transform_param(&mut self, param: &str, of: &Transformation) -> Result<(), Refused> {
        let whole = of.params.as_ref().unwrap_or(&of.name);
        let at = whole.at;
        if let Some(number) = format::parameter_number(param) {
            self.emit(Op::Int(number), at);
            return Ok(());
        }
        let source = self.source(at);
        let trail = Trail::plain(&source, at);
        let base = (param.as_ptr() as usize).wrapping_sub(whole.text.as_ptr() as usize);
        let span = Span { base, ..Span::new(param.as_bytes(), &trail) };
        let format = self.read_format(span)?;
        self.format(&format)
    }

    /// Reads a format out of bytes.
    pub(super) fn read_format(&mut self, span: Span<'_>) -> Result<Format, Refused> {
        let catalog = self.world.catalog;
        let loaded = &self.loaded;
        let known = |name: &str| !matches!(catalog.variable(name, loaded), Found::No);
        match variable::format(span, &known) {
            Ok(format) => Ok(format),
            Err(diagnostic) => self.refuse(diagnostic),
        }
    }

    /// Pushes the text of a format; a sole variable is pushed as it is (spec 1.8).
    pub(super) fn format(&mut self, format: &Format) -> Result<(), Refused> {
        if let Some(plain) = format.plain() {
            let text = self.emitter.text(plain);
            self.emit(Op::Text(text), format.at);
            return Ok(());
        }
        if let Some(variable) = format.sole() {
            return self.load(variable);
        }
        let mut pushed = 0;
        for part in &format.parts {
            match part {
                Part::Text(text) => {
                    let text = self.emitter.text(text);
                    self.emit(Op::Text(text), format.at);
                }
                Part::Variable(variable) => self.load(variable)?,
            }
            pushed += 1;
            if pushed == limits::CONCAT {
                self.emit(Op::Concat(pushed), format.at);
                pushed = 1;
            }
        }
        if pushed > 1 {
            self.emit(Op::Concat(pushed), format.at);
        }
        Ok(())
    }
}
