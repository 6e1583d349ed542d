//! What the steps found, as a table for people and as CSV for the record.

use std::fmt::Write as _;

use crate::ramp::statistics::Totals;

/// The share of the rate asked for below which SIPp itself could not begin its calls in time.
const BEHIND: f64 = 0.95;

/// One step.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// Workers of Sluice.
    pub workers: u32,
    /// Calls a second asked for.
    pub asked: u32,
    /// What the caller counted.
    pub totals: Totals,
    /// From INVITE to 200: half of the calls were faster; milliseconds.
    pub p50_ms: f64,
    /// 90 of 100 were.
    pub p90_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
}

impl Row {
    /// Whether all calls succeeded.
    pub fn is_good(&self) -> bool {
        self.totals.failed == 0 && self.totals.successful > 0
    }

    /// Whether SIPp began its calls too slowly.
    pub fn sipp_bound(&self) -> bool {
        self.totals.rate < f64::from(self.asked) * BEHIND
    }
}

const HEAD: &str =
    "workers,asked,calls_per_second,successful,failed,repeated,p50_ms,p90_ms,p99_ms,sipp_bound\n";

/// Every step, for the record; the machine goes into comment lines above.
pub fn csv(machine: &[String], rows: &[Row]) -> String {
    let mut text = String::new();
    for line in machine {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str(HEAD);
    for row in rows {
        let _ = writeln!(
            text,
            "{},{},{:.1},{},{},{},{:.1},{:.1},{:.1},{}",
            row.workers,
            row.asked,
            row.totals.rate,
            row.totals.successful,
            row.totals.failed,
            row.totals.repeated,
            row.p50_ms,
            row.p90_ms,
            row.p99_ms,
            row.sipp_bound(),
        );
    }
    text
}

/// A step in words.
pub fn said(row: &Row) -> String {
    let bound = if row.sipp_bound() { "; SIPp was the limit" } else { "" };
    format!(
        "{} worker{}, {} calls/s: {:.0} begun a second, {} failed, {} messages repeated, \
         p50 {} ms, p90 {} ms, p99 {} ms{bound}",
        row.workers,
        if row.workers == 1 { "" } else { "s" },
        row.asked,
        row.totals.rate,
        row.totals.failed,
        row.totals.repeated,
        row.p50_ms,
        row.p90_ms,
        row.p99_ms,
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A step at a rate, of which a share of the calls failed.
    pub(crate) fn row(workers: u32, asked: u32, failed: u64) -> Row {
        let successful = u64::from(asked) * 5 - failed;
        let totals = Totals { successful, failed, repeated: failed, rate: f64::from(asked) };
        Row { workers, asked, totals, p50_ms: 1.0, p90_ms: 2.0, p99_ms: 4.0 }
    }

    #[test]
    fn a_step_is_good_or_bad_and_says_who_was_the_limit() {
        let good = row(1, 1_000, 0);
        assert!(good.is_good() && !good.sipp_bound());
        assert!(!row(1, 1_000, 1).is_good());
        let late = Row { totals: Totals { rate: 900.0, ..good.totals }, ..good };
        assert!(said(&late).ends_with("SIPp was the limit") && late.sipp_bound());
    }

    #[test]
    fn the_record_has_a_line_for_each_step() {
        let text = csv(&["a machine".to_owned()], &[row(2, 1_500, 3)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2], "2,1500,1500.0,7497,3,3,1.0,2.0,4.0,false");
        assert_eq!(lines[1].split(',').count(), lines[2].split(',').count());
    }
}
