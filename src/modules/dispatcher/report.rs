//! What the dispatcher tells others of itself: whether it has destinations, what its loads brought,
//! and the event E_DISPATCHER_STATUS (spec 3.7).

use std::sync::Arc;

use sluice_engine::context::Kept;
use sluice_engine::events::Raised;
use sluice_engine::post::{Letter, Post};
use sluice_engine::reports::Reports;
use sluice_engine::{Ctx, Value};

use super::given::DEFAULT;
use super::plan::Plan;
use super::sets::Sets;

/// The group of its statuses; their identifiers are the partitions' names.
const GROUP: &str = "dispatcher";

const EVENT: &str = "E_DISPATCHER_STATUS";

/// Where a partition tells it.
pub(super) struct Desk {
    /// Its name.
    pub partition: Arc<str>,
    pub reports: Arc<Reports>,
    pub post: Arc<Post>,
}

impl Desk {
    /// The sets have been loaded, at start or again.
    pub(super) fn loaded(&self, sets: &Sets, warnings: usize) {
        let destinations: usize = sets.iter().map(|set| set.destinations.len()).sum();
        let line = format!("loaded; destinations: {destinations}, warnings: {warnings}");
        self.reports.log(GROUP, &self.partition, line);
        let (status, details) =
            if destinations > 0 { (1, "data available") } else { (-1, "no data loaded") };
        let before = self.reports.set(GROUP, &self.partition, status, details);
        let Some(before) = before.filter(|before| *before != 0) else { return };
        let text = |text: &str| Kept::Text(text.as_bytes().to_vec());
        self.raise(
            "E_CORE_SR_STATUS_CHANGED",
            [
                ("group", text(GROUP)),
                ("identifier", text(&self.partition)),
                ("status", Kept::Int(status.into())),
                ("details", text(details)),
                ("old_status", Kept::Int(before.into())),
            ],
        );
    }

    /// The sets have been loaded again, with these changes.
    pub(super) fn reloaded(&self, sets: &Sets, warnings: usize, plan: &Plan) {
        self.loaded(sets, warnings);
        let line = format!("reloaded: {}", plan.summary());
        tracing::info!(target: "dispatcher", partition = &*self.partition, "{line}");
        self.reports.log(GROUP, &self.partition, line);
    }

    /// The sets stay as they are.
    pub(super) fn refused(&self, why: &str) {
        self.reports.log(GROUP, &self.partition, format!("{why}; the old sets stay"));
    }

    /// The state of a destination has changed, by something else than a script.
    pub(super) fn changed(&self, set: i64, address: &str, active: bool, reason: &str) {
        let text = |text: &str| Kept::Text(text.as_bytes().to_vec());
        // spec 3.7: the partition is told of others than the default one.
        let partition = self.other().map(|name| ("partition", text(name)));
        let params = [
            ("group", Kept::Int(set)),
            ("address", text(address)),
            ("status", text(word(active))),
            ("reason", text(reason)),
        ];
        self.raise(EVENT, partition.into_iter().chain(params));
    }

    /// A script has changed the state of a destination.
    pub(super) fn change_told(&self, ctx: &mut Ctx<'_>, set: i64, address: &str, active: bool) {
        let mut text = |text: &str| Value::Text(ctx.keep(text.as_bytes()));
        let params = [
            (text("partition"), text(&self.partition)),
            (text("group"), Value::Int(set)),
            (text("address"), text(address)),
            (text("status"), text(word(active))),
            (text("reason"), text("marked by the script")),
        ];
        let without = usize::from(self.other().is_none());
        if !ctx.raise(EVENT.as_bytes(), params.get(without..).unwrap_or_default()) {
            ctx.complain("too many events wait for their route");
        }
    }

    fn other(&self) -> Option<&str> {
        Some(&*self.partition).filter(|name| *name != DEFAULT)
    }

    /// A full inbox means that events come faster than their routes run: this one is lost.
    fn raise<'n>(&self, name: &str, params: impl IntoIterator<Item = (&'n str, Kept)>) {
        let params = params.into_iter().map(|(name, value)| (name.into(), value)).collect();
        if let Err(why) = self.post.send(Letter::Event(Raised { name: name.into(), params })) {
            tracing::warn!(target: "dispatcher", "{name}: {why}");
        }
    }
}

const fn word(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}
