//! Bitmaps of line ends and colons, 64 bytes a step.
//!
//! Takes bytes, gives for each block of 64 which of them are LF and which are `:`. The instruction
//! set is chosen at run time (AVX2, SSE2, or plain Rust); all give the same bits. Never reads
//! outside the slice and knows nothing of SIP.
//!
//! The visitor is compiled into each variant, so that a scan costs one dispatch, not one per block.

/// Bytes of a block.
pub const BLOCK: usize = 64;

/// What was found in one block: bit n stands for the block's byte n. Bits behind the end of the
/// bytes are 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Bytes that are LF.
    pub line_ends: u64,
    /// Bytes that are `:`.
    pub colons: u64,
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lanes(Set);

// Only `Lanes::all` makes one, and only after asking the processor: the unsafe calls rely on it.
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

    /// Gives each block's offset and marks to `visit` until that says `false`.
    #[inline]
    pub fn each_block(self, bytes: &[u8], visit: impl FnMut(usize, Marks) -> bool) {
        match self.0 {
            Set::Portable => each(bytes, portable, visit),
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => each(bytes, x86::sse2, visit),
            // SAFETY: `Set::Avx2` is made only where the processor has AVX2 and BMI1.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::each_avx2(bytes, visit) },
        }
    }
}

/// Walks the blocks; the last one is filled up with zeros, which mark nothing.
#[inline(always)]
fn each(
    bytes: &[u8],
    marks: impl Fn(&[u8; BLOCK]) -> Marks,
    mut visit: impl FnMut(usize, Marks) -> bool,
) {
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    let mut base = 0;
    for block in blocks {
        if !visit(base, marks(block)) {
            return;
        }
        base += BLOCK;
    }
    if !tail.is_empty() {
        let mut last = [0; BLOCK];
        last[..tail.len()].copy_from_slice(tail);
        visit(base, marks(&last));
    }
}

fn portable(block: &[u8; BLOCK]) -> Marks {
    let mut marks = Marks::default();
    for (at, byte) in block.iter().enumerate() {
        marks.line_ends |= u64::from(*byte == b'\n') << at;
        marks.colons |= u64::from(*byte == b':') << at;
    }
    marks
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Marks, each};

    /// [`each`] compiled for AVX2 and BMI1, the visitor with it.
    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn each_avx2(bytes: &[u8], visit: impl FnMut(usize, Marks) -> bool) {
        let marks = |block: &[u8; BLOCK]| {
            // SAFETY: both loads lie within the 64 bytes of `block` and need no alignment; this
            // closure is only called from here, where AVX2 is there.
            unsafe {
                let low = _mm256_loadu_si256(block.as_ptr().cast());
                let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
                let find = |byte: u8| {
                    let wanted = _mm256_set1_epi8(byte as i8);
                    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)) as u32;
                    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)) as u32;
                    u64::from(low) | u64::from(high) << 32
                };
                Marks { line_ends: find(b'\n'), colons: find(b':') }
            }
        };
        each(bytes, marks, visit);
    }

    #[inline]
    pub(super) fn sse2(block: &[u8; BLOCK]) -> Marks {
        let mut marks = Marks::default();
        for (n, part) in block.as_chunks::<16>().0.iter().enumerate() {
            // SAFETY: the load reads the 16 bytes of `part` and needs no alignment; SSE2 is part of
            // every x86-64.
            unsafe {
                let part = _mm_loadu_si128(part.as_ptr().cast());
                let find = |byte: u8| {
                    let wanted = _mm_set1_epi8(byte as i8);
                    u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(part, wanted)) as u16) << (n * 16)
                };
                marks.line_ends |= find(b'\n');
                marks.colons |= find(b':');
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_finds_every_byte_at_every_place() {
        for lanes in Lanes::all() {
            for len in [0, 1, 63, 64, 65, 128, 200] {
                for at in 0..len {
                    let mut bytes = vec![b';'; len];
                    bytes[at] = b':';
                    bytes[len - 1 - at] = b'\n';
                    let (mut line_ends, mut colons) = (Vec::new(), Vec::new());
                    lanes.each_block(&bytes, |base, marks| {
                        let places = |bits: u64| (0..64).filter(move |n| bits >> n & 1 == 1);
                        line_ends.extend(places(marks.line_ends).map(|n| base + n));
                        colons.extend(places(marks.colons).map(|n| base + n));
                        true
                    });
                    let found = |wanted| (0..len).filter(|n| bytes[*n] == wanted).collect();
                    let expected: (Vec<_>, Vec<_>) = (found(b'\n'), found(b':'));
                    assert_eq!((line_ends, colons), expected, "{lanes:?} {len} {at}");
                }
            }
        }
    }

    #[test]
    fn a_visitor_ends_the_walk() {
        for lanes in Lanes::all() {
            let mut blocks = 0;
            lanes.each_block(&[b'\n'; 200], |_, marks| {
                assert_eq!(marks.line_ends, u64::MAX);
                blocks += 1;
                blocks < 2
            });
            assert_eq!(blocks, 2);
        }
    }
}
