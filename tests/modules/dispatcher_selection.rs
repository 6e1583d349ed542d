//! The dispatcher's selection procedure against a naive model of it, written from spec 3.2.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use sluice_engine::files::InMemory;
use sluice_engine::sockets::Sockets;
use sluice_engine::targets::Names;
use sluice_modules::dispatcher::load::ListFile;
use sluice_modules::dispatcher::select::{Pick, choose};
use sluice_modules::dispatcher::sets::{Set, Sets};
use sluice_modules::dispatcher::state::State;

/// Sets made of a list file's text.
pub fn sets(list: String) -> Sets {
    let files = InMemory::default();
    files.set("test.list", Some(list.as_bytes()));
    let file = ListFile {
        watch: "dispatcher".to_owned(),
        path: "test.list".to_owned(),
        files: Arc::new(files),
        table: None,
        sockets: Sockets::default(),
        resolve: Arc::new(|name| Err(format!("{name}: no names here"))),
        names: Arc::new(Names::new(0)),
        maglev: AtomicBool::new(true),
    };
    file.load(None, &mut Vec::new()).expect("a list")
}

/// Set 1 with a destination for each weight.
fn weighted(weights: &[u32]) -> Sets {
    let line = |(at, weight)| format!("1 sip:10.0.0.{at} 0 {weight}\n");
    sets(weights.iter().enumerate().map(line).collect())
}

fn of(sets: &Sets) -> &Set {
    sets.get(1).expect("set 1")
}

/// The steps of spec 3.2, one after another, with plain numbers.
struct Model {
    weights: Vec<u64>,
    active: Vec<bool>,
    counts: Vec<u64>,
    last: usize,
}

impl Model {
    fn choose(&mut self, pick: Pick, default_last: bool) -> Option<usize> {
        let n = self.weights.len();
        if !self.active.contains(&true) {
            return None;
        }
        let size = if default_last && n > 1 { n - 1 } else { n };
        let hash = if let Pick::Hash(hash) = pick { u64::from(hash) } else { 0 };
        let candidate = match pick {
            Pick::Index(index) => index,
            Pick::Maglev(_) | Pick::Least { .. } => unreachable!("they have tests of their own"),
            Pick::Last => self.last,
            Pick::Turn if self.counts[self.last] < self.weights[self.last] => self.last,
            Pick::Turn => {
                self.counts[self.last] = 0;
                (self.last + 1) % size
            }
            Pick::Hash(_) => {
                let everyone: Vec<usize> = (0..size).collect();
                self.share(&everyone, hash)
            }
        };
        let mut chosen = candidate;
        if !self.active[candidate] {
            let active: Vec<usize> = (0..size).filter(|at| self.active[*at]).collect();
            chosen = match () {
                () if active.is_empty() => n - 1,
                () if hash != 0 => self.share(&active, hash),
                () => {
                    let mut next = (candidate + 1) % size;
                    while !self.active[next] {
                        next = (next + 1) % size;
                    }
                    next
                }
            };
        }
        if pick == Pick::Turn {
            self.counts[chosen] += 1;
        }
        self.last = chosen;
        Some(chosen)
    }

    /// The index that a number falls on when each has as many places as its weight.
    fn share(&self, among: &[usize], hash: u64) -> usize {
        let places: Vec<usize> = among
            .iter()
            .flat_map(|at| std::iter::repeat_n(*at, self.weights[*at] as usize))
            .collect();
        let places = if places.is_empty() { among.to_vec() } else { places };
        places[(hash % places.len() as u64) as usize]
    }
}

