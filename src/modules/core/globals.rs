//! The global parameters (spec 1.3), old and new names. What nothing reads is listed with the
//! reason; nothing is accepted and then not done.

use sluice_engine::blacklist::Definition;
use sluice_engine::module::ParamEntry;
use sluice_script::catalog::SettingKind::{Bool, Either, Hosts, Int, Port, Socket, Text, Word};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};
use sluice_script::catalog::{SettingKind, Status};
use sluice_script::ir::Setting;

use super::api::server_addr;
use crate::table::setting;

const NO_POOLS: Status = Ignored("Sluice has no memory pools");
const FOREGROUND: Status = Ignored("Sluice stays in the foreground; the service manager forks");
const PRIVILEGES: Status = Ignored("the service manager sets user, group and directories");
const NO_WAITING: Status = Ignored("a worker never waits for a connection");
const ONE_OWNER: Status =
    Ignored("each connection is read by one worker, its messages by their owners");
const NO_TLS: Status = Ignored("TLS is not served, so it changes nothing");
const STDERR: Status =
    Ignored("the log goes to standard error, where the service manager reads it");
const COLOURS: Status = Ignored("the log goes to standard error, where colours always work");
const NO_DEBUG: Status = Ignored("a debugging aid of OpenSIPS' processes");
const NO_PROCESSES: Status = Ignored("Sluice has one thread per CPU and no other workers");

