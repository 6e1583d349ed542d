//! Management commands of an operator who changes a list: what it would change, and taking a
//! destination out without ending its calls. They run on the control plane.

use serde_json::{Value, json};
use sluice_engine::module::{Command, SharedState};

use super::mi::{Answer, dispatcher, refuse};
use super::sets::Destination;

/// `ds_plan`
pub(super) const PLAN: Command = Command {
    name: "ds_plan",
    short: "plan",
    doc: "Tells what a list file, or without one the source itself, would change if loaded now.",
    params: &["list?", "partition?"],
    run: plan,
};

/// `ds_drain`
pub(super) const DRAIN: Command = Command {
    name: "ds_drain",
    short: "drain",
    doc: "Takes a destination out for new calls and tells how many are left; ds_set_state ends it.",
    params: &["group", "address"],
    run: drain,
};

/// What `ds_list` says of a destination that is drained.
pub(super) fn left(destination: &Destination) -> Option<Value> {
    let left = || destination.live.health().map(|health| health.active());
    destination.live.is_draining().then(|| json!({ "calls_left": left() }))
}

fn plan(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let param = |at: usize| params.get(at).copied().flatten().filter(|text| !text.is_empty());
    let partition = dispatcher(state)?.named(param(1))?;
    let mut warnings = Vec::new();
    match partition.plan(param(0), &mut warnings) {
        Ok(plan) => {
            let mut told = plan.json();
            if let (Value::Object(fields), false) = (&mut told, warnings.is_empty()) {
                fields.insert("warnings".to_owned(), json!(warnings));
            }
            Ok(told)
        }
        Err(why) => refuse(500, why),
    }
}

fn drain(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let &[Some(group), Some(address)] = params else {
        return refuse(400, "group and address are needed");
    };
    let (partition, group) = dispatcher(state)?.group(group)?;
    let sets = partition.sets.load();
    let found = sets.get(group).and_then(|set| set.find(address.as_bytes()));
    let Some(destination) = found else { return refuse(404, "destination not found") };
    let was_active = destination.live.is_active();
    destination.live.drain();
    if was_active {
        partition.desk.changed(group, &destination.uri, false, "drained");
    }
    match (left(destination), destination.live.health()) {
        (Some(left), Some(_)) => Ok(left),
        _ => Ok(json!({
            "calls_left": null,
            "reason": "calls are counted with modparam(\"dispatcher\", \"call_statistics\", 1)",
        })),
    }
}
