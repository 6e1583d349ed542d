//! The load: INVITEs with SDP sent by schedule, and the destinations that count what arrives.
//!
//! One thread does both, without sleeping, so that the time of one way is measured by one clock:
//! from the moment when a message was *due*, so that a late generator cannot hide a slow proxy.
//! Messages that are due together go in one trip down the stack, so that the generator is not the
//! first to give out. A message carries its number in the request URI, which no subject changes.
//! Nothing is answered.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::batch::{Address, BATCH, Batch, open};
use crate::schedule::Schedule;
use crate::template::{INVITE_BYTES, SHOT, Template, number_at};
use crate::usage;

/// Silence after which what is missing is lost.
const SILENCE: Duration = Duration::from_millis(300);
/// The longest latency that is told apart, nanoseconds.
const LONGEST_NS: u64 = 10_000_000_000;
/// A generator whose last message is later than this share of the schedule was the limit.
const LATE_SHARE: f64 = 0.01;
/// The text before the number where it stands first.
const FIRST: &str = "INVITE sip:";

/// The source socket, the destinations, and a batch for each way.
pub struct Load {
    source: UdpSocket,
    sinks: Vec<UdpSocket>,
    sink_ports: Vec<u16>,
    to: Address,
    outgoing: Batch,
    incoming: Batch,
    template: Template,
    shots: u64,
}

/// What one shot showed.
pub struct Shot {
    /// Messages sent.
    pub sent: u64,
    /// Messages that arrived.
    pub received: u64,
    /// Messages that reached a destination's socket and found it full: not the subject's loss.
    pub sink_drops: u64,
    /// From the due time to the arrival, nanoseconds.
    pub latency: Histogram<u64>,
    /// Whether the generator could not keep its schedule, or not take what came.
    pub generator_bound: bool,
}

impl Shot {
    /// Messages that the subject passed on.
    pub fn forwarded(&self) -> u64 {
        self.received + self.sink_drops
    }

    /// Messages lost on the way.
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.forwarded())
    }

    /// A quantile of the latency, microseconds.
    pub fn latency_us(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }
}

impl Load {
    /// A load for the subject at `to`, whose destinations are on `sink_ports` of this machine.
    ///
    /// # Errors
    /// When a port is taken.
    pub fn open(to: SocketAddrV4, sink_ports: &[u16]) -> Result<Self> {
        let local = |port| {
            open(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("cannot open 127.0.0.1:{port}"))
        };
        let source = local(0)?;
        let port = source.local_addr()?.port();
        Ok(Self {
            source,
            sinks: sink_ports.iter().map(|port| local(*port)).collect::<Result<_>>()?,
            sink_ports: sink_ports.to_vec(),
            to: to.into(),
            outgoing: Batch::new(),
            incoming: Batch::new(),
            template: Template::invite(to, port),
            shots: 0,
        })
    }

    /// Sends `rate` messages a second for `duration` and takes what arrives, until all has come or
    /// nothing comes any more.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn fire(&mut self, rate: u32, duration: Duration) -> Result<Shot> {
        self.shots = (self.shots + 1) % 1_000;
        let total = (f64::from(rate) * duration.as_secs_f64()) as u64;
        let before = self.sink_drops()?;
        let mut shot = Shot {
            sent: 0,
            received: 0,
            sink_drops: 0,
            latency: Histogram::new_with_max(LONGEST_NS, 3)?,
            generator_bound: false,
        };
        let schedule = Schedule { start: Instant::now(), rate: rate.max(1), total };
        let mut last_event = schedule.start;
        while shot.received < total && (shot.sent < total || last_event.elapsed() < SILENCE) {
            let due = schedule.due();
            if due > shot.sent {
                shot.sent += self.send(shot.sent, due)?;
                last_event = Instant::now();
                let late = last_event.saturating_duration_since(schedule.time_of(shot.sent));
                shot.generator_bound |= late > duration.mul_f64(LATE_SHARE);
            }
            if self.receive(&schedule, &mut shot)? > 0 {
                last_event = Instant::now();
            }
        }
        shot.sink_drops = self.sink_drops()? - before;
        shot.generator_bound |= shot.sink_drops > 0;
        Ok(shot)
    }

    /// Sends the messages from `next` up to `due`, one batch at most; says how many.
    fn send(&mut self, next: u64, due: u64) -> io::Result<u64> {
        let count = (due - next).min(BATCH as u64) as usize;
        for at in 0..count {
            let number = self.shots * SHOT + next + at as u64;
            self.template.write(number, self.outgoing.slot(at));
            self.outgoing.address(at, INVITE_BYTES, self.to);
        }
        self.outgoing.send_train(&self.source, count)?;
        Ok(count as u64)
    }

    /// Takes a batch from each destination's socket; says how many of this shot arrived.
    fn receive(&mut self, schedule: &Schedule, shot: &mut Shot) -> io::Result<u64> {
        let before = shot.received;
        for sink in &self.sinks {
            let count = self.incoming.receive(sink)?;
            let now = Instant::now();
            for at in 0..count {
                let number = number_of(self.incoming.datagram(at));
                // What is late from an earlier shot is not counted again.
                let Some(number) = number.filter(|number| number / SHOT == self.shots) else {
                    continue;
                };
                let way = now.saturating_duration_since(schedule.time_of(number % SHOT));
                shot.latency.saturating_record(way.as_nanos() as u64);
                shot.received += 1;
            }
        }
        Ok(shot.received - before)
    }

    fn sink_drops(&self) -> Result<u64> {
        self.sink_ports.iter().map(|port| usage::drops(*port)).sum()
    }
}

/// The number in a message's request URI.
fn number_of(message: &[u8]) -> Option<u64> {
    number_at(message, FIRST.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::Forwarder;

    fn to(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    #[test]
    fn all_that_is_forwarded_is_counted() {
        let ports = [45_071, 45_072];
        let mut load = Load::open(to(45_080), &ports).expect("free ports");
        let mut forwarder = Forwarder::open(to(45_080), &ports.map(to)).expect("a free port");
        // It ends with the test's process.
        std::thread::spawn(move || forwarder.run());
        let shot = load.fire(2_000, Duration::from_millis(500)).expect("a shot");
        assert_eq!((shot.sent, shot.received, shot.lost()), (1_000, 1_000, 0));
        assert!(shot.latency_us(0.5) > 0.0 && shot.latency_us(0.5) <= shot.latency_us(0.99));
    }

    #[test]
    fn what_nobody_forwards_is_lost() {
        let mut load = Load::open(to(45_090), &[45_091]).expect("free ports");
        let _deaf = UdpSocket::bind(to(45_090)).expect("a free port");
        let shot = load.fire(1_000, Duration::from_millis(50)).expect("a shot");
        assert_eq!((shot.sent, shot.received, shot.lost()), (50, 0, 50));
    }
}
