//! How a destination fares with the requests that were sent to it: what its replies, its silence
//! and the transport say, and what follows of it.
//!
//! Failures in a row take it out ([`State::EJECTED`]). After a while it is on trial: the next call
//! that is drawn to it goes there, and decides. A probe may bring it back, too. Each time that it
//! goes out again soon, the while is twice as long. Atomics only; workers tell, none waits.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use sluice_base::Now;
use sluice_engine::ticket::{Chosen, News, Ticket};

use super::latency::Latency;
use super::limits::{BACK_OFF_DOUBLINGS, GOOD_BEHAVIOUR, ROW_MS};
use super::pool::Pool;
use super::state::{Live, State};
use super::ward::{Passive, Ward};

/// See the file's head. A destination has one where anybody looks at such news.
pub struct Health {
    live: Weak<Live>,
    set: u32,
    uri: Box<str>,
    ward: Arc<Ward>,
    /// Those of its set.
    pub(super) pool: Arc<Pool>,
    /// Its replies' times.
    pub latency: Latency,
    active: AtomicU32,
    /// All failures so far.
    failures: AtomicU64,
    /// Requests in a row without any answer in time.
    silent: AtomicU32,
    /// Requests in a row that were refused or did not arrive.
    refused: AtomicU32,
    /// The last failure, monotonic milliseconds.
    failed_ms: AtomicU64,
    /// When it went out or came back last, monotonic microseconds: older requests say nothing.
    since_us: AtomicU64,
    /// How often it went out in short order.
    times: AtomicU32,
    /// When it may be tried again, monotonic milliseconds.
    again_ms: AtomicU64,
    /// A call is on its way to try it.
    tried: AtomicBool,
    why: AtomicU8,
}

/// Why a destination is out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Why {
    /// It did not answer.
    Silence,
    /// It could not be reached.
    Lost,
    /// It refused.
    Refusals,
}

impl Health {
    /// Of a destination of which nothing is known yet.
    pub(super) fn new(
        live: &Arc<Live>,
        (set, uri): (u32, &str),
        ward: Arc<Ward>,
        pool: Arc<Pool>,
    ) -> Self {
        Self {
            live: Arc::downgrade(live),
            set,
            uri: uri.into(),
            ward,
            pool,
            latency: Latency::default(),
            active: AtomicU32::new(0),
            failures: AtomicU64::new(0),
            silent: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            failed_ms: AtomicU64::new(0),
            since_us: AtomicU64::new(0),
            times: AtomicU32::new(0),
            again_ms: AtomicU64::new(0),
            tried: AtomicBool::new(false),
            why: AtomicU8::new(0),
        }
    }

    /// A ticket for a request that goes there; it counts as a call until it is over.
    pub fn ticket(self: &Arc<Self>) -> Ticket {
        self.active.fetch_add(1, Relaxed);
        Ticket::new(Arc::clone(self) as Arc<dyn Chosen>)
    }

    /// Calls that have gone there and are not over.
    pub fn active(&self) -> u32 {
        self.active.load(Relaxed)
    }

    /// Failures so far.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// In how many seconds it may be tried again, as far as the control plane knows the time.
    pub fn again_in_s(&self) -> u64 {
        let left_ms = self.out().1.saturating_sub(self.ward.now_us() / 1_000);
        left_ms.div_ceil(1_000)
    }

    /// The average time to its first reply in microseconds.
    pub fn average_us(&self) -> Option<u64> {
        self.latency.average_us(self.ward.now_us() / 1_000_000)
    }

    /// Why it is out, and when it is tried again, monotonic milliseconds.
    pub fn out(&self) -> (Why, u64) {
        let why = match self.why.load(Relaxed) {
            0 => Why::Silence,
            1 => Why::Lost,
            _ => Why::Refusals,
        };
        (why, self.again_ms.load(Relaxed))
    }

    /// A call that was drawn to a destination on trial is the one that tries it; false: another
    /// call does already.
    pub(super) fn admit(&self, live: &Live, now_ms: u64) -> bool {
        if !live.turn(State::TRIAL, State::EJECTED) {
            return live.is_active();
        }
        self.again_ms.store(now_ms + self.back_off_ms(), Relaxed);
        self.tried.store(true, Relaxed);
        true
    }

    /// Its time out may be over: then the next call tries it. Where one has done so already and
    /// nothing bad was heard, it is back: of calls without a transaction only failures are heard.
    pub(super) fn go_on_trial(&self, live: &Live, now: Now) {
        if now.mono_ms() < self.again_ms.load(Relaxed) {
            return;
        }
        if self.tried.swap(false, Relaxed) {
            self.return_to_work(live, now);
        } else {
            live.turn(State::EJECTED, State::TRIAL);
        }
    }

    /// A probe was answered well. True: that brings it back; one that refuses calls must show that
    /// it takes them.
    pub(super) fn revive(&self, live: &Live) -> bool {
        let (why, _) = self.out();
        why != Why::Refusals && self.come_back(live, None)
    }

