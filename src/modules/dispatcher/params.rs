//! The module's parameters (spec 3.8) and what they amount to.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::Script;
use sluice_script::catalog::{SettingKind, Status};
use sluice_script::ir::{RouteKind, Setting};
use sluice_script::source::Location;

use super::failover::Avps;
use super::flags::{self, Flags};
use super::given::Given;
use super::table::{Columns, TableSource};
use crate::names;

/// What the parameters that all partitions share amount to.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    /// Flags that every selection has besides its own.
    pub flags: Flags,
    /// Whether a selection may replace a `$du` that is set already.
    pub force_dst: bool,
    /// What receives the set in which `ds_is_in_list` found an address.
    pub setid: Option<Variable>,
    /// Percent of a fair share that Maglev gives at most; `None` is off.
    pub maglev_bound: Option<u32>,
}

/// A variable that a parameter names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variable {
    /// `$avp(name)` by slot.
    Avp(u32),
    /// `$var(name)` by slot.
    Var(u32),
}

const LIST_FILE: &str = "/etc/opensips/dispatcher.list";

impl Params {
    /// Reads them.
    ///
    /// # Errors
    /// A parameter that names no variable.
    pub fn read(setup: &mut Setup<'_>) -> Result<Self, SetupError> {
        let mut flags = Flags::of_modparam(setup.int("flags", 0));
        flags.default_last = setup.int("use_default", 0) != 0;
        let at = setup.param("setid_pvar").map(|(_, at)| at);
        let setid = match setup.text("setid_pvar").map(|name| name.trim().to_owned()) {
            None => None,
            Some(name) => Some(variable(setup.script, &name).ok_or(SetupError {
                at,
                text: format!("setid_pvar is $avp(name) or $var(name), not `{name}`"),
            })?),
        };
        Ok(Self {
            flags,
            force_dst: setup.int("force_dst", 1) != 0,
            setid,
            maglev_bound: u32::try_from(setup.int("maglev_bound", 0)).ok().filter(|n| *n > 0),
        })
    }
}

/// What algorithms 9 and 10 ask for each destination.
#[derive(Debug)]
pub struct Scoring {
    /// A variable in which `%u` stands for the URI and `%i` for the set (`pvar_algo_pattern`).
    pub pattern: Option<String>,
    /// A route (`algo_route`).
    pub route: Option<String>,
}

impl Scoring {
    /// Reads it.
    ///
    /// # Errors
    /// A pattern that is no variable, a route that is not there.
    pub fn read(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let refuse = |name, text| {
            let at = setup.param(name).map(|(_, at)| at);
            Err(SetupError { at, text })
        };
        let text = |name| setup.text(name).map(|text| text.trim().to_owned());
        let (pattern, route) = (text("pvar_algo_pattern"), text("algo_route"));
        if let Some(pattern) = pattern.as_deref().filter(|pattern| !pattern.starts_with('$')) {
            let text =
                format!("pvar_algo_pattern is a variable, `$stat(load_%u)`, not `{pattern}`");
            return refuse("pvar_algo_pattern", text);
        }
        let is_there = |name: &str| {
            let mut routes = setup.script.routes.iter();
            routes.any(|route| route.kind == RouteKind::Request && route.name == name)
        };
        if let Some(name) = route.as_deref().filter(|name| name.is_empty() || !is_there(name)) {
            return refuse("algo_route", format!("there is no route[{name}] for algo_route"));
        }
        Ok(Self { pattern, route })
    }
}

/// The AVPs of a partition; names are interned.
///
/// # Errors
/// A parameter that names no AVP.
pub fn avps(given: &mut Given<'_, '_>) -> Result<Avps, SetupError> {
    Ok(Avps {
        destination: avp_or(given, "dst_avp", "ds_dst_failover")?,
        group: avp_or(given, "grp_avp", "ds_grp_failover")?,
        count: avp_or(given, "cnt_avp", "ds_cnt_failover")?,
        attrs: avp(given, "attrs_avp")?,
        script_attrs: avp(given, "script_attrs_avp")?,
    })
}

