//! What SIPp has written of a run: its totals and its response times.
//!
//! Takes the text of its files (`-trace_stat`, `-trace_rtt`); opens none.

use anyhow::{Context, Result};

/// The totals of a caller.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Totals {
    /// Calls that succeeded.
    pub successful: u64,
    /// Calls that failed, for whatever reason.
    pub failed: u64,
    /// Messages that were sent again.
    pub repeated: u64,
    /// Calls begun a second.
    pub rate: f64,
}

impl Totals {
    /// Reads the last row.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn read(text: &str) -> Result<Self> {
        let names = text.lines().next().context("a head line")?;
        let last = text.lines().last().context("a row")?;
        let number = |name: &str| -> Result<f64> {
            let at = names.split(';').position(|column| column == name);
            let value = at.and_then(|at| last.split(';').nth(at));
            value.and_then(|value| value.parse().ok()).with_context(|| format!("no {name}"))
        };
        Ok(Self {
            successful: number("SuccessfulCall(C)")? as u64,
            failed: number("FailedCall(C)")? as u64,
            repeated: number("Retransmissions(C)")? as u64,
            rate: number("CallRate(C)")?,
        })
    }
}

/// Response times in ascending order, milliseconds.
pub struct ResponseTimes(Vec<f64>);

impl ResponseTimes {
    /// Reads them: moment, time and number of a measurement in each row.
    pub fn read(text: &str) -> Self {
        let time = |line: &str| line.split(';').nth(1)?.parse().ok();
        let mut times: Vec<f64> = text.lines().skip(1).filter_map(time).collect();
        times.sort_unstable_by(f64::total_cmp);
        Self(times)
    }

    /// The time that this share of the calls stayed within; 0 without calls.
    pub fn within(&self, share: f64) -> f64 {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_those_of_the_last_row() {
        let text = "CallRate(C);SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n\
                    100.5;10;0;0;\n99.75;20;3;7;\n";
        let read = Totals::read(text).expect("totals");
        assert_eq!(read, Totals { successful: 20, failed: 3, repeated: 7, rate: 99.75 });
        assert!(Totals::read("CallRate(C);\n1;\n").is_err() && Totals::read("").is_err());
    }

    #[test]
    fn shares_of_response_times() {
        let rows: String = (1..=100).rev().map(|time| format!("{time}.0;{time};1\n")).collect();
        let times = ResponseTimes::read(&format!("Date_ms;response_time_ms;rtd_no\n{rows}"));
        assert_eq!([0.5, 0.99, 1.0].map(|share| times.within(share)), [50.0, 99.0, 100.0]);
        assert_eq!(ResponseTimes::read("").within(0.5), 0.0);
    }
}
