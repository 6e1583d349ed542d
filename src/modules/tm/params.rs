//! The module's parameters (spec 8.4): how long what takes.

use sluice_engine::module::{ParamEntry, Setup};
use sluice_engine::tm::times::Times;
use sluice_script::catalog::{SettingKind, Status};
use sluice_script::ir::Setting;

use crate::table::setting;

/// The table.
pub(super) static PARAMS: &[ParamEntry] = &[
    seconds("fr_timeout", &["fr_timer"], "Seconds until any reply, or the ACK; default 30."),
    seconds(
        "fr_inv_timeout",
        &["fr_inv_timer"],
        "Seconds until the final reply to an INVITE, once a provisional one came; default 120.",
    ),
    seconds("wt_timer", &[], "Seconds that an ended transaction absorbs; default 5."),
    millis("T1_timer", &["retr_timer1p1"], "First interval of retransmissions; default 500 ms."),
    millis("T2_timer", &["retr_timer2"], "Longest interval of retransmissions; default 4000 ms."),
    flag(
        "restart_fr_on_each_reply",
        "1 = each provisional reply begins fr_inv_timeout anew; default 1.",
    ),
    flag(
        "onreply_avp_mode",
        "1 = reply routes see and set the AVPs of the transaction; default 0.",
    ),
    flag("disable_6xx_block", "1 = a 6xx does not end the other branches; default 0."),
    setting(
        "pass_provisional_replies",
        &[],
        "Provisional replies for other modules.",
        SettingKind::Int,
        Status::Ignored("no module asks for provisional replies"),
    ),
    setting(
        "ruri_matching",
        &[],
        "1 = without the magic cookie the Request-URI counts.",
        SettingKind::Int,
        Status::Ignored("it always counts (RFC 3261 17.2.3)"),
    ),
    setting(
        "via1_matching",
        &[],
        "1 = without the magic cookie the top Via counts.",
        SettingKind::Int,
        Status::Ignored("it always counts (RFC 3261 17.2.3)"),
    ),
    setting(
        "syn_branch",
        &[],
        "How branches are made.",
        SettingKind::Int,
        Status::Ignored("a branch always says where its transaction is"),
    ),
    setting(
        "delete_timer",
        &[],
        "Seconds until memory is given back.",
        SettingKind::Int,
        Status::Ignored("it is given back at once"),
    ),
    setting(
        "enable_stats",
        &[],
        "Whether statistics are kept.",
        SettingKind::Int,
        Status::Ignored("statistics are always kept"),
    ),
    setting(
        "timer_partitions",
        &[],
        "In how many parts timers are handled.",
        SettingKind::Int,
        Status::Ignored("each worker has timers of its own"),
    ),
    setting(
        "retr_timer1p2",
        &["retr_timer1p3"],
        "1.x: second and third interval of retransmissions.",
        SettingKind::Int,
        Status::Ignored("intervals double from T1_timer to T2_timer (RFC 3261 17.1)"),
    ),
    setting(
        "noisy_ctimer",
        &[],
        "1.x: whether a call that rings too long is cancelled aloud.",
        SettingKind::Int,
        Status::Ignored("its branches are cancelled always"),
    ),
    setting(
        "fr_timer_avp",
        &[],
        "1.x: the variable whose seconds are fr_timeout of the call, `$avp(name)`.",
        SettingKind::Text,
        Status::Honoured,
    ),
    setting(
        "fr_inv_timer_avp",
        &[],
        "1.x: the variable whose seconds are fr_inv_timeout of the call, `$avp(name)`.",
        SettingKind::Text,
        Status::Honoured,
    ),
    later("minor_branch_flag", "A flag of branches that nobody waits for.", SettingKind::Either),
    later("tw_append", "What t_write_req() writes.", SettingKind::Text),
    later("unix_tx_timeout", "Seconds that t_write_unix() may take.", SettingKind::Int),
    later("tm_replication_cluster", "The cluster that shares anycast addresses.", SettingKind::Int),
    later("cluster_param", "The parameter of Via that names a node.", SettingKind::Text),
    later("cluster_auto_cancel", "Whether anycast CANCELs are shared.", SettingKind::Bool),
    later("local_request_route", "A route that sees requests of ours.", SettingKind::Text),
    later("local_reply_route", "A route that sees replies of ours.", SettingKind::Text),
    flag(
        "detect_loops",
        "Ours: 1 = a request that comes back unchanged is answered by 482; default 0.",
    ),
    flag("check_require", "Ours: 1 = a Proxy-Require is answered by 420; default 0."),
    flag("auto_100trying", "1 = an INVITE is answered by 100 at once; default 1."),
];

/// Puts them where the engine looks for them.
pub(super) fn read(setup: &mut Setup<'_>) {
    let default = Times::default();
    let ms = |name: &str, unit: i64, default: u32| {
        let given = setup.int(name, i64::from(default) / unit);
        u32::try_from(given * unit).unwrap_or(default)
    };
    let times = Times {
        first_ms: ms("fr_timeout", 1_000, default.first_ms),
        invite_ms: ms("fr_inv_timeout", 1_000, default.invite_ms),
        linger_ms: ms("wt_timer", 1_000, default.linger_ms),
        t1_ms: ms("T1_timer", 1, default.t1_ms),
        t2_ms: ms("T2_timer", 1, default.t2_ms),
        restart: setup.int("restart_fr_on_each_reply", 1) != 0,
    };
    let given = |name, default| setup.int(name, default) != 0;
    let replies = (given("onreply_avp_mode", 0), given("disable_6xx_block", 0));
    let auto_100 = given("auto_100trying", 1);
    let checks = (given("detect_loops", 0), given("check_require", 0));
    let settings = &mut *setup.settings;
    (settings.times, settings.auto_100) = (times, auto_100);
    (settings.onreply_avp_mode, settings.disable_6xx_block) = replies;
    (settings.detect_loops, settings.check_require) = checks;
}

const fn seconds(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
) -> ParamEntry {
    let entry = setting(name, aliases, doc, SettingKind::Int, Status::Honoured);
    ParamEntry { check: Some(check_seconds), ..entry }
}

const fn millis(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
) -> ParamEntry {
    let entry = setting(name, aliases, doc, SettingKind::Int, Status::Honoured);
    ParamEntry { check: Some(check_millis), ..entry }
}

const fn later(name: &'static str, doc: &'static str, kind: SettingKind) -> ParamEntry {
    setting(name, &[], doc, kind, Status::Later)
}

const fn flag(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, SettingKind::Int, Status::Honoured)
}

fn check_seconds(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=86_400) => Ok(()),
        _ => Err("a number of seconds from 1 to 86400".to_owned()),
    }
}

fn check_millis(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=60_000) => Ok(()),
        _ => Err("a number of milliseconds from 1 to 60000".to_owned()),
    }
}
