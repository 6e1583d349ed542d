//! Limits of `mathops`, each with its reason.

/// Most decimals of a result: a double has 15 digits that mean something.
pub(super) const DECIMALS: i64 = 15;

/// Deepest nesting of parentheses and functions in an expression: it is read by recursion.
pub(super) const NESTING: usize = 64;

/// Most values on the stack of an RPN expression; usual ones need four.
pub(super) const STACK: usize = 64;
