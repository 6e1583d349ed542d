//! Script text becomes a [`Script`]: lex, parse, check, lower; with diagnostics.
//!
//! Knows no SIP function and no module: it asks a [`catalog::Catalog`].
#![forbid(unsafe_code)]

pub mod catalog;
pub mod ir;
pub mod regex;
pub mod source;

pub use ir::Script;
