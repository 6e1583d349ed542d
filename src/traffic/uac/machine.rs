//! The caller as a machine without I/O: due calls go out, replies come in, late ones are given up.
//!
//! Takes the moment and what was received, gives an [`Outbox`] and its counts. It is run in
//! virtual time by the tests and by [`super::Uac::run`] over sockets.

use std::net::SocketAddr;

use hdrhistogram::Histogram;
use sluice_base::{SocketId, Target};
use sluice_sip::{Index, Message, Method};

use super::config::{Mode, UacConfig};
use super::requests::{Numbering, Requests};
use crate::calls::{Calls, Phase};
use crate::error::TrafficError;
use crate::glance::{First, Glance};
use crate::limits;
use crate::outbox::Outbox;
use crate::report::{CallCounts, histogram};
use crate::schedule::Schedule;
use crate::template::Numbers;

/// T1 of RFC 3261 17.1.1.1.
const T1_US: u64 = 500_000;

/// Calls, counts and histograms of one caller.
#[derive(Debug)]
pub struct Caller {
    mode: Mode,
    target: SocketAddr,
    timeout_us: u64,
    /// When the calls are due.
    pub schedule: Schedule,
    calls: Calls,
    /// Per retransmission the next call that may need it.
    repeats: Vec<u64>,
    numbering: Numbering,
    requests: Vec<Requests>,
    index: Index,
    /// What happened so far.
    pub counts: CallCounts,
    /// Scheduled time to the final reply of the first request, whole run.
    pub latency: Histogram<u64>,
    /// The same since the last snapshot.
    pub recent: Histogram<u64>,
    /// Scheduled time to the reply to BYE, whole run.
    pub completion: Histogram<u64>,
    /// Scheduled time to the moment after the sending system call.
    pub lag: Histogram<u64>,
}

impl Caller {
    /// A caller that sends from `sources`, which are by [`SocketId`].
    ///
    /// # Errors
    /// Settings that do not fit together.
    pub fn new(config: &UacConfig, sources: &[SocketAddr]) -> Result<Self, TrafficError> {
        config.check()?;
        let total = config.calls.unwrap_or(u64::MAX);
        let requests = sources.iter().map(|source| Requests::new(config, *source));
        Ok(Self {
            mode: config.mode,
            target: config.target,
            timeout_us: config.timeout_ms * 1_000,
            schedule: Schedule::new(config.rate, total),
            calls: Calls::new(config.outstanding()),
            repeats: vec![0; usize::from(config.retransmissions)],
            numbering: Numbering::new(config),
            requests: requests.collect::<Result<_, _>>()?,
            index: Index::new(),
            counts: CallCounts::default(),
            latency: histogram()?,
            recent: histogram()?,
            completion: histogram()?,
            lag: histogram()?,
        })
    }

    /// Whether every call was begun and none is awaited any more.
    pub fn finished(&self) -> bool {
        self.calls.next() >= self.schedule.total() && self.calls.is_empty()
    }

    /// Whether all calls have been begun; what remains is to wait.
    pub fn all_begun(&self) -> bool {
        self.calls.next() >= self.schedule.total()
    }

    /// When the next call is due; `None` when all have been begun.
    pub fn next_due_us(&self) -> Option<u64> {
        let next = self.calls.next();
        (next < self.schedule.total()).then(|| self.schedule.due_at_us(next))
    }

    /// Time passes: gives up what waited too long, repeats what is to be repeated, begins what is
    /// due, [`limits::ROUND`] requests at most. Returns the calls that were begun.
    pub fn advance(&mut self, now_us: u64, out: &mut Outbox) -> std::ops::Range<u64> {
        self.give_up(now_us);
        let room = limits::ROUND.saturating_sub(self.repeat(now_us, out));
        self.counts.due = self.schedule.due(now_us);
        self.skip_too_late(now_us);
        let first = self.calls.next();
        let last = self.counts.due.min(first.saturating_add(room as u64));
        let phase = if self.mode == Mode::Fire { Phase::Done } else { Phase::Asking };
        while self.calls.next() < last && self.calls.has_room() {
            let number = self.calls.begin(phase);
            self.send_first(number, out);
        }
        self.counts.sent += self.calls.next() - first;
        first..self.calls.next()
    }

    /// The batch with the calls `begun` has left at `now_us`.
    pub fn left(&mut self, begun: std::ops::Range<u64>, now_us: u64) {
        for number in begun {
            self.lag.saturating_record(now_us.saturating_sub(self.schedule.due_at_us(number)));
        }
    }

