//! Caller and answering agent against each other over real sockets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::agents::{self, Report, Snapshot};
use crate::error::TrafficError;
use crate::report::UacReport;
use crate::uac::{Mode, Uac, UacConfig};
use crate::uas::{Uas, UasConfig};

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn answering(addresses: usize) -> Uas {
    let listen = vec![local(); addresses];
    Uas::bind(UasConfig { listen, ringing: true, ..UasConfig::default() }).unwrap()
}

fn calling(uas: &Uas, config: UacConfig) -> Uac {
    Uac::bind(UacConfig { target: uas.addresses()[0], ..config }).unwrap()
}

fn run(config: UacConfig) -> Report {
    let uas = answering(1);
    let uac = calling(&uas, config);
    agents::run(uac, uas, &AtomicBool::new(false), |_| {}).unwrap()
}

fn a_thousand(mode: Mode) -> UacConfig {
    UacConfig { mode, rate: 5_000, calls: Some(1_000), timeout_ms: 10_000, ..UacConfig::default() }
}

#[test]
fn a_thousand_calls_of_each_mode_are_all_answered() {
    for mode in [Mode::Invite, Mode::InviteAck, Mode::Options, Mode::Call] {
        let Report { caller, destinations } = run(a_thousand(mode));
        assert!(caller.all_answered(), "{mode:?}: {caller:?}");
        assert_eq!(caller.latency.count, 1_000);
        assert!(caller.latency.p50_us <= caller.latency.p99_us && caller.latency.p50_us > 0);
        let counts = caller.counts;
        let errors = counts.unexpected + counts.unreadable + counts.send_errors + counts.unsent;
        assert_eq!(errors, 0, "{mode:?}: {counts:?}");
        assert_eq!(destinations.first_requests(), 1_000);
        assert_eq!(destinations.order.out_of_order, 0);
        let seen = destinations.destinations[0].counts;
        let acks = if matches!(mode, Mode::InviteAck | Mode::Call) { 1_000 } else { 0 };
        assert_eq!((seen.ack, seen.bye), (acks, counts.completed), "{mode:?}");
        assert!(caller.elapsed_s > 0.19, "an open loop does not hurry: {}", caller.elapsed_s);
    }
}

#[test]
fn one_way_requests_arrive() {
    let Report { caller, destinations } = run(a_thousand(Mode::Fire));
    assert_eq!((caller.counts.sent, caller.counts.timed_out), (1_000, 0));
    assert_eq!(destinations.destinations[0].counts.invite, 1_000);
}

#[test]
fn many_sources_are_all_used_and_ipv6_works() {
    let any: SocketAddr = "[::1]:0".parse().unwrap();
    let listen = vec![any];
    let uas = Uas::bind(UasConfig { listen, ..UasConfig::default() }).unwrap();
    let config = UacConfig { sources: vec![any; 5], spin: true, ..a_thousand(Mode::Call) };
    let uac = calling(&uas, config);
    let ports: std::collections::BTreeSet<u16> = uac.sources().iter().map(|a| a.port()).collect();
    assert_eq!(ports.len(), 5);
    let report = agents::run(uac, uas, &AtomicBool::new(false), |_| {}).unwrap();
    assert!(report.caller.all_answered(), "{:?}", report.caller);
}

#[test]
fn an_absent_address_is_told_and_comes_back() {
    let uas = answering(2);
    let presence = uas.presence();
    presence.set(0, false);
    let config = a_thousand(Mode::Invite);
    let config = UacConfig { rate: 2_000, timeout_ms: 100, observe_ms: 20, ..config };
    let uac = calling(&uas, config);
    let back = |snapshot: Snapshot| presence.set(0, snapshot.caller.counts.timed_out > 0);
    let report = agents::run(uac, uas, &AtomicBool::new(false), back).unwrap();
    let counts = report.caller.counts;
    assert!(counts.timed_out > 0 && counts.answered[0] > 0, "{counts:?}");
    assert_eq!(counts.due, counts.timed_out + counts.answered[0] + counts.unsent);
    let [first, second] = &report.destinations.destinations[..] else { panic!("two addresses") };
    assert!(first.counts.dropped > 0);
    assert_eq!(first.counts.dropped + first.counts.invite, counts.sent);
    assert_eq!((first.share, second.share, second.counts.dropped), (1.0, 0.0, 0));
}

