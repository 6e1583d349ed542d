//! The simulation: real workers, program and modules under virtual time from one seed, agents and
//! bad links around them, and what must hold in every run (design of the tests: ARCHITECTURE.md).
//!
//! A failing seed is replayed by what its message says:
//! `SLUICE_SEED=7 SLUICE_WEATHER=loss20 cargo test -p sluice-tests --test sim replay`.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod callee;
mod caller;
mod dialog;
mod endpoint;
mod fault;
mod faults;
mod invariant;
mod ladder;
mod limits;
mod link;
mod message;
mod pcap;
mod plan;
mod random;
mod runs;
mod silence;
mod sluice;
mod trace;
mod watch;
mod world;
