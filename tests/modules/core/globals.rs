//! Every global is accepted by name; those that nothing reads say so, those to come are refused.

use sluice_modules::CORE;
use sluice_script::catalog::{SettingKind, Status};

use crate::world::compiled;

/// The globals in the order of the table.
const NAMES: &[&str] = &[
    "log_level",
    "xlog_level",
    "xlog_buf_size",
    "debug_mode",
    "stderror_enabled",
    "syslog_enabled",
    "syslog_facility",
    "syslog_name",
    "syslog_level",
    "log_prefix",
    "log_msg_buf_size",
    "stderror_log_format",
    "stderror_level_filter",
    "log_stdout",
    "log_json_buf_size",
    "log_event_enabled",
    "log_event_level_filter",
    "xlog_print_level",
    "xlog_force_color",
    "udp_workers",
    "tcp_workers",
    "timer_workers",
    "auto_scaling_profile",
    "auto_scaling_cycle",
    "tcp_threads",
    "fork",
    "pidfile",
    "user",
    "group",
    "chroot",
    "wdir",
    "disable_core_dump",
    "open_files_limit",
    "mpath",
    "socket",
    "port",
    "dst_blacklist",
    "alias",
    "auto_aliases",
    "advertised_address",
    "advertised_port",
    "mhomed",
    "tos",
    "reuse_port",
    "maxbuffer",
    "poll_method",
    "mcast_loopback",
    "check_via",
    "server_signature",
    "server_header",
    "user_agent_header",
    "sip_warning",
    "reply_to_via",
    "disable_stateless_fwd",
    "disable_503_translation",
    "max_while_loops",
    "dns",
    "rev_dns",
    "dns_try_ipv6",
    "dns_try_naptr",
    "dns_retr_time",
    "dns_retr_no",
    "dns_servers_no",
    "dns_use_search_list",
    "dns_server",
    "disable_dns_failover",
    "disable_dns_blacklist",
    "dns_blacklist_time",
    "db_version_table",
    "db_default_url",
    "db_max_async_connections",
    "query_buffer_size",
    "avp_aliases",
    "memdump",
    "mem_warming_pattern_file",
    "shm_hash_split_percentage",
    "shm_memlog_size",
    "pv_print_buf_size",
    "exec_msg_threshold",
    "restart_persistency_size",
    "restart_persistency_cache_file",
    "enable_asserts",
    "abort_on_assert",
    "disable_tcp",
    "tcp_max_connections",
    "tcp_connect_timeout",
    "tcp_connection_lifetime",
    "tcp_max_msg_time",
    "tcp_accept_aliases",
    "tcp_socket_backlog",
    "tcp_keepalive",
    "tcp_keepidle",
    "tcp_keepinterval",
    "tcp_keepcount",
    "tcp_send_timeout",
    "tcp_poll_method",
    "tcp_no_new_conn_bflag",
    "tcp_no_new_conn_rplflag",
    "tcp_parallel_handling",
    "tcp_async",
    "disable_tls",
    "tls_method",
    "tls_certificate",
    "tls_verify_client",
    "tls_require_client_certificate",
    "tls_port_no",
];

#[test]
fn the_list_is_whole() {
    let table: Vec<&str> = CORE.params.iter().map(|entry| entry.name).collect();
    assert_eq!(table, NAMES);
}

#[test]
fn every_global_and_alias_is_known() {
    for entry in CORE.params {
        for name in std::iter::once(&entry.name).chain(entry.aliases) {
            let value = match entry.kind {
                SettingKind::Text if entry.name == "dns_server" => "\"127.0.0.1:53\"",
                _ if *name == "dst_blacklist" => "x:10.0.0.0/8",
                SettingKind::Int | SettingKind::Bool => "1",
                SettingKind::Text | SettingKind::Route | SettingKind::Either => "\"x\"",
                SettingKind::Word | SettingKind::Socket | SettingKind::Hosts => {
                    "udp:127.0.0.1:5060"
                }
                SettingKind::Port => "5080",
            };
            let seen = compiled(&format!("{name} = {value}\nroute {{ exit; }}"));
            match entry.status {
                Status::Honoured => {
                    assert!(seen.script.is_some(), "{name}: {:?}", seen.diagnostics)
                }
                Status::Ignored(_) => {
                    assert!(seen.script.is_some(), "{name}: {:?}", seen.diagnostics);
                    assert!(!seen.diagnostics.is_empty(), "{name} is ignored in silence");
                }
                Status::Later => assert_eq!(seen.errors, 1, "{name}"),
            }
        }
    }
}

#[test]
fn values_of_several_words() {
    for script in [
        "auto_scaling_profile = P\n  scale up to 6 on 70% for 4 cycles within 5\n  \
         scale down to 2 on 18% for 10 cycles\n",
        "udp_workers = 4 use_auto_scaling_profile P\n",
        "mem-group = \"a\": \"core\" \"tm\"\n",
        "wdir = /usr/local\n",
        "tos = IPTOS_LOWDELAY\n",
    ] {
        let seen = compiled(&format!("{script}log_level = 3\nroute {{ exit; }}"));
        let made = seen.script.unwrap_or_else(|| panic!("{script}: {:?}", seen.diagnostics));
        assert!(made.globals.iter().any(|global| global.name == "log_level"), "{script}");
        assert_eq!(seen.diagnostics.len(), 1, "{script}: {:?}", seen.diagnostics);
    }
}
