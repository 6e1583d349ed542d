//! Module `signaling`: one function that answers, whatever kind of request handling is in use
//! (spec 9.3). Without transactions that is a stateless reply of `sl`.

use sluice_engine::module::{Function, Hooks, Module, Stateless};
use sluice_script::catalog::Routes;
use sluice_script::ir::RouteKind;

use crate::sl::api;
use crate::table::function;
use crate::tm;

/// The definition table.
pub static MODULE: Module = Module {
    name: "signaling",
    aliases: &[],
    doc: "Answers requests, with or without a transaction.",
    includes: &[],
    params: &[],
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: Stateless::start,
};

const FUNCTIONS: &[Function] = &[function(
    "send_reply",
    "Answers the request; an ACK is never answered.",
    api::REPLY,
    Routes::of(&[RouteKind::Request, RouteKind::Failure, RouteKind::Error]),
    |ctx, _, args| match ctx.run.transaction {
        Some(_) => tm::api::answer(ctx, args),
        None => api::answer(ctx, args).1,
    },
)];
