//! The gateway: from a compiled script to running workers, and back to nothing.

pub mod command;
pub mod dns;
pub mod files;
mod flatten;
mod host;
pub mod listen;
pub mod log;
mod modules;
mod preprocess;
mod reload;
pub mod report;
pub mod script;
mod service;
mod shell;
mod streams;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use anyhow::{Context, Result};
use sluice_base::counters::CellsReader;
use sluice_base::histogram::{Collector, histogram};
use sluice_base::limits::WORKERS_MAX;
use sluice_base::{OwnerSeed, WorkerId};
use sluice_control::mi::Management;
use sluice_control::{Control, Dns, Locator, Reach, Routes, Waker};
use sluice_engine::context::Shared;
use sluice_engine::counter::Counter;
use sluice_engine::program::Program;
use sluice_engine::registry::Registry;
use sluice_engine::reports::{MAIN, TERMINATING};
use sluice_engine::sockets::{Proto, Sockets};
use sluice_net::Clock;
use sluice_net::driver::Driver;
use sluice_net::pin::available_cpus;
use sluice_net::udp::route::source_towards;
use sluice_net::udp::socket::{UdpOptions, open_group};
use sluice_script::Script;

use host::Host;
use modules::Loaded;
pub use modules::Refused;
use script::Inputs;
use service::services;
use shell::Shell;
use streams::Streams;

/// The ownership hash of calls: the same in every process, so that a restart moves no call.
const OWNERS: OwnerSeed = OwnerSeed(0);

/// The longest turn that the histogram tells apart, in microseconds.
const LONGEST_TURN_US: u64 = 10_000_000;

/// What the command line or the script says about size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuning {
    /// Workers; at most one per CPU of the process' mask, which is also the default.
    pub workers: Option<u8>,
    /// Receive buffer of each socket, bytes.
    pub receive_buffer: Option<usize>,
    /// User and group that the program will be, when it gives up those it was started with: the
    /// FIFO of the management is theirs.
    pub becomes: (Option<u32>, Option<u32>),
}

/// A running gateway.
pub struct Gateway {
    program: Arc<Program>,
    management: Arc<Management>,
    threads: Vec<JoinHandle<()>>,
    control: Control,
    stop: Arc<AtomicBool>,
    aborted: Arc<AtomicBool>,
    wakers: Vec<Waker>,
    monitors: Vec<Monitor>,
}

/// What can be seen of a worker from outside.
pub struct Monitor {
    /// Its counters.
    pub counters: CellsReader,
    /// How long its turns take, microseconds.
    pub turns: Collector,
}

impl Gateway {
    /// Opens the sockets, starts the modules and the workers.
    ///
    /// # Errors
    /// Sockets that cannot be opened; [`Refused`] for modules that refuse.
    pub fn start(
        script: Script,
        registry: Arc<Registry>,
        sockets: Sockets,
        dns: Arc<Dns>,
        inputs: Inputs,
        tuning: Tuning,
    ) -> Result<Self> {
        let cpus = available_cpus();
        let most = cpus.len().clamp(1, usize::from(WORKERS_MAX)) as u8;
        let workers = tuning.workers.unwrap_or(most).clamp(1, most);
        let loaded = Loaded::of(&script);
        let mut drivers = open(&sockets, workers, tuning)?;
        let streams = Streams::open(&script, &sockets, usize::from(workers))?;
        let mut warnings = Vec::new();
        let program =
            modules::start(script, &registry, sockets, &dns, inputs.lent(), &mut warnings)?;
        for (_, warning) in &warnings {
            tracing::warn!(target: "core", "{warning}");
        }
        let program = Arc::new(program);
        let clock = Clock::start();
        let now = clock.now();
        let random = now.wall_us ^ u64::from(std::process::id()) << 40;
        let made = program.workers(workers, OWNERS, random, now);
        let words = made.iter().map(|made| Arc::clone(&made.wake));
        let connections = streams.join(&mut drivers, words, clock)?;
        let wakers: Vec<Waker> = drivers.iter().map(waker).collect();
        program.post().wake_by(wakers.clone());
        let counters = made.iter().map(|made| made.counters.clone()).collect();
        let host = Host {
            program: Arc::clone(&program),
            script: inputs.script,
            wakers: wakers.clone(),
            connections,
        };
        let management = Arc::new(Management::new(&program, counters, Box::new(host)));
        let services = services(&program, &management, tuning.becomes)
            .map_err(|error| loaded.refused(vec![error]))?;
        let swept = Arc::clone(&program);
        let sampled = Arc::clone(&management);
        let sweep = Arc::new(move || {
            swept.sweep();
            swept.tick(clock.now());
            sampled.sample();
        });
        let shared = program.shared();
        let (reach, names) = (reach(&shared.sockets), Arc::clone(&shared.names));
        let ask = Box::new(|to| source_towards(to).ok());
        let routes = Routes { sources: Arc::clone(&shared.sources), ask };
        let now_ms = Box::new(move || clock.now().mono_ms());
        let locator = Locator::new(dns, reach, names, routes, now_ms);
        let later = program.later().to_vec();
        let control = Control::start(Arc::new(locator), wakers.clone(), sweep, services, later)?;
        let stop = Arc::new(AtomicBool::new(false));
        let aborted = Arc::new(AtomicBool::new(false));
        let (mut threads, mut monitors) = (Vec::new(), Vec::new());
        for (id, made) in made.into_iter().enumerate() {
            let (turns, collector) = histogram(LONGEST_TURN_US, 2)?;
            let mut shell = Shell {
                id: WorkerId(id as u8),
                cpu: cpus.get(id).copied(),
                worker: made.worker,
                wake: made.wake,
                driver: drivers.remove(0),
                jobs: control.jobs(),
                wakers: wakers.clone(),
                clock,
                turns,
                stop: Arc::clone(&stop),
                aborted: Arc::clone(&aborted),
            };
            shell.start_up();
            let name = format!("worker-{id}");
            threads.push(Builder::new().name(name).spawn(move || shell.run())?);
            monitors.push(Monitor { counters: made.counters, turns: collector });
        }
        Ok(Self { program, management, threads, control, stop, aborted, wakers, monitors })
    }

