//! The house rules as tests: what a reviewer should not have to look for.
//!
//! Every rule is a function from a file (path and text) to its problems, so that its test can first
//! plant a text that breaks it, and then ask that no file of the repository does. Nothing here
//! reads the network or changes a file.
#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "a test program has no readers of its documentation")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod dependencies;
mod documents;
mod layers;
mod locks;
mod repository;
mod tables;
mod text;
mod unsafety;
