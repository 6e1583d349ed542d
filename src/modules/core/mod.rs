//! Module `core`: what every script has without loading anything. Globals, core functions, core
//! variables, transformations (spec 1.3, 1.9, 2).

pub mod api;
mod calendar;
mod functions;
mod globals;
mod transform;
mod uri;
mod variables;

use sluice_engine::module::{Hooks, Module, Stateless};

/// The definition table.
pub static MODULE: Module = Module {
    name: "core",
    aliases: &[],
    doc: "Globals, functions, variables and transformations that need no module.",
    includes: &[],
    params: globals::ALL,
    functions: &functions::ALL,
    variables: &variables::ALL,
    transformations: &transform::ALL,
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: Stateless::start,
};
