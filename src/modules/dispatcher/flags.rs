//! Flags of a selection: the letters of a call, the number of modparam `flags`.

use sluice_script::ir::Setting;

use super::limits;

/// What a selection does besides selecting (spec 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// `u`: keys are the user part only.
    pub user_only: bool,
    /// `f`: the other destinations are kept for failover.
    pub failover: bool,
    /// `d`: the last destination is used only when no other is active.
    pub default_last: bool,
    /// `a`: earlier failover AVPs stay.
    pub append: bool,
}

const BITS: u32 = 4;

impl Flags {
    /// From modparam `flags`: 1 = user part only, 2 = failover.
    pub const fn of_modparam(bits: i64) -> Self {
        Self::of_bits(bits & 3)
    }

    /// From what [`parse`] gave: the flags, and the most results if the text says so.
    pub fn unpack(packed: i64) -> (Self, Option<usize>) {
        let results = usize::try_from(packed >> BITS).ok().filter(|n| *n > 0);
        (Self::of_bits(packed), results)
    }

    /// Both together.
    pub const fn or(self, other: Self) -> Self {
        Self {
            user_only: self.user_only || other.user_only,
            failover: self.failover || other.failover,
            default_last: self.default_last || other.default_last,
            append: self.append || other.append,
        }
    }

    const fn of_bits(bits: i64) -> Self {
        Self {
            user_only: bits & 1 != 0,
            failover: bits & 2 != 0,
            default_last: bits & 4 != 0,
            append: bits & 8 != 0,
        }
    }
}

/// Reads the flags of a call: letters, and in the way of 2.x the most results: `f`, `fM5`, `3`.
///
/// # Errors
/// What was expected.
pub fn parse(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (letters, number) = text.split_at(digits);
    let mut bits = 0;
    for letter in letters.trim_end_matches('M').chars() {
        bits |= match letter.to_ascii_lowercase() {
            'u' => 1,
            'f' => 2,
            'd' => 4,
            'a' => 8,
            _ => return Err(format!("flags are the letters f, u, d, a, not `{text}`")),
        };
    }
    let results: i64 = match number {
        "" if letters.ends_with('M') => return Err(format!("a number is missing in `{text}`")),
        "" => 0,
        number => number
            .parse()
            .ok()
            .filter(|n| (1..=limits::RESULTS as i64).contains(n))
            .ok_or(format!("the most results are 1 to {}, not `{number}`", limits::RESULTS))?,
    };
    Ok(bits | results << BITS)
}

/// Refuses bits of modparam `flags` that mean nothing.
pub fn check_modparam(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=3) => Ok(()),
        _ => Err("1 (hash the user part only), 2 (failover) or 3 (both)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_results_are_read() {
        let read = |text| Flags::unpack(parse(text).unwrap());
        let failover = Flags { failover: true, ..Flags::default() };
        assert_eq!(read(""), (Flags::default(), None));
        assert_eq!(read("f"), (failover, None));
        assert_eq!(read("fM5"), (failover, Some(5)));
        assert_eq!(read("M3"), (Flags::default(), Some(3)));
        assert_eq!(read("12"), (Flags::default(), Some(12)));
        let all = Flags { user_only: true, failover: true, default_last: true, append: true };
        assert_eq!((read("fuda"), read("FUDa")), ((all, None), (all, None)));
        for wrong in ["x", "f M5", "5f", "fM", "M0", "M1001", "-1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_old_number_has_two_bits() {
        let both = Flags { user_only: true, failover: true, ..Flags::default() };
        assert_eq!(Flags::of_modparam(3), both);
        assert!(check_modparam(&Setting::Int(2)).is_ok());
        assert!(check_modparam(&Setting::Int(4)).is_err());
    }
}
