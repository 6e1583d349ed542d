//! The dispatcher's hash (spec 3.2), bit for bit that of OpenSIPS, so that the same key goes to the
//! same destination in a farm of both.
//!
//! Takes the one or two parts of a key, gives 32 bits, never 0: selection reads 0 as "no hash".
//! Bytes count as signed, as on x86; that matters for bytes from 0x80 only.

/// Hash of a key of two parts; a key of one part has an empty second one.
#[inline]
pub fn hash(first: &[u8], second: &[u8]) -> u32 {
    let mut sum = walk(0, first);
    if !second.is_empty() {
        sum = walk(sum, second);
    }
    let sum = sum.wrapping_add(sum >> 11).wrapping_add(sum >> 13).wrapping_add(sum >> 23);
    sum.max(1)
}

#[inline(always)]
fn walk(sum: u32, part: &[u8]) -> u32 {
    let (pairs, rest) = part.as_chunks::<8>();
    let sum = pairs.iter().fold(sum, |sum, pair| {
        let value = u64::from_be_bytes(*pair);
        // A negative byte counts 256 less, which the byte above it feels as one less.
        let [high, low] = match value & HIGH_BITS {
            // Both groups at once; the upper one's last bits do not reach the lower one.
            0 => split(value ^ ((value >> 3) & LOW_29)),
            _ => split(value).map(|group| {
                let value = group.wrapping_sub((group & HIGH_BITS as u32) << 1);
                value ^ (value >> 3)
            }),
        };
        sum.wrapping_add(high).wrapping_add(low)
    });
    match part.last_chunk().map(|last| u64::from_be_bytes(*last)) {
        // The last bytes, at the top of a word, the rest of which is cut off again.
        Some(last) if last & HIGH_BITS == 0 => {
            let bits = 8 * rest.len() as u32;
            let [high, low] = split(last.checked_shl(64 - bits).unwrap_or(0));
            let group = |word: u32, bits: u32| word.checked_shr(32 - bits).unwrap_or(0);
            let sum = add(sum, group(high, bits.min(32)));
            add(sum, group(low, bits.saturating_sub(32)))
        }
        _ => {
            let (group, tail) = rest.split_at(rest.len() & 4);
            step(step(sum, group), tail)
        }
    }
}

/// The sign bit of each byte.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The lower 29 bits of each group.
const LOW_29: u64 = 0x1FFF_FFFF_1FFF_FFFF;

const fn split(value: u64) -> [u32; 2] {
    [(value >> 32) as u32, value as u32]
}

#[inline]
fn add(sum: u32, value: u32) -> u32 {
    sum.wrapping_add(value ^ (value >> 3))
}

#[inline]
fn step(sum: u32, bytes: &[u8]) -> u32 {
    let shift = |value: u32, byte: &u8| {
        value.wrapping_mul(256).wrapping_add_signed(i32::from(byte.cast_signed()))
    };
    add(sum, bytes.iter().fold(0, shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_specification_hold() {
        let cases: [(&str, &str, u32); 8] = [
            ("a84b4c76e66710@pc33.atlanta.com", "", 2_175_018_094),
            ("1-2345@127.0.0.1", "", 3_393_457_118),
            ("alice", "example.com", 1_442_294_598),
            ("alice", "example.com:5070", 4_164_596_482),
            ("alice", "", 1_834_153_949),
            ("abc", "", 7_167_810),
            ("abcd", "", 1_834_959_896),
            ("", "", 1),
        ];
        for (first, second, expected) in cases {
            assert_eq!(hash(first.as_bytes(), second.as_bytes()), expected, "{first} {second}");
        }
    }

    #[test]
    fn bytes_are_signed() {
        // 0xFF counts as -1: v = 0xFFFF_FFFF, v ^ (v >> 3) = 0xE000_0000.
        let sum = 0xE000_0000_u32;
        let expected = sum.wrapping_add(sum >> 11).wrapping_add(sum >> 13).wrapping_add(sum >> 23);
        assert_eq!(hash(&[0xFF], b""), expected);
    }

    #[test]
    fn groups_are_taken_as_their_bytes_are() {
        for group in [[1, 0x80, 3, 4], [0xFF, 0, 0x90, 0xA0], [0x7F; 4], [0x80; 4], [0xFF; 4]] {
            let pair = [group, [7, 6, 5, 4]].concat();
            assert_eq!(walk(7, &group), step(7, &group), "{group:x?}");
            assert_eq!(walk(7, &pair), step(step(7, &group), &pair[4..]), "{group:x?}");
            for len in 0..8 {
                let (text, sum) = ([&pair[..], &b"abcdefg"[..len]].concat(), walk(7, &pair));
                let (first, second) = text[8..].split_at(len & 4);
                assert_eq!(walk(7, &text), step(step(sum, first), second), "{text:x?}");
            }
        }
    }
}
