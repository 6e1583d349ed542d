//! The lexer: bytes become tokens, one at a time; `include_file` is followed on the way.
//!
//! It never fails: what is no token is reported and passed over.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Sink};
use crate::ir::{Arith, Compare};
use crate::limits;
use crate::source::{Loader, Location, SourceText};

mod cursor;
mod damage;
pub(crate) mod number;
mod text;
mod token;
mod trail;

use cursor::Cursor;
pub(crate) use cursor::within;
use damage::Damage;
use number::Numeric;
use text::Extent;
use text::unescape;
pub(crate) use token::{Kind, Mark, Token};
pub(crate) use trail::Trail;

/// Reads tokens.
pub(crate) struct Lexer<'l> {
    loader: &'l mut dyn Loader,
    pub sink: Sink,
    pub sources: Vec<Rc<SourceText>>,
    /// Where each source was included.
    pub included_from: Vec<Option<Location>>,
    bytes: usize,
    stack: Vec<Cursor>,
    /// Files that include themselves and were reported.
    loops: HashSet<String>,
    /// A directive of Kamailio has been reported.
    kamailio: bool,
}

/// What stands behind `#!` in scripts for Kamailio.
const DIRECTIVES: &[&str] = &[
    "KAMAILIO",
    "SER",
    "ALL",
    "MAXCOMPAT",
    "define",
    "redefine",
    "trydef",
    "trydefine",
    "subst",
    "substdef",
    "substdefs",
    "ifdef",
    "ifndef",
    "ifexp",
    "else",
    "endif",
    "include_file",
    "import_file",
];

impl<'l> Lexer<'l> {
    pub fn new(main: SourceText, loader: &'l mut dyn Loader, sink: Sink) -> Self {
        let mut lexer = Self {
            loader,
            sink,
            sources: Vec::new(),
            included_from: Vec::new(),
            bytes: 0,
            stack: Vec::new(),
            loops: HashSet::new(),
            kamailio: false,
        };
        lexer.push(main, None);
        lexer
    }

    /// The next token; `End` for ever at the end of the main file.
    pub fn next(&mut self) -> Token {
        loop {
            let Some(mut cursor) = self.stack.pop() else { return end(Location::default()) };
            self.skip_blank(&mut cursor);
            if cursor.rest().is_empty() {
                let at = cursor.here(0);
                if self.stack.is_empty() {
                    self.stack.push(cursor);
                    return end(at);
                }
                continue;
            }
            let token = self.token(&mut cursor);
            cursor.first = false;
            cursor.spaced = false;
            match token {
                Some(token) if token.first && token.kind == Kind::Word => {
                    let word = self.sources[usize::from(token.at.file)].slice(token.at);
                    let missing_is_error = word == b"include_file";
                    if missing_is_error || word == b"import_file" {
                        self.include(cursor, token.at, missing_is_error);
                        continue;
                    }
                    self.stack.push(cursor);
                    return token;
                }
                Some(token) => {
                    self.stack.push(cursor);
                    return token;
                }
                None => self.stack.push(cursor),
            }
        }
    }

    /// Reads nothing more.
    pub fn stop(&mut self) {
        self.stack.clear();
    }

    /// Opens a source, unless the limits forbid it.
    fn push(&mut self, source: SourceText, from: Option<Location>) {
        self.bytes = self.bytes.saturating_add(source.text.len());
        let file = self.sources.len() as u16;
        if self.bytes > limits::SOURCE_BYTES || self.sources.len() >= limits::INCLUDE_FILES {
            let top = Location { line: 1, column: 1, ..Location::default() };
            let at = from.unwrap_or(top);
            self.sink.report(if self.bytes > limits::SOURCE_BYTES {
                let most = limits::SOURCE_BYTES >> 20;
                let message = format!("the script is too large: more than {most} MiB");
                Diagnostic::error("too-large", at, message)
            } else {
                let most = limits::INCLUDE_FILES;
                let message = format!("the script includes too many files: more than {most}");
                Diagnostic::error("too-many-files", at, message)
            });
            self.sink.silence();
            self.stop();
            if !self.sources.is_empty() {
                return;
            }
            let source = SourceText { text: Vec::new(), ..source };
            self.sources.push(Rc::new(source));
            self.included_from.push(from);
            return;
        }
        let source = Rc::new(source);
        self.sources.push(Rc::clone(&source));
        self.included_from.push(from);
        self.stack.push(Cursor::new(source, file));
    }

