//! The program as a library: command line, start-up, threads; joins services to the modules that
//! name them. Tests and `main.rs` use it.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "the shell around the workers reads clocks")]

pub mod cli;
pub mod commands;
pub mod database;
pub mod serve;

use std::sync::Arc;

use sluice_engine::registry::Registry;

/// The tables of the core and of all modules.
pub fn registry() -> Arc<Registry> {
    let (core, modules) = (sluice_modules::CORE, sluice_modules::MODULES);
    let registry = Registry::new(core, modules, sluice_modules::KNOWN);
    Arc::new(registry.with_renamed(sluice_modules::RENAMED))
}
