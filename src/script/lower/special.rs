//! Calls that the language itself understands: `async()`, `launch()`, `fetch_event_params()`.

use crate::catalog::{ParamDef, ParamKind, Routes};
use crate::diagnostic::Diagnostic;
use crate::ir::{Assign, Op, RouteId, RouteKind};
use crate::lex::Trail;
use crate::parse::ast::{
    Call, Expression, ExpressionKind, Format, Name, OperandKind, Part, Variable,
};
use crate::parse::variable::Span;
use crate::source::Location;

use super::{Lowering, Refused};

/// Statements that have a function called aside.
pub(super) const LAUNCHERS: &[&str] = &["async", "launch"];

const SECONDS: ParamDef = ParamDef { name: "seconds", kind: ParamKind::Int, optional: true };
const PARAMETER: ParamDef = ParamDef { name: "parameter", kind: ParamKind::Text, optional: true };

/// `async()` is for messages that somebody waits for.
const ASYNC_ROUTES: Routes = Routes::of(&[RouteKind::Request, RouteKind::Reply]);

impl Lowering<'_> {
    /// `async(function(..), route[, seconds])`, `launch(function(..)[, route[, parameter]])`.
    pub(super) fn launcher(&mut self, call: &Call) -> Result<(), Refused> {
        let (name, at) = (&call.name.text, call.at);
        let is_async = name == "async";
        let usage = if is_async {
            "it is called async(function(..), route, [seconds])"
        } else {
            "it is called launch(function(..), [route, [parameter]])"
        };
        let Some(Some(Expression { kind: ExpressionKind::Call(called), .. })) = call.args.first()
        else {
            let message = format!("the first parameter of {name}() is the call of a function");
            return self.refuse(Diagnostic::error("async-call", at, message).hint(usage));
        };
        if let Some(Some(more)) = call.args.get(3) {
            let message = format!("too many parameters for command {name}");
            let diagnostic = Diagnostic::error("too-many-params", more.at, message);
            return self.refuse(diagnostic.hint(usage));
        }
        match call.args.get(2) {
            Some(Some(value)) => {
                self.argument(name, if is_async { &SECONDS } else { &PARAMETER }, value)?;
            }
            _ => self.emit(Op::Omitted, at),
        }
        let (signature, args, _) = self.arguments(called)?;
        if !signature.suspends {
            let message = format!("{} never waits", called.name.text);
            let hint = format!("call it without {name}()");
            let diagnostic = Diagnostic::error("not-async", called.name.at, message);
            return self.refuse(diagnostic.hint(hint));
        }
        let route = match call.args.get(1) {
            Some(Some(target)) => Some(self.continuation(target)?),
            _ => None,
        };
        let function = signature.id;
        match route {
            _ if !is_async => self.emit(Op::Launch { function, args, route }, at),
            Some(route) => {
                self.walk.function(self.route, &call.name, ASYNC_ROUTES);
                self.emit(Op::Async { function, args, route }, at);
            }
            None => {
                let message = "async() needs the route that goes on";
                return self.refuse(Diagnostic::error("too-few-params", at, message).hint(usage));
            }
        }
        Ok(())
    }

    /// The route that goes on when a function is done.
    fn continuation(&mut self, target: &Expression) -> Result<RouteId, Refused> {
        let Some(name) = self.fixed_route(target) else {
            let message = "the route that goes on is a word or a text without variables";
            return self.refuse(Diagnostic::error("route-operand", target.at, message));
        };
        let route = self.route_named(&name, target.at)?;
        self.walk.route(self.route, usize::from(route.0), target.at);
        Ok(route)
    }

    /// `fetch_event_params("$avp(a);name=$avp(b)")` of 1.8 to 2.4: the parameters of an event by
    /// place or by name. Each becomes an assignment of `$param(..)`.
    pub(super) fn fetch_event_params(&mut self, call: &Call) -> Result<(), Refused> {
        let [Some(Expression { at, kind: ExpressionKind::Operand(OperandKind::Text(text)) })] =
            call.args.as_slice()
        else {
            let message = "fetch_event_params() takes one text: \"$avp(first);name=$avp(other)\"";
            return self.refuse(Diagnostic::error("event-params", call.at, message));
        };
        let source = self.source(*at);
        let trail = Trail::quoted(&source, *at);
        let mut offset = 0;
        for (place, piece) in text.split(|byte| *byte == b';').enumerate() {
            let (name, behind) = match piece.iter().position(|byte| matches!(byte, b'=' | b'$')) {
                Some(equals) if piece.get(equals) == Some(&b'=') => {
                    (piece[..equals].trim_ascii().to_vec(), equals + 1)
                }
                _ => ((place + 1).to_string().into_bytes(), 0),
            };
            let bytes = piece[behind..].trim_ascii_start();
            let base = offset + piece.len() - bytes.len();
            offset += piece.len() + 1;
            let span = Span { base, ..Span::new(bytes.trim_ascii_end(), &trail) };
            let format = self.read_format(span)?;
            let Some(target) = format.sole() else {
                let message = "each part of fetch_event_params() ends in a variable";
                return self.refuse(Diagnostic::error("event-params", *at, message));
            };
            let stored = self.target(target)?;
            self.load(&event_param(name, *at))?;
            self.emit(Op::Store { target: stored, op: Assign::Set }, *at);
        }
        Ok(())
    }
}

/// `$param(name)`
fn event_param(name: Vec<u8>, at: Location) -> Variable {
    Variable {
        at,
        name: Name { text: "param".to_owned(), at },
        context: None,
        sub: Some(Format { at, parts: vec![Part::Text(name)] }),
        index: None,
        transformations: Vec::new(),
    }
}
