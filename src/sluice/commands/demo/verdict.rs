//! Whether the demo went as it must: all calls answered, once, and shares as the scene expects.

use serde::Serialize;
use sluice_engine::counter::Counter;
use sluice_traffic::agents::Report;
use sluice_traffic::report::{CallCounts, Percentiles, shares};

use super::counts;
use super::scene::{ABSENT, Scene};
use crate::serve::Gateway;

/// How far a share may be from fair, in percentage points.
const FAIR_POINTS: f64 = 3.0;

/// First requests of each destination, as they stood at the borders of the phases.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Phases {
    /// When the destination was taken out.
    pub all: Vec<u64>,
    /// When it was switched off, and what was on its way before had arrived.
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
    /// Datagrams that reached the destination while it was switched off.
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
    /// With a 2xx.
    pub answered: u64,
    pub completed: u64,
    /// Replies that nobody waited for any more.
    pub repeated: u64,
    pub timed_out: u64,
    pub not_begun: u64,
}

impl Calls {
    pub(super) fn of(counts: &CallCounts) -> Self {
        Self {
            due: counts.due,
            answered: counts.answered[0],
            completed: counts.completed,
            repeated: counts.unexpected,
            timed_out: counts.timed_out,
            not_begun: counts.unsent,
        }
    }

    /// There were some, all were answered, once, and have ended.
    pub(super) fn are_all_well(&self) -> bool {
        self.due > 0 && self.are_answered_but_for(0)
    }

    /// All were answered, once. What stood between its answer and its end when its destination fell
    /// silent cannot end well: a few milliseconds of calls.
    fn are_well(&self, scene: &Scene) -> bool {
        self.are_answered_but_for(if scene.told { 0 } else { self.due.div_ceil(1_000) })
    }

    /// All were answered, once, and at most so many have not ended.
    fn are_answered_but_for(&self, broken: u64) -> bool {
        let all_once = self.answered == self.due && self.repeated == 0;
        all_once && self.due.saturating_sub(self.completed) <= broken
    }
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
        scene: &Scene,
    ) -> Self {
        let caller = &report.caller;
        let at_end = counts(&report.destinations);
        let shares = Shares {
            all: percent(&phases.all, &[]),
            absent: percent(&phases.end_absence, &phases.begin_absence),
            back: percent(&at_end, &phases.begin_back),
        };
        let destination = report.destinations.destinations.get(ABSENT);
        let mut verdict = Self {
            ok: false,
            problems: Vec::new(),
            calls: Calls::of(&caller.counts),
            latency: caller.latency,
            shares,
            to_absent: destination.map_or(0, |d| d.counts.dropped),
            generator_limited: caller.limited,
            hopped: gateway.count(Counter::Hopped),
            turn_p99_us: turns(gateway),
        };
        verdict.judge(scene);
        verdict
    }

    fn judge(&mut self, scene: &Scene) {
        if !self.calls.are_well(scene) {
            self.problems.push(format!("not every call was answered once: {:?}", self.calls));
        }
        match (scene.told, self.to_absent) {
            (true, 1..) => {
                self.problems.push(format!("{} datagrams to the absent one", self.to_absent));
            }
            (false, 0) => self.problems.push("nobody called the silent one".to_owned()),
            _ => {}
        }
        let fair = [25.0; 4];
        let phases = [
            (&self.shares.all, fair),
            (&self.shares.absent, scene.absent),
            (&self.shares.back, fair),
        ];
        for (phase, (shares, expected)) in (1..).zip(phases) {
            let strays = |(share, fair): (&f64, f64)| (share - fair).abs() > FAIR_POINTS;
            if shares.len() != expected.len() || shares.iter().zip(expected).any(strays) {
                self.problems.push(format!("unfair shares in phase {phase}: {shares:?}"));
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

pub(super) fn turns(gateway: &mut Gateway) -> Vec<u64> {
    let monitors = gateway.monitors().iter_mut();
    monitors.map(|monitor| monitor.turns.total().value_at_quantile(0.99)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DISPATCHER, PROXY};
    use super::*;

    fn calls() -> Calls {
        Calls { due: 9, answered: 9, completed: 9, repeated: 0, timed_out: 0, not_begun: 0 }
    }

    fn verdict(scene: &Scene, all: &[f64], absent: &[f64], to_absent: u64) -> Verdict {
        let mut verdict = Verdict {
            ok: false,
            problems: Vec::new(),
            calls: calls(),
            latency: Percentiles::default(),
            shares: Shares { all: all.into(), absent: absent.into(), back: all.into() },
            to_absent,
            generator_limited: false,
            hopped: 0,
            turn_p99_us: Vec::new(),
        };
        verdict.judge(scene);
        verdict
    }

    const FAIR: [f64; 4] = [25.5, 24.5, 26.0, 24.0];
    const THREE: [f64; 4] = [33.0, 34.0, 0.0, 33.0];
    const NEXT: [f64; 4] = [24.0, 26.0, 0.0, 50.0];

    #[test]
    fn each_demand_can_fail() {
        let verdict =
            |all: &[f64], absent: &[f64], to_absent| verdict(&DISPATCHER, all, absent, to_absent);
        assert!(verdict(&FAIR, &THREE, 0).ok);
        assert!(!verdict(&FAIR, &THREE, 1).ok, "something went to the absent one");
        assert!(!verdict(&[29.0, 24.0, 23.5, 23.5], &THREE, 0).ok, "an unfair share");
        assert!(!verdict(&FAIR, &FAIR, 0).ok, "the absent one has a share");
        assert!(!verdict(&FAIR, &[], 0).ok, "there was no such phase");
        let spoilt = |calls| {
            let mut verdict = verdict(&FAIR, &THREE, 0);
            verdict.calls = calls;
            verdict.judge(&DISPATCHER);
            !verdict.ok
        };
        assert!(spoilt(Calls { answered: 8, ..calls() }), "a call was not answered");
        assert!(spoilt(Calls { completed: 8, ..calls() }), "a call has not ended");
        assert!(spoilt(Calls { repeated: 1, ..calls() }), "a call was answered twice");
    }

    #[test]
    fn the_proxy_must_have_tried_the_silent_one_and_gone_on_to_the_next() {
        assert!(verdict(&PROXY, &FAIR, &NEXT, 7).ok);
        assert!(!verdict(&PROXY, &FAIR, &NEXT, 0).ok, "it was never called");
        assert!(!verdict(&PROXY, &FAIR, &THREE, 7).ok, "the next one has not got its calls");
    }

    #[test]
    fn calls_in_the_middle_may_break_when_a_destination_falls_silent() {
        let broken = |completed| Calls { due: 9_000, answered: 9_000, completed, ..calls() };
        assert!(broken(8_991).are_well(&PROXY));
        assert!(!broken(8_990).are_well(&PROXY));
    }

    #[test]
    fn shares_are_of_what_came_between() {
        assert_eq!(percent(&[30, 10], &[]), [75.0, 25.0]);
        assert_eq!(percent(&[30, 20], &[20, 10]), [50.0, 50.0]);
    }
}
