//! What the fuzz targets do with their bytes: one function each, which panics where something that
//! always holds does not.
//!
//! `tests/fuzz/fuzz_targets` hands them what libFuzzer makes up, `tests/wire` the committed corpus
//! and its mutations, so that both run the same code.

pub mod branch;
pub mod list;
pub mod message;
pub mod script;
pub mod stream;
pub mod uri;

/// A target: its name, which is that of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("message", message::run),
    ("uri", uri::run),
    ("script", script::run),
    ("list", list::run),
    ("branch", branch::run),
    ("stream", stream::run),
];
