//! Maglev's look-up table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
//! Balancer", NSDI 2016, section 3.4), with weights.
//!
//! Each destination has an order of its own in which it wants the table's places, made from its
//! URI; they take turns, and each takes the first free place of its order. So every destination
//! gets its share of the places, and one that comes or leaves moves few others. Nothing but URIs
//! and weights goes in: two processes with the same list, in any order of lines, make the same
//! table. Made on the control plane; to look up reads one place.

use sluice_base::OwnerSeed;

use super::limits::{MAGLEV_DRAWS, MAGLEV_FEW, MAGLEV_PLACES, MAGLEV_PLACES_OF_MANY};

/// Hash of a key: not that of ownership, or a worker would use a part of the table only.
const KEYS: OwnerSeed = OwnerSeed(0x6D61_676C_6576_6B65);

/// Hashes of a URI: where its order begins, and the step to its next place.
const OFFSETS: OwnerSeed = OwnerSeed(0x6D61_676C_6576_6F66);
const STEPS: OwnerSeed = OwnerSeed(0x6D61_676C_6576_7374);

/// Makes further draws of one hash.
const FURTHER: OwnerSeed = OwnerSeed(0x6D61_676C_6576_6472);

/// Places, each with the index of a destination in its set.
#[derive(Debug)]
pub struct Table(Box<[u16]>);

/// The hash of a key: the same in every process and release.
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    KEYS.hash(key)
}

impl Table {
    /// Of URIs and weights, in the order of the set. Without any weight all weigh the same.
    pub fn new(destinations: &[(&str, u32)]) -> Self {
        let places = match destinations.len() {
            0..=MAGLEV_FEW => MAGLEV_PLACES,
            _ => MAGLEV_PLACES_OF_MANY,
        };
        let mut claims: Vec<Claim> = (0u16..)
            .zip(destinations)
            .map(|(index, (uri, weight))| Claim::new(index, uri, *weight, places))
            .collect();
        // Equal lines are one destination: which of them comes first changes nothing.
        claims.sort_by(|one, other| (&one.uri, one.weight).cmp(&(&other.uri, other.weight)));
        let mut table = vec![None; places as usize];
        for claim in turns(&claims, places) {
            if let Some(claim) = claims.get_mut(claim) {
                claim.take_place(&mut table, places);
            }
        }
        Self(table.into_iter().flatten().collect())
    }

    /// The destination of a key's hash: the first one drawn that `may` be taken. What an absent
    /// destination leaves behind spreads over all others. `None` when the draws hit no such one.
    #[inline]
    pub fn find(&self, hash: u64, may: impl Fn(usize) -> bool) -> Option<usize> {
        let drawn = self.draw(hash)?;
        if may(drawn) {
            return Some(drawn);
        }
        let draws = (1..=MAGLEV_DRAWS).map(|draw| FURTHER.hash(&(hash ^ draw).to_le_bytes()));
        draws.filter_map(|hash| self.draw(hash)).find(|index| may(*index))
    }

    #[inline]
    fn draw(&self, hash: u64) -> Option<usize> {
        let place = ((hash >> 32) * self.0.len() as u64) >> 32;
        self.0.get(place as usize).map(|index| usize::from(*index))
    }
}

/// A destination that wants its share.
struct Claim {
    index: u16,
    uri: String,
    weight: u64,
    /// The place that it wants next.
    next: u64,
    step: u64,
}

impl Claim {
    fn new(index: u16, uri: &str, weight: u32, places: u64) -> Self {
        let uri = uri.to_ascii_lowercase();
        let next = OFFSETS.hash(uri.as_bytes()) % places;
        let step = STEPS.hash(uri.as_bytes()) % (places - 1) + 1;
        Self { index, uri, weight: weight.into(), next, step }
    }

    /// Takes the first free place of its order; there is one, since turns are as many as places
    /// and the order visits each, their number being prime.
    fn take_place(&mut self, table: &mut [Option<u16>], places: u64) {
        for _ in 0..places {
            let place = table.get_mut(self.next as usize);
            self.next = (self.next + self.step) % places;
            if let Some(place) = place.filter(|place| place.is_none()) {
                *place = Some(self.index);
                return;
            }
        }
    }
}

/// Whose turn it is, one for each place: shares by weight, evenly mixed. A destination with a
/// weight gets at least one place, however small its share.
fn turns(claims: &[Claim], places: u64) -> Vec<usize> {
    let total: u64 = claims.iter().map(|claim| claim.weight).sum();
    let mut turns = Vec::with_capacity(places as usize + claims.len());
    for (at, claim) in claims.iter().enumerate() {
        let (weight, total) = match total {
            0 => (1, claims.len() as u64),
            total => (claim.weight, total),
        };
        let share = (places * weight).div_ceil(total);
        turns.extend((0..share).map(|turn| (((2 * turn + 1) << SHARE_BITS) / share, at)));
    }
    turns.sort_unstable();
    turns.truncate(places as usize);
    turns.into_iter().map(|(_, at)| at).collect()
}

/// Precision of a turn's time: twice the most places, shifted by this, fits into 64 bits.
const SHARE_BITS: u32 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(destinations: &[(&str, u32)]) -> Vec<String> {
        let uri = |index: &u16| destinations[usize::from(*index)].0.to_ascii_lowercase();
        Table::new(destinations).0.iter().map(uri).collect()
    }

    fn share(table: &[String], uri: &str) -> f64 {
        table.iter().filter(|place| *place == uri).count() as f64 / table.len() as f64
    }

    #[test]
    fn the_order_of_lines_and_the_case_of_letters_do_not_matter() {
        let one = table(&[("sip:a", 3), ("sip:b", 1), ("sip:c", 2), ("sip:b", 1)]);
        let other = table(&[("SIP:C", 2), ("sip:b", 1), ("sip:b", 1), ("sip:A", 3)]);
        assert_eq!(one, other);
    }

    #[test]
    fn places_go_by_weight() {
        let table = table(&[("sip:a", 3), ("sip:b", 1), ("sip:c", 0), ("sip:d", 4)]);
        for (uri, expected) in [("sip:a", 0.375), ("sip:b", 0.125), ("sip:c", 0.0), ("sip:d", 0.5)]
        {
            assert!((share(&table, uri) - expected).abs() < 0.002, "{uri}");
        }
    }

    #[test]
    fn without_weights_all_are_equal_and_the_smallest_has_a_place() {
        let equal = table(&[("sip:a", 0), ("sip:b", 0)]);
        assert!((share(&equal, "sip:a") - 0.5).abs() < 0.001);
        let skewed = table(&[("sip:a", u32::MAX), ("sip:b", 1)]);
        assert!(share(&skewed, "sip:b") > 0.0);
    }

    #[test]
    fn a_table_of_many_is_full() {
        let uris: Vec<String> = (0..300).map(|n| format!("sip:10.0.0.{n}")).collect();
        let all: Vec<(&str, u32)> = uris.iter().map(|uri| (uri.as_str(), 1)).collect();
        let table = Table::new(&all);
        assert_eq!(table.0.len() as u64, MAGLEV_PLACES);
        assert_eq!(Table::new(&[]).find(7, |_| true), None);
        let absent = |index| index != 5;
        let moved = (0..10_000u64).map(|n| hash(&n.to_le_bytes()));
        let moved = moved.filter(|hash| table.find(*hash, absent) != table.find(*hash, |_| true));
        assert!(moved.count() < 100);
    }
}
