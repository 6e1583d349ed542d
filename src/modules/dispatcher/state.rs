//! The live part of a destination: what changes without a reload.
//!
//! Only atomics: workers read it at every selection, and none waits for another. A reload hands the
//! same live part on to the destination's new snapshot, so that no packet sees a state reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use arc_swap::ArcSwapOption;

use super::health::Health;
use super::hits::Hits;
use super::probe::Turn;

/// The states of a destination (spec 3.3), as the bits that OpenSIPS and list files use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State(u8);

impl State {
    /// May be selected.
    pub const ACTIVE: Self = Self(0);
    /// Taken out by hand.
    pub const INACTIVE: Self = Self(1);
    /// Taken out after failures.
    pub const PROBING: Self = Self(2);
    /// Taken out for a while by what calls told; to others it is probing.
    pub(super) const EJECTED: Self = Self(4);
    /// That while is over: the next call tries it. To others it is active.
    pub(super) const TRIAL: Self = Self(8);

    /// From the flags of a list file: bit 1 inactive, bit 2 probing; others mean nothing.
    pub const fn of_bits(bits: u32) -> Self {
        Self((bits & 3) as u8)
    }

    /// From the letter `a`, `i` or `p`.
    pub fn of_letter(letter: &str) -> Option<Self> {
        match letter {
            "a" | "A" => Some(Self::ACTIVE),
            "i" | "I" => Some(Self::INACTIVE),
            "p" | "P" => Some(Self::PROBING),
            _ => None,
        }
    }

    /// As `ds_list` prints it; inactive outranks probing.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ACTIVE => "Active",
            Self::PROBING => "Probing",
            _ => "Inactive",
        }
    }

    /// As lists and tables have it.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// `a`, `i` or `p`.
    pub const fn letter(self) -> u8 {
        match self {
            Self::ACTIVE => b'a',
            Self::PROBING => b'p',
            _ => b'i',
        }
    }
}

/// Beside a state: the table has it, unless the database has refused it since.
const SENT: u8 = 128;

/// State, failures, hits and script attributes of one destination.
#[derive(Debug)]
pub struct Live {
    state: AtomicU8,
    failures: AtomicU32,
    script_attrs: ArcSwapOption<Vec<u8>>,
    /// Its state in the table that it is from; with [`SENT`], one that is on its way there.
    stored: AtomicU8,
    /// Its probes.
    pub(super) probe: Turn,
    hits: Hits,
    health: ArcSwapOption<Health>,
    /// It is out for new calls until its state is set by hand.
    draining: AtomicBool,
}

impl Live {
    /// In a first state, with counters of its own.
    pub fn new(state: State, hits: Hits) -> Self {
        Self {
            state: AtomicU8::new(state.0),
            failures: AtomicU32::new(0),
            script_attrs: ArcSwapOption::const_empty(),
            stored: AtomicU8::new(state.0),
            probe: Turn::default(),
            hits,
            health: ArcSwapOption::const_empty(),
            draining: AtomicBool::new(false),
        }
    }

    /// Its state now.
    pub fn state(&self) -> State {
        match self.now() {
            State::EJECTED => State::PROBING,
            State::TRIAL => State::ACTIVE,
            state => state,
        }
    }

