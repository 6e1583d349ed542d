//! The calls that wait for something: a sliding window over call numbers, one byte a call.
//!
//! Calls begin in the order of their numbers and all have the same patience, so the window
//! `oldest .. next` in a ring is table, timer queue and bound in one: giving up is a step of
//! `oldest`, and nothing is hashed, linked or allocated.

/// Where a call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// Its first request was sent, nothing came back.
    Asking,
    /// A provisional reply came.
    Proceeding,
    /// BYE was sent.
    Closing,
    /// Nothing more is awaited.
    #[default]
    Done,
}

/// The window.
#[derive(Debug)]
pub struct Calls {
    phases: Vec<Phase>,
    oldest: u64,
    next: u64,
}

impl Calls {
    /// Room for at least `room` calls at once.
    pub fn new(room: u64) -> Self {
        let room = room.next_power_of_two().max(2) as usize;
        Self { phases: vec![Phase::Done; room], oldest: 0, next: 0 }
    }

    /// The number of the next call to begin.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The lowest number that may still be waiting.
    pub fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.oldest == self.next
    }

    /// Whether one more fits.
    pub fn has_room(&self) -> bool {
        self.next - self.oldest < self.phases.len() as u64
    }

    /// Takes the next number; the caller has asked [`has_room`](Self::has_room). `Done` when
    /// nothing is awaited of it.
    pub fn begin(&mut self, phase: Phase) -> u64 {
        let number = self.next;
        self.next += 1;
        self.set(number, phase);
        number
    }

    /// Where a call stands; `Done` for numbers outside of the window.
    #[inline]
    pub fn phase(&self, number: u64) -> Phase {
        if (self.oldest..self.next).contains(&number) {
            self.phases[self.slot(number)]
        } else {
            Phase::Done
        }
    }

    /// Moves a call of the window on; other numbers are ignored.
    pub fn set(&mut self, number: u64, phase: Phase) {
        if !(self.oldest..self.next).contains(&number) {
            return;
        }
        let slot = self.slot(number);
        self.phases[slot] = phase;
        while self.oldest < self.next && self.phases[self.slot(self.oldest)] == Phase::Done {
            self.oldest += 1;
        }
    }

    /// Gives up every call below `number`; how many of them were still waiting.
    pub fn give_up_below(&mut self, number: u64) -> u64 {
        let mut given_up = 0;
        while self.oldest < number.min(self.next) {
            given_up += u64::from(self.phases[self.slot(self.oldest)] != Phase::Done);
            self.oldest += 1;
        }
        given_up
    }

    #[inline]
    fn slot(&self, number: u64) -> usize {
        number as usize & (self.phases.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_over_finished_calls() {
        let mut calls = Calls::new(4);
        let numbers: Vec<u64> = (0..4).map(|_| calls.begin(Phase::Asking)).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert!(!calls.has_room());
        calls.set(1, Phase::Done);
        assert!(!calls.has_room(), "call 0 holds the window");
        calls.set(0, Phase::Done);
        assert_eq!((calls.oldest(), calls.has_room()), (2, true));
        assert_eq!((calls.phase(1), calls.phase(2)), (Phase::Done, Phase::Asking));
    }

    #[test]
    fn giving_up_counts_only_waiting_calls() {
        let mut calls = Calls::new(8);
        for _ in 0..6 {
            calls.begin(Phase::Asking);
        }
        calls.set(2, Phase::Done);
        calls.set(3, Phase::Closing);
        assert_eq!(calls.give_up_below(5), 4);
        assert_eq!(calls.give_up_below(100), 1);
        assert!(calls.is_empty());
    }

    #[test]
    fn a_slot_used_again_belongs_to_the_new_call() {
        let mut calls = Calls::new(2);
        for number in 0..1_000 {
            assert_eq!(calls.begin(Phase::Asking), number);
            calls.set(number, Phase::Proceeding);
            assert_eq!(calls.phase(number.wrapping_sub(2)), Phase::Done);
            calls.set(number, Phase::Done);
        }
    }

    #[test]
    fn a_call_of_which_nothing_is_awaited_leaves_no_trace() {
        let mut calls = Calls::new(2);
        calls.begin(Phase::Done);
        assert!(calls.is_empty());
    }
}
