//! The module's parameters (spec 9.6), of all releases, and what they amount to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sluice_engine::db::{Action, Condition, Field, Source, Statement};
use sluice_engine::later::Later;
use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::catalog::SettingKind::{Either, Int, Text, Word};
use sluice_script::catalog::Status::{Honoured, Ignored, Later as ComesLater};
use sluice_script::catalog::{SettingKind, Status};
use sluice_script::ir::Setting;

use super::Acc;
use super::extra::{Backend, Fields, Formats};
use super::modes::Flags;
use super::record::CORE;
use crate::db_version;
use crate::table::setting;

const RADIUS: Status = Ignored("RADIUS and Diameter are not spoken");

/// The table.
pub(super) static PARAMS: &[ParamEntry] = &[
    int("early_media", "1: provisional replies with a body are written, too; 0."),
    int("report_cancels", "1: transactions of CANCEL may be written; 0."),
    int("detect_direction", "1: From and To of requests to the caller change places; 0."),
    int("log_level", "The level of lines in the log, -3 to 4; 2."),
    setting(
        "log_facility",
        &[],
        "Facility of syslog.",
        Word,
        Ignored("lines go to standard error, for the service manager to keep"),
    ),
    checked("extra_fields", "`BACKEND: TAG->NAME; ...`; more of a transaction.", fields),
    checked("leg_fields", "`BACKEND: TAG->NAME; ...`; more of each leg.", fields),
    text("db_url", "The database; else db_default_url."),
    text("db_table_acc", "The table of what was answered; acc."),
    text("db_table_missed_calls", "The table of what was missed; missed_calls."),
    text("acc_method_column", "Column of the method; method."),
    text("acc_from_tag_column", "Column of From's tag; from_tag."),
    text("acc_to_tag_column", "Column of To's tag; to_tag."),
    text("acc_callid_column", "Column of the Call-ID; callid."),
    text("acc_sip_code_column", "Column of the reply's code; sip_code."),
    text("acc_sip_reason_column", "Column of the reply's reason; sip_reason."),
    text("acc_time_column", "Column of the moment; time."),
    flag("log_flag", "Message flag: answered ones go to the log (1.x)."),
    flag("log_missed_flag", "Message flag: missed ones go to the log (1.x)."),
    flag("db_flag", "Message flag: answered ones go to the table (1.x)."),
    flag("db_missed_flag", "Message flag: missed ones go to the table (1.x)."),
    flag("evi_flag", "Message flag: answered ones become events (1.x)."),
    flag("evi_missed_flag", "Message flag: missed ones become events (1.x)."),
    flag("failed_transaction_flag", "Message flag: failures are written, too (1.x)."),
    checked("log_extra", "`NAME=$variable; ...`, more for the log (1.x).", formats),
    checked("db_extra", "`COLUMN=$variable; ...`, more for the table (1.x).", formats),
    checked("evi_extra", "`NAME=$variable; ...`, more for events (1.x).", formats),
    setting("db_table_avp", &[], "AVP with the name of the table (1.x).", Text, ComesLater),
    setting("cdr_flag", &[], "Message flag: records of whole calls (1.x).", Either, ComesLater),
    setting("multi_leg_info", &[], "AVPs with values of legs (1.x).", Text, ComesLater),
    setting("multi_leg_bye_info", &[], "The same at the end of a call.", Text, ComesLater),
    setting("log_extra_bye", &[], "More for the log at the end of a call.", Text, ComesLater),
    setting("db_extra_bye", &[], "More for the table at the end of a call.", Text, ComesLater),
    setting("evi_extra_bye", &[], "More for events at the end of a call.", Text, ComesLater),
    setting(
        "acc_created_avp_name",
        &[],
        "AVP with the moment of the INVITE.",
        Text,
        Ignored("it serves records of whole calls, which come with dialog"),
    ),
    setting(
        "report_ack",
        &[],
        "Whether ACKs are written (1.4).",
        Int,
        Ignored("an ACK has no transaction, as in later releases; acc_log_request() writes it"),
    ),
    setting("aaa_url", &["radius_config"], "The AAA server.", Text, RADIUS),
    setting("service_type", &[], "AAA service type.", Int, RADIUS),
    setting("aaa_flag", &["radius_flag"], "Message flag: to AAA (1.x).", Either, RADIUS),
    setting("aaa_missed_flag", &["radius_missed_flag"], "The same, missed.", Either, RADIUS),
    setting("aaa_extra", &["radius_extra"], "More for AAA (1.x).", Text, RADIUS),
];

/// The tables of a database.
pub struct Table {
    /// Its queue.
    pub later: Arc<Later>,
    /// `db_table_acc`
    pub acc: Arc<str>,
    /// `db_table_missed_calls`
    pub missed: Arc<str>,
    /// The columns of the core of a record.
    pub columns: [Arc<str>; CORE],
    /// `acc_time_column`
    pub time: Arc<str>,
    /// Columns of CDRs that each of the two tables has.
    pub of_dialogs: [Vec<Arc<str>>; 2],
}

/// Columns that only the end of a dialog fills. They are written as 0 for a single transaction, as
/// their default is: a text table knows none, and refuses a row without them.
const OF_DIALOGS: [&str; 3] = ["setuptime", "duration", "ms_duration"];

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.later.source().name()).finish()
    }
}

