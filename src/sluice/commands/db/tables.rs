//! The tables of OpenSIPS (spec 5.6) as this release knows them: all that `sluice db` makes.

use super::schema::{
    Known, Table, auto, double, int, long, long_auto, maybe, maybe_blob, maybe_int, maybe_time,
    text, text_or, time,
};

/// The table that says the versions of the others.
pub const VERSION: &str = "version";

/// All.
pub static TABLES: &[Table] = &[
    Table { unique: &["table_name"], ..table(VERSION, 0, VERSION_COLUMNS) },
    Table { renamed: &[("flags", "state")], ..table("dispatcher", 9, DISPATCHER) },
    table("load_balancer", 3, LOAD_BALANCER),
    table("address", 5, ADDRESS),
    Table { unique: &["username", "domain"], ..table("subscriber", 8, SUBSCRIBER) },
    Table { renamed: CONTACTS, ..table("location", 1013, LOCATION) },
    Table { renamed: CONTACTS, ..table("aliases", 1013, LOCATION) },
    Table { unique: &["alias_username", "alias_domain"], ..table("dbaliases", 2, DBALIASES) },
    Table { unique: &["domain"], ..table("domain", 4, DOMAIN) },
    Table { unique: &["username", "domain", "uri_user"], ..table("uri", 2, URI) },
    Table { unique: &["username", "domain", "grp"], ..table("grp", 3, GRP) },
    table("acc", 7, ACC),
    table("missed_calls", 5, MISSED_CALLS),
    table("dialog", 12, DIALOG),
    table("usr_preferences", 3, USR_PREFERENCES),
    Table { unique: &["gwid"], ..table("dr_gateways", 6, DR_GATEWAYS) },
    table("dr_rules", 4, DR_RULES),
    Table { unique: &["carrierid"], ..table("dr_carriers", 3, DR_CARRIERS) },
    table("dr_groups", 2, DR_GROUPS),
    table("dr_partitions", 1, DR_PARTITIONS),
    Table {
        unique: &["username", "domain", "sd_domain", "sd_username"],
        ..table("speed_dial", 3, SPEED_DIAL)
    },
];

