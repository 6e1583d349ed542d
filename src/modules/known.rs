//! The modules of OpenSIPS, 1.x to 4.x, that are not built: they come later, are not ours, or
//! were merged into another. Loading one is a warning; calling a function that is listed here is
//! the error "later". Functions are listed for the modules that real scripts use.

use sluice_engine::module::{KnownModule, KnownStatus};

type Names = &'static [&'static str];

/// All of them, by what they are about.
pub static KNOWN: &[KnownModule] = &[
    // --- the core
    later("core", CORE_FUNCTIONS, &[]),
    // --- transactions and dialogs; of tm what is not built yet
    later("tm", TM, &[]),
    later("dialog", DIALOG, DIALOG_VARIABLES),
    later("uac_redirect", &["set_deny_filter", "set_accept_filter", "get_redirects"], &[]),
    later("uac_registrant", &[], &[]),
    later("path", &["add_path", "add_path_received"], &[]),
    later("topology_hiding", &["topology_hiding", "topology_hiding_match"], &["TH_callee_callid"]),
    later("sst", &["sstCheckMin"], &[]),
    later("diversion", &["add_diversion"], &[]),
    later("callops", &[], &[]),
    later("b2b_entities", &[], &[]),
    later("b2b_logic", &["b2b_init_request", "b2b_bridge"], &[]),
    later("b2b_logic_xml", &[], &[]),
    later("b2b_sca", &["sca_init_request", "sca_bridge_request"], &[]),
    later("b2b_sdp_demux", &["b2b_sdp_demux"], &[]),
    // --- registration and users
    later("mid_registrar", &["mid_registrar_save", "mid_registrar_lookup"], &[]),
    later("auth_aaa", AUTH_AAA, &[]),
    later("auth_jwt", &["jwt_db_authorize", "jwt_script_authorize"], &[]),
    later("speeddial", &["sd_lookup"], &[]),
    later("group", &["aaa_is_user_in"], &[]),
    later("userblacklist", &["check_user_blacklist", "check_blacklist"], &[]),
    // --- routing
    later("load_balancer", LOAD_BALANCER, &[]),
    later("drouting", DROUTING, &[]),
    later("dialplan", &["dp_translate"], &[]),
    later("carrierroute", &["cr_route", "cr_next_domain", "cr_user_carrier"], &[]),
    later("qrouting", &["qr_disable_dst", "qr_enable_dst"], &[]),
    later("enum", &["enum_query", "isn_query", "i_enum_query", "is_from_user_enum"], &[]),
    later("closeddial", &["cd_lookup"], &[]),
    later("trie", &["trie_search"], &[]),
    later("emergency", &["emergency_call"], &[]),
    later("mmgeoip", &["mmg_lookup"], &[]),
    later("dns_cache", &[], &[]),
    // --- NAT and media
    later("nat_traversal", &["client_nat_test", "nat_keepalive"], &["keepalive.socket"]),
    later("rtpproxy", RTPPROXY, &["rtpstat"]),
    later("rtpengine", RTPENGINE, &["rtpstat"]),
    later("rtp_relay", &["rtp_relay_engage"], &["rtp_relay"]),
    later("mediaproxy", &["engage_media_proxy", "use_media_proxy", "end_media_session"], &[]),
    later("media_exchange", &["media_fork_to_uri", "media_terminate"], &[]),
    later("siprec", &["siprec_start_recording"], &["siprec"]),
    later("stun", &[], &[]),
    // --- accounting and limits
    later("acc", ACC, &[]),
    later("ratelimit", &["rl_check", "rl_dec_count", "rl_reset_count", "rl_values"], &["rl_count"]),
    later("pike", &["pike_check_req"], &[]),
    later("fraud_detection", &["check_fraud"], &[]),
    later("statistics", &["update_stat", "reset_stat", "stat_iter_init"], &["stat"]),
    later("benchmark", &["bm_start_timer", "bm_log_timer"], &["BM_time_diff"]),
    later("tracer", &["trace"], &[]),
    later("gflags", &["set_gflag", "reset_gflag", "is_gflag"], &[]),
    later("sipcapture", &["sip_capture", "report_capture"], &[]),
    later("stir_shaken", &["stir_shaken_auth", "stir_shaken_verify"], &["identity"]),
    later("identity", &["authservice", "verifier"], &[]),
    // --- script tools
    later("sql_cacher", &[], &["sql_cached_value"]),
    later("regex", &["pcre_match", "pcre_match_group"], &[]),
    later("json", &["json_link", "json_merge"], &["json", "json_pretty", "json_compact"]),
    later("xml", &[], &["xml"]),
    later("uuid", &["uuid"], &["uuid"]),
    later("mqueue", &["mq_add", "mq_fetch", "mq_pv_free", "mq_size"], &[]),
    later("exec", &["exec", "exec_avp", "exec_msg", "exec_dset", "exec_getenv"], &[]),
    later("rest_client", &["rest_get", "rest_post", "rest_put", "rest_init_client"], &[]),
    later("script_helper", &[], &[]),
    later("config", &["config_set"], &["config"]),
    merged("event_route", "event_route{} is part of the core"),
    later("event_routing", &["notify_on_event"], &[]),
    later("cachedb_redis", &["cache_raw_query"], &[]),
    later("cachedb_sql", &[], &[]),
    later("cachedb_memcached", &[], &[]),
    later("rate_cacher", &["get_client_price", "get_vendor_price"], &[]),
    // --- databases
    later("db_virtual", &[], &[]),
    also("db_flatstore", &["flatstore"], LATER),
    later("db_cachedb", &[], &[]),
    later("db_http", &[], &[]),
    // --- transports and security
    later("proto_tls", &[], &[]),
    later("proto_ws", &[], &[]),
    later("proto_wss", &[], &[]),
    later("proto_hep", &[], &[]),
    later("tcp_mgm", &[], &[]),
    later("sockets_mgm", &[], &[]),
    later("tls_mgm", &["is_peer_verified"], TLS_VARIABLES),
    later("tls_wolfssl", &[], &[]),
    later("tls_openssl", &[], &[]),
    // --- management and events
    merged("mi_json", "mi_http takes JSON-RPC by POST"),
    // Of prometheus what is not built yet.
    later("mi_script", &["mi"], &[]),
    later("prometheus", &["prometheus_declare_stat", "prometheus_push_stat"], &[]),
    later("status_report", &["sr_set_status", "sr_add_report"], &[]),
    later("event_datagram", &[], &[]),
    later("event_flatstore", &[], &[]),
    later("event_kafka", &["kafka_publish"], &[]),
    later("event_nats", &[], &[]),
    later("event_rabbitmq", &[], &[]),
    later("event_sqs", &[], &[]),
    also("event_stream", &["event_jsonrpc"], LATER),
    later("event_virtual", &[], &[]),
    later("rabbitmq", &["rabbitmq_publish"], &[]),
    later("rabbitmq_consumer", &[], &[]),
    later("clusterer", &["cluster_broadcast_req", "cluster_send_req"], &[]),
    later("proto_bin", &[], &[]),
    later("proto_bins", &[], &[]),
    later("opentelemetry", &[], &[]),
    // --- presence
    later("presence", &["handle_publish", "handle_subscribe", "notify"], &[]),
    later("presence_xml", &[], &[]),
    later("presence_mwi", &[], &[]),
    later("presence_dialoginfo", &[], &[]),
    later("presence_callinfo", &["call_info_subscribe"], &[]),
    later("presence_reginfo", &[], &[]),
    later("presence_xcapdiff", &[], &[]),
    later("presence_dfks", &[], &[]),
    later("pua", &["pua_update_contact"], &[]),
    later("pua_dialoginfo", &["dialoginfo_set"], &[]),
    later("pua_mi", &[], &[]),
    later("pua_reginfo", &["reginfo_subscribe", "reginfo_update"], &[]),
    later("pua_usrloc", &["pua_set_publish"], &[]),
    later("pua_bla", &["bla_set_flag", "bla_handle_notify"], &[]),
    later("rls", &["rls_handle_subscribe", "rls_handle_notify"], &[]),
    later("xcap", &[], &[]),
    later("xcap_client", &[], &[]),
    later("msilo", &["m_store", "m_dump"], &[]),
    later("call_center", &["cc_handle_call", "cc_agent_login"], &[]),
    later("mangler", &["sdp_mangle_ip", "sdp_mangle_port", "encode_contact"], &[]),
    later("compression", &["mc_compact", "mc_compress", "mc_decompress"], &[]),
    later("msrp_relay", &[], &[]),
    later("msrp_ua", &["msrp_ua_answer"], &[]),
    later("msrp_gateway", &["msrp_gw_answer"], &[]),
    later("proto_msrp", &[], &[]),
    // --- merged
    merged("xlog", "xlog() is a core function"),
    merged("uri_db", "its functions are in auth_db"),
    merged("mi_xmlrpc", "the management interface speaks JSON-RPC"),
    merged("mi_xmlrpc_ng", "the management interface speaks JSON-RPC"),
    merged("mi_html", "the management interface speaks JSON-RPC"),
    merged("lcr", "drouting does its work"),
    merged("siptrace", "tracer does its work"),
    merged("memcached", "cachedb_memcached does its work"),
    merged("pdt", "dialplan and drouting do its work"),
    merged("tlsops", "tls_mgm does its work"),
    merged("print", "xlog() is a core function"),
    // --- not ours
    not_ours("perl", EMBEDDED),
    not_ours("python", EMBEDDED),
    not_ours("lua", EMBEDDED),
    also("db_perlvdb", &["perlvdb"], KnownStatus::NotOurs(EMBEDDED)),
    not_ours("freeswitch", FOREIGN),
    not_ours("freeswitch_scripting", FOREIGN),
    not_ours("janus", FOREIGN),
    not_ours("cgrates", FOREIGN),
    not_ours("call_control", FOREIGN),
    not_ours("osp", FOREIGN),
    not_ours("peering", FOREIGN),
    not_ours("seas", FOREIGN),
    not_ours("domainpolicy", FOREIGN),
    not_ours("launch_darkly", FOREIGN),
    not_ours("sngtc", HARDWARE),
    not_ours("sms", HARDWARE),
    not_ours("qos", HARDWARE),
    not_ours("proto_ipsec", "IMS access networks are out of scope"),
    not_ours("auth_aka", "IMS access networks are out of scope"),
    not_ours("auth_web3", FOREIGN),
    not_ours("proto_sctp", "SCTP is not served"),
    not_ours("proto_smpp", "SMPP is not served"),
    not_ours("sip_i", "ISUP bodies are out of scope"),
    not_ours("rtp.io", "media is not relayed in the process"),
    not_ours("xmpp", "XMPP is not served"),
    not_ours("jabber", "XMPP is not served"),
    not_ours("pua_xmpp", "XMPP is not served"),
    not_ours("imc", "conference rooms are out of scope"),
    also("cpl_c", &["cpl-c"], KnownStatus::NotOurs("CPL is not run; scripts are")),
    not_ours("aaa_radius", "RADIUS is not spoken"),
    not_ours("aaa_diameter", "Diameter is not spoken"),
    not_ours("aka_av_diameter", "Diameter is not spoken"),
    not_ours("auth_radius", "RADIUS is not spoken"),
    not_ours("auth_diameter", "Diameter is not spoken"),
    not_ours("avp_radius", "RADIUS is not spoken"),
    not_ours("group_radius", "RADIUS is not spoken"),
    not_ours("uri_radius", "RADIUS is not spoken"),
    not_ours("ldap", "LDAP is not spoken"),
    not_ours("h350", "LDAP is not spoken"),
    not_ours("snmpstats", "metrics are served for Prometheus"),
    not_ours("pi_http", "provisioning belongs to the database's own tools"),
    not_ours("jsonrpc", "rest_client is to be used"),
    not_ours("event_xmlrpc", "XML-RPC is not spoken"),
    not_ours("http2d", "HTTP/1.1 serves management"),
    not_ours("unixsock", "management is by HTTP and fifo"),
    not_ours("db_berkeley", RARE_DATABASE),
    not_ours("db_oracle", RARE_DATABASE),
    also("db_unixodbc", &["unixodbc"], KnownStatus::NotOurs(RARE_DATABASE)),
    not_ours("cachedb_cassandra", RARE_DATABASE),
    not_ours("cachedb_couchbase", RARE_DATABASE),
    not_ours("cachedb_dynamodb", RARE_DATABASE),
    not_ours("cachedb_mongodb", RARE_DATABASE),
    not_ours("example", "a template for authors of OpenSIPS modules"),
];

