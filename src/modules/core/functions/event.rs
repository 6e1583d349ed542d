//! Events of scripts: raising one, and having another route run for one (spec 1.9).

use sluice_engine::module::{Function, Name};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::RouteKind;

use crate::table::{function, optional, param};

const EVENT: &[ParamDef] = &[
    param("event", ParamKind::Text),
    optional("names", ParamKind::Variable),
    optional("values", ParamKind::Variable),
];

const SUBSCRIPTION: &[ParamDef] = &[
    param("event", ParamKind::Text),
    param("socket", ParamKind::Text),
    optional("seconds", ParamKind::Int),
];

pub(super) const LIST: &[Function] = &[
    function(
        "raise_event",
        "Has the event_route of that name run; values are in an AVP, their names in another.",
        EVENT,
        Routes::ANY,
        |ctx, _, args| raise(ctx, args),
    ),
    function(
        "subscribe_event",
        "Has event_route NAME run for an event, too, by `route:NAME`; for ever without seconds.",
        SUBSCRIPTION,
        Routes::of(&[RouteKind::Startup, RouteKind::Timer]),
        |ctx, _, args| subscribe(ctx, args),
    ),
];

fn raise(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let [event, first, second] = args else { return Flow::FALSE };
    let Some(event) = event.text() else { return Flow::FALSE };
    // One AVP has the values; of two, the first has their names.
    let (names, values) = if second.is_null() { (second, first) } else { (first, second) };
    let (Some(names), Some(values)) = (all(ctx, *names), all(ctx, *values)) else {
        return Flow::Fail("raise_event() takes names and values from an $avp");
    };
    if !names.is_empty() && names.len() != values.len() {
        return Flow::Fail("raise_event() needs as many names as values");
    }
    let names = names.into_iter().chain(std::iter::repeat(Value::Null));
    let params: Vec<(Value, Value)> = names.zip(values).collect();
    let event = ctx.bytes(event).to_vec();
    if ctx.raise(&event, &params) {
        Flow::TRUE
    } else {
        Flow::Fail("too many events wait for their route")
    }
}

fn subscribe(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let text = |at: usize| {
        let text = args.get(at).and_then(|arg| arg.text())?;
        std::str::from_utf8(ctx.bytes(text)).ok()
    };
    let (Some(event), Some(socket)) = (text(0), text(1)) else { return Flow::FALSE };
    let seconds = args.get(2).and_then(|seconds| seconds.int());
    let seconds = seconds.and_then(|seconds| seconds.try_into().ok()).unwrap_or_default();
    match ctx.shared.events.subscribe(event, socket, seconds, ctx.now.mono_ms()) {
        Ok(()) => Flow::TRUE,
        Err(why) => Flow::Fail(why),
    }
}

/// All values of an AVP, oldest first; none of one that was left out.
fn all(ctx: &Ctx<'_>, avp: Value) -> Option<Vec<Value>> {
    if avp.is_null() {
        return Some(Vec::new());
    }
    let key = match ctx.referred(avp)? {
        ("avp", Name::Slot(slot)) => AvpKey::Slot(slot),
        ("avp", Name::Text(text)) => AvpKey::Text(text),
        _ => return None,
    };
    Some((1..).map_while(|back| ctx.avp_get(key, -back)).collect())
}