/// The table of a name.
pub fn find(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

const fn table(name: &'static str, version: i64, columns: &'static [Known]) -> Table {
    Table { name, version, columns, unique: &[], renamed: &[] }
}

/// Until 1007 contacts had a number of another name.
const CONTACTS: &[(&str, &str)] = &[("id", "contact_id")];

const VERSION_COLUMNS: &[Known] = &[text("table_name", 64), int("table_version", 0)];

const DISPATCHER: &[Known] = &[
    auto("id"),
    int("setid", 0),
    text("destination", 192),
    maybe("socket", 128),
    int("state", 0),
    int("probe_mode", 0),
    text_or("weight", 64, "1"),
    int("priority", 0),
    maybe("attrs", 128),
    maybe("description", 64),
];

const LOAD_BALANCER: &[Known] = &[
    auto("id"),
    int("group_id", 0),
    text("dst_uri", 128),
    text("resources", 255),
    int("probe_mode", 0),
    maybe("attrs", 255),
    maybe("description", 128),
];

const ADDRESS: &[Known] = &[
    auto("id"),
    int("grp", 0),
    text("ip", 50),
    int("mask", 32),
    int("port", 0),
    text_or("proto", 4, "any"),
    maybe("pattern", 64),
    maybe("context_info", 32),
];

const SUBSCRIBER: &[Known] = &[
    auto("id"),
    text("username", 64),
    text("domain", 64),
    text("password", 64),
    text("ha1", 64),
    text("ha1_sha256", 64),
    text("ha1_sha512t256", 64),
];

const LOCATION: &[Known] = &[
    long_auto("contact_id"),
    text("username", 64),
    maybe("domain", 64),
    text("contact", 255),
    maybe("received", 255),
    maybe("path", 255),
    int("expires", 0),
    double("q", 1),
    text_or("callid", 255, "Default-Call-ID"),
    int("cseq", 13),
    time("last_modified"),
    int("flags", 0),
    maybe("cflags", 255),
    text("user_agent", 255),
    maybe("socket", 64),
    maybe_int("methods"),
    maybe("sip_instance", 255),
    maybe("kv_store", 0),
    maybe("attr", 255),
];

const DBALIASES: &[Known] = &[
    auto("id"),
    text("alias_username", 64),
    text("alias_domain", 64),
    text("username", 64),
    text("domain", 64),
];

const DOMAIN: &[Known] = &[
    auto("id"),
    text("domain", 64),
    maybe("attrs", 255),
    int("accept_subdomain", 0),
    time("last_modified"),
];

const URI: &[Known] = &[
    auto("id"),
    text("username", 64),
    text("domain", 64),
    text("uri_user", 64),
    time("last_modified"),
];

const GRP: &[Known] =
    &[auto("id"), text("username", 64), text("domain", 64), text("grp", 64), time("last_modified")];

const ACC: &[Known] = &[
    auto("id"),
    text("method", 16),
    text("from_tag", 64),
    text("to_tag", 64),
    text("callid", 64),
    text("sip_code", 3),
    text("sip_reason", 32),
    time("time"),
    int("duration", 0),
    int("ms_duration", 0),
    int("setuptime", 0),
    maybe_time("created"),
];

const MISSED_CALLS: &[Known] = &[
    auto("id"),
    text("method", 16),
    text("from_tag", 64),
    text("to_tag", 64),
    text("callid", 64),
    text("sip_code", 3),
    text("sip_reason", 32),
    time("time"),
    int("setuptime", 0),
    maybe_time("created"),
];

const DIALOG: &[Known] = &[
    long("dlg_id"),
    text("callid", 255),
    text("from_uri", 255),
    text("from_tag", 64),
    text("to_uri", 255),
    text("to_tag", 64),
    maybe("mangled_from_uri", 255),
    maybe("mangled_to_uri", 255),
    text("caller_cseq", 11),
    text("callee_cseq", 11),
    int("caller_ping_cseq", 0),
    int("callee_ping_cseq", 0),
    maybe("caller_route_set", 0),
    maybe("callee_route_set", 0),
    maybe("caller_contact", 255),
    maybe("callee_contact", 255),
    text("caller_sock", 64),
    text("callee_sock", 64),
    int("state", 0),
    int("start_time", 0),
    int("timeout", 0),
    maybe_blob("vars"),
    maybe("profiles", 0),
    maybe("script_flags", 255),
    int("module_flags", 0),
    int("flags", 0),
    maybe("rt_on_answer", 64),
    maybe("rt_on_timeout", 64),
    maybe("rt_on_hangup", 64),
];

const USR_PREFERENCES: &[Known] = &[
    auto("id"),
    text("uuid", 64),
    text("username", 64),
    text("domain", 64),
    text("attribute", 32),
    int("type", 0),
    text("value", 128),
    time("last_modified"),
];

const DR_GATEWAYS: &[Known] = &[
    auto("id"),
    text("gwid", 64),
    int("type", 0),
    text("address", 128),
    int("strip", 0),
    maybe("pri_prefix", 16),
    maybe("attrs", 255),
    int("probe_mode", 0),
    int("state", 0),
    maybe("socket", 128),
    maybe("description", 128),
];

const DR_RULES: &[Known] = &[
    auto("ruleid"),
    text("groupid", 255),
    text("prefix", 64),
    maybe("timerec", 255),
    int("priority", 0),
    maybe("routeid", 255),
    maybe("gwlist", 255),
    text_or("sort_alg", 1, "N"),
    maybe_int("sort_profile"),
    maybe("attrs", 255),
    maybe("description", 128),
];

const DR_CARRIERS: &[Known] = &[
    auto("id"),
    text("carrierid", 64),
    text("gwlist", 255),
    int("flags", 0),
    text_or("sort_alg", 1, "N"),
    int("state", 0),
    maybe("attrs", 255),
    maybe("description", 128),
];

const DR_GROUPS: &[Known] = &[
    auto("id"),
    text("username", 64),
    maybe("domain", 128),
    int("groupid", 0),
    maybe("description", 128),
];

const DR_PARTITIONS: &[Known] = &[
    auto("id"),
    text("partition_name", 255),
    text("db_url", 255),
    maybe("drd_table", 255),
    maybe("drr_table", 255),
    maybe("drg_table", 255),
    maybe("drc_table", 255),
    maybe("ruri_avp", 255),
    maybe("gw_id_avp", 255),
    maybe("gw_priprefix_avp", 255),
    maybe("gw_sock_avp", 255),
    maybe("rule_id_avp", 255),
    maybe("rule_prefix_avp", 255),
    maybe("carrier_id_avp", 255),
];

const SPEED_DIAL: &[Known] = &[
    auto("id"),
    text("username", 64),
    text("domain", 64),
    text("sd_username", 64),
    text("sd_domain", 64),
    text("new_uri", 255),
    text("fname", 64),
    text("lname", 64),
    text("description", 64),
];
