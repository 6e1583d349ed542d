//! What the modules of SQL databases share: a module makes its kind of URL known, and counts what
//! its databases do. The databases are the program's ([`Sql`](sluice_engine::sql::Sql)).

use std::any::Any;
use std::sync::Arc;

use sluice_base::{Now, WorkerId};
use sluice_engine::context::Kept;
use sluice_engine::events::Raised;
use sluice_engine::module::{ParamEntry, Setup, SharedState, Statistic};
use sluice_engine::post::{Letter, Post};
use sluice_engine::series::{Family, Figure, Series};
use sluice_engine::sql::{SqlCounts, SqlKind, SqlOptions, Timing};
use sluice_script::catalog::SettingKind::Int;
use sluice_script::catalog::Status::Honoured;
use sluice_script::ir::Setting;

use crate::table::setting;

/// In the order of [`sluice_engine::sql::SqlCount`].
pub(crate) const STATISTICS: &[Statistic] = &[
    Statistic { name: "queries", doc: "Statements asked for." },
    Statistic { name: "failed", doc: "Statements that were not done." },
    Statistic { name: "slow", doc: "Statements that took longer than exec_query_threshold." },
    Statistic { name: "late", doc: "Statements that the database did not answer in time." },
    Statistic { name: "query_us", doc: "The time that all statements took, microseconds." },
    Statistic { name: "connections", doc: "Connections made." },
    Statistic { name: "gone", doc: "How often a database went away." },
    Statistic { name: "back", doc: "How often a database came back." },
];

/// `exec_query_threshold`
pub(crate) const THRESHOLD: ParamEntry = ParamEntry {
    check: Some(check_positive_or_none),
    ..setting(
        "exec_query_threshold",
        &[],
        "A statement that takes longer is told in the log, microseconds; 0, none is.",
        Int,
        Honoured,
    )
};

/// `max_db_queries`
pub(crate) const QUERIES: ParamEntry = setting(
    "max_db_queries",
    &[],
    "How often a statement is tried whose connection has broken; 2.",
    Int,
    Honoured,
);

/// `connections`
pub(crate) const CONNECTIONS: ParamEntry = ParamEntry {
    check: Some(check_connections),
    ..setting("connections", &[], "The most connections to one database; 8. Ours.", Int, Honoured)
};

fn check_positive_or_none(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..) => Ok(()),
        _ => Err("a number of microseconds, or 0 for none".to_owned()),
    }
}

fn check_connections(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=1_000) => Ok(()),
        _ => Err("from 1 to 1000 connections".to_owned()),
    }
}

/// `use_tls` that is not 0.
pub(crate) fn check_tls(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0) => Ok(()),
        _ => Err("TLS to databases comes later; 0 is without".to_owned()),
    }
}

/// How often a statement is tried; as there, a number that makes no sense is the default.
pub(crate) fn tries(setup: &Setup<'_>) -> u32 {
    u32::try_from(setup.int("max_db_queries", 2)).ok().filter(|tries| *tries > 0).unwrap_or(2)
}

/// The numbers that all kinds have.
pub(crate) fn numbers(setup: &Setup<'_>) -> (u32, u64) {
    let connections = u32::try_from(setup.int("connections", 8)).unwrap_or(8);
    let slow_us = u64::try_from(setup.int("exec_query_threshold", 0)).unwrap_or(0);
    (connections, slow_us)
}

/// Makes a kind of URL known. An `event` tells when a database has gone, and when it is back.
pub(crate) fn start(
    setup: &mut Setup<'_>,
    options: SqlOptions,
    event: Option<&'static str>,
) -> Arc<dyn SharedState> {
    let counts = Arc::<SqlCounts>::default();
    let scheme = options.kind.scheme();
    let families = families(options.kind);
    let open = setup.sql.opener(options, Arc::clone(&counts));
    setup.databases.add(scheme, open);
    Arc::new(State { counts, families, event, post: Arc::clone(setup.post) })
}

struct State {
    counts: Arc<SqlCounts>,
    families: [Family; 2],
    event: Option<&'static str>,
    post: Arc<Post>,
}

/// The labelled series of a kind: how long statements took, and how many were not done.
const fn families(kind: SqlKind) -> [Family; 2] {
    let (seconds, failures) = match kind {
        SqlKind::MySql => ("sluice_db_mysql_query_seconds", "sluice_db_mysql_failures_total"),
        SqlKind::Postgres => {
            ("sluice_db_postgres_query_seconds", "sluice_db_postgres_failures_total")
        }
        SqlKind::Sqlite => ("sluice_db_sqlite_query_seconds", "sluice_db_sqlite_failures_total"),
    };
    [
        Family { name: seconds, doc: "How long statements took, by table and what they do." },
        Family { name: failures, doc: "Statements not done, by table and what they do." },
    ]
}

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn counted(&self, statistic: usize) -> u64 {
        self.counts.at(statistic)
    }

    fn tick(&self, _: Now) {
        let Some(name) = self.event else { return };
        for turn in self.counts.turns() {
            let status = if turn.is_back { "connected" } else { "disconnected" };
            let param = |name: &str, text: &str| (name.into(), Kept::Text(text.into()));
            let params = vec![param("url", &turn.name), param("status", status)];
            let raised = Raised { name: name.into(), params };
            if let Err(why) = self.post.send(Letter::Event(raised)) {
                tracing::warn!(target: "db", "{name}: {why}");
            }
        }
    }

    fn series(&self, to: &mut dyn Series) {
        let [seconds, failures] = &self.families;
        let timings = self.counts.timings();
        for (table, action, timing) in &timings {
            let bounds = Timing::BOUNDS_US.map(|bound_us| bound_us as f64 / 1e6);
            let buckets: Vec<_> = bounds.into_iter().zip(timing.within).collect();
            let sum = timing.sum_us as f64 / 1e6;
            let figure = Figure::Histogram { buckets: &buckets, count: timing.count, sum };
            to.put(seconds, &[("table", table), ("action", action)], figure);
        }
        for (table, action, timing) in &timings {
            let labels = [("table", &**table), ("action", *action)];
            to.put(failures, &labels, Figure::Counter(timing.failed));
        }
    }
}
