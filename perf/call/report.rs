//! What a round of calls or registrations found, and its columns.

use crate::call::load::Shot;
use crate::report::{Column, Cost};
use crate::subject::Subject;
use crate::usage::Memory;

/// What went wrong with calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Troubles {
    /// Calls or registrations that got another final reply than 200.
    pub failed: u64,
    /// Those of which a message did not arrive.
    pub lost: u64,
    /// Messages that arrived again.
    pub repeated: u64,
}

impl Troubles {
    /// Those of a shot.
    pub fn of(shot: &Shot) -> Self {
        Self { failed: shot.failed, lost: shot.lost, repeated: shot.repeated }
    }

    /// Those of two shots.
    pub fn and(self, other: Self) -> Self {
        Self {
            failed: self.failed + other.failed,
            lost: self.lost + other.lost,
            repeated: self.repeated + other.repeated,
        }
    }
}

/// What one subject showed in one round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// The round, from 1.
    pub round: u32,
    /// Who.
    pub subject: Subject,
    /// Processor time a message when saturated, in the program; microseconds.
    pub user_us: f64,
    /// The same in the kernel.
    pub system_us: f64,
    /// Complete calls or registrations a second when saturated.
    pub rate: f64,
    /// The share of its processor that it used then.
    pub busy: f64,
    /// Whether the generator was the limit, there or at the common rate.
    pub generator_bound: bool,
    /// Processor time a message at the common rate; microseconds.
    pub even_us: f64,
    /// Half were answered faster, at the common rate.
    pub setup_p50_us: f64,
    /// 99 of 100 were.
    pub setup_p99_us: f64,
    /// What went wrong, at both.
    pub troubles: Troubles,
    /// Memory of the process tree after all that.
    pub memory: Memory,
}

impl Cost for Row {
    fn round(&self) -> u32 {
        self.round
    }

    fn subject(&self) -> Subject {
        self.subject
    }

    fn user_system_us(&self) -> (f64, f64) {
        (self.user_us, self.system_us)
    }

    fn generator_bound(&self) -> bool {
        self.generator_bound
    }
}

/// The columns of calls.
pub const CALLS: &[Column<Row>] = &columns("calls/s");
/// The columns of registrations.
pub const REGISTRATIONS: &[Column<Row>] = &columns("regs/s");

/// The columns, with the title of the first.
const fn columns(rate: &'static str) -> [Column<Row>; 10] {
    [
        (rate, |row| row.rate, 0),
        ("busy %", |row| row.busy * 1e2, 0),
        ("us@rate", |row| row.even_us, 2),
        ("p50 us", |row| row.setup_p50_us, 1),
        ("p99 us", |row| row.setup_p99_us, 1),
        ("failed", |row| row.troubles.failed as f64, 0),
        ("lost", |row| row.troubles.lost as f64, 0),
        ("repeated", |row| row.troubles.repeated as f64, 0),
        ("RSS kB", |row| row.memory.rss_kb as f64, 0),
        ("PSS kB", |row| row.memory.pss_kb as f64, 0),
    ]
}
