//! Script text becomes a [`Script`]: lex, parse, check, lower; with diagnostics.
//!
//! Knows no SIP function and no module: it asks a [`catalog::Catalog`]. Opens no file: it asks a
//! [`source::Loader`].
#![forbid(unsafe_code)]

pub mod catalog;
mod check;
mod compile;
mod diagnostic;
mod edition;
pub mod format;
pub mod ir;
mod lex;
pub mod limits;
mod lower;
mod net;
mod parse;
pub mod regex;
pub mod socket;
pub mod source;
pub mod subst;

pub use compile::{Compiled, Options, compile, recompile};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use ir::Script;
pub use source::{Loader, SourceText};
