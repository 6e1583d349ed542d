//! The module's parameters (spec 6.6), digested.

use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};
use sluice_script::ir::Setting;

use super::edit::Order;
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
}

impl Options {
    /// Reads the parameters.
    ///
    /// # Errors
    /// A mode that is not there, a flag too many.
    pub(super) fn read(setup: &mut Setup<'_>) -> Result<Self, SetupError> {
        let number = |name, default, most| setup.int(name, default).clamp(0, most) as u32;
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
            nat_bflag: flag(setup, "nat_bflag")?,
        })
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

fn check_mode(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0) => Ok(()),
        _ => Err("0, no database; others come later".to_owned()),
    }
}

fn check_preset(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(word) if word == "single-instance-no-db" => Ok(()),
        _ => Err("`single-instance-no-db`; others come later".to_owned()),
    }
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
        ..setting("db_mode", &[], "0 = no database (default).", Int, Honoured)
    },
    ParamEntry {
        check: Some(check_preset),
        ..setting(
            "working_mode_preset",
            &[],
            "How contacts are kept; default `single-instance-no-db`.",
            Text,
            Honoured,
        )
    },
    setting("db_url", &[], "The database of the tables.", Text, Ignored("there is no database")),
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