    fn passive(&self) -> Option<&Passive> {
        self.ward.passive.as_ref()
    }

    fn back_off_ms(&self) -> u64 {
        let first_ms = self.passive().map_or(0, |passive| passive.back_off_ms);
        let doublings = self.times.load(Relaxed).saturating_sub(1).min(BACK_OFF_DOUBLINGS);
        first_ms << doublings
    }

    /// A failure, of a request that was sent at a time.
    fn fail(&self, why: Why, sent_us: u64, now: Now) {
        self.failures.fetch_add(1, Relaxed);
        let (Some(passive), Some(live)) = (self.passive(), self.live.upgrade()) else { return };
        if sent_us < self.since_us.load(Relaxed) {
            return;
        }
        if self.tried.swap(false, Relaxed) && live.is_out() {
            self.times.fetch_add(1, Relaxed);
            self.again_ms.store(now.mono_ms() + self.back_off_ms(), Relaxed);
            return;
        }
        let row = if why == Why::Silence { &self.silent } else { &self.refused };
        let last_ms = self.failed_ms.swap(now.mono_ms(), Relaxed);
        if now.mono_ms().saturating_sub(last_ms) > ROW_MS {
            row.store(0, Relaxed);
        }
        if row.fetch_add(1, Relaxed).saturating_add(1) >= passive.threshold {
            self.go_out(&live, why, now);
        }
    }

    fn go_out(&self, live: &Live, why: Why, now: Now) {
        if !live.is_active() || !self.pool.leave() {
            return;
        }
        if !live.turn(State::ACTIVE, State::EJECTED) {
            self.pool.back();
            return;
        }
        let well_us = now.mono_us.saturating_sub(self.since_us.swap(now.mono_us, Relaxed));
        if well_us / 1_000 > GOOD_BEHAVIOUR * self.back_off_ms() {
            self.times.store(0, Relaxed);
        }
        self.times.fetch_add(1, Relaxed);
        self.why.store(why as u8, Relaxed);
        let back_off_ms = self.back_off_ms();
        self.again_ms.store(now.mono_ms() + back_off_ms, Relaxed);
        self.begin_anew();
        tracing::warn!(
            target: "dispatcher",
            "{} of set {} is out for {} s: {}",
            self.uri,
            self.set,
            back_off_ms / 1_000,
            why.word()
        );
        self.ward.desk.changed(i64::from(self.set), &self.uri, false, why.word());
    }

    /// It is well; at a moment, where one is known.
    fn come_back(&self, live: &Live, now: Option<Now>) -> bool {
        let back =
            live.turn(State::EJECTED, State::ACTIVE) || live.turn(State::TRIAL, State::ACTIVE);
        if back {
            self.pool.back();
            let now_us = now.map_or_else(|| self.ward.now_us(), |now| now.mono_us);
            self.since_us.store(now_us, Relaxed);
            self.begin_anew();
        }
        back
    }

    fn begin_anew(&self) {
        self.tried.store(false, Relaxed);
        self.silent.store(0, Relaxed);
        self.refused.store(0, Relaxed);
    }

    /// It has answered a request, and not refused it.
    fn answer(&self, is_final: bool, sent_us: u64, now: Now) {
        if is_final {
            clear(&self.refused);
        }
        if self.passive().is_none() || sent_us < self.since_us.load(Relaxed) {
            return;
        }
        if let Some(live) = self.live.upgrade().filter(|live| live.is_out()) {
            self.return_to_work(&live, now);
        }
    }

    fn return_to_work(&self, live: &Live, now: Now) {
        if self.come_back(live, Some(now)) {
            self.ward.desk.changed(i64::from(self.set), &self.uri, true, "it takes calls again");
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("set", &self.set).field("uri", &self.uri).finish()
    }
}

impl Chosen for Health {
    fn learn(&self, news: News, sent_us: u64, now: Now) -> bool {
        let (after_us, now_s) = (now.mono_us.saturating_sub(sent_us), now.mono_us / 1_000_000);
        let failed = match news {
            News::Heard => {
                clear(&self.silent);
                self.latency.record(after_us, now_s);
                None
            }
            News::Status(status) if self.ward.codes.has(status) => Some(Why::Refusals),
            News::Status(status) => {
                self.answer(status >= 200, sent_us, now);
                None
            }
            News::Silent => {
                self.latency.expect(after_us, now_s);
                Some(Why::Silence)
            }
            News::Lost => Some(Why::Lost),
        };
        if let Some(why) = failed {
            self.fail(why, sent_us, now);
        }
        failed.is_some()
    }

    fn over(&self) {
        self.active.fetch_sub(1, Relaxed);
    }
}

impl Why {
    /// For people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Silence => "it does not answer",
            Self::Lost => "it cannot be reached",
            Self::Refusals => "it refuses calls",
        }
    }
}

/// Without a write where there is nothing to clear.
fn clear(row: &AtomicU32) {
    if row.load(Relaxed) > 0 {
        row.store(0, Relaxed);
    }
}
