//! A timing wheel: millions of timers of one worker, on one clock of coarse ticks.
//!
//! Takes moments in milliseconds of monotonic time and 64-bit keys (of a slab), gives the keys back
//! when their moment has come. Scheduling and cancelling are O(1); memory is that of the most
//! timers since there was none; no system call, no clock.
//!
//! # How it works
//!
//! Time is written in base 64. A timer lies on the level of the highest digit in which its moment
//! differs from the wheel's own time, in the slot of that digit. So all timers of a lower level are
//! due before those of a higher one, slots of a level are in order, and the earliest slot is the
//! first of the lowest level in use: two bit scans. When time reaches a slot of level 0 its timers
//! are due; one of a higher level has its timers spread over the levels below. A timer moves at
//! most once per level, and empty time is jumped over, however long.
//!
//! A slot is a doubly linked ring of nodes of one vector.

use std::num::NonZeroU32;

use crate::limits::{WHEEL_HORIZON_MS, grow, worth_returning};

/// Names a timer, to cancel it. Stale once it fired or was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct TimerId {
    /// Never that of the first head, so that an `Option` takes no more room.
    node: NonZeroU32,
    generation: u32,
}

/// The wheel.
#[derive(Debug)]
pub struct Wheel {
    /// The lists' heads first (slots by level, the due list, the free list), timers after.
    nodes: Vec<Node>,
    /// Which slots hold timers, by level.
    slots: [u64; LEVELS],
    /// Time up to which all due timers were moved to the due list.
    time_ms: u64,
    len: usize,
    /// How many nodes are never given back.
    warm: u32,
    /// The generation of nodes made from now on: none that was given back had a later one.
    first: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    key: u64,
    due_ms: u64,
    previous: u32,
    next: u32,
    /// The list it is in, by its head.
    list: u32,
    generation: u32,
}

const BITS: u32 = 6;
const SLOTS: u32 = 1 << BITS;
const LEVELS: usize = 7;
const DUE: u32 = LEVELS as u32 * SLOTS;
const FREE: u32 = DUE + 1;
const HEADS: u32 = FREE + 1;

/// Seven digits reach the horizon.
const _: () = assert!(WHEEL_HORIZON_MS >> (LEVELS as u32 * BITS) == 0);

impl Wheel {
    /// A wheel at `now_ms` with room for `warm` timers touched now; it grows beyond.
    pub fn new(now_ms: u64, warm: u32) -> Self {
        let mut wheel = Self {
            nodes: Vec::new(),
            slots: [0; LEVELS],
            time_ms: now_ms.min(WHEEL_HORIZON_MS),
            len: 0,
            warm,
            first: 0,
        };
        wheel.restart();
        wheel
    }

    /// Only the first nodes, none in use, each of a generation that none has had.
    fn restart(&mut self) {
        let generation = self.first;
        let head = |list| Node { key: 0, due_ms: 0, previous: list, next: list, list, generation };
        self.nodes = (0..HEADS + self.warm).map(head).collect();
        (HEADS..HEADS + self.warm).for_each(|node| self.link(node, FREE));
    }

    /// Has `key` given back at `due_ms`; a moment that has come already means the next millisecond.
    pub fn schedule(&mut self, due_ms: u64, key: u64) -> TimerId {
        let due_ms = due_ms.max(self.time_ms + 1).min(WHEEL_HORIZON_MS);
        let mut id = self.nodes[FREE as usize].next;
        if id == FREE {
            id = self.nodes.len() as u32;
            let generation = self.first;
            grow(&mut self.nodes);
            self.nodes.push(Node { key, due_ms, previous: id, next: id, list: id, generation });
        } else {
            self.unlink(id);
        }
        let node = &mut self.nodes[id as usize];
        (node.key, node.due_ms) = (key, due_ms);
        // Timers lie behind the heads, the first of which is 0.
        let timer = TimerId {
            node: NonZeroU32::new(id).unwrap_or(NonZeroU32::MAX),
            generation: node.generation,
        };
        self.place(id);
        self.len += 1;
        timer
    }

