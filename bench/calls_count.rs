//! Counts the instructions of complete calls: run under callgrind, which counts [`turn_once`]
//! alone.
//!
//! `valgrind --tool=callgrind --toggle-collect='*turn_once*' PROGRAM [CALLS]` prints what turns
//! with [`ROUNDS`] messages in all collect, of `CALLS` (1) calls side by side; the figure is that
//! divided by [`ROUNDS`].

use sluice_bench::calls::{Calls, MESSAGES};

const ROUNDS: usize = 6_720;

fn main() {
    let given = std::env::args().nth(1).and_then(|argument| argument.parse().ok());
    let side_by_side = given.unwrap_or(1);
    let mut calls = Calls::new(side_by_side);
    // The first calls find the memory that the later ones reuse, and have ended when these begin.
    for _ in 0..20 * MESSAGES {
        step(&mut calls, Calls::turn);
    }
    for _ in 0..ROUNDS / side_by_side {
        step(&mut calls, turn_once);
    }
    println!("{ROUNDS} messages, {side_by_side} a turn");
}

fn step(calls: &mut Calls, turn: impl FnOnce(&mut Calls) -> usize) {
    calls.prepare();
    turn(calls);
    calls.go_on();
}

#[inline(never)]
fn turn_once(calls: &mut Calls) -> usize {
    calls.turn()
}
