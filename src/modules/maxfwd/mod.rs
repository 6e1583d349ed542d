//! Module `maxfwd` (skeleton).

use sluice_engine::module::{Hooks, Module, Stateless};

/// The definition table.
pub static MODULE: Module = Module {
    name: "maxfwd",
    aliases: &[],
    doc: "(skeleton)",
    includes: &[],
    params: &[],
    functions: &[],
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: Stateless::start,
};
