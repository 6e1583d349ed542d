//! The subcommands.

pub mod db;
pub mod demo;
pub mod doc;
pub mod load;
pub mod mi;
pub mod plan;
pub mod user;
