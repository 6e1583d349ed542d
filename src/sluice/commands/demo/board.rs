//! The demo's table: a line each second, what happens between them, a summary.

use sluice_traffic::agents::Snapshot;
use sluice_traffic::report::{Percentiles, shares};

use super::scene::{DESTINATIONS, Scene};
use super::verdict::Verdict;
use super::{Options, counts};
use crate::serve::Gateway;

/// Writes to standard output, unless told to be silent.
pub(super) struct Board {
    speaks: bool,
    second: u64,
    answered: u64,
    received: Vec<u64>,
}

impl Board {
    pub(super) fn new(speaks: bool) -> Self {
        Self { speaks, second: 0, answered: 0, received: Vec::new() }
    }

    pub(super) fn begin(&self, gateway: &Gateway, options: &Options, scene: &Scene) {
        if !self.speaks {
            return;
        }
        let workers = gateway.workers();
        let plural = if workers == 1 { "" } else { "s" };
        println!("{workers} worker{plural} {}", gateway.listening());
        println!("{}, {}", scene.name, scene.about);
        println!("{} calls/s for {} s, each INVITE, ACK, BYE\n", options.rate, options.seconds);
        print!("  time  calls/s      p50      p99 |");
        for n in 1..=DESTINATIONS {
            print!("   :{}", options.port + 10 + n);
        }
        println!();
    }

    /// A line when a second has passed since the last one.
    pub(super) fn look(&mut self, snapshot: &Snapshot) {
        let second = snapshot.caller.elapsed_us / 1_000_000;
        let Some(destinations) = &snapshot.destinations else { return };
        if second <= self.second {
            return;
        }
        let answered = snapshot.caller.counts.answered_all();
        let rate = (answered - self.answered) / (second - self.second);
        let received = counts(destinations);
        self.received.resize(received.len(), 0);
        let new = received.iter().zip(&self.received).map(|(now, before)| now - before);
        if self.speaks {
            let p = &snapshot.caller.latency;
            print!("{second:>5} s {rate:>8} {:>8} {:>8} |", millis(p.p50_us), millis(p.p99_us));
            for share in shares(new) {
                print!("{:>7.1}%", share * 100.0);
            }
            println!();
        }
        (self.second, self.answered, self.received) = (second, answered, received);
    }

    pub(super) fn say(&self, now_us: u64, text: &str) {
        if self.speaks {
            println!("{:>7.1} * {text}", now_us as f64 / 1e6);
        }
    }

    pub(super) fn end(&self, verdict: &Verdict) {
        let calls = &verdict.calls;
        println!(
            "\n{} calls due, {} answered, {} failed",
            calls.due,
            calls.answered,
            calls.due - calls.answered
        );
        println!("time to answer   {}", percentiles(&verdict.latency));
        for (name, shares) in [
            ("all present", &verdict.shares.all),
            ("one absent", &verdict.shares.absent),
            ("back again", &verdict.shares.back),
        ] {
            let shares: Vec<String> = shares.iter().map(|s| format!("{s:.1} %")).collect();
            println!("shares, {name:<12} {}", shares.join("  "));
        }
        println!("datagrams to the absent one: {}", verdict.to_absent);
        for problem in &verdict.problems {
            println!("PROBLEM: {problem}");
        }
        println!("{}", if verdict.ok { "ok" } else { "not ok" });
    }
}

pub(super) fn percentiles(p: &Percentiles) -> String {
    let times = [p.p50_us, p.p90_us, p.p99_us, p.max_us].map(millis);
    let [p50, p90, p99, max] = times;
    format!("p50 {p50}  p90 {p90}  p99 {p99}  max {max}")
}

pub(super) fn millis(us: u64) -> String {
    format!("{:.2} ms", us as f64 / 1e3)
}
