//! What the dispatcher's selection costs: hash of a Call-ID, look-up of the set, the procedure of
//! spec 3.2, the count of the hit.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sluice_bench::destinations::{self, CALL_ID};
use sluice_modules::dispatcher::hash::hash;
use sluice_modules::dispatcher::least::Least;
use sluice_modules::dispatcher::select::{Pick, choose};
use sluice_modules::dispatcher::state::State;
use sluice_modules::dispatcher::ward::Ward;

fn hashing(c: &mut Criterion) {
    c.bench_function("dispatch/hash", |b| b.iter(|| hash(black_box(CALL_ID), b"")));
}

/// Algorithm 0 as a worker does it for each call.
fn by_call_id(c: &mut Criterion) {
    let mut group = c.benchmark_group("dispatch/call_id");
    for (count, each) in [(1, 4), (1, 10), (1, 1_000), (1_000, 100)] {
        let sets = destinations::snapshot(count, each);
        let mut reader = sets.reader();
        group.bench_function(format!("{count} sets of {each}"), |b| {
            b.iter(|| destinations::select(reader.get(), 1, black_box(CALL_ID), 0));
        });
    }
    group.finish();
}

fn round_robin(c: &mut Criterion) {
    let sets = destinations::snapshot(1, 4).load();
    c.bench_function("dispatch/round_robin", |b| {
        b.iter(|| sets.get(black_box(1)).and_then(|set| choose(set, Pick::Turn, false)));
    });
}

/// The second draw, where the hash falls on one that is not active.
fn around_inactive(c: &mut Criterion) {
    let sets = destinations::snapshot(1, 4).load();
    let set = sets.get(1);
    if let Some(first) = set.and_then(|set| set.get(0)) {
        first.live.set(State::INACTIVE);
    }
    c.bench_function("dispatch/inactive", |b| {
        b.iter(|| set.and_then(|set| choose(set, Pick::Hash(black_box(4)), false)));
    });
}

/// By calls and by latency: few are all looked at, of many two are drawn.
fn least_of(c: &mut Criterion) {
    let mut group = c.benchmark_group("dispatch/least");
    for (least, name) in [(Least::Calls, "calls"), (Least::Latency, "latency")] {
        for each in [2, 8, 9, 1_000] {
            let sets = destinations::snapshot(1, each).load();
            Ward::counting().adopt(&sets);
            let mut random = 0_u64;
            group.bench_function(format!("{name}, of {each}"), |b| {
                b.iter(|| {
                    random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
                    let pick = Pick::Least { least, random, now_s: 1 };
                    sets.get(black_box(1)).and_then(|set| choose(set, pick, false))
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, hashing, by_call_id, round_robin, around_inactive, least_of);
criterion_main!(benches);