/// The path of a partition's list file, and where the script gives it.
pub fn list_file(given: &Given<'_, '_>) -> (Option<String>, Option<Location>) {
    let named = given.text("list_file");
    let at = given.at("list_file");
    // Where only others are defined, nobody asks for the default one's list.
    let is_asked_for = given.definition.at.is_some() || given.setup.param("partition").is_none();
    let default = given.definition.is_default() && is_asked_for;
    (named.or_else(|| default.then(|| LIST_FILE.to_owned())), at)
}

/// The table that a partition's destinations come from: `db_url`, or the database of all modules
/// where no list file is named.
///
/// # Errors
/// Why there is no such database; a partition that has neither table nor list file.
pub fn table(given: &mut Given<'_, '_>) -> Result<Option<Arc<TableSource>>, SetupError> {
    let has_list = match given.definition.is_default() {
        true => given.own("list_file").is_some() && given.own("db_url").is_none(),
        false => given.own("list_file").is_some(),
    };
    let url = given.text("db_url").filter(|_| !has_list || given.own("db_url").is_some());
    let at = given.at("db_url");
    let (url, at) = match url {
        Some(url) => (url, at),
        None => match given.setup.settings.db_default_url.clone() {
            Some(url) if given.text("list_file").is_none() => (url, None),
            _ if list_file(given).0.is_none() && !given.definition.is_default() => {
                let name = &given.definition.name;
                let text = format!("partition {name} has neither db_url nor list_file");
                return Err(SetupError { at: given.definition.at, text });
            }
            _ => return Ok(None),
        },
    };
    if given.definition.at.is_some() && given.own("list_file").is_some() {
        let name = &given.definition.name;
        given.setup.warnings.push(format!("partition {name}: db_url goes before list_file"));
    }
    let source = given.setup.databases.open(&url).map_err(|text| SetupError { at, text })?;
    Ok(Some(Arc::new(TableSource {
        later: given.setup.databases.later(&source),
        source,
        table: given.text("table_name").unwrap_or_else(|| "dispatcher".to_owned()).into(),
        columns: columns(given.setup),
        versions: given.setup.settings.db_version_table.clone(),
        keeps_states: given.int("persistent_state", 1) != 0,
        state_column: ArcSwapOption::const_empty(),
    })))
}

fn columns(setup: &Setup<'_>) -> Columns {
    let mut columns = Columns::default();
    for (name, column) in [
        ("setid_col", &mut columns.set),
        ("destination_col", &mut columns.destination),
        ("socket_col", &mut columns.socket),
        ("state_col", &mut columns.state),
        ("weight_col", &mut columns.weight),
        ("priority_col", &mut columns.priority),
        ("attrs_col", &mut columns.attrs),
        ("probe_mode_col", &mut columns.probe_mode),
        ("description_col", &mut columns.description),
    ] {
        if let Some(given) = setup.text(name) {
            *column = given.to_owned();
        }
    }
    columns
}

/// An AVP, or that of the default's name; partitions other than the default one end it in theirs.
fn avp_or(given: &mut Given<'_, '_>, param: &str, default: &str) -> Result<u32, SetupError> {
    if let Some(slot) = avp(given, param)? {
        return Ok(slot);
    }
    let avps = &mut given.setup.script.avps;
    Ok(match given.definition.is_default() {
        true => avps.intern(default),
        false => avps.intern(&format!("{default}_{}", given.definition.name)),
    })
}

/// The slot of an AVP parameter: `$avp(name)`, `$(avp(name))`, or the bare name of 1.x.
fn avp(given: &mut Given<'_, '_>, param: &str) -> Result<Option<u32>, SetupError> {
    let Some(value) = given.text(param) else { return Ok(None) };
    match names::avp(&value) {
        Some(name) => Ok(Some(given.setup.script.avps.intern(name))),
        None => Err(SetupError {
            at: given.at(param),
            text: format!("{param} is an AVP, `$avp(name)`, not `{value}`"),
        }),
    }
}

