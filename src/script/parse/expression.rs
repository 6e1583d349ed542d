//! Conditions, values and calls (spec 1.6, 1.7).

use std::net::IpAddr;

use crate::diagnostic::Diagnostic;
use crate::ir::{Arith, Net};
use crate::lex::{Kind, Mark};

use super::ast::{
    Call, Expression, ExpressionKind, Logic, Operand, OperandKind, Test, TestKind, Variable,
};
use super::{Parsed, Parser};

impl Parser<'_, '_> {
    /// Reads a condition.
    pub(super) fn test(&mut self) -> Parsed<Test> {
        self.enter()?;
        let first = self.element();
        let test = first.and_then(|first| self.chain(first));
        self.leave();
        test
    }

    /// Reads what `&&` and `||` add to a first test.
    fn chain(&mut self, first: Test) -> Parsed<Test> {
        let mut rest = Vec::new();
        loop {
            let logic = match self.token.kind {
                Kind::Mark(Mark::And) => Logic::And,
                Kind::Mark(Mark::Or) => Logic::Or,
                _ => break,
            };
            self.bump();
            rest.push((logic, self.element()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let at = first.at.to(self.last);
        Ok(Test { at, kind: TestKind::Chain { first: Box::new(first), rest } })
    }

    fn element(&mut self) -> Parsed<Test> {
        let at = self.token.at;
        let kind = match &self.token.kind {
            Kind::Mark(Mark::Not) => {
                self.bump();
                self.enter()?;
                let inner = self.element();
                self.leave();
                TestKind::Not(Box::new(inner?))
            }
            Kind::Mark(Mark::LeftParen) => {
                self.bump();
                let mut inner = self.test()?;
                self.expect(Mark::RightParen, ")", "in this condition")?;
                inner.at = at.to(self.last);
                return self.no_comparison(inner);
            }
            Kind::Mark(Mark::LeftBracket) => {
                self.bump();
                let inner = self.expression()?;
                self.expect(Mark::RightBracket, "]", "after the arithmetic")?;
                TestKind::Arith(inner)
            }
            Kind::Word if self.next.is(Mark::LeftParen) => {
                let call = self.call()?;
                let test = Test { at: call.at, kind: TestKind::Call(call) };
                return self.no_comparison(test);
            }
            Kind::Variable | Kind::Word | Kind::Number(_) => {
                let left = self.operand()?;
                self.comparison(left)?
            }
            Kind::Text(_) | Kind::Null | Kind::Ip(_) | Kind::Net(_) => {
                let message = "the left side of a comparison is a variable";
                let diagnostic = Diagnostic::error("constant-left", at, message)
                    .hint("turn the comparison round: $variable == \"text\"");
                return Err(self.syntax(diagnostic));
            }
            _ => return Err(self.unexpected("no-condition", "a condition")),
        };
        Ok(Test { at: at.to(self.last), kind })
    }

    /// Refuses `func() == 2` and `(..) == 2`.
    fn no_comparison(&mut self, test: Test) -> Parsed<Test> {
        let compares = matches!(
            self.token.kind,
            Kind::Mark(Mark::Compare(_) | Mark::Match | Mark::NotMatch | Mark::Assign)
        );
        if !compares {
            return Ok(test);
        }
        let message = "only a variable can be compared";
        Err(self.syntax(match test.kind {
            TestKind::Call(_) => Diagnostic::error("compared-call", test.at, message)
                .hint("call the function first, then compare $rc"),
            _ => Diagnostic::error("compared-test", test.at, message),
        }))
    }

    /// Reads the operator and right side behind a left side, if they are there.
    fn comparison(&mut self, left: Operand) -> Parsed<TestKind> {
        let kind = self.token.kind.clone();
        let compares = |kind: &Kind| matches!(kind, Kind::Mark(Mark::Compare(_) | Mark::Assign));
        if compares(&kind) && compares(&self.next.kind) && !self.next.spaced {
            let at = self.token.at.to(self.next.at);
            let message = format!("`{}` is no operator", self.written(at));
            let diagnostic = Diagnostic::error("bad-operator", at, message)
                .hint("the operators are == != < > <= >= =~ !~");
            return Err(self.syntax(diagnostic));
        }
        match kind {
            Kind::Mark(Mark::Compare(op)) => {
                self.bump();
                Ok(TestKind::Compare { left, op, right: self.right_side()? })
            }
            Kind::Mark(mark @ (Mark::Match | Mark::NotMatch)) => {
                self.bump();
                let pattern = self.right_side()?;
                Ok(TestKind::Match { left, negated: mark == Mark::NotMatch, pattern })
            }
            Kind::Mark(Mark::Assign) => {
                let at = self.token.at;
                let diagnostic = Diagnostic::error("assign-in-test", at, "`=` assigns")
                    .hint("write == to compare");
                Err(self.syntax(diagnostic))
            }
            _ => Ok(TestKind::Bare(left)),
        }
    }

    fn right_side(&mut self) -> Parsed<Operand> {
        if self.token.kind == Kind::Word && self.next.is(Mark::LeftParen) {
            let message = "a function gives no value to compare with";
            let diagnostic = Diagnostic::error("compared-call", self.token.at, message)
                .hint("call it first: $var(x) = function();");
            return Err(self.syntax(diagnostic));
        }
        self.operand()
    }

    /// Reads a variable, a constant or a bare word.
    pub(super) fn operand(&mut self) -> Parsed<Operand> {
        let at = self.token.at;
        let kind = match &self.token.kind {
            Kind::Variable => OperandKind::Variable(self.whole_variable()?),
            Kind::Text(_) => OperandKind::Text(self.text("no-value", "a text")?.bytes),
            Kind::Number(value) => {
                let value = *value;
                self.bump();
                OperandKind::Int(value)
            }
            Kind::Mark(Mark::Sum(sign @ (Arith::Sub | Arith::Add))) => {
                let negative = *sign == Arith::Sub;
                self.bump();
                let Kind::Number(value) = self.token.kind else {
                    return Err(self.unexpected("no-number", "a number"));
                };
                self.bump();
                OperandKind::Int(if negative { -value } else { value })
            }
            Kind::Null => {
                self.bump();
                OperandKind::Null
            }
            // 1.x: force_send_socket(10.0.0.1:5060).
            Kind::Ip(_) if self.next.is(Mark::Colon) && !self.next.spaced => {
                OperandKind::Word(self.bare())
            }
            Kind::Ip(ip) => {
                let ip = *ip;
                self.bump();
                OperandKind::Ip(ip)
            }
            Kind::Net(net) => {
                let net = *net;
                self.bump();
                OperandKind::Net(net)
            }
            Kind::Mark(Mark::LeftBracket) if matches!(self.next.kind, Kind::Ip(_)) => {
                self.bump();
                let Kind::Ip(ip) = self.bump().kind else { return Err(super::Skip) };
                self.expect(Mark::RightBracket, "]", "after the address")?;
                self.prefix_of(ip).unwrap_or(OperandKind::Ip(ip))
            }
            Kind::Word => OperandKind::Word(self.bare()),
            _ => return Err(self.unexpected("no-value", "a variable or a constant")),
        };
        Ok(Operand { at: at.to(self.last), kind })
    }

    /// Reads `/64` behind an address in brackets.
    fn prefix_of(&mut self, addr: IpAddr) -> Option<OperandKind> {
        let most = if addr.is_ipv4() { 32 } else { 128 };
        let Kind::Number(prefix) = self.next.kind else { return None };
        let prefix = u8::try_from(prefix).ok().filter(|prefix| *prefix <= most)?;
        let joined = self.token.is(Mark::Sum(Arith::Div)) && !self.token.spaced;
        if !joined || self.next.spaced {
            return None;
        }
        self.bump();
        self.bump();
        Some(OperandKind::Net(Net { addr, prefix }))
    }

    /// Reads a variable; what belongs inside `$( )` and stands behind it is refused.
    pub(super) fn whole_variable(&mut self) -> Parsed<Box<Variable>> {
        let variable = self.variable()?;
        let opens = self.token.is(Mark::LeftBracket) || self.token.is(Mark::LeftBrace);
        if !opens || self.token.spaced {
            return Ok(variable);
        }
        let written = self.written(variable.at);
        let inner = written.trim_start_matches('$');
        let message = "an index or transformation stands inside the variable's parentheses";
        let part = self.shown(&self.token);
        let diagnostic = Diagnostic::error("variable-parts", self.token.at, message)
            .hint(format!("write $({inner}{part}...)"));
        self.skip_parts();
        Err(self.syntax(diagnostic))
    }

    /// Passes over `[..]` and `{..}` on this line: what stands in them is the same mistake.
    fn skip_parts(&mut self) {
        let mut depth = 0_usize;
        while !self.token.first && !self.at_end() {
            match self.token.kind {
                Kind::Mark(Mark::LeftBracket | Mark::LeftBrace) => depth += 1,
                Kind::Mark(Mark::RightBracket | Mark::RightBrace) if depth > 0 => depth -= 1,
                _ if depth == 0 => return,
                _ => {}
            }
            self.bump();
        }
    }

    /// Reads adjacent words and what joins them: `msg:len`, `uri:host`, `udp:10.0.0.1:5060`.
    fn bare(&mut self) -> String {
        let mut at = self.bump().at;
        loop {
            let joins = matches!(
                self.token.kind,
                Kind::Word
                    | Kind::Number(_)
                    | Kind::Ip(_)
                    | Kind::Mark(Mark::Colon | Mark::Other | Mark::Sum(Arith::Sub))
            );
            if !joins || self.token.spaced {
                return self.written(at);
            }
            at = at.to(self.bump().at);
        }
    }

    /// Reads the right side of an assignment, or an argument.
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.enter()?;
        let expression = self.bits();
        self.leave();
        expression
    }

    /// `<< >> & | ^` bind less than sums.
    fn bits(&mut self) -> Parsed<Expression> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Kind::Mark(Mark::Bits(op)) = self.token.kind {
            self.bump();
            rest.push((op, self.sum()?));
        }
        Ok(self.joined(first, rest))
    }

    /// `+ - * / %` have one precedence and go from left to right (spec 1.7).
    fn sum(&mut self) -> Parsed<Expression> {
        let first = self.unary()?;
        let mut rest = Vec::new();
        while let Kind::Mark(Mark::Sum(op)) = self.token.kind {
            self.bump();
            rest.push((op, self.unary()?));
        }
        Ok(self.joined(first, rest))
    }

    fn joined(&self, first: Expression, rest: Vec<(Arith, Expression)>) -> Expression {
        if rest.is_empty() {
            return first;
        }
        let at = first.at.to(self.last);
        Expression { at, kind: ExpressionKind::Chain { first: Box::new(first), rest } }
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let at = self.token.at;
        let kind = match self.token.kind {
            Kind::Mark(Mark::Tilde) => {
                self.bump();
                self.enter()?;
                let inner = self.unary();
                self.leave();
                ExpressionKind::Complement(Box::new(inner?))
            }
            Kind::Mark(Mark::LeftParen) => {
                self.bump();
                let inner = self.in_value_parens()?;
                self.expect(Mark::RightParen, ")", "in this expression")?;
                inner
            }
            Kind::Word if self.next.is(Mark::LeftParen) => ExpressionKind::Call(self.call()?),
            _ => ExpressionKind::Operand(self.operand()?.kind),
        };
        Ok(Expression { at: at.to(self.last), kind })
    }

    /// What stands in parentheses is arithmetic or, when an operator of conditions follows, a
    /// condition: `($si == "1.2.3.4")`.
    fn in_value_parens(&mut self) -> Parsed<ExpressionKind> {
        if self.token.is(Mark::Not) {
            return Ok(ExpressionKind::Test(Box::new(self.test()?)));
        }
        let inner = self.expression()?;
        let begins = matches!(
            self.token.kind,
            Kind::Mark(Mark::Compare(_) | Mark::Match | Mark::NotMatch | Mark::And | Mark::Or)
        );
        if !begins {
            return Ok(inner.kind);
        }
        let at = inner.at;
        let kind = match inner.kind {
            ExpressionKind::Test(test) => test.kind,
            ExpressionKind::Call(call) => TestKind::Call(call),
            ExpressionKind::Operand(kind) => self.comparison(Operand { at, kind })?,
            _ => {
                let message = "only a variable can be compared";
                return Err(self.syntax(Diagnostic::error("compared-test", at, message)));
            }
        };
        let test = Test { at: at.to(self.last), kind };
        let first = self.no_comparison(test)?;
        Ok(ExpressionKind::Test(Box::new(self.chain(first)?)))
    }

    /// Reads `name(arguments)`; an argument may be left empty.
    pub(super) fn call(&mut self) -> Parsed<Call> {
        let name = self.name();
        self.bump();
        let mut args = Vec::new();
        loop {
            if self.token.is(Mark::RightParen) && args.is_empty() {
                break;
            }
            let empty = self.token.is(Mark::Comma) || self.token.is(Mark::RightParen);
            args.push(if empty { None } else { Some(self.expression()?) });
            if !self.eat(Mark::Comma) {
                break;
            }
        }
        let after = format!("after the arguments of {}", name.text);
        self.expect(Mark::RightParen, ")", &after)?;
        let at = name.at.to(self.last);
        Ok(Call { name, args, at })
    }
}
