//! Registrations of many users: at a rate, or so many at any time.
//!
//! One thread, which does not sleep. Each user sends from its own address, by one socket; replies
//! come to it, and what the reference forwarder passes on to the destinations. Nothing is
//! retransmitted; a registration without an answer after [`PATIENCE`] is lost.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::message::{Kind, Seen, Texts, Wish, address, read};
use crate::batch::{Address, BATCH, Batch, open};
use crate::call::load::{Fire, LATE_SHARE, Offer, PATIENCE, Shot, scattered};
use crate::schedule::Schedule;
use crate::usage;

/// The CSeq number before the first, so that all have ten digits.
const FIRST_CSEQ: u64 = 1_000_000_000;

/// How often all users may try to register.
const TRIES: u32 = 2;

/// The users' socket, the destinations' and what is known of each user.
pub struct Users {
    source: UdpSocket,
    source_port: u16,
    sinks: Vec<UdpSocket>,
    sink_ports: Vec<u16>,
    to: SocketAddrV4,
    texts: Texts,
    /// Whether a password is asked for.
    asks: bool,
    /// Users are callees on the sinks' ports.
    are_callees: bool,
    /// So many addresses they send from; each its own when there are as many.
    addresses: u64,
    users: Vec<User>,
    /// Registrations begun so far, by all shots.
    begun: u64,
}

#[derive(Clone, Copy)]
struct User {
    cseq: u64,
    due: Instant,
    is_live: bool,
}

/// What one shot keeps while it lasts.
struct Course {
    shot: Shot,
    live: u64,
    sent: u64,
    last_arrival: Instant,
    /// User and first CSeq number of those that may not have ended, the oldest first.
    open: VecDeque<(usize, u64)>,
    outgoing: Batch,
    waiting: usize,
}

impl Users {
    /// So many users, who send from so many addresses, of the subject at `to`, whose destinations
    /// are on `sink_ports`. `asks`: it asks for a password.
    ///
    /// # Errors
    /// When a port is taken.
    pub fn open(
        to: SocketAddrV4,
        sink_ports: &[u16],
        (users, addresses): (u64, u64),
        asks: bool,
    ) -> Result<Self> {
        let sink = |port: &u16| {
            open(SocketAddrV4::new(Ipv4Addr::LOCALHOST, *port))
                .with_context(|| format!("cannot open 127.0.0.1:{port}"))
        };
        let sinks = sink_ports.iter().map(sink).collect::<Result<_>>()?;
        let addresses = addresses.max(1);
        Ok(Self { sinks, asks, addresses, ..Self::bare(to, sink_ports, users)? })
    }

    /// Callees: users whose contacts are on the sinks' ports, which somebody else has open.
    ///
    /// # Errors
    /// When there is no port.
    pub fn callees(to: SocketAddrV4, sink_ports: &[u16], users: u64) -> Result<Self> {
        Ok(Self { are_callees: true, ..Self::bare(to, sink_ports, users)? })
    }

