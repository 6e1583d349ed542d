//! Questions to name servers: A, AAAA, SRV and NAPTR, the hosts file first.
//!
//! Each question has hickory's time-outs; deadlines of whole look-ups are the callers'. Keeps no
//! answer: that is done where stale ones can be kept, too.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, TokioResolver, lookup};

use crate::limits;

/// What the script says about name servers; without anything the system's configuration holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsOptions {
    /// These servers instead of the system's (`dns_server`).
    pub servers: Vec<SocketAddr>,
    /// At most so many servers (`dns_servers_no`).
    pub most_servers: Option<usize>,
    /// How long one question waits (`dns_retr_time`).
    pub retry_after: Option<Duration>,
    /// How often a question is repeated (`dns_retr_no`).
    pub retries: Option<usize>,
    /// Whether short names are completed by the system's search list (`dns_use_search_list`).
    pub search: bool,
    /// Whether NAPTR is asked (`dns_try_naptr`).
    pub naptr: bool,
    /// Whether AAAA is asked (`dns_try_ipv6`).
    pub ipv6: bool,
}

impl Default for DnsOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            most_servers: None,
            retry_after: None,
            retries: None,
            search: true,
            naptr: true,
            ipv6: true,
        }
    }
}

/// Records of a question and how long they may be believed; no record is an answer, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records<T> {
    /// In the order of the answer.
    pub all: Vec<T>,
    /// From now on.
    pub ttl: Duration,
}

/// What a question came to; the error says why nobody knows.
pub type Asked<T> = Result<Records<T>, String>;

/// A resolver by the system's configuration (`/etc/resolv.conf`, `/etc/hosts`) and the script.
pub struct Dns {
    options: DnsOptions,
    config: Result<(ResolverConfig, ResolverOpts), String>,
    hosts: Hosts,
    /// That of the control plane: its connections live in the runtime that it is used in.
    resolver: OnceLock<Result<TokioResolver, String>>,
}

impl Dns {
    /// Reads the system's configuration where the options name no server. A machine without one
    /// can still run: names then fail with the reason.
    pub fn new(options: DnsOptions) -> Self {
        let config = config(&options);
        let hosts = Hosts::from_system().unwrap_or_default();
        Self { options, config, hosts, resolver: OnceLock::new() }
    }

    /// By the system's configuration alone.
    pub fn from_system() -> Self {
        Self::new(DnsOptions::default())
    }

    /// A resolver that asks one server, whatever the system's configuration says.
    pub fn asking(server: SocketAddr) -> Self {
        Self::new(DnsOptions { servers: vec![server], ..DnsOptions::default() })
    }

    /// What the script says.
    pub fn options(&self) -> &DnsOptions {
        &self.options
    }

    /// How long a whole look-up may take: as long as the script lets one question take with its
    /// repetitions, within limits.
    pub fn deadline(&self) -> Duration {
        let tries = self.options.retries.map_or(limits::RETRIES, |retries| retries) as u32 + 1;
        match self.options.retry_after {
            Some(wait) => (wait * tries).min(limits::RESOLVE_MAX),
            None => limits::RESOLVE,
        }
    }

