//! Conditions: jumps around a truth register (spec 1.6), and the words of 1.x.

use crate::catalog::{Named, Renamed};
use crate::diagnostic::Diagnostic;
use crate::ir::{Compare, Net, Op};
use crate::lex::Trail;
use crate::parse::ast::{Logic, Name, Operand, OperandKind, Test, TestKind, Variable};
use crate::regex::Lines;
use crate::source::Location;

use super::{Lowering, Refused};

/// The test words of 1.x, the variables that they stand for, and what newer scripts write.
const WORDS: &[(&str, &str, &str)] = &[
    ("method", "rm", "$rm"),
    ("uri", "ru", "$ru"),
    ("from_uri", "fu", "$fu"),
    ("to_uri", "tu", "$tu"),
    ("status", "rs", "$rs"),
    ("src_ip", "si", "$si"),
    ("src_port", "sp", "$sp"),
    ("dst_ip", "Ri", "$socket_in(ip)"),
    ("dst_port", "Rp", "$socket_in(port)"),
    ("proto", "pr", "$socket_in(proto)"),
    ("af", "af", "$socket_in(af)"),
    ("msg:len", "ml", "$ml"),
    ("retcode", "rc", "$rc"),
];
/// The host that `WORD == myself` asks about; of the Request-URI also the port.
const HOSTS: &[(&str, &str, Option<&str>)] = &[
    ("uri", "rd", Some("rp")),
    ("from_uri", "fd", None),
    ("to_uri", "td", None),
    ("src_ip", "si", None),
    ("dst_ip", "Ri", None),
];
/// `max_len` of 1.x: the longest datagram.
const MAX_LEN: i64 = 65_535;

