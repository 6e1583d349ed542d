//! Lowering: routes become instructions; every name is resolved or refused on the way.
//!
//! Runs after the top level has been checked, since module parameters that are evaluated at each
//! call ([`Signature::hidden`](crate::catalog::Signature)) may stand below the routes. A refused
//! piece leaves holes in the code; with an error there is no script.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::catalog::SubKind;
use crate::check::World;
use crate::diagnostic::{Diagnostic, Sink};
use crate::ir::{Arith, Assign, Compare, Op, Route, RouteId, RouteKind, Script, Setting};
use crate::limits;
use crate::parse::STRAY;
use crate::parse::ast::{self, Action, Block, Case, How, Literal, Statement, Variable};
use crate::source::{Location, SourceText};

mod armed;
mod call;
mod emit;
mod special;
mod subst;
mod test;
mod usage;
mod value;
mod variable;
mod walk;

use emit::{Emitter, Full, Jump};
use usage::Usage;
use walk::Walk;

/// The reason has been reported.
#[derive(Debug)]
pub(crate) struct Refused;

/// What `break` would leave.
struct Breakable {
    jumps: Vec<Jump>,
}

/// Lowers the routes of one script.
struct Lowering<'a> {
    world: &'a World<'a>,
    sink: &'a mut Sink,
    sources: &'a [Rc<SourceText>],
    loaded: Vec<&'static str>,
    emitter: Emitter,
    /// Routes that `route()` may call, by name.
    callable: HashMap<String, RouteId>,
    breakables: Vec<Breakable>,
    /// Loop counters that lie on the value stack.
    held: u32,
    /// Variables within variables.
    depth: usize,
    walk: Walk,
    usage: Usage,
    /// The route being lowered.
    route: usize,
    /// Modules that are not loaded and were reported.
    missing: HashSet<&'static str>,
}

/// Lowers routes into the script that holds the tables of the top level.
pub(crate) fn lower(
    routes: &[ast::Route],
    script: Script,
    world: &World<'_>,
    sources: &[Rc<SourceText>],
    sink: &mut Sink,
) -> Script {
    let mut lowering = Lowering {
        world,
        sink,
        sources,
        loaded: script.modules.clone(),
        emitter: Emitter::new(script),
        callable: HashMap::new(),
        breakables: Vec::new(),
        held: 0,
        depth: 0,
        walk: Walk::default(),
        usage: Usage::default(),
        route: 0,
        missing: HashSet::new(),
    };
    lowering.declare(routes);
    for (at, route) in routes.iter().enumerate() {
        lowering.route(at, route);
    }
    let Lowering { walk, usage, emitter, sink, .. } = lowering;
    walk.check(&emitter.script.routes, sink);
    usage.check(&emitter.script, world.catalog, sink);
    emitter.script
}

