//! Statistics (spec 9.7): groups and names of OpenSIPS, values from the workers' counters.
//!
//! Read and reset without asking a worker: a reset remembers what the counters said, and later
//! values count from there. What Sluice cannot know is not listed, such as memory pools.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use sluice_base::StreamEvent;
use sluice_base::counters::CellsReader;
use sluice_engine::counter::{Counter, HEADER_FAULTS, refusals, stream};
use sluice_engine::module::SharedState;
use sluice_engine::program::Program;
use sluice_engine::series::Series;

use super::load::Load;
use super::{Answer, refuse};

/// A statistic of the core: sums of counters, less others.
#[derive(Debug)]
pub struct CoreStatistic {
    /// Its name within the group `core`.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    plus: &'static [usize],
    minus: &'static [usize],
}

/// The statistics of the group `core`, beside `timestamp`.
pub static CORE_STATISTICS: &[CoreStatistic] = &[
    core("rcv_requests", "Requests received.", RECEIVED_REQUESTS, &[]),
    core("rcv_replies", "Replies received.", RECEIVED_REPLIES, LOST_REQUESTS),
    core(
        "fwd_requests",
        "Requests sent on without state.",
        &[Counter::RequestsForwarded.cell()],
        &[],
    ),
    core("fwd_replies", "Replies sent on without state.", &[Counter::RepliesForwarded.cell()], &[]),
    core("drop_requests", "Requests that did not reach the script.", DROPPED_REQUESTS, &[]),
    core("drop_replies", "Replies that were not sent on.", DROPPED_REPLIES, LOST_REQUESTS),
    core("err_requests", "Requests refused as malformed.", &[Counter::RequestErrors.cell()], &[]),
    core("err_replies", "Replies refused as malformed.", &[Counter::ReplyErrors.cell()], &[]),
    core("bad_URIs_rcvd", "Request-URIs that could not be read.", &[Counter::BadUris.cell()], &[]),
    core("bad_msg_hdr", "Headers that could not be read.", &HEADER_FAULTS, &[]),
];

const RECEIVED_REQUESTS: &[usize] =
    &[Counter::Requests.cell(), Counter::RequestErrors.cell(), Counter::HopFullRequests.cell()];
const RECEIVED_REPLIES: &[usize] =
    &[Counter::Replies.cell(), Counter::ReplyErrors.cell(), Counter::HopFull.cell()];
/// Of the messages that found the hop ring full, those that are no replies.
const LOST_REQUESTS: &[usize] = &[Counter::HopFullRequests.cell()];
const DROPPED_REQUESTS: &[usize] = &[Counter::Absorbed.cell(), Counter::HopFullRequests.cell()];
const DROPPED_REPLIES: &[usize] = &[Counter::ReplyDropped.cell(), Counter::HopFull.cell()];

/// Uptime in seconds, as OpenSIPS names it.
const TIMESTAMP: &str = "timestamp";

/// The statistics of the group `load`: percent of the workers' time, over so many seconds.
const LOADS: &[(&str, u64)] = &[("load", 1), ("load1m", 60), ("load10m", 600)];

/// Figures that fall too: not to be reset, and no counters to others.
const STANDING: &[(&str, &str)] = &[("tm", "inuse_transactions")];

const fn core(
    name: &'static str,
    doc: &'static str,
    plus: &'static [usize],
    minus: &'static [usize],
) -> CoreStatistic {
    CoreStatistic { name, doc, plus, minus }
}

/// All statistics of a running program.
pub(super) struct Statistics {
    rows: Vec<Row>,
    workers: Vec<CellsReader>,
    /// The running modules.
    modules: Vec<(&'static str, Arc<dyn SharedState>)>,
    load: Load,
}

struct Row {
    group: &'static str,
    name: String,
    /// One line of documentation, or nothing.
    doc: &'static str,
    value: Source,
    /// The module that counts too, and the place of the statistic in its table.
    module: Option<(Arc<dyn SharedState>, usize)>,
    /// What the counters said when it was reset.
    reset_at: AtomicU64,
}

enum Source {
    /// Sums of counters, less others.
    Counters(Vec<usize>, Vec<usize>),
    /// Seconds that the program runs.
    Seconds,
    /// How busy the workers were over this time.
    Load(Duration),
    /// A module's, as it is just now.
    Gauge(u64),
}

impl Statistics {
    /// The core's, those of each running module, and the engine's own counters.
    pub(super) fn new(program: &Program, workers: Vec<CellsReader>) -> Self {
        let row = |group, name: &str, value| Row::new(group, name.to_owned(), value);
        let mut modules = Vec::new();
        let mut rows = Vec::new();
        for core in CORE_STATISTICS {
            let counters = Source::Counters(core.plus.to_vec(), core.minus.to_vec());
            rows.push(Row { doc: core.doc, ..row("core", core.name, counters) });
        }
        rows.push(row("core", TIMESTAMP, Source::Seconds));
        for (name, seconds) in LOADS {
            rows.push(row("load", name, Source::Load(Duration::from_secs(*seconds))));
        }
        for module in program.registry().modules() {
            let Some(state) = program.state(module.name) else { continue };
            modules.push((module.name, Arc::clone(state)));
            let Some(base) = program.statistics(module.name) else { continue };
            for (at, statistic) in module.statistics.iter().enumerate() {
                let cell = usize::from(base.0) + at;
                let counters = Source::Counters(vec![cell], vec![]);
                let counts = Some((Arc::clone(state), at));
                let row = row(module.name, statistic.name, counters);
                rows.push(Row { doc: statistic.doc, module: counts, ..row });
            }
        }
        for counter in Counter::ALL {
            let value = Source::Counters(vec![counter.cell()], vec![]);
            rows.push(row("sluice", counter.name(), value));
        }
        for (reason, cell) in refusals() {
            let name = format!("refused {reason}").replace([' ', '-'], "_");
            rows.push(row("sluice", &name, Source::Counters(vec![cell], vec![])));
        }
        for event in StreamEvent::ALL {
            let value = Source::Counters(vec![stream(event)], vec![]);
            rows.push(row("sluice", event.name(), value));
        }
        Self { rows, workers, modules, load: Load::default() }
    }

