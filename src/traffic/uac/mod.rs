//! The caller: makes calls on schedule and measures how they fare.

pub mod config;
pub mod machine;
pub mod requests;

pub use config::{Mode, UacConfig};
