//! Bitmaps of line ends, 64 bytes a step, and the first of some byte in 16.
//!
//! Takes bytes, gives for each block of 64 which of them are LF. The instruction set is chosen at
//! run time (AVX2, SSE2, or plain Rust); all give the same bits. Never reads outside the slice and
//! knows nothing of SIP.
//!
//! The visitor is compiled into each variant, so that a scan costs one dispatch, not one per block.

/// Bytes of a block.
pub const BLOCK: usize = 64;

/// Looks at the blocks of [`Lanes::line_ends`].
pub trait Visit {
    /// The line ends of the block that begins at `base`: bit n stands for its byte n. `false` ends
    /// the walk.
    fn block(&mut self, base: usize, line_ends: u64) -> bool;
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lanes(Set);

// Only `Lanes::all` makes one, and only after asking the processor: the unsafe call relies on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Lanes {
    /// All that this processor has, the best last.
    pub fn all() -> impl Iterator<Item = Self> {
        let sets = [
            Some(Set::Portable),
            #[cfg(target_arch = "x86_64")]
            Some(Set::Sse2), // part of every x86-64
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1"))
                .then_some(Set::Avx2),
        ];
        sets.into_iter().flatten().map(Self)
    }

    /// The fastest that this processor has; ask once and keep it.
    pub fn best() -> Self {
        Self::all().last().unwrap_or(Self(Set::Portable))
    }

    /// Shows the line ends (LF) of `bytes[from..]` to `visit`, block by block, and gives it back.
    #[inline]
    pub fn line_ends<V: Visit>(self, bytes: &[u8], from: usize, visit: V) -> V {
        match self.0 {
            Set::Portable => each(bytes, from, portable, visit),
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => each(bytes, from, x86::sse2, visit),
            // SAFETY: `Set::Avx2` is made only where the processor has AVX2 and BMI1.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::each_avx2(bytes, from, visit) },
        }
    }
}

/// Where `byte` first stands in `bytes`; 16 when nowhere.
#[inline(always)]
pub fn find_in_16(bytes: &[u8; 16], byte: u8) -> usize {
    #[cfg(target_arch = "x86_64")]
    return x86::find_in_16(bytes, byte);
    #[cfg(not(target_arch = "x86_64"))]
    return bytes.iter().position(|other| *other == byte).unwrap_or(16);
}

/// Walks the blocks; the last one is filled up with zeros, which are no line ends.
#[inline(always)]
fn each<V: Visit>(
    bytes: &[u8],
    from: usize,
    line_ends: impl Fn(&[u8; BLOCK]) -> u64,
    mut visit: V,
) -> V {
    let (blocks, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<BLOCK>();
    let mut base = from;
    for block in blocks {
        if !visit.block(base, line_ends(block)) {
            return visit;
        }
        base += BLOCK;
    }
    if !tail.is_empty() {
        let mut last = [0; BLOCK];
        last[..tail.len()].copy_from_slice(tail);
        visit.block(base, line_ends(&last));
    }
    visit
}

fn portable(block: &[u8; BLOCK]) -> u64 {
    let bit = |(at, byte): (usize, &u8)| u64::from(*byte == b'\n') << at;
    block.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Visit, each};

    /// [`each`] compiled for AVX2 and BMI1, the visitor with it.
    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn each_avx2<V: Visit>(bytes: &[u8], from: usize, visit: V) -> V {
        let line_ends = |block: &[u8; BLOCK]| {
            // SAFETY: both loads lie within the 64 bytes of `block` and need no alignment; this
            // closure is only called from here, where AVX2 is there.
            unsafe {
                let wanted = _mm256_set1_epi8(b'\n' as i8);
                let low = _mm256_loadu_si256(block.as_ptr().cast());
                let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
                let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)) as u32;
                let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)) as u32;
                u64::from(low) | u64::from(high) << 32
            }
        };
        each(bytes, from, line_ends, visit)
    }

    #[inline]
    pub(super) fn sse2(block: &[u8; BLOCK]) -> u64 {
        let parts = block.as_chunks::<16>().0.iter().enumerate();
        parts.fold(0, |all, (n, part)| all | u64::from(equal(part, b'\n')) << (n * 16))
    }

    #[inline(always)]
    pub(super) fn find_in_16(bytes: &[u8; 16], byte: u8) -> usize {
        (u32::from(equal(bytes, byte)) | 1 << 16).trailing_zeros() as usize
    }

    /// One bit for each byte that is `byte`.
    #[inline(always)]
    fn equal(bytes: &[u8; 16], byte: u8) -> u16 {
        // SAFETY: the load reads the 16 bytes of `bytes` and needs no alignment; SSE2 is part of
        // every x86-64.
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8))) as u16
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps where line ends were, for so many blocks.
    struct Places(Vec<usize>, usize);

    impl Visit for Places {
        fn block(&mut self, base: usize, line_ends: u64) -> bool {
            self.0.extend((0..64).filter(|n| line_ends >> n & 1 == 1).map(|n| base + n));
            self.1 -= 1;
            self.1 > 0
        }
    }

    #[test]
    fn every_set_finds_every_line_end() {
        for lanes in Lanes::all() {
            for len in [0, 1, 63, 64, 65, 128, 200] {
                for at in 0..len {
                    let mut bytes = vec![b'\n' | 0x80; len];
                    bytes[at] = b'\n';
                    bytes[len - 1 - at] = b'\n';
                    for from in [0, 1, 64, len, len + 1] {
                        let seen = lanes.line_ends(&bytes, from, Places(Vec::new(), 9)).0;
                        let expected: Vec<_> = (from..len).filter(|n| bytes[*n] == b'\n').collect();
                        assert_eq!(seen, expected, "{lanes:?} {len} {at} {from}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_visitor_ends_the_walk() {
        for lanes in Lanes::all() {
            let seen = lanes.line_ends(&[b'\n'; 200], 3, Places(Vec::new(), 2)).0;
            assert_eq!(seen, (3..131).collect::<Vec<_>>(), "{lanes:?}");
        }
    }

    #[test]
    fn the_first_of_16() {
        for at in 0..16 {
            let mut bytes = [b'a'; 16];
            bytes[at..].fill(b':');
            assert_eq!(find_in_16(&bytes, b':'), at);
        }
        assert_eq!(find_in_16(&[b'a'; 16], b':'), 16);
    }
}
