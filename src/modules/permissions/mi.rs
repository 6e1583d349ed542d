//! Management commands (spec 9.5). They run on the control plane.

use serde_json::{Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};

use super::addresses::{Addresses, Entry, full_mask, proto_name};
use super::{Partition, Permissions};

/// The table.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "address_reload",
        short: "address_reload",
        doc: "Reads the tables of addresses again, or that of one partition.",
        params: &["partition?"],
        run: address_reload,
    },
    Command {
        name: "address_dump",
        short: "address_dump",
        doc: "Lists the rows of single addresses.",
        params: &["partition?"],
        run: |state, params| dump(state, params, |all| all.hosts().iter().map(host).collect()),
    },
    Command {
        name: "subnet_dump",
        short: "subnet_dump",
        doc: "Lists the rows of networks.",
        params: &["partition?"],
        run: |state, params| dump(state, params, |all| all.nets().iter().map(net).collect()),
    },
    Command {
        name: "allow_uri",
        short: "allow_uri",
        doc: "Whether files of rules that a script names allow a URI and a contact.",
        params: &["basename", "uri", "contact"],
        run: allow_uri,
    },
    Command {
        name: "trusted_reload",
        short: "trusted_reload",
        doc: "Reads the table of trusted peers again (1.x).",
        params: &[],
        run: trusted_reload,
    },
    Command {
        name: "trusted_dump",
        short: "trusted_dump",
        doc: "Lists the trusted peers (1.x).",
        params: &[],
        run: trusted_dump,
    },
];

type Answer = Result<Value, CommandError>;

fn refuse<T>(code: i32, text: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

fn permissions(state: &dyn SharedState) -> Result<&Permissions, CommandError> {
    match state.as_any().downcast_ref() {
        Some(permissions) => Ok(permissions),
        None => refuse(500, "the module is not running"),
    }
}

/// All partitions, or the one of that name.
fn partitions<'a>(
    state: &'a dyn SharedState,
    params: &[Option<&str>],
) -> Result<Vec<&'a Partition>, CommandError> {
    let all = permissions(state)?.partitions.iter();
    match params.first().copied().flatten() {
        None => Ok(all.collect()),
        Some(name) => {
            let named: Vec<_> = all.filter(|partition| partition.name == name).collect();
            if named.is_empty() { refuse(404, "No such partition") } else { Ok(named) }
        }
    }
}

fn address_reload(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let mut warnings = Vec::new();
    for partition in partitions(state, params)? {
        match partition.table.load(&mut warnings) {
            Ok(addresses) => partition.addresses.publish(addresses),
            Err(why) => {
                let name = &partition.name;
                return refuse(500, format!("partition {name}: {why}; the old rows stay"));
            }
        }
    }
    ok(&warnings)
}

fn ok(warnings: &[String]) -> Answer {
    if warnings.is_empty() { Ok(json!("OK")) } else { Ok(json!({ "warnings": warnings })) }
}

/// What is listed of a table: each row as it is shown.
type Listed = fn(&Addresses) -> Vec<Value>;

fn dump(state: &dyn SharedState, params: &[Option<&str>], listed: Listed) -> Answer {
    let named = params.first().copied().flatten().is_some();
    let partitions = partitions(state, params)?;
    let mut all = partitions.iter().map(|partition| {
        let key = if named { "part" } else { "name" };
        json!({ key: partition.name, "Destinations": listed(&partition.addresses.load()) })
    });
    if named {
        return Ok(all.next().unwrap_or_default());
    }
    Ok(json!({ "Partitions": all.collect::<Vec<_>>() }))
}

/// A row of a single address.
fn host(entry: &Entry) -> Value {
    row(entry, full_mask(entry.ip).to_string())
}

/// A row of a network.
fn net(entry: &Entry) -> Value {
    row(entry, entry.mask_addr().to_string())
}

fn row(entry: &Entry, mask: String) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    json!({
        "grp": entry.group,
        "ip": entry.ip,
        "mask": mask,
        "port": entry.port,
        "proto": proto_name(entry.proto),
        "pattern": entry.pattern.as_deref().map(text).unwrap_or_default(),
        "context_info": text(&entry.info),
    })
}

fn allow_uri(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let &[Some(base), Some(uri), Some(contact)] = params else {
        return refuse(400, "basename, uri and contact are needed");
    };
    let rules = permissions(state)?.rules.load();
    match rules.named(Some(base.as_bytes()), None) {
        Some(pair) if pair.allows(uri.as_bytes(), contact.as_bytes()) => Ok(json!("OK")),
        Some(_) => refuse(403, "Forbidden"),
        None => refuse(404, format!("no route names the rules `{base}`")),
    }
}

fn trusted_reload(state: &dyn SharedState, _: &[Option<&str>]) -> Answer {
    match permissions(state)?.load_trusted() {
        Ok(warnings) => ok(&warnings),
        Err(why) => refuse(500, format!("{why}; the old rows stay")),
    }
}

fn trusted_dump(state: &dyn SharedState, _: &[Option<&str>]) -> Answer {
    let trusted = permissions(state)?.peers.load();
    let Some(trusted) = &*trusted else { return refuse(500, "Trusted-module not in use") };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let rows = trusted.iter().map(|(ip, peer)| {
        json!({
            "src_ip": ip,
            "proto": proto_name(peer.proto),
            "from_pattern": peer.from.as_ref().map(ToString::to_string),
            "tag": peer.tag.as_deref().map(text),
        })
    });
    Ok(Value::Array(rows.collect()))
}