/// All of them.
pub(super) static ALL: &[ParamEntry] = &[
    // --- log
    on("log_level", &["debug"], "Threshold of the program's log, -3 to 4; 2.", Int),
    on("xlog_level", &[], "Threshold of xlog(), -3 to 4; 2.", Int),
    on("xlog_buf_size", &[], "Longest text of one xlog(), bytes; 4096.", Int),
    off("debug_mode", &[], "Development mode.", Bool, NO_DEBUG),
    off("stderror_enabled", &["log_stderror"], "Log to standard error.", Bool, STDERR),
    off("syslog_enabled", &[], "Log to syslog.", Bool, STDERR),
    off("syslog_facility", &["log_facility"], "Facility of syslog.", Word, STDERR),
    off("syslog_name", &["log_name"], "Name in syslog.", Either, STDERR),
    off("syslog_level", &["stderror_level"], "Level of one log target.", Int, STDERR),
    off("log_prefix", &[], "Text before each line.", Either, STDERR),
    off("log_msg_buf_size", &[], "Longest line of the log.", Int, STDERR),
    off("stderror_log_format", &["syslog_log_format"], "Format of lines.", Either, STDERR),
    off("stderror_level_filter", &["syslog_level_filter"], "Filter of a target.", Int, STDERR),
    off("log_stdout", &[], "Keep standard output.", Bool, STDERR),
    off("log_json_buf_size", &[], "Longest line in JSON.", Int, STDERR),
    off("log_event_enabled", &[], "An event for each line.", Bool, Later),
    off("log_event_level_filter", &[], "Filter of those events.", Int, Later),
    on("xlog_print_level", &["xlog_default_level"], "Level of xlog() without one; 2.", Int),
    off("xlog_force_color", &[], "Colours where the log is no terminal's.", Bool, COLOURS),
    // --- workers and process
    on("udp_workers", &["children"], "Number of workers, at most one per CPU; all CPUs.", Int),
    off("tcp_workers", &["tcp_children"], "TCP workers.", Int, NO_PROCESSES),
    off("timer_workers", &[], "Timer workers.", Int, NO_PROCESSES),
    off("auto_scaling_profile", &[], "Growing and shrinking of workers.", Word, NO_PROCESSES),
    off("auto_scaling_cycle", &[], "How often load is looked at.", Int, NO_PROCESSES),
    off("tcp_threads", &[], "TCP threads.", Int, NO_PROCESSES),
    off("fork", &[], "Run in the background.", Bool, FOREGROUND),
    off("pidfile", &[], "File of the process number.", Text, FOREGROUND),
    off("user", &["uid"], "User to run as.", Either, PRIVILEGES),
    off("group", &["gid"], "Group to run as.", Either, PRIVILEGES),
    off("chroot", &[], "Root directory.", Word, PRIVILEGES),
    off("wdir", &["workdir"], "Working directory.", Word, PRIVILEGES),
    off("disable_core_dump", &[], "No core dumps.", Bool, PRIVILEGES),
    off("open_files_limit", &[], "Limit of open files.", Int, PRIVILEGES),
    off("mpath", &[], "Directory of modules.", Text, Ignored("all modules are built in")),
    // --- sockets and names
    on("socket", &["listen"], "A listening socket, `udp:HOST[:PORT] [as HOST[:PORT]]`.", Socket),
    on("port", &[], "Port of sockets that name none (1.x); 5060.", Port),
    ParamEntry {
        check: Some(check_blacklist),
        ..on(
            "dst_blacklist",
            &[],
            "Where requests are not sent to, `name:{(udp, 10.0.0.0/8, 5060, \"\")}`; repeatable.",
            Text,
        )
    },
    on("alias", &[], "A host, or `proto:host:port`, that is us.", Hosts),
    off("auto_aliases", &[], "Names of the sockets' addresses are us, too.", Bool, NO_REVERSE),
    on("advertised_address", &[], "Host of our Via.", Word),
    on("advertised_port", &[], "Port of our Via.", Port),
    on("mhomed", &[], "The kernel says which socket reaches a destination; 0.", Bool),
    off("tos", &[], "Type of service of sent packets.", Word, TOS),
    off("reuse_port", &[], "SO_REUSEPORT.", Bool, Ignored("every socket has it")),
    off("maxbuffer", &[], "Most bytes of a socket's buffer.", Int, BUFFERS),
    off("poll_method", &["udp_poll_method"], "How sockets are waited for.", Word, EPOLL),
    off(
        "mcast_loopback",
        &["mcast_ttl"],
        "Multicast of sockets.",
        Int,
        Ignored("no multicast is joined"),
    ),
    // --- SIP
    on("check_via", &[], "Replies whose top Via is not ours are dropped; 0.", Bool),
    on("server_signature", &[], "Whether local replies have a Server header; 1.", Bool),
    on("server_header", &[], "The Server header of local replies, name included.", Text),
    on("user_agent_header", &[], "The User-Agent header of own requests, name included.", Text),
    on("sip_warning", &[], "Warning 392 in local replies; 0.", Bool),
    on("reply_to_via", &[], "Local replies go to the Via's address (1.x); 0.", Bool),
    on("disable_stateless_fwd", &[], "Drop replies; 1 when the script has no forward().", Bool),
    on("disable_503_translation", &[], "A forwarded 503 stays 503; 0.", Bool),
    on("max_while_loops", &[], "Most rounds of one while; 10000.", Int),
    off("dns", &[], "Look up Via hosts before adding received.", Bool, VIA_DNS),
    off("rev_dns", &[], "Look up source addresses for received.", Bool, VIA_DNS),
    // --- name resolution and databases
    on("dns_try_ipv6", &[], "Ask for AAAA, too, where there is an IPv6 socket; 1.", Bool),
    on("dns_try_naptr", &[], "Ask for NAPTR where neither port nor transport is given; 1.", Bool),
    checked("dns_retr_time", "Seconds until a question is repeated; 0.6.", Int, retry_time),
    checked("dns_retr_no", "How often a question is repeated; 2.", Int, retries),
    checked("dns_servers_no", "Most name servers of the system's that are asked; all.", Int, one),
    on("dns_use_search_list", &[], "Use the system's search list; 1.", Bool),
    checked(
        "dns_server",
        "Ours: a name server, `ADDRESS[:PORT]`, instead of the system's; repeatable.",
        Text,
        name_server,
    ),
    on("disable_dns_failover", &[], "Only one address of a name is tried; 0.", Bool),
    on("disable_dns_blacklist", &[], "Failed addresses are not remembered; 0.", Bool),
    checked(
        "dns_blacklist_time",
        "Ours: seconds for which an address that failed is avoided; 30.",
        Int,
        seconds,
    ),
    on("db_version_table", &[], "Table of table versions; version.", Text),
    on("db_default_url", &[], "Database of modules that name none; none.", Text),
    off("db_max_async_connections", &[], "Connections for queries.", Int, NO_DATABASE),
    off("query_buffer_size", &["query_flush_time"], "Grouping of inserts.", Int, NO_DATABASE),
    off("avp_aliases", &[], "Short names of AVPs (1.x).", Text, Later),
    // --- memory and debugging of OpenSIPS' processes
    off(
        "memdump",
        &["memlog", "mem_dump", "mem_log", "mem_warming"],
        "Memory pools.",
        Either,
        NO_POOLS,
    ),
    off("mem_warming_pattern_file", &[], "Memory pools.", Text, NO_POOLS),
    off("shm_hash_split_percentage", &["shm_secondary_hash_size"], "Memory pools.", Int, NO_POOLS),
    off(
        "shm_memlog_size",
        &["event_shm_threshold", "event_pkg_threshold"],
        "Memory pools.",
        Int,
        NO_POOLS,
    ),
    off("pv_print_buf_size", &[], "Longest text with variables.", Int, NO_POOLS),
    off(
        "exec_msg_threshold",
        &["exec_dns_threshold", "tcp_threshold"],
        "Warnings about slow steps.",
        Int,
        NO_DEBUG,
    ),
    off("restart_persistency_size", &["mem_warming_percentage"], "Memory pools.", Int, NO_POOLS),
    off("restart_persistency_cache_file", &[], "Memory pools.", Text, NO_POOLS),
    on("enable_asserts", &[], "Whether assert() does anything; 0.", Bool),
    on("abort_on_assert", &[], "Whether a failed assert() ends the program; 0.", Bool),
    // --- TCP and TLS
    on("disable_tcp", &[], "Sockets of TCP are left out (1.x); 0.", Bool),
    on("tcp_max_connections", &[], "Connections of all workers; 2048.", Int),
    on("tcp_connect_timeout", &[], "Longest attempt to connect, ms; 3000.", Int),
    on("tcp_connection_lifetime", &[], "Seconds a connection may carry nothing; 120.", Int),
    on("tcp_max_msg_time", &[], "Seconds that a message may take to arrive; 4.", Int),
    on("tcp_accept_aliases", &[], "Whether the Via parameter `alias` is heard; 0.", Bool),
    on("tcp_socket_backlog", &["tcp_listen_backlog"], "Connections not yet accepted; 1024.", Int),
    on("tcp_keepalive", &[], "Whether the system probes idle connections; 1.", Bool),
    on("tcp_keepidle", &[], "Seconds before the first probe; the system's.", Int),
    on("tcp_keepinterval", &[], "Seconds between probes; the system's.", Int),
    on("tcp_keepcount", &[], "Probes without an answer; the system's.", Int),
    on("tcp_send_timeout", &["tcp_write_timeout"], "Seconds a peer may take nothing (1.x).", Int),
    off("tcp_poll_method", &[], "How TCP connections are waited for.", Word, EPOLL),
    on(
        "tcp_no_new_conn_bflag",
        &[],
        "Requests of branches with this flag open no TCP connection; none.",
        Word,
    ),
    on(
        "tcp_no_new_conn_rplflag",
        &[],
        "Replies to messages with this flag open no TCP connection; none.",
        Word,
    ),
    off("tcp_parallel_handling", &["tcp_parallel_read_on_workers"], "Readers.", Int, ONE_OWNER),
    off("tcp_async", &[], "Connecting without waiting (2.x).", Int, NO_WAITING),
    off("disable_tls", &[], "No TLS (1.x).", Bool, NO_TLS),
    off("tls_method", &["tls_ciphers_list"], "TLS version (1.x).", Word, NO_TLS),
    off(
        "tls_certificate",
        &["tls_private_key", "tls_ca_list"],
        "Certificates and keys.",
        Text,
        NO_TLS,
    ),
    off(
        "tls_verify_client",
        &["tls_verify_server", "tls_verify"],
        "Settings of TLS.",
        Bool,
        NO_TLS,
    ),
    off(
        "tls_require_client_certificate",
        &["tls_require_certificate"],
        "Settings of TLS.",
        Bool,
        NO_TLS,
    ),
    off(
        "tls_port_no",
        &["tls_handshake_timeout", "tls_send_timeout"],
        "Settings of TLS.",
        Int,
        NO_TLS,
    ),
];

