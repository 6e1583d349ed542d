//! Counts the instructions of the index: run under callgrind, which counts [`scan_once`] alone.
//!
//! `valgrind --tool=callgrind --toggle-collect='*scan_once*' PROGRAM` prints what [`ROUNDS`] scans
//! of `data/invite.sip` collect; the figure is that divided by [`ROUNDS`].

use std::hint::black_box;

use sluice_sip::{Index, Reason};

const INVITE: &[u8] = include_bytes!("data/invite.sip");
const ROUNDS: u32 = 1_000;

fn main() {
    let mut index = Index::new();
    for _ in 0..ROUNDS {
        assert_eq!(scan_once(&mut index, black_box(INVITE)), Ok(()));
    }
    println!("{ROUNDS} scans of {} bytes", INVITE.len());
}

#[inline(never)]
fn scan_once(index: &mut Index, bytes: &[u8]) -> Result<(), Reason> {
    index.scan(bytes)
}
