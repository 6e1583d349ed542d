//! Top level: globals, `loadmodule`, `modparam`, route blocks (spec 1.3, 1.4).

use crate::diagnostic::Diagnostic;
use crate::ir::{Arith, RouteKind};
use crate::lex::{Kind, Mark};
use crate::source::Location;

use super::ast::{Given, Item, Piece, Program, Route, Text};
use super::{Parsed, Parser, Skip};

/// Words of Kamailio at top level, and what stands for them here.
const KAMAILIO: &[(&str, &str)] = &[
    ("request_route", "route"),
    ("reply_route", "onreply_route"),
    ("loadpath", "mpath = \"...\""),
    ("loadmodulex", "loadmodule"),
    ("modparamx", "modparam"),
];

/// Words that begin a statement where a top-level item should stand.
const STATEMENTS: &[&str] =
    &["if", "while", "for", "switch", "exit", "drop", "return", "break", "else"];

impl Parser<'_, '_> {
    /// Reads the whole script.
    pub fn program(mut self) -> Program {
        let mut program = Program::default();
        while !self.at_end() {
            if self.item_of(&mut program).is_err() {
                self.skip_to_item();
            }
        }
        program
    }

    fn item_of(&mut self, program: &mut Program) -> Parsed<()> {
        match self.token.kind {
            Kind::Mark(Mark::Semicolon) => {
                let at = self.bump().at;
                if !self.unbalanced {
                    let message = "a lone ';' at top level is refused by OpenSIPS";
                    self.lexer.sink.lenient(
                        Diagnostic::warning("lone-semicolon", at, message).hint("remove it"),
                    );
                }
                Ok(())
            }
            Kind::Mark(Mark::RightBrace) => {
                let at = self.bump().at;
                self.eat(Mark::Semicolon);
                if !std::mem::replace(&mut self.unbalanced, true) && !self.stray {
                    let message = "this '}' closes nothing";
                    self.syntax(
                        Diagnostic::error("unmatched-brace", at, message)
                            .hint("remove it, or look for a '}' too much above"),
                    );
                }
                Ok(())
            }
            Kind::Variable => self.stray_statements(program),
            Kind::Word => self.word_item(program),
            _ => Err(self.prose()),
        }
    }

    fn word_item(&mut self, program: &mut Program) -> Parsed<()> {
        if self.is_word("loadmodule") {
            let path = self.loadmodule()?;
            self.end_of_item();
            program.items.push(Item::Module(path));
            return Ok(());
        }
        if self.is_word("modparam") {
            let item = self.modparam()?;
            self.end_of_item();
            program.items.push(item);
            return Ok(());
        }
        if let Some(kind) = self.route_word() {
            return self.route(program, kind);
        }
        if let Some((word, ours)) = KAMAILIO.iter().find(|(word, _)| self.is_word(word)) {
            return self.kamailio(program, word, ours);
        }
        if self.is_word("dst_blacklist") {
            let item = self.blacklist();
            program.items.push(item);
            return Ok(());
        }
        if self.is_word("mem") && self.next.is(Mark::Sum(Arith::Sub)) {
            let at = self.bump().at;
            self.skip_rest_of_line();
            let message = "mem-group is ignored: Sluice has no memory pools";
            self.report(Diagnostic::note("ignored", at.to(self.last), message));
            return Ok(());
        }
        if self.next.is(Mark::Assign) {
            let item = self.global()?;
            program.items.push(item);
            return Ok(());
        }
        let kind = RouteKind::ALL.into_iter().find(|kind| self.is_word(kind.word()));
        if let Some(kind) = kind.filter(|_| !self.next.is(Mark::LeftParen)) {
            self.bump();
            return Err(self.unexpected("missing-brace", &format!("the '{{' of {}", kind.word())));
        }
        let stray = STATEMENTS.iter().any(|word| self.is_word(word));
        if stray || (self.next.is(Mark::LeftParen) && !self.next.spaced) {
            return self.stray_statements(program);
        }
        Err(self.prose())
    }

    /// Reads `loadmodule "name"`; a name without quotes is reported and read as meant.
    fn loadmodule(&mut self) -> Parsed<Text> {
        self.bump();
        if self.token.kind != Kind::Word || self.token.first {
            return self.text("no-module-name", "the quoted name of a module");
        }
        let item = self.item();
        let message = "the module's name has no quotes";
        let diagnostic = Diagnostic::error("unquoted-module", item.at, message)
            .hint(format!("write loadmodule \"{}\"", item.text));
        self.syntax(diagnostic);
        Ok(Text { bytes: item.text.into_bytes(), at: item.at })
    }

