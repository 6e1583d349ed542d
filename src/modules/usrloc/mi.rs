//! Management commands (spec 6.7). They run on the control plane and hold a shard's lock for some
//! records at a time.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};
use sluice_engine::reply::push_q;
use sluice_sip::text::q_value;
use sluice_sip::uri::Uri;

use super::edit::{Edit, Matching, Note};
use super::locations::Locations;
use super::record::{Contact, Fixed, Record};
use super::table::Table;
use super::{Usrloc, events, limits};

/// The table.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "ul_dump",
        short: "dump",
        doc: "Lists all tables with their contacts; with `brief` their URIs only.",
        params: &["brief?"],
        run: dump,
    },
    Command {
        name: "ul_show_contact",
        short: "show_contact",
        doc: "Lists the contacts of an AoR.",
        params: &["table_name", "aor"],
        run: show,
    },
    Command {
        name: "ul_rm",
        short: "rm",
        doc: "Removes an AoR with its contacts.",
        params: &["table_name", "aor"],
        run: remove,
    },
    Command {
        name: "ul_rm_contact",
        short: "rm_contact",
        doc: "Removes a contact of an AoR.",
        params: &["table_name", "aor", "contact"],
        run: remove_contact,
    },
    Command {
        name: "ul_add",
        short: "add",
        doc: "Adds a contact, or replaces it; with expires 0 it stays.",
        params: &["table_name", "aor", "contact", "expires", "q", "flags", "cflags", "methods"],
        run: add,
    },
    Command {
        name: "ul_flush",
        short: "flush",
        doc: "Writes what the database does not have yet.",
        params: &[],
        run: flush,
    },
    Command {
        name: "ul_sync",
        short: "sync",
        doc: "Empties a table of the database, or an AoR in it, and writes it anew from memory.",
        params: &["table_name", "aor?"],
        run: sync,
    },
];

type Answer = Result<Value, CommandError>;

fn refuse<T>(code: i32, text: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

fn of(state: &dyn SharedState) -> Result<&Locations, CommandError> {
    match state.as_any().downcast_ref::<Usrloc>() {
        Some(usrloc) => Ok(&usrloc.0),
        None => refuse(500, "the module is not running"),
    }
}

/// A parameter that the table says is there.
fn param<'p>(params: &[Option<&'p str>], at: usize) -> &'p str {
    params.get(at).copied().flatten().unwrap_or_default()
}

fn table_of(locations: &Locations, params: &[Option<&str>]) -> Result<Arc<Table>, CommandError> {
    match locations.find(param(params, 0).as_bytes()) {
        Some(table) => Ok(table),
        None => refuse(404, "Table not found"),
    }
}

/// The AoR of a parameter; in small letters behind its `@`, as those of requests.
fn aor_of(locations: &Locations, params: &[Option<&str>]) -> Result<String, CommandError> {
    let given = param(params, 1);
    if given.is_empty() || given.len() > limits::AOR_BYTES {
        return refuse(400, format!("an AOR has 1 to {} bytes", limits::AOR_BYTES));
    }
    match (locations.options.use_domain, given.rsplit_once('@')) {
        (true, None) => refuse(400, "Domain missing in AOR"),
        (true, Some((user, domain))) => Ok(format!("{user}@{}", domain.to_ascii_lowercase())),
        // Whoever gives it nevertheless means the user.
        (false, Some((user, _))) => Ok(user.to_owned()),
        (false, None) => Ok(given.to_owned()),
    }
}

fn dump(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let locations = of(state)?;
    let brief = match param(params, 0) {
        "" => false,
        "brief" | "1" => true,
        _ => return refuse(400, "the word is `brief`"),
    };
    let domain = |table: &Arc<Table>| {
        let records = records(locations, table, None)?;
        let aors: Vec<Value> = records.iter().map(|r| shown(locations, r, brief)).collect();
        Ok(json!({ "name": table.name(), "hash_size": table.shards(), "AORs": aors }))
    };
    let domains: Result<Vec<Value>, CommandError> = locations.tables().iter().map(domain).collect();
    Ok(json!({ "Domains": domains? }))
}

/// The records of all users, or of one, wherever they are.
fn records(
    locations: &Locations,
    table: &Table,
    aor: Option<&[u8]>,
) -> Result<Vec<Record>, CommandError> {
    if table.is_only_in_database() {
        return table.fetch(locations, aor).or_else(|why| refuse(500, why));
    }
    let mut records = Vec::new();
    match aor {
        Some(aor) => table.look(aor, |record| records.extend(record.cloned())),
        None => table.records(&mut records),
    }
    Ok(records)
}

fn text(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

fn shown(locations: &Locations, record: &Record, brief: bool) -> Value {
    let contact = |contact: Contact<'_>| match brief {
        true => json!({ "Contact": text(contact.uri) }),
        false => shown_contact(locations, &contact),
    };
    let contacts: Vec<Value> = record.contacts().map(contact).collect();
    json!({ "AOR": text(record.aor()), "Contacts": contacts })
}