fn variable(script: &mut Script, text: &str) -> Option<Variable> {
    match names::inner(text, "avp") {
        Some(name) => Some(Variable::Avp(script.avps.intern(name))),
        None => names::inner(text, "var").map(|name| Variable::Var(script.vars.intern(name))),
    }
}

/// The table.
pub static PARAMS: &[ParamEntry] = &[
    honoured("list_file", TEXT, "File of destinations; default /etc/opensips/dispatcher.list"),
    checked("flags", flags::check_modparam, "1 = hash the user part only, 2 = failover; default 0"),
    honoured("force_dst", INT, "1 = replace a $du that is set, 0 = fail then; default 1"),
    honoured("use_default", INT, "1 = the last destination only if no other; default 0"),
    honoured("hash_pvar", TEXT, "Format whose text algorithm 7 hashes; no default"),
    honoured("dst_avp", TEXT, "AVP of the destinations; default $avp(ds_dst_failover)"),
    honoured("grp_avp", TEXT, "AVP of the set; default $avp(ds_grp_failover)"),
    honoured("cnt_avp", TEXT, "AVP of their number; default $avp(ds_cnt_failover)"),
    honoured("attrs_avp", TEXT, "AVP of the destination's attributes; no default"),
    honoured("script_attrs_avp", TEXT, "AVP of the script's attributes; no default"),
    honoured("setid_pvar", TEXT, "Gets the set where ds_is_in_list found it; no default"),
    checked("maglev_bound", check_bound, "Most percent of a fair share by maglev; default 0 (off)"),
    ParamEntry {
        aliases: &["ds_probing_threshhold"],
        ..checked("ds_probing_threshold", check_positive, "Failures until probing; default 3")
    },
    checked("ds_ping_interval", check_interval, "Seconds between probes; default 0 (off)"),
    honoured("passive_health", INT, "1 = what becomes of calls counts as probes do; default 0"),
    honoured("passive_reply_codes", TEXT, "Replies that are failures; default 503"),
    checked("passive_back_off", check_back_off, "First seconds out by passive health; default 10"),
    checked(
        "passive_most_out",
        check_percent,
        "Most percent of a set that it takes out; default 50",
    ),
    honoured("call_statistics", INT, "1 = calls, failures and latency are counted; default 0"),
    honoured("ds_ping_method", TEXT, "Method of probes; default OPTIONS"),
    honoured("ds_ping_from", TEXT, "From of probes; default sip:dispatcher@localhost"),
    honoured("ds_ping_maxfwd", INT, "Max-Forwards of probes; default -1 (the usual one)"),
    honoured("ds_probing_mode", INT, "1 = probe active destinations too; default 0"),
    honoured("options_reply_codes", TEXT, "Good replies to probes besides 200; default none"),
    honoured("ds_probing_sock", TEXT, "Socket of probes; default that of the route"),
    honoured("ds_probing_list", EITHER, "Sets that are probed; default all"),
    ignored("sock_avp", TEXT, "sockets are found with their destinations", "AVP of the sockets"),
    honoured("persistent_state", INT, "1 = states are the table's, and go back there; default 1"),
    honoured(
        "pvar_algo_pattern",
        TEXT,
        "Variable that algorithm 9 sorts by, %u the URI, %i the set",
    ),
    honoured("algo_route", SettingKind::Route, "Route whose code algorithm 10 sorts by"),
    honoured("db_url", TEXT, "Database of destinations, in place of the list file; no default"),
    honoured("table_name", TEXT, "Table of destinations; default dispatcher"),
    honoured("setid_col", TEXT, "Column of the set's number; default setid"),
    honoured("destination_col", TEXT, "Column of the URI; default destination"),
    honoured("socket_col", TEXT, "Column of the sending socket; default socket"),
    ParamEntry {
        aliases: &["flags_col"],
        ..honoured("state_col", TEXT, "Column of the first state; default state, or flags")
    },
    honoured("weight_col", TEXT, "Column of the weight; default weight"),
    honoured("priority_col", TEXT, "Column of the priority; default priority"),
    honoured("attrs_col", TEXT, "Column of the attributes; default attrs"),
    honoured("description_col", TEXT, "Column of the description; default description"),
    honoured("probe_mode_col", TEXT, "Column of the probing mode; default probe_mode"),
    honoured("partition", TEXT, "Further sets: `name: property = value; ...`; repeatable"),
    honoured("ds_define_blacklist", TEXT, "Blacklist of sets' addresses, `name = 1,3`; repeatable"),
    later("fetch_freeswitch_stats", INT, "Weights from FreeSWITCH"),
    later("max_freeswitch_weight", INT, "Greatest weight from FreeSWITCH"),
    later("cluster_id", INT, "Cluster that states are shared in"),
    later("cluster_sharing_tag", TEXT, "Sharing tag of the cluster"),
    later("cluster_probing_mode", TEXT, "Who probes in the cluster"),
];