#[test]
fn stopping_ends_an_endless_run_and_waits_for_what_is_out() {
    let uas = answering(1);
    let config = UacConfig { calls: None, observe_ms: 10, ..a_thousand(Mode::Call) };
    let uac = calling(&uas, config);
    let stop = AtomicBool::new(false);
    let stop_soon = |snapshot: Snapshot| {
        stop.store(snapshot.caller.elapsed_us > 100_000, Ordering::Relaxed);
    };
    let report = agents::run(uac, uas, &stop, stop_soon).unwrap();
    assert!(report.caller.counts.due > 100);
    assert!(report.caller.all_answered(), "{:?}", report.caller);
}

#[test]
fn rates_are_those_of_the_schedule() {
    let calls = run(UacConfig { rate: 100, calls: Some(10), ..a_thousand(Mode::Options) });
    let UacReport { sending_s, sent_per_s, offered_per_s, .. } = calls.caller;
    assert!(sending_s >= 0.1 && sent_per_s <= offered_per_s, "{sending_s} {sent_per_s}");
    assert!((sent_per_s * sending_s - 10.0).abs() < 1e-6);
}

#[test]
fn modes_are_named() {
    let names = ["invite", "invite_ack", "options", "call", "fire", "register"];
    let modes = names.map(|name| name.parse::<Mode>().unwrap());
    let invites = [Mode::Invite, Mode::InviteAck];
    assert_eq!(modes[..2], invites);
    assert_eq!(modes[2..], [Mode::Options, Mode::Call, Mode::Fire, Mode::Register]);
    assert!("INVITE".parse::<Mode>().is_err());
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let refused = |config: UacConfig| Uac::bind(config).err().map(|error| error.to_string());
    let default = UacConfig::default;
    assert_eq!(refused(default()), None);
    let wildcard = vec!["0.0.0.0:0".parse().unwrap()];
    let shared = UacConfig { call_ids: Some(10), mode: Mode::Call, ..default() };
    for config in [
        UacConfig { rate: 0, ..default() },
        UacConfig { timeout_ms: 0, ..default() },
        UacConfig { timeout_ms: u64::MAX, ..default() },
        UacConfig { rate: 1_000_000, timeout_ms: 60_000, ..default() },
        UacConfig { sources: Vec::new(), ..default() },
        UacConfig { sources: wildcard, ..default() },
        UacConfig { sources: vec!["[::1]:0".parse().unwrap()], ..default() },
        UacConfig { call_ids: Some(0), ..default() },
        UacConfig { retransmissions: 7, ..default() },
        UacConfig { users: 0, ..default() },
        UacConfig { users: 1_000_001, ..default() },
        shared,
    ] {
        assert!(refused(config.clone()).is_some(), "{config:?}");
    }
    let uas = |config: UasConfig| Uas::bind(config).err();
    assert!(matches!(uas(UasConfig::default()), Some(TrafficError::Destinations)));
    let listen = vec![local()];
    let status = UasConfig { listen: listen.clone(), invite_status: 180, ..UasConfig::default() };
    assert!(matches!(uas(status), Some(TrafficError::Status)));
    let entries = UasConfig { listen, order_entries: usize::MAX, ..UasConfig::default() };
    assert!(matches!(uas(entries), Some(TrafficError::OrderEntries)));
    let taken = answering(1);
    let listen = taken.addresses().to_vec();
    let twice = uas(UasConfig { listen, ..UasConfig::default() });
    assert!(matches!(twice, Some(TrafficError::Open(_))));
}
