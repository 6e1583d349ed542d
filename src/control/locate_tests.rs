//! RFC 3263 against a name server of a few lines.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use sluice_engine::sockets::Proto;
use sluice_engine::targets::Place;

use crate::dns::{Asked, Records};
use crate::limits;
use crate::locate::{Ask, Finding, locate};

/// Answers by name; what is not there does not exist for five seconds.
#[derive(Clone, Default)]
struct Zone {
    hosts: HashMap<&'static str, Vec<&'static str>>,
    services: HashMap<&'static str, Vec<(u16, u16, u16, &'static str)>>,
    pointers: HashMap<&'static str, Vec<(u16, u16, &'static str, &'static str)>>,
    /// Names that nobody answers for.
    silent: Vec<&'static str>,
    local: HashMap<&'static str, &'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Zone {
    fn answer<T>(&self, kind: &str, name: &str, all: Vec<T>) -> Asked<T> {
        self.asked.lock().unwrap().push(format!("{kind} {name}"));
        if self.silent.contains(&name.trim_end_matches('.')) {
            return Err(format!("{name}: no answer"));
        }
        let ttl = if all.is_empty() { 5 } else { 60 };
        Ok(Records { all, ttl: Duration::from_secs(ttl) })
    }
}

impl Ask for Zone {
    fn local(&self, name: &str) -> Vec<IpAddr> {
        self.local.get(name).map(|ip| ip.parse().unwrap()).into_iter().collect()
    }

    async fn hosts(&self, name: String) -> Asked<IpAddr> {
        let all = self.hosts.get(name.trim_end_matches('.')).cloned().unwrap_or_default();
        self.answer("A", &name, all.iter().map(|ip| ip.parse().unwrap()).collect())
    }

    async fn services(&self, name: &str) -> Asked<SRV> {
        let all = self.services.get(name.trim_end_matches('.')).cloned().unwrap_or_default();
        let srv = |(priority, weight, port, target): (u16, u16, u16, &str)| {
            SRV::new(priority, weight, port, Name::from_ascii(target).unwrap())
        };
        self.answer("SRV", name, all.into_iter().map(srv).collect())
    }

    async fn pointers(&self, name: &str) -> Asked<NAPTR> {
        let all = self.pointers.get(name).cloned().unwrap_or_default();
        let naptr = |(order, preference, service, target): (u16, u16, &str, &str)| {
            let (flags, service) = (Box::from(*b"s"), service.as_bytes().into());
            let target = Name::from_ascii(target).unwrap();
            NAPTR::new(order, preference, flags, service, Box::default(), target)
        };
        self.answer("NAPTR", name, all.into_iter().map(naptr).collect())
    }
}

/// What a place comes to, as text, and what was asked.
fn found(zone: &Zone, host: &str, port: Option<u16>, proto: Option<Proto>) -> (Finding, String) {
    zone.asked.lock().unwrap().clear();
    let place = Place::new(host.as_bytes(), port, proto).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let finding = runtime.block_on(locate(zone, &place, &[Proto::Udp]));
    let asked = zone.asked.lock().unwrap().join(", ");
    (finding, asked)
}

fn hops(finding: &Finding) -> Vec<String> {
    finding.located.hops().map(|hop| hop.addr.to_string()).collect()
}

#[test]
fn with_a_port_only_addresses_are_asked_for() {
    let hosts = [("gw.example", vec!["192.0.2.1", "192.0.2.2"])].into();
    let zone = Zone { hosts, ..Zone::default() };
    let (finding, asked) = found(&zone, "gw.example", Some(5070), None);
    assert_eq!(hops(&finding), ["192.0.2.1:5070", "192.0.2.2:5070"]);
    assert_eq!((asked.as_str(), finding.ttl), ("A gw.example", Duration::from_secs(60)));
}

#[test]
fn without_a_port_the_service_is_looked_for_and_then_the_host() {
    let hosts = [("gw.example", vec!["192.0.2.1"])].into();
    let zone = Zone { hosts, ..Zone::default() };
    let (finding, asked) = found(&zone, "gw.example", None, None);
    assert_eq!(hops(&finding), ["192.0.2.1:5060"]);
    assert_eq!(asked, "NAPTR gw.example, SRV _sip._udp.gw.example, A gw.example");
    let (_, asked) = found(&zone, "gw.example", None, Some(Proto::Udp));
    assert_eq!(asked, "SRV _sip._udp.gw.example, A gw.example", "the transport is given");
}

