//! A destination that falls silent for a while, under passive health: calls avoid it soon, one at a
//! time tries it, and it gets its share again when it is back. The books here are kept from
//! outside, by the datagrams alone.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::fault::Fault;
use crate::invariant::Invariant;
use crate::link::Weather;
use crate::message::Message;
use crate::plan::{Manner, Plan, plan};
use crate::sluice::ADDRESS;
use crate::world::{Report, Setting, run};

/// Nothing goes to a gateway, and nothing comes from it.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Its number.
    pub gateway: u8,
    /// When it falls silent, in milliseconds.
    pub from_ms: u64,
    /// When it is back.
    pub to_ms: u64,
}

impl Outage {
    /// Whether it takes a datagram.
    pub fn takes(&self, from: SocketAddr, to: SocketAddr, now_ms: u64) -> bool {
        let is_its = [from, to].contains(&gateway(self.gateway));
        is_its && (self.from_ms..self.to_ms).contains(&now_ms)
    }
}

/// Requests without an answer in time that take a destination out: `ds_probing_threshold`.
const THRESHOLD: u32 = 3;
/// `passive_back_off`, in milliseconds.
const BACK_OFF_MS: u64 = 10_000;

/// The books of all gateways.
#[derive(Default, Debug)]
pub struct Ward {
    gateways: HashMap<SocketAddr, Books>,
    /// INVITEs by branch: to whom, when, and whether they have been sent again or answered.
    branches: HashMap<String, (SocketAddr, u64, bool)>,
}

#[derive(Default, Debug)]
struct Books {
    /// INVITEs in a row that had to be sent again.
    row: u32,
    /// Since when it is out, or when it was tried last.
    out_ms: Option<u64>,
}

impl Ward {
    /// Sluice is given a datagram.
    pub fn received(&mut self, bytes: &[u8]) {
        let Some(message) = Message::read(bytes).filter(|one| one.status().is_some()) else {
            return;
        };
        let branch = message.branch().unwrap_or_default();
        let Some((to, sent_ms, is_over)) = self.branches.get_mut(branch) else { return };
        *is_over = true;
        let books = self.gateways.entry(*to).or_default();
        books.row = 0;
        if books.out_ms.is_some_and(|since| *sent_ms >= since) {
            books.out_ms = None;
        }
    }

    /// Sluice has sent a datagram.
    ///
    /// # Errors
    /// A call has gone where none should go.
    pub fn sent(&mut self, bytes: &[u8], to: SocketAddr, now_ms: u64) -> Result<(), String> {
        let is_invite = |one: &Message<'_>| one.status().is_none() && one.method() == "INVITE";
        let Some(message) = Message::read(bytes).filter(is_invite) else { return Ok(()) };
        let branch = message.branch().unwrap_or_default();
        let books = self.gateways.entry(to).or_default();
        if let Some((_, _, is_over)) = self.branches.get_mut(branch) {
            if !std::mem::replace(is_over, true) {
                books.row += 1;
            }
            if books.row >= THRESHOLD {
                books.out_ms.get_or_insert(now_ms);
            }
            return Ok(());
        }
        self.branches.insert(branch.to_owned(), (to, now_ms, false));
        let Some(since) = books.out_ms else { return Ok(()) };
        books.out_ms = Some(now_ms);
        // Other workers' calls of that very moment did not know.
        if now_ms > since && now_ms < since + BACK_OFF_MS {
            return Err(format!("{to} is out since {since} ms, or was tried then"));
        }
        Ok(())
    }
}

fn gateway(number: u8) -> SocketAddr {
    ([10, 1, 0, number], 5060).into()
}

/// It is out at about 14 s, is tried in vain at about 24 s, and with success at about 44 s.
const OUTAGE: Outage = Outage { gateway: 2, from_ms: 10_000, to_ms: 35_000 };
/// By then it has been tried again, in milliseconds.
const BACK_MS: u64 = 46_000;
/// Calls, and the time between two of them: a minute in all.
const CALLS: u64 = 400;
const PACE_MS: u64 = 150;

fn calls() -> Vec<Plan> {
    let answers = Manner { last: Some((200, 50)), obeys: true, ..Manner::default() };
    let call = |number: u64| Plan {
        start_ms: number * PACE_MS,
        manners: vec![answers; 6],
        caller_steps: &[],
        expect: vec![200],
        ..plan("silence", "sip:ds@sim")
    };
    (0..CALLS).map(call).collect()
}

fn outage(seed: u64, weather: &str, fault: Fault) -> Report {
    let weather = Weather::named(weather).expect("known");
    run(Setting { seed, weather, fault, plans: calls(), loss: None, outage: Some(OUTAGE) })
}

/// How many INVITEs went to the gateway within a time, those sent again included.
fn invites(report: &Report, from_ms: u64, to_ms: u64) -> usize {
    let sent = report.trace.entries.iter().filter(|entry| {
        let is_its = (entry.from, entry.to) == (ADDRESS.into(), gateway(OUTAGE.gateway));
        is_its && (from_ms..to_ms).contains(&entry.at_ms) && entry.bytes.starts_with(b"INVITE")
    });
    sent.count()
}

/// All calls are answered; the gateway gets its sixth of them before and after.
#[test]
fn a_destination_that_falls_silent_is_avoided_until_it_is_back() {
    for (seed, weather) in [(1, "calm"), (2, "calm"), (7, "duplicate")] {
        let report = outage(seed, weather, Fault::None);
        assert_eq!(report.violations.first(), None, "{weather}");
        let (before, after) = (invites(&report, 0, 10_000), invites(&report, BACK_MS, 61_000));
        assert!(before >= 8 && after >= 8, "{before} before, {after} after");
        let tried = invites(&report, 22_000, 42_000);
        assert!((1..=8).contains(&tried), "one call tries it, and is sent again: {tried}");
    }
}

#[test]
fn one_that_goes_on_getting_calls_is_found() {
    found(Fault::DeafWard);
}

#[test]
fn one_that_is_tried_too_early_is_found() {
    found(Fault::HastyTrial);
}

fn found(fault: Fault) {
    let report = outage(1, "calm", fault);
    let all: Vec<_> = report.violations.iter().map(|violation| violation.invariant).collect();
    assert!(all.contains(&Invariant::Avoided), "{fault:?}: {:?}", report.violations.first());
}
