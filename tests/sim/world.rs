//! The world: a queue of events in virtual time, Sluice in the middle, agents around it, links in
//! between. A run is a function of its seed, its weather and its fault.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use sluice_engine::job::Request;

use crate::callee::Callee;
use crate::caller::Caller;
use crate::endpoint::{Out, Timer};
use crate::fault::Fault;
use crate::invariant::{Invariant, Violation};
use crate::link::{Weather, corrupt};
use crate::message::{Message, call_id};
use crate::plan::Plan;
use crate::random::Random;
use crate::silence::{Outage, Ward};
use crate::sluice::{ADDRESS, Kind, Landing, Sent, Sluice};
use crate::trace::{Fate, Trace};
use crate::watch::Watch;

/// What a run is a function of.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The seed.
    pub seed: u64,
    /// The weather on the links.
    pub weather: Weather,
    /// What is broken.
    pub fault: Fault,
    /// The calls.
    pub plans: Vec<Plan>,
    /// Datagrams that are lost whatever the weather.
    pub loss: Option<Loss>,
    /// A destination that falls silent; then passive health is on.
    pub outage: Option<Outage>,
}

/// The first ones of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// How their first line begins.
    pub line: &'static str,
    /// Sent by Sluice; else by an agent.
    pub down: bool,
    /// How many.
    pub first: u32,
}

/// What a run has shown.
pub struct Report {
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Datagrams that Sluice received and sent.
    pub datagrams: u64,
    /// Rows of the machines, and how often each was taken.
    pub taken: Vec<(String, u64)>,
    /// What happened on the links.
    pub trace: Trace,
    /// The plans, by call.
    pub plans: Vec<Plan>,
    /// What each caller has heard in the end.
    pub outcomes: Vec<Option<u16>>,
}

/// A moment by which every run is over, in milliseconds: the calls begin within a minute, and
/// none takes longer than two.
const END_MS: u64 = 600_000;
/// So often something may be due within one millisecond.
const MOMENTS: u32 = 1_000;
/// Reloads and flips come so often, in milliseconds, while calls begin.
const CHANGE_MS: u64 = 7_000;
/// The last of them.
const CHANGES_MS: u64 = 70_000;
/// The control plane's tick.
const TICK_MS: u64 = 1_000;
/// Where no port is open.
const NOBODY: ([u8; 4], u16) = ([10, 1, 0, 9], 5060);
/// How long an ICMP error may take, in milliseconds.
const ICMP_MS: u64 = 200;
/// Bytes that it quotes.
const QUOTED: usize = 500;
/// Callers' addresses.
const TRUNKS: u32 = 4;

/// A call's agents.
struct Call {
    plan: Plan,
    caller: Caller,
    callees: BTreeMap<u8, Callee>,
    arrivals: usize,
}

/// Who a timer belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Caller,
    Callee(u8),
}