const TOS: Status = Ignored("packets keep the system's type of service");
const BUFFERS: Status = Ignored("buffers are sized by the number of workers");
const EPOLL: Status = Ignored("each worker waits by epoll");
const VIA_DNS: Status =
    Ignored("received= is added whenever the Via's host is not the source address");
const NO_REVERSE: Status = Ignored("addresses are not looked up; name them with alias");
const NO_DATABASE: Status = Ignored("no module asks a database yet");

const fn on(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
    kind: SettingKind,
) -> ParamEntry {
    setting(name, aliases, doc, kind, Honoured)
}

/// A global whose value is looked at more closely.
const fn checked(
    name: &'static str,
    doc: &'static str,
    kind: SettingKind,
    check: fn(&Setting) -> Result<(), String>,
) -> ParamEntry {
    ParamEntry { check: Some(check), ..setting(name, &[], doc, kind, Honoured) }
}

fn retry_time(value: &Setting) -> Result<(), String> {
    within(value, 1, 10)
}

fn retries(value: &Setting) -> Result<(), String> {
    within(value, 0, 10)
}

fn one(value: &Setting) -> Result<(), String> {
    within(value, 1, 100)
}

fn seconds(value: &Setting) -> Result<(), String> {
    within(value, 0, 86_400)
}

fn within(value: &Setting, least: i64, most: i64) -> Result<(), String> {
    match value {
        Setting::Int(n) if (least..=most).contains(n) => Ok(()),
        _ => Err(format!("{least} to {most}")),
    }
}

fn name_server(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) if server_addr(text).is_some() => Ok(()),
        _ => Err("`ADDRESS` or `ADDRESS:PORT`".to_owned()),
    }
}

const fn off(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
    kind: SettingKind,
    status: Status,
) -> ParamEntry {
    setting(name, aliases, doc, kind, status)
}

fn check_blacklist(value: &Setting) -> Result<(), String> {
    let Setting::Text(text) = value else { return Err("a name and rules".to_owned()) };
    text.parse::<Definition>().map(|_| ())
}
