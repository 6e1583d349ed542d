//! The lines of a text, found 64 bytes a step, and small questions about 16 bytes at once.
//!
//! Takes bytes, shows a visitor each line and the bytes at its two ends. The instruction set is
//! chosen at run time (AVX2, SSE2, or plain Rust); all show the same. Never reads outside the slice
//! and knows nothing of SIP.
//!
//! The visitor is compiled into each variant, so that a scan costs one dispatch, not one per block;
//! what it reads of a line is handed to it, so that each line costs one check of bounds.

/// Bytes of a block.
pub const BLOCK: usize = 64;

/// Bytes of [`Line::head`].
pub const HEAD: usize = 18;

/// A line with its LF, and what is shown of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// Where it begins.
    pub start: usize,
    /// Where its LF stands.
    pub end: usize,
    /// The bytes from its start on, those of later lines among them.
    pub head: &'a [u8; HEAD],
    /// The two bytes before its LF, those of an earlier line among them.
    pub tail: &'a [u8; 2],
}

/// Looks at the lines of [`Lanes::lines`]; `false` ends the walk.
pub trait Visit {
    /// What changes from line to line: handed on apart, so that it stays in registers.
    type State: Copy;

    /// The next line.
    fn line(&mut self, state: &mut Self::State, line: Line<'_>) -> bool;

    /// The next line, where what [`Line`] shows may not be there: one that begins near the end of
    /// the bytes, or any when the walk begins within the first two bytes.
    fn edge(&mut self, state: &mut Self::State, start: usize, end: usize) -> bool;
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

    /// Shows the lines of `bytes[from..]` to `visit` and gives the state at last. What stands
    /// behind the last LF is no line.
    #[inline]
    pub fn lines<V: Visit>(
        self,
        bytes: &[u8],
        from: usize,
        visit: &mut V,
        state: V::State,
    ) -> V::State {
        match self.0 {
            Set::Portable => each(bytes, from, portable, visit, state),
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => each(bytes, from, x86::sse2, visit, state),
            // SAFETY: `Set::Avx2` is made only where the processor has AVX2 and BMI1.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::each_avx2(bytes, from, visit, state) },
        }
    }
}

/// Which bytes are `byte`: bit n stands for byte n.
#[inline(always)]
pub fn equal_in_16(bytes: &[u8; 16], byte: u8) -> u16 {
    #[cfg(target_arch = "x86_64")]
    return x86::equal(bytes, byte);
    #[cfg(not(target_arch = "x86_64"))]
    return bits_in_16(bytes, |other| other == byte);
}

/// Which bytes are below 0x21, blanks or control characters: bit n stands for byte n.
#[inline(always)]
pub fn blanks_in_16(bytes: &[u8; 16]) -> u16 {
    #[cfg(target_arch = "x86_64")]
    return x86::blanks(bytes);
    #[cfg(not(target_arch = "x86_64"))]
    return bits_in_16(bytes, |byte| byte <= b' ');
}

/// Which bytes are letters, digits or hyphens: bit n stands for byte n.
#[inline(always)]
pub fn words_in_16(bytes: &[u8; 16]) -> u16 {
    #[cfg(target_arch = "x86_64")]
    return x86::words(bytes);
    #[cfg(not(target_arch = "x86_64"))]
    return bits_in_16(bytes, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
}

/// Which bytes are those of `wanted`, after the bits of `fold` are set in them: bit n stands for
/// byte n.
#[inline(always)]
pub fn same_in_16(bytes: &[u8; 16], fold: &[u8; 16], wanted: &[u8; 16]) -> u16 {
    #[cfg(target_arch = "x86_64")]
    return x86::same(bytes, fold, wanted);
    #[cfg(not(target_arch = "x86_64"))]
    return (0..16).fold(0, |all, n| all | u16::from(bytes[n] | fold[n] == wanted[n]) << n);
}

#[cfg(not(target_arch = "x86_64"))]
fn bits_in_16(bytes: &[u8; 16], holds: impl Fn(u8) -> bool) -> u16 {
    (0..16).fold(0, |all, n| all | u16::from(holds(bytes[n])) << n)
}

/// Walks the blocks; the last one is filled up with zeros, which are no line ends.
#[inline(always)]
fn each<V: Visit>(
    bytes: &[u8],
    from: usize,
    line_ends: impl Fn(&[u8; BLOCK]) -> u64,
    visit: &mut V,
    mut state: V::State,
) -> V::State {
    // No line ends within the first two bytes when the walk begins behind them.
    let heads = if from < 2 { 0 } else { bytes.len().saturating_sub(HEAD - 1) };
    let mut walk = Walk { bytes, start: from, heads };
    let mut base = from;
    let blocks_end = bytes.len().saturating_sub(BLOCK - 1);
    while base < blocks_end {
        // SAFETY: `base + BLOCK <= bytes.len()`; an array of bytes needs no alignment.
        let block = unsafe { &*bytes.as_ptr().add(base).cast() };
        // SAFETY: `block` begins at `base`, and blocks are walked in order.
        if !unsafe { walk.block(base, line_ends(block), visit, &mut state) } {
            return state;
        }
        base += BLOCK;
    }
    let mut last = [0; BLOCK];
    let rest = bytes.get(base..).unwrap_or_default();
    last[..rest.len()].copy_from_slice(rest);
    // SAFETY: as above, and the bytes that fill `last` up are no line ends.
    unsafe { walk.block(base, line_ends(&last), visit, &mut state) };
    state
}

/// Where a walk is.
struct Walk<'a> {
    bytes: &'a [u8],
    /// Where the next line begins; not behind the next block.
    start: usize,
    /// A line that begins before it has all that [`Line`] shows; 0 when none has.
    heads: usize,
}

impl Walk<'_> {
    /// Shows the lines that end in the next block; `false` when the visitor ends the walk.
    ///
    /// # Safety
    /// Each bit of `ends` stands for a byte of `bytes`, the lowest for that at `base`; blocks are
    /// given in order. The walk begins at 2 or behind it unless `heads` is 0.
    #[inline(always)]
    unsafe fn block<V: Visit>(
        &mut self,
        base: usize,
        mut ends: u64,
        visit: &mut V,
        state: &mut V::State,
    ) -> bool {
        while ends != 0 {
            let end = base + ends.trailing_zeros() as usize;
            ends &= ends - 1;
            let start = std::mem::replace(&mut self.start, end + 1);
            let more = if start < self.heads {
                // SAFETY: `start + HEAD <= bytes.len()` as `start < heads`. `heads` is not 0, so
                // that `2 <= start <= end`. And `end` is a place in `bytes`. An array of bytes
                // needs no alignment.
                let (head, tail) = unsafe {
                    let at = self.bytes.as_ptr();
                    (&*at.add(start).cast(), &*at.add(end - 2).cast())
                };
                visit.line(state, Line { start, end, head, tail })
            } else {
                visit.edge(state, start, end)
            };
            if !more {
                return false;
            }
        }
        true
    }
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
    pub(super) fn each_avx2<V: Visit>(
        bytes: &[u8],
        from: usize,
        visit: &mut V,
        state: V::State,
    ) -> V::State {
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
        each(bytes, from, line_ends, visit, state)
    }

