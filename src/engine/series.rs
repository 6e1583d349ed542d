//! Labelled series: figures that a module keeps for each of its things, such as destinations, where
//! a statistic has one number for all of them.
//!
//! A module tells them to whoever asks ([`crate::module::SharedState::series`]), on the control
//! plane. Figures of one name follow each other. Nothing is kept here, and no message waits for it.

/// Receives series.
pub trait Series {
    /// One figure. `labels` are names and values; values are as they are, not escaped.
    fn put(&mut self, family: &Family, labels: &[(&str, &str)], figure: Figure<'_>);
}

/// What figures of one name have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family {
    /// The whole name, `sluice_dispatcher_calls_total`; that of a histogram without `_bucket`.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
}

/// A figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Figure<'a> {
    /// Only grows.
    Counter(u64),
    /// Comes and goes.
    Gauge(f64),
    /// How many values were at most so large.
    Histogram {
        /// Bounds, ascending, each with how many values were not above it.
        buckets: &'a [(f64, u64)],
        /// How many values there were.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}
