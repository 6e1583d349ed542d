//! What agents tell while they run and when they end: counts, latencies, lag, shares.
//!
//! Only numbers and their arithmetic. All of it serializes, for `--json`.

use std::net::SocketAddr;

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

use crate::limits;
use crate::uac::Mode;

/// What happened to a caller's calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct CallCounts {
    /// Calls that the schedule has asked for.
    pub due: u64,
    /// Calls begun.
    pub sent: u64,
    /// Calls never begun, because the generator was late by more than the time-out.
    pub unsent: u64,
    /// Replies 1xx to first requests.
    pub provisional: u64,
    /// Final replies to first requests by class: 2xx, 3xx, 4xx, 5xx, 6xx.
    pub answered: [u64; 5],
    /// Complete calls whose BYE had a 2xx; registrations whose answer to a challenge had one.
    pub completed: u64,
    /// The same with another final reply.
    pub bye_refused: u64,
    /// Calls given up.
    pub timed_out: u64,
    /// Readable messages that nobody waited for: late, repeated, foreign, or requests.
    pub unexpected: u64,
    /// Datagrams that could not be read.
    pub unreadable: u64,
    /// First requests sent again.
    pub retransmissions: u64,
    /// Datagrams that the system refused to send.
    pub send_errors: u64,
    /// The status of the last final reply of 300 and above; 0 without one.
    pub last_refusal: u16,
}

impl CallCounts {
    /// Counts a final reply to a first request.
    pub fn answer(&mut self, status: u16) {
        self.refuse(status);
        let class = usize::from(status / 100).checked_sub(2);
        if let Some(count) = class.and_then(|class| self.answered.get_mut(class)) {
            *count += 1;
        }
    }

    /// Counts a final reply to the last request of a call: BYE, or the answer to a challenge.
    pub fn close(&mut self, status: u16) {
        self.refuse(status);
        if status < 300 {
            self.completed += 1;
        } else {
            self.bye_refused += 1;
        }
    }

    fn refuse(&mut self, status: u16) {
        if status >= 300 {
            self.last_refusal = status;
        }
    }

    /// Calls whose first request had a final reply of any class.
    pub fn answered_all(&self) -> u64 {
        self.answered.iter().sum()
    }
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Percentiles {
    /// How many values.
    pub count: u64,
    /// Arithmetic mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: u64,
    /// 90 %.
    pub p90_us: u64,
    /// 99 %.
    pub p99_us: u64,
    /// 99.9 %.
    pub p999_us: u64,
    /// The largest.
    pub max_us: u64,
}

impl Percentiles {
    /// The percentiles of a histogram; all 0 when it is empty.
    pub fn of(values: &Histogram<u64>) -> Self {
        Self {
            count: values.len(),
            mean_us: values.mean(),
            p50_us: values.value_at_quantile(0.5),
            p90_us: values.value_at_quantile(0.9),
            p99_us: values.value_at_quantile(0.99),
            p999_us: values.value_at_quantile(0.999),
            max_us: values.max(),
        }
    }
}

/// A caller's numbers in the middle of a run.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct UacSnapshot {
    /// Since the first call was due.
    pub elapsed_us: u64,
    /// So far.
    pub counts: CallCounts,
    /// Final replies per second since the last snapshot.
    pub answered_per_s: f64,
    /// Latency since the last snapshot.
    pub latency: Percentiles,
}

/// A caller's numbers at the end.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct UacReport {
    /// What one call was.
    pub mode: Mode,
    /// From the first call due to the end, seconds.
    pub elapsed_s: f64,
    /// From the first call due until one more would be due after the last one, or until the last
    /// one was begun if that was later; seconds. Rates are over this time.
    pub sending_s: f64,
    /// The rate asked for, calls per second.
    pub offered_per_s: f64,
    /// Calls begun per second.
    pub sent_per_s: f64,
    /// First requests answered, per second.
    pub answered_per_s: f64,
    /// What happened.
    pub counts: CallCounts,
    /// Scheduled time to the final reply of the first request. A call that was given up has none:
    /// read it together with `timed_out`.
    pub latency: Percentiles,
    /// Scheduled time to the last reply of complete calls, and of registrations with a password.
    pub completion: Percentiles,
    /// Scheduled time to the actual sending.
    pub lag: Percentiles,
    /// Share of the sending time in which the thread had work, 0 to 1.
    pub busy: f64,
    /// Replies that the kernel dropped because the caller did not fetch them in time.
    pub kernel_drops: u64,
    /// The generator was the limit: the figures say nothing about the server.
    pub limited: bool,
}

impl UacReport {
    /// Whether every call that was due was answered by a 2xx, and ended if it was to end.
    pub fn all_answered(&self) -> bool {
        let CallCounts { due, answered: [success, ..], completed, .. } = self.counts;
        match self.mode {
            Mode::Call => success == due && completed == due,
            Mode::Register => success + completed == due,
            _ => success == due,
        }
    }
}

/// Whether a generator was the limit: late, too busy to be trusted, or unable to begin a call.
pub fn is_limited(lag: &Percentiles, bound_us: u64, busy: f64, unsent: u64) -> bool {
    lag.p99_us > bound_us || busy > limits::BUSY || unsent > 0
}

/// `count` per second; 0 for no time.
pub fn per_second(count: u64, elapsed_us: u64) -> f64 {
    if elapsed_us == 0 { 0.0 } else { count as f64 * 1e6 / elapsed_us as f64 }
}