    #[inline]
    pub(super) fn sse2(block: &[u8; BLOCK]) -> u64 {
        let parts = block.as_chunks::<16>().0.iter().enumerate();
        parts.fold(0, |all, (n, part)| all | u64::from(equal(part, b'\n')) << (n * 16))
    }

    /// One bit for each byte that is `byte`.
    #[inline(always)]
    pub(super) fn equal(bytes: &[u8; 16], byte: u8) -> u16 {
        // SAFETY: the load reads the 16 bytes of `bytes` and needs no alignment; SSE2 is part of
        // every x86-64.
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8))) as u16
        }
    }

    /// One bit for each byte below 0x21.
    #[inline(always)]
    pub(super) fn blanks(bytes: &[u8; 16]) -> u16 {
        // SAFETY: the load reads the 16 bytes of `bytes` and needs no alignment; SSE2 is part of
        // every x86-64.
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            let low = _mm_min_epu8(bytes, _mm_set1_epi8(b' ' as i8));
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, low)) as u16
        }
    }

    /// One bit for each letter, digit and hyphen.
    #[inline(always)]
    pub(super) fn words(bytes: &[u8; 16]) -> u16 {
        // SAFETY: the load reads the 16 bytes of `bytes` and needs no alignment; SSE2 is part of
        // every x86-64.
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            let within = |bytes, first: u8, count: u8| {
                let from_first = _mm_sub_epi8(bytes, _mm_set1_epi8(first as i8));
                let last = _mm_set1_epi8((count - 1) as i8);
                _mm_cmpeq_epi8(_mm_min_epu8(from_first, last), from_first)
            };
            let letter = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), b'a', 26);
            let digit = within(bytes, b'0', 10);
            let hyphen = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'-' as i8));
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), hyphen)) as u16
        }
    }

    /// One bit for each byte that is the wanted one, after the bits of `fold` are set in it.
    #[inline(always)]
    pub(super) fn same(bytes: &[u8; 16], fold: &[u8; 16], wanted: &[u8; 16]) -> u16 {
        // SAFETY: each load reads the 16 bytes of its array and needs no alignment; SSE2 is part of
        // every x86-64.
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            let fold = _mm_loadu_si128(fold.as_ptr().cast());
            let wanted = _mm_loadu_si128(wanted.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_or_si128(bytes, fold), wanted)) as u16
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the lines, so many at most.
    struct Seen(Vec<(usize, usize)>, usize);

    impl Visit for Seen {
        type State = usize;
        fn line(&mut self, state: &mut usize, line: Line<'_>) -> bool {
            self.edge(state, line.start, line.end)
        }
        fn edge(&mut self, state: &mut usize, start: usize, end: usize) -> bool {
            *state += 1;
            self.0.push((start, end));
            *state < self.1
        }
    }

    fn seen(lanes: Lanes, bytes: &[u8], from: usize, most: usize) -> Vec<(usize, usize)> {
        let mut seen = Seen(Vec::new(), most);
        assert_eq!(lanes.lines(bytes, from, &mut seen, 0), seen.0.len());
        seen.0
    }

    #[test]
    fn every_set_finds_every_line() {
        for lanes in Lanes::all() {
            for len in [0, 1, 63, 64, 65, 128, 200] {
                for at in 0..len {
                    let mut bytes = vec![b'\n' | 0x80; len];
                    bytes[at] = b'\n';
                    bytes[len - 1 - at] = b'\n';
                    for from in [0, 1, 64, len, len + 1] {
                        let seen = seen(lanes, &bytes, from, 9);
                        let mut start = from;
                        let ends = (from..len).filter(|n| bytes[*n] == b'\n');
                        let line = |end| (std::mem::replace(&mut start, end + 1), end);
                        let expected: Vec<_> = ends.map(line).collect();
                        assert_eq!(seen, expected, "{lanes:?} {len} {at} {from}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_visitor_ends_the_walk() {
        for lanes in Lanes::all() {
            let seen = seen(lanes, &[b'\n'; 200], 3, 90);
            assert_eq!(seen, (3..93).map(|at| (at, at)).collect::<Vec<_>>(), "{lanes:?}");
        }
    }

    /// Compares what is shown of a line with what stands there.
    struct Ends<'a>(&'a [u8]);

    impl Visit for Ends<'_> {
        /// Where the walk began.
        type State = usize;
        fn line(&mut self, _: &mut usize, line: Line<'_>) -> bool {
            assert_eq!(Some(&line.head[..]), self.0.get(line.start..line.start + HEAD));
            assert_eq!(Some(&line.tail[..]), self.0.get(line.end - 2..line.end));
            true
        }
        fn edge(&mut self, from: &mut usize, start: usize, _: usize) -> bool {
            assert!(start + HEAD > self.0.len() || *from < 2);
            true
        }
    }

    #[test]
    fn the_ends_of_lines_are_shown() {
        for len in 0..100u8 {
            for every in 1..23 {
                let bytes: Vec<u8> =
                    (0..len).map(|n| if n % every == 0 { b'\n' } else { n | 0x80 }).collect();
                for lanes in Lanes::all() {
                    let from = usize::from(len % 4);
                    lanes.lines(&bytes, from, &mut Ends(&bytes), from);
                }
            }
        }
    }

    #[test]
    fn bits_of_16_bytes() {
        for byte in 0..=255u8 {
            for at in 0..16 {
                let (mut bytes, mut fold) = ([b':'; 16], [0; 16]);
                bytes[at] = byte;
                fold[at] = 0x20;
                let only = |holds| if holds { 1 << at } else { 0 };
                assert_eq!(equal_in_16(&bytes, byte) & 1 << at, 1 << at);
                assert_eq!(equal_in_16(&bytes, b':') | 1 << at, u16::MAX);
                let word = byte.is_ascii_alphanumeric() || byte == b'-';
                assert_eq!(words_in_16(&bytes), only(word), "{byte:#x}");
                assert_eq!(blanks_in_16(&bytes), only(byte <= b' '));
                let mut wanted = [0; 16];
                wanted[at] = b'k';
                assert_eq!(same_in_16(&bytes, &fold, &wanted), only(matches!(byte, b'k' | b'K')));
            }
        }
    }
}