    /// Reports a word of Kamailio; a route is read as the one that is meant.
    fn kamailio(&mut self, program: &mut Program, word: &str, ours: &'static str) -> Parsed<()> {
        let message = format!("`{word}` is a word of Kamailio");
        let diagnostic = Diagnostic::error("kamailio-word", self.token.at, message)
            .hint(format!("write {ours}"));
        self.syntax(diagnostic);
        match RouteKind::ALL.into_iter().find(|kind| kind.word() == ours) {
            Some(kind) => self.route(program, kind),
            None => Err(Skip),
        }
    }

    /// The route kind whose block begins here.
    fn route_word(&self) -> Option<RouteKind> {
        let opens = self.next.is(Mark::LeftBrace) || self.next.is(Mark::LeftBracket);
        let found = RouteKind::ALL.into_iter().find(|kind| self.is_word(kind.word()))?;
        opens.then_some(found)
    }

    /// Whether something begins here that stands at top level only.
    pub(super) fn begins_item(&self) -> bool {
        self.route_word().is_some()
            || (self.token.first
                && ((self.is_word("loadmodule") || self.is_word("modparam"))
                    || (self.token.kind == Kind::Word && self.next.is(Mark::Assign))))
    }

    fn modparam(&mut self) -> Parsed<Item> {
        self.bump();
        self.expect(Mark::LeftParen, "(", "after modparam")?;
        let module = self.text("modparam-form", "the quoted name of a module")?;
        self.expect(Mark::Comma, ",", "after the module")?;
        let name = self.text("modparam-form", "the quoted name of a parameter")?;
        self.expect(Mark::Comma, ",", "after the parameter's name")?;
        let value = match self.token.kind {
            Kind::Text(_) => {
                let text = self.text("modparam-form", "a value")?;
                Piece { value: Given::Text(text.bytes), at: text.at }
            }
            _ => match self.number()? {
                Some(piece) => piece,
                None => return Err(self.unexpected("modparam-form", "a quoted text or a number")),
            },
        };
        // The value may have been accepted with its parenthesis inside an unclosed quote.
        if self.expect(Mark::RightParen, ")", "after the value").is_err() {
            self.skip_rest_of_line();
        }
        Ok(Item::Param { module, name, value })
    }

    /// A number with its sign, if one comes.
    fn number(&mut self) -> Parsed<Option<Piece>> {
        let at = self.token.at;
        let negative = match self.token.kind {
            Kind::Mark(Mark::Sum(Arith::Sub)) => {
                self.bump();
                true
            }
            _ => false,
        };
        if let Kind::Number(value) = self.token.kind {
            let at = at.to(self.bump().at);
            let value = if negative { -value } else { value };
            return Ok(Some(Piece { value: Given::Int(value), at }));
        }
        if negative { Err(self.unexpected("no-number", "a number")) } else { Ok(None) }
    }

    /// `name = value`. What stands on the line behind the value is kept: some globals take it.
    fn global(&mut self) -> Parsed<Item> {
        let name = self.name();
        self.bump();
        let mut pieces = Vec::new();
        // `scale up to 6 on 70% for 4 cycles within 5` and `scale down ..` have lines of their own.
        let is_profile = name.text == "auto_scaling_profile";
        loop {
            let goes_on = is_profile && self.is_word("scale");
            let begins = self.token.first && !goes_on && (!pieces.is_empty() || self.begins_item());
            let ends = begins || self.at_end() || self.token.is(Mark::Semicolon);
            // The next `name = value` may follow on the same line.
            let follows = self.token.kind == Kind::Word && self.next.is(Mark::Assign);
            let brace = self.token.is(Mark::LeftBrace) || self.token.is(Mark::RightBrace);
            if ends || brace || (follows && !pieces.is_empty()) {
                break;
            }
            if self.is_word("use_auto_scaling_profile") && name.text.ends_with("_workers") {
                let at = self.bump().at;
                self.bump();
                let message = "the profile is ignored: Sluice has one thread per CPU";
                self.report(Diagnostic::note("ignored", at.to(self.last), message));
                continue;
            }
            pieces.push(self.piece()?);
        }
        if pieces.is_empty() {
            return Err(self.unexpected("no-setting", "a value"));
        }
        if self.token.is(Mark::Semicolon) {
            let message = "OpenSIPS refuses the ';' behind a global parameter";
            let at = self.bump().at;
            let diagnostic = Diagnostic::warning("lone-semicolon", at, message);
            self.lexer.sink.lenient(diagnostic.hint("remove it"));
        }
        Ok(Item::Global { name, pieces })
    }

