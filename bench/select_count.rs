//! Counts the instructions of a selection among few and among many destinations: run under
//! callgrind, which counts [`select_once`] alone.
//!
//! `PROGRAM SETS EACH` selects [`ROUNDS`] times by Call-ID, from one set after another; the figure
//! is what callgrind collects divided by that.

use sluice_bench::destinations;
use sluice_modules::dispatcher::sets::Sets;

const ROUNDS: u64 = 6_400;

fn main() {
    let mut given = std::env::args().skip(1).map_while(|argument| argument.parse().ok());
    let (count, each) = (given.next().unwrap_or(1), given.next().unwrap_or(10));
    let sets = destinations::snapshot(count, each);
    let mut reader = sets.reader();
    for round in 0..ROUNDS {
        let set = 1 + round as i64 % i64::from(count);
        let call_id = format!("{:032x}@pc33.atlanta.com", round * 0x9E37_79B9);
        assert!(select_once(reader.get(), set, call_id.as_bytes()));
    }
    println!("{ROUNDS} selections from {count} sets of {each}");
}

#[inline(never)]
fn select_once(sets: &Sets, set: i64, call_id: &[u8]) -> bool {
    destinations::select(sets, set, call_id, 0).is_some()
}
