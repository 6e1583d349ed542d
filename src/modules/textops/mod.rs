//! Module `textops`: searches and replaces text of messages (spec 9.2). Offers all of
//! `sipmsgops`, too, as in 1.x.
//!
//! Edits are patches: reads still see the message as received, and two edits of the same bytes
//! conflict. When the body changes length, Content-Length follows.

mod functions;

use sluice_engine::module::{Hooks, Module};

use crate::regexes::Keeper;

/// The definition table.
pub static MODULE: Module = Module {
    name: "textops",
    aliases: &[],
    doc: "Searches and replaces text of messages.",
    includes: &[&crate::sipmsgops::MODULE],
    params: &[],
    functions: functions::LIST,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: Keeper::start,
};
