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
