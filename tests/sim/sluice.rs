//! The one under test: real workers, program, script and modules, turned in virtual time. Faults
//! are planted here, between it and the world.

use std::net::SocketAddr;

use sluice_base::{Datagram, Now, OwnerSeed, SocketId, WorkerId};
use sluice_engine::Output;
use sluice_engine::counter::Counter;
use sluice_engine::job::{Answer, Job, Mail, Request};
use sluice_engine::series::{Family, Figure, Series};
use sluice_engine::worker::{Batch, Worker};
use sluice_modules::MODULES;
use sluice_tests::world::{Plan, World, located};

use crate::fault::{Fault, Planted};
use crate::plan::GATEWAYS;

/// Where Sluice listens.
pub const ADDRESS: ([u8; 4], u16) = ([192, 0, 2, 1], 5060);

const SCRIPT: &str = include_str!("opensips.cfg");
/// Bytes that the workers may keep of 300 calls that are over: room that they will use again.
const FIXED_BYTES: i64 = 384 << 10;
/// Bytes of a transaction under way: the ceiling of the plan.
const TRANSACTION_BYTES: i64 = 3 << 10;
/// Bytes of a parked run (`limits::PARKED_RUNS`).
const PARKED_BYTES: i64 = 16 << 10;
/// Destinations of the dispatcher's set; the gateways with the lowest numbers.
const DESTINATIONS: u8 = 6;

/// A datagram for a worker's socket.
#[derive(Clone, Debug)]
pub struct Landing {
    /// Where the kernel puts it.
    pub worker: usize,
    /// Who sent it.
    pub peer: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A datagram that a worker sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The worker.
    pub worker: usize,
    /// Where to.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// See the file's head.
pub struct Sluice {
    world: World,
    output: Output,
    planted: Planted,
    told: bool,
    /// Jobs that wait for an answer.
    pub jobs: Vec<Request>,
    /// Bytes that the workers have allocated since the start.
    held: i64,
    editions: u32,
    kind: Kind,
    now_ms: u64,
}

/// What is not the same in each run's script.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// `wt_timer` in milliseconds.
    pub linger_ms: u64,
    /// Passive health.
    pub passive: bool,
}

impl Sluice {
    /// Starts it with so many workers.
    pub fn new(workers: u8, kind: Kind, fault: Fault) -> Self {
        let list: String =
            (1..=DESTINATIONS).map(|gateway| format!("1 sip:10.1.0.{gateway}\n")).collect();
        let plan = Plan { workers, listen: vec![ADDRESS.into()], ..Plan::default() };
        let mut world = plan.file("dispatcher.list", list).run(&script(0, kind));
        if fault == Fault::LoneWorker {
            // It believes that every call is its own.
            let now = world.now;
            let lone = world.program.workers(1, OwnerSeed(0), 1, now);
            world.workers.splice(..1, lone.into_iter().map(|made| made.worker));
        }
        Self {
            world,
            output: Output::default(),
            planted: Planted::new(fault),
            told: false,
            jobs: Vec::new(),
            held: 0,
            editions: 0,
            kind,
            now_ms: 0,
        }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.world.workers.len()
    }

    /// The owner of a Call-ID.
    pub fn owner(&self, call_id: &str) -> usize {
        let WorkerId(owner) = OwnerSeed(0).owner_of(call_id.as_bytes(), self.workers() as u8);
        usize::from(owner)
    }

