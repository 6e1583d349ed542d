//! Whether the messages of a Call-ID come in the order in which they were sent.
//!
//! Remembers the last place in line per Call-ID in a table of fixed size: sets of eight entries,
//! two cache lines each, the entry that was not used for longest makes room. What was forgotten
//! is counted, so that a proof says how complete it is.

use sluice_base::OwnerSeed;
use sluice_sip::Method;

use crate::report::OrderReport;

const WAYS: usize = 8;

#[derive(Clone, Copy, Default)]
struct Entry {
    /// Hash of the Call-ID; 0 is a free entry.
    key: u64,
    /// The last place in line.
    place: u64,
}

/// The table.
pub struct Order {
    sets: Vec<[Entry; WAYS]>,
    report: OrderReport,
}

impl Order {
    /// A table of at least `entries` Call-IDs.
    pub fn new(entries: usize) -> Self {
        let sets = entries.div_ceil(WAYS).next_power_of_two();
        Self { sets: vec![[Entry::default(); WAYS]; sets], report: OrderReport::default() }
    }

    /// What was found so far.
    pub fn report(&self) -> OrderReport {
        self.report
    }

    /// A message of `call_id` arrived. The line goes by CSeq number; ACK and CANCEL, which take
    /// the number of their INVITE, stand behind it.
    #[inline]
    pub fn note(&mut self, call_id: &[u8], cseq: u32, method: Method) {
        let behind = matches!(method, Method::Ack | Method::Cancel);
        let place = u64::from(cseq) * 2 + u64::from(behind);
        let key = OwnerSeed(0).hash(call_id).max(1);
        let at = (key >> 32) as usize & (self.sets.len() - 1);
        let set = &mut self.sets[at];
        let way = set.iter().position(|entry| entry.key == key);
        let mut entry = way.map_or(Entry { key, place }, |way| set[way]);
        match way {
            Some(_) => {
                self.report.compared += 1;
                self.report.repeated += u64::from(place == entry.place);
                self.report.out_of_order += u64::from(place < entry.place);
                entry.place = entry.place.max(place);
            }
            None => self.report.forgotten += u64::from(set[WAYS - 1].key != 0),
        }
        // The newest entry stands first.
        set[..=way.unwrap_or(WAYS - 1)].rotate_right(1);
        set[0] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_order() {
        let mut order = Order::new(16);
        for (cseq, method) in [(1, Method::Invite), (1, Method::Ack), (2, Method::Bye)] {
            order.note(b"a", cseq, method);
        }
        assert_eq!(order.report(), OrderReport { compared: 2, ..OrderReport::default() });
    }

    #[test]
    fn disorder_and_repetition_are_told_apart() {
        let mut order = Order::new(16);
        for cseq in [5, 7, 6, 6, 7, 8] {
            order.note(b"a", cseq, Method::Invite);
        }
        let report = order.report();
        assert_eq!((report.compared, report.out_of_order, report.repeated), (5, 2, 1));
        order.note(b"a", 9, Method::Ack);
        order.note(b"a", 9, Method::Invite);
        assert_eq!(order.report().out_of_order, 3);
    }

    #[test]
    fn ten_thousand_call_ids_are_all_remembered() {
        let mut order = Order::new(1 << 17);
        for cseq in 1..4u32 {
            for call in 0..10_000 {
                order.note(format!("{call}@x").as_bytes(), cseq, Method::Invite);
            }
        }
        let expected = OrderReport { compared: 20_000, ..OrderReport::default() };
        assert_eq!(order.report(), expected);
    }

    #[test]
    fn what_is_forgotten_is_counted() {
        let mut order = Order::new(WAYS);
        for call in 0..10u8 {
            order.note(&[call], 1, Method::Invite);
        }
        assert_eq!(order.report().forgotten, 2);
        order.note(&[9], 2, Method::Invite);
        assert_eq!(order.report().compared, 1);
    }
}
