//! Every instruction set against a naive walk.

use proptest::prelude::*;
use sluice_base::lanes::{Lanes, Visit, find_in_16};

#[derive(Default)]
struct Places(Vec<usize>);

impl Visit for Places {
    fn block(&mut self, base: usize, line_ends: u64) -> bool {
        self.0.extend((0..64).filter(|bit| line_ends >> bit & 1 == 1).map(|bit| base + bit));
        true
    }
}

proptest! {
    #[test]
    fn line_ends(bytes in prop::collection::vec(8..13u8, 0..400), from in 0..300usize) {
        let naive: Vec<_> = (from..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
        for lanes in Lanes::all() {
            prop_assert_eq!(&lanes.line_ends(&bytes, from, Places::default()).0, &naive);
        }
    }

    #[test]
    fn first_of_16(bytes in any::<[u8; 16]>(), byte in any::<u8>()) {
        let naive = bytes.iter().position(|other| *other == byte).unwrap_or(16);
        prop_assert_eq!(find_in_16(&bytes, byte), naive);
    }
}
