//! The limits of the core, each with its reason.

/// Extra destinations of one request: with the Request-URI's the 12 of OpenSIPS (spec 8.8).
pub(super) const BRANCHES: usize = 11;
