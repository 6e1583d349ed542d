//! Statements and blocks (spec 1.5).

use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::Arith;
use crate::lex::{Kind, Mark};
use crate::source::Location;

use super::ast::{
    Action, Block, Case, Expression, ExpressionKind, How, Literal, OperandKind, Statement, Test,
    TestKind,
};
use super::{Open, Parsed, Parser, Skip};

const KEYWORDS: &[&str] =
    &["if", "else", "while", "for", "switch", "case", "default", "exit", "drop", "return", "break"];

/// Those that are a statement by themselves.
const ALONE: &[&str] = &["exit", "drop", "return", "break"];

/// Words of other languages, and what stands for them here.
const FOREIGN: &[(&str, &str)] = &[
    ("elseif", "else if (...)"),
    ("elsif", "else if (...)"),
    ("elif", "else if (...)"),
    ("foreach", "for ($var(x) in $(avp(list)[*]))"),
    ("until", "while (!...)"),
    ("unless", "if (!...)"),
    ("do", "while (...)"),
    ("continue", "an if around the rest of the loop's body"),
    ("function", "a route block: route[name] { ... }"),
    ("goto", "route(name);"),
];

impl Parser<'_, '_> {
    /// Reads `{ statements }`.
    pub(super) fn braced(&mut self, owner: &str) -> Parsed<Block> {
        if !self.token.is(Mark::LeftBrace) {
            return Err(self.unexpected("missing-brace", &format!("the '{{' of {owner}")));
        }
        self.enter()?;
        let indent = self.indent;
        let opening = self.bump().at;
        self.open.push(Open { at: opening, indent });
        let block = self.statements();
        self.close();
        self.leave();
        Ok(block)
    }