enum What {
    ToSluice {
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    ToAgent {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// An ICMP error comes back, with the beginning of what did not arrive.
    Refused(Vec<u8>),
    Timer {
        call: u32,
        who: Who,
        timer: Timer,
    },
    Answer(Request),
    Change,
    Tick,
}

struct Event {
    at_ms: u64,
    seq: u64,
    what: What,
}

/// See the file's head.
struct World {
    setting: Setting,
    sluice: Sluice,
    calls: Vec<Call>,
    queue: BinaryHeap<Event>,
    seq: u64,
    now_ms: u64,
    links: Random,
    changes: Random,
    watch: Watch,
    ward: Ward,
    trace: Trace,
    datagrams: u64,
}

/// Carries out a run.
pub fn run(setting: Setting) -> Report {
    let mut world = World::new(setting);
    world.turn_until_silence();
    world.finish()
}

impl World {
    fn new(setting: Setting) -> Self {
        let Setting { seed, fault, .. } = setting;
        let plans = setting.plans.clone();
        let workers = 1 + (seed % 4) as u8;
        let linger_ms = if seed / 4 % 2 == 0 { 5_000 } else { 32_000 };
        let workers = if fault == Fault::LoneWorker { workers.max(2) } else { workers };
        let passive = setting.outage.is_some() && fault != Fault::DeafWard;
        let ticks_ms = setting.outage.map_or(0, |outage| outage.to_ms + CHANGES_MS);
        let mut world = Self {
            setting,
            sluice: Sluice::new(workers, Kind { linger_ms, passive }, fault),
            calls: Vec::new(),
            queue: BinaryHeap::new(),
            seq: 0,
            now_ms: 1_000,
            links: Random::new(seed, 1),
            changes: Random::new(seed, 2),
            watch: Watch::new(linger_ms),
            ward: Ward::default(),
            trace: Trace::default(),
            datagrams: 0,
        };
        for (call, plan) in (0..).zip(plans) {
            world.add_call(call, plan);
        }
        let mut change = CHANGE_MS;
        while change < CHANGES_MS {
            world.push(change, What::Change);
            change += CHANGE_MS;
        }
        for at_ms in (TICK_MS..ticks_ms).step_by(TICK_MS as usize) {
            world.push(at_ms, What::Tick);
        }
        world
    }

    fn add_call(&mut self, call: u32, plan: Plan) {
        self.watch.grant(call, plan.grace_ms);
        let address = format!("10.0.0.{}:5060", 1 + call % TRUNKS);
        let id = call_id(call, self.setting.seed);
        let start = What::Timer { call, who: Who::Caller, timer: Timer::Start };
        self.push(1_000 + plan.start_ms, start);
        let caller = Caller::new(plan.clone(), address, call, id);
        self.calls.push(Call { plan, caller, callees: BTreeMap::new(), arrivals: 0 });
    }

    fn push(&mut self, at_ms: u64, what: What) {
        self.seq += 1;
        self.queue.push(Event { at_ms, seq: self.seq, what });
    }

    fn turn_until_silence(&mut self) {
        let mut moments = 0;
        loop {
            let next = self.queue.peek().map(|event| event.at_ms);
            let Some(at) = [next, self.sluice.next_due_ms()].into_iter().flatten().min() else {
                return;
            };
            moments = if at > self.now_ms { 0 } else { moments + 1 };
            self.now_ms = self.now_ms.max(at);
            if moments > MOMENTS {
                self.violate(Invariant::Ends, format!("time stands still, {at} ms is due"));
            }
            if self.now_ms > END_MS || moments > MOMENTS {
                return;
            }
            self.moment();
        }
    }

    /// Everything that is due now.
    fn moment(&mut self) {
        let (mut landings, mut refused) = (Vec::new(), Vec::new());
        self.watch.begin(self.now_ms);
        while self.queue.peek().is_some_and(|event| event.at_ms <= self.now_ms) {
            let Some(event) = self.queue.pop() else { break };
            match event.what {
                What::ToSluice { from, bytes } => {
                    self.trace.note(self.now_ms, from, ADDRESS.into(), &bytes, Fate::Seen);
                    self.watch.received(&bytes);
                    self.ward.received(&bytes);
                    // The kernel chooses by addresses: all of a trunk land on one worker.
                    let worker = usize::from(from.port())
                        .wrapping_add(from.ip().to_string().bytes().map(usize::from).sum())
                        % self.sluice.workers();
                    landings.push(Landing { worker, peer: from, bytes });
                }
                What::ToAgent { to, bytes } => self.hear(to, &bytes),
                What::Refused(quote) => refused.push(quote),
                What::Timer { call, who, timer } => self.tick(call, who, timer),
                What::Answer(job) => self.sluice.answer(job),
                What::Change => self.change(),
                What::Tick => self.sluice.tick(),
            }
        }
        self.datagrams += landings.len() as u64;
        for sent in self.sluice.step(self.now_ms, &landings, &refused) {
            self.see(sent);
        }
        self.watch.end();
        if let Some(much) = self.sluice.too_much() {
            self.violate(Invariant::Memory, much);
        }
        for job in std::mem::take(&mut self.sluice.jobs) {
            let after_ms = self.links.within(1, 600);
            self.push(self.now_ms + after_ms, What::Answer(job));
        }
    }

    /// A worker has sent a datagram.
    fn see(&mut self, sent: Sent) {
        self.datagrams += 1;
        let Sent { worker, to, bytes } = sent;
        let id = Message::read(&bytes).and_then(|message| message.value("Call-ID")).map(str::trim);
        if let Some(owner) = id.map(|id| self.sluice.owner(id)).filter(|owner| *owner != worker) {
            let text = format!("worker {worker} sent what worker {owner} owns");
            self.violate(Invariant::Owner, text);
        }
        self.watch.sent(&bytes);
        if self.setting.outage.is_some() {
            let told = self.ward.sent(&bytes, to, self.now_ms);
            if let Err(text) = told {
                self.violate(Invariant::Avoided, text);
            }
        }
        self.carry(ADDRESS.into(), to, &bytes);
    }

    /// Puts a datagram on its link.
    fn carry(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let down = from == SocketAddr::from(ADDRESS);
        if down {
            self.trace.note(self.now_ms, from, to, bytes, Fate::Seen);
        }
        let mut arrivals = self.setting.weather.arrivals(&mut self.links);
        if let Some(Loss { line, down: of, first }) = &mut self.setting.loss
            && (*first > 0 && *of == down && bytes.starts_with(line.as_bytes()))
        {
            *first -= 1;
            arrivals = [None; 2];
        }
        if self.setting.outage.is_some_and(|outage| outage.takes(from, to, self.now_ms)) {
            arrivals = [None; 2];
        }
        if arrivals.iter().all(Option::is_none) {
            self.trace.note(self.now_ms, from, to, bytes, Fate::Lost);
        }
        for arrival in arrivals.into_iter().flatten() {
            let mut bytes = bytes.to_vec();
            if arrival.corrupt {
                let call = Message::read(&bytes).and_then(|message| message.call());
                corrupt(&mut bytes, &mut self.links);
                let other = Message::read(&bytes).and_then(|message| message.call());
                [call, other].into_iter().flatten().for_each(|call| self.watch.taint(call));
            }
            let at_ms = self.now_ms + arrival.after_ms;
            if down && to == SocketAddr::from(NOBODY) {
                let back_ms = self.links.within(1, ICMP_MS);
                bytes.truncate(QUOTED);
                self.push(at_ms + back_ms, What::Refused(bytes));
            } else if down {
                self.push(at_ms, What::ToAgent { to, bytes });
            } else {
                self.push(at_ms, What::ToSluice { from, bytes });
            }
        }
    }

    /// An agent is given a datagram; nobody is at other addresses.
    fn hear(&mut self, to: SocketAddr, bytes: &[u8]) {
        let Some(message) = Message::read(bytes) else { return };
        let Some(number) = message.call() else { return };
        let Some(call) = self.calls.get_mut(number as usize) else { return };
        let mut out = Out { now_ms: self.now_ms, ..Out::default() };
        let SocketAddr::V4(v4) = to else { return };
        let who = match v4.ip().octets() {
            [10, 0, ..] => {
                call.caller.hear(&mut out, &message);
                Who::Caller
            }
            [10, 1, _, gateway] => {
                if message.status().is_none() && !call.callees.contains_key(&gateway) {
                    call.add_callee(number, gateway);
                }
                let Some(callee) = call.callees.get_mut(&gateway) else { return };
                callee.hear(&mut out, &message);
                Who::Callee(gateway)
            }
            _ => return,
        };
        self.done(number, who, out);
    }

    fn tick(&mut self, number: u32, who: Who, timer: Timer) {
        let call = &mut self.calls[number as usize];
        let mut out = Out { now_ms: self.now_ms, ..Out::default() };
        match who {
            Who::Caller => call.caller.tick(&mut out, timer),
            Who::Callee(gateway) => {
                if let Some(callee) = call.callees.get_mut(&gateway) {
                    callee.tick(&mut out, timer);
                }
            }
        }
        self.done(number, who, out);
    }

    /// What an agent does goes on its way.
    fn done(&mut self, call: u32, who: Who, out: Out) {
        let from = match who {
            Who::Caller => ([10, 0, 0, 1 + (call % TRUNKS) as u8], 5060),
            Who::Callee(gateway) => ([10, 1, 0, gateway], 5060),
        };
        for bytes in out.sends {
            self.carry(from.into(), ADDRESS.into(), &bytes);
        }
        for (at_ms, timer) in out.timers {
            self.push(at_ms, What::Timer { call, who, timer });
        }
    }

    /// A reload, or a destination that goes or comes.
    fn change(&mut self) {
        let note = if self.changes.permille(500) {
            self.sluice.reload();
            "the script is loaded again".to_owned()
        } else {
            let (number, active) = (self.changes.below(2) as u8, self.changes.permille(500));
            self.sluice.flip(number, active);
            format!("destination {number} is active: {active}")
        };
        self.trace.notes.push((self.now_ms, note));
    }

    fn violate(&mut self, invariant: Invariant, text: String) {
        let at = self.now_ms;
        self.watch.violations.push(Violation { invariant, call: None, at, text });
    }

    /// Silence: what must be so at the end.
    fn finish(mut self) -> Report {
        self.watch.finish();
        for left in self.sluice.left() {
            self.violate(Invariant::Empty, left);
        }
        for counter in self.sluice.unsound() {
            self.violate(Invariant::Sound, counter);
        }
        if self.setting.weather == Weather::named("calm").unwrap_or(self.setting.weather) {
            let wrong: Vec<_> = (0..).zip(&self.calls).filter_map(outcome).collect();
            self.watch.violations.extend(wrong);
        }
        let taken = self.sluice.taken();
        let outcomes = self.calls.iter().map(|call| call.caller.outcome).collect();
        let Self { watch, trace, datagrams, setting, .. } = self;
        let (violations, plans) = (watch.violations, setting.plans);
        Report { violations, datagrams, taken, trace, plans, outcomes }
    }
}

/// Whether a call has ended as planned.
fn outcome((number, call): (u32, &Call)) -> Option<Violation> {
    let Plan { kind, expect, caller_steps, callee_steps, method, .. } = &call.plan;
    let answered = call.caller.outcome == Some(200) && *method == "INVITE";
    let text = if !expect.is_empty() && !call.caller.outcome.is_some_and(|s| expect.contains(&s)) {
        format!("{kind}: {:?} instead of {expect:?}", call.caller.outcome)
    } else if answered && call.plan.vanish_ms.is_none() && !call.is_confirmed() {
        format!("{kind}: no ACK has come")
    } else if answered
        && call.plan.cancel_ms.is_none()
        && call.plan.vanish_ms.is_none()
        && callee_steps.is_empty()
        && call.caller.done < caller_steps.len()
    {
        format!("{kind}: {} of {caller_steps:?} were answered", call.caller.done)
    } else {
        return None;
    };
    Some(Violation { invariant: Invariant::Outcome, call: Some(number), at: 0, text })
}

impl Call {
    fn add_callee(&mut self, number: u32, gateway: u8) {
        let at = if self.plan.by_arrival { self.arrivals } else { usize::from(gateway) - 1 };
        self.arrivals += 1;
        let manner = self.plan.manners.get(at).copied().unwrap_or_default();
        let callee = Callee::new(
            manner,
            self.plan.callee_steps,
            format!("10.1.0.{gateway}:5060"),
            format!("b{gateway}-{number}"),
        );
        self.callees.insert(gateway, callee);
    }

    /// Each callee that answered has got its ACK.
    fn is_confirmed(&self) -> bool {
        self.callees.values().all(|callee| !callee.has_answered() || callee.confirmed)
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        (other.at_ms, other.seq).cmp(&(self.at_ms, self.seq))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}
