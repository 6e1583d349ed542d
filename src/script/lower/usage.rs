//! What a script defines and never uses, or uses and never defines: routes that nothing calls,
//! events that nothing raises, `$var(name)` that nothing sets, no main route at all.
//!
//! Collects while routes are lowered; reports at the end, and only for a script without errors:
//! what an error has hidden is not known.

use std::collections::HashSet;

use crate::catalog::{Catalog, Found, SettingKind};
use crate::diagnostic::{Diagnostic, Sink};
use crate::ir::{Route, RouteId, RouteKind, Script, Setting};
use crate::parse::STRAY;
use crate::parse::ast::{Expression, ExpressionKind, OperandKind, Variable};
use crate::source::Location;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Usage {
    called: HashSet<u16>,
    /// A route is called by a name that is made at run time.
    calls_any: bool,
    raised: HashSet<Vec<u8>>,
    /// An event's name is made at run time.
    raises_any: bool,
    set: HashSet<String>,
    /// A variable's name is made at run time.
    sets_any: bool,
    /// Name in parentheses, the variable's own name, place.
    read: Vec<(String, String, Location)>,
}

impl Usage {
    /// A route is called by its name.
    pub fn call(&mut self, route: RouteId) {
        self.called.insert(route.0);
    }

    /// A route is called by a name that is made at run time.
    pub const fn call_any(&mut self) {
        self.calls_any = true;
    }

    /// `raise_event()` is called, with the name of an event if it is written out.
    pub fn raise(&mut self, event: Option<&Expression>) {
        match event.map(|event| &event.kind) {
            Some(ExpressionKind::Operand(OperandKind::Text(name))) if !name.contains(&b'$') => {
                self.raised.insert(name.clone());
            }
            _ => self.raises_any = true,
        }
    }

    /// `subscribe_event()` is called: the route behind `route:` runs for that event, too.
    pub fn subscribe(&mut self, socket: Option<&Expression>) {
        match socket.map(|socket| &socket.kind) {
            Some(ExpressionKind::Operand(OperandKind::Text(text))) if !text.contains(&b'$') => {
                let route = text.strip_prefix(b"route:").unwrap_or_default();
                self.raised.insert(route.to_vec());
            }
            _ => self.raises_any = true,
        }
    }

    /// `$var(name)` is named, for reading or writing.
    pub fn name(&mut self, variable: &Variable, sub: &str) {
        let known = self.read.iter().rev().take(RECENT).any(|(name, ..)| name == sub);
        if !known {
            self.read.push((sub.to_owned(), variable.name.text.clone(), variable.at));
        }
    }

    /// A variable is written to.
    pub fn set(&mut self, variable: &Variable) {
        if let Some(name) = variable.sub.as_ref().and_then(|sub| sub.plain()) {
            self.set.insert(String::from_utf8_lossy(name).into_owned());
        }
    }

    /// The name in a variable's parentheses is made at run time.
    pub const fn name_any(&mut self) {
        self.sets_any = true;
    }

    /// Reports, when there is no error.
    pub fn check(&self, script: &Script, catalog: &dyn Catalog, sink: &mut Sink) {
        if sink.errors() > 0 {
            return;
        }
        self.routes(script, catalog, sink);
        if !self.raises_any {
            self.events(script, catalog, sink);
        }
        if !self.sets_any {
            self.variables(script, sink);
        }
    }

    fn routes(&self, script: &Script, catalog: &dyn Catalog, sink: &mut Sink) {
        let main =
            |route: &crate::ir::Route| route.kind == RouteKind::Request && route.name.is_empty();
        if !script.routes.iter().any(main) {
            let at = Location { line: 1, column: 1, ..Location::default() };
            let message = "there is no route { }: nothing is done with requests";
            sink.lenient(
                Diagnostic::warning("no-main-route", at, message)
                    .hint("write route { ... }, which runs for each request"),
            );
            // That nothing calls the others follows from it.
            return;
        }
        if self.calls_any {
            return;
        }
        for (number, route) in script.routes.iter().enumerate() {
            // Unnamed branch and failure routes are named 0, and have a warning of their own.
            let named = match route.kind {
                RouteKind::Request | RouteKind::Reply => !route.name.is_empty(),
                RouteKind::Branch | RouteKind::Failure => route.name != "0",
                _ => false,
            };
            let called = u16::try_from(number).is_ok_and(|number| self.called.contains(&number));
            let called = called || is_of_param(script, catalog, route);
            if named && !called && route.name != STRAY {
                let message = format!("nothing runs {} [{}]", route.kind.word(), route.name);
                let warning = Diagnostic::warning("unused-route", route.at, message);
                sink.lenient(match route.kind {
                    RouteKind::Request => {
                        warning.hint(format!("write route({}); where it should run", route.name))
                    }
                    _ => warning,
                });
            }
        }
    }

    fn events(&self, script: &Script, catalog: &dyn Catalog, sink: &mut Sink) {
        for route in script.routes.iter().filter(|route| route.kind == RouteKind::Event) {
            if !self.raised.contains(route.name.as_bytes()) && !catalog.raises(&route.name) {
                let message = format!("nothing here raises {}", route.name);
                sink.report(
                    Diagnostic::warning("event-never-raised", route.at, message)
                        .hint("raise_event() does, and management by evi:raise"),
                );
            }
        }
    }

    fn variables(&self, script: &Script, sink: &mut Sink) {
        let names: Vec<&str> = self.set.iter().map(String::as_str).collect();
        let mut told = HashSet::new();
        for (sub, shown, at) in &self.read {
            if self.set.contains(sub) || !told.insert(sub) {
                continue;
            }
            // A parameter names it as `$var(sub)`, or gives its first value by `sub=i:1`.
            let named = format!("({sub})");
            if script.params.iter().any(|param| match &param.value {
                Setting::Text(text) | Setting::Word(text) => {
                    let first = text.split_once('=').is_some_and(|(name, _)| name.trim() == sub);
                    first || text.contains(&named)
                }
                Setting::Int(_) => false,
            }) {
                continue;
            }
            let message = format!("${shown}({sub}) is read and never set");
            sink.lenient(Diagnostic::warning("unset-variable", *at, message).suggest(
                sub,
                &names,
                str::to_owned,
            ));
        }
    }
}

/// How many of the last names are looked at before a name is kept once more.
const RECENT: usize = 8;

/// Whether a module runs it, by the name that a parameter gives.
fn is_of_param(script: &Script, catalog: &dyn Catalog, route: &Route) -> bool {
    let mut names = script.params.iter().filter(|param| match &param.value {
        Setting::Text(name) | Setting::Word(name) => *name == route.name,
        Setting::Int(_) => false,
    });
    route.kind == RouteKind::Request
        && names.any(|param| match catalog.param(param.module, param.name) {
            Found::Yes(signature) => matches!(signature.kind, SettingKind::Route),
            _ => false,
        })
}
