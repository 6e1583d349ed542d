//! The modules' tables, driven in a world of workers without sockets and clocks.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

mod language;
mod turn;
