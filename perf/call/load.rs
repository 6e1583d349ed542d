//! Caller and callees of complete calls: at a rate, or so many at any time.
//!
//! One thread, which does not sleep. It answers a batch of messages at once, and messages of one
//! kind leave in one trip down the stack: so it costs less a message than what it measures.
//! Nothing is retransmitted; a call that has not ended after [`PATIENCE`] is lost.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::batch::{Address, BATCH, Batch, open};
use crate::call::message::{Kind, Seen, Texts, read};
use crate::schedule::Schedule;
use crate::template::SHOT;
use crate::usage;

/// After that time a call is lost; longer than a machine stands still.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Calls that are told apart at one time: more than any subject begins in [`PATIENCE`].
const PLACES: usize = 1 << 17;
/// The longest time that is told apart, nanoseconds.
const LONGEST_NS: u64 = 10_000_000_000;
/// A generator whose last call is later than this share of the time was the limit.
pub const LATE_SHARE: f64 = 0.01;
/// Every message of a call has arrived.
const COMPLETE: u8 = (1 << Kind::ALL.len()) - 1;

/// How calls are begun.
#[derive(Clone, Copy, Debug)]
pub enum Offer {
    /// The next as soon as fewer than so many are going on.
    Window(u64),
    /// So many a second, whatever becomes of them.
    Rate(u32),
}

/// A load of exchanges: calls, or registrations.
pub trait Fire {
    /// Begins exchanges for `duration` and waits until all have ended or are lost.
    ///
    /// # Errors
    /// When a socket fails, or a message outgrows the size of its kind.
    fn fire(&mut self, offer: Offer, duration: Duration) -> Result<Shot>;
}

/// What one shot showed.
pub struct Shot {
    /// Calls begun, or registrations.
    pub begun: u64,
    /// Calls all of whose messages arrived.
    pub completed: u64,
    /// Calls that got another final reply than 200.
    pub failed: u64,
    /// Calls of which a message did not arrive in time.
    pub lost: u64,
    /// Messages that arrived again, or after their call had ended.
    pub repeated: u64,
    /// Messages that the subject received.
    pub messages: u64,
    /// From the time an INVITE was due to the 200 at the caller, nanoseconds.
    pub setup: Histogram<u64>,
    /// From the first INVITE to the last message.
    pub lasted: Duration,
    /// Whether the generator could not keep its schedule, or not take what came.
    pub generator_bound: bool,
}

impl Shot {
    /// Before anything has begun.
    ///
    /// # Errors
    /// When there is no histogram of that range.
    pub fn new() -> Result<Self> {
        Ok(Self {
            begun: 0,
            completed: 0,
            failed: 0,
            lost: 0,
            repeated: 0,
            messages: 0,
            setup: Histogram::new_with_max(LONGEST_NS, 3)?,
            lasted: Duration::ZERO,
            generator_bound: false,
        })
    }

    /// A quantile of the time until a call is answered, microseconds.
    pub fn setup_us(&self, quantile: f64) -> f64 {
        self.setup.value_at_quantile(quantile) as f64 / 1e3
    }

    /// Complete ones a second.
    pub fn per_second(&self) -> f64 {
        self.completed as f64 / self.lasted.as_secs_f64().max(1e-9)
    }
}

/// The caller's socket, the callees', and a batch for each kind of message.
pub struct Calls {
    source: UdpSocket,
    sinks: Vec<UdpSocket>,
    sink_ports: Vec<u16>,
    to: SocketAddrV4,
    texts: Texts,
    trains: Trains,
    places: Vec<Place>,
    /// How many users are called by turns; 0: each call has its own.
    users: u64,
    shots: u64,
}

/// A call that is going on, or the last one in this place.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    /// Kinds that arrived, a bit each.
    arrived: u8,
    has_ended: bool,
    due: Instant,
}

/// What one shot keeps while it lasts.
struct Course {
    shot: Shot,
    /// The number of this shot's first call.
    first: u64,
    /// Calls of this shot that are known to have ended, from the first one on.
    oldest: u64,
    live: u64,
    sent: u64,
    last_arrival: Instant,
}

