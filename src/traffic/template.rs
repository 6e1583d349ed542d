//! A message made once, then copied and patched: only numbers of fixed width differ.
//!
//! Takes the text with its slots, gives bytes behind a buffer. Writing one message is one copy and
//! a few digits: no allocation, no formatting.

/// A number that differs from message to message. Each has a fixed width, so equal messages have
/// equal sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The call's number: 12 hexadecimal digits.
    Number,
    /// Which Call-ID: 12 hexadecimal digits.
    CallId,
    /// The number of the user: 6 decimal digits.
    User,
    /// The number of CSeq: 9 decimal digits.
    CSeq,
}

impl Slot {
    /// Its width in bytes.
    pub const fn width(self) -> usize {
        match self {
            Self::Number | Self::CallId => 12,
            Self::User => 6,
            Self::CSeq => 9,
        }
    }
}

/// What the slots of one message are filled with; digits beyond a slot's width are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// [`Slot::Number`].
    pub number: u64,
    /// [`Slot::CallId`].
    pub call_id: u64,
    /// [`Slot::User`].
    pub user: u64,
    /// [`Slot::CSeq`].
    pub cseq: u64,
}

/// A text with slots.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template {
    bytes: Vec<u8>,
    slots: Vec<(usize, Slot)>,
}

impl Template {
    /// Appends fixed text.
    pub fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a slot.
    pub fn slot(mut self, slot: Slot) -> Self {
        self.slots.push((self.bytes.len(), slot));
        self.bytes.resize(self.bytes.len() + slot.width(), b'0');
        self
    }

    /// The size of every message made from it, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Appends one message to `out`.
    #[inline]
    pub fn write(&self, numbers: &Numbers, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for (at, slot) in &self.slots {
            let digits = &mut out[start + at..start + at + slot.width()];
            match slot {
                Slot::Number => put(digits, numbers.number, 16),
                Slot::CallId => put(digits, numbers.call_id, 16),
                Slot::User => put(digits, numbers.user, 10),
                Slot::CSeq => put(digits, numbers.cseq, 10),
            }
        }
    }
}

/// Reads 12 hexadecimal digits as [`Slot::CallId`] writes them.
pub fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        number.checked_mul(16)?.checked_add(u64::from(digit))
    })
}

/// Fills all of `digits` with the low digits of `value`, in base 10 or 16.
#[inline]
pub fn put(digits: &mut [u8], mut value: u64, base: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value % base) as usize & 15];
        value /= base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filled_and_sizes_equal() {
        let template = Template::default()
            .text("n=")
            .slot(Slot::Number)
            .text(" c=")
            .slot(Slot::CallId)
            .text(" u=")
            .slot(Slot::User)
            .text(" s=")
            .slot(Slot::CSeq)
            .text(".");
        let mut out = b"before ".to_vec();
        let numbers = Numbers { number: 0xAB_CDEF, call_id: 7, user: 42, cseq: 100_000_000 };
        template.write(&numbers, &mut out);
        let text = "before n=000000abcdef c=000000000007 u=000042 s=100000000.";
        assert_eq!(String::from_utf8_lossy(&out), text);
        assert_eq!(template.size(), out.len() - 7);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for number in [0, 1, 0xFFFF, (1 << 48) - 1] {
            let mut digits = [0; 12];
            put(&mut digits, number, 16);
            assert_eq!(read_hex(&digits), Some(number));
        }
        assert_eq!(read_hex(b"00000000000g"), None);
    }
}
