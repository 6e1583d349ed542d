//! The script compiler: golden diagnostics, golden instructions, and texts that must not break it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod causes;
mod compatibility;
mod damage;
mod dump;
mod frequent;
mod habits;
mod lowered;
mod real;
mod refused;
mod robust;
mod world;
