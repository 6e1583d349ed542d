//! The labelled series of destinations: for each, by set and URI, how it is doing.
//!
//! Reads atomics, on the control plane.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use sluice_engine::series::{Family, Figure, Series};

use super::sets::{Destination, Sets};

const CALLS: Family =
    Family { name: "sluice_dispatcher_calls_total", doc: "Selections of the destination." };
const ACTIVE: Family = Family {
    name: "sluice_dispatcher_destination_active",
    doc: "1 while the destination may be selected, 0 while it is inactive or probing.",
};

/// Tells them.
pub(super) fn tell(sets: &Sets, to: &mut dyn Series) {
    let rows = rows(sets);
    let mut each = |family, figure: fn(&Destination) -> Figure<'static>| {
        for (set, destination) in &rows {
            let labels = [("set", &**set), ("destination", &*destination.uri)];
            to.put(family, &labels, figure(destination));
        }
    };
    each(&CALLS, |destination| Figure::Counter(destination.live.hits()));
    each(&ACTIVE, |destination| Figure::Gauge(f64::from(u8::from(destination.is_active()))));
}

/// All destinations, each with its set. Equal lines have one live part, so they are one row.
fn rows(sets: &Sets) -> Vec<(Rc<str>, &Destination)> {
    let mut rows = Vec::new();
    for set in sets.iter() {
        let id: Rc<str> = set.id.to_string().into();
        let mut seen = HashSet::with_capacity(set.destinations.len());
        let new = |destination: &&Destination| seen.insert(Arc::as_ptr(&destination.live));
        rows.extend(set.destinations.iter().filter(new).map(|one| (Rc::clone(&id), one)));
    }
    rows
}
