//! Host names to addresses: A and AAAA with a deadline, the hosts file first.

use std::net::IpAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;

use crate::limits;

/// A resolver by the system's configuration (`/etc/resolv.conf`, `/etc/hosts`).
pub struct Dns {
    resolver: Result<TokioResolver, String>,
}

impl Dns {
    /// Reads the system's configuration. A machine without one can still run: names then fail
    /// with the reason.
    pub fn from_system() -> Self {
        let resolver = TokioResolver::builder_tokio().and_then(|mut builder| {
            builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            builder.build()
        });
        Self { resolver: resolver.map_err(|error| error.to_string()) }
    }

    /// The addresses of a name, IPv4 first; never empty.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let resolver = self.resolver.as_ref().map_err(Clone::clone)?;
        match tokio::time::timeout(limits::RESOLVE, resolver.lookup_ip(name)).await {
            Ok(Ok(found)) => {
                let addresses: Vec<IpAddr> = found.iter().collect();
                if addresses.is_empty() {
                    Err(format!("{name}: no address"))
                } else {
                    Ok(addresses)
                }
            }
            Ok(Err(error)) => Err(format!("{name}: {error}")),
            Err(_) => Err(format!("{name}: no answer within {} s", limits::RESOLVE.as_secs())),
        }
    }

    /// The addresses of a name, waited for; only for start-up, on a thread without runtime.
    ///
    /// # Errors
    /// Why there are none.
    pub fn addresses_now(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(self.addresses(name))
    }
}
