//! Addresses that did not answer: others of the same name go before them for a while, and then one
//! call tries whether they are back.
//!
//! Remembered by address, never by name, so that a name keeps those of its addresses that work. An
//! address whose name has no other is tried nevertheless: the memory orders, it does not refuse.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;

use crate::limits;
use crate::sockets::Remote;

/// Why an address is avoided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Nothing came back in time.
    Silent,
    /// It answered 503.
    Overloaded,
    /// The request could not be sent.
    Unreachable,
}

impl Failure {
    /// A word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Silent => "no answer",
            Self::Overloaded => "503",
            Self::Unreachable => "not sent",
        }
    }
}

/// What is remembered of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Why it is avoided.
    pub failure: Failure,
    /// When one call tries it again, monotonic milliseconds.
    pub again_ms: u64,
}

/// All of them; shared by the workers.
#[derive(Debug)]
pub struct Failed {
    /// How long an address is avoided, milliseconds; 0 remembers nothing.
    hold_ms: u64,
    /// How many there are, so that the usual look costs no lock.
    count: AtomicUsize,
    marks: Mutex<AHashMap<Remote, Mark>>,
}

impl Failed {
    /// Nothing has failed; a failure is remembered for so long.
    pub fn new(hold_ms: u64) -> Self {
        Self { hold_ms, count: AtomicUsize::new(0), marks: Mutex::default() }
    }

    /// Puts the addresses of one call in order: those that failed go to the end. When the first
    /// one's time is over, this call tries it, and no other does for as long again.
    pub fn order(&self, hops: &mut [Remote], now_ms: u64) {
        if hops.len() < 2 || self.is_empty() {
            return;
        }
        let mut marks = self.lock();
        let avoided = |marks: &AHashMap<Remote, Mark>, hop: &Remote| {
            marks.get(hop).is_some_and(|mark| now_ms < mark.again_ms)
        };
        // A stable sort: the order of RFC 3263 stays within both kinds.
        hops.sort_by_key(|hop| avoided(&marks, hop));
        if let Some(mark) = hops.first().and_then(|hop| marks.get_mut(hop))
            && now_ms >= mark.again_ms
        {
            mark.again_ms = now_ms + self.hold_ms;
        }
    }

    /// An address has failed; one that is avoided already is so no longer for that.
    pub fn note(&self, hop: Remote, failure: Failure, now_ms: u64) {
        if self.hold_ms == 0 {
            return;
        }
        let fresh = Mark { failure, again_ms: now_ms + self.hold_ms };
        let mut marks = self.lock();
        if let Some(mark) = marks.get_mut(&hop) {
            // Calls that were on their way already tell nothing new.
            if now_ms >= mark.again_ms {
                *mark = fresh;
            }
        } else if marks.len() < limits::FAILED_ADDRESSES {
            marks.insert(hop, fresh);
            self.count.store(marks.len(), Ordering::Relaxed);
        }
    }

    /// An address has answered.
    pub fn clear(&self, hop: Remote) {
        if !self.is_empty() {
            let mut marks = self.lock();
            marks.remove(&hop);
            self.count.store(marks.len(), Ordering::Relaxed);
        }
    }

    /// Forgets those that nobody has tried again for long: their names are not used any more.
    pub fn sweep(&self, now_ms: u64) {
        if !self.is_empty() {
            let mut marks = self.lock();
            marks.retain(|_, mark| now_ms < mark.again_ms + limits::FAILED_FORGOTTEN_MS);
            self.count.store(marks.len(), Ordering::Relaxed);
        }
    }

    /// All, for management.
    pub fn list(&self) -> Vec<(Remote, Mark)> {
        self.lock().iter().map(|(hop, mark)| (*hop, *mark)).collect()
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn lock(&self) -> MutexGuard<'_, AHashMap<Remote, Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::sockets::Proto;

    fn hop(last: u8) -> Remote {
        Remote { proto: Proto::Udp, addr: SocketAddr::from(([10, 0, 0, last], 5060)) }
    }

    fn order(failed: &Failed, now_ms: u64) -> [Remote; 3] {
        let mut hops = [hop(1), hop(2), hop(3)];
        failed.order(&mut hops, now_ms);
        hops
    }

    #[test]
    fn a_failed_address_goes_last_and_is_tried_by_one_call_when_its_time_is_over() {
        let failed = Failed::new(30_000);
        let (usual, last) = ([hop(1), hop(2), hop(3)], [hop(2), hop(3), hop(1)]);
        assert_eq!(order(&failed, 0), usual);
        failed.note(hop(1), Failure::Silent, 1_000);
        assert_eq!(order(&failed, 1_000), last);
        assert_eq!(order(&failed, 30_999), last);
        assert_eq!(order(&failed, 31_000), usual, "this call tries it");
        assert_eq!(order(&failed, 31_000), last, "no other does");
        assert_eq!(order(&failed, 61_000), usual);
        failed.clear(hop(1));
        assert_eq!(order(&failed, 61_001), usual);
        assert_eq!(failed.list(), []);
    }

    #[test]
    fn one_that_is_not_first_is_not_tried_early() {
        let failed = Failed::new(30_000);
        failed.note(hop(2), Failure::Overloaded, 0);
        assert_eq!(order(&failed, 40_000), [hop(1), hop(2), hop(3)]);
        let mut second = [hop(2), hop(3)];
        failed.order(&mut second, 40_000);
        assert_eq!(second, [hop(2), hop(3)], "its turn has not been taken");
    }

    #[test]
    fn where_all_have_failed_they_are_tried_in_their_order() {
        let failed = Failed::new(30_000);
        (1..4).for_each(|last| failed.note(hop(last), Failure::Silent, 0));
        assert_eq!(order(&failed, 10), [hop(1), hop(2), hop(3)]);
    }

    #[test]
    fn the_memory_has_a_bound_and_an_end_and_may_be_off() {
        let failed = Failed::new(30_000);
        for number in 0..=limits::FAILED_ADDRESSES as u32 {
            let addr = SocketAddr::from((number.to_be_bytes(), 5060));
            failed.note(Remote { proto: Proto::Udp, addr }, Failure::Silent, 0);
        }
        assert_eq!(failed.list().len(), limits::FAILED_ADDRESSES);
        failed.sweep(30_000 + limits::FAILED_FORGOTTEN_MS);
        assert_eq!(failed.list(), []);
        let off = Failed::new(0);
        off.note(hop(1), Failure::Silent, 0);
        assert_eq!(off.list(), []);
    }
}
