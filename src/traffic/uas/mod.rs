//! The answering agent: stateless, one or many addresses in one thread.

pub mod config;
pub mod machine;

pub use config::{Presence, UasConfig};
