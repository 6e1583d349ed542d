//! Module `uac`: the gateway as a client of the next server (spec 9.8). It answers challenges, and
//! shows other parties in From and To than the caller does.

mod auth;
mod challenge;
mod follow;
mod limits;
mod params;
mod raised;
mod replace;
mod stored;

use std::any::Any;
use std::sync::Arc;

use sluice_base::{Now, WorkerId};
use sluice_engine::module::{Function, Hooks, Module, Setup, SetupError, SharedState};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::RouteKind;

use crate::table::{function, optional, param};
use params::Options;
use replace::Party;
use sluice_sip::digest;

/// The definition table.
pub static MODULE: Module = Module {
    name: "uac",
    aliases: &[],
    doc: "Answers challenges; replaces From and To, and restores them.",
    includes: &[],
    params: params::PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks { loose_route: Some(follow::hook), ..Hooks::NONE },
    start,
};

static FUNCTIONS: &[Function] = &[
    function(
        "uac_auth",
        "Adds credentials for the challenge of the reply that won; t_relay() sends them.",
        &[optional("algorithms", ParamKind::Word(digest::algorithms))],
        Routes::of(&[RouteKind::Failure]),
        |ctx, state, args| with(state, |options| auth::answer(ctx, options, args)),
    ),
    function(
        "uac_replace_from",
        "Replaces display name and URI of From; with one parameter the URI alone.",
        PARTY,
        CHANGING,
        |ctx, state, args| with(state, |options| replace::call(ctx, options, Party::From, args)),
    ),
    function(
        "uac_replace_to",
        "Replaces display name and URI of To; with one parameter the URI alone.",
        PARTY,
        CHANGING,
        |ctx, state, args| with(state, |options| replace::call(ctx, options, Party::To, args)),
    ),
    function(
        "uac_restore_from",
        "In a later request: replaces the URI that uac_replace_from() was about, by the Route.",
        &[],
        CHANGING,
        |ctx, state, _| with(state, |options| follow::call(ctx, options, Party::From)),
    ),
    function(
        "uac_restore_to",
        "In a later request: replaces the URI that uac_replace_to() was about, by the Route.",
        &[],
        CHANGING,
        |ctx, state, _| with(state, |options| follow::call(ctx, options, Party::To)),
    ),
    function(
        "uac_inc_cseq",
        "Raises the CSeq number of the request; replies get the caller's own.",
        &[param("by", ParamKind::Int)],
        CHANGING,
        |ctx, _, args| raise_cseq(ctx, args),
    ),
];

const CHANGING: Routes = Routes::of(&[RouteKind::Request, RouteKind::Branch, RouteKind::Failure]);
const PARTY: &[ParamDef] =
    &[optional("display", ParamKind::Text), optional("uri", ParamKind::Text)];

/// A worker's handle.
struct Handle(Arc<Options>);

fn with(state: &mut dyn Any, call: impl FnOnce(&Options) -> Flow) -> Flow {
    match state.downcast_ref::<Handle>() {
        Some(Handle(options)) => call(options),
        None => Flow::Fail("uac: the module was not started"),
    }
}

fn raise_cseq(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let by = args.first().and_then(|by| by.int()).and_then(|by| u32::try_from(by).ok());
    let raised = by.and_then(|by| ctx.cseq_sent()?.checked_add(by));
    Flow::of(raised.is_some_and(|raised| ctx.replace_cseq(raised)))
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    Ok(Arc::new(Options::read(setup)?))
}

impl SharedState for Options {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Handle(self))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn tick(&self, now: Now) {
        self.raised.sweep(now.mono_ms());
    }
}