impl Calls {
    /// Calls to the subject at `to`, whose destinations are on `sink_ports` of this machine.
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
        let unused = Place { number: 0, arrived: 0, has_ended: true, due: Instant::now() };
        Ok(Self {
            source,
            sinks: sink_ports.iter().map(|port| local(*port)).collect::<Result<_>>()?,
            sink_ports: sink_ports.to_vec(),
            to,
            texts: Texts::new(to, port, sink_ports),
            trains: Trains::new(to.into()),
            places: vec![unused; PLACES],
            users: 0,
            shots: 0,
        })
    }

    /// Calls go to the users of the numbers up to this, by turns.
    pub fn call_users(&mut self, users: u64) {
        self.users = users;
    }

    /// Begins calls, a batch at most.
    fn begin(
        &mut self,
        due: u64,
        offer: Offer,
        schedule: &Schedule,
        course: &mut Course,
    ) -> Result<()> {
        let room = PLACES as u64 - (course.shot.begun - course.oldest);
        course.shot.generator_bound |= due > room;
        let now = Instant::now();
        for _ in 0..due.min(BATCH as u64).min(room) {
            let index = course.shot.begun;
            let number = course.first + index;
            let due = match offer {
                Offer::Rate(_) => schedule.time_of(index),
                Offer::Window(_) => now,
            };
            self.places[place_of(number)] = Place { number, arrived: 0, has_ended: false, due };
            let user = if self.users > 0 { scattered(number, self.users) } else { number };
            self.texts.invite(number, user, self.trains.next(Kind::Invite));
            course.shot.begun += 1;
            course.live += 1;
        }
        course.sent += self.trains.send(&[Kind::Invite], &self.source)?;
        Ok(())
    }

    /// Takes a batch from a callee's socket, or with the number behind the last from the caller's,
    /// and answers it.
    fn receive(&mut self, sink: usize, incoming: &mut Batch, course: &mut Course) -> Result<()> {
        let socket = self.sinks.get(sink).unwrap_or(&self.source);
        let count = incoming.receive(socket)?;
        if count == 0 {
            return Ok(());
        }
        let now = Instant::now();
        course.last_arrival = now;
        for at in 0..count {
            let Some(seen) = read(incoming.datagram(at)) else { continue };
            for kind in course.met(&mut self.places, &seen, now) {
                self.texts.write(*kind, &seen, sink, self.trains.next(*kind))?;
            }
        }
        // The caller's messages leave by the caller's socket, wherever the answer was met.
        course.sent += self.trains.send(&[Kind::Ack, Kind::Bye], &self.source)?;
        let replies = [Kind::Trying, Kind::Ringing, Kind::Answer, Kind::Ended];
        course.sent += self.trains.send(&replies, socket)?;
        Ok(())
    }

    fn subject_drops(&self) -> Result<u64> {
        usage::drops(self.to.port())
    }

    fn sink_drops(&self) -> Result<u64> {
        let source = self.source.local_addr()?.port();
        self.sink_ports.iter().chain([&source]).map(|port| usage::drops(*port)).sum()
    }
}

impl Fire for Calls {
    fn fire(&mut self, offer: Offer, duration: Duration) -> Result<Shot> {
        self.shots = (self.shots + 1) % 1_000;
        let before = (self.subject_drops()?, self.sink_drops()?);
        let start = Instant::now();
        let rate = if let Offer::Rate(rate) = offer { rate.max(1) } else { 1 };
        let total = (f64::from(rate) * duration.as_secs_f64()) as u64;
        let schedule = Schedule { start, rate, total };
        let mut course = Course::new(self.shots * SHOT, start)?;
        let mut incoming = Batch::new();
        loop {
            let due = match offer {
                Offer::Rate(_) => schedule.due() - course.shot.begun,
                Offer::Window(most) if start.elapsed() < duration => most - course.live,
                Offer::Window(_) => 0,
            };
            let is_over = start.elapsed() >= duration && due == 0;
            if is_over && course.live == 0 {
                break;
            }
            self.begin(due, offer, &schedule, &mut course)?;
            if let Offer::Rate(_) = offer {
                let late = schedule.time_of(course.shot.begun).elapsed();
                course.shot.generator_bound |= due > 0 && late > duration.mul_f64(LATE_SHARE);
            }
            for sink in 0..=self.sinks.len() {
                self.receive(sink, &mut incoming, &mut course)?;
            }
            course.give_up(&mut self.places);
        }
        let mut shot = course.shot;
        shot.lasted = course.last_arrival.saturating_duration_since(start);
        shot.messages = course.sent.saturating_sub(self.subject_drops()? - before.0);
        shot.generator_bound |= self.sink_drops()? > before.1;
        Ok(shot)
    }
}

impl Course {
    fn new(first: u64, start: Instant) -> Result<Self> {
        Ok(Self { shot: Shot::new()?, first, oldest: 0, live: 0, sent: 0, last_arrival: start })
    }