const LATER: KnownStatus = KnownStatus::Later;
const EMBEDDED: &str = "no other language runs in the workers";
const FOREIGN: &str = "it serves one product of another vendor";
const HARDWARE: &str = "it serves one kind of hardware";
const RARE_DATABASE: &str = "no configuration seen uses this database";

/// Those of the core that need transactions or forking are listed here, too.
const CORE_FUNCTIONS: Names = &["socket_belongs_to_bond"];
const TM: Names = &["t_write_unix", "t_write_req", "t_anycast_replicate", "t_reply_by_callid"];
const DIALOG: Names = &[
    "create_dialog",
    "match_dialog",
    "validate_dialog",
    "fix_route_dialog",
    "set_dlg_profile",
    "unset_dlg_profile",
    "is_in_profile",
    "get_profile_size",
    "set_dlg_flag",
    "reset_dlg_flag",
    "is_dlg_flag_set",
    "test_and_set_dlg_flag",
    "store_dlg_value",
    "fetch_dlg_value",
    "get_dialog_info",
    "get_dialog_vals",
    "get_dialogs_by_val",
    "get_dialogs_by_profile",
    "load_dialog_ctx",
    "unload_dialog_ctx",
    "dlg_send_sequential",
    "dlg_on_timeout",
    "dlg_on_answer",
    "dlg_on_hangup",
];
const DIALOG_VARIABLES: Names = &[
    "DLG_count",
    "DLG_status",
    "DLG_lifetime",
    "DLG_dir",
    "DLG_flags",
    "DLG_did",
    "DLG_end_reason",
    "DLG_timeout",
    "dlg_val",
    "DLG_json",
    "DLG_ctx_json",
];
const AUTH_AAA: Names =
    &["aaa_www_authorize", "aaa_proxy_authorize", "aaa_does_uri_exist", "aaa_does_uri_user_exist"];
