//! A piece of a message, by offset. A SIP message over a datagram has at most 65,535 bytes
//! (asserted at the door), so both ends fit 16 bits.

/// `start .. end` within one message, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Span {
    /// First byte.
    pub start: u16,
    /// One past the last byte; never less than `start`.
    pub end: u16,
}

impl Span {
    /// A span of `start .. end`; an `end` before `start` gives the empty span at `start`.
    #[inline]
    pub const fn new(start: u16, end: u16) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// Its length in bytes.
    #[inline]
    pub const fn len(self) -> usize {
        self.end as usize - self.start as usize
    }

    /// Whether it holds nothing.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes it names; empty when it does not lie within `bytes`.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}