    fn bare(to: SocketAddrV4, sink_ports: &[u16], users: u64) -> Result<Self> {
        let source = open(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
        let source_port = source.local_addr()?.port();
        let user = User { cseq: FIRST_CSEQ, due: Instant::now(), is_live: false };
        Ok(Self {
            source,
            source_port,
            sinks: Vec::new(),
            sink_ports: sink_ports.to_vec(),
            to,
            texts: Texts::new(users, source_port),
            asks: false,
            are_callees: false,
            addresses: users,
            users: vec![user; users as usize],
            begun: 0,
        })
    }

    /// Registers every user once.
    ///
    /// # Errors
    /// When a socket fails, or not all are accepted.
    pub fn register_all(&mut self) -> Result<()> {
        let rate = 20_000;
        let duration = Duration::from_secs_f64(self.users.len() as f64 / f64::from(rate));
        let wanted = self.users.len() as u64;
        let mut completed = 0;
        // A machine that stands still for a moment loses some.
        for _ in 0..TRIES {
            completed = self.fire(Offer::Rate(rate), duration)?.completed;
            if completed >= wanted {
                return Ok(());
            }
        }
        anyhow::bail!("{completed} of {wanted} registered")
    }

    /// Begins registrations, a batch at most.
    fn begin(&mut self, due: u64, at: impl Fn(u64) -> Instant, course: &mut Course) -> Result<()> {
        for _ in 0..due.min(BATCH as u64) {
            let number = scattered(self.begun, self.users.len() as u64) as usize;
            self.begun += 1;
            let user = &mut self.users[number];
            if user.is_live {
                // It is asked to register again before it has been answered: nobody will.
                course.end(user);
                course.shot.lost += 1;
            }
            (user.due, user.is_live) = (at(course.shot.begun), true);
            course.shot.begun += 1;
            course.live += 1;
            course.open.push_back((number, user.cseq + 1));
            self.write(number, None, course)?;
        }
        self.flush(course)
    }

    /// Writes the next REGISTER of a user.
    fn write(&mut self, number: usize, nonce: Option<&[u8]>, course: &mut Course) -> Result<()> {
        let user = &mut self.users[number];
        user.cseq += 1;
        let sink = self.sink_ports.get(number % self.sink_ports.len().max(1));
        let port = sink.filter(|_| self.are_callees).unwrap_or(&self.source_port);
        let (user, is_callee) = (number as u64, self.are_callees);
        let from = address(user % self.addresses);
        let wish = Wish { user, from, cseq: self.users[number].cseq, port: *port, is_callee };
        let at = course.waiting;
        let length = self.texts.write(wish, nonce, course.outgoing.slot(at))?;
        course.outgoing.address(at, length, Address::from(self.to));
        course.outgoing.leave_from(at, from);
        course.waiting += 1;
        if course.waiting == BATCH { self.flush(course) } else { Ok(()) }
    }

    fn flush(&self, course: &mut Course) -> Result<()> {
        course.outgoing.send(&self.source, course.waiting)?;
        course.sent += std::mem::take(&mut course.waiting) as u64;
        Ok(())
    }

    /// Takes a batch from a destination's socket, or with the number behind the last from the
    /// users', and answers it.
    fn receive(&mut self, sink: usize, incoming: &mut Batch, course: &mut Course) -> Result<()> {
        let count = incoming.receive(self.sinks.get(sink).unwrap_or(&self.source))?;
        if count == 0 {
            return Ok(());
        }
        course.last_arrival = Instant::now();
        for at in 0..count {
            let Some(seen) = read(incoming.datagram(at)) else { continue };
            if let Some(nonce) = self.met(&seen, course) {
                self.write(seen.user as usize, Some(nonce), course)?;
            }
        }
        self.flush(course)
    }

    /// Notes what arrived; gives the nonce if credentials follow upon it.
    fn met<'s>(&mut self, seen: &Seen<'s>, course: &mut Course) -> Option<&'s [u8]> {
        let user = self.users.get_mut(seen.user as usize)?;
        if !user.is_live || user.cseq != seen.cseq {
            course.shot.repeated += 1;
            return None;
        }
        match seen.kind {
            Kind::Asked(nonce) if self.asks => return Some(nonce),
            // The reference passes a REGISTER on.
            Kind::Asked(_) | Kind::Accepted => {
                let setup = course.last_arrival.saturating_duration_since(user.due);
                course.shot.setup.saturating_record(setup.as_nanos() as u64);
                course.shot.completed += 1;
            }
            Kind::Refused => course.shot.failed += 1,
        }
        course.end(user);
        None
    }

    /// Passes over registrations that have ended, and gives up those that are too old.
    fn give_up(&mut self, course: &mut Course) {
        while let Some((number, cseq)) = course.open.front() {
            let user = &mut self.users[*number];
            let is_open = user.is_live && user.cseq <= cseq + 1;
            if is_open && user.due.elapsed() < PATIENCE {
                return;
            }
            if is_open {
                course.end(user);
                course.shot.lost += 1;
            }
            course.open.pop_front();
        }
    }

    fn drops(&self) -> Result<(u64, u64)> {
        let own = self.sink_ports.iter().chain([&self.source_port]);
        let own = own.map(|port| usage::drops(*port)).sum::<Result<_>>()?;
        Ok((usage::drops(self.to.port())?, own))
    }
}

impl Course {
    fn end(&mut self, user: &mut User) {
        user.is_live = false;
        self.live -= 1;
    }
}

