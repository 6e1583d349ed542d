//! The subcommands.

pub mod doc;