    /// `dst_blacklist = name:{( tcp , 10.0.0.0/8 , 5060 , "pattern")}`: its value is what stands
    /// there as one text, without blanks and comments. It may go on over several lines within
    /// braces, and behind the colon.
    fn blacklist(&mut self) -> Item {
        let name = self.name();
        self.eat(Mark::Assign);
        let (mut text, mut depth, mut at) = (String::new(), 0_i32, self.token.at);
        while !self.at_end() && !self.token.is(Mark::Semicolon) {
            let goes_on = depth > 0 || text.is_empty() || text.ends_with(':');
            if self.token.first && (!goes_on || self.begins_item()) {
                break;
            }
            depth += i32::from(self.token.is(Mark::LeftBrace));
            depth -= i32::from(self.token.is(Mark::RightBrace));
            at = at.to(self.token.at);
            text.push_str(&self.written(self.token.at));
            self.bump();
        }
        self.eat(Mark::Semicolon);
        Item::Global { name, pieces: vec![Piece { value: Given::Text(text.into_bytes()), at }] }
    }

    fn piece(&mut self) -> Parsed<Piece> {
        if let Kind::Text(bytes) = &self.token.kind {
            let value = Given::Text(bytes.to_vec());
            return Ok(Piece { value, at: self.bump().at });
        }
        let number = matches!(self.token.kind, Kind::Number(_))
            || self.token.is(Mark::Sum(Arith::Sub)) && matches!(self.next.kind, Kind::Number(_));
        let behind = if self.token.is(Mark::Sum(Arith::Sub)) { None } else { Some(&self.next) };
        let alone = behind.is_none_or(|next| {
            next.spaced || matches!(next.kind, Kind::Mark(Mark::Semicolon) | Kind::End)
        });
        if number
            && alone
            && let Some(piece) = self.number()?
        {
            return Ok(piece);
        }
        let item = self.item();
        Ok(Piece { value: Given::Word(item.text), at: item.at })
    }

    /// A route block.
    fn route(&mut self, program: &mut Program, kind: RouteKind) -> Parsed<()> {
        let at = self.bump().at;
        let opens = self.token.is(Mark::LeftBracket);
        let label = if opens { self.brackets(kind)? } else { Label::default() };
        let at = at.to(self.last);
        self.unbalanced = false;
        self.stray = false;
        self.suspect = None;
        let body = self.braced("the route")?;
        let name = self.route_name(kind, label.name, at);
        program.routes.push(Route { kind, name, interval_s: label.interval_s, at, body });
        Ok(())
    }

    /// What a block is called by, or the report that its kind wants it otherwise (spec 1.4).
    fn route_name(&mut self, kind: RouteKind, name: Option<String>, at: Location) -> String {
        let word = kind.word();
        match (kind, name) {
            (RouteKind::Request | RouteKind::Reply, Some(name)) if name == "0" => String::new(),
            (RouteKind::Startup | RouteKind::Error | RouteKind::Local, Some(_)) => {
                let message = format!("{word} has no name");
                let hint = format!("write {word} {{");
                self.report(Diagnostic::error("extra-route-name", at, message).hint(hint));
                String::new()
            }
            (RouteKind::Timer | RouteKind::Event, None) => {
                let form = if kind == RouteKind::Timer { "name, seconds" } else { "E_NAME" };
                let message = format!("this {word} has no name");
                let hint = format!("write {word}[{form}] {{");
                self.report(Diagnostic::error("route-name", at, message).hint(hint));
                String::new()
            }
            (RouteKind::Branch | RouteKind::Failure, None) => {
                let message = format!("newer OpenSIPS refuses a {word} without a name");
                let hint = format!("it is read as {word}[0]");
                let warning = Diagnostic::warning("unnamed-branch", at, message).hint(hint);
                self.lexer.sink.lenient(warning);
                "0".to_owned()
            }
            (_, name) => name.unwrap_or_default(),
        }
    }

    /// `[name]`, `["name"]`, `[3]`; `[name, 10]` of a timer, `[E_NAME, sync]` of an event.
    fn brackets(&mut self, kind: RouteKind) -> Parsed<Label> {
        self.bump();
        let name = match &self.token.kind {
            Kind::Mark(Mark::RightBracket | Mark::Comma) => {
                return Err(self.unexpected("no-route-name", "a route's name"));
            }
            Kind::Text(bytes) => {
                let name = String::from_utf8_lossy(bytes).into_owned();
                self.bump();
                name
            }
            _ => {
                let mut at = self.bump().at;
                while !self.name_ends() {
                    at = at.to(self.bump().at);
                }
                self.written(at)
            }
        };
        let mut label = Label { name: Some(name), interval_s: None };
        let more = self.eat(Mark::Comma);
        match kind {
            RouteKind::Timer => label.interval_s = Some(self.interval()?),
            RouteKind::Event if more => self.event_mode()?,
            _ if more => return Err(self.unexpected("route-form", "']'")),
            _ => {}
        }
        self.expect(Mark::RightBracket, "]", "after the route's name")?;
        Ok(label)
    }