    /// When a timer is due next, in milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        let frozen = self.planted.freezes(self.now_ms);
        let workers = self.world.workers.iter().enumerate();
        let awake = workers.filter(|(number, _)| !self.planted.sleeps(*number));
        let dues = awake.filter_map(|(_, worker)| worker.next_due_ms());
        dues.min().filter(|_| !frozen)
    }

    /// Datagrams arrive, timers are due: every worker takes turns until all is still.
    pub fn step(&mut self, now_ms: u64, landings: &[Landing], lost: &[Vec<u8>]) -> Vec<Sent> {
        self.now_ms = now_ms;
        if !self.planted.freezes(now_ms) {
            let wall_us = 1_800_000_000_000_000 + now_ms * 1_000;
            self.world.now = Now { mono_us: now_ms * 1_000, wall_us };
        }
        let mut sent = Vec::new();
        for (at, quote) in lost.iter().enumerate() {
            // The error lies at any of the sockets.
            self.lose(at % self.workers(), quote, &mut sent);
        }
        for worker in 0..self.workers() {
            self.turn(worker, landings, &mut sent);
        }
        let mut hopped = u64::MAX;
        while hopped != self.world.count(Counter::Hopped) || self.has_more() {
            hopped = self.world.count(Counter::Hopped);
            for worker in 0..self.workers() {
                self.turn(worker, &[], &mut sent);
            }
        }
        sent
    }

    fn has_more(&self) -> bool {
        self.world.workers.iter().any(|worker| worker.has_more())
    }

    fn turn(&mut self, number: usize, landings: &[Landing], sent: &mut Vec<Sent>) {
        let (mut region, mut datagrams) = (Vec::new(), Vec::new());
        for landing in landings.iter().filter(|landing| landing.worker == number) {
            let bytes = self.planted.on_the_way_in(&landing.bytes);
            datagrams.push(Datagram {
                socket: SocketId(0),
                peer: landing.peer,
                offset: region.len() as u32,
                len: bytes.len() as u16,
            });
            region.extend_from_slice(&bytes);
        }
        let batch = Batch { region: &region, datagrams: &datagrams };
        self.watched(number, sent, |worker, now, output| _ = worker.turn(now, batch, output));
    }

    /// The transport says that a request did not arrive.
    fn lose(&mut self, number: usize, quote: &[u8], sent: &mut Vec<Sent>) {
        self.watched(number, sent, |worker, now, output| {
            worker.turn_lost(now, quote, None, output);
        });
    }

    /// A turn, its memory counted, and what it leaves.
    fn watched(
        &mut self,
        number: usize,
        sent: &mut Vec<Sent>,
        turn: impl FnOnce(&mut Worker, Now, &mut Output),
    ) {
        let Self { world, output, planted, .. } = self;
        if planted.sleeps(number) {
            return;
        }
        let allocated = allocation_counter::measure(|| {
            turn(&mut world.workers[number], world.now, output);
            planted.hoard();
        });
        self.held += allocated.bytes_current;
        self.jobs.append(&mut output.jobs);
        for send in &output.sends {
            let range = send.range.start as usize..send.range.end as usize;
            let bytes = output.bytes[range].to_vec();
            let one = Sent { worker: number, to: send.target.addr, bytes };
            planted.on_the_way_out(one, sent);
        }
        // The transmit batch belongs to the driver, not to the workers.
        let cleared = allocation_counter::measure(|| *output = Output::default());
        self.held += cleared.bytes_current;
    }

    /// Answers a job: the gateways' names are somewhere, others are not.
    pub fn answer(&self, job: Request) {
        let Job::Locate(place) = &job.job else { panic!("not asked here: {:?}", job.job) };
        let known = |gateway: &u8| *place.host == *format!("gw{gateway}.sim");
        let answer = match (1..=GATEWAYS).find(known) {
            Some(gateway) => located(place.port.unwrap_or(5060), &[&format!("10.1.0.{gateway}")]),
            None => Answer::Failed("no such name".into()),
        };
        let _asleep = job.reply.complete(Mail { key: job.key, answer });
    }

    /// Puts another edition of the script in force.
    pub fn reload(&mut self) {
        self.editions += 1;
        self.world.reload(&script(self.editions, self.kind)).expect("the script is good");
        self.world.program.sweep();
    }

    /// Tells the modules the moment, as the control plane does.
    pub fn tick(&self) {
        let mono_us = self.world.now.mono_us + self.planted.ahead_ms() * 1_000;
        self.world.program.tick(Now { mono_us, ..self.world.now });
    }

    /// Changes the state of a destination; at most two are inactive.
    pub fn flip(&self, destination: u8, active: bool) {
        let module = MODULES.iter().find(|module| module.name == "dispatcher").expect("known");
        let command = module.commands.iter().find(|command| command.name == "ds_set_state");
        let state = self.world.program.state("dispatcher").expect("it runs");
        let address = format!("sip:10.1.0.{}", 5 + destination % 2);
        let word = if active { "a" } else { "i" };
        let params = [Some(word), Some("1"), Some(address.as_str())];
        (command.expect("known").run)(&**state, &params).expect("it is in the list");
    }

    /// What the workers hold, when that is more than planned; told once.
    pub fn too_much(&mut self) -> Option<String> {
        let sum = |count: fn(&Worker) -> usize| self.world.workers.iter().map(count).sum::<usize>();
        let (transactions, parked) = (sum(Worker::transactions), sum(Worker::parked));
        let plan =
            FIXED_BYTES + transactions as i64 * TRANSACTION_BYTES + parked as i64 * PARKED_BYTES;
        if self.held <= plan || std::mem::replace(&mut self.told, true) {
            return None;
        }
        Some(format!("{} bytes for {transactions} transactions, {parked} parked", self.held))
    }

    /// What is left in the workers, and of calls that destinations count; nothing, after silence.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (number, worker) in self.world.workers.iter().enumerate() {
            let (transactions, parked) = (worker.transactions(), worker.parked());
            let due = worker.next_due_ms();
            if !worker.is_clear() || due.is_some() {
                left.push(format!(
                    "worker {number}: {transactions} transactions, {parked} parked, due {due:?}"
                ));
            }
        }
        let mut calls = Calls(0.0);
        self.world.program.series(&mut calls);
        if calls.0 > 0.0 {
            left.push(format!("{} calls that destinations have not been given back", calls.0));
        }
        left
    }

    /// Counters that stay at nothing in a sound run.
    pub fn unsound(&self) -> Vec<String> {
        let all = [
            Counter::Panics,
            Counter::HopFull,
            Counter::ParkRefused,
            Counter::StartRefused,
            Counter::StaleAnswers,
        ];
        let counts = all.map(|counter| (counter, self.world.count(counter)));
        let wrong = counts.iter().filter(|(_, count)| *count > 0);
        wrong.map(|(counter, count)| format!("{}: {count}", counter.name())).collect()
    }

    /// How often each row of the machines was taken.
    pub fn taken(&self) -> Vec<(String, u64)> {
        let mut all: Vec<(String, u64)> = Vec::new();
        for worker in &self.world.workers {
            let rows = worker.taken();
            if all.is_empty() {
                all = rows;
            } else {
                all.iter_mut().zip(rows).for_each(|(sum, row)| sum.1 += row.1);
            }
        }
        all
    }
}

/// The calls that destinations have, in all.
struct Calls(f64);

impl Series for Calls {
    fn put(&mut self, family: &Family, _: &[(&str, &str)], figure: Figure<'_>) {
        if let ("sluice_dispatcher_calls_active", Figure::Gauge(calls)) = (family.name, figure) {
            self.0 += calls;
        }
    }
}

fn script(edition: u32, kind: Kind) -> String {
    let linger = format!("{})", kind.linger_ms / 1_000);
    let passive = format!("{})", u8::from(kind.passive));
    SCRIPT
        .replace("EDITION\\r", &format!("{edition}\\r"))
        .replace("LINGER)", &linger)
        .replace("PASSIVE)", &passive)
}