impl Lowering<'_> {
    /// Numbers the routes, so that they can be called before they are defined.
    fn declare(&mut self, routes: &[ast::Route]) {
        let mut first: HashMap<(RouteKind, &str), Location> = HashMap::new();
        for (at, route) in routes.iter().enumerate() {
            if let Some(earlier) = first.insert((route.kind, &route.name), route.at)
                && route.name != STRAY
            {
                let (word, name) = (route.kind.word(), &route.name);
                let message = match (route.kind, name.is_empty()) {
                    (RouteKind::Request, true) => {
                        "overwriting default request routing table: there is one already".to_owned()
                    }
                    (RouteKind::Request, false) => {
                        format!("overwriting request routing table [{name}]")
                    }
                    (_, true) => format!("{word} is defined already"),
                    (_, false) => format!("{word}[{name}] is defined already"),
                };
                self.sink.report(
                    Diagnostic::error("duplicate-route", route.at, message)
                        .label(earlier, "the first one is here"),
                );
            }
            if route.kind == RouteKind::Request
                && let Ok(id) = u16::try_from(at)
            {
                self.callable.entry(route.name.clone()).or_insert(RouteId(id));
            }
            let ast::Route { kind, interval_s, at, .. } = *route;
            let name = route.name.clone();
            self.emitter.script.routes.push(Route { kind, name, interval_s, entry: 0, at });
        }
        if let Some(route) = routes.get(usize::from(u16::MAX)) {
            self.sink.report(Full("too-many-routes", "script routes").diagnostic(route.at));
        }
    }

    fn route(&mut self, number: usize, route: &ast::Route) {
        if route.body.is_empty() && self.sink.errors() == 0 {
            let message = "an empty route is refused by OpenSIPS";
            self.sink.lenient(Diagnostic::warning("empty-route", route.at, message));
        }
        self.route = number;
        let entry = self.emitter.here();
        if let Some(lowered) = self.emitter.script.routes.get_mut(number) {
            lowered.entry = entry;
        }
        self.block(&route.body);
        self.emit(Op::End, route.at);
    }

    fn block(&mut self, block: &Block) {
        for statement in block {
            // What is refused has been reported; the next statement is looked at all the same.
            let _ = self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), Refused> {
        let at = statement.at;
        match &statement.action {
            Action::If { arms, otherwise } => self.branches(arms, otherwise.as_ref(), at),
            Action::While { test, body } => self.while_loop(test, body, at),
            Action::For { item, list, body } => self.for_loop(item, list, body, at)?,
            Action::Switch { subject, cases } => self.switch(subject, cases, at)?,
            Action::Assign { target, how, value } => self.assign(target, *how, value, at)?,
            Action::Call(call) if special::LAUNCHERS.contains(&call.name.text.as_str()) => {
                self.launcher(call)?;
            }
            Action::Call(call) => self.call(call)?,
            Action::Assert { test, text } => self.assert(test, text)?,
            Action::Return { code, values } => self.give_back(code.as_ref(), values, at)?,
            Action::Exit => self.emit(Op::Exit, at),
            Action::Drop => self.emit(Op::Drop, at),
            Action::Break => {
                let jump = self.emitter.jump(Op::Jump, at);
                match self.breakables.last_mut() {
                    Some(breakable) => breakable.jumps.push(jump),
                    None => {
                        let message = "break stands in switch, while and for only";
                        return self.refuse(Diagnostic::error("stray-break", at, message));
                    }
                }
            }
        }
        Ok(())
    }

    /// Checked always, and kept only with `enable_asserts`.
    fn assert(&mut self, test: &ast::Test, text: &ast::Text) -> Result<(), Refused> {
        let begin = self.emitter.here();
        self.test(test)?;
        let constant = self.emitter.text(&text.bytes);
        self.emit(Op::Text(constant), text.at);
        self.emit(Op::Assert, test.at);
        let globals = self.emitter.script.globals.iter().rev();
        let enabled = globals.filter(|global| global.name == "enable_asserts").map(|g| &g.value);
        if enabled.take(1).all(|value| *value == Setting::Int(0)) {
            self.emitter.forget(begin);
        }
        Ok(())
    }

    fn branches(&mut self, arms: &[(ast::Test, Block)], otherwise: Option<&Block>, at: Location) {
        let mut ends = Vec::new();
        for (test, body) in arms {
            let _ = self.test(test);
            let next = self.emitter.jump(Op::JumpIfNot, test.at);
            self.block(body);
            ends.push(self.emitter.jump(Op::Jump, at));
            self.emitter.land(next);
        }
        match otherwise {
            Some(body) => self.block(body),
            // No branch taken: the code is that of the test (spec 1.5).
            None => self.emit(Op::CodeFromTruth, at),
        }
        for end in ends {
            self.emitter.land(end);
        }
    }

    fn while_loop(&mut self, test: &ast::Test, body: &Block, at: Location) {
        self.emit(Op::LoopEnter, at);
        let top = self.emitter.here();
        let full = self.emitter.jump(Op::LoopCheck, at);
        let _ = self.test(test);
        let done = self.emitter.jump(Op::JumpIfNot, test.at);
        self.breakables.push(Breakable { jumps: vec![full, done] });
        self.block(body);
        self.emit(Op::Jump(top), at);
        self.leave_breakable();
        self.emit(Op::LoopLeave, at);
    }

    fn leave_breakable(&mut self) {
        for jump in self.breakables.pop().map(|b| b.jumps).unwrap_or_default() {
            self.emitter.land(jump);
        }
    }

    /// `for ($x in $(y[*]))`: the index counts up on the value stack until a value is NULL.
    fn for_loop(
        &mut self,
        item: &Variable,
        list: &Variable,
        body: &Block,
        at: Location,
    ) -> Result<(), Refused> {
        if self.is_skipped(item, list)? {
            let over = self.emitter.jump(Op::Jump, at);
            self.breakables.push(Breakable { jumps: vec![over] });
            self.block(body);
            self.leave_breakable();
            return Ok(());
        }
        self.emit(Op::Int(0), at);
        self.held += 1;
        self.emit(Op::LoopEnter, at);
        let top = self.emitter.here();
        let full = self.emitter.jump(Op::LoopCheck, at);
        self.load_indexed(list)?;
        self.emit(Op::Pick(0), list.at);
        self.emit(Op::Null, list.at);
        self.emit(Op::Compare { op: Compare::Equal, literal: true }, list.at);
        let done = self.emitter.jump(Op::JumpIf, list.at);
        let target = self.target(item)?;
        let dynamic = self.emitter.dynamic_parts(target);
        if dynamic > 0 {
            // The name was made above the value, which belongs above the name.
            self.emit(Op::Pick(dynamic), item.at);
        }
        self.emit(Op::Store { target, op: Assign::Set }, item.at);
        if dynamic > 0 {
            self.emit(Op::Pop, item.at);
        }
        self.breakables.push(Breakable { jumps: vec![full] });
        self.block(body);
        self.emit(Op::Int(1), at);
        self.emit(Op::Arith { op: Arith::Add, literal: true, compound: false }, at);
        self.emit(Op::Jump(top), at);
        self.emitter.land(done);
        self.emit(Op::Pop, at);
        self.leave_breakable();
        self.emit(Op::LoopLeave, at);
        self.emit(Op::Pop, at);
        self.held -= 1;
        Ok(())
    }

    /// Whether OpenSIPS passes over the loop with an error each time: its iterator or its list is
    /// not of the kind that it wants (spec 1.5).
    fn is_skipped(&mut self, item: &Variable, list: &Variable) -> Result<bool, Refused> {
        let iterates = matches!(self.variable(&item.name)?.sub, SubKind::Avp | SubKind::Var);
        let (at, message) = if !iterates {
            (item.at, "this loop never runs: its iterator is neither a $var nor an $avp")
        } else if !matches!(list.index, Some(ast::IndexText::All)) {
            (list.at, "this loop never runs: its list lacks the index [*]")
        } else {
            return Ok(false);
        };
        self.usage.set(item);
        let diagnostic = Diagnostic::warning("skipped-loop", at, message);
        self.sink.lenient(diagnostic.hint("write for ($var(x) in $(name[*]))"));
        Ok(true)
    }

    fn switch(
        &mut self,
        subject: &ast::Operand,
        cases: &[Case],
        at: Location,
    ) -> Result<(), Refused> {
        self.operand(&subject.kind, subject.at)?;
        // The subject is dropped on the way to a body, so that bodies fall through to each other
        // with the same stack.
        let mut entries = Vec::new();
        for case in cases {
            let Some(label) = &case.label else { continue };
            self.emit(Op::Pick(0), case.at);
            match label {
                Literal::Int(value) => self.emit(Op::Int(*value), case.at),
                Literal::Text(text) => {
                    let text = self.emitter.text(text);
                    self.emit(Op::Text(text), case.at);
                }
            }
            self.emit(Op::Case, case.at);
            entries.push(self.emitter.jump(Op::JumpIf, case.at));
        }
        self.emit(Op::Pop, at);
        let none = self.emitter.jump(Op::Jump, at);
        let mut entries = entries.into_iter();
        let mut bodies = Vec::new();
        for case in cases {
            if case.label.is_none() {
                continue;
            }
            if let Some(entry) = entries.next() {
                self.emitter.land(entry);
            }
            self.emit(Op::Pop, case.at);
            bodies.push(self.emitter.jump(Op::Jump, case.at));
        }
        self.breakables.push(Breakable { jumps: Vec::new() });
        let mut bodies = bodies.into_iter();
        let mut none = Some(none);
        for case in cases {
            let entry = if case.label.is_some() { bodies.next() } else { none.take() };
            match entry {
                Some(entry) => self.emitter.land(entry),
                None => {
                    let message = "this switch has a default already";
                    self.sink.report(Diagnostic::error("two-defaults", case.at, message));
                }
            }
            self.block(&case.body);
        }
        if let Some(none) = none {
            self.emitter.land(none);
        }
        self.leave_breakable();
        Ok(())
    }

    fn assign(
        &mut self,
        target: &Variable,
        how: How,
        value: &ast::Expression,
        at: Location,
    ) -> Result<(), Refused> {
        let stored = self.target(target)?;
        let op = match how {
            How::Set | How::Replace => {
                self.value(value)?;
                if how == How::Set { Assign::Set } else { Assign::Replace }
            }
            How::Compound(op) => {
                let loaded = self.reference(target)?;
                self.emit(Op::Load(loaded), target.at);
                self.value(value)?;
                let literal = value::is_literal(value);
                self.emit(Op::Arith { op, literal, compound: true }, at);
                Assign::Set
            }
        };
        self.emit(Op::Store { target: stored, op }, at);
        Ok(())
    }

    fn give_back(
        &mut self,
        code: Option<&ast::Expression>,
        values: &[ast::Expression],
        at: Location,
    ) -> Result<(), Refused> {
        let count = self.few(values.len(), "values of return", at)?;
        for _ in 0..self.held {
            self.emit(Op::Pop, at);
        }
        match code {
            Some(code) => self.value(code)?,
            None => self.emit(Op::Int(1), at),
        }
        for value in values {
            self.value(value)?;
        }
        self.emit(Op::Return { values: count }, at);
        Ok(())
    }

    fn emit(&mut self, op: Op, at: Location) {
        self.emitter.emit(op, at);
    }

    fn refuse<T>(&mut self, diagnostic: Diagnostic) -> Result<T, Refused> {
        self.sink.report(diagnostic);
        Err(Refused)
    }

    /// The entry of a table, or the report that the table is full.
    fn fit<T>(&mut self, entry: Result<T, Full>, at: Location) -> Result<T, Refused> {
        match entry {
            Ok(entry) => Ok(entry),
            Err(full) => self.refuse(full.diagnostic(at)),
        }
    }

    /// A count that one instruction can hold.
    fn few(&mut self, count: usize, what: &str, at: Location) -> Result<u8, Refused> {
        match u8::try_from(count) {
            Ok(few) if count <= limits::ROUTE_PARAMS => Ok(few),
            _ => {
                let message = format!("too many {what}: at most {}", limits::ROUTE_PARAMS);
                self.refuse(Diagnostic::error("too-many-values", at, message))
            }
        }
    }

    fn source(&self, at: Location) -> Rc<SourceText> {
        self.sources.get(usize::from(at.file)).cloned().unwrap_or_default()
    }
}
