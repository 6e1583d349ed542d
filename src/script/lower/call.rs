//! Calls of functions and routes: arguments by the kinds that the signature names (spec 1.8).

use std::fmt::Write;

use crate::catalog::{Found, Named, ParamDef, ParamKind, Signature};
use crate::check::{later, not_ours};
use crate::diagnostic::Diagnostic;
use crate::ir::{Op, Setting};
use crate::lex::Trail;
use crate::limits;
use crate::parse::ast::{
    Call, Expression, ExpressionKind, Format, Name, OperandKind, Part, Variable,
};
use crate::parse::variable::Span;
use crate::regex::Lines;
use crate::source::Location;

use super::emit::{Jump, intern};
use super::{Lowering, Refused, special};

/// What an argument should have been: the finding's code, and words for people.
const NUMBER: (&str, &str) = ("param-number", "a number or a variable");
const CONSTANT: (&str, &str) = ("param-constant", "a constant text");
const FLAG: (&str, &str) = ("param-flag", "a flag's name");
const OUTPUT: (&str, &str) = ("param-output", "a variable");
const OUTPUTS: (&str, &str) = ("param-output", "a list of variables, `$avp(a);$avp(b)`");

impl Lowering<'_> {
    /// Calls a function or a route.
    pub(super) fn call(&mut self, call: &Call) -> Result<(), Refused> {
        if call.name.text == "route" {
            return self.call_route(call);
        }
        if call.name.text == "fetch_event_params" {
            return self.fetch_event_params(call);
        }
        if special::LAUNCHERS.contains(&call.name.text.as_str()) {
            let message = format!("{}() is a statement", call.name.text);
            let diagnostic = Diagnostic::error("async-statement", call.name.at, message);
            return self.refuse(diagnostic.hint("it gives no value: let it stand by itself"));
        }
        let (signature, args, guard) = self.arguments(call)?;
        self.emit(Op::Call { function: signature.id, args }, call.at);
        if let Some(guard) = guard {
            self.emitter.land(guard);
        }
        Ok(())
    }

    /// Pushes the arguments of a function: its signature, how many they are, and the jump of a
    /// guarded one to behind its call.
    pub(super) fn arguments(
        &mut self,
        call: &Call,
    ) -> Result<(Signature, u8, Option<Jump>), Refused> {
        let signature = self.function(&call.name)?;
        if call.name.text == "raise_event" {
            self.usage.raise(call.args.first().and_then(Option::as_ref));
        }
        if call.name.text == "subscribe_event" {
            self.usage.subscribe(call.args.get(1).and_then(Option::as_ref));
        }
        // 1.x: forward(uri:host, uri:port) is what forward() does.
        let is_uri = |arg: &Option<Expression>| match arg.as_ref().map(|arg| &arg.kind) {
            Some(ExpressionKind::Operand(OperandKind::Word(word))) => word.starts_with("uri:"),
            _ => false,
        };
        let implied = call.name.text == "forward" && call.args.iter().all(is_uri);
        let args = if implied { &[][..] } else { call.args.as_slice() };
        let name = &call.name.text;
        if args.len() > signature.params.len() {
            let message = format!("too many parameters for command {name}");
            let at = args.get(signature.params.len()).and_then(|a| a.as_ref().map(|a| a.at));
            let at = at.unwrap_or(call.at);
            let diagnostic = Diagnostic::error("too-many-params", at, message);
            return self.refuse(diagnostic.hint(usage(name, signature.params)));
        }
        let guard = self.guard(&signature, args, call.at);
        let branch_first = is_branch_first(signature.params, args);
        let mut whole = Ok(());
        for (place, param) in signature.params.iter().enumerate() {
            let pushed = match args.get(if branch_first { 1 - place } else { place }) {
                Some(Some(arg)) => self.argument(name, param, arg),
                _ if param.optional => {
                    self.emit(Op::Omitted, call.at);
                    Ok(())
                }
                given => {
                    let (code, what) = match given {
                        Some(_) => ("omitted-param", "mandatory parameter omitted"),
                        None => ("too-few-params", "too few parameters"),
                    };
                    let message = format!("{what} for command {name}");
                    let diagnostic = Diagnostic::error(code, call.at, message);
                    self.refuse(diagnostic.hint(usage(name, signature.params)))
                }
            };
            whole = whole.and(pushed);
            if place >= args.len() && whole.is_err() {
                break;
            }
        }
        whole?;
        let args = self.hidden_arguments(&signature, &call.name, call.at)?;
        Ok((signature, args, guard))
    }

    /// Asks a guarded function first, where its level is a constant or left out.
    fn guard(
        &mut self,
        signature: &Signature,
        args: &[Option<Expression>],
        at: Location,
    ) -> Option<Jump> {
        let level = match args {
            _ if !signature.guarded => return None,
            [_] => Op::Omitted,
            [Some(level), ..] => match &level.kind {
                ExpressionKind::Operand(OperandKind::Text(text)) if !text.contains(&b'$') => {
                    Op::Text(self.emitter.text(text))
                }
                ExpressionKind::Operand(OperandKind::Int(number)) => Op::Int(*number),
                _ => return None,
            },
            _ => return None,
        };
        self.emit(level, at);
        Some(self.emitter.guard(signature.id, at))
    }

    /// Calls a function with values of variables.
    pub(super) fn call_with(&mut self, name: &Name, args: &[Variable]) -> Result<(), Refused> {
        let signature = self.function(name)?;
        for place in 0..signature.params.len() {
            match args.get(place) {
                Some(variable) => self.load(variable)?,
                None => self.emit(Op::Omitted, name.at),
            }
        }
        let args = self.hidden_arguments(&signature, name, name.at)?;
        self.emit(Op::Call { function: signature.id, args }, name.at);
        Ok(())
    }

    /// Pushes the hidden arguments; how many there are in all.
    fn hidden_arguments(
        &mut self,
        signature: &Signature,
        name: &Name,
        at: Location,
    ) -> Result<u8, Refused> {
        for (module, param) in signature.hidden {
            self.hidden(module, param, at)?;
        }
        self.walk.function(self.route, name, signature.routes);
        let args = signature.params.len() + signature.hidden.len();
        self.few(args, "parameters", at)
    }

    fn function(&mut self, name: &Name) -> Result<Signature, Refused> {
        let what = format!("{}()", name.text);
        match self.world.catalog.function(&name.text, &self.loaded) {
            Found::Yes(signature) => {
                let renamed = self.world.catalog.renamed(Named::Function, &name.text);
                self.sink.renamed(renamed, name.at);
                Ok(signature)
            }
            // One missing loadmodule is one cause.
            Found::NeedsModule(module)
                if self.world.is_assumed(module) || !self.missing.insert(module) =>
            {
                Err(Refused)
            }
            Found::NeedsModule(module) => {
                let message = format!("unknown command {}, missing loadmodule?", name.text);
                let hint = format!("it belongs to module {module}: loadmodule \"{module}.so\"");
                let diagnostic = Diagnostic::error("missing-loadmodule", name.at, message);
                self.refuse(diagnostic.hint(hint))
            }
            Found::Later(module) => self.refuse(later(&what, module, name.at)),
            Found::NotOurs(module, why) => self.refuse(not_ours(&what, module, why, name.at)),
            Found::No => {
                let names = self.world.catalog.function_names();
                let message = format!("unknown command {}", name.text);
                self.refuse(Diagnostic::error("unknown-function", name.at, message).suggest(
                    &name.text,
                    &names,
                    |name| format!("{name}()"),
                ))
            }
        }
    }

    /// A module parameter that is evaluated at each call: the last value given.
    fn hidden(&mut self, module: &str, param: &str, at: Location) -> Result<(), Refused> {
        let mut params = self.emitter.script.params.iter().rev();
        let found = params.find(|p| p.module == module && p.name == param);
        let Some((value, given)) = found.map(|p| (p.value.clone(), p.at)) else {
            self.emit(Op::Omitted, at);
            return Ok(());
        };
        match value {
            Setting::Int(number) => {
                self.emit(Op::Int(number), given);
                Ok(())
            }
            Setting::Text(text) | Setting::Word(text) => {
                let source = self.source(given);
                let trail = Trail::quoted(&source, given);
                let format = self.read_format(Span::new(text.as_bytes(), &trail))?;
                self.format(&format)
            }
        }
    }

    /// Pushes one argument.
    pub(super) fn argument(
        &mut self,
        function: &str,
        param: &ParamDef,
        arg: &Expression,
    ) -> Result<(), Refused> {
        let at = arg.at;
        match &arg.kind {
            ExpressionKind::Operand(OperandKind::Variable(variable)) => match param.kind {
                ParamKind::Output => self.output(variable),
                ParamKind::Outputs => self.outputs(function, param, &[variable], at),
                ParamKind::Variable => self.itself(variable),
                ParamKind::Literal => self.bad_argument(function, param, at, CONSTANT),
                ParamKind::Flag => self.bad_argument(function, param, at, FLAG),
                ParamKind::Route(_) => {
                    self.usage.call_any();
                    self.load(variable)
                }
                _ => self.load(variable),
            },
            ExpressionKind::Operand(OperandKind::Int(number)) => match param.kind {
                ParamKind::Int | ParamKind::Any | ParamKind::NumberOr(_) => {
                    self.emit(Op::Int(*number), at);
                    Ok(())
                }
                ParamKind::Output | ParamKind::Variable => {
                    self.bad_argument(function, param, at, OUTPUT)
                }
                _ => self.text_argument(function, param, number.to_string().as_bytes(), at),
            },
            ExpressionKind::Operand(OperandKind::Word(word))
                if matches!(param.kind, ParamKind::Flag) =>
            {
                self.flag(word.as_bytes(), at)
            }
            ExpressionKind::Operand(OperandKind::Text(text)) => {
                self.text_argument(function, param, text, at)
            }
            // 1.x: force_send_socket(udp:10.0.0.1:5060), forward(10.0.0.1, 5060).
            ExpressionKind::Operand(OperandKind::Word(word)) if word.contains(':') => {
                self.text_argument(function, param, word.as_bytes(), at)
            }
            ExpressionKind::Operand(OperandKind::Ip(ip)) => {
                self.text_argument(function, param, ip.to_string().as_bytes(), at)
            }
            ExpressionKind::Operand(OperandKind::Null) => {
                self.emit(Op::Null, at);
                Ok(())
            }
            ExpressionKind::Operand(OperandKind::Word(word)) => {
                let message = format!("bare word `{word}` found as parameter of {function}");
                let diagnostic = Diagnostic::error("bare-argument", at, message);
                self.refuse(diagnostic.hint(format!("write \"{word}\"")))
            }
            _ => {
                let message = format!("a parameter of {function} is a text, number or variable");
                let diagnostic = Diagnostic::error("param-expression", at, message);
                self.refuse(diagnostic.hint("assign the value to a variable first"))
            }
        }
    }

    /// Pushes a quoted argument.
    fn text_argument(
        &mut self,
        function: &str,
        param: &ParamDef,
        text: &[u8],
        at: Location,
    ) -> Result<(), Refused> {
        match param.kind {
            ParamKind::Literal => {
                let text = self.emitter.text(text);
                self.emit(Op::Text(text), at);
                return Ok(());
            }
            ParamKind::Flag => return self.flag(text, at),
            // A `$` of a regex ends a line; only a variable alone is one.
            ParamKind::Regex | ParamKind::WholeRegex | ParamKind::Subst
                if crate::lex::variable_length(text) != Some(text.len()) =>
            {
                let lines = match param.kind {
                    ParamKind::Subst => return self.subst(function, param, text, at),
                    ParamKind::WholeRegex => Lines::Ignored,
                    _ => Lines::Matter,
                };
                let regex = self.regex(text, lines, at)?;
                self.emit(Op::Regex(regex), at);
                return Ok(());
            }
            ParamKind::Int => {
                // 1.x and 2.x quote their numbers; some leave one out by "".
                let number = std::str::from_utf8(text).map(|text| text.trim().parse::<i64>());
                if let Ok(Ok(number)) = number {
                    self.emit(Op::Int(number), at);
                    return Ok(());
                }
                if text.is_empty() && param.optional {
                    self.emit(Op::Omitted, at);
                    return Ok(());
                }
            }
            ParamKind::Output if text.is_empty() && param.optional => {
                self.emit(Op::Omitted, at);
                return Ok(());
            }
            _ => {}
        }
        let source = self.source(at);
        let trail = Trail::quoted(&source, at);
        let format = self.read_format(Span::new(text, &trail))?;
        match (param.kind, format.sole(), format.plain()) {
            (ParamKind::Output, Some(variable), _) => self.output(variable),
            (ParamKind::Outputs, ..) => match listed(&format) {
                Some(variables) => self.outputs(function, param, &variables, at),
                None => self.bad_argument(function, param, at, OUTPUTS),
            },
            (ParamKind::Variable, Some(variable), _) => self.itself(variable),
            (ParamKind::Output | ParamKind::Variable, ..) => {
                self.bad_argument(function, param, at, OUTPUT)
            }
            (ParamKind::Route(kind), ..) => self.armed(kind, &format, at),
            (ParamKind::Int, Some(variable), _) => self.load(variable),
            (ParamKind::Int, ..) => self.bad_argument(function, param, at, NUMBER),
            (ParamKind::Word(read), _, Some(plain)) => {
                match read(&String::from_utf8_lossy(plain)) {
                    Ok(number) => self.emit(Op::Int(number), at),
                    Err(why) => return self.bad_word(function, param, at, &why),
                }
                Ok(())
            }
            (ParamKind::NumberOr(check), _, Some(plain)) => {
                let text = String::from_utf8_lossy(plain);
                match (text.trim().parse(), check(&text)) {
                    (Ok(number), _) => self.emit(Op::Int(number), at),
                    (_, Ok(())) => return self.format(&format),
                    (_, Err(why)) => return self.bad_word(function, param, at, &why),
                }
                Ok(())
            }
            (ParamKind::Checked(check), _, Some(plain)) => {
                match check(&String::from_utf8_lossy(plain)) {
                    Ok(()) => self.format(&format),
                    Err(why) => self.bad_word(function, param, at, &why),
                }
            }
            _ => self.format(&format),
        }
    }

    fn bad_word(
        &mut self,
        function: &str,
        param: &ParamDef,
        at: Location,
        why: &str,
    ) -> Result<(), Refused> {
        let message = format!("bad arguments for command {function}: {}: {why}", param.name);
        self.refuse(Diagnostic::error("bad-argument", at, message))
    }

    /// Pushes the slot of a flag.
    fn flag(&mut self, name: &[u8], at: Location) -> Result<(), Refused> {
        let name = String::from_utf8_lossy(name);
        let slot = intern(&mut self.emitter.script.flags, &name, limits::FLAGS);
        let slot = self.fit(slot, at)?;
        self.emit(Op::Int(i64::from(slot)), at);
        Ok(())
    }

    /// Pushes a variable itself, which is written to.
    fn output(&mut self, variable: &Variable) -> Result<(), Refused> {
        let reference = self.target(variable)?;
        let reference = self.emitter.own(reference);
        let reference = self.fit(reference, variable.at)?;
        self.emit(Op::Refer(reference), variable.at);
        Ok(())
    }

    /// Pushes output variables as [`ParamKind::Outputs`] promises.
    fn outputs(
        &mut self,
        function: &str,
        param: &ParamDef,
        variables: &[&Variable],
        at: Location,
    ) -> Result<(), Refused> {
        let mut text = String::new();
        for variable in variables {
            let reference = self.target(variable)?;
            if self.emitter.dynamic_parts(reference) > 0 {
                return self.bad_argument(function, param, variable.at, OUTPUTS);
            }
            let _ = write!(text, "{};", reference.0);
        }
        let text = self.emitter.text(text.as_bytes());
        self.emit(if variables.is_empty() { Op::Omitted } else { Op::Text(text) }, at);
        Ok(())
    }

    /// Pushes a variable itself, which is read.
    fn itself(&mut self, variable: &Variable) -> Result<(), Refused> {
        let reference = self.reference(variable)?;
        let reference = self.emitter.own(reference);
        let reference = self.fit(reference, variable.at)?;
        self.emit(Op::Refer(reference), variable.at);
        Ok(())
    }

    pub(super) fn bad_argument<T>(
        &mut self,
        function: &str,
        param: &ParamDef,
        at: Location,
        (code, expected): (&'static str, &str),
    ) -> Result<T, Refused> {
        let message = format!(
            "bad arguments for command {function}: parameter {} is expected to be {expected}",
            param.name
        );
        self.refuse(Diagnostic::error(code, at, message))
    }

    /// `route(name, values...)`.
    fn call_route(&mut self, call: &Call) -> Result<(), Refused> {
        let Some(Some(target)) = call.args.first() else {
            let message = "route() needs the name of a route";
            return self.refuse(Diagnostic::error("unnamed-route", call.at, message));
        };
        let values = &call.args[1..];
        let args = self.few(values.len(), "parameters of route()", call.at)?;
        let route = match (self.fixed_route(target), &target.kind) {
            (Some(name), _) => Some(self.route_named(&name, target.at)?),
            (None, ExpressionKind::Operand(OperandKind::Text(text))) => {
                let source = self.source(target.at);
                let trail = Trail::quoted(&source, target.at);
                let format = self.read_format(Span::new(text, &trail))?;
                self.format(&format)?;
                None
            }
            (None, ExpressionKind::Operand(OperandKind::Variable(variable))) => {
                self.load(variable)?;
                None
            }
            _ => {
                let message = "the name of a route is a word, a text or a variable";
                return self.refuse(Diagnostic::error("route-operand", target.at, message));
            }
        };
        for value in values {
            match value {
                Some(value) => self.value(value)?,
                None => self.emit(Op::Null, call.at),
            }
        }
        match route {
            Some(route) => {
                self.walk.route(self.route, usize::from(route.0), call.at);
                self.emit(Op::Route { route, args }, call.at);
            }
            None => {
                self.usage.call_any();
                self.emit(Op::RouteDynamic { args }, call.at);
            }
        }
        Ok(())
    }

    /// The name of a route that is written out.
    pub(super) fn fixed_route(&self, target: &Expression) -> Option<String> {
        let text = match &target.kind {
            ExpressionKind::Operand(OperandKind::Word(word)) => return Some(word.clone()),
            ExpressionKind::Operand(OperandKind::Int(_)) => {
                self.source(target.at).slice(target.at).to_vec()
            }
            ExpressionKind::Operand(OperandKind::Text(text)) if !text.contains(&b'$') => {
                text.clone()
            }
            _ => return None,
        };
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    pub(super) fn route_named(
        &mut self,
        name: &str,
        at: Location,
    ) -> Result<crate::ir::RouteId, Refused> {
        // The numeric 0 is the main route (spec 1.4).
        let key = if name == "0" { "" } else { name };
        if let Some(route) = self.callable.get(key) {
            self.usage.call(*route);
            return Ok(*route);
        }
        let names: Vec<&str> = self.callable.keys().map(String::as_str).collect();
        let message = format!("route [{name}] not defined");
        let diagnostic =
            Diagnostic::error("undefined-route", at, message)
                .suggest(name, &names, |name| format!("route({name})"));
        self.refuse(diagnostic)
    }
}

/// 2.x: `setbflag(branch, flag)`, where newer scripts write `setbflag("flag", branch)`.
/// The variables of a list; `None` when something else than `;` stands between them.
fn listed(format: &Format) -> Option<Vec<&Variable>> {
    let between = |text: &[u8]| text.iter().all(|byte| b"; \t".contains(byte));
    let mut variables = Vec::new();
    for part in &format.parts {
        match part {
            Part::Variable(variable) => variables.push(variable),
            Part::Text(text) if between(text) => {}
            Part::Text(_) => return None,
        }
    }
    Some(variables)
}

fn is_branch_first(params: &[ParamDef], args: &[Option<Expression>]) -> bool {
    let number = |arg: &Option<Expression>| {
        let kind = arg.as_ref().map(|arg| &arg.kind);
        matches!(kind, Some(ExpressionKind::Operand(OperandKind::Int(_))))
    };
    let kinds: Vec<ParamKind> = params.iter().map(|param| param.kind).collect();
    let flag_and_branch = matches!(kinds.as_slice(), [ParamKind::Flag, ParamKind::Int]);
    flag_and_branch && args.len() == 2 && args.first().is_some_and(number)
}

/// How a function is called.
fn usage(name: &str, params: &[ParamDef]) -> String {
    let shown = params.iter().map(|param| match param.optional {
        true => format!("[{}]", param.name),
        false => param.name.to_owned(),
    });
    format!("it is called {name}({})", shown.collect::<Vec<_>>().join(", "))
}
