//! What management is told of how destinations fare with calls. Runs on the control plane.

use serde_json::{Value, json};
use sluice_engine::module::{Command, SharedState};

use super::health::Health;
use super::latency::Counts;
use super::mi::{Answer, dispatcher, refuse};
use super::sets::Destination;

/// `ds_latency`
pub(super) const LATENCY: Command = Command {
    name: "ds_latency",
    short: "latency",
    doc: "Tells the times to first replies of each destination whose calls are watched.",
    params: &["set?", "partition?"],
    run: latency,
};

/// Why a destination is out by what calls told, or that it is on trial.
pub(super) fn reason(destination: &Destination) -> Option<String> {
    let health = destination.live.health().filter(|_| destination.live.is_out())?;
    let (why, _) = health.out();
    Some(match (destination.is_active(), health.again_in_s()) {
        (true, _) => format!("{}; the next call tries it", why.word()),
        (false, seconds) => format!("{}; may be tried in {seconds} s", why.word()),
    })
}

/// What `ds_list full` adds.
pub(super) fn calls(health: &Health) -> Value {
    json!({
        "active": health.active(),
        "failures": health.failures(),
        "average_ms": health.average_us().map(millis),
    })
}

fn latency(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let [set, partition] = [0, 1].map(|at| params.get(at).copied().flatten());
    let wanted = match set.map(str::parse::<u32>) {
        None => None,
        Some(Ok(set)) => Some(set),
        Some(Err(_)) => return refuse(400, "the set is a number"),
    };
    let sets = dispatcher(state)?.named(partition)?.sets.load();
    if wanted.is_some_and(|id| sets.get(id.into()).is_none()) {
        return refuse(404, "no such set");
    }
    let shown = sets.iter().filter(|set| wanted.is_none_or(|id| id == set.id));
    let sets: Vec<Value> = shown
        .map(|set| {
            let watched = set.destinations.iter();
            let watched = watched.filter_map(|one| Some((&one.uri, one.live.health()?)));
            let all: Vec<Value> = watched.map(|(uri, health)| times(uri, &health)).collect();
            json!({ "id": set.id, "Destinations": all })
        })
        .collect();
    Ok(json!({ "SETS": sets }))
}

fn times(uri: &str, health: &Health) -> Value {
    let counts = health.latency.counts();
    json!({
        "URI": uri,
        "replies": counts.count,
        "average_ms": health.average_us().map(millis),
        "p50_ms": within(&counts, 50),
        "p95_ms": within(&counts, 95),
        "p99_ms": within(&counts, 99),
    })
}

/// The bound that so many percent of the values are not above; NULL when it is above all bounds, or
/// there are no values.
fn within(counts: &Counts, percent: u64) -> Option<f64> {
    let wanted = (counts.count * percent).div_ceil(100).max(1);
    let bucket = counts.buckets.iter().find(|(_, count)| *count >= wanted);
    bucket.map(|(bound_s, _)| bound_s * 1_000.0)
}

fn millis(us: u64) -> f64 {
    us as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatcher::latency::Latency;

    #[test]
    fn shares_are_told_by_the_bounds_above_them() {
        let latency = Latency::default();
        assert_eq!(within(&latency.counts(), 50), None);
        for us in [800, 900, 4_000, 9_000_000] {
            latency.record(us, 1);
        }
        let counts = latency.counts();
        assert_eq!(within(&counts, 50), Some(1.0));
        assert_eq!(within(&counts, 75), Some(5.0));
        assert_eq!(within(&counts, 99), None);
    }
}