    /// Whether it may be selected.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.now().0 & !State::TRIAL.0 == State::ACTIVE.0
    }

    /// Whether it is out, or on trial, by what calls told.
    pub fn is_out(&self) -> bool {
        matches!(self.now(), State::EJECTED | State::TRIAL)
    }

    fn now(&self) -> State {
        State(self.state.load(Ordering::Relaxed))
    }

    /// How it fares with calls, where that is watched.
    #[inline]
    pub fn health(&self) -> Option<Arc<Health>> {
        self.health.load_full()
    }

    /// From now on it is watched. Control plane only.
    pub(super) fn watch(&self, new: impl FnOnce() -> Arc<Health>) {
        if self.health.load().is_none() {
            self.health.compare_and_swap(&None::<Arc<Health>>, Some(new()));
        }
    }

    /// Puts it into a state by hand; earlier failures are forgotten.
    pub fn set(&self, state: State) {
        self.draining.store(false, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        self.state.store(state.0, Ordering::Relaxed);
    }

    /// Takes it out for new calls; those that it has go on.
    pub fn drain(&self) {
        self.set(State::INACTIVE);
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it is drained.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Counts a failure (`ds_mark_dst("p")`): the `threshold`th makes an active destination
    /// probing, and gives true. One that is inactive stays so: OpenSIPS would put it back to work.
    pub fn fail(&self, threshold: u32) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let falls = |from| self.turn(from, State::PROBING);
        let fell = failures >= threshold && (falls(State::ACTIVE) || falls(State::TRIAL));
        if fell {
            self.failures.store(0, Ordering::Relaxed);
        }
        fell
    }

    /// It has answered a probe well: from probing it goes back to work, and failures are forgotten.
    /// True: it was out. One that was taken out by hand meanwhile stays out.
    pub fn recover(&self) -> bool {
        self.failures.store(0, Ordering::Relaxed);
        let was_out = self.turn(State::PROBING, State::ACTIVE);
        was_out || self.health().is_some_and(|health| health.revive(self))
    }

    /// From one state to another, if it is that one.
    pub(super) fn turn(&self, from: State, to: State) -> bool {
        let order = Ordering::Relaxed;
        self.state.compare_exchange(from.0, to.0, order, order).is_ok()
    }

    /// Its table has this state for it.
    pub fn is_stored(&self, state: State) {
        self.stored.store(state.0, Ordering::Relaxed);
    }

    /// A state is on its way to its table.
    pub fn is_sent(&self, state: State) {
        self.stored.store(state.0 | SENT, Ordering::Relaxed);
    }

    /// Its state, when neither its table has it nor it is on its way there.
    pub fn unsent(&self) -> Option<State> {
        let state = self.lasting();
        (state.0 != self.stored.load(Ordering::Relaxed) & !SENT).then_some(state)
    }

    /// Its state, unless its table has it for certain.
    pub fn unstored(&self) -> Option<State> {
        let state = self.lasting();
        (state.0 != self.stored.load(Ordering::Relaxed)).then_some(state)
    }

    /// Its state without what calls told: that is forgotten with the program.
    fn lasting(&self) -> State {
        State::of_bits(self.now().0.into())
    }

    /// Counts a selection.
    #[inline]
    pub fn hit(&self, lane: usize) {
        self.hits.add(lane);
    }

    /// Selections by all workers.
    pub fn hits(&self) -> u64 {
        self.hits.sum()
    }

    /// What `ds_push_script_attrs` gave it last.
    pub fn script_attrs(&self) -> Option<Arc<Vec<u8>>> {
        self.script_attrs.load_full()
    }

    /// Replaces its script attributes.
    pub fn set_script_attrs(&self, attrs: &[u8]) {
        self.script_attrs.store(Some(Arc::new(attrs.to_vec())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatcher::hits::Room;

    fn live(state: State) -> Live {
        Live::new(state, Room::new(1).place())
    }

    #[test]
    fn bits_and_letters_name_the_same_states() {
        for (bits, letter, word) in [(0, "a", "Active"), (1, "i", "Inactive"), (2, "p", "Probing")]
        {
            let state = State::of_bits(bits);
            assert_eq!(State::of_letter(letter), Some(state));
            assert_eq!((state.word(), state.letter()), (word, letter.as_bytes()[0]));
        }
        assert_eq!(State::of_bits(3).word(), "Inactive");
        assert_eq!(State::of_bits(8), State::ACTIVE);
    }

    #[test]
    fn failures_lead_to_probing_at_the_threshold() {
        let live = live(State::ACTIVE);
        live.fail(3);
        live.fail(3);
        assert!(live.is_active());
        live.fail(3);
        assert_eq!(live.state(), State::PROBING);
    }

    #[test]
    fn an_inactive_destination_is_not_woken_by_failures() {
        let live = live(State::INACTIVE);
        for _ in 0..5 {
            live.fail(3);
        }
        assert_eq!(live.state(), State::INACTIVE);
    }

    #[test]
    fn setting_a_state_forgets_failures() {
        let live = live(State::ACTIVE);
        live.fail(2);
        live.set(State::ACTIVE);
        live.fail(2);
        assert!(live.is_active());
    }
}