    /// `include_file "path"` or `import_file "path"`; the cursor stands behind the word.
    fn include(&mut self, mut cursor: Cursor, word: Location, missing_is_error: bool) {
        self.skip_blank(&mut cursor);
        let path = self.token(&mut cursor);
        cursor.first = false;
        let Some(Token { kind: Kind::Text(path), at, .. }) = path else {
            self.sink.tear(
                Diagnostic::error("include-path", word, "a quoted path is expected after this")
                    .hint("write include_file \"path\""),
            );
            cursor.skip_line();
            self.stack.push(cursor);
            return;
        };
        let path = String::from_utf8_lossy(&path).into_owned();
        let depth = self.stack.len() + 1;
        let from = cursor.name().to_owned();
        self.stack.push(cursor);
        if depth > limits::INCLUDE_DEPTH {
            let message = format!("files include each other over {} deep", limits::INCLUDE_DEPTH);
            self.sink.report(Diagnostic::error("include-depth", at, message));
            self.sink.silence();
            return self.stop();
        }
        match self.loader.read(&path, &from) {
            Ok(source) if self.stack.iter().any(|open| open.name() == source.name) => {
                if self.loops.insert(source.name.clone()) {
                    let message = format!("{} includes itself", source.name);
                    self.sink.report(Diagnostic::error("include-loop", at, message));
                }
            }
            Ok(source) => self.push(source, Some(at)),
            Err(e) if e.kind() == ErrorKind::NotFound && !missing_is_error => {}
            Err(e) => {
                let message = format!("cannot read {path}: {e}");
                self.sink.report(
                    Diagnostic::error("include-missing", at, message)
                        .hint("import_file passes over a file that is not there"),
                );
            }
        }
    }

    fn skip_blank(&mut self, cursor: &mut Cursor) {
        loop {
            match cursor.rest() {
                [b' ' | b'\t' | 0x08 | b'\r' | b'\n' | 0x0C, ..] => cursor.advance(1),
                [b'#', ..] => {
                    self.directive(cursor);
                    cursor.skip_line();
                }
                [b'/', b'/', ..] => {
                    if self.sink.strict() {
                        let at = cursor.here(2);
                        let message = "`//` begins no comment in OpenSIPS";
                        self.sink.tear(Diagnostic::error("slashes", at, message).hint("write #"));
                    }
                    cursor.skip_line();
                }
                [b'/', b'*', ..] => self.skip_comment(cursor),
                [b'\\', b'\n', ..] => cursor.advance(2),
                [b'\\', b'\r', b'\n', ..] => cursor.advance(3),
                rest => match damage::odd_blank(rest) {
                    Some(length) => cursor.advance(length),
                    None => return,
                },
            }
            cursor.spaced = true;
        }
    }

    /// Warns once of `#!define` and the like: a comment here, an instruction in Kamailio.
    fn directive(&mut self, cursor: &Cursor) {
        let line = &cursor.rest()[..cursor.line_length()];
        let Some(rest) = line.strip_prefix(b"#!") else { return };
        let length = rest.iter().take_while(|b| is_word(**b)).count();
        let known = DIRECTIVES.iter().any(|word| word.as_bytes() == &rest[..length]);
        if !known || std::mem::replace(&mut self.kamailio, true) {
            return;
        }
        let message = format!("`#!{}` is a comment here", String::from_utf8_lossy(&rest[..length]));
        self.sink.lenient(
            Diagnostic::warning("kamailio-directive", cursor.here(length + 2), message)
                .hint("the script seems to be for Kamailio, whose `#!` lines are instructions"),
        );
    }

    /// A block comment; they nest (spec 1.1).
    fn skip_comment(&mut self, cursor: &mut Cursor) {
        let opening = cursor.clone();
        let mut open = Vec::new();
        let mut length = 0;
        let rest = opening.rest();
        while length < rest.len() {
            match &rest[length..] {
                [b'/', b'*', ..] => open.push(length),
                [b'*', b'/', ..] => drop(open.pop()),
                _ => {
                    length += 1;
                    continue;
                }
            }
            length += 2;
            if open.is_empty() {
                break;
            }
        }
        cursor.advance(length);
        let Some(last) = open.last() else { return };
        let message = format!("unexpected EOF: {} comments open", open.len());
        let mut diagnostic = Diagnostic::error("unclosed-comment", opening.here(2), message)
            .hint("close it with */ (comments nest: each /* needs its own */)");
        if open.len() > 1 {
            let mut innermost = opening.clone();
            innermost.advance(*last);
            diagnostic = diagnostic.label(innermost.here(2), "the innermost open one is here");
        }
        self.sink.tear(diagnostic);
    }

