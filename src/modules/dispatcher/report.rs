//! What the dispatcher tells others of itself: whether it has destinations, what its loads brought,
//! and the event E_DISPATCHER_STATUS (spec 3.7).

use std::sync::Arc;

use sluice_engine::context::Kept;
use sluice_engine::events::Raised;
use sluice_engine::post::{Letter, Post};
use sluice_engine::reports::Reports;
use sluice_engine::{Ctx, Value};

use super::sets::Sets;

/// The group of its status, and the identifier of the only partition.
const GROUP: &str = "dispatcher";
const PARTITION: &str = "default";

const EVENT: &str = "E_DISPATCHER_STATUS";

/// Where it tells it.
pub(super) struct Desk {
    pub reports: Arc<Reports>,
    pub post: Arc<Post>,
}

impl Desk {
    /// The sets have been loaded, at start or again.
    pub(super) fn loaded(&self, sets: &Sets, warnings: usize) {
        let destinations: usize = sets.iter().map(|set| set.destinations.len()).sum();
        let line = format!("loaded; destinations: {destinations}, warnings: {warnings}");
        self.reports.log(GROUP, PARTITION, line);
        let (status, details) =
            if destinations > 0 { (1, "data available") } else { (-1, "no data loaded") };
        let before = self.reports.set(GROUP, PARTITION, status, details);
        let Some(before) = before.filter(|before| *before != 0) else { return };
        let text = |text: &str| Kept::Text(text.as_bytes().to_vec());
        self.raise(
            "E_CORE_SR_STATUS_CHANGED",
            [
                ("group", text(GROUP)),
                ("identifier", text(PARTITION)),
                ("status", Kept::Int(status.into())),
                ("details", text(details)),
                ("old_status", Kept::Int(before.into())),
            ],
        );
    }

    /// The sets stay as they are.
    pub(super) fn refused(&self, why: &str) {
        self.reports.log(GROUP, PARTITION, format!("{why}; the old sets stay"));
    }

    /// Management has changed the state of a destination.
    pub(super) fn changed(&self, set: i64, address: &str, active: bool) {
        let text = |text: &str| Kept::Text(text.as_bytes().to_vec());
        let params =
            [("group", Kept::Int(set)), ("address", text(address)), ("status", text(word(active)))];
        self.raise(EVENT, params);
    }

    /// A full inbox means that events come faster than their routes run: this one is lost.
    fn raise<const N: usize>(&self, name: &str, params: [(&str, Kept); N]) {
        let params = params.into_iter().map(|(name, value)| (name.into(), value)).collect();
        if let Err(why) = self.post.send(Letter::Event(Raised { name: name.into(), params })) {
            tracing::warn!(target: "dispatcher", "{name}: {why}");
        }
    }
}

/// A script has changed the state of a destination.
pub(super) fn changed(ctx: &mut Ctx<'_>, set: i64, address: &str, active: bool) {
    let mut text = |text: &str| Value::Text(ctx.keep(text.as_bytes()));
    let params = [
        (text("group"), Value::Int(set)),
        (text("address"), text(address)),
        (text("status"), text(word(active))),
    ];
    if !ctx.raise(EVENT.as_bytes(), &params) {
        ctx.complain("too many events wait for their route");
    }
}

const fn word(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}
