//! Trains: datagrams to one destination that travel down the stack in one trip (UDP_SEGMENT).
//!
//! Takes a batch of datagrams, puts those that can travel together side by side and says how many
//! go in each train. Pure; what a refused train means is the transmitter's business.
//!
//! # What can travel together
//!
//! The kernel cuts one large payload into datagrams of one size; only the last may be shorter. So a
//! train is: one destination, equal sizes, at most one shorter datagram at its end, at most
//! [`TRAIN_BYTES`] in all. What the gateway inserts has a fixed length, so messages that came in
//! equal leave equal.
//!
//! # Order
//!
//! Datagrams to one destination keep their order: one joins only the newest train to its
//! destination, and trains leave in the order in which they were begun. Between destinations there
//! is no order to keep.

use std::net::SocketAddr;
use std::ops::Range;

use crate::limits::{BATCH, TRAIN_BYTES, TRAIN_DATAGRAMS};

/// A datagram to send: where to, and its bytes as a range of the batch's.
pub(crate) type Parcel = (SocketAddr, Range<u32>);

/// How far back a train is looked for: beyond that a datagram begins a new one.
const LOOK_BACK: usize = 8;

/// Couples batches; keeps its memory.
pub(crate) struct Coupler {
    trains: Vec<Train>,
    /// Number of datagrams in each train of the last batch.
    lengths: Vec<usize>,
    /// The train of each datagram, by place in the batch.
    tickets: Vec<u8>,
    sorted: Vec<Parcel>,
}

struct Train {
    to: SocketAddr,
    /// Size of each datagram but the last.
    size: u32,
    bytes: u32,
    datagrams: usize,
    /// A shorter datagram has ended it.
    ended: bool,
}

impl Coupler {
    pub(crate) fn new() -> Self {
        Self {
            trains: Vec::with_capacity(BATCH),
            lengths: Vec::with_capacity(BATCH),
            tickets: Vec::with_capacity(BATCH),
            sorted: Vec::with_capacity(BATCH),
        }
    }

    /// Puts up to [`BATCH`] datagrams in the order of their trains; gives the trains' lengths.
    pub(crate) fn couple(&mut self, batch: &mut [Parcel]) -> &[usize] {
        self.trains.clear();
        self.tickets.clear();
        for (to, range) in &*batch {
            let ticket = self.board(*to, range.end - range.start);
            self.tickets.push(ticket as u8);
        }
        self.lengths.clear();
        self.lengths.extend(self.trains.iter().map(|train| train.datagrams));
        if self.lengths.len() < batch.len() {
            self.sort(batch);
        }
        &self.lengths
    }

    /// Every datagram of a batch alone, in its place.
    pub(crate) fn singles(&mut self, count: usize) -> &[usize] {
        self.lengths.clear();
        self.lengths.resize(count, 1);
        &self.lengths
    }

    /// The train that a datagram travels in.
    fn board(&mut self, to: SocketAddr, size: u32) -> usize {
        let count = self.trains.len();
        let recent = self.trains.iter_mut().enumerate().rev().take(LOOK_BACK);
        if let Some((at, train)) = recent.into_iter().find(|(_, train)| train.to == to)
            && train.admit(size)
        {
            return at;
        }
        self.trains.push(Train { to, size, bytes: size, datagrams: 1, ended: false });
        count
    }

    /// A counting sort by train, which keeps the order within each.
    fn sort(&mut self, batch: &mut [Parcel]) {
        let mut places = [0; BATCH];
        let mut next = 0;
        for (place, length) in places.iter_mut().zip(&self.lengths) {
            *place = next;
            next += length;
        }
        self.sorted.clear();
        self.sorted.extend_from_slice(batch);
        for (parcel, ticket) in self.sorted.drain(..).zip(&self.tickets) {
            let place = &mut places[usize::from(*ticket)];
            batch[*place] = parcel;
            *place += 1;
        }
    }
}

impl Train {
    /// Takes one more datagram along, if it fits.
    fn admit(&mut self, size: u32) -> bool {
        let full = self.ended || self.datagrams == TRAIN_DATAGRAMS;
        // An empty datagram cannot be cut from a payload.
        if full || size == 0 || size > self.size || self.bytes + size > TRAIN_BYTES {
            return false;
        }
        self.ended = size < self.size;
        self.bytes += size;
        self.datagrams += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datagrams given as (port, size); ranges lie end to end, so they tell the datagrams apart.
    fn batch(datagrams: &[(u16, u32)]) -> Vec<Parcel> {
        let mut end = 0;
        let parcel = |(port, size): &(u16, u32)| {
            end += size;
            (SocketAddr::from(([127, 0, 0, 1], *port)), end - size..end)
        };
        datagrams.iter().map(parcel).collect()
    }

    fn couple(datagrams: &[(u16, u32)]) -> (Vec<Parcel>, Vec<usize>) {
        let mut parcels = batch(datagrams);
        let lengths = Coupler::new().couple(&mut parcels).to_vec();
        (parcels, lengths)
    }

    fn ports_and_sizes(parcels: &[Parcel]) -> Vec<(u16, u32)> {
        parcels.iter().map(|(to, range)| (to.port(), range.end - range.start)).collect()
    }

    #[test]
    fn equal_sizes_to_one_destination_travel_together() {
        let (parcels, lengths) = couple(&[(1, 9), (2, 9), (1, 9), (2, 9), (1, 9)]);
        assert_eq!(lengths, [3, 2]);
        assert_eq!(ports_and_sizes(&parcels), [(1, 9), (1, 9), (1, 9), (2, 9), (2, 9)]);
    }

    #[test]
    fn a_shorter_one_ends_its_train_and_a_longer_one_begins_another() {
        let (_, lengths) = couple(&[(1, 9), (1, 8), (1, 9), (1, 10), (1, 10), (1, 0)]);
        assert_eq!(lengths, [2, 1, 2, 1]);
    }

    #[test]
    fn a_train_ends_by_its_limits() {
        let (_, lengths) = couple(&vec![(1, 9); TRAIN_DATAGRAMS + 1]);
        assert_eq!(lengths, [TRAIN_DATAGRAMS, 1]);
        let (_, lengths) = couple(&[(1, 40_000), (1, 40_000)]);
        assert_eq!(lengths, [1, 1]);
    }

    #[test]
    fn order_holds_for_each_destination_and_nothing_is_lost() {
        let mut random = 7u64;
        let mut next = |most: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % most
        };
        let mut coupler = Coupler::new();
        for _ in 0..2_000 {
            let count = next(BATCH as u64 + 1) as usize;
            let destinations = 1 + next(20);
            let datagrams: Vec<(u16, u32)> =
                (0..count).map(|_| (next(destinations) as u16, 1 + next(3) as u32)).collect();
            let original = batch(&datagrams);
            let mut parcels = original.clone();
            let lengths = coupler.couple(&mut parcels).to_vec();
            assert_eq!(lengths.iter().sum::<usize>(), count);
            for port in 0..destinations as u16 {
                let of = |parcels: &[Parcel]| -> Vec<Parcel> {
                    parcels.iter().filter(|(to, _)| to.port() == port).cloned().collect()
                };
                assert_eq!(of(&parcels), of(&original));
            }
            let mut at = 0;
            for length in lengths {
                let train = ports_and_sizes(&parcels[at..at + length]);
                let (to, size) = train[0];
                assert!(train.iter().all(|(port, _)| *port == to));
                assert!(train[..length - 1].iter().all(|(_, each)| *each == size));
                assert!(train[length - 1].1 <= size);
                at += length;
            }
        }
    }
}