    /// The token at the cursor, which stands on no white space. `None`: it was damage.
    fn token(&mut self, cursor: &mut Cursor) -> Option<Token> {
        if let Some(damage) = damage::find(cursor.rest(), cursor.first) {
            return self.mend(cursor, damage);
        }
        let Some(first) = cursor.peek(0) else { return Some(end(cursor.here(0))) };
        match first {
            b'"' | b'\'' => Some(self.text(cursor, first)),
            b'$' => self.variable(cursor),
            b'0'..=b'9' | b':' | b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                match number::read(cursor.rest()) {
                    Some((numeric, length)) => self.numeric(cursor, numeric, length),
                    None if first == b':' => self.mark(cursor),
                    None => Some(word(cursor)),
                }
            }
            _ => self.mark(cursor),
        }
    }

    fn text(&mut self, cursor: &mut Cursor, quote: u8) -> Token {
        let (length, body) = match text::extent(cursor.rest()) {
            Extent::Closed(length) => (length, 1..length - 1),
            Extent::Unclosed(length) => {
                self.sink.tear(
                    Diagnostic::error("unclosed-quote", cursor.here(1), "the quote is not closed")
                        .hint(format!("put the closing {} on this line", char::from(quote))),
                );
                (length, 1..length)
            }
        };
        let bytes = unescape(cursor.rest().get(body).unwrap_or_default(), quote);
        take(cursor, Kind::Text(bytes.into()), length)
    }

    /// `$name`, `$name(..)`, `$(..)`: up to the parenthesis that closes to depth 0 (spec 1.1).
    fn variable(&mut self, cursor: &mut Cursor) -> Option<Token> {
        match variable_length(cursor.rest()) {
            Some(length) => Some(take(cursor, Kind::Variable, length)),
            None => {
                let message = "the variable's parenthesis is not closed on this line";
                let at = cursor.here(1);
                let named = cursor.rest()[1..].iter().take_while(|b| is_word(**b) || **b == b'.');
                if cursor.peek(named.count() + 1) == Some(b'(') {
                    self.sink.tear(Diagnostic::error("unclosed-variable", at, message));
                    // The blocks around are not torn with it.
                    let line = &cursor.rest()[..cursor.line_length()];
                    let ends = line.iter().position(|b| matches!(b, b';' | b'{' | b'}'));
                    cursor.advance(ends.unwrap_or(line.len()));
                } else {
                    let message = "a variable's name is expected after `$`";
                    self.sink.tear(Diagnostic::error("variable-name", at, message));
                    cursor.advance(1);
                }
                None
            }
        }
    }

    fn numeric(&mut self, cursor: &mut Cursor, numeric: Numeric, length: usize) -> Option<Token> {
        let kind = match numeric {
            Numeric::Number(value) => Kind::Number(value),
            Numeric::Ip(ip) => Kind::Ip(ip),
            Numeric::Net(net) => Kind::Net(net),
            Numeric::Bad(code, why) => {
                self.sink.tear(Diagnostic::error(code, cursor.here(length), why));
                Kind::Number(0)
            }
        };
        Some(take(cursor, kind, length))
    }

    fn mark(&mut self, cursor: &mut Cursor) -> Option<Token> {
        if let Some((mark, length)) = mark_at(cursor.rest()) {
            return Some(take(cursor, Kind::Mark(mark), length));
        }
        let rest = &cursor.rest()[..cursor.line_length()];
        let name = damage::character(rest).into_owned();
        let stray = rest.iter().take_while(|b| !b.is_ascii_graphic() && **b != b' ').count();
        let length = stray.max(1);
        let message = format!("stray character in the script: {name}");
        self.sink.tear(
            Diagnostic::error("stray-character", cursor.here(length), message)
                .hint("a remark needs `#` before it, a text needs quotes"),
        );
        cursor.advance(length);
        None
    }

    /// Reports a piece of damage; typographic quotes still make a text.
    fn mend(&mut self, cursor: &mut Cursor, damage: Damage) -> Option<Token> {
        match damage {
            Damage::Row => {
                let at = cursor.here(cursor.line_length());
                self.sink.tear(
                    Diagnostic::error("dashes", at, "a row of dashes is no part of the language")
                        .hint("if this line is a remark, put `#` before it"),
                );
                cursor.skip_line();
                None
            }
            Damage::Quote { glyph, whole, closed } => {
                let message = "typographic quotes do not quote a text";
                self.sink.tear(
                    Diagnostic::error("typographic-quote", cursor.here(glyph), message)
                        .hint("write plain quotes: \"...\""),
                );
                let inner = &cursor.rest()[glyph..whole];
                let inner = if closed { strip_quote(inner) } else { inner };
                let bytes = unescape(inner, b'"');
                Some(take(cursor, Kind::Text(bytes.into()), whole))
            }
            Damage::Tag(length) => {
                let message = "HTML of a web page stands in the script";
                self.sink.tear(
                    Diagnostic::error("html", cursor.here(length), message)
                        .hint("remove the tags; they are no part of the script"),
                );
                cursor.advance(length);
                None
            }
            Damage::Entity(length, meant) => {
                let message = "HTML of a web page stands in the script";
                self.sink.tear(
                    Diagnostic::error("html", cursor.here(length), message)
                        .hint(format!("write {meant} instead")),
                );
                cursor.advance(length);
                None
            }
        }
    }
}