    /// Ends a timer before it fires. False: it fired or was cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        let node = self.nodes.get(timer.node.get() as usize);
        if node.is_none_or(|node| node.generation != timer.generation) {
            return false;
        }
        self.release(timer.node.get());
        true
    }

    /// The next timer that is due at `now_ms`; call until `None`. Earlier ones come first; those of
    /// one millisecond come in no promised order.
    #[inline]
    pub fn pop_due(&mut self, now_ms: u64) -> Option<u64> {
        let now_ms = now_ms.min(WHEEL_HORIZON_MS);
        if self.len == 0 {
            self.time_ms = self.time_ms.max(now_ms);
            return None;
        }
        self.pop_first_due(now_ms)
    }

    fn pop_first_due(&mut self, now_ms: u64) -> Option<u64> {
        loop {
            let first = self.nodes[DUE as usize].next;
            if first != DUE {
                let key = self.nodes[first as usize].key;
                self.release(first);
                return Some(key);
            }
            match self.earliest_slot() {
                Some((list, start_ms)) if start_ms <= now_ms => {
                    self.time_ms = start_ms;
                    self.spread(list);
                }
                _ => {
                    self.time_ms = self.time_ms.max(now_ms);
                    return None;
                }
            }
        }
    }

    /// When [`pop_due`](Self::pop_due) next has work: never after the first timer, but it may be
    /// before, when timers must be spread over lower levels. `None`: there is no timer.
    pub fn next_due_ms(&self) -> Option<u64> {
        if self.nodes[DUE as usize].next != DUE {
            return Some(self.time_ms);
        }
        self.earliest_slot().map(|(_, start_ms)| start_ms)
    }

    /// How many timers run.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first slot of the lowest level in use, and the moment at which it begins.
    fn earliest_slot(&self) -> Option<(u32, u64)> {
        let level = self.slots.iter().position(|slots| *slots != 0)? as u32;
        let slot = self.slots[level as usize].trailing_zeros();
        let shift = level * BITS;
        let above = self.time_ms >> (shift + BITS) << (shift + BITS);
        Some((level * SLOTS + slot, above | u64::from(slot) << shift))
    }

    /// Moves each timer of a slot that the time has reached to its place from here.
    fn spread(&mut self, list: u32) {
        loop {
            let node = self.nodes[list as usize].next;
            if node == list {
                return;
            }
            self.unlink(node);
            self.place(node);
        }
    }

    fn place(&mut self, node: u32) {
        let due_ms = self.nodes[node as usize].due_ms;
        let differs = due_ms ^ self.time_ms;
        if differs == 0 {
            return self.link(node, DUE);
        }
        let level = differs.ilog2() / BITS;
        let slot = (due_ms >> (level * BITS)) as u32 & (SLOTS - 1);
        self.slots[level as usize] |= 1 << slot;
        self.link(node, level * SLOTS + slot);
    }

    fn release(&mut self, node: u32) {
        self.unlink(node);
        let entry = &mut self.nodes[node as usize];
        entry.generation = entry.generation.wrapping_add(1);
        self.link(node, FREE);
        self.len -= 1;
        if self.len == 0 && worth_returning(self.nodes.len() - (HEADS + self.warm) as usize) {
            let latest = self.nodes.iter().map(|node| node.generation).max();
            self.first = latest.unwrap_or(self.first);
            self.restart();
        }
    }

    /// Appends a node to a list, given by its head.
    fn link(&mut self, node: u32, list: u32) {
        let last = std::mem::replace(&mut self.nodes[list as usize].previous, node);
        self.nodes[last as usize].next = node;
        let entry = &mut self.nodes[node as usize];
        (entry.previous, entry.next, entry.list) = (last, list, list);
    }

    fn unlink(&mut self, node: u32) {
        let Node { previous, next, list, .. } = self.nodes[node as usize];
        self.nodes[previous as usize].next = next;
        self.nodes[next as usize].previous = previous;
        if previous == next && list < DUE {
            self.slots[(list / SLOTS) as usize] &= !(1 << (list % SLOTS));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn due(wheel: &mut Wheel, now_ms: u64) -> Vec<u64> {
        std::iter::from_fn(|| wheel.pop_due(now_ms)).collect()
    }

    #[test]
    fn timers_fire_at_their_moment() {
        let mut wheel = Wheel::new(1_000, 0);
        wheel.schedule(1_500, 1);
        wheel.schedule(33_000, 2);
        wheel.schedule(0, 3);
        assert_eq!(due(&mut wheel, 1_000), [0; 0]);
        assert_eq!(due(&mut wheel, 1_001), [3]);
        assert_eq!(due(&mut wheel, 1_499), [0; 0]);
        assert_eq!(due(&mut wheel, 1_500), [1]);
        assert_eq!(due(&mut wheel, u64::MAX), [2]);
        assert!(wheel.is_empty() && wheel.next_due_ms().is_none());
    }

    #[test]
    fn a_timer_made_while_firing_waits_for_the_next_tick() {
        let mut wheel = Wheel::new(0, 1);
        wheel.schedule(5, 1);
        let mut fired = 0;
        while wheel.pop_due(10).is_some() {
            fired += 1;
            wheel.schedule(10, 1);
        }
        assert_eq!((fired, wheel.next_due_ms()), (2, Some(11)));
    }

    #[test]
    fn a_stale_id_cancels_nothing() {
        let mut wheel = Wheel::new(0, 1);
        let old = wheel.schedule(5, 1);
        assert!(wheel.cancel(old) && !wheel.cancel(old));
        let new = wheel.schedule(5, 2);
        assert_eq!(new.node, old.node);
        assert!(!wheel.cancel(old));
        assert_eq!(due(&mut wheel, 5), [2]);
        assert!(!wheel.cancel(new));
    }

    #[test]
    fn a_timer_can_be_cancelled_while_others_of_its_tick_fire() {
        let mut wheel = Wheel::new(0, 4);
        let ids = [1, 2].map(|key| wheel.schedule(7, key));
        let first = wheel.pop_due(7).unwrap();
        assert!(wheel.cancel(ids[if first == 1 { 1 } else { 0 }]));
        assert_eq!(wheel.pop_due(7), None);
    }

    #[test]
    fn memory_is_that_of_the_most_timers() {
        let mut wheel = Wheel::new(0, 8);
        let room = wheel.nodes.len();
        for now in 0..10_000 {
            let timer = wheel.schedule(now + 32_000, now);
            wheel.schedule(now + 1 + now % 5, now);
            assert!(wheel.cancel(timer));
            due(&mut wheel, now);
        }
        assert_eq!(wheel.nodes.len(), room);
    }

    #[test]
    fn what_it_grew_by_is_given_back_and_no_timer_comes_again() {
        let mut wheel = Wheel::new(0, 8);
        let room = wheel.nodes.len();
        let mut stale = Vec::new();
        for _ in 0..3 {
            let timers: Vec<TimerId> = (0..5_000).map(|key| wheel.schedule(9_999, key)).collect();
            assert!(wheel.nodes.capacity() < 6_500);
            assert!(stale.iter().all(|timer| !wheel.cancel(*timer)));
            assert!(timers.iter().all(|timer| wheel.cancel(*timer)));
            assert_eq!((wheel.nodes.capacity(), wheel.next_due_ms()), (room, None));
            stale.extend(timers);
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Schedule(u64),
        Cancel(usize),
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let delay = (0u32..40).prop_flat_map(|bits| 0..=1u64 << bits);
        prop_oneof![
            4 => delay.clone().prop_map(Step::Schedule),
            1 => (0..100usize).prop_map(Step::Cancel),
            2 => delay.prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_sorted_list(steps in prop::collection::vec(step(), 0..200)) {
            let mut wheel = Wheel::new(0, 2);
            let mut naive: Vec<(u64, u64)> = Vec::new();
            let mut ids = Vec::new();
            let mut now = 0;
            for (key, step) in (0u64..).zip(steps) {
                match step {
                    Step::Schedule(delay) => {
                        ids.push((key, wheel.schedule(now + delay, key)));
                        naive.push(((now + delay).max(now + 1), key));
                    }
                    Step::Cancel(pick) => {
                        let Some((key, id)) = ids.get(pick).copied() else { continue };
                        let before = naive.len();
                        naive.retain(|(_, k)| *k != key);
                        prop_assert_eq!(wheel.cancel(id), naive.len() < before);
                    }
                    Step::Advance(by) => {
                        now += by;
                        let mut expected: Vec<_> =
                            naive.extract_if(.., |(due, _)| *due <= now).collect();
                        let fired = due(&mut wheel, now);
                        let due_of = |key| expected.iter().find(|(_, k)| k == key).map(|e| e.0);
                        let order: Vec<_> = fired.iter().map(due_of).collect();
                        prop_assert!(order.is_sorted() && !order.contains(&None));
                        let mut fired = fired;
                        fired.sort();
                        expected.sort_by_key(|e| e.1);
                        prop_assert!(fired.iter().eq(expected.iter().map(|(_, k)| k)));
                    }
                }
                let first = naive.iter().map(|(due, _)| *due).min();
                prop_assert_eq!(wheel.len(), naive.len());
                prop_assert_eq!(wheel.next_due_ms().is_none(), first.is_none());
                prop_assert!(wheel.next_due_ms() <= first);
            }
        }
    }
}
