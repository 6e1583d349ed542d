//! Counts the instructions of a turn: run under callgrind, which counts [`turn_once`] alone.
//!
//! `valgrind --tool=callgrind --toggle-collect='*turn_once*' PROGRAM [MESSAGES]` prints what turns
//! with [`ROUNDS`] messages in all collect, `MESSAGES` (1) in each; the figure is that divided by
//! [`ROUNDS`].

use sluice_bench::gateway::Gateway;

const ROUNDS: usize = 6_400;

fn main() {
    let given = std::env::args().nth(1).and_then(|argument| argument.parse().ok());
    let messages = given.unwrap_or(1);
    let mut gateway = Gateway::dispatcher(messages);
    // The first turns find the memory that the later ones reuse.
    for _ in 0..10 {
        gateway.turn();
    }
    for _ in 0..ROUNDS / messages {
        assert_eq!(turn_once(&mut gateway), messages);
    }
    println!("{ROUNDS} messages, {messages} a turn");
}

#[inline(never)]
fn turn_once(gateway: &mut Gateway) -> usize {
    gateway.turn()
}
