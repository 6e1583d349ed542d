//! The module's parameters (spec 6.6), digested.

use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};
use sluice_script::ir::Setting;

use super::edit::Order;
use super::store::{Database, Kept};
use crate::table::setting;

/// How contacts are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The domain is part of the address of record.
    pub use_domain: bool,
    /// In what order contacts stand.
    pub order: Order,
    /// When two contacts are the same.
    pub by_call_id: bool,
    /// For how long a REGISTER of the same Call-ID and CSeq is the same one, seconds.
    pub cseq_delay_s: u32,
    /// Shards of a table, as a power of two.
    pub hash_bits: u32,
    /// How long at least lies between two sweeps of a shard, seconds.
    pub timer_interval_s: u32,
    /// The branch flag of contacts behind NAT, as a bit.
    pub nat_bflag: u32,
    /// From which latency on a ping is told of, microseconds; 0: that does not count.
    latency_min_us: u32,
    /// From which change of it on, likewise.
    latency_delta_us: u32,
}

impl Options {
    /// Reads the parameters.
    ///
    /// # Errors
    /// A mode that is not there, a flag too many.
    pub(super) fn read(setup: &mut Setup<'_>) -> Result<Self, SetupError> {
        let number = |name, default, most| setup.int(name, default).clamp(0, most) as u32;
        let micros = |name| number(name, 0, i64::from(u32::MAX));
        let order = match setup.int("desc_time_order", 0) {
            0 => Order::ByQ,
            _ => Order::NewestFirst,
        };
        Ok(Self {
            use_domain: setup.int("use_domain", 0) != 0,
            order,
            by_call_id: setup.int("matching_mode", 0) == 1,
            cseq_delay_s: number("cseq_delay", 20, i64::from(u32::MAX)),
            hash_bits: number("hash_size", 9, 16),
            timer_interval_s: number("timer_interval", 60, i64::from(u32::MAX)),
            latency_min_us: micros("latency_event_min_us"),
            latency_delta_us: micros("latency_event_min_us_delta"),
            nat_bflag: flag(setup, "nat_bflag")?,
        })
    }

    /// Whether the latency of a ping is told of, by the one before: either is enough, and without
    /// both each is.
    pub fn tells_latency(&self, before_us: u32, latency_us: u32) -> bool {
        let (min_us, delta_us) = (self.latency_min_us, self.latency_delta_us);
        min_us == 0 && delta_us == 0
            || min_us > 0 && latency_us >= min_us
            || delta_us > 0 && latency_us.abs_diff(before_us) >= delta_us
    }
}

/// The bit of a flag that a parameter names; none without it.
///
/// # Errors
/// More flags than there are.
pub fn flag(setup: &mut Setup<'_>, name: &str) -> Result<u32, SetupError> {
    let Some((value, at)) = setup.param(name) else { return Ok(0) };
    let word = match value {
        Setting::Int(-1) => return Ok(0),
        Setting::Int(number) => number.to_string(),
        Setting::Text(word) | Setting::Word(word) => word.clone(),
    };
    let slot = setup.script.flags.intern(&word);
    1u32.checked_shl(slot)
        .ok_or_else(|| SetupError { at: Some(at), text: format!("{name}: there are 32 flags") })
}

fn check_matching(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0 | 1) => Ok(()),
        _ => Err("0, the contact, or 1, contact and Call-ID".to_owned()),
    }
}

/// The database of the tables, if there is one.
///
/// # Errors
/// It cannot be opened.
pub(super) fn database(setup: &mut Setup<'_>) -> Result<Option<Database>, SetupError> {
    let Some(kept) = kept(setup) else { return Ok(None) };
    let (url, at) = match setup.param("db_url") {
        Some((Setting::Text(url), at)) => (Some(url.clone()), Some(at)),
        _ => (setup.settings.db_default_url.clone(), None),
    };
    let Some(url) = url else {
        let text = "contacts are kept in a database: db_url says in which".to_owned();
        return Err(SetupError { at, text });
    };
    let source = setup.databases.open(&url).map_err(|text| SetupError { at, text })?;
    let use_domain = setup.int("use_domain", 0) != 0;
    Ok(Some(Database::new(setup, source, kept, use_domain)))
}

/// spec 6.6: db_mode outranks the preset, which outranks the single settings. `None`: no database.
fn kept(setup: &Setup<'_>) -> Option<Kept> {
    if setup.param("db_mode").is_some() {
        return match setup.int("db_mode", 0) {
            1 => Some(Kept::WriteThrough),
            2 => Some(Kept::WriteBack),
            3 => Some(Kept::Only),
            _ => None,
        };
    }
    let text = |name: &str| setup.text(name).unwrap_or_default();
    match text("working_mode_preset") {
        "single-instance-sql-write-through" => return Some(Kept::WriteThrough),
        "single-instance-sql-write-back" => return Some(Kept::WriteBack),
        "sql-only" => return Some(Kept::Only),
        "" => {}
        _ => return None,
    }
    match (text("cluster_mode"), text("restart_persistency"), text("sql_write_mode")) {
        ("sql-only", ..) => Some(Kept::Only),
        (_, "load-from-sql", "write-through") => Some(Kept::WriteThrough),
        (_, "load-from-sql", _) => Some(Kept::WriteBack),
        _ => None,
    }
}

fn check_mode(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=3) => Ok(()),
        _ => Err("0 memory, 1 write-through, 2 write-back or 3 database only".to_owned()),
    }
}

