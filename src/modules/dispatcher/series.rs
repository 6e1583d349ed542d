//! The labelled series of destinations: for each, by set and URI, how it is doing.
//!
//! Reads atomics, on the control plane.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use sluice_engine::series::{Family, Figure, Series};

use super::given::DEFAULT;
use super::health::Health;
use super::latency::Counts;
use super::partition::Partition;
use super::sets::{Destination, Sets};

const CALLS: Family =
    Family { name: "sluice_dispatcher_calls_total", doc: "Selections of the destination." };
const ACTIVE: Family = Family {
    name: "sluice_dispatcher_destination_active",
    doc: "1 while the destination may be selected, 0 while it is inactive or probing.",
};

const CALLS_NOW: Family = Family {
    name: "sluice_dispatcher_calls_active",
    doc: "Calls that went to the destination and have no final reply yet.",
};
const FAILURES: Family = Family {
    name: "sluice_dispatcher_failures_total",
    doc: "Requests that the destination refused, did not answer in time, or did not get.",
};
const REPLY_SECONDS: Family = Family {
    name: "sluice_dispatcher_first_reply_seconds",
    doc: "Time from sending a request to the destination to its first reply.",
};

/// Tells them; what needs a look at the calls only of destinations whose calls are watched.
pub(super) fn tell(partitions: &[Partition], to: &mut dyn Series) {
    let sets: Vec<_> = partitions.iter().map(|one| (&*one.name, one.sets.load())).collect();
    let rows: Vec<_> = sets.iter().flat_map(|(name, sets)| rows(name, sets)).collect();
    let mut each = |family, figure: fn(&Destination) -> Figure<'static>| {
        for (set, destination) in &rows {
            let labels = [("set", &**set), ("destination", &*destination.uri)];
            to.put(family, &labels, figure(destination));
        }
    };
    each(&CALLS, |destination| Figure::Counter(destination.live.hits()));
    each(&ACTIVE, |destination| Figure::Gauge(f64::from(u8::from(destination.is_active()))));
    let mut watched = |family, tell: fn(&Health, &mut dyn FnMut(Figure<'_>))| {
        for (set, destination) in &rows {
            let Some(health) = destination.live.health() else { continue };
            let labels = [("set", &**set), ("destination", &*destination.uri)];
            tell(&health, &mut |figure| to.put(family, &labels, figure));
        }
    };
    watched(&CALLS_NOW, |health, put| put(Figure::Gauge(health.active().into())));
    watched(&FAILURES, |health, put| put(Figure::Counter(health.failures())));
    watched(&REPLY_SECONDS, |health, put| {
        let Counts { buckets, count, sum } = health.latency.counts();
        put(Figure::Histogram { buckets: &buckets, count, sum });
    });
}

/// All destinations, each with its set. Equal lines have one live part, so they are one row.
///
/// A set of another partition than the default one is called `partition:set`, as in `ds_set_state`.
fn rows<'a>(partition: &str, sets: &'a Sets) -> Vec<(Rc<str>, &'a Destination)> {
    let mut rows = Vec::new();
    for set in sets.iter() {
        let id: Rc<str> = match partition {
            DEFAULT => set.id.to_string().into(),
            name => format!("{name}:{}", set.id).into(),
        };
        let mut seen = HashSet::with_capacity(set.destinations.len());
        let new = |destination: &&Destination| seen.insert(Arc::as_ptr(&destination.live));
        rows.extend(set.destinations.iter().filter(new).map(|one| (Rc::clone(&id), one)));
    }
    rows
}
