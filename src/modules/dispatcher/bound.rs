//! Bounded load for Maglev (after Mirrokni et al., "Consistent Hashing with Bounded Loads", 2016):
//! a destination takes no more than so many percent of its fair share of a worker's latest
//! selections; the key goes to the next one drawn.
//!
//! One worker's own counts, so nothing is shared. Keys that spread well never meet the bound: it is
//! for a few keys that are most of the traffic, and these then do not stick.

use ahash::AHashMap;

use super::limits::{BOUND_SLACK, BOUND_WINDOW};
use super::select::{self, Pick};
use super::sets::Set;

/// What a worker selected lately, by number of the set.
#[derive(Debug, Default)]
pub struct Loads(AHashMap<u32, Load>);

/// The latest selections from one set.
#[derive(Debug, Default)]
struct Load {
    /// The snapshot that the indexes belong to.
    generation: u64,
    total: u64,
    counts: Vec<u64>,
    /// Sum of the weights of the active destinations.
    weights: u64,
}

impl Loads {
    /// The index for a key's hash within the bound of `percent` of a fair share (above 100).
    pub fn choose(
        &mut self,
        set: &Set,
        hash: u64,
        percent: u32,
        default_last: bool,
    ) -> Option<usize> {
        let load = self.0.entry(set.id).or_default();
        if load.generation != set.generation || load.total >= load.window() {
            load.age(set);
        }
        let fits = |load: &Load, index| set.is_active(index) && load.fits(set, index, percent);
        let size = select::candidates(set, default_last);
        let within = |load: &Load| set.draw(hash, |at| at < size && fits(load, at));
        let mut found = within(load);
        if found != set.draw(hash, |_| true) && load.weights != active_weights(set) {
            // Others are active than at the last count: shares and counts begin anew.
            *load = Load::new(set);
            found = within(load);
        }
        let plain = || select::choose(set, Pick::Maglev(hash), default_last);
        let chosen = found.inspect(|at| set.cursor.follow(*at)).or_else(plain)?;
        load.count(chosen);
        Some(chosen)
    }
}

impl Load {
    fn new(set: &Set) -> Self {
        Self {
            generation: set.generation,
            total: 0,
            counts: vec![0; set.destinations.len()],
            weights: active_weights(set),
        }
    }

    /// Forgets half of what was; all of it, when the list is another one.
    fn age(&mut self, set: &Set) {
        if self.generation != set.generation {
            *self = Self::new(set);
            return;
        }
        self.counts.iter_mut().for_each(|count| *count /= 2);
        self.total = self.counts.iter().sum();
        self.weights = active_weights(set);
    }

    fn window(&self) -> u64 {
        BOUND_WINDOW * self.counts.len() as u64
    }

    fn fits(&self, set: &Set, index: usize, percent: u32) -> bool {
        let count = self.counts.get(index).copied().unwrap_or(0);
        let slack = BOUND_SLACK * self.counts.len() as u64;
        let weight = set.get(index).map_or(0, |d| set.share_of(d.weight));
        let share = u128::from(weight) * u128::from(self.total + slack) * u128::from(percent);
        u128::from(count + 1) * 100 * u128::from(self.weights.max(1)) <= share
    }

    fn count(&mut self, index: usize) {
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
            self.total += 1;
        }
    }
}

fn active_weights(set: &Set) -> u64 {
    let active = set.destinations.iter().filter(|d| d.is_active());
    active.map(|d| set.share_of(d.weight)).sum()
}
