//! Lists in a selection: of sets, `"1,2"` or `"gold:1,2"`, and of algorithms, `"0,4"` (spec 3.2).
//!
//! Texts in, numbers out; looks up nothing.

use super::given;
use super::limits::SETS_OF_CALL;

/// The sets of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetList {
    /// The key of the partition that the text names.
    pub partition: Option<i64>,
    sets: [i64; SETS_OF_CALL],
    len: usize,
}

impl SetList {
    /// A single set.
    pub const fn one(set: i64) -> Self {
        let mut sets = [0; SETS_OF_CALL];
        sets[0] = set;
        Self { partition: None, sets, len: 1 }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What was expected.
    pub fn read(text: &str) -> Result<Self, String> {
        let (partition, list) = match text.split_once(':') {
            Some((name, list)) => (Some(given::key(name)), list),
            None => (None, text),
        };
        let mut read = Self { partition, ..Self::one(0) };
        read.len = 0;
        for word in list.split(',') {
            let number = word.trim().parse().ok().filter(|set: &i64| *set >= 0);
            let number = number.ok_or_else(|| {
                format!("a set is a number, `partition:number`, or a list `1,2`, not `{text}`")
            })?;
            let place = read.sets.get_mut(read.len);
            *place.ok_or_else(|| format!("at most {SETS_OF_CALL} sets, not `{text}`"))? = number;
            read.len += 1;
        }
        Ok(read)
    }

    /// The set at a place.
    pub fn get(&self, at: usize) -> Option<i64> {
        self.sets.get(at).copied().filter(|_| at < self.len)
    }

    /// Whether there are several.
    pub const fn is_list(&self) -> bool {
        self.len > 1
    }
}

/// Refuses what [`SetList::read`] does.
///
/// # Errors
/// What was expected.
pub fn check(text: &str) -> Result<(), String> {
    SetList::read(text).map(drop)
}

/// Says that a number stands for a list of algorithms: no algorithm has it set.
const LIST: i64 = 1 << 62;

/// Bits of an algorithm in a list.
const BITS: usize = 8;

/// Where the words' numbers, which are at the lower end of all, begin in a list.
const WORDS: i64 = 128;

/// The number that stands for a list of algorithms, each a number of [`super::algorithms::parse`].
///
/// # Errors
/// Too many, or one that cannot stand in a list.
pub fn pack(algorithms: &[i64]) -> Result<i64, String> {
    if algorithms.len() > SETS_OF_CALL {
        return Err(format!("at most {SETS_OF_CALL} algorithms, one for each set"));
    }
    let mut packed = LIST;
    for (at, number) in algorithms.iter().enumerate() {
        let code = match number.wrapping_sub(i64::MIN) {
            word @ 0..WORDS => word + WORDS,
            _ if (0..WORDS - 1).contains(number) => number + 1,
            _ => return Err(format!("{number} cannot stand in a list of algorithms")),
        };
        packed |= code << (BITS * at);
    }
    Ok(packed)
}

/// The algorithm for the set at a place: of a list, or the only one; a list that is too short goes
/// on with its last one.
pub fn algorithm(number: i64, at: usize) -> i64 {
    if !is_list(number) {
        return number;
    }
    let code = |at: usize| number >> (BITS * at) & 0xFF;
    let given = (0..=at.min(SETS_OF_CALL - 1)).rev().map(code).find(|code| *code != 0);
    match given.unwrap_or(0) {
        word if word >= WORDS => i64::MIN + (word - WORDS),
        code => code - 1,
    }
}

/// Whether a number stands for a list of algorithms.
#[inline]
pub const fn is_list(number: i64) -> bool {
    number > 0 && number & LIST != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_numbers_lists_and_parts_of_partitions() {
        let all = |text| {
            let list = SetList::read(text).unwrap();
            (list.partition, (0..9).map_while(|at| list.get(at)).collect::<Vec<_>>())
        };
        assert_eq!(all("7"), (None, vec![7]));
        assert_eq!(all(" 1, 2,3"), (None, vec![1, 2, 3]));
        assert_eq!(all("gold : 4"), (Some(given::key("gold")), vec![4]));
        assert_eq!(all("default:1,2"), (Some(0), vec![1, 2]));
        for wrong in ["", "a", "1,", "1;2", "gold:", "-1", "1,2,3,4,5,6,7,8"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn algorithms_of_a_list_come_back() {
        let list = [0, 10, i64::MIN, i64::MIN + 5];
        let packed = pack(&list).unwrap();
        assert!(is_list(packed) && !is_list(4) && !is_list(i64::MIN));
        for (at, number) in list.iter().enumerate() {
            assert_eq!(algorithm(packed, at), *number);
        }
        assert_eq!(algorithm(packed, 6), i64::MIN + 5, "the last one goes on");
        assert_eq!(algorithm(4, 3), 4);
        assert!(pack(&[-1]).is_err() && pack(&[0; 8]).is_err());
    }
}
