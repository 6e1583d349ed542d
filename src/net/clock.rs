//! The one clock of the data plane. Read by the shell before a turn; a turn is told.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sluice_base::{Moment, Now};

/// Counts from the moment it was made; copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts monotonic time. Once per program; workers get copies.
    #[allow(clippy::disallowed_methods, reason = "this is the clock that others must not read")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both faces of the present moment.
    #[allow(clippy::disallowed_methods, reason = "this is the clock that others must not read")]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono_us: self.start.elapsed().as_micros() as u64, wall_us: wall.as_micros() as u64 }
    }
}

/// The calling thread's own moment. A system call, so not for the path of a message.
pub fn own_moment() -> Moment {
    Moment { cpu_ns: read(libc::CLOCK_THREAD_CPUTIME_ID), mono_ns: read(libc::CLOCK_MONOTONIC) }
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that outlives the call.
    let told = unsafe { libc::clock_gettime(clock, &raw mut time) };
    // Each thread always has both clocks.
    if told == 0 { time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_time_goes_on_with_work() {
        let begin = own_moment();
        std::hint::black_box(
            (0..10_000_000_u64).fold(0, |sum, step| std::hint::black_box(sum ^ step)),
        );
        assert!(own_moment().work_ns_since(begin) > 0);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a thread that sleeps does no work")]
    fn own_time_stands_still_while_the_thread_sleeps() {
        let begin = own_moment();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let end = own_moment();
        assert!(end.mono_ns - begin.mono_ns > 49_000_000);
        assert_eq!(end.work_ns_since(begin), end.cpu_ns - begin.cpu_ns);
    }

    #[test]
    fn copies_agree_and_time_goes_on() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), { clock }.now());
        assert!(first.mono_us <= second.mono_us);
        assert!(first.wall_s() > 1_700_000_000);
    }
}
