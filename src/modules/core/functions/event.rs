//! `raise_event`: has an event_route run (spec 1.9). Nobody outside can subscribe yet.

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

pub(super) const LIST: &[Function] = &[function(
    "raise_event",
    "Has the event_route of that name run, with the values of an AVP and their names in another.",
    EVENT,
    Routes::ANY,
    |ctx, _, args| raise(ctx, args),
)];

fn raise(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let [event, first, second] = args else { return Flow::FALSE };
    let Some(event) = event.text() else { return Flow::FALSE };
    let Some(route) = ctx.shared.script.route(RouteKind::Event, ctx.bytes(event)) else {
        return Flow::TRUE;
    };
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
    if ctx.start_event(route, &params) {
        Flow::TRUE
    } else {
        Flow::Fail("too many events wait for their route")
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
