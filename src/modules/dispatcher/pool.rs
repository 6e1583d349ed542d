//! How many destinations of a set are out because of what calls told, so that no more than a part
//! of it is ever left out that way.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// See the file's head.
#[derive(Debug)]
pub struct Pool {
    size: AtomicU32,
    out: AtomicU32,
    /// Most that may be out, percent; of what is no whole number the next one.
    most_percent: u32,
}

impl Pool {
    /// Of a set of so many, of which at most so many percent go out.
    pub const fn new(size: u32, most_percent: u32) -> Self {
        Self { size: AtomicU32::new(size), out: AtomicU32::new(0), most_percent }
    }

    /// One goes out; false: too many are out already.
    pub fn leave(&self) -> bool {
        let size = u64::from(self.size.load(Relaxed));
        let most = (size * u64::from(self.most_percent)).div_ceil(100);
        let one_more = |out: u32| (u64::from(out) < most).then_some(out + 1);
        self.out.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// One that left is back.
    pub fn back(&self) {
        // Nobody is out when a count was taken meanwhile.
        let _ = self.out.fetch_update(Relaxed, Relaxed, |out| out.checked_sub(1));
    }

    /// How many there are and how many of them are out, counted anew: lists change, and states are
    /// set by hand.
    pub fn count(&self, size: usize, out: usize) {
        self.size.store(u32::try_from(size).unwrap_or(u32::MAX), Relaxed);
        self.out.store(u32::try_from(out).unwrap_or(u32::MAX), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_may_be_out_and_one_at_least() {
        for (size, percent, most) in [(1, 50, 1), (3, 50, 2), (4, 50, 2), (10, 10, 1), (3, 100, 3)]
        {
            let pool = Pool::new(size, percent);
            let left = (0..size + 1).filter(|_| pool.leave()).count();
            assert_eq!(left, most, "{percent} % of {size}");
            pool.back();
            assert!(pool.leave() && !pool.leave());
        }
    }

    #[test]
    fn a_count_taken_anew_is_believed() {
        let pool = Pool::new(2, 50);
        assert!(pool.leave());
        pool.count(4, 0);
        assert!(pool.leave() && pool.leave() && !pool.leave());
        pool.count(4, 0);
        pool.back();
        assert!(pool.leave());
    }
}
