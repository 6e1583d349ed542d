//! Limits of the queries of scripts, each with its reason.

/// Most bytes that a result may put into the variables of one run: what it holds stays with its
/// transaction.
pub const RESULT_BYTES: usize = 1 << 20;