    /// A datagram came.
    pub fn receive(&mut self, now_us: u64, bytes: &[u8], out: &mut Outbox) {
        let Some(seen) = Glance::at(bytes) else {
            self.counts.unreadable += 1;
            return;
        };
        let call = self.numbering.call_of(&seen);
        let (First::Reply(status), Some(number)) = (seen.first, call) else {
            self.counts.unexpected += 1;
            return;
        };
        match (self.calls.phase(number), seen.method) {
            (
                Phase::Asking | Phase::Proceeding,
                Method::Invite | Method::Options | Method::Register,
            ) => {
                if status < 200 {
                    self.counts.provisional += 1;
                    self.calls.set(number, Phase::Proceeding);
                } else {
                    self.first_answered(now_us, number, status, bytes, out);
                }
            }
            // The answer to a challenge has the next CSeq.
            (Phase::Closing, Method::Register) => {
                let is_second = u64::from(seen.cseq) == self.numbering.of(number).cseq + 1;
                if is_second && status >= 200 {
                    self.closed(now_us, number, status);
                } else {
                    self.counts.unexpected += 1;
                }
            }
            (Phase::Closing, Method::Bye) => {
                if status >= 200 {
                    self.closed(now_us, number, status);
                }
            }
            _ => self.counts.unexpected += 1,
        }
    }

    fn first_answered(
        &mut self,
        now_us: u64,
        number: u64,
        status: u16,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let waited = now_us.saturating_sub(self.schedule.due_at_us(number));
        self.latency.saturating_record(waited);
        self.recent.saturating_record(waited);
        self.counts.answer(status);
        let is_challenge = self.mode == Mode::Register && status == 401;
        let answers = is_challenge && self.answer(number, bytes, out);
        let phase = match self.mode {
            _ if answers => Phase::Closing,
            Mode::Call if status < 300 => Phase::Closing,
            _ => Phase::Done,
        };
        if matches!(self.mode, Mode::InviteAck | Mode::Call) {
            self.acknowledge(number, status, bytes, out);
        }
        self.calls.set(number, phase);
    }

    /// Answers the challenge to a REGISTER; false when that cannot be done.
    fn answer(&mut self, number: u64, bytes: &[u8], out: &mut Outbox) -> bool {
        if self.index.scan(bytes).is_err() {
            return false;
        }
        let reply = Message { bytes, index: &self.index };
        let numbers = self.numbering.of(number);
        let (target, requests) = self.way_of(&numbers);
        let mut answered = false;
        out.send(target, |out| answered = requests.write_answer(&numbers, &reply, out));
        if !answered {
            out.sends.pop();
        }
        answered
    }

    /// Sends the ACK, and in a complete call the BYE right behind it.
    fn acknowledge(&mut self, number: u64, status: u16, bytes: &[u8], out: &mut Outbox) {
        if self.index.scan(bytes).is_err() {
            self.counts.unreadable += 1;
            return;
        }
        let reply = Message { bytes, index: &self.index };
        let numbers = self.numbering.of(number);
        let (target, requests) = self.way_of(&numbers);
        if status >= 300 {
            out.send(target, |out| requests.write_refused(&numbers, &reply, out));
            return;
        }
        out.send(target, |out| requests.write_ack(&numbers, &reply, out));
        if self.mode == Mode::Call {
            out.send(target, |out| requests.write_bye(&numbers, &reply, out));
        }
    }

    fn closed(&mut self, now_us: u64, number: u64, status: u16) {
        let waited = now_us.saturating_sub(self.schedule.due_at_us(number));
        self.completion.saturating_record(waited);
        self.counts.close(status);
        self.calls.set(number, Phase::Done);
    }

    /// Calls whose patience has ended; they are in the order of their numbers.
    fn give_up(&mut self, now_us: u64) {
        let Some(limit) = now_us.checked_sub(self.timeout_us) else { return };
        self.counts.timed_out += self.calls.give_up_below(self.schedule.due(limit));
    }

    /// Calls so late that they would be given up at once are never begun.
    fn skip_too_late(&mut self, now_us: u64) {
        let Some(limit) = now_us.checked_sub(self.timeout_us) else { return };
        let hopeless = self.schedule.due(limit);
        while self.calls.next() < hopeless && self.calls.has_room() {
            self.calls.begin(Phase::Done);
            self.counts.unsent += 1;
        }
    }

    /// Sends again what is unanswered; how many.
    fn repeat(&mut self, now_us: u64, out: &mut Outbox) -> usize {
        let mut sent = 0;
        for round in 0..self.repeats.len() {
            // T1, 3*T1, 7*T1 ... after the request.
            let after_us = T1_US * ((2 << round) - 1);
            let Some(limit) = now_us.checked_sub(after_us) else { break };
            let end = self.schedule.due(limit).min(self.calls.next());
            let mut number = self.repeats[round].max(self.calls.oldest());
            while number < end && sent < limits::ROUND {
                if self.calls.phase(number) == Phase::Asking {
                    self.send_first(number, out);
                    self.counts.retransmissions += 1;
                    sent += 1;
                }
                number += 1;
            }
            self.repeats[round] = number;
        }
        sent
    }

    fn send_first(&self, number: u64, out: &mut Outbox) {
        let numbers = self.numbering.of(number);
        let (target, requests) = self.way_of(&numbers);
        out.send(target, |out| requests.first.write(&numbers, out));
    }

    /// The socket of all that is sent with a Call-ID, and its texts.
    fn way_of(&self, numbers: &Numbers) -> (Target, &Requests) {
        let at = (numbers.call_id / limits::STRETCH) as usize % self.requests.len();
        let target = Target { socket: SocketId(at as u16), addr: self.target };
        (target, &self.requests[at])
    }
}