    /// Takes a sample of the load.
    pub(super) fn sample(&self) {
        self.load.sample();
    }

    /// Names and values. `up` is how many seconds the program runs.
    pub(super) fn get(&self, wanted: &[Option<&str>], up: u64) -> Answer {
        self.each(wanted, |row| self.value(row, up).map(Value::from))
    }

    /// Names and kinds; without names all.
    pub(super) fn list(&self, wanted: &[Option<&str>]) -> Answer {
        let wanted = if wanted.is_empty() { &[Some("all")] } else { wanted };
        self.each(wanted, |row| {
            Some(json!(if row.grows() { "incremental" } else { "non-incremental" }))
        })
    }

    /// Those of `all`, of a `group:` and by name, each once, in the order of the table; without
    /// those that have no value just now.
    pub(super) fn readings(&self, wanted: &[&str], up: u64) -> Vec<Reading> {
        let gauges = self.gauges();
        let all = self.rows.iter().chain(&gauges);
        let rows = all.filter(|row| wanted.iter().any(|name| row.is(name)));
        rows.filter_map(|row| {
            let (counter, value) = (row.grows(), self.value(row, up)?);
            Some(Reading { group: row.group, name: row.name.clone(), doc: row.doc, counter, value })
        })
        .collect()
    }

    /// Whether this is `all`, a `group:` that there is, or a name.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.rows.iter().chain(&self.gauges()).any(|row| row.is(wanted))
    }

    /// The labelled series of the running modules.
    pub(super) fn series(&self, to: &mut dyn Series) {
        self.modules.iter().for_each(|(_, state)| state.series(to));
    }

    /// Counts from zero again; what cannot be reset stays.
    pub(super) fn reset(&self, wanted: &[Option<&str>]) -> Answer {
        self.each(wanted, |row| {
            if row.grows() {
                row.reset_at.store(self.counted(row), Ordering::Relaxed);
            }
            Some(Value::Null)
        })?;
        Ok(json!("OK"))
    }

    /// The rows of `all`, of `group:`, or of a name, in the order asked for; without those that
    /// have no value just now.
    fn each(&self, wanted: &[Option<&str>], make: impl Fn(&Row) -> Option<Value>) -> Answer {
        let mut found = Map::new();
        let gauges = self.gauges();
        for name in wanted.iter().copied().flatten() {
            let mut known = false;
            for row in self.rows.iter().chain(&gauges).filter(|row| row.is(name)) {
                known = true;
                if let Some(value) = make(row) {
                    found.insert(format!("{}:{}", row.group, row.name), value);
                }
            }
            if !known {
                return refuse(404, format!("no statistic {name}"));
            }
        }
        if wanted.is_empty() {
            return refuse(super::BAD_PARAMS, "name statistics, `group:` or `all`");
        }
        Ok(Value::Object(found))
    }

    fn value(&self, row: &Row, up: u64) -> Option<u64> {
        match row.value {
            Source::Seconds => Some(up),
            Source::Load(window) => self.load.percent(window),
            Source::Gauge(value) => Some(value),
            Source::Counters(..) => {
                Some(self.counted(row).saturating_sub(row.reset_at.load(Ordering::Relaxed)))
            }
        }
    }

    /// What the modules tell just now.
    fn gauges(&self) -> Vec<Row> {
        let all = self.modules.iter().flat_map(|(group, state)| {
            let row = |(name, value)| Row::new(group, name, Source::Gauge(value));
            state.gauges().into_iter().map(row)
        });
        all.collect()
    }

    /// What the counters of all workers say, and the module.
    fn counted(&self, row: &Row) -> u64 {
        let Source::Counters(plus, minus) = &row.value else { return 0 };
        let of = |cell: &usize| self.workers.iter().map(|worker| worker.get(*cell)).sum::<u64>();
        let sum = |cells: &[usize]| cells.iter().map(of).sum::<u64>();
        let counted = row.module.as_ref().map_or(0, |(state, at)| state.counted(*at));
        sum(plus).saturating_sub(sum(minus)).saturating_add(counted)
    }
}

/// A statistic and its value.
pub(super) struct Reading {
    pub(super) group: &'static str,
    pub(super) name: String,
    /// One line of documentation, or nothing.
    pub(super) doc: &'static str,
    /// Whether it only grows, but for a reset.
    pub(super) counter: bool,
    pub(super) value: u64,
}

impl Row {
    fn new(group: &'static str, name: String, value: Source) -> Self {
        Self { group, name, doc: "", value, module: None, reset_at: AtomicU64::new(0) }
    }

    /// Whether it only grows, but for a reset.
    fn grows(&self) -> bool {
        let stands = STANDING.contains(&(self.group, &*self.name));
        matches!(self.value, Source::Counters(..)) && !stands
    }

    fn is(&self, wanted: &str) -> bool {
        match wanted.split_once(':') {
            None => wanted == "all" || wanted == self.name,
            Some((group, "")) => group == self.group,
            Some((group, name)) => group == self.group && name == self.name,
        }
    }
}
