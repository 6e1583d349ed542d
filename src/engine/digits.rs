//! A number as decimal text without allocation.

/// The decimal digits of an `i64`, with sign.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    /// Writes `n`.
    pub fn of(n: i64) -> Self {
        let mut digits = Self { bytes: [0; 20], start: 20 };
        let mut rest = n.unsigned_abs();
        loop {
            digits.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if n < 0 {
            digits.push(b'-');
        }
        digits
    }

    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::Digits;

    #[test]
    fn every_width_is_written_as_the_library_writes_it() {
        for n in [0, 7, 10, -1, -10, 65_535, i64::MAX, i64::MIN] {
            assert_eq!(Digits::of(n).as_bytes(), n.to_string().as_bytes());
        }
    }
}
