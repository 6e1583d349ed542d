//! The releases of OpenSIPS that each module is in: one row a module, built or not. Gives the row
//! as text; decides nothing, a script of any release is read.
//!
//! `1.4 -` is since 1.4 and still there, `1.4 - 1.6` ended with 1.6, `before 1.4` was gone when
//! OpenSIPS began as 1.4. Its releases: 1.4 to 1.11, 2.1 to 2.4, 3.0 to 3.6, 4.0, 4.1. Where the
//! old name of a renamed module is an alias here, one row is for both names.
//!
//! From lists of modules and notes of the releases, the modules' manuals by release and the files
//! of packages. A row with `~` is not proven by these to the release: the module may have come
//! earlier, or have ended with another one.

/// The releases that `module` is in, by its name here, not by an alias.
pub fn releases(module: &str) -> Option<&'static str> {
    let at = RELEASES.binary_search_by_key(&module, |(name, _)| name).ok()?;
    RELEASES.get(at).map(|(_, releases)| *releases)
}

/// Module and releases, by module.
const RELEASES: &[(&str, &str)] = &[
    ("aaa_diameter", "3.2 -"),
    ("aaa_radius", "1.6 -"),
    ("acc", "1.4 -"),
    ("alias_db", "1.4 -"),
    ("auth", "1.4 -"),
    ("auth_aaa", "1.6 -"),
    ("auth_aka", "3.5 -"),
    ("auth_db", "1.4 -"),
    ("auth_diameter", "1.4 - 1.11"),
    ("auth_jwt", "3.1 -"),
    ("auth_radius", "1.4 - 1.5"),
    ("auth_web3", "4.0 -"),
    ("avpops", "~1.4 - 3.3"),
    ("b2b_entities", "1.6 -"),
    ("b2b_logic", "1.6 -"),
    ("b2b_sca", "1.11 -"),
    ("b2b_sdp_demux", "3.3 -"),
    ("benchmark", "1.4 -"),
    ("cachedb_cassandra", "1.8 -"),
    ("cachedb_couchbase", "1.9 -"),
    ("cachedb_dynamodb", "3.6 -"),
    ("cachedb_local", "1.8 -"),
    ("cachedb_memcached", "1.8 -"),
    ("cachedb_mongodb", "1.9 -"),
    ("cachedb_redis", "1.8 -"),
    ("cachedb_sql", "1.9 -"),
    ("call_center", "1.11 -"),
    ("call_control", "1.5 -"),
    ("callops", "3.1 -"),
    ("carrierroute", "1.4 -"),
    ("cfgutils", "1.4 -"),
    ("cgrates", "2.3 -"),
    ("closeddial", "~1.5 - 1.11"),
    ("clusterer", "2.2 -"),
    ("compression", "2.1 -"),
    ("config", "~4.0 -"),
    ("core", "1.4 -"),
    ("cpl_c", "1.4 -"),
    ("db_berkeley", "1.4 -"),
    ("db_cachedb", "1.10 -"),
    ("db_flatstore", "1.4 -"),
    ("db_http", "1.6 -"),
    ("db_mysql", "1.4 -"),
    ("db_oracle", "1.4 -"),
    ("db_perlvdb", "1.4 -"),
    ("db_postgres", "1.4 -"),
    ("db_sqlite", "2.2 -"),
    ("db_text", "1.4 -"),
    ("db_unixodbc", "1.4 -"),
    ("db_virtual", "1.6 -"),
    ("dialog", "1.4 -"),
    ("dialplan", "1.4 -"),
    ("dispatcher", "1.4 -"),
    ("diversion", "1.4 -"),
    ("dns_cache", "1.8 -"),
    ("domain", "1.4 -"),
    ("domainpolicy", "1.4 -"),
    ("drouting", "1.5 -"),
    ("emergency", "2.1 -"),
    ("enum", "1.4 -"),
    ("event_datagram", "1.7 -"),
    ("event_flatstore", "2.2 -"),
    ("event_kafka", "3.2 -"),
    ("event_nats", "~4.1 -"),
    ("event_rabbitmq", "~1.9 -"),
    ("event_route", "~1.9 - 3.5"),
    ("event_routing", "2.3 -"),
    ("event_sqs", "3.6 -"),
    ("event_stream", "2.4 -"),
    ("event_virtual", "2.2 -"),
    ("event_xmlrpc", "~1.11 -"),
    ("example", "~3.6 -"),
    ("exec", "1.4 -"),
    ("fraud_detection", "2.1 -"),
    ("freeswitch", "2.3 -"),
    ("freeswitch_scripting", "~3.0 -"),
    ("gflags", "1.4 -"),
    ("group", "1.4 -"),
    ("group_radius", "~1.4 - 1.5"),
    ("h350", "1.4 -"),
    ("http2d", "3.5 -"),
    ("httpd", "1.8 -"),
    ("identity", "1.5 -"),
    ("imc", "1.4 -"),
    ("jabber", "1.4 -"),
    ("janus", "3.6 -"),
    ("json", "1.6 -"),
    ("jsonrpc", "2.4 -"),
    ("launch_darkly", "3.5 -"),
    ("lcr", "1.4 - 1.6"),
    ("ldap", "1.4 -"),
    ("load_balancer", "1.5 -"),
    ("localcache", "1.5 - 1.7"),
    ("lua", "~1.8 -"),
    ("mangler", "1.4 -"),
    ("mathops", "~1.10 -"),
    ("maxfwd", "1.4 -"),
    ("media_exchange", "3.1 -"),
    ("mediaproxy", "1.4 -"),
    ("memcached", "1.6 - 1.7"),
    ("mi_datagram", "1.4 -"),
    ("mi_fifo", "1.4 -"),
    ("mi_html", "~3.0 -"),
    ("mi_http", "1.8 -"),
    ("mi_script", "~3.2 -"),
    ("mi_xmlrpc", "~1.4 - 1.11"),
    ("mi_xmlrpc_ng", "~1.10 -"),
    ("mid_registrar", "2.3 -"),
    ("mmgeoip", "1.5 -"),
    ("msilo", "1.4 -"),
    ("msrp_gateway", "3.3 -"),
    ("msrp_relay", "3.3 -"),
    ("msrp_ua", "3.3 -"),
    ("nat_traversal", "~1.5 -"),
    ("nathelper", "1.4 -"),
    ("opentelemetry", "~4.0 -"),
    ("options", "1.4 -"),
    ("osp", "1.4 -"),
    ("path", "1.4 -"),
    ("peering", "~1.5 -"),
    ("perl", "1.4 -"),
    ("permissions", "1.4 -"),
    ("pi_http", "~1.9 -"),
    ("pike", "1.4 -"),
    ("presence", "1.4 -"),
    ("presence_callinfo", "1.6 -"),
    ("presence_dfks", "3.1 -"),
    ("presence_dialoginfo", "~1.5 -"),
    ("presence_mwi", "1.4 -"),
    ("presence_reginfo", "3.5 -"),
    ("presence_xcapdiff", "~1.5 -"),
    ("presence_xml", "1.4 -"),
    ("print", "before 1.4"),
    ("prometheus", "3.2 -"),
    ("proto_bin", "2.2 -"),
    ("proto_bins", "~3.3 -"),
    ("proto_hep", "2.2 -"),
    ("proto_ipsec", "3.5 -"),
    ("proto_msrp", "3.3 -"),
    ("proto_sctp", "2.1 -"),
    ("proto_smpp", "~3.0 -"),
    ("proto_tcp", "2.1 -"),
    ("proto_tls", "2.1 -"),
    ("proto_udp", "2.1 -"),
    ("proto_ws", "2.1 -"),
    ("proto_wss", "2.2 -"),
    ("pua", "1.4 -"),
    ("pua_bla", "1.4 -"),
    ("pua_dialoginfo", "~1.5 -"),
    ("pua_mi", "1.4 -"),
    ("pua_reginfo", "3.5 -"),
    ("pua_usrloc", "1.4 -"),
    ("pua_xmpp", "1.4 -"),
    ("python", "1.7 -"),
    ("qos", "~1.5 -"),
    ("qrouting", "3.1 -"),
    ("rabbitmq", "~2.4 - 3.5"),
    ("rabbitmq_consumer", "3.1 -"),
    ("rate_cacher", "3.1 -"),
    ("ratelimit", "~1.5 -"),
    ("regex", "1.5 -"),
    ("registrar", "1.4 -"),
    ("rest_client", "~1.11 -"),
    ("rls", "1.4 -"),
    ("rr", "1.4 -"),
    ("rtp.io", "3.6 -"),
    ("rtp_relay", "3.2 -"),
    ("rtpengine", "1.11 -"),
    ("rtpproxy", "~1.9 -"),
    ("script_helper", "~1.11 -"),
    ("signaling", "~1.5 -"),
    ("sip_i", "2.3 -"),
    ("sipcapture", "~1.11 -"),
    ("sipmsgops", "~1.8 -"),
    ("siprec", "2.4 -"),
    ("siptrace", "~1.4 - 2.4"),
    ("sl", "1.4 -"),
    ("sms", "1.4 - 3.0"),
    ("sngtc", "1.10 -"),
    ("snmpstats", "1.4 -"),
    ("speeddial", "1.4 -"),
    ("sql_cacher", "2.2 -"),
    ("sqlops", "~3.6 -"),
    ("sst", "1.4 -"),
    ("statistics", "1.4 -"),
    ("status_report", "3.3 -"),
    ("stir_shaken", "3.1 -"),
    ("stun", "1.6 -"),
    ("tcp_mgm", "3.3 -"),
    ("textops", "1.4 -"),
    ("tls_mgm", "~2.2 -"),
    ("tls_openssl", "3.2 -"),
    ("tls_wolfssl", "3.2 -"),
    ("tm", "1.4 -"),
    ("topology_hiding", "2.1 -"),
    ("tracer", "~3.1 -"),
    ("trie", "3.6 -"),
    ("uac", "1.4 -"),
    ("uac_auth", "1.8 -"),
    ("uac_redirect", "1.4 -"),
    ("uac_registrant", "1.7 -"),
    ("unixsock", "before 1.4"),
    ("uri", "~1.4 - 2.4"),
    ("uri_db", "1.4 - 1.6"),
    ("userblacklist", "~1.5 -"),
    ("usrloc", "1.4 -"),
    ("uuid", "3.1 -"),
    ("xcap", "~1.11 -"),
    ("xcap_client", "1.4 -"),
    ("xlog", "~1.4 - 1.5"),
    ("xml", "2.3 -"),
    ("xmpp", "1.4 -"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{RELEASES, releases};
    use crate::{KNOWN, MODULES};

    /// The releases of OpenSIPS.
    const ALL: &[&str] = &[
        "1.4", "1.5", "1.6", "1.7", "1.8", "1.9", "1.10", "1.11", "2.1", "2.2", "2.3", "2.4",
        "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "4.0", "4.1",
    ];

    #[test]
    fn every_module_has_one_row_and_every_row_a_module() {
        let built = MODULES.iter().map(|module| module.name);
        let modules: BTreeSet<_> = built.chain(KNOWN.iter().map(|module| module.name)).collect();
        let rows: Vec<_> = RELEASES.iter().map(|(name, _)| *name).collect();
        assert_eq!(rows, modules.into_iter().collect::<Vec<_>>(), "sorted, each once");
        assert_eq!(releases("proto_udp"), Some("2.1 -"));
        assert_eq!(releases("nonesuch"), None);
    }

    #[test]
    fn a_row_names_releases_in_order() {
        for (name, row) in RELEASES.iter().filter(|(_, row)| *row != "before 1.4") {
            let (first, last) = row.trim_start_matches('~').split_once(" -").unwrap();
            let place = |release: &str| ALL.iter().position(|one| *one == release);
            let first = place(first).unwrap_or_else(|| panic!("{name}: {row}"));
            let last = match last.strip_prefix(' ') {
                Some(last) => place(last).unwrap_or_else(|| panic!("{name}: {row}")),
                None => ALL.len(),
            };
            assert!(first <= last, "{name}: {row}");
        }
    }
}