#[derive(Clone, Debug)]
enum Step {
    Choose(Pick, bool),
    Flip(usize, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pick = prop_oneof![
        any::<u32>().prop_map(Pick::Hash),
        (0..40_u32).prop_map(Pick::Hash),
        Just(Pick::Index(0)),
        Just(Pick::Turn),
        Just(Pick::Turn),
        Just(Pick::Last),
    ];
    let step = prop_oneof![
        3 => (pick, any::<bool>()).prop_map(|(pick, default)| Step::Choose(pick, default)),
        1 => (any::<usize>(), 0..3_u8).prop_map(|(at, state)| Step::Flip(at, state)),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn selection_follows_the_model(
        weights in prop_oneof![
            proptest::collection::vec(0..5_u32, 1..9),
            proptest::collection::vec(Just(0), 1..9),
        ],
        steps in steps(),
    ) {
        let sets = weighted(&weights);
        let set = of(&sets);
        set.cursor.wake();
        let mut model = Model {
            weights: weights.iter().map(|w| u64::from(*w)).collect(),
            active: vec![true; weights.len()],
            counts: vec![0; weights.len()],
            last: 0,
        };
        for step in steps {
            match step {
                Step::Choose(pick, default_last) => {
                    let expected = model.choose(pick, default_last);
                    prop_assert_eq!(choose(set, pick, default_last), expected);
                }
                Step::Flip(at, state) => {
                    let at = at % weights.len();
                    set.destinations[at].live.set(State::of_bits(u32::from(state)));
                    model.active[at] = state == 0;
                }
            }
        }
    }
}

fn turns(weights: &[u32], count: usize) -> Vec<usize> {
    let sets = weighted(weights);
    (0..count).filter_map(|_| choose(of(&sets), Pick::Turn, false)).collect()
}

#[test]
fn round_robin_goes_in_bursts() {
    assert_eq!(turns(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
    assert_eq!(turns(&[2, 1, 3], 8), [0, 0, 1, 2, 2, 2, 0, 0]);
    assert_eq!(turns(&[0, 0, 0], 5), [1, 2, 0, 1, 2], "weight 0 begins at index 1");
}

#[test]
fn a_cursor_that_nobody_uses_stays() {
    let sets = weighted(&[1, 1, 1]);
    choose(of(&sets), Pick::Hash(2), false);
    assert_eq!(of(&sets).cursor.last(), 0);
    of(&sets).cursor.wake();
    choose(of(&sets), Pick::Hash(2), false);
    assert_eq!(of(&sets).cursor.last(), 2);
}

#[test]
fn weights_share_hashes() {
    let sets = weighted(&[1, 0, 3]);
    let chosen: Vec<_> = (0..8).filter_map(|h| choose(of(&sets), Pick::Hash(h), false)).collect();
    assert_eq!(chosen, [0, 2, 2, 2, 0, 2, 2, 2]);
}

#[test]
fn an_inactive_one_hands_its_keys_to_the_active_by_weight() {
    let sets = weighted(&[1, 1, 2]);
    of(&sets).destinations[0].live.set(State::INACTIVE);
    // 4 falls on index 0 of 4 places, then on place 1 of 3: index 2.
    assert_eq!(choose(of(&sets), Pick::Hash(4), false), Some(2));
    // 0 is "no hash": the next one.
    assert_eq!(choose(of(&sets), Pick::Hash(0), false), Some(1));
    // 5 falls on index 1, which is active.
    assert_eq!(choose(of(&sets), Pick::Hash(5), false), Some(1));
}

#[test]
fn the_default_one_serves_only_when_no_other_does() {
    let sets = weighted(&[1, 1, 1]);
    let set = of(&sets);
    assert!((0..9).all(|hash| choose(set, Pick::Hash(hash), true) != Some(2)));
    set.destinations[0].live.set(State::PROBING);
    assert_eq!(choose(set, Pick::Hash(6), true), Some(1));
    set.destinations[1].live.set(State::INACTIVE);
    assert_eq!(choose(set, Pick::Hash(6), true), Some(2));
    assert_eq!(choose(set, Pick::Turn, true), Some(2));
    set.destinations[2].live.set(State::INACTIVE);
    assert_eq!(choose(set, Pick::Hash(6), true), None);
}

#[test]
fn higher_priority_goes_first_and_equal_ones_keep_their_order() {
    let list = "1 sip:a 0 1/1\n1 sip:b 0 1/7\n1 sip:c 0 1/1\n1 sip:d 0 1/7\n";
    let sets = sets(list.replace("sip:", "sip:10.0.0.1;x="));
    let order: Vec<_> = of(&sets).destinations.iter().map(|d| &d.uri[15..]).collect();
    assert_eq!(order, ["b", "d", "a", "c"]);
}

#[test]
fn two_threads_never_take_the_same_turn() {
    const ROUNDS: usize = 30_000;
    let sets = weighted(&[1, 2, 3]);
    let set = of(&sets);
    let take = || {
        let mut taken = [0_usize; 3];
        for _ in 0..ROUNDS {
            taken[choose(set, Pick::Turn, false).expect("all are active")] += 1;
        }
        taken
    };
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(take);
        let mine = take();
        (mine, other.join().expect("no panic"))
    });
    let both: Vec<usize> = one.iter().zip(two).map(|(a, b)| a + b).collect();
    assert_eq!(both, [ROUNDS / 3, 2 * ROUNDS / 3, ROUNDS]);
}