impl Lowering<'_> {
    /// Sets `truth`.
    pub(super) fn test(&mut self, test: &Test) -> Result<(), Refused> {
        let at = test.at;
        match &test.kind {
            TestKind::Chain { first, rest } => {
                let mut result = self.test(first);
                for (logic, next) in rest {
                    // One precedence: the truth so far decides whether the next one is asked.
                    let op = if *logic == Logic::And { Op::JumpIfNot } else { Op::JumpIf };
                    let over = self.emitter.jump(op, next.at);
                    result = self.test(next).and(result);
                    self.emitter.land(over);
                }
                result?;
            }
            TestKind::Not(inner) => {
                self.test(inner)?;
                self.emit(Op::Not, at);
            }
            TestKind::Compare { left, op, right } => self.compare(left, *op, right, at)?,
            TestKind::Match { left, negated, pattern } => {
                self.left(left)?;
                self.pattern(pattern, at)?;
                if *negated {
                    self.emit(Op::Not, at);
                }
            }
            TestKind::Arith(inner) => {
                self.value(inner)?;
                self.emit(Op::NonZero, at);
            }
            TestKind::Bare(operand) => {
                self.operand(&operand.kind, operand.at)?;
                self.emit(Op::Truth, at);
            }
            TestKind::Call(call) => self.call(call)?,
        }
        Ok(())
    }

    fn compare(
        &mut self,
        left: &Operand,
        op: Compare,
        right: &Operand,
        at: Location,
    ) -> Result<(), Refused> {
        // 1.x also writes myself == uri.
        let (left, right) = if is_myself(left) { (right, left) } else { (left, right) };
        let equality = matches!(op, Compare::Equal | Compare::NotEqual);
        let only_equality = match &right.kind {
            OperandKind::Null => Some("NULL"),
            OperandKind::Ip(_) | OperandKind::Net(_) => Some("an address"),
            _ if is_myself(right) => Some("myself"),
            _ => None,
        };
        if let (Some(what), false) = (only_equality, equality) {
            let message = format!("{what} is compared with == and != only");
            return self.refuse(Diagnostic::error("no-order", at, message));
        }
        if is_myself(right) {
            self.myself(left, at)?;
            if op == Compare::NotEqual {
                self.emit(Op::Not, at);
            }
            return Ok(());
        }
        self.left(left)?;
        let net = match &right.kind {
            OperandKind::Ip(ip) => {
                Some(Net { addr: *ip, prefix: if ip.is_ipv4() { 32 } else { 128 } })
            }
            OperandKind::Net(net) => Some(*net),
            _ => None,
        };
        if let Some(net) = net {
            let net = self.emitter.net(net);
            let net = self.fit(net, right.at)?;
            self.emit(Op::InNet(net), at);
            if op == Compare::NotEqual {
                self.emit(Op::Not, at);
            }
            return Ok(());
        }
        let literal = !matches!(right.kind, OperandKind::Variable(_));
        match &right.kind {
            OperandKind::Word(word) if word == "max_len" => self.emit(Op::Int(MAX_LEN), right.at),
            // 1.x: method==INVITE, proto==UDP, af==INET6.
            OperandKind::Word(word) if matches!(left.kind, OperandKind::Word(_)) => {
                let text = self.emitter.text(word.as_bytes());
                self.emit(Op::Text(text), right.at);
            }
            _ => self.operand(&right.kind, right.at)?,
        }
        self.emit(Op::Compare { op, literal }, at);
        Ok(())
    }

    /// Pushes the left side of a comparison: a variable or a word of 1.x.
    fn left(&mut self, left: &Operand) -> Result<(), Refused> {
        if matches!(left.kind, OperandKind::Variable(_) | OperandKind::Word(_)) {
            return self.operand(&left.kind, left.at);
        }
        let message = "the left side of a comparison is a variable";
        self.refuse(Diagnostic::error("constant-left", left.at, message))
    }

    /// Pushes an operand.
    pub(super) fn operand(&mut self, kind: &OperandKind, at: Location) -> Result<(), Refused> {
        match kind {
            OperandKind::Variable(variable) => return self.load(variable),
            OperandKind::Int(value) => self.emit(Op::Int(*value), at),
            OperandKind::Text(text) => {
                let text = self.emitter.text(text);
                self.emit(Op::Text(text), at);
            }
            OperandKind::Null => self.emit(Op::Null, at),
            OperandKind::Word(word) => {
                let Some((old, name, new)) = WORDS.iter().find(|(known, ..)| known == word) else {
                    let message = format!("bare word `{word}` found");
                    let hint = format!("write \"{word}\" for a text, $var({word}) for a variable");
                    return self.refuse(Diagnostic::error("bare-operand", at, message).hint(hint));
                };
                self.old_word(old, new, at);
                return self.load(&named(name, at));
            }
            OperandKind::Ip(_) | OperandKind::Net(_) => {
                let message = "an address is compared with == and != only; elsewhere quote it";
                return self.refuse(Diagnostic::error("stray-address", at, message));
            }
        }
        Ok(())
    }

    fn old_word(&mut self, old: &'static str, new: &'static str, at: Location) {
        let renamed = Renamed { what: Named::Word, old, new, since: "" };
        self.sink.renamed(Some(renamed), at);
    }

    /// `uri == myself`: calls `is_myself` of the catalog.
    fn myself(&mut self, left: &Operand, at: Location) -> Result<(), Refused> {
        let (host, port) = match &left.kind {
            OperandKind::Variable(variable) => (Variable::clone(variable), None),
            OperandKind::Word(word) => {
                let Some((known, host, port)) = HOSTS.iter().find(|(known, ..)| known == word)
                else {
                    let message = format!("{word} cannot be compared with myself");
                    return self.refuse(Diagnostic::error("not-myself", left.at, message));
                };
                self.old_word(known, "is_myself(...)", left.at);
                (named(host, left.at), port.map(|port| named(port, left.at)))
            }
            _ => {
                let message = "the left side of a comparison is a variable";
                return self.refuse(Diagnostic::error("constant-left", left.at, message));
            }
        };
        let mut args = vec![host];
        args.extend(port);
        self.call_with(&Name { text: "is_myself".into(), at }, &args)
    }

    /// Pops the subject and looks for a pattern in it.
    fn pattern(&mut self, pattern: &Operand, at: Location) -> Result<(), Refused> {
        match &pattern.kind {
            OperandKind::Text(text) => {
                let regex = self.regex(text, Lines::Ignored, pattern.at)?;
                self.emit(Op::Match(regex), at);
                Ok(())
            }
            OperandKind::Variable(variable) => {
                self.load(variable)?;
                self.emit(Op::MatchDynamic, at);
                Ok(())
            }
            _ => {
                let message = "a regex is a quoted text or a variable";
                self.refuse(Diagnostic::error("regex-operand", pattern.at, message))
            }
        }
    }

    /// Compiles a quoted regex; an error points into it.
    pub(super) fn regex(
        &mut self,
        pattern: &[u8],
        lines: Lines,
        at: Location,
    ) -> Result<crate::ir::RegexId, Refused> {
        match self.emitter.regex(pattern, lines) {
            Ok(id) => self.fit(id, at),
            Err(bad) => {
                let source = self.source(at);
                let place = Trail::quoted(&source, at).part(bad.offset, 1);
                self.refuse(Diagnostic::error("bad-regex", place, bad.to_string()))
            }
        }
    }
}

fn is_myself(operand: &Operand) -> bool {
    matches!(&operand.kind, OperandKind::Word(word) if word == "myself")
}

/// A variable by name only.
fn named(name: &str, at: Location) -> Variable {
    Variable {
        at,
        name: Name { text: name.to_owned(), at },
        context: None,
        sub: None,
        index: None,
        transformations: Vec::new(),
    }
}