fn end(at: Location) -> Token {
    Token { kind: Kind::End, at, first: true, spaced: true }
}

fn take(cursor: &mut Cursor, kind: Kind, length: usize) -> Token {
    let at = cursor.here(length);
    let token = Token { kind, at, first: cursor.first, spaced: cursor.spaced };
    cursor.advance(length);
    token
}

/// The text without the closing quote at its end, typographic or plain.
fn strip_quote(inner: &[u8]) -> &[u8] {
    inner.strip_suffix(b"\"").unwrap_or(&inner[..inner.len().saturating_sub(3)])
}

fn word(cursor: &mut Cursor) -> Token {
    let rest = cursor.rest();
    let length = rest.iter().take_while(|b| is_word(**b)).count();
    let kind = match &rest[..length] {
        b"yes" | b"true" | b"on" | b"enable" => Kind::Number(1),
        b"no" | b"false" | b"off" | b"disable" => Kind::Number(0),
        b"null" | b"NULL" => Kind::Null,
        b"and" => Kind::Mark(Mark::And),
        b"or" => Kind::Mark(Mark::Or),
        b"not" => Kind::Mark(Mark::Not),
        _ => Kind::Word,
    };
    take(cursor, kind, length)
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Length of the variable at the beginning of the bytes, when it has a name and is closed on its
/// line.
pub(crate) fn variable_length(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"$")?;
    let name = rest.iter().take_while(|b| is_word(**b) || **b == b'.').count();
    if rest.get(name) != Some(&b'(') {
        let named = rest.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        return named.then_some(name + 1);
    }
    let mut depth = 0_usize;
    for (at, byte) in rest.iter().enumerate().skip(name) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\n' => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 2);
        }
    }
    None
}

/// The operator or punctuation at the beginning of the bytes.
fn mark_at(bytes: &[u8]) -> Option<(Mark, usize)> {
    use Mark::{Bits, Compound};
    let two = match bytes {
        [b'=', b'=', ..] => Mark::Compare(Compare::Equal),
        [b'=', b'~', ..] => Mark::Match,
        [b'!', b'=', ..] => Mark::Compare(Compare::NotEqual),
        [b'!', b'~', ..] => Mark::NotMatch,
        [b'<', b'=', ..] => Mark::Compare(Compare::LessOrEqual),
        [b'>', b'=', ..] => Mark::Compare(Compare::GreaterOrEqual),
        [b'<', b'<', ..] => Bits(Arith::ShiftLeft),
        [b'>', b'>', ..] => Bits(Arith::ShiftRight),
        [b'&', b'&', ..] => Mark::And,
        [b'|', b'|', ..] => Mark::Or,
        [b':', b'=', ..] => Mark::Replace,
        [b'+', b'=', ..] => Compound(Arith::Add),
        [b'-', b'=', ..] => Compound(Arith::Sub),
        [b'*', b'=', ..] => Compound(Arith::Mul),
        [b'/', b'=', ..] => Compound(Arith::Div),
        [b'%', b'=', ..] => Compound(Arith::Mod),
        [b'&', b'=', ..] => Compound(Arith::And),
        [b'|', b'=', ..] => Compound(Arith::Or),
        [b'^', b'=', ..] => Compound(Arith::Xor),
        [first, ..] => return Some((single(*first)?, 1)),
        [] => return None,
    };
    Some((two, 2))
}

const fn single(byte: u8) -> Option<Mark> {
    Some(match byte {
        b'(' => Mark::LeftParen,
        b')' => Mark::RightParen,
        b'{' => Mark::LeftBrace,
        b'}' => Mark::RightBrace,
        b'[' => Mark::LeftBracket,
        b']' => Mark::RightBracket,
        b';' => Mark::Semicolon,
        b',' => Mark::Comma,
        b':' => Mark::Colon,
        b'=' => Mark::Assign,
        b'+' => Mark::Sum(Arith::Add),
        b'-' => Mark::Sum(Arith::Sub),
        b'*' => Mark::Sum(Arith::Mul),
        b'/' => Mark::Sum(Arith::Div),
        b'%' => Mark::Sum(Arith::Mod),
        b'&' => Mark::Bits(Arith::And),
        b'|' => Mark::Bits(Arith::Or),
        b'^' => Mark::Bits(Arith::Xor),
        b'~' => Mark::Tilde,
        b'<' => Mark::Compare(Compare::Less),
        b'>' => Mark::Compare(Compare::Greater),
        b'!' => Mark::Not,
        b'.' | b'@' | b'?' => Mark::Other,
        _ => return None,
    })
}