    fn name_ends(&self) -> bool {
        let mark = matches!(self.token.kind, Kind::Mark(Mark::RightBracket | Mark::Comma));
        mark || self.token.first || self.at_end()
    }

    /// The seconds of `timer_route[name, seconds]`.
    fn interval(&mut self) -> Parsed<u32> {
        let seconds = match self.token.kind {
            Kind::Number(seconds) => u32::try_from(seconds).ok().filter(|seconds| *seconds > 0),
            _ => None,
        };
        let Some(seconds) = seconds else {
            let message = "a timer_route says how many seconds lie between two runs";
            let diagnostic = Diagnostic::error("timer-interval", self.token.at, message)
                .hint("write timer_route[name, 10]");
            return Err(self.syntax(diagnostic));
        };
        self.bump();
        Ok(seconds)
    }

    /// `sync` or `async` (2.1 to 2.4): the route always runs after the one that raised the event.
    fn event_mode(&mut self) -> Parsed<()> {
        let sync = self.is_word("sync");
        if !sync && !self.is_word("async") {
            return Err(self.unexpected("route-form", "sync or async"));
        }
        let at = self.bump().at;
        if sync {
            let message = "an event_route runs after the route that raised its event, as in 3.x";
            self.report(Diagnostic::warning("event-sync", at, message).hint("remove sync"));
        }
        Ok(())
    }

    /// Statements outside of any route: reported once, then read so that what is wrong within
    /// them is seen too.
    fn stray_statements(&mut self, program: &mut Program) -> Parsed<()> {
        let at = self.token.at;
        if !self.unbalanced && !std::mem::replace(&mut self.stray, true) {
            let shown = self.shown(&self.token);
            let message = format!("`{shown}` is a statement; statements stand in a route block");
            self.syntax(
                Diagnostic::error("stray-statement", at, message)
                    .hint("write route { before it and } behind the last statement"),
            );
        }
        let body = self.statements();
        let (kind, name) = (RouteKind::Request, STRAY.into());
        program.routes.push(Route { kind, name, interval_s: None, at, body });
        Ok(())
    }

    /// Reports words that are no script and passes over the lines that are like them.
    fn prose(&mut self) -> Skip {
        let at = self.token.at;
        let shown = self.shown(&self.token);
        let message = format!("`{shown}` begins nothing that may stand at top level");
        self.syntax(
            Diagnostic::error("prose", at, message).hint("if this is a remark, put `#` before it"),
        )
    }

    /// Passes over lines until one begins with a top-level item or a statement.
    fn skip_to_item(&mut self) {
        loop {
            self.skip_rest_of_line();
            let word = self.token.kind == Kind::Word;
            let statement = STATEMENTS.iter().any(|word| self.is_word(word))
                || self.token.kind == Kind::Variable
                || (word && self.next.is(Mark::LeftParen) && !self.next.spaced);
            let brace = self.token.is(Mark::RightBrace);
            if self.at_end() || self.begins_item() || statement || brace {
                return;
            }
            // Damage was reported by itself, and begins a new cause.
            self.bump();
        }
    }

    /// Passes over the rest of the line.
    pub(super) fn skip_rest_of_line(&mut self) {
        while !self.token.first && !self.at_end() {
            self.bump();
        }
    }

    /// After `loadmodule` and `modparam`: a ';' may stand, a remark may not.
    fn end_of_item(&mut self) {
        let ended = self.eat(Mark::Semicolon);
        let next = self.begins_item() || self.is_word("loadmodule") || self.is_word("modparam");
        if !ended && !next && !self.token.first && !self.at_end() {
            let at = self.token.at;
            self.skip_rest_of_line();
            self.syntax(remark(at.to(self.last)));
        }
    }
}

/// What stands in brackets behind the word of a route.
#[derive(Default)]
struct Label {
    name: Option<String>,
    interval_s: Option<u32>,
}

/// The name of the block that stray statements are read into; no script can call it.
pub(crate) const STRAY: &str = "\0stray";

/// The error for words behind a complete value.
pub(crate) fn remark(at: Location) -> Diagnostic {
    Diagnostic::error("remark", at, "text behind the value is not understood")
        .hint("a remark needs `#` before it")
}