    /// Reads the '}' of the innermost block, or reports that it is missing.
    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if !self.token.is(Mark::RightBrace) {
            return self.unclosed(open.at);
        }
        let column = self.token.at.column;
        let outer = self.open.iter().any(|outer| outer.indent == column);
        if self.token.first && column < open.indent && outer && self.suspect.is_none() {
            self.suspect = Some(open.at);
        }
        self.bump();
    }

    /// Reports a missing '}' once, at the block whose indentation says that it lacks one.
    pub(super) fn unclosed(&mut self, opening: Location) {
        if std::mem::replace(&mut self.unbalanced, true) {
            return;
        }
        let opening = self.suspect.take().unwrap_or(opening);
        self.report(
            Diagnostic::error("unclosed-brace", opening, "this '{' is not closed")
                .label(self.token.at, "the block should have ended before this")
                .hint("put its '}' where the block ends"),
        );
    }

    /// Reads statements up to a '}', to the next top-level item or to the end.
    pub(super) fn statements(&mut self) -> Block {
        let mut block = Vec::new();
        while !self.at_end() && !self.token.is(Mark::RightBrace) && !self.ends_block() {
            let from = self.token.at;
            if self.statement(&mut block).is_err() {
                self.recover();
            }
            if self.token.at == from && !self.at_end() {
                self.bump();
            }
        }
        block
    }

    /// Whether a top-level item begins here, so that a '}' must be missing above.
    fn ends_block(&self) -> bool {
        let outermost = self.open.first().map_or(u32::MAX, |open| open.indent);
        self.begins_item() && self.token.first && self.token.at.column <= outermost
    }

    /// Passes over the rest of a broken statement.
    fn recover(&mut self) {
        loop {
            match self.token.kind {
                Kind::Mark(Mark::Semicolon) => {
                    self.bump();
                    return;
                }
                Kind::End | Kind::Mark(Mark::RightBrace | Mark::LeftBrace) => return,
                _ if self.token.first && self.begins_statement() => return,
                _ => {
                    self.bump();
                }
            }
        }
    }

    fn begins_statement(&self) -> bool {
        match self.token.kind {
            Kind::Variable => true,
            Kind::Word => {
                self.next.is(Mark::LeftParen)
                    || self.begins_item()
                    || KEYWORDS.iter().any(|word| self.is_word(word))
            }
            _ => false,
        }
    }

    /// Reads one statement into the block; a lone ';' and a block in a block leave no trace.
    fn statement(&mut self, block: &mut Block) -> Parsed<()> {
        let at = self.token.at;
        let action = match &self.token.kind {
            Kind::Mark(Mark::Semicolon) => {
                self.bump();
                return Ok(());
            }
            Kind::Mark(Mark::LeftBrace) => {
                block.extend(self.braced("a block")?);
                return Ok(());
            }
            Kind::Variable => self.assignment()?,
            Kind::Word => self.word_statement()?,
            Kind::Text(_) | Kind::Number(_) => {
                let shown = self.shown(&self.token);
                let message = format!("bad command: {shown} alone is no statement");
                return Err(self.syntax(Diagnostic::error("no-statement", at, message)));
            }
            _ => {
                let shown = self.shown(&self.token);
                let message = format!("bad command!) no statement begins with `{shown}`");
                return Err(self.syntax(Diagnostic::error("bad-statement", at, message)));
            }
        };
        block.push(Statement { at: at.to(self.last), action });
        Ok(())
    }

    fn word_statement(&mut self) -> Parsed<Action> {
        let word = self.written(self.token.at);
        match word.as_str() {
            "if" => self.if_statement(),
            "while" => {
                self.bump();
                let (test, body) = self.guarded("while")?;
                Ok(Action::While { test, body })
            }
            "for" => self.for_statement(),
            "switch" => self.switch(),
            "exit" => self.plain(Action::Exit),
            "drop" => self.plain(Action::Drop),
            "break" | "esac" => self.plain(Action::Break),
            "return" => self.return_statement(),
            "else" => {
                let message = "this else belongs to no if";
                let hint = "the if before it has ended: look for a ';' or '}' too much";
                let at = self.token.at;
                self.bump();
                Err(self.syntax(Diagnostic::error("stray-else", at, message).hint(hint)))
            }
            "case" | "default" if !self.next.is(Mark::LeftParen) => {
                let message = format!("`{word}` stands in a switch only");
                let at = self.bump().at;
                Err(self.syntax(Diagnostic::error("stray-case", at, message)))
            }
            _ if self.foreign(&word) => Err(Skip),
            "assert" if self.next.is(Mark::LeftParen) => self.assert_statement(),
            _ if self.next.is(Mark::LeftParen) => {
                let call = self.call()?;
                self.terminate();
                Ok(Action::Call(call))
            }
            _ => Err(self.bare_word(&word)),
        }
    }

    /// Reports a word of another language, or one of ours in capitals, and passes over it.
    fn foreign(&mut self, word: &str) -> bool {
        let foreign = FOREIGN.iter().find(|(known, _)| *known == word);
        let alike = |known: &&&str| known.eq_ignore_ascii_case(word) && **known != word;
        let capital = KEYWORDS.iter().find(alike);
        let diagnostic = match (foreign, capital) {
            (Some((_, ours)), _) => {
                let message = format!("`{word}` is no word of this language");
                Diagnostic::error("foreign-word", self.token.at, message)
                    .hint(format!("write {ours}"))
            }
            (None, Some(ours)) => {
                let message = format!("`{word}` is written in small letters");
                Diagnostic::error("keyword-case", self.token.at, message)
                    .hint(format!("write {ours}"))
            }
            (None, None) => return false,
        };
        self.bump();
        self.syntax(diagnostic);
        true
    }

    fn bare_word(&mut self, word: &str) -> Skip {
        let at = self.bump().at;
        let assigns = self.token.is(Mark::Assign);
        let message = format!("bare word {word} found, command calls need '()'");
        let diagnostic = Diagnostic::error("bare-word", at, message);
        self.syntax(if assigns {
            diagnostic.hint(format!("a variable is written $var({word})"))
        } else if nearest(word, ALONE).is_some() {
            diagnostic.suggest(word, ALONE, str::to_owned)
        } else {
            let mend = format!("write {word}() if it is a function, or put `#` before a remark");
            diagnostic.hint(mend)
        })
    }

    /// `assert(test, "text");`
    fn assert_statement(&mut self) -> Parsed<Action> {
        self.bump();
        self.bump();
        let test = Box::new(self.test()?);
        self.expect(Mark::Comma, ",", "after the condition of assert")?;
        let text = self.text("no-assert-text", "the quoted text of assert")?;
        self.expect(Mark::RightParen, ")", "after the text of assert")?;
        self.terminate();
        Ok(Action::Assert { test, text })
    }

    /// A statement of one word, with or without '()'.
    fn plain(&mut self, action: Action) -> Parsed<Action> {
        self.bump();
        if self.eat(Mark::LeftParen) {
            self.expect(Mark::RightParen, ")", "here")?;
        }
        self.terminate();
        Ok(action)
    }

    /// Reads the ';' of a statement, or reports that it is missing.
    fn terminate(&mut self) {
        if self.eat(Mark::Semicolon) {
            return;
        }
        self.missing(
            Diagnostic::error("missing-semicolon", self.last, "bad command: missing ';'?")
                .hint("each statement ends with ';'"),
        );
        if !self.token.first && !self.begins_statement() && !self.token.is(Mark::RightBrace) {
            self.recover();
        }
    }

    fn if_statement(&mut self) -> Parsed<Action> {
        let mut arms = Vec::new();
        loop {
            self.bump();
            arms.push(self.guarded("if")?);
            if ["elseif", "elsif", "elif"].iter().any(|word| self.is_word(word)) {
                let word = self.written(self.token.at);
                self.foreign(&word);
                arms.push(self.guarded("if")?);
            }
            if !self.is_word("else") {
                return Ok(Action::If { arms, otherwise: None });
            }
            self.bump();
            if !self.is_word("if") {
                let otherwise = Some(self.body("else")?);
                return Ok(Action::If { arms, otherwise });
            }
        }
    }

    /// `(test) body`. A broken test does not hide what is wrong in the body.
    fn guarded(&mut self, owner: &str) -> Parsed<(Test, Block)> {
        let test = match self.in_parens(owner, Self::test) {
            Ok(test) => test,
            Err(Skip) => {
                self.skip_to_brace();
                if !self.token.is(Mark::LeftBrace) {
                    return Err(Skip);
                }
                let at = self.last;
                let one = ExpressionKind::Operand(OperandKind::Int(1));
                Test { at, kind: TestKind::Arith(Expression { at, kind: one }) }
            }
        };
        Ok((test, self.body(owner)?))
    }

    /// Reads `( what )`.
    fn in_parens<T>(&mut self, owner: &str, what: fn(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if !self.eat(Mark::LeftParen) {
            return Err(self.unexpected("missing-parenthesis", &format!("the '(' of {owner}")));
        }
        let inner = what(self)?;
        if !self.token.is(Mark::RightParen) && self.is_odd_in_test() {
            if let Kind::Mark(Mark::Bits(op @ (Arith::And | Arith::Or))) = self.token.kind {
                let sign = if op == Arith::And { '&' } else { '|' };
                let message = format!("`{sign}` joins bits, not conditions");
                let diagnostic = Diagnostic::error("single-logic", self.token.at, message);
                return Err(self.syntax(diagnostic.hint(format!("write {sign}{sign}"))));
            }
            return Err(self.unexpected("bad-condition", "')' or an operator"));
        }
        // A missing ')' before a body needs no further mending.
        let _ = self.expect(Mark::RightParen, ")", &format!("to close the '(' of {owner}"));
        Ok(inner)
    }

    /// Whether what follows a test is neither its end nor the beginning of a body.
    fn is_odd_in_test(&self) -> bool {
        !self.token.is(Mark::LeftBrace) && !self.begins_statement() && !self.at_end()
    }

    fn skip_to_brace(&mut self) {
        while !self.at_end() && !self.ends_block() {
            let stop = [Mark::LeftBrace, Mark::RightBrace, Mark::Semicolon];
            if stop.iter().any(|mark| self.token.is(*mark)) {
                return;
            }
            self.bump();
        }
    }

    /// A block or one statement.
    fn body(&mut self, owner: &str) -> Parsed<Block> {
        if self.token.is(Mark::LeftBrace) {
            return self.braced(owner);
        }
        if self.token.is(Mark::RightBrace) || self.at_end() {
            return Err(self.unexpected("missing-body", &format!("the body of {owner}")));
        }
        if self.token.is(Mark::Semicolon) {
            let message = format!("this {owner} does nothing: a ';' stands where its body begins");
            self.lexer.sink.lenient(
                Diagnostic::warning("empty-body", self.token.at, message)
                    .hint("remove the ';', or write { } for nothing"),
            );
        }
        self.enter()?;
        let mut block = Vec::new();
        let read = self.statement(&mut block);
        self.leave();
        read.map(|()| block)
    }

    fn for_statement(&mut self) -> Parsed<Action> {
        self.bump();
        let (item, list) = self.in_parens("for", |parser| {
            if parser.token.kind != Kind::Variable {
                return Err(parser.unexpected("for-form", "a variable"));
            }
            let item = parser.variable()?;
            if !parser.is_word("in") {
                return Err(parser.unexpected("for-form", "`in`"));
            }
            parser.bump();
            if parser.token.kind != Kind::Variable {
                return Err(parser.unexpected("for-form", "a list such as $(avp(x)[*])"));
            }
            Ok((item, parser.variable()?))
        })?;
        let body = self.body("for")?;
        Ok(Action::For { item, list, body })
    }

    fn switch(&mut self) -> Parsed<Action> {
        self.bump();
        let subject = self.in_parens("switch", Self::operand)?;
        if !self.token.is(Mark::LeftBrace) {
            return Err(self.unexpected("missing-brace", "the '{' of switch"));
        }
        self.enter()?;
        let indent = self.indent;
        let opening = self.bump().at;
        self.open.push(Open { at: opening, indent });
        let mut cases: Vec<Case> = Vec::new();
        while !self.at_end() && !self.token.is(Mark::RightBrace) && !self.ends_block() {
            if self.is_word("case") || self.is_word("default") {
                match self.label() {
                    Ok(case) => cases.push(case),
                    Err(Skip) => self.recover(),
                }
            } else if let Some(case) = cases.last_mut() {
                let mut body = std::mem::take(&mut case.body);
                let from = self.token.at;
                if self.statement(&mut body).is_err() {
                    self.recover();
                }
                if self.token.at == from && !self.at_end() {
                    self.bump();
                }
                case.body = body;
            } else {
                let _ = self.unexpected("switch-form", "`case` or `default`");
                self.bump();
                self.recover();
                self.eat(Mark::LeftBrace);
            }
        }
        self.close();
        self.leave();
        Ok(Action::Switch { subject, cases })
    }

    /// `case literal:` or `default:`.
    fn label(&mut self) -> Parsed<Case> {
        let is_case = self.is_word("case");
        let at = self.bump().at;
        let label = if is_case {
            let operand = self.operand()?;
            match operand.kind {
                OperandKind::Int(value) => Some(Literal::Int(value)),
                OperandKind::Text(text) => Some(Literal::Text(text)),
                _ => {
                    let message = "a case label is a number or a quoted text";
                    let diagnostic = Diagnostic::error("bad-label", operand.at, message);
                    return Err(self.syntax(diagnostic));
                }
            }
        } else {
            None
        };
        let at = at.to(self.last);
        self.expect(Mark::Colon, ":", "after the label")?;
        Ok(Case { at, label, body: Vec::new() })
    }

    fn return_statement(&mut self) -> Parsed<Action> {
        self.bump();
        let mut given = Vec::new();
        if self.eat(Mark::LeftParen) {
            while !self.token.is(Mark::RightParen) {
                given.push(self.expression()?);
                if !self.eat(Mark::Comma) {
                    break;
                }
            }
            self.expect(Mark::RightParen, ")", "after the values of return")?;
        } else if !self.token.is(Mark::Semicolon) && !self.token.first {
            given.push(self.expression()?);
        }
        self.terminate();
        let mut given = given.into_iter();
        Ok(Action::Return { code: given.next(), values: given.collect() })
    }

    fn assignment(&mut self) -> Parsed<Action> {
        let target = self.whole_variable()?;
        let how = match self.token.kind {
            Kind::Mark(Mark::Assign) => How::Set,
            Kind::Mark(Mark::Replace) => How::Replace,
            Kind::Mark(Mark::Compound(op)) => How::Compound(op),
            Kind::Mark(Mark::Sum(op @ (Arith::Add | Arith::Sub)))
                if self.next.kind == self.token.kind =>
            {
                let name = self.written(target.at);
                let sign = if op == Arith::Add { '+' } else { '-' };
                let message = format!("`{sign}{sign}` is no operator");
                let at = self.token.at.to(self.next.at);
                let diagnostic = Diagnostic::error("increment", at, message);
                return Err(self.syntax(diagnostic.hint(format!("write {name} {sign}= 1;"))));
            }
            _ => return Err(self.unexpected("no-assignment", "an assignment operator such as =")),
        };
        self.bump();
        let value = self.expression()?;
        self.terminate();
        Ok(Action::Assign { target, how, value })
    }
}
