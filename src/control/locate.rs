//! Where a place is: transport, port and addresses by NAPTR, SRV, A and AAAA (RFC 3263 4).
//!
//! Takes a place and whom to ask; gives addresses in groups of one priority, with their weights,
//! since each call draws its own order. Keeps nothing and knows no deadline.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use sluice_engine::sockets::Proto;
use sluice_engine::targets::{Group, Host, Located, Place};
use tokio::task::JoinSet;

use crate::dns::{Asked, Dns, Records};
use crate::limits;

/// Whom to ask.
pub trait Ask: Clone + Send + Sync + 'static {
    /// Addresses of a host that are known without a question, by the hosts file.
    fn local(&self, name: &str) -> Vec<IpAddr>;
    /// Addresses of a host.
    fn hosts(&self, name: String) -> impl Future<Output = Asked<IpAddr>> + Send;
    /// SRV records.
    fn services(&self, name: &str) -> impl Future<Output = Asked<SRV>> + Send;
    /// NAPTR records.
    fn pointers(&self, name: &str) -> impl Future<Output = Asked<NAPTR>> + Send;
}

/// What this program can reach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Transports that it has sockets of, the preferred one first.
    pub protos: Vec<Proto>,
    /// It has an IPv4 socket.
    pub v4: bool,
    /// It has an IPv6 socket.
    pub v6: bool,
}

/// What a look-up came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Where it is; no group when it is nowhere.
    pub located: Located,
    /// How long that may be believed.
    pub ttl: Duration,
    /// A question that nobody answered, so that the finding may not be all.
    pub trouble: Option<String>,
}

/// Name servers, and what is wanted of them.
#[derive(Clone)]
pub struct Servers {
    /// Them.
    pub dns: std::sync::Arc<Dns>,
    /// See there.
    pub reach: std::sync::Arc<Reach>,
}

impl Ask for Servers {
    fn local(&self, name: &str) -> Vec<IpAddr> {
        self.dns.local(name, self.reach.v4, self.reach.v6)
    }

    async fn hosts(&self, name: String) -> Asked<IpAddr> {
        let v6 = self.reach.v6 && self.dns.options().ipv6;
        self.dns.hosts(&name, self.reach.v4, v6).await
    }

    async fn services(&self, name: &str) -> Asked<SRV> {
        self.dns.services(name).await
    }

    async fn pointers(&self, name: &str) -> Asked<NAPTR> {
        if self.dns.options().naptr {
            return self.dns.pointers(name).await;
        }
        Ok(Records { all: Vec::new(), ttl: limits::TTL_MAX })
    }
}

/// Finds a place.
pub async fn locate(ask: &impl Ask, place: &Place, protos: &[Proto]) -> Finding {
    let most = limits::TTL_MAX;
    let mut search = Search { ask, ttl: most, negative_ttl: most, trouble: None };
    // RFC 3263 4.1: UDP, where nothing says otherwise and there is a socket.
    let first = protos.first().copied().filter(|_| !protos.contains(&Proto::Udp));
    let usual = first.unwrap_or(Proto::Udp);
    let proto = place.proto.unwrap_or(usual);
    let local = ask.local(&place.host);
    if !local.is_empty() {
        let port = place.port.unwrap_or(proto.default_port());
        let located = Located::host(proto, port, local);
        return Finding { located, ttl: limits::LOCAL_TTL, trouble: None };
    }
    let groups = match place.port {
        // RFC 3263 4.2: with a port only addresses are asked for.
        Some(port) => search.host(&place.host, proto, port).await,
        None => match search.services(place, protos).await {
            Some(groups) => groups,
            None => search.host(&place.host, proto, proto.default_port()).await,
        },
    };
    let Search { ttl, negative_ttl, trouble, .. } = search;
    let ttl = if groups.is_empty() { ttl.min(negative_ttl) } else { ttl };
    Finding { located: Located { groups: groups.into() }, ttl, trouble }
}

/// A look-up under way.
struct Search<'a, A> {
    ask: &'a A,
    /// How long the records found may be believed, and that there are no others.
    ttl: Duration,
    negative_ttl: Duration,
    trouble: Option<String>,
}

