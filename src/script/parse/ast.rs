//! The script as it was written: names are still names.

use std::net::IpAddr;

use crate::ir::{Arith, Compare, Net, RouteKind};
use crate::source::Location;

/// A name as written, with its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub at: Location,
}

/// A quoted text, escapes done; adjacent ones are joined.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Text {
    pub bytes: Vec<u8>,
    pub at: Location,
}

/// A whole script.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub items: Vec<Item>,
    pub routes: Vec<Route>,
}

/// What may stand outside of routes, in order.
#[derive(Debug)]
pub(crate) enum Item {
    /// `name = value`; the pieces that follow on the line, which only some globals take.
    Global {
        name: Name,
        pieces: Vec<Piece>,
    },
    Module(Text),
    Param {
        module: Text,
        name: Text,
        value: Piece,
    },
}

/// A value of a global or module parameter.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub value: Given,
    pub at: Location,
}

#[derive(Clone, Debug)]
pub(crate) enum Given {
    Int(i64),
    Text(Vec<u8>),
    Word(String),
}

#[derive(Debug)]
pub(crate) struct Route {
    pub kind: RouteKind,
    /// Empty for the main one.
    pub name: String,
    /// Seconds between two runs of a timer route.
    pub interval_s: Option<u32>,
    pub at: Location,
    pub body: Block,
}

pub(crate) type Block = Vec<Statement>;

#[derive(Debug)]
pub(crate) struct Statement {
    pub at: Location,
    pub action: Action,
}

#[derive(Debug)]
pub(crate) enum Action {
    If {
        arms: Vec<(Test, Block)>,
        otherwise: Option<Block>,
    },
    While {
        test: Test,
        body: Block,
    },
    For {
        item: Box<Variable>,
        list: Box<Variable>,
        body: Block,
    },
    Switch {
        subject: Operand,
        cases: Vec<Case>,
    },
    Assign {
        target: Box<Variable>,
        how: How,
        value: Expression,
    },
    Call(Call),
    /// `assert(test, "text")`
    Assert {
        test: Box<Test>,
        text: Text,
    },
    Return {
        code: Option<Expression>,
        values: Vec<Expression>,
    },
    Exit,
    Drop,
    Break,
}

/// The operator of an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    Set,
    Replace,
    Compound(Arith),
}

/// `case label:` or `default:`, with the statements up to the next label.
#[derive(Debug)]
pub(crate) struct Case {
    pub at: Location,
    /// `None`: default.
    pub label: Option<Literal>,
    pub body: Block,
}

#[derive(Debug)]
pub(crate) enum Literal {
    Int(i64),
    Text(Vec<u8>),
}

/// A function or `route(..)`.
#[derive(Debug)]
pub(crate) struct Call {
    pub name: Name,
    pub args: Vec<Option<Expression>>,
    /// From the name to the closing parenthesis.
    pub at: Location,
}

/// A condition.
#[derive(Debug)]
pub(crate) struct Test {
    pub at: Location,
    pub kind: TestKind,
}

#[derive(Debug)]
pub(crate) enum TestKind {
    /// `&&` and `||` have one precedence and go from left to right (spec 1.6).
    Chain {
        first: Box<Test>,
        rest: Vec<(Logic, Test)>,
    },
    Not(Box<Test>),
    Compare {
        left: Operand,
        op: Compare,
        right: Operand,
    },
    Match {
        left: Operand,
        negated: bool,
        pattern: Operand,
    },
    /// `[ arith ]`
    Arith(Expression),
    Bare(Operand),
    Call(Call),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Logic {
    And,
    Or,
}

/// A side of a comparison.
#[derive(Debug)]
pub(crate) struct Operand {
    pub at: Location,
    pub kind: OperandKind,
}

#[derive(Debug)]
pub(crate) enum OperandKind {
    Int(i64),
    Text(Vec<u8>),
    Null,
    Variable(Box<Variable>),
    Ip(IpAddr),
    Net(Net),
    /// A bare word: `method`, `myself`, `INVITE`, `msg:len`.
    Word(String),
}

/// The right side of an assignment, an argument.
#[derive(Debug)]
pub(crate) struct Expression {
    pub at: Location,
    pub kind: ExpressionKind,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    Operand(OperandKind),
    Complement(Box<Expression>),
    /// Operators of one precedence, from left to right (spec 1.7).
    Chain {
        first: Box<Expression>,
        rest: Vec<(Arith, Expression)>,
    },
    /// `($si == "1.2.3.4")`
    Test(Box<Test>),
    Call(Call),
}

/// `$name`, `$(name(sub)[index]{transformation})`.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Where it stands.
    pub at: Location,
    /// Its name without `$`.
    pub name: Name,
    /// In angle brackets: `request`, `reply`.
    pub context: Option<Name>,
    /// In parentheses.
    pub sub: Option<Format>,
    /// In brackets.
    pub index: Option<IndexText>,
    /// In braces, in order.
    pub transformations: Vec<Transformation>,
}

/// The part in brackets.
#[derive(Clone, Debug)]
pub enum IndexText {
    /// A number.
    At(i32),
    /// `[*]`
    All,
    /// `[append]`
    Append,
    /// A variable.
    Dynamic(Box<Variable>),
}

/// `{class.name,param,param}`; the parameters are split once it is known how many there are.
#[derive(Clone, Debug)]
pub struct Transformation {
    /// `class.name`
    pub name: Name,
    /// What follows the first comma.
    pub params: Option<Name>,
}

/// A text with variables in it.
#[derive(Clone, Debug)]
pub struct Format {
    /// Where it stands.
    pub at: Location,
    /// Texts and variables, in order.
    pub parts: Vec<Part>,
}

/// A part of a format.
#[derive(Clone, Debug)]
pub enum Part {
    /// A text, `$$` done.
    Text(Vec<u8>),
    /// A variable.
    Variable(Variable),
}

impl Format {
    /// Its text, when it has no variable.
    pub fn plain(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Its variable, when it is nothing else.
    pub fn sole(&self) -> Option<&Variable> {
        match self.parts.as_slice() {
            [Part::Variable(variable)] => Some(variable),
            _ => None,
        }
    }
}