const LOAD_BALANCER: Names = &[
    "load_balance",
    "lb_start",
    "lb_next",
    "lb_start_or_next",
    "lb_reset",
    "lb_is_started",
    "lb_disable_dst",
    "lb_is_destination",
    "lb_count_call",
    "lb_status",
];
const DROUTING: Names = &[
    "do_routing",
    "route_to_carrier",
    "route_to_gw",
    "use_next_gw",
    "next_routing",
    "goes_to_gw",
    "is_from_gw",
    "dr_is_gw",
    "dr_disable",
    "dr_match",
];
const RTPPROXY: Names = &[
    "rtpproxy_offer",
    "rtpproxy_answer",
    "rtpproxy_engage",
    "rtpproxy_unforce",
    "unforce_rtp_proxy",
    "force_rtp_proxy",
    "rtpproxy_stream2uac",
    "rtpproxy_stream2uas",
    "rtpproxy_stop_stream2uac",
    "rtpproxy_start_recording",
    "engage_rtp_proxy",
];
const RTPENGINE: Names = &[
    "rtpengine_offer",
    "rtpengine_answer",
    "rtpengine_delete",
    "rtpengine_manage",
    "rtpengine_use_set",
    "rtpengine_start_recording",
];
const ACC: Names = &["acc_aaa_request", "acc_load_ctx_from_dlg", "acc_unload_ctx_from_dlg"];
const TLS_VARIABLES: Names = &[
    "tls_version",
    "tls_cipher_info",
    "tls_peer_subject",
    "tls_peer_subject_cn",
    "tls_peer_issuer",
    "tls_peer_verified",
    "tls_peer_san_uri",
    "tls_my_subject",
];

