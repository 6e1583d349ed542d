//! Two algorithms of ours: the destination with the fewest calls for its weight, and the one whose
//! first replies come soonest.
//!
//! Few destinations are all looked at, from one drawn by chance on, so that equal ones take turns.
//! Of many, two are drawn and the better one taken: nearly as good (Mitzenmacher, "The Power of
//! Two Choices in Randomized Load Balancing", 2001), and the counters of a thousand need not come
//! from the caches of other workers. Reads atomics only.

use super::limits::{LEAST_DRAWS, LEAST_SCANNED};
use super::sets::{Destination, Set};

/// What is least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Least {
    /// Calls that have no final reply yet, for the weight.
    Calls,
    /// The time to the first reply, times the calls that wait.
    Latency,
}

/// The index of the least of the first `size` that are active. One without a weight serves when no
/// other does.
pub fn choose(set: &Set, least: Least, size: usize, random: u64, now_s: u64) -> Option<usize> {
    let cost = |at: usize| {
        let destination = set.get(at).filter(|one| one.is_active())?;
        Some((cost(set, destination, least, now_s), at))
    };
    let (high, low) = ((random >> 32) as u32, random as u32);
    if size <= LEAST_SCANNED {
        return cheapest((0..size).map(|step| (high as usize + step) % size).filter_map(cost));
    }
    // Each draw is another number, and the first two active ones decide.
    let draw = |n: u32| set.by_weight(high.wrapping_add(n.wrapping_mul(low | 1)), size);
    let drawn = cheapest((0..LEAST_DRAWS).map(draw).filter_map(cost).take(2));
    drawn.or_else(|| (0..size).map(|step| (high as usize + step) % size).find_map(cost).map(at))
}

fn at((_, index): (Cost, usize)) -> usize {
    index
}

fn cheapest(all: impl Iterator<Item = (Cost, usize)>) -> Option<usize> {
    all.min_by(|(one, _), (other, _)| one.compare(other)).map(at)
}

/// So much for a share.
#[derive(Clone, Copy, Debug)]
struct Cost {
    amount: u64,
    share: u64,
}

impl Cost {
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let no_share = (self.share == 0).cmp(&(other.share == 0));
        let product = |one: &Self, other: &Self| u128::from(one.amount) * u128::from(other.share);
        no_share.then(product(self, other).cmp(&product(other, self)))
    }
}

fn cost(set: &Set, destination: &Destination, least: Least, now_s: u64) -> Cost {
    let share = set.share_of(destination.weight);
    let Some(health) = destination.live.health() else { return Cost { amount: 0, share } };
    let calls = u64::from(health.active()) + 1;
    match least {
        Least::Calls => Cost { amount: calls, share },
        // One that nothing is known of is tried at once.
        Least::Latency => {
            let average_us = health.latency.average_us(now_s).unwrap_or(1).max(1);
            Cost { amount: average_us.saturating_mul(calls), share: share.min(1) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_compared_for_their_shares() {
        let cost = |amount, share| Cost { amount, share };
        let less = |one: Cost, other: Cost| one.compare(&other).is_lt();
        assert!(less(cost(3, 2), cost(2, 1)));
        assert!(less(cost(2, 1), cost(5, 2)));
        assert!(!less(cost(4, 2), cost(2, 1)) && !less(cost(2, 1), cost(4, 2)));
        assert!(less(cost(u64::MAX, 1), cost(1, 0)), "without a share it is the last");
    }
}
