//! Which kinds of route reach which, so that a function is refused where it cannot run even when
//! it stands in a `route[x]` (spec 1.4).

use crate::catalog::Routes;
use crate::diagnostic::{Diagnostic, Sink};
use crate::ir::{Route, RouteKind};
use crate::parse::ast::Name;
use crate::source::Location;

/// What the routes call.
#[derive(Debug, Default)]
pub(super) struct Walk {
    functions: Vec<(usize, Name, Routes)>,
    routes: Vec<(usize, usize, Location)>,
}

impl Walk {
    /// Notes that a route calls a function; those that may run anywhere are not kept.
    pub fn function(&mut self, route: usize, name: &Name, allowed: Routes) {
        if allowed != Routes::ANY {
            self.functions.push((route, name.clone(), allowed));
        }
    }

    /// Notes that a route calls another one.
    pub fn route(&mut self, from: usize, to: usize, at: Location) {
        self.routes.push((from, to, at));
    }

    /// Reports functions that a route of the wrong kind reaches.
    pub fn check(&self, routes: &[Route], sink: &mut Sink) {
        if self.functions.is_empty() {
            return;
        }
        let calls = self.calls(routes.len());
        for kind in RouteKind::ALL {
            let reached = reached(kind, routes, &calls);
            for (route, name, allowed) in &self.functions {
                let Some(Some(from)) = reached.get(*route) else { continue };
                if allowed.allows(kind) {
                    continue;
                }
                let block = kind.word();
                let message = format!("Command {} cannot be used in the block", name.text);
                let mut diagnostic = Diagnostic::error("wrong-route", name.at, message)
                    .hint(format!("it does not run in {block}"));
                if let Some(from) = from {
                    diagnostic = diagnostic.label(*from, format!("reached from {block} here"));
                }
                sink.report(diagnostic);
            }
        }
    }

    /// By route, the routes that it calls and where.
    fn calls(&self, routes: usize) -> Vec<Vec<(usize, Location)>> {
        let mut calls = vec![Vec::new(); routes];
        for (from, to, at) in &self.routes {
            if let Some(list) = calls.get_mut(*from) {
                list.push((*to, *at));
            }
        }
        calls
    }
}

/// The routes that a kind reaches, each with the call that leads there.
fn reached(
    kind: RouteKind,
    routes: &[Route],
    calls: &[Vec<(usize, Location)>],
) -> Vec<Option<Option<Location>>> {
    let mut reached = vec![None; routes.len()];
    let mut open = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        // A `route[x]` is of no kind by itself.
        if route.kind == kind && (kind != RouteKind::Request || route.name.is_empty()) {
            reached[at] = Some(None);
            open.push(at);
        }
    }
    while let Some(from) = open.pop() {
        for (to, at) in &calls[from] {
            if let Some(place @ None) = reached.get_mut(*to) {
                *place = Some(Some(*at));
                open.push(*to);
            }
        }
    }
    reached
}
