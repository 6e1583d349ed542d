//! Every instruction set against a naive walk.

use proptest::prelude::*;
use sluice_base::lanes::{Lanes, Line, Visit, equal_in_16};

#[derive(Default)]
struct Seen(Vec<(usize, usize)>);

impl Visit for Seen {
    type State = ();
    fn line(&mut self, state: &mut (), line: Line<'_>) -> bool {
        self.edge(state, line.start, line.end)
    }
    fn edge(&mut self, _: &mut (), start: usize, end: usize) -> bool {
        self.0.push((start, end));
        true
    }
}

proptest! {
    #[test]
    fn lines(bytes in prop::collection::vec(8..13u8, 0..400), from in 0..300usize) {
        let mut naive = Vec::new();
        let mut start = from;
        for line in bytes.get(from..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                naive.push((start, start + line.len() - 1));
            }
            start += line.len();
        }
        for lanes in Lanes::all() {
            let mut seen = Seen::default();
            lanes.lines(&bytes, from, &mut seen, ());
            prop_assert_eq!(&seen.0, &naive);
        }
    }

    #[test]
    fn equal_of_16(bytes in any::<[u8; 16]>(), byte in any::<u8>()) {
        let bit = |(n, other): (usize, &u8)| u16::from(*other == byte) << n;
        let naive = bytes.iter().enumerate().map(bit).sum::<u16>();
        prop_assert_eq!(equal_in_16(&bytes, byte), naive);
    }
}