    /// Whether the script has ended the program (`abort_on_assert`).
    pub fn has_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// How many workers run.
    pub fn workers(&self) -> usize {
        self.threads.len()
    }

    /// What can be seen of each worker.
    pub fn monitors(&mut self) -> &mut [Monitor] {
        &mut self.monitors
    }

    /// A counter, summed over the workers.
    pub fn count(&self, counter: Counter) -> u64 {
        self.monitors.iter().map(|monitor| monitor.counters.get(counter.cell())).sum()
    }

    /// Our sockets, for a log line.
    pub fn listening(&self) -> String {
        let shared = self.program.shared();
        shared.sockets.listen.iter().fold("listening on".to_owned(), |mut line, socket| {
            let _ = write!(line, " {}", socket.text);
            line
        })
    }

    /// What the workers look at.
    pub fn shared(&self) -> Arc<Shared> {
        self.program.shared()
    }

    /// The management commands.
    pub fn management(&self) -> &Arc<Management> {
        &self.management
    }

    /// Ends the workers after their current turn, then the control plane.
    pub fn stop(self) {
        self.program.shared().reports.set("core", MAIN, TERMINATING, "terminating");
        self.stop.store(true, Ordering::Release);
        for wake in &self.wakers {
            wake();
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!(target: "core", "a worker ended by a panic");
            }
        }
        self.control.stop();
        self.program.end();
    }
}

/// What our sockets reach.
fn reach(sockets: &Sockets) -> Reach {
    let v4 = sockets.listen.iter().any(|listen| listen.addr.is_ipv4());
    let v6 = sockets.listen.iter().any(|listen| listen.addr.is_ipv6());
    Reach { protos: sockets.protos(), v4, v6 }
}

/// One driver per worker, each with its own socket for every listening address.
fn open(sockets: &Sockets, workers: u8, tuning: Tuning) -> Result<Vec<Driver>> {
    let mut options = UdpOptions::default();
    if let Some(bytes) = tuning.receive_buffer {
        options.receive_buffer = bytes;
    }
    let mut of_workers: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    for listen in sockets.listen.iter().filter(|listen| listen.proto == Proto::Udp) {
        let group = open_group(listen.addr, usize::from(workers), &options)?;
        for (of_worker, socket) in of_workers.iter_mut().zip(group.sockets) {
            of_worker.push(socket);
        }
    }
    let drivers = of_workers.into_iter().map(Driver::new);
    drivers.collect::<std::io::Result<_>>().context("worker's poll")
}

fn waker(driver: &Driver) -> Waker {
    let waker = driver.waker();
    Arc::new(move || {
        if let Err(error) = waker.wake() {
            tracing::error!(target: "core", "a worker cannot be woken: {error}");
        }
    })
}
