//! The answering agent: stateless, one or many addresses in one thread.
//!
//! [`Uas::bind`] opens its sockets, [`Uas::run`] blocks the calling thread until it is told to
//! stop. The answers themselves are [`machine::Answerer`]; here is only the shell around it.

pub mod config;
pub mod machine;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice_net::{Clock, Driver};

pub use config::{Presence, UasConfig};

use crate::error::TrafficError;
use crate::limits;
use crate::outbox::Outbox;
use crate::pace::{Busy, sleep};
use crate::report::UasReport;
use crate::sockets;
use machine::Answerer;

/// An answering agent with its sockets open: from now on nothing sent to it is lost.
pub struct Uas {
    config: UasConfig,
    addresses: Vec<SocketAddr>,
    presence: Presence,
    driver: Driver,
}

impl Uas {
    /// Opens the sockets.
    ///
    /// # Errors
    /// Settings that cannot be met, or an address that cannot be had.
    pub fn bind(config: UasConfig) -> Result<Self, TrafficError> {
        config.check()?;
        let (addresses, driver) = sockets::open(&config.listen)?;
        Ok(Self { presence: Presence::new(addresses.len()), config, addresses, driver })
    }

    /// The addresses, with their real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The switch that makes single addresses absent, to be kept while the agent runs.
    pub fn presence(&self) -> Presence {
        self.presence.clone()
    }

    /// Answers until `stop`; what is queued then is still answered. `observe` gets the numbers now
    /// and then, between two batches: it shall be quick.
    ///
    /// # Errors
    /// Sockets that fail as a whole.
    pub fn run(
        self,
        stop: &AtomicBool,
        mut observe: impl FnMut(UasReport),
    ) -> Result<UasReport, TrafficError> {
        let mut run = Run::new(self);
        let mut stopped_us = None;
        loop {
            if stop.load(Ordering::Relaxed) {
                stopped_us.get_or_insert(run.now_us);
            }
            let idle = !run.round(stopped_us.is_some())?;
            let drained = |since: u64| idle || run.now_us - since > limits::DRAIN_US;
            if stopped_us.is_some_and(drained) {
                return run.report();
            }
            if run.now_us >= run.observe_us {
                run.observe_us =
                    run.now_us.saturating_add(run.config.observe_ms.saturating_mul(1_000));
                observe(run.report()?);
            }
        }
    }
}

/// A run in progress.
struct Run {
    config: UasConfig,
    presence: Presence,
    driver: Driver,
    clock: Clock,
    answerer: Answerer,
    out: Outbox,
    busy: Busy,
    start_us: u64,
    /// The end of the last round.
    now_us: u64,
    observe_us: u64,
}

impl Run {
    fn new(uas: Uas) -> Self {
        let Uas { config, addresses, presence, driver } = uas;
        let clock = Clock::start();
        let answerer = Answerer::new(&config, &addresses);
        let out = Outbox::with_capacity(limits::ROUND_BYTES, 4 * limits::ROUND);
        let now_us = clock.now().mono_us;
        let (busy, observe_us) =
            (Busy::since(now_us), now_us.saturating_add(config.observe_ms.saturating_mul(1_000)));
        Self {
            config,
            presence,
            driver,
            clock,
            answerer,
            out,
            busy,
            start_us: now_us,
            now_us,
            observe_us,
        }
    }

    /// Waits for requests and answers one batch of each readable socket; whether there was any.
    fn round(&mut self, stopping: bool) -> Result<bool, TrafficError> {
        let timeout = sleep(self.config.spin || stopping, self.now_us, None);
        self.driver.poll(Some(timeout))?;
        let polled_us = self.clock.now().mono_us;
        let mut worked = false;
        while let Some((region, datagrams)) = self.driver.receive() {
            for datagram in datagrams {
                let (socket, bytes) = (datagram.socket, datagram.bytes(region));
                let present = self.presence.is_present(usize::from(socket.0));
                self.answerer.receive(socket, datagram.peer, bytes, present, &mut self.out);
            }
            worked = true;
        }
        self.driver.send(&self.out.bytes, self.out.sends.drain(..));
        self.out.clear();
        self.now_us = self.clock.now().mono_us;
        self.busy.round(polled_us, self.now_us, !timeout.is_zero(), worked);
        Ok(worked)
    }

    fn report(&self) -> Result<UasReport, TrafficError> {
        let counts = self.driver.counts();
        let (busy, kernel_drops) = (self.busy.share(), self.driver.kernel_drops()?);
        Ok(UasReport {
            elapsed_us: self.now_us - self.start_us,
            destinations: self.answerer.destinations(),
            order: self.answerer.order(),
            send_errors: counts.send_failed + counts.send_dropped,
            busy,
            kernel_drops,
            limited: kernel_drops > 0 || busy > limits::BUSY,
        })
    }
}