impl<A: Ask> Search<'_, A> {
    /// One host with a port that is known.
    async fn host(&mut self, name: &str, proto: Proto, port: u16) -> Vec<Group> {
        let asked = self.ask.hosts(name.to_owned()).await;
        let mut addresses = self.take(asked);
        addresses.truncate(limits::ADDRESSES);
        if addresses.is_empty() {
            return Vec::new();
        }
        Located::host(proto, port, addresses).groups.into_vec()
    }

    /// By SRV records; `None` when there are none, so that the host itself is meant.
    async fn services(&mut self, place: &Place, protos: &[Proto]) -> Option<Vec<Group>> {
        let mut found = Vec::new();
        for (proto, name) in self.service_names(place, protos).await {
            let asked = self.ask.services(&name).await;
            let mut records: Vec<SRV> = self.take(asked);
            records.sort_by_key(|record| record.priority);
            found.extend(records.into_iter().map(|record| (proto, record)));
        }
        found.truncate(limits::ADDRESSES);
        if found.is_empty() {
            return None;
        }
        // RFC 2782: the target `.` says that the service is not offered.
        found.retain(|(_, record)| !record.target.is_root());
        let hosts = self.hosts(found.iter().map(|(_, record)| record.target.to_ascii())).await;
        Some(grouped(&found, &hosts))
    }

    /// RFC 3263 4.1: the transport that was given, else those of NAPTR, else all of ours.
    async fn service_names(&mut self, place: &Place, protos: &[Proto]) -> Vec<(Proto, String)> {
        let usual = |proto: Proto| (proto, format!("_sip._{}.{}", proto.lower(), place.host));
        if let Some(proto) = place.proto {
            return vec![usual(proto)];
        }
        let asked = self.ask.pointers(&place.host).await;
        let mut records: Vec<NAPTR> = self.take(asked);
        records.sort_by_key(|record| (record.order, record.preference));
        let mut names = Vec::new();
        for record in &records {
            let proto = protos.iter().find(|proto| offers(record, **proto));
            names.extend(proto.map(|proto| (*proto, record.replacement.to_ascii())));
        }
        names.truncate(limits::SERVICES);
        if names.is_empty() {
            names = protos.iter().map(|proto| usual(*proto)).collect();
        }
        names
    }

    /// The addresses of several hosts, each asked for once, all at the same time.
    async fn hosts(
        &mut self,
        names: impl Iterator<Item = String>,
    ) -> HashMap<String, Box<[IpAddr]>> {
        let mut questions = JoinSet::new();
        let mut hosts = HashMap::new();
        for name in names {
            if hosts.insert(name.clone(), Box::default()).is_none() {
                let ask = self.ask.clone();
                questions.spawn(async move { (ask.hosts(name.clone()).await, name) });
            }
        }
        while let Some(asked) = questions.join_next().await {
            if let Ok((asked, name)) = asked {
                hosts.insert(name, self.take(asked).into());
            }
        }
        hosts
    }

    /// The records of an answer.
    fn take<T>(&mut self, asked: Asked<T>) -> Vec<T> {
        match asked {
            Ok(records) if records.all.is_empty() => {
                self.negative_ttl = self.negative_ttl.min(records.ttl);
                Vec::new()
            }
            Ok(records) => {
                self.ttl = self.ttl.min(records.ttl);
                records.all
            }
            Err(why) => {
                self.trouble = Some(why);
                Vec::new()
            }
        }
    }
}

/// Whether a NAPTR record names the SRV records of a transport (RFC 3263 4.1).
fn offers(record: &NAPTR, proto: Proto) -> bool {
    let service: &[u8] = match proto {
        Proto::Udp => b"SIP+D2U",
        Proto::Tcp => b"SIP+D2T",
    };
    record.flags.eq_ignore_ascii_case(b"s") && record.services.eq_ignore_ascii_case(service)
}

/// Neighbours of one transport and priority are a group. Hosts without address are left out.
fn grouped(found: &[(Proto, SRV)], hosts: &HashMap<String, Box<[IpAddr]>>) -> Vec<Group> {
    let mut left = limits::ADDRESSES;
    let groups = found.chunk_by(|(a, first), (b, next)| a == b && first.priority == next.priority);
    let groups = groups.filter_map(|records| {
        let hosts = records.iter().filter_map(|(_, record)| {
            let addresses = hosts.get(&record.target.to_ascii())?;
            let addresses = addresses.get(..addresses.len().min(left))?;
            left -= addresses.len();
            let (weight, port) = (record.weight, record.port);
            let host = Host { weight, port, addresses: addresses.into() };
            (!addresses.is_empty()).then_some(host)
        });
        let hosts: Box<[Host]> = hosts.collect();
        let (proto, _) = records.first()?;
        (!hosts.is_empty()).then_some(Group { proto: *proto, hosts })
    });
    groups.collect()
}
