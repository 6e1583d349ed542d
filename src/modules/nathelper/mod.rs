//! Module `nathelper`: tells callers behind a NAT and mends what they say of themselves (spec 9.4).

mod contact;
mod nat;
mod received;
mod sdp;
mod state;

use std::any::Any;

use sluice_engine::Flow;
use sluice_engine::module::{Function, Hooks, Module};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::RouteKind::{Branch, Failure, Reply, Request};

use crate::table::{function, optional, param};
use state::{Handle, State};

/// The definition table.
pub static MODULE: Module = Module {
    name: "nathelper",
    aliases: &[],
    doc: "Tells callers behind a NAT and mends what they say of themselves.",
    includes: &[],
    params: state::PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: state::start,
};

const TESTS: &[ParamDef] = &[param("flags", ParamKind::Word(nat::tests))];

const CONTACT: &[ParamDef] = &[optional("uri_params", ParamKind::Text)];

const SDP: &[ParamDef] = &[
    param("flags", ParamKind::Word(sdp::changes)),
    optional("ip_address", ParamKind::Text),
    optional("sdp_fields", ParamKind::Text),
];

const PLACE: &[ParamDef] = &[optional("flag", ParamKind::Word(received::place))];

const FUNCTIONS: &[Function] = &[
    function(
        "nat_uac_test",
        "Whether one of several tests says that the sender is behind a NAT.",
        TESTS,
        Routes::of(&[Request, Reply, Failure, Branch]),
        |ctx, _, args| nat::test(ctx, args),
    ),
    function(
        "fix_nated_contact",
        "Puts the source's address into each Contact, and parameters behind its URI.",
        CONTACT,
        Routes::of(&[Request, Reply, Branch]),
        |ctx, _, args| contact::fix(ctx, args),
    ),
    function(
        "fix_nated_sdp",
        "Puts the source's address into SDP, or another one, and adds lines.",
        SDP,
        Routes::of(&[Request, Reply, Failure, Branch]),
        |ctx, state, args| with(state, |state| sdp::fix(ctx, state, args)),
    ),
    function(
        "fix_nated_register",
        "Puts the source as a URI into the AVP that the registrar takes it from.",
        &[],
        Routes::of(&[Request]),
        |ctx, state, _| with(state, |state| received::keep(ctx, state)),
    ),
    function(
        "add_rcv_param",
        "Adds the source as parameter `received` to each Contact, or to its URI.",
        PLACE,
        Routes::of(&[Request]),
        |ctx, _, args| received::add(ctx, args),
    ),
];

fn with(state: &mut dyn Any, call: impl FnOnce(&State) -> Flow) -> Flow {
    match state.downcast_ref::<Handle>() {
        Some(Handle(state)) => call(state),
        None => Flow::Fail("the module is not running"),
    }
}
