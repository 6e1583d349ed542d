//! Whether the demo went as it must: all calls answered, fair shares, nothing to the absent one.

use serde::Serialize;
use sluice_engine::counter::Counter;
use sluice_traffic::agents::Report;
use sluice_traffic::report::{Percentiles, shares};

use super::counts;
use crate::serve::Gateway;

/// How far a share may be from fair, in percentage points.
const FAIR_POINTS: f64 = 3.0;

/// First requests of each destination, as they stood at the borders of the phases.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Phases {
    /// When the destination was taken out.
    pub all: Vec<u64>,
    /// When it was switched off.
    pub begin_absence: Vec<u64>,
    /// When it came back.
    pub end_absence: Vec<u64>,
    /// When all that was on its way before had arrived: from then on the shares are fair again.
    pub begin_back: Vec<u64>,
}

/// The summary.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Verdict {
    pub ok: bool,
    pub problems: Vec<String>,
    pub calls: Calls,
    pub latency: Percentiles,
    pub shares: Shares,
    /// Datagrams that reached the absent destination after its removal.
    pub to_absent: u64,
    /// The caller itself was too slow: the latencies are not the gateway's.
    pub generator_limited: bool,
    /// Messages that passed from the worker they landed at to the one that owns their call.
    pub hopped: u64,
    /// The 99th percentile of the workers' turns, microseconds.
    pub turn_p99_us: Vec<u64>,
}

/// What became of the calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Calls {
    pub due: u64,
    pub answered: u64,
    pub completed: u64,
    pub timed_out: u64,
    pub not_begun: u64,
}

/// Shares of the destinations in each phase, percent.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Shares {
    pub all: Vec<f64>,
    pub absent: Vec<f64>,
    pub back: Vec<f64>,
}

impl Verdict {
    pub(super) fn of(
        report: &Report,
        phases: Phases,
        gateway: &mut Gateway,
        absent: usize,
    ) -> Self {
        let caller = &report.caller;
        let at_end = counts(&report.destinations);
        let shares = Shares {
            all: percent(&phases.all, &[]),
            absent: percent(&phases.end_absence, &phases.begin_absence),
            back: percent(&at_end, &phases.begin_back),
        };
        let destination = report.destinations.destinations.get(absent);
        let mut verdict = Self {
            ok: false,
            problems: Vec::new(),
            calls: Calls {
                due: caller.counts.due,
                answered: caller.counts.answered_all(),
                completed: caller.counts.completed,
                timed_out: caller.counts.timed_out,
                not_begun: caller.counts.unsent,
            },
            latency: caller.latency,
            shares,
            to_absent: destination.map_or(0, |d| d.counts.dropped),
            generator_limited: caller.limited,
            hopped: gateway.count(Counter::Hopped),
            turn_p99_us: turns(gateway),
        };
        verdict.judge(report.caller.all_answered(), absent);
        verdict
    }

    fn judge(&mut self, all_answered: bool, absent: usize) {
        if !all_answered {
            self.problems.push(format!("not every call was answered: {:?}", self.calls));
        }
        if self.to_absent > 0 {
            self.problems.push(format!("{} datagrams to the absent destination", self.to_absent));
        }
        let phases = [&self.shares.all, &self.shares.absent, &self.shares.back];
        for (phase, shares) in phases.iter().enumerate() {
            let there = |at: usize| phase != 1 || at != absent;
            let present = (0..shares.len()).filter(|at| there(*at)).count();
            let fair = |at: usize| if there(at) { 100.0 / present as f64 } else { 0.0 };
            let unfair = |(at, share): (usize, &f64)| (share - fair(at)).abs() > FAIR_POINTS;
            if shares.is_empty() || shares.iter().enumerate().any(unfair) {
                self.problems.push(format!("unfair shares in phase {}: {shares:?}", phase + 1));
            }
        }
        self.ok = self.problems.is_empty();
    }
}

/// Shares in percent of what came between two counts.
fn percent(to: &[u64], from: &[u64]) -> Vec<f64> {
    let from = from.iter().chain(std::iter::repeat(&0));
    let new: Vec<u64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
    shares(new.into_iter()).map(|share| share * 100.0).collect()
}

fn turns(gateway: &mut Gateway) -> Vec<u64> {
    let monitors = gateway.monitors().iter_mut();
    monitors.map(|monitor| monitor.turns.total().value_at_quantile(0.99)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(all: &[f64], absent: &[f64], to_absent: u64) -> Verdict {
        let mut verdict = Verdict {
            ok: false,
            problems: Vec::new(),
            calls: Calls { due: 9, answered: 9, completed: 9, timed_out: 0, not_begun: 0 },
            latency: Percentiles::default(),
            shares: Shares { all: all.into(), absent: absent.into(), back: all.into() },
            to_absent,
            generator_limited: false,
            hopped: 0,
            turn_p99_us: Vec::new(),
        };
        verdict.judge(true, 2);
        verdict
    }

    const FAIR: [f64; 4] = [25.5, 24.5, 26.0, 24.0];
    const THREE: [f64; 4] = [33.0, 34.0, 0.0, 33.0];

    #[test]
    fn each_demand_can_fail() {
        assert!(verdict(&FAIR, &THREE, 0).ok);
        assert!(!verdict(&FAIR, &THREE, 1).ok, "something went to the absent one");
        assert!(!verdict(&[29.0, 24.0, 23.5, 23.5], &THREE, 0).ok, "an unfair share");
        assert!(!verdict(&FAIR, &FAIR, 0).ok, "the absent one has a share");
        assert!(!verdict(&FAIR, &[], 0).ok, "there was no such phase");
        let mut lost = verdict(&FAIR, &THREE, 0);
        lost.judge(false, 2);
        assert!(!lost.ok, "a call was not answered");
    }

    #[test]
    fn shares_are_of_what_came_between() {
        assert_eq!(percent(&[30, 10], &[]), [75.0, 25.0]);
        assert_eq!(percent(&[30, 20], &[20, 10]), [50.0, 50.0]);
    }
}