impl Fire for Users {
    fn fire(&mut self, offer: Offer, duration: Duration) -> Result<Shot> {
        let before = self.drops()?;
        let start = Instant::now();
        let rate = if let Offer::Rate(rate) = offer { rate.max(1) } else { 1 };
        let total = (f64::from(rate) * duration.as_secs_f64()).ceil() as u64;
        let schedule = Schedule { start, rate, total };
        let mut course = Course {
            shot: Shot::new()?,
            live: 0,
            sent: 0,
            last_arrival: start,
            open: VecDeque::new(),
            outgoing: Batch::new(),
            waiting: 0,
        };
        let mut incoming = Batch::new();
        loop {
            let due = match offer {
                Offer::Rate(_) => schedule.due() - course.shot.begun,
                Offer::Window(most) if start.elapsed() < duration => {
                    most.saturating_sub(course.live)
                }
                Offer::Window(_) => 0,
            };
            if start.elapsed() >= duration && due == 0 && course.live == 0 {
                break;
            }
            match offer {
                Offer::Rate(_) => {
                    self.begin(due, |index| schedule.time_of(index), &mut course)?;
                    let late = schedule.time_of(course.shot.begun).elapsed();
                    course.shot.generator_bound |= due > 0 && late > duration.mul_f64(LATE_SHARE);
                }
                Offer::Window(_) => {
                    let now = Instant::now();
                    self.begin(due, |_| now, &mut course)?;
                }
            }
            for sink in 0..=self.sinks.len() {
                self.receive(sink, &mut incoming, &mut course)?;
            }
            self.give_up(&mut course);
        }
        let drops = self.drops()?;
        let mut shot = course.shot;
        shot.lasted = course.last_arrival.saturating_duration_since(start);
        shot.messages = course.sent.saturating_sub(drops.0 - before.0);
        shot.generator_bound |= drops.1 > before.1;
        Ok(shot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::Forwarder;

    fn to(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    fn through_a_forwarder(first: u16, asks: bool) -> Users {
        let sinks = [first + 1, first + 2];
        let users = Users::open(to(first), &sinks, (1_000, 7), asks).expect("free ports");
        let mut forwarder = Forwarder::open(to(first), &sinks.map(to)).expect("a free port");
        // It ends with the test's process.
        std::thread::spawn(move || forwarder.run());
        users
    }

    #[test]
    fn registrations_at_a_rate_are_complete() {
        let mut users = through_a_forwarder(45_140, false);
        let shot = users.fire(Offer::Rate(1_000), Duration::from_millis(300)).expect("a shot");
        assert_eq!((shot.begun, shot.completed, shot.messages), (300, 300, 300));
        assert_eq!((shot.failed, shot.lost, shot.repeated), (0, 0, 0));
        assert_eq!(shot.setup.len(), 300);
        users.register_all().expect("all");
    }

    #[test]
    fn with_a_password_there_are_two_messages() {
        let mut users = through_a_forwarder(45_150, true);
        let shot = users.fire(Offer::Window(20), Duration::from_millis(200)).expect("a shot");
        assert!(shot.begun > 20 && shot.completed == shot.begun, "{} begun", shot.begun);
        assert_eq!((shot.messages, shot.repeated), (shot.begun * 2, 0));
    }

    #[test]
    fn what_is_refused_has_failed_and_what_nobody_answers_is_lost() {
        let mut users = Users::callees(to(45_160), &[45_161], 1_000).expect("a free port");
        let registrar = UdpSocket::bind(to(45_160)).expect("a free port");
        std::thread::spawn(move || {
            let mut bytes = [0; 2_048];
            let (length, from) = registrar.recv_from(&mut bytes).expect("a REGISTER");
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let (_, rest) = text.split_once("\r\n").expect("lines");
            for _ in 0..2 {
                let reply = format!("SIP/2.0 503 Full\r\n{rest}");
                registrar.send_to(reply.as_bytes(), from).expect("sent");
            }
            std::thread::sleep(PATIENCE * 2);
        });
        let shot = users.fire(Offer::Rate(40), Duration::from_millis(50)).expect("a shot");
        assert_eq!((shot.begun, shot.failed, shot.lost, shot.repeated), (2, 1, 1, 1));
        assert!(users.register_all().is_err());
    }
}
