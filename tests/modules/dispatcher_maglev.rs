//! Maglev: shares, how much a removal moves, agreement of two lists, absent destinations, weights,
//! bounded load, and the way from the script.

use sluice_modules::dispatcher::bound::Loads;
use sluice_modules::dispatcher::maglev::hash;
use sluice_modules::dispatcher::select::{Pick, choose};
use sluice_modules::dispatcher::sets::{Set, Sets};
use sluice_modules::dispatcher::state::State;
use sluice_tests::world::{Plan, request};

use crate::dispatcher_selection::sets;

const CALLS: u64 = 1_000_000;

/// Set 1 of these destinations, each a number and a weight.
fn list(destinations: impl Iterator<Item = (u32, u32)>) -> Sets {
    sets(destinations.map(|(at, weight)| format!("1 sip:10.0.0.{at} 0 {weight}\n")).collect())
}

fn ten() -> Sets {
    list((0..10).map(|at| (at, 1)))
}

fn of(sets: &Sets) -> &Set {
    sets.get(1).expect("set 1")
}

/// Hashes of Call-IDs such as user agents make.
fn keys(calls: u64) -> impl Iterator<Item = u64> {
    (0..calls).map(|n| hash(format!("{n}-4711@10.1.{}.{}", n >> 8 & 255, n & 255).as_bytes()))
}

fn uri(set: &Set, key: u64) -> &str {
    let chosen = choose(set, Pick::Maglev(key), false).expect("a destination");
    &set.get(chosen).expect("in the set").uri
}

/// The share of each destination among these keys, by index.
fn shares(set: &Set, chosen: impl Iterator<Item = Option<usize>>) -> Vec<f64> {
    let mut counts = vec![0.0; set.destinations.len()];
    let mut all = 0.0;
    for index in chosen.flatten() {
        counts[index] += 1.0;
        all += 1.0;
    }
    counts.iter().map(|count| count / all).collect()
}

#[test]
fn of_ten_destinations_one_leaves_and_at_most_12_percent_of_a_million_calls_move() {
    let (before, after) = (ten(), list((0..10).filter(|at| *at != 4).map(|at| (at, 1))));
    let (before, after) = (of(&before), of(&after));
    let moved = keys(CALLS).filter(|key| uri(before, *key) != uri(after, *key)).count();
    assert!(moved as u64 <= CALLS * 12 / 100, "{moved} moved");
    let shares = shares(before, keys(CALLS).map(|key| choose(before, Pick::Maglev(key), false)));
    assert!(shares.iter().all(|share| (0.09..=0.11).contains(share)), "{shares:?}");
}

#[test]
fn the_order_of_lines_does_not_matter() {
    let (one, other) = (ten(), list((0..10).rev().map(|at| (at, 1))));
    assert!(keys(CALLS).all(|key| uri(of(&one), key) == uri(of(&other), key)));
}

#[test]
fn calls_of_an_absent_destination_spread_and_the_others_stay() {
    let sets = ten();
    let set = of(&sets);
    let before: Vec<_> = keys(20_000).map(|key| choose(set, Pick::Maglev(key), false)).collect();
    set.destinations[4].live.set(State::INACTIVE);
    let after: Vec<_> = keys(20_000).map(|key| choose(set, Pick::Maglev(key), false)).collect();
    let kept = |(old, new): (&Option<usize>, &Option<usize>)| *old == Some(4) || old == new;
    assert!(before.iter().zip(&after).all(kept));
    let shares = shares(set, after.into_iter());
    assert!(shares[4] == 0.0 && shares.iter().all(|share| *share < 1.25 / 9.0), "{shares:?}");
}

#[test]
fn weights_and_the_default_destination_are_obeyed() {
    let sets = list([(1, 1), (2, 3), (3, 0), (4, 4)].into_iter());
    let set = of(&sets);
    let found = shares(set, keys(20_000).map(|key| choose(set, Pick::Maglev(key), false)));
    for (share, expected) in found.iter().zip([0.125, 0.375, 0.0, 0.5]) {
        assert!((share - expected).abs() < 0.02, "{found:?}");
    }
    let without = shares(set, keys(2_000).map(|key| choose(set, Pick::Maglev(key), true)));
    assert!(without[3] == 0.0, "{without:?}");
    for at in [0, 1, 3] {
        set.destinations[at].live.set(State::INACTIVE);
    }
    assert_eq!(choose(set, Pick::Maglev(7), false), Some(2), "weight 0 serves when none else does");
    set.destinations[2].live.set(State::INACTIVE);
    assert_eq!(choose(set, Pick::Maglev(7), false), None);
}

#[test]
fn bounded_load_leaves_spread_keys_alone_and_spreads_a_hot_one() {
    let sets = ten();
    let (set, mut loads) = (of(&sets), Loads::default());
    let plain = |key| choose(set, Pick::Maglev(key), false);
    assert!(keys(200_000).all(|key| loads.choose(set, key, 125, false) == plain(key)));
    // Every second message has the same key: unbounded, one destination would take over half.
    let mut loads = Loads::default();
    let hot = keys(400_000).enumerate().map(|(n, key)| if n % 2 == 0 { 7 } else { key });
    let found = shares(set, hot.map(|key| loads.choose(set, key, 125, false)));
    assert!(found.iter().all(|share| *share <= 0.127), "{found:?}");
}

#[test]
fn bounded_load_follows_states() {
    let sets = list([(1, 1), (2, 1)].into_iter());
    let (set, mut loads) = (of(&sets), Loads::default());
    set.destinations[1].live.set(State::INACTIVE);
    assert!(keys(50_000).all(|key| loads.choose(set, key, 125, false) == Some(0)));
    set.destinations[1].live.set(State::ACTIVE);
    let found = shares(set, keys(50_000).map(|key| loads.choose(set, key, 125, false)));
    assert!(found.iter().all(|share| (0.4..0.6).contains(share)), "{found:?}");
}

#[test]
fn scripts_select_it_by_name() {
    let run = |params: &str, route: &str, call_id: &str| {
        let script = format!(
            "loadmodule \"sl.so\"\nloadmodule \"dispatcher.so\"\n\
             modparam(\"dispatcher\", \"list_file\", \"d.list\")\n{params}\
             route {{ {route} forward(); }}"
        );
        let list: String = (1..=8).map(|at| format!("1 sip:10.0.0.{at}:5071\n")).collect();
        let mut world = Plan::default().file("d.list", &list).run(&script);
        let message = request("OPTIONS sip:bob@example.com SIP/2.0", "");
        let sent = world.receive("127.0.0.1:5099", message.replace("1-2345@127.0.0.1", call_id));
        sent.iter().map(|one| one.to.to_string()).collect::<String>()
    };
    let by_name = |call_id| run("", "ds_select_dst(1, \"maglev\");", call_id);
    let quoted = |call_id| run("", "ds_select_dst(\"1\", \"maglev\");", call_id);
    let bound = "modparam(\"dispatcher\", \"maglev_bound\", 125)\n";
    let bounded = |call_id| run(bound, "ds_select_dst(1, \"maglev\");", call_id);
    let ids = ["a", "b", "c", "d", "e", "f"];
    for id in ids {
        assert!(by_name(id).starts_with("10.0.0."), "{}", by_name(id));
        assert!(by_name(id) == quoted(id) && by_name(id) == bounded(id));
    }
    assert!(ids.iter().any(|id| by_name(id) != by_name("a")));
    let pvar = "modparam(\"dispatcher\", \"hash_pvar\", \"$ci\")\n";
    assert_eq!(run(pvar, "ds_select_dst(1, \"maglev:pvar\");", "a"), by_name("a"));
}
