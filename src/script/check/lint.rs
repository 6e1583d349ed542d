//! What runs, but hardly as meant: statements that are never reached, labels given twice,
//! operators without the usual precedence, `$name` in a text that is no format.
//!
//! Takes routes as parsed; reports warnings. OpenSIPS runs all of it in silence, so nothing here
//! is ever an error without `--strict`.

use crate::diagnostic::{Diagnostic, Sink};
use crate::ir::Arith;
use crate::lex::{Trail, variable_length};
use crate::parse::ast::{
    Action, Block, Call, Case, Expression, ExpressionKind, Literal, Logic, Operand, OperandKind,
    Route, Statement, Test, TestKind,
};
use crate::socket::impossible;
use crate::source::Location;

use super::World;

/// Looks through the routes.
pub(crate) fn lint(routes: &[Route], world: &World<'_>, sink: &mut Sink) {
    let mut lint = Lint { world, sink };
    for route in routes {
        lint.block(&route.body);
    }
}

struct Lint<'a> {
    world: &'a World<'a>,
    sink: &'a mut Sink,
}

impl Lint<'_> {
    fn block(&mut self, block: &Block) {
        for pair in block.windows(2) {
            if let [before, after] = pair
                && ends(before)
            {
                // `exit; break;` closes a case by habit.
                if !matches!(after.action, Action::Break) {
                    let message = "this statement is never reached";
                    self.sink.lenient(
                        Diagnostic::warning("unreachable", after.at, message)
                            .label(before.at, "the run does not go on behind this"),
                    );
                }
                break;
            }
        }
        for statement in block {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.action {
            Action::If { arms, otherwise } => {
                for (test, body) in arms {
                    self.test(test);
                    self.block(body);
                }
                if let Some(body) = otherwise {
                    self.block(body);
                }
            }
            Action::While { test, body } => {
                self.test(test);
                self.block(body);
            }
            Action::For { body, .. } => self.block(body),
            Action::Switch { cases, .. } => self.cases(cases),
            Action::Assign { target, value, .. } => {
                self.value(value);
                if let ExpressionKind::Operand(kind) = &value.kind {
                    self.port(&target.name.text, kind, value.at);
                }
            }
            Action::Call(call) => self.call(call),
            Action::Return { code, values } => {
                code.iter().chain(values).for_each(|v| self.value(v))
            }
            _ => {}
        }
    }

    fn cases(&mut self, cases: &[Case]) {
        for (number, case) in cases.iter().enumerate() {
            let same = |other: &&Case| match (&other.label, &case.label) {
                (Some(Literal::Int(a)), Some(Literal::Int(b))) => a == b,
                // Texts are compared without case (spec 1.5).
                (Some(Literal::Text(a)), Some(Literal::Text(b))) => a.eq_ignore_ascii_case(b),
                _ => false,
            };
            if let Some(first) = cases.iter().take(number).find(same) {
                let message = "this label stands in the switch already";
                self.sink.lenient(
                    Diagnostic::warning("duplicate-case", case.at, message)
                        .label(first.at, "this one is taken"),
                );
            }
            self.block(&case.body);
        }
    }

    fn test(&mut self, test: &Test) {
        match &test.kind {
            TestKind::Chain { first, rest } => {
                self.precedence(rest);
                self.test(first);
                rest.iter().for_each(|(_, test)| self.test(test));
            }
            TestKind::Not(inner) => self.test(inner),
            TestKind::Compare { left, right, .. } => {
                self.operand(right, COMPARED);
                match &left.kind {
                    OperandKind::Variable(left) => {
                        self.port(&left.name.text, &right.kind, right.at);
                    }
                    OperandKind::Word(left) => self.port(left, &right.kind, right.at),
                    _ => {}
                }
            }
            TestKind::Match { pattern, .. } => self.operand(pattern, MATCHED),
            TestKind::Arith(value) => self.value(value),
            TestKind::Call(call) => self.call(call),
            TestKind::Bare(_) => {}
        }
    }

    /// `a || b && c` is `(a || b) && c` (spec 1.6).
    fn precedence(&mut self, rest: &[(Logic, Test)]) {
        let or = rest.iter().position(|(logic, _)| *logic == Logic::Or);
        let and = or.and_then(|or| rest[or..].iter().find(|(logic, _)| *logic == Logic::And));
        if let Some((_, test)) = and {
            let message = "`&&` binds no tighter than `||`: everything before it is one side";
            self.sink.lenient(
                Diagnostic::warning("mixed-logic", test.at, message)
                    .hint("write the parentheses: (a || b) && c, or a || (b && c)"),
            );
        }
    }

    fn value(&mut self, value: &Expression) {
        match &value.kind {
            ExpressionKind::Operand(kind) => self.text(kind, value.at, ASSIGNED),
            ExpressionKind::Complement(inner) => self.value(inner),
            ExpressionKind::Chain { first, rest } => {
                self.arithmetic(rest);
                self.value(first);
                rest.iter().for_each(|(_, value)| self.value(value));
            }
            ExpressionKind::Test(test) => self.test(test),
            ExpressionKind::Call(call) => self.call(call),
        }
    }

    /// `1 + 2 * 3` is 9 (spec 1.7).
    fn arithmetic(&mut self, rest: &[(Arith, Expression)]) {
        let sum = rest.iter().position(|(op, _)| matches!(op, Arith::Add | Arith::Sub));
        let product =
            |(op, _): &&(Arith, Expression)| matches!(op, Arith::Mul | Arith::Div | Arith::Mod);
        if let Some((_, right)) = sum.and_then(|sum| rest[sum..].iter().find(product)) {
            let message = "`* / %` bind no tighter than `+ -`: this goes from left to right";
            self.sink.lenient(
                Diagnostic::warning("mixed-arithmetic", right.at, message)
                    .hint("write the parentheses: (1 + 2) * 3, or 1 + (2 * 3)"),
            );
        }
    }

    /// Arguments of functions are formats; those of `route()` are values.
    fn call(&mut self, call: &Call) {
        let values = call.args.iter().flatten();
        match call.name.text.as_str() {
            "route" => values.skip(1).for_each(|value| self.value(value)),
            _ => values.for_each(|value| match &value.kind {
                ExpressionKind::Operand(kind) => self.endpoint(kind, value.at),
                _ => self.value(value),
            }),
        }
    }

    fn operand(&mut self, operand: &Operand, mend: &'static str) {
        self.text(&operand.kind, operand.at, mend);
    }

    /// A text that is no format and holds what looks like a variable (spec 0).
    fn text(&mut self, kind: &OperandKind, at: Location, mend: &'static str) {
        let OperandKind::Text(text) = kind else { return };
        self.endpoint(kind, at);
        let Some((offset, length)) = self.variable_in(text) else { return };
        let source = self.world.source(at);
        let place = Trail::quoted(&source, at).part(offset, length);
        let name = String::from_utf8_lossy(&text[offset..offset + length]);
        let message = format!("{name} stays as it is written: this text is no format");
        self.sink.lenient(Diagnostic::warning("unexpanded-variable", place, message).hint(mend));
    }

    /// A text that names a port which cannot be one.
    fn endpoint(&mut self, kind: &OperandKind, at: Location) {
        let (text, quoted) = match kind {
            OperandKind::Text(text) => (text.as_slice(), true),
            OperandKind::Word(word) => (word.as_bytes(), false),
            _ => return,
        };
        let Some((offset, length)) = self.world.catalog.impossible_port(text) else { return };
        let source = self.world.source(at);
        let make = if quoted { Trail::quoted } else { Trail::plain };
        let place = make(&source, at).part(offset, length);
        let port = String::from_utf8_lossy(&text[offset..offset + length]);
        self.sink.lenient(Diagnostic::warning("port-range", place, impossible(port)));
    }

    /// A number that a variable of a port never has.
    fn port(&mut self, name: &str, kind: &OperandKind, at: Location) {
        if let OperandKind::Int(number) = kind
            && PORTS.contains(&name)
            && !(0..=65_535).contains(number)
        {
            self.sink.lenient(Diagnostic::warning("port-range", at, impossible(number)));
        }
    }

    /// Offset and length of the first variable that the catalog knows.
    fn variable_in(&self, text: &[u8]) -> Option<(usize, usize)> {
        let mut at = 0;
        while let Some(next) = text.get(at..)?.iter().position(|b| *b == b'$') {
            at += next;
            let rest = &text[at..];
            if rest.starts_with(b"$$") {
                at += 2;
                continue;
            }
            if let Some(length) = variable_length(rest) {
                let name = rest[1..length].trim_ascii_start();
                let name = name.strip_prefix(b"(").unwrap_or(name);
                let end = name.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_');
                let name = std::str::from_utf8(&name[..end.unwrap_or(name.len())]);
                if name.is_ok_and(|name| self.world.knows_variable(name)) {
                    return Some((at, length));
                }
            }
            at += 1;
        }
        None
    }
}

const ASSIGNED: &str = "join texts and variables with +: \"sip:\" + $rU + \"@example.com\"";
const COMPARED: &str = "compare with a variable, which may hold a text joined with +";
const MATCHED: &str = "put the pattern into a variable: $var(p) = \"^\" + $rU; ... =~ $var(p)";

/// Variables and words of 1.x whose number is a port; 0 is that of an unknown transport.
const PORTS: &[&str] = &["src_port", "dst_port", "sp", "rp", "Rp", "dp", "op"];

/// Whether the run never goes on behind a statement.
fn ends(statement: &Statement) -> bool {
    let block = |block: &Block| block.iter().any(ends);
    match &statement.action {
        Action::Exit | Action::Drop | Action::Break | Action::Return { .. } => true,
        Action::Call(call) => call.name.text == "async",
        Action::If { arms, otherwise: Some(otherwise) } => {
            block(otherwise) && arms.iter().all(|(_, body)| block(body))
        }
        _ => false,
    }
}
