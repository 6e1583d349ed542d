//! Module `rr`: Record-Route and loose routing (RFC 3261 16.4, 16.6; spec 9.1).

pub mod api;
mod loose;
mod record;
mod routes;

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{
    Function, Hooks, Module, ParamEntry, Setup, SetupError, SharedState, Variable,
};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamKind, Routes, SettingKind, Status};
use sluice_script::ir::RouteKind;
use sluice_sip::uri::Uri;

use crate::table::{function, optional, param, setting, variable};

/// The definition table.
pub static MODULE: Module = Module {
    name: "rr",
    aliases: &[],
    doc: "Record-Route, and requests that follow it.",
    includes: &[],
    params: PARAMS,
    functions: FUNCTIONS,
    variables: VARIABLES,
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

/// What the parameters say.
#[derive(Clone, Copy)]
struct Options {
    from_tag: bool,
    double: bool,
    add_user: bool,
}

static PARAMS: &[ParamEntry] = &[
    setting(
        "append_fromtag",
        &[],
        "1 = Record-Route says which side began, for is_direction(); default 1.",
        SettingKind::Int,
        Status::Honoured,
    ),
    setting(
        "enable_double_rr",
        &[],
        "1 = two headers where a request changes its socket; default 1.",
        SettingKind::Int,
        Status::Honoured,
    ),
    setting(
        "add_username",
        &[],
        "1 = the Request-URI's user goes into Record-Route; default 0.",
        SettingKind::Int,
        Status::Honoured,
    ),
    setting(
        "enable_full_lr",
        &[],
        "1 = `;lr=on` instead of `;lr` (1.x).",
        SettingKind::Int,
        Status::Ignored("everybody understands `;lr`"),
    ),
    setting(
        "enable_socket_mismatch_warning",
        &[],
        "1 = a second Route that names no socket of ours is told.",
        SettingKind::Int,
        Status::Ignored("it is always told"),
    ),
];

const RECORDING: Routes = Routes::of(&[RouteKind::Request, RouteKind::Branch, RouteKind::Failure]);
const LOOKING: Routes = Routes::of(&[
    RouteKind::Request,
    RouteKind::Branch,
    RouteKind::Failure,
    RouteKind::Reply,
    RouteKind::Local,
]);

static FUNCTIONS: &[Function] = &[
    function(
        "record_route",
        "Has later requests of the dialog come here; the text is added to the URI.",
        &[optional("text", ParamKind::Text)],
        RECORDING,
        |ctx, state, args| with(state, |options| record::own(ctx, options, args)),
    ),
    function(
        "record_route_preset",
        "As record_route(), with a given address, and one for the other side.",
        &[param("address", ParamKind::Text), optional("other", ParamKind::Text)],
        RECORDING,
        |ctx, state, args| with(state, |options| record::preset(ctx, options, args)),
    ),
    function(
        "add_rr_param",
        "Adds text to the URI of Record-Route, now or when it will be recorded.",
        &[param("text", ParamKind::Text)],
        RECORDING,
        |ctx, _, args| record::add(ctx, args),
    ),
    function(
        "loose_route",
        "Follows the Route headers; true when the request is to go where they say.",
        &[],
        Routes::REQUEST,
        |ctx, state, _| with(state, |options| loose::route(ctx, options)),
    ),
    function(
        "check_route_param",
        "Whether a regex is found in the parameters of our Route, after loose_route().",
        &[param("regex", ParamKind::Regex)],
        LOOKING,
        |ctx, _, args| loose::check_param(ctx, args),
    ),
    function(
        "is_direction",
        "Whether the request goes `upstream` or `downstream`, after loose_route().",
        &[param("direction", ParamKind::Word(direction))],
        LOOKING,
        |ctx, _, args| loose::is_direction(ctx, args),
    ),
];

static VARIABLES: &[Variable] = &[variable(
    "rr_params",
    &[],
    "The parameters of our Route, after loose_route().",
    |ctx, _, _| ctx.run.own_route.map_or(Value::Null, Value::Text),
)];

const DOWNSTREAM: i64 = 0;
const UPSTREAM: i64 = 1;

fn direction(word: &str) -> Result<i64, String> {
    match word.trim().to_ascii_lowercase().as_str() {
        "downstream" => Ok(DOWNSTREAM),
        "upstream" => Ok(UPSTREAM),
        _ => Err(format!("a direction is `upstream` or `downstream`, not `{word}`")),
    }
}

fn with(state: &mut dyn Any, call: impl FnOnce(Options) -> Flow) -> Flow {
    match state.downcast_ref::<Options>() {
        Some(options) => call(*options),
        None => Flow::Fail("rr: the module was not started"),
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    Ok(Arc::new(Options {
        from_tag: setup.int("append_fromtag", 1) != 0,
        double: setup.int("enable_double_rr", 1) != 0,
        add_user: setup.int("add_username", 0) != 0,
    }))
}

impl SharedState for Options {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(*self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The text of an argument.
fn text(args: &[Value], at: usize) -> Option<sluice_engine::Text> {
    args.get(at).and_then(|value| value.text())
}

/// Whether a URI's host and port are us.
fn is_ours(ctx: &Ctx<'_>, uri: &Uri<'_>) -> bool {
    ctx.shared.sockets.is_myself(uri.host, uri.port_or_default())
}
