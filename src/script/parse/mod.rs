//! The parser: tokens become a [`Program`](ast::Program). It reports one error per cause, mends
//! and goes on; it asks nobody what a name means.

use std::rc::Rc;

use crate::diagnostic::Diagnostic;
use crate::lex::{self, Kind, Lexer, Mark, Token, Trail};
use crate::limits;
use crate::source::{Location, SourceText};

pub(crate) mod ast;
mod expression;
mod statement;
mod top;
pub(crate) mod variable;

pub(crate) use top::{STRAY, remark};

use ast::{Name, Text};
use variable::Span;

/// The error has been reported; the caller mends.
#[derive(Debug)]
pub(crate) struct Skip;

type Parsed<T> = Result<T, Skip>;

/// Reads a program from a lexer.
pub(crate) struct Parser<'p, 'l> {
    lexer: &'p mut Lexer<'l>,
    /// The token to be read.
    token: Token,
    /// The one behind it.
    next: Token,
    /// The place of the last token read.
    last: Location,
    depth: usize,
    /// Opening braces of the blocks around, with the column of the first word on their line.
    open: Vec<Open>,
    /// Column of the first token of the line being read.
    indent: u32,
    /// A block whose closing brace seems to be missing, by its indentation.
    suspect: Option<Location>,
    /// A missing brace has been reported: what follows from it is not.
    unbalanced: bool,
    /// Statements outside of routes have been reported: their '}' is not.
    stray: bool,
}

#[derive(Clone, Copy)]
struct Open {
    at: Location,
    indent: u32,
}

impl<'p, 'l> Parser<'p, 'l> {
    pub fn new(lexer: &'p mut Lexer<'l>) -> Self {
        let token = lexer.next();
        let next = lexer.next();
        let indent = token.at.column;
        Self {
            lexer,
            token,
            next,
            last: Location::default(),
            depth: 0,
            open: Vec::new(),
            indent,
            suspect: None,
            unbalanced: false,
            stray: false,
        }
    }

    /// Reads one token.
    fn bump(&mut self) -> Token {
        let behind = std::mem::replace(&mut self.next, self.lexer.next());
        let token = std::mem::replace(&mut self.token, behind);
        self.last = token.at;
        if self.token.first {
            self.indent = self.token.at.column;
        }
        token
    }

    fn at_end(&self) -> bool {
        self.token.kind == Kind::End
    }

    /// Reads the mark if it comes next.
    fn eat(&mut self, mark: Mark) -> bool {
        let found = self.token.is(mark);
        if found {
            self.bump();
        }
        found
    }

    /// Reads the mark, or reports that it is missing behind what stands before.
    fn expect(&mut self, mark: Mark, shown: &str, after: &str) -> Parsed<()> {
        if self.eat(mark) {
            return Ok(());
        }
        let code = match mark {
            Mark::LeftParen | Mark::RightParen => "missing-parenthesis",
            Mark::RightBracket => "missing-bracket",
            Mark::Comma => "missing-comma",
            _ => "missing-colon",
        };
        self.missing(Diagnostic::error(code, self.last, format!("missing '{shown}' {after}")));
        Err(Skip)
    }

    /// Reports something missing: the caret stands just behind the last token.
    fn missing(&mut self, diagnostic: Diagnostic) {
        let source = self.source(self.last);
        let length = source.slice(self.last).len();
        let mut at = lex::within(&source, self.last, length, 0);
        at.end = at.start;
        if !self.lexer.sink.is_torn(self.last) {
            self.lexer.sink.syntax(Diagnostic { at, ..diagnostic });
        }
    }

    /// Reports that the token to be read is not what should stand there.
    fn unexpected(&mut self, code: &'static str, wanted: &str) -> Skip {
        let message = if self.at_end() {
            format!("{wanted} is expected, but the script ends here")
        } else {
            format!("{wanted} is expected, not `{}`", self.shown(&self.token))
        };
        self.syntax(Diagnostic::error(code, self.token.at, message))
    }

    fn syntax(&mut self, diagnostic: Diagnostic) -> Skip {
        self.lexer.sink.syntax(diagnostic);
        Skip
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.lexer.sink.report(diagnostic);
    }

    fn source(&self, at: Location) -> Rc<SourceText> {
        self.lexer.sources.get(usize::from(at.file)).cloned().unwrap_or_default()
    }

    /// A token as written, short.
    fn shown(&self, token: &Token) -> String {
        let text = self.written(token.at);
        match text.char_indices().nth(30) {
            Some((cut, _)) => format!("{}...", &text[..cut]),
            None => text,
        }
    }

    /// What is written at a place.
    fn written(&self, at: Location) -> String {
        String::from_utf8_lossy(self.source(at).slice(at)).into_owned()
    }

    /// Whether the token is this word.
    fn is_word(&self, word: &str) -> bool {
        self.token.kind == Kind::Word
            && self.lexer.sources[usize::from(self.token.at.file)].slice(self.token.at)
                == word.as_bytes()
    }

    /// Reads a name.
    fn name(&mut self) -> Name {
        let token = self.bump();
        Name { text: self.written(token.at), at: token.at }
    }

    /// Reads adjacent quoted texts as one.
    fn text(&mut self, code: &'static str, wanted: &str) -> Parsed<Text> {
        let Kind::Text(bytes) = &self.token.kind else {
            return Err(self.unexpected(code, wanted));
        };
        let mut text = Text { bytes: bytes.to_vec(), at: self.token.at };
        self.bump();
        while let Kind::Text(more) = &self.token.kind {
            text.bytes.extend_from_slice(more);
            text.at = text.at.to(self.token.at);
            self.bump();
        }
        Ok(text)
    }

    /// Reads adjacent tokens as one bare item: `udp:127.0.0.1:5060`.
    fn item(&mut self) -> Name {
        let mut at = self.bump().at;
        while !self.token.spaced && self.is_item_part() {
            at = at.to(self.bump().at);
        }
        Name { text: self.written(at), at }
    }

    fn is_item_part(&self) -> bool {
        !matches!(
            self.token.kind,
            Kind::End
                | Kind::Text(_)
                | Kind::Mark(
                    Mark::Semicolon
                        | Mark::Comma
                        | Mark::LeftParen
                        | Mark::RightParen
                        | Mark::LeftBrace
                        | Mark::RightBrace
                )
        )
    }

    /// Reads a variable.
    fn variable(&mut self) -> Parsed<Box<ast::Variable>> {
        let token = self.bump();
        let source = self.source(token.at);
        let places = Trail::plain(&source, token.at);
        let read = variable::variable(Span::new(source.slice(token.at), &places), &|_| true);
        read.map(Box::new).map_err(|diagnostic| self.syntax(diagnostic))
    }

    /// One level deeper; the caller comes back with [`Self::leave`].
    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth <= limits::NESTING {
            return Ok(());
        }
        let message = format!("nested over {} levels deep", limits::NESTING);
        self.report(Diagnostic::error("nesting", self.token.at, message));
        self.give_up();
        Err(Skip)
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Reads nothing more: what would be reported now only follows from what was.
    fn give_up(&mut self) {
        self.unbalanced = true;
        self.lexer.stop();
        self.token = Token { kind: Kind::End, ..self.token.clone() };
        self.next = self.token.clone();
        self.lexer.sink.silence();
    }
}