fn shown_contact(locations: &Locations, contact: &Contact<'_>) -> Value {
    let now_s = (locations.wall_us() / 1_000_000) as u32;
    let fixed = &contact.fixed;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("Contact", text(contact.uri));
    put("ContactID", json!(fixed.id.to_string()));
    put(
        "Expires",
        match fixed {
            Fixed { expires: 0, .. } => json!("permanent"),
            fixed if fixed.lives(now_s) => json!(fixed.expires - now_s),
            _ => json!("expired"),
        },
    );
    let mut q = Vec::new();
    if let Ok(given) = u16::try_from(fixed.q) {
        push_q(&mut q, given);
    }
    put("Q", text(&q));
    put("Callid", text(contact.call_id));
    put("Cseq", json!(fixed.cseq));
    put("User-agent", locations.agent_of(contact, text));
    let optional = [("Received", contact.received), ("Path", contact.path)];
    for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_empty()) {
        put(name, text(value));
    }
    put("State", json!(fixed.state.name()));
    put("Flags", json!(fixed.flags));
    put("Cflags", json!(locations.flag_names(fixed.cflags)));
    if let Some(socket) = fixed.socket.and_then(|socket| locations.sockets.get(socket)) {
        put("Socket", json!(socket.text));
    }
    put("Methods", json!(fixed.methods));
    let optional = [("Attr", contact.attr), ("SIP_instance", contact.instance)];
    for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_empty()) {
        put(name, text(value));
    }
    if fixed.latency_us > 0 {
        put("latency", json!(fixed.latency_us));
    }
    Value::Object(fields)
}

fn show(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let locations = of(state)?;
    let (table, aor) = (table_of(locations, params)?, aor_of(locations, params)?);
    match records(locations, &table, Some(aor.as_bytes()))?.first() {
        Some(record) => Ok(shown(locations, record, false)),
        None => refuse(404, "AOR not found"),
    }
}

/// Changes a record and tells what has happened.
fn edit<R>(
    locations: &Locations,
    table: &Table,
    aor: &str,
    change: impl FnOnce(&mut Edit<'_>) -> R,
) -> Result<R, CommandError> {
    let aor = aor.as_bytes();
    if table.is_only_in_database() {
        let found = records(locations, table, Some(aor))?.pop();
        let record = found.unwrap_or_else(|| Record::new(aor));
        let (result, notes, batch) = locations.edit_apart(table, &record, true, change);
        table.write(batch).or_else(|why| refuse(500, why))?;
        events::post(locations, table, &notes);
        return Ok(result);
    }
    let mut notes: Vec<Note> = Vec::new();
    let order = locations.options.order;
    let result = table.edit(aor, order, Some(&mut notes), change);
    events::post(locations, table, &notes);
    Ok(result)
}

fn flush(state: &dyn SharedState, _: &[Option<&str>]) -> Answer {
    match of(state)?.flush() {
        true => Ok(json!("OK")),
        false => refuse(500, "the database does not take it; it is tried again"),
    }
}

fn sync(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let locations = of(state)?;
    let table = table_of(locations, params)?;
    let aor = match params.get(1).copied().flatten() {
        Some(_) => Some(aor_of(locations, params)?),
        None => None,
    };
    match table.sync(locations, aor.as_deref().map(str::as_bytes)) {
        Ok(()) => Ok(json!("OK")),
        Err(why) => refuse(500, why),
    }
}

fn remove(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let locations = of(state)?;
    let (table, aor) = (table_of(locations, params)?, aor_of(locations, params)?);
    let found = edit(locations, &table, &aor, |edit| {
        let found = edit.contacts().next().is_some();
        edit.remove_if(|_| true);
        found
    })?;
    if found { Ok(json!("OK")) } else { refuse(404, "AOR not found") }
}

fn remove_contact(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let locations = of(state)?;
    let (table, aor) = (table_of(locations, params)?, aor_of(locations, params)?);
    let uri = param(params, 2).as_bytes();
    let found = edit(locations, &table, &aor, |edit| {
        edit.contacts().next()?;
        let at = edit.find(uri, Matching::Uri).map(|(at, _)| at);
        at.inspect(|at| edit.remove(*at));
        Some(at.is_some())
    })?;
    match found {
        Some(true) => Ok(json!("OK")),
        Some(false) => refuse(404, "Contact not found"),
        None => refuse(404, "AOR not found"),
    }
}

fn add(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let locations = of(state)?;
    let (table, aor) = (table_of(locations, params)?, aor_of(locations, params)?);
    let uri = param(params, 2).as_bytes();
    if Uri::parse(uri).is_none() || uri.len() > limits::URI_BYTES {
        return refuse(400, "the contact is no URI, or too long");
    }
    let number = |at: usize, name: &str| match param(params, at).parse::<u32>() {
        Ok(number) => Ok(number),
        Err(_) => refuse(400, format!("{name} is a number")),
    };
    let Some(q) = q_value(param(params, 4).as_bytes()) else { return refuse(400, "Bad q value") };
    let wall_us = locations.wall_us();
    let now_s = (wall_us / 1_000_000) as u32;
    let fixed = Fixed {
        expires: match number(3, "expires")? {
            0 => 0,
            seconds => now_s.saturating_add(seconds).min(u32::MAX - 1),
        },
        modified: now_s,
        cseq: 1,
        q: q as i16,
        flags: number(5, "flags")?,
        cflags: number(6, "cflags")?,
        methods: number(7, "methods")?,
        agent: locations.agents.number(b"OpenSIPS MI Server"),
        ..Fixed::default()
    };
    let call_id = b"dfjrewr12386fd6-343@opensips.mi";
    let contact = Contact { uri, call_id, fixed, ..Contact::default() };
    let added = edit(locations, &table, &aor, |edit| {
        match edit.find(uri, Matching::Uri).map(|(at, _)| at) {
            Some(at) => edit.update(at, &contact),
            None if edit.contacts().count() >= limits::CONTACTS => return false,
            None => {
                let fixed = Fixed { id: table.new_id(wall_us), ..fixed };
                edit.insert(&Contact { fixed, ..contact });
            }
        }
        true
    })?;
    if added { Ok(json!("OK")) } else { refuse(500, "the AOR has too many contacts") }
}