/// One of some words.
fn check_words(value: &Setting, words: &[&str]) -> Result<(), String> {
    match value {
        Setting::Text(word) if words.contains(&word.as_str()) => Ok(()),
        _ => Err(format!("{}; others come later", words.join(", "))),
    }
}

const PRESETS: &[&str] = &[
    "single-instance-no-db",
    "single-instance-sql-write-through",
    "single-instance-sql-write-back",
    "sql-only",
];

const fn column(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, Text, Honoured)
}

const CLUSTER: &str = "there is one node";

/// The table.
pub(super) const PARAMS: &[ParamEntry] = &[
    setting("use_domain", &[], "1 = an AoR is user@domain, 0 (default) = user.", Int, Honoured),
    setting(
        "desc_time_order",
        &[],
        "1 = contacts stand with the newest first, 0 (default) = by q.",
        Int,
        Honoured,
    ),
    ParamEntry {
        check: Some(check_matching),
        ..setting(
            "matching_mode",
            &[],
            "0 (default) = a contact is its URI, 1 = URI and Call-ID.",
            Int,
            Honoured,
        )
    },
    setting(
        "cseq_delay",
        &[],
        "Seconds in which a REGISTER with known Call-ID and CSeq is the same again; default 20.",
        Int,
        Honoured,
    ),
    setting(
        "latency_event_min_us",
        &[],
        "E_UL_LATENCY_UPDATE from so many microseconds on; 0 (default) = does not count.",
        Int,
        Honoured,
    ),
    setting(
        "latency_event_min_us_delta",
        &[],
        "The same from so great a change on; without both, of each ping.",
        Int,
        Honoured,
    ),
    setting("nat_bflag", &[], "The branch flag of contacts behind NAT.", Either, Honoured),
    setting(
        "timer_interval",
        &[],
        "Seconds between two sweeps, and between two writings; default 60.",
        Int,
        Honoured,
    ),
    setting("hash_size", &[], "Parts of a table, a power of two; at least 12.", Int, Honoured),
    ParamEntry {
        check: Some(check_mode),
        ..setting(
            "db_mode",
            &[],
            "0 = memory (default), 1 = write-through, 2 = write-back, 3 = database only.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(|value| check_words(value, PRESETS)),
        ..setting(
            "working_mode_preset",
            &[],
            "How contacts are kept; default `single-instance-no-db`.",
            Text,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(|value| check_words(value, &["none", "sql-only"])),
        ..setting(
            "cluster_mode",
            &[],
            "How nodes share contacts: `none` (default), or `sql-only`, in the database alone.",
            Text,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(|value| check_words(value, &["none", "load-from-sql"])),
        ..setting(
            "restart_persistency",
            &[],
            "`load-from-sql` = contacts are in a database; default `none`.",
            Text,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(|value| check_words(value, &["none", "write-through", "write-back"])),
        ..setting(
            "sql_write_mode",
            &[],
            "When they are written there: `write-through` or `write-back`.",
            Text,
            Honoured,
        )
    },
    setting("db_url", &[], "The database of the tables; default db_default_url.", Text, Honoured),
    column("contact_id_column", "Column of a contact's number; default `contact_id`."),
    column("user_column", "Column of the AoR's user; default `username`."),
    column("domain_column", "Column of the AoR's domain; default `domain`."),
    column("contact_column", "Column of the contact's URI; default `contact`."),
    column("received_column", "Column of where it came from; default `received`."),
    column("path_column", "Column of its Path; default `path`."),
    column("expires_column", "Column of when it expires; default `expires`."),
    column("q_column", "Column of its q; default `q`."),
    column("callid_column", "Column of its Call-ID; default `callid`."),
    column("cseq_column", "Column of its CSeq number; default `cseq`."),
    column("last_modified_column", "Column of its last change; default `last_modified`."),
    column("flags_column", "Column of its flags; default `flags`."),
    column("cflags_column", "Column of its branch flags; default `cflags`."),
    column("user_agent_column", "Column of its User-Agent; default `user_agent`."),
    column("socket_column", "Column of its socket; default `socket`."),
    column("methods_column", "Column of its methods; default `methods`."),
    column("sip_instance_column", "Column of its instance; default `sip_instance`."),
    column("attr_column", "Column of its attributes; default `attr`."),
    setting("kv_store_column", &[], "Column of keys and values.", Text, Ignored("there are none")),
    setting("cachedb_url", &[], "The cache of a cluster.", Text, Later),
    setting("location_cluster", &[], "The cluster of this node.", Int, Later),
    setting("skip_replicated_db_ops", &[], "What a cluster writes.", Int, Ignored(CLUSTER)),
    setting("shared_pinging", &[], "Who of a cluster sends pings.", Int, Ignored(CLUSTER)),
    setting("pinging_mode", &[], "Who of a cluster sends pings.", Text, Ignored(CLUSTER)),
    setting(
        "max_contact_delete",
        &[],
        "Contacts that are removed from a table at once.",
        Int,
        Ignored("as many as there are go at once"),
    ),
    setting(
        "regen_broken_contactid",
        &[],
        "1 = numbers of contacts that do not fit are made anew.",
        Int,
        Ignored("any number fits"),
    ),
    setting(
        "mi_dump_kv_store",
        &[],
        "1 = ul_dump shows keys and values.",
        Int,
        Ignored("contacts have no keys and values"),
    ),
    setting("contact_refresh_timer", &[], "Push notifications (RFC 8599).", Either, Later),
];
