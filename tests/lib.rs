//! Test support shared by the folders beside this file.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up fails")]

pub mod world;
