//! What a turn is told of time. Only the shell around a worker reads clocks.

/// The moment of a turn: both faces are read once, by the shell, before the turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Monotonic time since the program started, in microseconds. Timers use this one.
    pub mono_us: u64,
    /// Wall time since 1970-01-01 UTC, in microseconds. Only for people: logs, `$Ts`, Date.
    pub wall_us: u64,
}

impl Now {
    /// Monotonic milliseconds.
    #[inline]
    pub const fn mono_ms(self) -> u64 {
        self.mono_us / 1_000
    }

    /// Wall time in whole seconds.
    #[inline]
    pub const fn wall_s(self) -> u64 {
        self.wall_us / 1_000_000
    }
}

/// A moment of one thread by two clocks, nanoseconds; what lies between two of them is its work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moment {
    /// Processor time that the thread has used.
    pub cpu_ns: u64,
    /// Monotonic time.
    pub mono_ns: u64,
}

impl Moment {
    /// Nanoseconds of work since an earlier moment. The smaller of both: while others have the
    /// processor only monotonic time goes on, and in a virtual machine the thread may be charged
    /// for more processor time than has passed.
    pub fn work_ns_since(self, earlier: Self) -> u64 {
        let cpu_ns = self.cpu_ns.saturating_sub(earlier.cpu_ns);
        cpu_ns.min(self.mono_ns.saturating_sub(earlier.mono_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_the_smaller_of_both_times() {
        let begin = Moment { cpu_ns: 10, mono_ns: 100 };
        let since = |cpu_ns, mono_ns| Moment { cpu_ns, mono_ns }.work_ns_since(begin);
        assert_eq!([since(15, 109), since(19, 105), since(0, 105)], [5, 5, 0]);
    }
}
