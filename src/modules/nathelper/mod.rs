//! Module `nathelper`: tells callers behind a NAT, mends what they say of themselves, and pings
//! registered contacts so that they stay reachable (spec 9.4).

mod contact;
mod limits;
mod mi;
mod nat;
mod pinger;
mod pinging;
mod received;
mod restore;
mod sdp;
mod state;
mod waiting;

use std::any::Any;

use sluice_engine::module::{Chore, Function, Hooks, Module, Seen};
use sluice_engine::{Ctx, Flow};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::RouteKind::{Branch, Failure, Reply, Request};

use crate::table::{function, optional, param};
use pinger::Pinger;
use state::{State, Worker};

/// The definition table.
pub static MODULE: Module = Module {
    name: "nathelper",
    aliases: &[],
    doc: "Tells callers behind a NAT, mends what they say of themselves, and pings contacts.",
    includes: &[],
    params: state::PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: mi::COMMANDS,
    hooks: Hooks { tick: Some(tick), reply_in: Some(hear), ..Hooks::NONE },
    start: state::start,
};

const TESTS: &[ParamDef] = &[param("flags", ParamKind::Word(nat::tests))];

const CONTACT: &[ParamDef] =
    &[optional("uri_params", ParamKind::Text), optional("flags", ParamKind::Word(contact::flags))];

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
        "restore_nated_ruri",
        "Sends a request to where its URI says, which gets the host that was preserved.",
        &[],
        Routes::of(&[Request, Branch]),
        |ctx, _, _| restore::restore(ctx),
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
    match state.downcast_ref::<Worker>() {
        Some(worker) => call(&worker.state),
        None => Flow::Fail("the module is not running"),
    }
}

fn pinger(state: &mut dyn Any) -> Option<&mut Pinger> {
    state.downcast_mut::<Worker>()?.pinger.as_mut()
}

/// The hook that sends pings.
fn tick(chore: &mut Chore<'_>, state: &mut dyn Any) -> u64 {
    pinger(state).map_or(u64::MAX, |pinger| pinger.step(chore))
}

/// The hook that hears their answers.
fn hear(ctx: &mut Ctx<'_>, state: &mut dyn Any) -> Seen {
    pinger(state).map_or(Seen::Pass, |pinger| pinger.hear(ctx))
}
