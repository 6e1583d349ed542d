//! Management commands (spec 3.7). They run on the control plane.

use serde_json::{Map, Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};
use sluice_engine::sockets::Sockets;
use sluice_sip::uri::literal_addr;

use super::given::DEFAULT;
use super::partition::Partition;
use super::sets::Destination;
use super::state::State;
use super::{Dispatcher, health_mi, limits, plan_mi};

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
        doc: "Reads lists and tables again; with inherit_state `n` the states are those in there.",
        params: &["partition?", "inherit_state?"],
        run: reload,
    },
    Command {
        name: "ds_push_script_attrs",
        short: "push_script_attrs",
        doc: "Gives the destinations of an address and port attributes of the script's own.",
        params: &["attrs", "ip", "port", "setid", "partition?"],
        run: push_script_attrs,
    },
    plan_mi::PLAN,
    plan_mi::DRAIN,
    health_mi::LATENCY,
];

pub(super) type Answer = Result<Value, CommandError>;

pub(super) fn refuse<T>(code: i32, text: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

pub(super) fn dispatcher(state: &dyn SharedState) -> Result<&Dispatcher, CommandError> {
    match state.as_any().downcast_ref() {
        Some(dispatcher) => Ok(dispatcher),
        None => refuse(500, "the module is not running"),
    }
}

impl Dispatcher {
    /// The partition of a name; without one, the default one.
    pub(super) fn named(&self, name: Option<&str>) -> Result<&Partition, CommandError> {
        let found = match name.filter(|name| !matches!(*name, "" | DEFAULT)) {
            None => self.partitions.first(),
            Some(name) => self.partitions.iter().find(|partition| *partition.name == *name),
        };
        found.map_or_else(|| refuse(404, format!("unknown partition `{}`", name.unwrap_or(""))), Ok)
    }

    /// The partition and the set of `[partition:]set`.
    pub(super) fn group(&self, text: &str) -> Result<(&Partition, i64), CommandError> {
        let (partition, set) = match text.split_once(':') {
            Some((partition, set)) => (Some(partition.trim()), set),
            None => (None, text),
        };
        let Ok(set) = set.trim().parse() else { return refuse(500, "bad group value") };
        Ok((self.named(partition)?, set))
    }

    /// The partition of a name; without one, all.
    fn some(&self, name: Option<&str>) -> Result<&[Partition], CommandError> {
        match name.filter(|name| !name.is_empty()) {
            None => Ok(&self.partitions),
            name => self.named(name).map(std::slice::from_ref),
        }
    }
}

fn list(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let mut params = params.iter().copied().flatten().peekable();
    // By position the word itself, by name `full=1`.
    let full = params.next_if(|word| matches!(*word, "full" | "1" | "0"));
    let full = full.is_some_and(|word| word != "0");
    let partitions = dispatcher(state)?.some(params.next())?;
    let partitions: Vec<Value> = partitions.iter().map(|one| list_one(one, full)).collect();
    Ok(json!({ "PARTITIONS": partitions }))
}

fn list_one(partition: &Partition, full: bool) -> Value {
    let (sets, sockets) = (partition.sets.load(), &partition.file.sockets);
    let sets: Vec<Value> = sets
        .iter()
        .map(|set| {
            let all: Vec<Value> =
                set.destinations.iter().map(|d| describe(d, full.then_some(sockets))).collect();
            json!({ "id": set.id, "Destinations": all })
        })
        .collect();
    json!({ "name": &*partition.name, "SETS": sets })
}

/// A destination; in full where our sockets are given.
fn describe(destination: &Destination, full: Option<&Sockets>) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("URI", json!(destination.uri));
    put("state", json!(destination.live.state().word()));
    put("first_hit_counter", json!(destination.live.hits()));
    if let Some(why) = destination.trouble().or_else(|| health_mi::reason(destination)) {
        put("reason", json!(why));
    }
    if let Some(left) = plan_mi::left(destination) {
        put("draining", left);
    }
    if let Some(sockets) = full {
        let socket = destination.socket.and_then(|id| sockets.listen.get(usize::from(id.0)));
        if let Some(socket) = socket {
            put("socket", json!(socket.text));
        }
        put("weight", json!(destination.weight));
        put("priority", json!(destination.priority));
        if !destination.attrs.is_empty() {
            put("attr", json!(destination.attrs));
        }
        if let Some(attrs) = destination.live.script_attrs() {
            put("script_attr", json!(String::from_utf8_lossy(&attrs)));
        }
        if !destination.description.is_empty() {
            put("description", json!(destination.description));
        }
        put("resolved_addresses", json!(destination.host.addresses()));
        if let Some(health) = destination.live.health() {
            put("calls", health_mi::calls(&health));
        }
    }
    Value::Object(fields)
}

fn set_state(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let &[Some(word), Some(group), Some(address)] = params else {
        return refuse(400, "state, group and address are needed");
    };
    let Some(wanted) = State::of_letter(word) else { return refuse(500, "Bad state value") };
    let (partition, group) = dispatcher(state)?.group(group)?;
    let sets = partition.sets.load();
    let found = sets.get(group).and_then(|set| set.find(address.as_bytes()));
    let Some(destination) = found else { return refuse(404, "destination not found") };
    let before = destination.live.is_active();
    destination.live.set(wanted);
    let active = destination.live.is_active();
    if active != before {
        partition.desk.changed(group, &destination.uri, active, "set by management");
    }
    Ok(json!("OK"))
}

fn reload(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let param = |at: usize| params.get(at).copied().flatten();
    let partitions = dispatcher(state)?.some(param(0))?;
    let inherits = match param(1) {
        None | Some("y" | "1") => true,
        Some("n" | "0") => false,
        Some(_) => return refuse(400, "inherit_state is y or n"),
    };
    let (mut warnings, mut changes, mut refused) = (Vec::new(), Map::new(), Vec::new());
    for partition in partitions {
        match partition.reload(inherits) {
            Ok((more, plan)) => {
                warnings.extend(more);
                if !plan.is_empty() {
                    changes.insert(partition.name.to_string(), plan.json());
                }
            }
            Err(why) => refused.push(format!("{why}; the old sets stay")),
        }
    }
    if !refused.is_empty() {
        return refuse(500, refused.join("; "));
    }
    // As in OpenSIPS where there is nothing to tell.
    let mut told = Map::new();
    if !warnings.is_empty() {
        told.insert("warnings".to_owned(), json!(warnings));
    }
    if !changes.is_empty() {
        told.insert("changes".to_owned(), Value::Object(changes));
    }
    if told.is_empty() { Ok(json!("OK")) } else { Ok(Value::Object(told)) }
}

fn push_script_attrs(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let &[Some(attrs), Some(ip), Some(port), Some(set), partition] = params else {
        return refuse(400, "attrs, ip, port and setid are needed");
    };
    let partition = dispatcher(state)?.named(partition)?;
    let Some(ip) = literal_addr(ip.as_bytes()) else { return refuse(400, "bad ip value") };
    let Ok(port) = port.parse() else { return refuse(400, "bad port value") };
    let Ok(set) = set.parse::<i64>() else { return refuse(400, "bad setid value") };
    if attrs.len() > limits::SCRIPT_ATTRS_BYTES {
        return refuse(400, "the attributes are too long");
    }
    let sets = partition.sets.load();
    let found = sets.at(ip, port, (set != -1).then_some(set));
    let found = found.inspect(|(_, one)| one.live.set_script_attrs(attrs.as_bytes()));
    if found.count() == 0 {
        return refuse(404, "destination not found");
    }
    Ok(json!("OK"))
}