    /// The addresses of a name, IPv4 first; never empty.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        self.addresses_by(self.resolver()?, name).await
    }

    /// The addresses of a name, waited for; for start-up and management commands, on a thread
    /// without runtime.
    ///
    /// # Errors
    /// Why there are none.
    pub fn addresses_now(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        // Connections die with their runtime, so that a resolver of another one cannot be used.
        runtime.block_on(async { self.addresses_by(&self.build()?, name).await })
    }

    /// Addresses that the hosts file gives a name, IPv4 first, as far as they are wanted.
    pub fn local(&self, name: &str, v4: bool, v6: bool) -> Vec<IpAddr> {
        let Ok(name) = Name::from_utf8(name) else { return Vec::new() };
        let wanted = [(v4, RecordType::A), (v6, RecordType::AAAA)];
        let kinds = wanted.into_iter().filter_map(|(wanted, kind)| wanted.then_some(kind));
        let found = kinds
            .filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)));
        found.flat_map(|found| addresses_of(&found)).collect()
    }

    /// A and AAAA records, IPv4 first, as far as they are wanted.
    ///
    /// # Errors
    /// Why nobody knows.
    pub async fn hosts(&self, name: &str, v4: bool, v6: bool) -> Asked<IpAddr> {
        let resolver = self.resolver()?;
        let (a, aaaa) = tokio::join!(
            async {
                let wanted = v4.then_some(RecordType::A)?;
                Some(self.ask(resolver, name, wanted, self.options.search, address).await)
            },
            async {
                let wanted = v6.then_some(RecordType::AAAA)?;
                Some(self.ask(resolver, name, wanted, self.options.search, address).await)
            }
        );
        both(a, aaaa)
    }

    /// SRV records.
    ///
    /// # Errors
    /// Why nobody knows.
    pub async fn services(&self, name: &str) -> Asked<SRV> {
        let one = |data: &RData| match data {
            RData::SRV(srv) => Some(srv.clone()),
            _ => None,
        };
        self.ask(self.resolver()?, name, RecordType::SRV, false, one).await
    }

    /// NAPTR records.
    ///
    /// # Errors
    /// Why nobody knows.
    pub async fn pointers(&self, name: &str) -> Asked<NAPTR> {
        let one = |data: &RData| match data {
            RData::NAPTR(naptr) => Some(naptr.clone()),
            _ => None,
        };
        self.ask(self.resolver()?, name, RecordType::NAPTR, false, one).await
    }

    async fn addresses_by(
        &self,
        resolver: &TokioResolver,
        name: &str,
    ) -> Result<Vec<IpAddr>, String> {
        match tokio::time::timeout(self.deadline(), resolver.lookup_ip(name)).await {
            Ok(Ok(found)) => {
                let addresses: Vec<IpAddr> = found.iter().collect();
                if addresses.is_empty() {
                    Err(format!("{name}: no address"))
                } else {
                    Ok(addresses)
                }
            }
            Ok(Err(error)) => Err(format!("{name}: {error}")),
            Err(_) => Err(format!("{name}: no answer within {} s", self.deadline().as_secs())),
        }
    }

    /// Asks one question.
    async fn ask<T>(
        &self,
        resolver: &TokioResolver,
        name: &str,
        kind: RecordType,
        search: bool,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Asked<T> {
        let mut question = Name::from_utf8(name).map_err(|error| format!("{name}: {error}"))?;
        if !search {
            question.set_fqdn(true);
        }
        match resolver.lookup(question, kind).await {
            Ok(found) => Ok(Records {
                all: found.answers().iter().filter_map(|record| read(&record.data)).collect(),
                ttl: left(&found),
            }),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let ttl = none.negative_ttl.unwrap_or(0);
                Ok(Records { all: Vec::new(), ttl: Duration::from_secs(ttl.into()) })
            }
            Err(error) => Err(format!("{kind} of {name}: {error}")),
        }
    }

    fn resolver(&self) -> Result<&TokioResolver, String> {
        self.resolver.get_or_init(|| self.build()).as_ref().map_err(Clone::clone)
    }

    fn build(&self) -> Result<TokioResolver, String> {
        let (config, options) = self.config.clone()?;
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = options;
        builder.build().map_err(|error| error.to_string())
    }
}

/// Servers and times as the script says, the rest as the system says.
fn config(options: &DnsOptions) -> Result<(ResolverConfig, ResolverOpts), String> {
    let (mut config, mut opts) = if options.servers.is_empty() {
        read_system_conf().map_err(|error| error.to_string())?
    } else {
        let servers = options.servers.iter().map(|server| name_server(*server)).collect();
        (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
    };
    if let Some(most) = options.most_servers {
        let servers = config.name_servers().iter().take(most.max(1)).cloned().collect();
        let (domain, search) = (config.domain().cloned(), config.search().to_vec());
        config = ResolverConfig::from_parts(domain, search, servers);
    }
    opts.ip_strategy =
        if options.ipv6 { LookupIpStrategy::Ipv4AndIpv6 } else { LookupIpStrategy::Ipv4Only };
    opts.timeout = options.retry_after.unwrap_or(limits::RETRY_AFTER);
    opts.attempts = options.retries.unwrap_or(limits::RETRIES);
    opts.cache_size = 0;
    opts.max_active_requests = limits::QUESTIONS;
    Ok((config, opts))
}

/// A server that is asked by UDP, and by TCP where the answer was cut (RFC 7766).
fn name_server(addr: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    connections.iter_mut().for_each(|connection| connection.port = addr.port());
    NameServerConfig::new(addr.ip(), true, connections)
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

/// One family is enough; where there is none, nobody knows unless both were asked.
fn both(a: Option<Asked<IpAddr>>, aaaa: Option<Asked<IpAddr>>) -> Asked<IpAddr> {
    let mut joined = Records { all: Vec::new(), ttl: limits::TTL_MAX };
    let mut trouble = None;
    for asked in [a, aaaa].into_iter().flatten() {
        match asked {
            Ok(records) if joined.all.is_empty() => joined = records,
            Ok(records) if records.all.is_empty() => {}
            Ok(records) => {
                joined.ttl = joined.ttl.min(records.ttl);
                joined.all.extend(records.all);
            }
            Err(why) => trouble = Some(why),
        }
    }
    match trouble {
        Some(why) if joined.all.is_empty() => Err(why),
        _ => Ok(joined),
    }
}

fn addresses_of(found: &lookup::Lookup) -> Vec<IpAddr> {
    found.answers().iter().filter_map(|record| address(&record.data)).collect()
}

fn left(found: &lookup::Lookup) -> Duration {
    found.valid_until().saturating_duration_since(Instant::now())
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
        assert_eq!(why, "silent.example: request timed out");
        assert!(dns.addresses_now("gw.example").is_ok(), "others are found");
    }

    #[test]
    fn the_hosts_file_is_read() {
        let localhost = Dns::from_system().addresses_now("localhost").unwrap();
        assert_eq!(localhost[0], IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
}
