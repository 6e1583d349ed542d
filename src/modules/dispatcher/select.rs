//! The selection procedure (spec 3.2, steps 1 to 6): from what an algorithm picked to an index.
//!
//! Reads a snapshot and atomics, allocates nothing, and no lock is reachable from here.

use super::least::{self, Least};
use super::sets::Set;

/// What an algorithm says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    /// By weights and this number. 0 counts as "no hash" when a destination must be avoided.
    Hash(u32),
    /// By Maglev's table and this hash of a key.
    Maglev(u64),
    /// The one at this index, or the next active one.
    Index(usize),
    /// The next in turn.
    Turn,
    /// The last one chosen.
    Last,
    /// The one that has the least of something.
    Least {
        /// Of what.
        least: Least,
        /// Any number: draws, where not all are looked at.
        random: u64,
        /// The moment, monotonic seconds.
        now_s: u64,
    },
}

/// The index of the destination chosen from a set. With `default_last` the last destination is used
/// only when no other is active.
#[inline]
pub fn choose(set: &Set, pick: Pick, default_last: bool) -> Option<usize> {
    if let Pick::Hash(hash) = pick {
        // As nearly always: the first draw is active.
        let drawn = set.by_weight(hash, candidates(set, default_last));
        if set.is_active(drawn) {
            set.cursor.follow(drawn);
            return Some(drawn);
        }
    }
    choose_around(set, pick, default_last)
}

fn choose_around(set: &Set, pick: Pick, default_last: bool) -> Option<usize> {
    if !set.destinations.iter().any(|d| d.is_active()) {
        return None;
    }
    let size = candidates(set, default_last);
    let settle = |candidate, hash| avoid_inactive(set, size, candidate, hash, default_last);
    let chosen = match pick {
        Pick::Turn => return take_turn(set, size, |candidate| settle(candidate, 0)),
        Pick::Hash(_) | Pick::Maglev(_) => by_key(set, size, pick, default_last),
        Pick::Index(index) => settle(index, 0),
        Pick::Last => settle(set.cursor.last(), 0),
        Pick::Least { least, random, now_s } => least::choose(set, least, size, random, now_s)
            .or_else(|| instead(set, size, size, random as u32 | 1, default_last)),
    }?;
    set.cursor.follow(chosen);
    Some(chosen)
}

/// What a key leads to, of those that take part.
fn by_key(set: &Set, size: usize, pick: Pick, default_last: bool) -> Option<usize> {
    match pick {
        Pick::Hash(hash) => {
            avoid_inactive(set, size, set.by_weight(hash, size), hash, default_last)
        }
        Pick::Maglev(hash) => {
            let drawn = set.draw(hash, |at| at < size && set.is_active(at));
            drawn.or_else(|| instead(set, size, size, hash as u32 | 1, default_last))
        }
        _ => None,
    }
}

/// What a key would lead to now: as [`choose`], without a trace. `None` for picks without a key.
pub fn foresee(set: &Set, pick: Pick) -> Option<usize> {
    by_key(set, set.destinations.len(), pick, false)
}

/// How many of a set's destinations take part: all, or all but the default one.
#[inline]
pub fn candidates(set: &Set, default_last: bool) -> usize {
    let all = set.destinations.len();
    if default_last && all > 1 { all - 1 } else { all }
}

/// Round robin in bursts: the same destination as often as its weight says, then the next one.
/// With weight 0 the first turn goes on at once, so that index 1 is the first.
fn take_turn(set: &Set, size: usize, settle: impl Fn(usize) -> Option<usize>) -> Option<usize> {
    set.cursor.advance(|last, count| {
        let weight = set.get(last).map_or(0, |d| d.weight);
        let (candidate, left) = if count < weight { (last, count) } else { ((last + 1) % size, 0) };
        settle(candidate).map(|chosen| (chosen, left))
    })
}

fn avoid_inactive(
    set: &Set,
    size: usize,
    candidate: usize,
    hash: u32,
    default_last: bool,
) -> Option<usize> {
    if set.is_active(candidate) {
        return Some(candidate);
    }
    instead(set, size, candidate, hash, default_last)
}

/// Another one than the candidate.
fn instead(
    set: &Set,
    size: usize,
    candidate: usize,
    hash: u32,
    default_last: bool,
) -> Option<usize> {
    let other = match hash {
        0 => (1..=size).map(|step| (candidate + step) % size).find(|at| set.is_active(*at)),
        _ => among_active(set, size, hash),
    };
    let default = set.destinations.len() - 1;
    other.or((default_last && set.is_active(default)).then_some(default))
}

/// One of the active destinations by weight, or by number when none of them has a weight.
fn among_active(set: &Set, size: usize, hash: u32) -> Option<usize> {
    let all = set.destinations.iter().take(size).enumerate();
    let active = all.filter(|(_, d)| d.is_active());
    let (count, total) =
        active.clone().fold((0, 0), |(n, sum), (_, d)| (n + 1, sum + u64::from(d.weight)));
    // States may change meanwhile: then the last one seen active serves.
    let mut found = None;
    let mut rest = u64::from(hash).checked_rem(if total > 0 { total } else { count })?;
    for (index, destination) in active {
        found = Some(index);
        let share = if total > 0 { u64::from(destination.weight) } else { 1 };
        if rest < share {
            break;
        }
        rest -= share;
    }
    found
}
