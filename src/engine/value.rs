//! Values of a running script: small, by offset, so that a run can be moved and parked.

use sluice_script::ir::{ReferenceId, RegexId};

/// Which buffer a text lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The run's message as received.
    Message,
    /// The run's arena.
    Arena,
    /// The script's constants.
    Constant,
}

/// A text by offset; valid for the run that made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text {
    /// The buffer.
    pub source: Source,
    /// First byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A value has up to two faces, string and number (spec 2.1), or is one of the marks that only
/// appear among a function's arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Value {
    /// NULL: neither face.
    #[default]
    Null,
    /// A number that also compares as its decimal text: `$var(n)`, a literal.
    Int(i64),
    /// Only a number: `$ml == "100"` never holds (spec 0).
    Number(i64),
    /// Only a string.
    Text(Text),
    /// String and number: `$rs`, `$rp`, `$ml`.
    Both(Text, i64),
    /// An argument that was left out.
    Omitted,
    /// An output argument.
    Reference(ReferenceId),
    /// A regex argument compiled at load.
    Regex(RegexId),
    /// The result of an expression that failed: assigning it keeps the old value.
    Invalid,
}

impl Value {
    /// The number face.
    #[inline]
    pub const fn int(self) -> Option<i64> {
        match self {
            Self::Int(n) | Self::Number(n) | Self::Both(_, n) => Some(n),
            _ => None,
        }
    }

    /// The string face, if it is one in memory (a plain number has to be printed first:
    /// [`crate::Ctx::to_text`]).
    #[inline]
    pub const fn text(self) -> Option<Text> {
        match self {
            Self::Text(t) | Self::Both(t, _) => Some(t),
            _ => None,
        }
    }

    /// Whether it is NULL or was left out.
    #[inline]
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null | Self::Omitted)
    }
}
