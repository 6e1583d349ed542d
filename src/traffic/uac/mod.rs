//! The caller: makes calls on schedule and measures how they fare.
//!
//! [`Uac::bind`] opens its sockets, [`Uac::run`] blocks the calling thread until every call has
//! ended. The calls themselves are [`machine::Caller`]; here is only the shell around it.

pub mod config;
pub mod machine;
pub mod registrant;
pub mod requests;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sluice_net::limits::BATCH;
use sluice_net::{Clock, Driver};

pub use config::{Mode, UacConfig};

use crate::error::TrafficError;
use crate::limits;
use crate::outbox::Outbox;
use crate::pace::{Busy, sleep};
use crate::report::{Percentiles, UacReport, UacSnapshot, is_limited, per_second};
use crate::sockets;
use machine::Caller;

/// A caller with its sockets open.
pub struct Uac {
    config: UacConfig,
    sources: Vec<SocketAddr>,
    driver: Driver,
}

impl Uac {
    /// Opens the sockets.
    ///
    /// # Errors
    /// Settings that do not fit together, or an address that cannot be had.
    pub fn bind(config: UacConfig) -> Result<Self, TrafficError> {
        config.check()?;
        let (sources, driver) = sockets::open(&config.sources)?;
        Ok(Self { config, sources, driver })
    }

    /// The source addresses, with their real ports.
    pub fn sources(&self) -> &[SocketAddr] {
        &self.sources
    }

    /// Makes all calls; blocks until the last one has ended. `stop` begins no more calls and waits
    /// for those that are out. `observe` gets a snapshot now and then, between two rounds: it
    /// shall be quick.
    ///
    /// # Errors
    /// A message size that cannot be had, or sockets that fail as a whole.
    pub fn run(
        self,
        stop: &AtomicBool,
        mut observe: impl FnMut(UacSnapshot),
    ) -> Result<UacReport, TrafficError> {
        let mut run = Run::new(self)?;
        loop {
            if stop.load(Ordering::Relaxed) {
                run.caller.schedule.end(run.now_us);
            }
            if run.round()?.is_break() {
                break;
            }
            if run.now_us >= run.observe_us {
                observe(run.snapshot());
            }
        }
        observe(run.snapshot());
        run.report()
    }
}

/// A run in progress.
struct Run {
    config: UacConfig,
    driver: Driver,
    clock: Clock,
    caller: Caller,
    out: Outbox,
    busy: Busy,
    start_us: u64,
    /// The end of the last round.
    now_us: u64,
    /// When the last call was begun, and how busy the thread was up to then.
    sent: Option<(u64, f64)>,
    observe_us: u64,
    observed: (u64, u64),
}

impl Run {
    fn new(uac: Uac) -> Result<Self, TrafficError> {
        let Uac { config, sources, driver } = uac;
        let clock = Clock::start();
        let mut caller = Caller::new(&config, &sources)?;
        let out = Outbox::with_capacity(limits::ROUND_BYTES, 4 * limits::ROUND);
        let now_us = clock.now().mono_us;
        caller.schedule.start(now_us);
        Ok(Self {
            observe_us: now_us.saturating_add(config.observe_ms.saturating_mul(1_000)),
            config,
            driver,
            clock,
            caller,
            out,
            busy: Busy::since(now_us),
            start_us: now_us,
            now_us,
            sent: None,
            observed: (now_us, 0),
        })
    }

    /// Waits for a reply or the next call, takes replies, sends what is due.
    fn round(&mut self) -> Result<ControlFlow<()>, TrafficError> {
        let timeout = sleep(self.config.spin, self.now_us, self.caller.next_due_us());
        self.driver.poll(Some(timeout))?;
        let polled_us = self.clock.now().mono_us;
        let (mut worked, mut more) = self.receive();
        for _ in 1..limits::BATCHES {
            if !more {
                break;
            }
            self.driver.poll(Some(Duration::ZERO))?;
            more = self.receive().1;
        }
        let begun = self.caller.advance(self.clock.now().mono_us, &mut self.out);
        worked |= !self.out.sends.is_empty();
        self.driver.send(&self.out.bytes, self.out.sends.drain(..));
        self.out.clear();
        self.now_us = self.clock.now().mono_us;
        self.caller.left(begun, self.now_us);
        self.busy.round(polled_us, self.now_us, !timeout.is_zero(), worked);
        if self.sent.is_none() && self.caller.all_begun() {
            self.sent = Some((self.now_us, self.busy.share()));
        }
        let counts = self.driver.counts();
        self.caller.counts.send_errors = counts.send_failed + counts.send_dropped;
        let finished = self.caller.finished();
        Ok(if finished { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Takes one batch of replies of each readable socket: whether there was any, and whether one
    /// was full, so that more is waiting.
    fn receive(&mut self) -> (bool, bool) {
        let (mut any, mut full) = (false, false);
        while let Some((region, datagrams)) = self.driver.receive() {
            let now_us = self.clock.now().mono_us;
            for datagram in datagrams {
                self.caller.receive(now_us, datagram.bytes(region), &mut self.out);
            }
            any = true;
            full |= datagrams.len() == BATCH;
        }
        (any, full)
    }

    fn snapshot(&mut self) -> UacSnapshot {
        let counts = self.caller.counts;
        let (before_us, before) = self.observed;
        let answered = counts.answered_all();
        let snapshot = UacSnapshot {
            elapsed_us: self.now_us - self.start_us,
            counts,
            answered_per_s: per_second(answered - before, self.now_us - before_us),
            latency: Percentiles::of(&self.caller.recent),
        };
        self.caller.recent.reset();
        self.observed = (self.now_us, answered);
        self.observe_us = self.now_us.saturating_add(self.config.observe_ms.saturating_mul(1_000));
        snapshot
    }

    fn report(self) -> Result<UacReport, TrafficError> {
        let (sent_us, busy) = self.sent.unwrap_or((self.now_us, self.busy.share()));
        // The last call has its share of time too, or few calls would look like a higher rate.
        let end_us = sent_us.max(self.caller.schedule.end_us());
        let sending_us = end_us - self.start_us;
        let counts = self.caller.counts;
        let lag = Percentiles::of(&self.caller.lag);
        let kernel_drops = self.driver.kernel_drops()?;
        let limited =
            kernel_drops > 0 || is_limited(&lag, self.config.lag_bound_us, busy, counts.unsent);
        Ok(UacReport {
            mode: self.config.mode,
            elapsed_s: (self.now_us - self.start_us) as f64 / 1e6,
            sending_s: sending_us as f64 / 1e6,
            offered_per_s: f64::from(self.config.rate),
            sent_per_s: per_second(counts.sent, sending_us),
            answered_per_s: per_second(counts.answered_all(), sending_us),
            counts,
            latency: Percentiles::of(&self.caller.latency),
            completion: Percentiles::of(&self.caller.completion),
            lag,
            busy,
            kernel_drops,
            limited,
        })
    }
}
