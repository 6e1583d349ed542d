//! Management commands (spec 3.7). They run on the control plane.

use serde_json::{Map, Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};

use super::Dispatcher;
use super::sets::Destination;
use super::state::State;

/// The table.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "ds_list",
        short: "list",
        doc: "Lists sets and destinations; with `full` also weights, attributes, addresses.",
        params: &["full?", "partition?"],
        run: list,
    },
    Command {
        name: "ds_set_state",
        short: "set_state",
        doc: "Sets a destination's state: a (active), i (inactive) or p (probing).",
        params: &["state", "group", "address"],
        run: set_state,
    },
    Command {
        name: "ds_reload",
        short: "reload",
        doc: "Reads the list file again; with inherit_state `n` the states are the file's.",
        params: &["partition?", "inherit_state?"],
        run: reload,
    },
];

type Answer = Result<Value, CommandError>;

fn refuse<T>(code: i32, text: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

fn dispatcher(state: &dyn SharedState) -> Result<&Dispatcher, CommandError> {
    match state.as_any().downcast_ref() {
        Some(dispatcher) => Ok(dispatcher),
        None => refuse(500, "the module is not running"),
    }
}

fn check_partition(name: Option<&str>) -> Result<(), CommandError> {
    match name {
        None | Some("" | "default") => Ok(()),
        Some(name) => refuse(404, format!("unknown partition `{name}`")),
    }
}

fn list(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let mut params = params.iter().copied().flatten().peekable();
    // By position the word itself, by name `full=1`.
    let full = params.next_if(|word| matches!(*word, "full" | "1" | "0"));
    let full = full.is_some_and(|word| word != "0");
    check_partition(params.next())?;
    let sets = dispatcher(state)?.sets.load();
    let sets: Vec<Value> = sets
        .iter()
        .map(|set| {
            let all: Vec<Value> = set.destinations.iter().map(|d| describe(d, full)).collect();
            json!({ "id": set.id, "Destinations": all })
        })
        .collect();
    Ok(json!({ "PARTITIONS": [{ "name": "default", "SETS": sets }] }))
}

fn describe(destination: &Destination, full: bool) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("URI", json!(destination.uri));
    put("state", json!(destination.live.state().word()));
    put("first_hit_counter", json!(destination.live.hits()));
    if let Some(trouble) = destination.trouble() {
        put("reason", json!(trouble));
    }
    if full {
        put("weight", json!(destination.weight));
        put("priority", json!(destination.priority));
        if !destination.attrs.is_empty() {
            put("attr", json!(destination.attrs));
        }
        if let Some(attrs) = destination.live.script_attrs() {
            put("script_attr", json!(String::from_utf8_lossy(&attrs)));
        }
        put("resolved_addresses", json!(destination.host.addresses()));
    }
    Value::Object(fields)
}

fn set_state(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let &[Some(word), Some(group), Some(address)] = params else {
        return refuse(400, "state, group and address are needed");
    };
    let Some(wanted) = State::of_letter(word) else { return refuse(500, "Bad state value") };
    let (partition, group) = match group.split_once(':') {
        Some((partition, group)) => (Some(partition), group),
        None => (None, group),
    };
    check_partition(partition)?;
    let Ok(group) = group.parse() else { return refuse(500, "bad group value") };
    let dispatcher = dispatcher(state)?;
    let sets = dispatcher.sets.load();
    let found = sets.get(group).and_then(|set| set.find(address.as_bytes()));
    let Some(destination) = found else { return refuse(404, "destination not found") };
    let before = destination.live.is_active();
    destination.live.set(wanted);
    let active = destination.live.is_active();
    if active != before {
        dispatcher.desk.changed(group, &destination.uri, active);
    }
    Ok(json!("OK"))
}

fn reload(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let param = |at: usize| params.get(at).copied().flatten();
    check_partition(param(0))?;
    let inherit = match param(1) {
        None | Some("y" | "1") => true,
        Some("n" | "0") => false,
        Some(_) => return refuse(400, "inherit_state is y or n"),
    };
    let dispatcher = dispatcher(state)?;
    let mut warnings = Vec::new();
    let old = inherit.then(|| dispatcher.sets.load());
    match dispatcher.file.load(old.as_deref(), &mut warnings) {
        Ok(sets) => {
            drop(old);
            dispatcher.desk.loaded(&sets, warnings.len());
            dispatcher.sets.publish(sets);
            if warnings.is_empty() { Ok(json!("OK")) } else { Ok(json!({ "warnings": warnings })) }
        }
        Err(why) => {
            dispatcher.desk.refused(&why);
            refuse(500, format!("{why}; the old sets stay"))
        }
    }
}
