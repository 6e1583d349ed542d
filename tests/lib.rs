//! Test support shared by the folders beside this file.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

pub mod digest;
#[path = "wire/oracle/mod.rs"]
pub mod oracle;
#[path = "fuzz/targets/mod.rs"]
pub mod targets;
#[path = "wire/torture/mod.rs"]
pub mod torture;
pub mod world;
