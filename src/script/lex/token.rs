//! Tokens: the words and marks of a script, with their places.

use std::net::IpAddr;

use crate::ir::{Arith, Compare, Net};
use crate::source::Location;

/// One token.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Token {
    pub kind: Kind,
    pub at: Location,
    /// Nothing but white space stands before it on its line.
    pub first: bool,
    /// White space or a comment stands before it.
    pub spaced: bool,
}

impl Token {
    pub fn is(&self, mark: Mark) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// What a token is. Words and variables are read from the source by their place.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    Word,
    /// A number or a boolean word.
    Number(i64),
    Null,
    /// A quoted text, escapes done.
    Text(Box<[u8]>),
    /// `$name`, `$name(..)` or `$(..)`.
    Variable,
    Ip(IpAddr),
    Net(Net),
    Mark(Mark),
    /// End of the script.
    End,
}

/// Punctuation and operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Semicolon,
    Comma,
    Colon,
    /// `=`
    Assign,
    /// `:=`
    Replace,
    /// `+=` and the like.
    Compound(Arith),
    /// `+ - * / %`
    Sum(Arith),
    /// `<< >> & | ^`
    Bits(Arith),
    Tilde,
    Compare(Compare),
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    And,
    Or,
    Not,
    /// A character that only stands within bare words: `.`, `@`, `?`.
    Other,
}
