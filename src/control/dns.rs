//! Host names to addresses: A and AAAA with a deadline, the hosts file first.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};

use crate::limits;

/// A resolver by the system's configuration (`/etc/resolv.conf`, `/etc/hosts`).
pub struct Dns {
    resolver: Result<TokioResolver, String>,
}

impl Dns {
    /// Reads the system's configuration. A machine without one can still run: names then fail
    /// with the reason.
    pub fn from_system() -> Self {
        Self::build(TokioResolver::builder_tokio())
    }

    /// A resolver that asks one server by UDP, whatever the system's configuration says.
    pub fn asking(server: SocketAddr) -> Self {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![connection]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        Self::build(Ok(TokioResolver::builder_with_config(config, Default::default())))
    }

    fn build(builder: Result<ResolverBuilder<TokioRuntimeProvider>, NetError>) -> Self {
        let resolver = builder.and_then(|mut builder| {
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    /// A name server: `gw...` has an address of each family, `silent...` gets no answer, and there
    /// are no others.
    fn server() -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((count, from)) = socket.recv_from(&mut query) {
                if let Some(answer) = answer(&query[..count]) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        addr
    }

    /// RFC 1035 4.1: header of 12 bytes, the question, one answer that points to its name.
    fn answer(query: &[u8]) -> Option<Vec<u8>> {
        let name_len = query[12..].iter().position(|byte| *byte == 0)? + 1;
        let question = &query[12..12 + name_len + 4];
        let data: &[u8] = match (&question[1..3], question[name_len + 1]) {
            (b"si", _) => return None,
            (b"gw", 1) => &[192, 0, 2, 5],
            (b"gw", 28) => &[0x20, 1, 13, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5],
            _ => &[],
        };
        let (refusal, answers) = if data.is_empty() { (3, 0) } else { (0, 1) };
        let mut out = query[..2].to_vec();
        out.extend([0x81, 0x80 | refusal, 0, 1, 0, answers, 0, 0, 0, 0]);
        out.extend(question);
        if answers == 1 {
            out.extend([0xC0, 12, 0, question[name_len + 1], 0, 1, 0, 0, 0, 60]);
            out.extend([0, data.len() as u8]);
            out.extend(data);
        }
        Some(out)
    }

    #[test]
    fn both_families_are_found_again_and_again() {
        let dns = Dns::asking(server());
        let expected: Vec<IpAddr> =
            vec!["192.0.2.5".parse().unwrap(), "2001:db8::5".parse().unwrap()];
        // Each call has a runtime of its own, and each name is new, so that the server is asked.
        for call in 0..3 {
            assert_eq!(dns.addresses_now(&format!("gw{call}.example")), Ok(expected.clone()));
            assert!(dns.addresses_now(&format!("other{call}.example")).is_err());
        }
    }

    #[test]
    fn an_answer_is_waited_for_so_long_and_no_longer() {
        let dns = Dns::asking(server());
        let why = dns.addresses_now("silent.example").unwrap_err();
        assert_eq!(why, "silent.example: no answer within 2 s");
        assert!(dns.addresses_now("gw.example").is_ok(), "others are found");
    }

    #[test]
    fn the_hosts_file_is_read() {
        let localhost = Dns::from_system().addresses_now("localhost").unwrap();
        assert_eq!(localhost[0], IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
}