const fn later(name: &'static str, functions: Names, variables: Names) -> KnownModule {
    KnownModule { name, aliases: &[], status: LATER, functions, variables }
}

const fn also(name: &'static str, aliases: Names, status: KnownStatus) -> KnownModule {
    KnownModule { name, aliases, status, functions: &[], variables: &[] }
}

const fn merged(name: &'static str, note: &'static str) -> KnownModule {
    also(name, &[], KnownStatus::Merged(note))
}

const fn not_ours(name: &'static str, why: &'static str) -> KnownModule {
    also(name, &[], KnownStatus::NotOurs(why))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{KNOWN, KnownModule};
    use crate::{CORE, MODULES};

    #[test]
    fn every_module_has_one_name() {
        let built = MODULES.iter().flat_map(|m| std::iter::once(&m.name).chain(m.aliases));
        // A module that is built in part stands in both lists.
        let in_part = |k: &&KnownModule| MODULES.iter().any(|module| module.name == k.name);
        let known = KNOWN.iter().filter(|k| !in_part(k));
        let known = known.flat_map(|k| std::iter::once(&k.name).chain(k.aliases));
        let mut seen = HashSet::new();
        for name in built.chain(known) {
            assert!(seen.insert(name), "{name} stands for two modules");
        }
    }

    #[test]
    fn what_is_built_is_not_called_later() {
        let tables = || std::iter::once(&CORE).chain(MODULES);
        let functions: HashSet<_> = tables()
            .flat_map(|m| m.functions)
            .flat_map(|f| std::iter::once(&f.name).chain(f.aliases))
            .collect();
        let variables: HashSet<_> = tables()
            .flat_map(|m| m.variables)
            .flat_map(|v| std::iter::once(&v.name).chain(v.aliases))
            .collect();
        for module in KNOWN {
            for name in module.functions {
                assert!(!functions.contains(name), "{name} is built");
            }
            for name in module.variables {
                assert!(!variables.contains(name), "${name} is built");
            }
        }
    }
}
