//! What a script says about name servers (spec 1.3, `dns_*`).

use std::time::Duration;

use sluice_control::DnsOptions;
use sluice_modules::core::api::server_addr;
use sluice_script::Script;
use sluice_script::ir::Setting;

/// The globals of a script; what it does not set keeps its default.
pub fn options(script: &Script) -> DnsOptions {
    let mut options = DnsOptions::default();
    for global in &script.globals {
        match (global.name, &global.value) {
            ("dns_server", Setting::Text(text)) => options.servers.extend(server_addr(text)),
            ("dns_servers_no", Setting::Int(n)) => options.most_servers = usize::try_from(*n).ok(),
            ("dns_retr_no", Setting::Int(n)) => options.retries = usize::try_from(*n).ok(),
            ("dns_retr_time", Setting::Int(n)) => {
                options.retry_after = u64::try_from(*n).map(Duration::from_secs).ok();
            }
            ("dns_use_search_list", Setting::Int(n)) => options.search = *n != 0,
            ("dns_try_naptr", Setting::Int(n)) => options.naptr = *n != 0,
            ("dns_try_ipv6", Setting::Int(n)) => options.ipv6 = *n != 0,
            _ => {}
        }
    }
    options
}
