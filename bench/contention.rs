//! Whether workers disturb each other while selecting from one set: two threads select at once
//! while a third reloads the list a hundred times a second. Together they must reach 1.8 times the
//! rate of one thread alone; else the bench fails. Needs two idle CPUs.

#![allow(clippy::expect_used, reason = "a bench that cannot run has nothing to measure")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and paces itself")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sluice_base::snapshot::Snapshot;
use sluice_bench::destinations::{self, CALL_ID};
use sluice_modules::dispatcher::sets::Sets;

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(300);
const RELOAD_EVERY: Duration = Duration::from_millis(10);
const WANTED: f64 = 1.8;

fn main() {
    let sets = destinations::snapshot(1, 4);
    // `cargo test` runs benches too, on machines that are busy: then it only must run.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("one round: {:.2} times", round(&sets));
        return;
    }
    let mut factors: Vec<f64> = (0..ROUNDS).map(|_| round(&sets)).collect();
    factors.sort_by(f64::total_cmp);
    let median = factors[ROUNDS / 2];
    println!("two threads reach {median:.2} times the rate of one ({factors:.2?})");
    if median < WANTED {
        println!("at least {WANTED} was wanted");
        std::process::exit(1);
    }
}

/// How many times the rate of one thread two reach, measured one after the other.
fn round(sets: &Snapshot<Sets>) -> f64 {
    let alone = rate(sets, 0);
    let over = AtomicBool::new(false);
    let both = std::thread::scope(|scope| {
        let reloader = scope.spawn(|| reload_until(sets, &over));
        let other = scope.spawn(|| rate(sets, 1));
        let both = rate(sets, 0) + other.join().expect("no panic");
        over.store(true, Ordering::Relaxed);
        assert!(reloader.join().expect("no panic") > 0, "nothing was reloaded");
        both
    });
    both / alone
}

/// Selections a second of one thread.
fn rate(sets: &Snapshot<Sets>, lane: usize) -> f64 {
    const BATCH: u64 = 64;
    let mut reader = sets.reader();
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < ROUND {
        let sets = reader.get();
        for _ in 0..BATCH {
            black_box(destinations::select(sets, 1, black_box(CALL_ID), lane));
        }
        count += BATCH;
    }
    count as f64 / begin.elapsed().as_secs_f64()
}

/// Reloads again and again; how often it did.
fn reload_until(sets: &Snapshot<Sets>, over: &AtomicBool) -> usize {
    let list = destinations::list(1, 4);
    let mut reloads = 0;
    while !over.load(Ordering::Relaxed) {
        let old = sets.load();
        let new = list.load(Some(&old), &mut Vec::new()).expect("a good list");
        drop(old);
        sets.publish(new);
        reloads += 1;
        std::thread::sleep(RELOAD_EVERY);
    }
    reloads
}