    /// Notes what arrived and says what follows upon it.
    fn met(&mut self, places: &mut [Place], seen: &Seen<'_>, now: Instant) -> &'static [Kind] {
        // What is late from an earlier shot is not counted again.
        if seen.number / SHOT != self.first / SHOT {
            return &[];
        }
        let place = &mut places[place_of(seen.number)];
        let Some(kind) = seen.kind else {
            if place.number == seen.number && !place.has_ended {
                place.has_ended = true;
                self.live -= 1;
                self.shot.failed += 1;
            }
            return &[];
        };
        let bit = 1 << kind as u8;
        if place.number != seen.number || place.has_ended || place.arrived & bit != 0 {
            self.shot.repeated += 1;
            return &[];
        }
        place.arrived |= bit;
        if place.arrived == COMPLETE {
            place.has_ended = true;
            self.live -= 1;
            self.shot.completed += 1;
        }
        match kind {
            Kind::Invite => &[Kind::Trying, Kind::Ringing, Kind::Answer],
            Kind::Answer => {
                let setup = now.saturating_duration_since(place.due);
                self.shot.setup.saturating_record(setup.as_nanos() as u64);
                &[Kind::Ack, Kind::Bye]
            }
            Kind::Bye => &[Kind::Ended],
            Kind::Trying | Kind::Ringing | Kind::Ack | Kind::Ended => &[],
        }
    }

    /// Passes over calls that have ended, and gives up those that are too old.
    fn give_up(&mut self, places: &mut [Place]) {
        while self.oldest < self.shot.begun {
            let place = &mut places[place_of(self.first + self.oldest)];
            if !place.has_ended {
                if place.due.elapsed() < PATIENCE {
                    return;
                }
                place.has_ended = true;
                self.live -= 1;
                self.shot.lost += 1;
            }
            self.oldest += 1;
        }
    }
}

/// One of so many users, each of them once before one comes again, and neighbours far apart.
pub fn scattered(number: u64, users: u64) -> u64 {
    // A prime that divides no number of users in use.
    (number * 7_919) % users
}

/// Where a call is kept.
fn place_of(number: u64) -> usize {
    number as usize % PLACES
}

/// Messages that wait to leave, by kind.
struct Trains {
    to: Address,
    trains: Vec<(Batch, usize)>,
}

impl Trains {
    fn new(to: Address) -> Self {
        Self { to, trains: Kind::ALL.iter().map(|_| (Batch::new(), 0)).collect() }
    }

    /// The place of the next message of a kind. A batch received asks for no more than it holds.
    fn next(&mut self, kind: Kind) -> &mut [u8] {
        let (batch, count) = &mut self.trains[kind as usize];
        let at = *count;
        *count += 1;
        batch.address(at, kind.bytes(), self.to);
        batch.slot(at)
    }

    /// Sends what waits of these kinds and says how many that were.
    fn send(&mut self, kinds: &[Kind], by: &UdpSocket) -> Result<u64> {
        let mut sent = 0;
        for kind in kinds {
            let (batch, count) = &mut self.trains[*kind as usize];
            batch.send_train(by, *count)?;
            sent += std::mem::take(count) as u64;
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::Forwarder;

    fn to(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    /// Calls through a forwarder that is no proxy, on ports from `first` on.
    fn through_a_forwarder(first: u16) -> Calls {
        let sinks = [first + 1, first + 2];
        let calls = Calls::open(to(first), &sinks).expect("free ports");
        let mut forwarder = Forwarder::open(to(first), &sinks.map(to)).expect("a free port");
        // It ends with the test's process.
        std::thread::spawn(move || forwarder.run());
        calls
    }

    #[test]
    fn calls_at_a_rate_are_complete() {
        let mut calls = through_a_forwarder(45_100);
        let shot = calls.fire(Offer::Rate(1_000), Duration::from_millis(300)).expect("a shot");
        assert_eq!((shot.begun, shot.completed, shot.messages), (300, 300, 2_100));
        assert_eq!((shot.failed, shot.lost, shot.repeated), (0, 0, 0));
        assert_eq!(shot.setup.len(), 300);
    }

    #[test]
    fn a_window_is_kept_full_and_emptied() {
        let mut calls = through_a_forwarder(45_110);
        let shot = calls.fire(Offer::Window(20), Duration::from_millis(200)).expect("a shot");
        assert!(shot.begun > 20 && shot.completed == shot.begun, "{} begun", shot.begun);
        assert_eq!(shot.messages, shot.begun * 7);
        assert!(shot.lasted >= Duration::from_millis(200) && shot.per_second() > 100.0);
    }

    #[test]
    fn calls_that_nobody_answers_are_lost() {
        let mut calls = Calls::open(to(45_120), &[45_121]).expect("free ports");
        let _deaf = UdpSocket::bind(to(45_120)).expect("a free port");
        let shot = calls.fire(Offer::Window(3), Duration::from_millis(50)).expect("a shot");
        assert_eq!((shot.begun, shot.completed, shot.lost, shot.messages), (3, 0, 3, 3));
        assert!(shot.lasted.is_zero());
    }

    #[test]
    fn a_call_refused_has_failed_and_what_comes_again_is_counted() {
        let mut calls = Calls::open(to(45_130), &[45_131]).expect("free ports");
        let proxy = UdpSocket::bind(to(45_130)).expect("a free port");
        std::thread::spawn(move || {
            let mut bytes = [0; 2_048];
            let (length, from) = proxy.recv_from(&mut bytes).expect("an INVITE");
            let invite = String::from_utf8_lossy(&bytes[..length]).into_owned();
            for first in ["SIP/2.0 100 Trying", "SIP/2.0 100 Trying", "SIP/2.0 503 Full"] {
                let (_, rest) = invite.split_once("\r\n").expect("lines");
                proxy.send_to(format!("{first}\r\n{rest}").as_bytes(), from).expect("sent");
            }
        });
        let shot = calls.fire(Offer::Rate(20), Duration::from_millis(50)).expect("a shot");
        assert_eq!((shot.begun, shot.failed, shot.repeated, shot.lost), (1, 1, 1, 0));
    }
}