const INT: SettingKind = SettingKind::Int;
const TEXT: SettingKind = SettingKind::Text;
const EITHER: SettingKind = SettingKind::Either;

const fn entry(
    name: &'static str,
    kind: SettingKind,
    status: Status,
    doc: &'static str,
) -> ParamEntry {
    ParamEntry { name, aliases: &[], doc, kind, status, check: None }
}

const fn honoured(name: &'static str, kind: SettingKind, doc: &'static str) -> ParamEntry {
    entry(name, kind, Status::Honoured, doc)
}

const fn ignored(
    name: &'static str,
    kind: SettingKind,
    why: &'static str,
    doc: &'static str,
) -> ParamEntry {
    entry(name, kind, Status::Ignored(why), doc)
}

const fn later(name: &'static str, kind: SettingKind, doc: &'static str) -> ParamEntry {
    entry(name, kind, Status::Later, doc)
}

/// An honoured number with a check.
const fn checked(
    name: &'static str,
    check: fn(&Setting) -> Result<(), String>,
    doc: &'static str,
) -> ParamEntry {
    ParamEntry { check: Some(check), ..honoured(name, INT, doc) }
}

fn check_interval(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=86_400) => Ok(()),
        _ => Err("0 (off) or a number of seconds up to 86400".to_owned()),
    }
}

fn check_back_off(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=3_600) => Ok(()),
        _ => Err("a number of seconds from 1 to 3600".to_owned()),
    }
}

fn check_percent(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=100) => Ok(()),
        _ => Err("a number of percent from 1 to 100".to_owned()),
    }
}

fn check_positive(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=0xFFFF) => Ok(()),
        _ => Err("a number from 1 to 65535".to_owned()),
    }
}

fn check_bound(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0 | 105..=1_000) => Ok(()),
        _ => Err("0 (off) or a number of percent from 105 to 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_in_both_forms() {
        let mut script = Script::default();
        assert_eq!(variable(&mut script, "$avp(set)"), Some(Variable::Avp(0)));
        assert_eq!(variable(&mut script, "$(avp(set))"), Some(Variable::Avp(0)));
        assert_eq!(variable(&mut script, "$var(set)"), Some(Variable::Var(0)));
        assert_eq!(script.avps.name(0), Some("set"));
        for wrong in ["set", "$ru", "$avp()", "$avp(a", "$hdr(x)", "$avp($var(x))"] {
            assert_eq!(variable(&mut script, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(check_interval(&Setting::Int(0)), Ok(()));
        assert!(check_interval(&Setting::Int(-1)).is_err());
        assert!(check_positive(&Setting::Int(0)).is_err());
    }

    #[test]
    fn a_bound_leaves_room_above_the_fair_share() {
        assert!(check_bound(&Setting::Int(0)).is_ok() && check_bound(&Setting::Int(125)).is_ok());
        assert!(check_bound(&Setting::Int(100)).is_err());
    }
}