/// Reads them.
///
/// # Errors
/// What is wrong with one of them; that a module it needs is not loaded.
pub(super) fn read(setup: &mut Setup<'_>) -> Result<Acc, SetupError> {
    let refuse = |text: &str| Err(SetupError { at: None, text: text.to_owned() });
    if !setup.script.modules.contains(&"tm") {
        return refuse("transactions are what is written: loadmodule \"tm.so\"");
    }
    let detect_direction = setup.int("detect_direction", 0) != 0;
    if detect_direction && !setup.script.modules.contains(&"rr") {
        return refuse("detect_direction asks Record-Route: loadmodule \"rr.so\"");
    }
    let (extra, legs) = (all_fields(setup, "extra_fields")?, all_fields(setup, "leg_fields")?);
    let lists = ["log_extra", "db_extra", "evi_extra"];
    let lists = lists.map(|name| setup.text(name).unwrap_or_default());
    let formats = Formats::new(lists).map_err(|text| SetupError { at: None, text })?;
    let table = table(setup)?;
    let wants = [extra.are_empty(Backend::Db), legs.are_empty(Backend::Db)];
    if table.is_none() && wants.contains(&false) {
        return refuse("there are fields for db, but neither db_url nor db_default_url");
    }
    Ok(Acc {
        early_media: setup.int("early_media", 0) != 0,
        report_cancels: setup.int("report_cancels", 0) != 0,
        detect_direction,
        log_level: setup.int("log_level", 2),
        flags: flags(setup, table.is_some()),
        extra,
        legs,
        formats,
        table,
        told_lost: AtomicU64::new(0),
    })
}

/// The tables; none without a database.
fn table(setup: &mut Setup<'_>) -> Result<Option<Table>, SetupError> {
    let at = setup.param("db_url").map(|(_, at)| at);
    let url = setup.text("db_url").map(str::to_owned).filter(|url| !url.is_empty());
    let Some(url) = url.or_else(|| setup.settings.db_default_url.clone()) else {
        return Ok(None);
    };
    let source = setup.databases.open(&url).map_err(|text| SetupError { at, text })?;
    let or = |name: &str, default: &str| Arc::from(setup.text(name).unwrap_or(default));
    let (acc, missed): (Arc<str>, Arc<str>) =
        (or("db_table_acc", "acc"), or("db_table_missed_calls", "missed_calls"));
    let columns = [
        or("acc_method_column", "method"),
        or("acc_from_tag_column", "from_tag"),
        or("acc_to_tag_column", "to_tag"),
        or("acc_callid_column", "callid"),
        or("acc_sip_code_column", "sip_code"),
        or("acc_sip_reason_column", "sip_reason"),
    ];
    let time = or("acc_time_column", "time");
    let versions = &setup.settings.db_version_table;
    for (table, known) in [(&acc, 4..=7), (&missed, 3..=5)] {
        setup.warnings.extend(db_version::warning(&*source, versions, table, known));
    }
    let of_dialogs = [&acc, &missed].map(|table| of_dialogs(&*source, table, &columns[0]));
    let later = setup.databases.later(&source);
    Ok(Some(Table { later, acc, missed, columns, time, of_dialogs }))
}

/// Those of [`OF_DIALOGS`] that a table has.
fn of_dialogs(source: &dyn Source, table: &Arc<str>, method: &Arc<str>) -> Vec<Arc<str>> {
    let has = |column: &Arc<str>| {
        let action = Action::Select(Arc::new([Arc::clone(column)]));
        // No request is without a method: only whether there is an answer counts.
        let conditions = vec![Condition::equal(method, Field::text(b""))];
        source.ask(vec![Statement { table: Arc::clone(table), action, conditions }]).is_ok()
    };
    OF_DIALOGS.into_iter().map(Arc::from).filter(has).collect()
}

fn all_fields(setup: &Setup<'_>, name: &str) -> Result<Fields, SetupError> {
    let mut fields = Fields::default();
    let params = setup.script.params.iter();
    for param in params.filter(|p| p.module == setup.module && p.name == name) {
        if let Setting::Text(text) | Setting::Word(text) = &param.value {
            let added = fields.add(text);
            added.map_err(|text| SetupError { at: Some(param.at), text })?;
        }
    }
    Ok(fields)
}

fn flags(setup: &mut Setup<'_>, has_db: bool) -> Flags {
    let mut bit = |name: &str| {
        let flag = match setup.param(name).map(|(value, _)| value) {
            Some(Setting::Int(number)) if *number >= 0 => number.to_string(),
            Some(Setting::Text(flag) | Setting::Word(flag)) => flag.clone(),
            _ => return 0,
        };
        1u32.checked_shl(setup.script.flags.intern(&flag)).unwrap_or(0)
    };
    let mut flags = Flags {
        log: bit("log_flag"),
        log_missed: bit("log_missed_flag"),
        db: bit("db_flag"),
        db_missed: bit("db_missed_flag"),
        evi: bit("evi_flag"),
        evi_missed: bit("evi_missed_flag"),
        failed: bit("failed_transaction_flag"),
    };
    if !has_db {
        (flags.db, flags.db_missed) = (0, 0);
    }
    flags
}

fn fields(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) | Setting::Word(text) => Fields::default().add(text),
        Setting::Int(_) => Ok(()),
    }
}

fn formats(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) | Setting::Word(text) => Formats::new([text, "", ""]).map(|_| ()),
        Setting::Int(_) => Ok(()),
    }
}

const fn int(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, Int, Honoured)
}

const fn text(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, Text, Honoured)
}

const fn flag(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, Either, Honoured)
}

const fn checked(
    name: &'static str,
    doc: &'static str,
    check: fn(&Setting) -> Result<(), String>,
) -> ParamEntry {
    let kind: SettingKind = Text;
    ParamEntry { check: Some(check), ..setting(name, &[], doc, kind, Honoured) }
}
