//! Module `sipmsgops`: looks at and edits SIP messages (spec 9.2). `textops` offers all of it, as
//! it did in 1.x.

pub(crate) mod api;
mod body;
mod codecs;
mod content;
mod headers;
mod lists;
mod message;
mod streams;
mod uri;
mod validate;

use sluice_engine::module::{Function, Hooks, Module};

use crate::regexes::Keeper;
use crate::table::{concat, total};

/// The definition table.
pub static MODULE: Module = Module {
    name: "sipmsgops",
    aliases: &[],
    doc: "Looks at and edits SIP messages.",
    includes: &[],
    params: &[],
    functions: &FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: Keeper::start,
};

const LISTS: &[&[Function]] = &[
    message::LIST,
    headers::LIST,
    lists::LIST,
    uri::LIST,
    body::LIST,
    codecs::LIST,
    streams::LIST,
    validate::LIST,
];
static FUNCTIONS: [Function; total(LISTS)] = concat(LISTS);
