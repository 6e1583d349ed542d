//! Side-by-side runs of Sluice, its peers and a forwarder that does no SIP: what a message costs.
//!
//! Measures only; nothing here is part of the program. Times are of this machine and of this
//! minute: compare ratios within one round, never figures of different days.
#![deny(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "measures time and waits for processes")]

#[allow(unsafe_code, reason = "makes its system calls itself")]
pub mod batch;
pub mod call;
pub mod forwarder;
pub mod load;
pub mod measure;
pub mod page;
pub mod picture;
pub mod ramp;
pub mod report;
pub mod schedule;
pub mod search;
pub mod subject;
pub mod template;
pub mod usage;
pub mod users;