/// What one answering address received and sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct DestinationCounts {
    /// INVITE.
    pub invite: u64,
    /// ACK.
    pub ack: u64,
    /// BYE.
    pub bye: u64,
    /// CANCEL.
    pub cancel: u64,
    /// OPTIONS.
    pub options: u64,
    /// Other requests.
    pub other: u64,
    /// Replies sent.
    pub replies: u64,
    /// Datagrams dropped unread while absent.
    pub dropped: u64,
    /// Datagrams that could not be read, or were replies.
    pub unreadable: u64,
}

impl DestinationCounts {
    /// Requests that begin something: those that are dispatched.
    pub fn first_requests(&self) -> u64 {
        self.invite + self.options + self.other
    }
}

/// One answering address.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct DestinationReport {
    /// Where it answers.
    pub address: SocketAddr,
    /// What it saw.
    pub counts: DestinationCounts,
    /// Its share of all first requests, 0 to 1.
    pub share: f64,
}

/// Whether messages of a Call-ID came in the order of their CSeq numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct OrderReport {
    /// Messages compared with an earlier one of their Call-ID.
    pub compared: u64,
    /// Of these: behind one that was sent later.
    pub out_of_order: u64,
    /// Of these: the same again.
    pub repeated: u64,
    /// Call-IDs forgotten for want of room: 0 makes the proof complete.
    pub forgotten: u64,
}

/// An answering agent's numbers: in the middle of a run and at the end alike.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct UasReport {
    /// Since it was bound.
    pub elapsed_us: u64,
    /// By address, in the order of the settings.
    pub destinations: Vec<DestinationReport>,
    /// Order within Call-IDs, over all addresses.
    pub order: OrderReport,
    /// Datagrams that the system refused to send.
    pub send_errors: u64,
    /// Share of the time in which the thread had work, 0 to 1.
    pub busy: f64,
    /// Requests that the kernel dropped because the agent did not fetch them in time.
    pub kernel_drops: u64,
    /// The agent was the limit: it lost requests or was too busy to be trusted.
    pub limited: bool,
}

impl UasReport {
    /// First requests received by all addresses.
    pub fn first_requests(&self) -> u64 {
        self.destinations.iter().map(|d| d.counts.first_requests()).sum()
    }
}

/// Shares of a whole; all 0 when there is nothing to share.
pub fn shares(counts: impl Iterator<Item = u64> + Clone) -> impl Iterator<Item = f64> {
    let whole: u64 = counts.clone().sum();
    counts.map(move |count| if whole == 0 { 0.0 } else { count as f64 / whole as f64 })
}

/// A histogram for microseconds, three digits, with every page touched.
///
/// # Errors
/// None in practice: the bounds are constants, but the histogram checks them when it is made.
pub fn histogram() -> Result<Histogram<u64>, CreationError> {
    let mut values = Histogram::new_with_bounds(1, limits::LATENCY_US, 3)?;
    values.reset();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class() {
        let mut counts = CallCounts::default();
        for status in [200, 299, 302, 404, 486, 503, 699, 100, 700] {
            counts.answer(status);
        }
        assert_eq!(counts.answered, [2, 1, 2, 1, 1]);
        assert_eq!(counts.answered_all(), 7);
        counts.close(401);
        counts.close(200);
        assert_eq!((counts.completed, counts.bye_refused, counts.last_refusal), (1, 1, 401));
    }

    #[test]
    fn percentiles_are_within_the_three_digits() {
        let mut values = histogram().unwrap();
        assert_eq!(Percentiles::of(&values), Percentiles::default());
        for value in 1..=10_000 {
            values.saturating_record(value);
        }
        let found = Percentiles::of(&values);
        let pairs = [(found.p50_us, 5_000), (found.p90_us, 9_000), (found.p99_us, 9_900)];
        for (found, wanted) in pairs.into_iter().chain([(found.max_us, 10_000)]) {
            assert!(found.abs_diff(wanted) * 1_000 <= wanted, "{found} {wanted}");
        }
        assert_eq!(found.count, 10_000);
    }

    #[test]
    fn a_value_beyond_the_range_counts_as_its_end() {
        let mut values = histogram().unwrap();
        values.saturating_record(u64::MAX);
        let found = Percentiles::of(&values).max_us;
        assert!(found.abs_diff(limits::LATENCY_US) * 1_000 <= limits::LATENCY_US, "{found}");
    }

    #[test]
    fn each_sign_of_a_limited_generator_counts() {
        let lag = Percentiles { p99_us: 1_000, ..Percentiles::default() };
        assert!(!is_limited(&lag, 1_000, 0.9, 0));
        assert!(is_limited(&lag, 999, 0.5, 0));
        assert!(is_limited(&lag, 1_000, 0.91, 0));
        assert!(is_limited(&lag, 1_000, 0.5, 1));
    }

    #[test]
    fn rates_and_shares() {
        assert_eq!((per_second(30, 2_000_000), per_second(30, 0)), (15.0, 0.0));
        let all: Vec<f64> = shares([1, 3, 0, 4].into_iter()).collect();
        assert_eq!(all, [0.125, 0.375, 0.0, 0.5]);
        assert_eq!(shares([0, 0].into_iter()).sum::<f64>(), 0.0);
    }
}