#[test]
fn naptr_names_the_services_that_can_be_reached_in_its_order() {
    let zone = Zone {
        pointers: [(
            "example",
            vec![
                (20, 1, "SIP+D2U", "_second.example."),
                (10, 2, "sip+d2u", "_first.example."),
                (10, 1, "SIPS+D2T", "_tls.example."),
                (5, 1, "E2U+sip", "_enum.example."),
            ],
        )]
        .into(),
        services: [
            ("_first.example", vec![(1, 0, 5061, "a.example."), (0, 0, 5062, "b.example.")]),
            ("_second.example", vec![(0, 0, 5063, "a.example.")]),
        ]
        .into(),
        hosts: [("a.example", vec!["192.0.2.1"]), ("b.example", vec!["192.0.2.2"])].into(),
        ..Zone::default()
    };
    let (finding, asked) = found(&zone, "example", None, None);
    assert_eq!(hops(&finding), ["192.0.2.2:5062", "192.0.2.1:5061", "192.0.2.1:5063"]);
    assert_eq!(asked.matches("A a.example.").count(), 1, "each host is asked for once: {asked}");
    assert!(!asked.contains("_sip._udp"), "{asked}");
}

#[test]
fn priorities_are_groups_and_hosts_without_address_are_left_out() {
    let zone = Zone {
        services: [(
            "_sip._udp.example",
            vec![
                (2, 9, 5060, "a.example."),
                (1, 1, 5060, "a.example."),
                (1, 3, 5061, "b.example."),
                (1, 5, 5062, "gone.example."),
            ],
        )]
        .into(),
        hosts: [("a.example", vec!["192.0.2.1"]), ("b.example", vec!["192.0.2.2"])].into(),
        ..Zone::default()
    };
    let (finding, _) = found(&zone, "example", None, None);
    let weights = |at: usize| -> Vec<u16> {
        finding.located.groups[at].hosts.iter().map(|host| host.weight).collect()
    };
    assert_eq!((finding.located.groups.len(), weights(0), weights(1)), (2, vec![1, 3], vec![9]));
}

#[test]
fn a_service_that_is_not_offered_is_nowhere() {
    let zone = Zone {
        services: [("_sip._udp.example", vec![(0, 0, 0, ".")])].into(),
        hosts: [("example", vec!["192.0.2.1"])].into(),
        ..Zone::default()
    };
    let (finding, asked) = found(&zone, "example", None, None);
    assert_eq!(hops(&finding), [""; 0]);
    assert!(!asked.contains("A example"), "{asked}");
}

#[test]
fn what_does_not_exist_is_believed_for_as_long_as_its_zone_says() {
    let (finding, _) = found(&Zone::default(), "example", None, None);
    assert_eq!((hops(&finding), finding.ttl), (vec![], Duration::from_secs(5)));
    assert_eq!(finding.trouble, None);
}

#[test]
fn silence_is_no_answer_and_what_comes_in_spite_of_it_may_not_be_all() {
    let hosts = [("example", vec!["192.0.2.1"])].into();
    let zone = Zone { hosts, silent: vec!["_sip._udp.example"], ..Zone::default() };
    let (finding, _) = found(&zone, "example", None, None);
    assert_eq!(hops(&finding), ["192.0.2.1:5060"]);
    assert_eq!(finding.trouble.as_deref(), Some("_sip._udp.example: no answer"));
}

#[test]
fn a_host_of_the_hosts_file_is_not_asked_for() {
    let zone = Zone { local: [("gw", "192.0.2.7")].into(), ..Zone::default() };
    let (finding, asked) = found(&zone, "gw", None, None);
    assert_eq!((hops(&finding), asked.as_str()), (vec!["192.0.2.7:5060".to_owned()], ""));
    let (finding, _) = found(&zone, "gw", Some(5070), None);
    assert_eq!(hops(&finding), ["192.0.2.7:5070"]);
}

#[test]
fn many_records_are_taken_up_to_the_limit() {
    let names: Vec<&'static str> =
        (0..80).map(|at| &*String::leak(format!("h{at}.example."))).collect();
    let srv = |name: &&'static str| (0, 1, 5060, *name);
    let host = |name: &&'static str| (name.trim_end_matches('.'), vec!["192.0.2.1", "192.0.2.2"]);
    let zone = Zone {
        services: [("_sip._udp.example", names.iter().map(srv).collect())].into(),
        hosts: names.iter().map(host).collect(),
        ..Zone::default()
    };
    let (finding, asked) = found(&zone, "example", None, None);
    assert_eq!(hops(&finding).len(), limits::ADDRESSES);
    assert_eq!(asked.matches("A h").count(), limits::ADDRESSES);
}
