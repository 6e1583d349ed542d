//! What is accounted, and whereto: backends and flags of `do_accounting()`, and the message flags
//! of 1.x that meant the same.

/// Where records go, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backends(u8);

impl Backends {
    /// None.
    pub const NONE: Self = Self(0);
    /// The log.
    pub const LOG: Self = Self(1);
    /// Tables.
    pub const DB: Self = Self(2);
    /// Events.
    pub const EVI: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// Of the bits of [`types`].
    pub const fn of_bits(bits: i64) -> Self {
        Self((bits & 7) as u8)
    }

    /// Whether these are among them.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

/// What of a transaction goes where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Modes {
    /// Success.
    pub answered: Backends,
    /// The first failure of a call (`missed`).
    pub missed: Backends,
    /// Failures count as success does, as soon as one backend says so (`failed`).
    pub failed: Backends,
}

const MISSED: i64 = 1;
const FAILED: i64 = 2;

impl Modes {
    /// Adds backends with the bits of [`flags`].
    pub fn add(&mut self, backends: Backends, flags: i64) {
        self.answered.add(backends);
        for (bit, mode) in [(MISSED, &mut self.missed), (FAILED, &mut self.failed)] {
            if flags & bit != 0 {
                mode.add(backends);
            }
        }
    }

    /// Takes flags of backends away; `None` takes all.
    pub fn remove(&mut self, backends: Backends, flags: Option<i64>) {
        if flags.is_none() {
            self.answered.remove(backends);
        }
        let flags = flags.unwrap_or(MISSED | FAILED);
        for (bit, mode) in [(MISSED, &mut self.missed), (FAILED, &mut self.failed)] {
            if flags & bit != 0 {
                mode.remove(backends);
            }
        }
    }

    /// Whether nothing is to be written.
    pub const fn is_empty(self) -> bool {
        self.answered.is_empty() && self.missed.is_empty()
    }
}

/// `log|db|evi` as bits.
///
/// # Errors
/// Another word.
pub fn types(text: &str) -> Result<i64, String> {
    words(text, |word| match word {
        "log" => Ok(i64::from(Backends::LOG.0)),
        "db" => Ok(i64::from(Backends::DB.0)),
        "evi" => Ok(i64::from(Backends::EVI.0)),
        "aaa" => Err("`aaa`: RADIUS and Diameter are not spoken".to_owned()),
        other => Err(format!("records go to log, db or evi, not `{other}`")),
    })
}

/// `missed|failed` as bits.
///
/// # Errors
/// Another word.
pub fn flags(text: &str) -> Result<i64, String> {
    words(text, |word| match word {
        "missed" => Ok(MISSED),
        "failed" => Ok(FAILED),
        "cdr" => Err("`cdr`: records of whole calls come with module dialog".to_owned()),
        other => Err(format!("a flag is missed or failed, not `{other}`")),
    })
}

fn words(text: &str, bits: impl Fn(&str) -> Result<i64, String>) -> Result<i64, String> {
    let words = text.split('|').map(|word| word.trim().to_ascii_lowercase());
    words.map(|word| bits(&word)).try_fold(0, |all, bits| Ok(all | bits?))
}

/// The message flags of 1.x to 2.1, each as its bit; 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// `log_flag`
    pub log: u32,
    /// `log_missed_flag`
    pub log_missed: u32,
    /// `db_flag`
    pub db: u32,
    /// `db_missed_flag`
    pub db_missed: u32,
    /// `evi_flag`
    pub evi: u32,
    /// `evi_missed_flag`
    pub evi_missed: u32,
    /// `failed_transaction_flag`
    pub failed: u32,
}

impl Flags {
    /// Whether the script names none.
    pub fn are_unused(&self) -> bool {
        *self == Self { failed: self.failed, ..Self::default() }
    }

    /// What the flags of a message mean.
    pub fn modes(&self, set: u32) -> Modes {
        let backends = |flags: [u32; 3]| {
            let all = flags.into_iter().zip([Backends::LOG, Backends::DB, Backends::EVI]);
            all.filter(|(flag, _)| set & flag != 0).fold(Backends::NONE, |mut sum, (_, one)| {
                sum.add(one);
                sum
            })
        };
        let failed = if set & self.failed != 0 { Backends::ALL } else { Backends::NONE };
        Modes {
            answered: backends([self.log, self.db, self.evi]),
            missed: backends([self.log_missed, self.db_missed, self.evi_missed]),
            failed,
        }
    }

    /// Those that a missed call takes away.
    pub fn missed(&self) -> u32 {
        self.log_missed | self.db_missed | self.evi_missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_case_with_bars_between() {
        assert_eq!(types("Log | DB").map(Backends::of_bits), Ok(Backends(3)));
        assert_eq!(flags("missed|FAILED"), Ok(MISSED | FAILED));
        for wrong in ["", "log|", "aaa", "file"] {
            assert!(types(wrong).is_err(), "{wrong}");
        }
        assert!(flags("cdr").is_err_and(|why| why.contains("dialog")) && flags("").is_err());
    }

    #[test]
    fn what_is_taken_away() {
        let mut modes = Modes::default();
        modes.add(Backends::LOG, MISSED);
        modes.add(Backends::DB, FAILED);
        modes.remove(Backends::ALL, Some(FAILED));
        let expected =
            Modes { answered: Backends(3), missed: Backends::LOG, failed: Backends::NONE };
        assert_eq!(modes, expected);
        modes.remove(Backends::DB, None);
        assert_eq!(modes.answered, Backends::LOG);
        modes.remove(Backends::ALL, None);
        assert!(modes.is_empty());
    }

    #[test]
    fn flags_of_a_message() {
        let flags = Flags { log: 1, db: 2, db_missed: 2, failed: 4, ..Flags::default() };
        let modes = flags.modes(2 | 4);
        assert_eq!((modes.answered, modes.missed), (Backends::DB, Backends::DB));
        assert!(!modes.failed.is_empty() && flags.modes(1).failed.is_empty());
        assert!(!flags.are_unused() && Flags { failed: 4, ..Flags::default() }.are_unused());
    }
}
