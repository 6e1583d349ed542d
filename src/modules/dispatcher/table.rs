//! Destinations from the table of a database (spec 3.1): versions 3 to 9, by the names of columns.
//!
//! Takes rows as the database gives them, gives those of a list. A row that is wrong is told and
//! left out; a weight or a destination that is missing ends the load, as in OpenSIPS.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use sluice_engine::db::{Action, Condition, Field, Rows, Source, Statement};
use sluice_engine::later::Later;
use sluice_sip::text::is_enclosable;
use sluice_sip::uri::{Scheme, Uri};

use super::limits;
use super::list::Row;
use super::sets::Sets;
use super::state::{Live, State};
use crate::db_version;

/// What older tables call the column of states.
const FLAGS: &str = "flags";

/// A table of destinations.
pub struct TableSource {
    /// The database.
    pub source: Arc<dyn Source>,
    /// Its queue for states.
    pub later: Arc<Later>,
    /// The table.
    pub table: Arc<str>,
    /// What its columns are called.
    pub columns: Columns,
    /// The table of versions.
    pub versions: String,
    /// `persistent_state`: whether states are those of the table, and go back there.
    pub keeps_states: bool,
    /// The column of states that was found there.
    pub state_column: ArcSwapOption<String>,
}

/// Names of the columns.
#[derive(Clone, Debug)]
pub struct Columns {
    /// `setid_col`
    pub set: String,
    /// `destination_col`
    pub destination: String,
    /// `socket_col`
    pub socket: String,
    /// `state_col`; `flags` in older tables.
    pub state: String,
    /// `weight_col`
    pub weight: String,
    /// `priority_col`
    pub priority: String,
    /// `attrs_col`
    pub attrs: String,
    /// `probe_mode_col`
    pub probe_mode: String,
    /// `description_col`
    pub description: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            set: "setid".to_owned(),
            destination: "destination".to_owned(),
            socket: "socket".to_owned(),
            state: "state".to_owned(),
            weight: "weight".to_owned(),
            priority: "priority".to_owned(),
            attrs: "attrs".to_owned(),
            probe_mode: "probe_mode".to_owned(),
            description: "description".to_owned(),
        }
    }
}

impl TableSource {
    /// What it is called in messages.
    pub fn place(&self) -> String {
        self.source.place(&self.table)
    }

    /// Reads it.
    ///
    /// # Errors
    /// Why there are no rows to be had; then a reload changes nothing.
    pub fn rows(&self, warnings: &mut Vec<String>) -> Result<Vec<Row>, String> {
        let versions = 3..=9;
        warnings.extend(db_version::warning(&*self.source, &self.versions, &self.table, versions));
        let statement = Statement {
            table: Arc::clone(&self.table),
            action: Action::Select(Arc::new([])),
            conditions: Vec::new(),
        };
        let rows = self.source.ask(vec![statement]).map_err(|error| error.to_string())?;
        let state = [self.columns.state.as_str(), FLAGS];
        if let Some(name) = state.into_iter().find(|name| rows.column(name).is_some()) {
            self.state_column.store(Some(Arc::new(name.to_owned())));
        }
        let rows = read(&rows, &self.place(), &self.columns, self.keeps_states, warnings)?;
        if rows.is_empty() {
            warnings.push(format!("{}: no destination in it, running on empty sets", self.place()));
        }
        Ok(rows)
    }
}

impl TableSource {
    /// Has states written that have changed since they were read or sent, without a wait. Those
    /// that have no room now go the next time.
    pub fn store(&self, sets: &Sets) {
        for (change, live, state) in self.changes(sets, Live::unsent).take(limits::STORED) {
            if !self.later.write(change) {
                return;
            }
            live.is_sent(state);
        }
    }

    /// Writes all states that the table may not have, and waits: at the end of the program.
    ///
    /// # Errors
    /// Why they are not in the table.
    pub fn store_last(&self, sets: &Sets) -> Result<(), String> {
        let changes = self.changes(sets, Live::unstored).map(|(change, ..)| change);
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return Ok(());
        }
        let done = self.source.ask(changes).map(|_| ());
        done.map_err(|error| format!("{}: {error}", self.place()))
    }

    /// The changes that bring a destination's state to the table, where `wanted` gives one.
    fn changes<'a>(
        &'a self,
        sets: &'a Sets,
        wanted: fn(&Live) -> Option<State>,
    ) -> impl Iterator<Item = (Statement, &'a Live, State)> {
        let column = self.state_column.load_full().filter(|_| self.keeps_states);
        let column: Option<Arc<str>> = column.map(|column| column.as_str().into());
        let set_column: Arc<str> = self.columns.set.as_str().into();
        let uri_column: Arc<str> = self.columns.destination.as_str().into();
        let all = sets.iter().flat_map(|set| set.destinations.iter().map(|one| (set.id, one)));
        all.filter_map(move |(set, destination)| {
            let (column, state) = (column.as_ref()?, wanted(&destination.live)?);
            let fields = vec![(Arc::clone(column), Field::Int(state.bits().into()))];
            let change = Statement {
                table: Arc::clone(&self.table),
                action: Action::Update(fields),
                conditions: vec![
                    Condition::equal(&set_column, Field::Int(i64::from(set))),
                    Condition::equal(&uri_column, Field::text(&*destination.uri)),
                ],
            };
            Some((change, &*destination.live, state))
        })
    }
}

/// Destinations from the rows of a table that messages call `place`.
///
/// # Errors
/// A column that must be there, a destination or a weight that is none.
pub fn read(
    rows: &Rows,
    place: &str,
    columns: &Columns,
    keeps_states: bool,
    warnings: &mut Vec<String>,
) -> Result<Vec<Row>, String> {
    let must = |name: &str| {
        rows.column(name).ok_or_else(|| format!("{place}: there is no column `{name}`"))
    };
    let (set, destination) = (must(&columns.set)?, must(&columns.destination)?);
    let state = rows.column(&columns.state).or_else(|| rows.column(FLAGS));
    let reading = Reading {
        set,
        destination,
        state: state.filter(|_| keeps_states),
        socket: rows.column(&columns.socket),
        weight: rows.column(&columns.weight),
        priority: rows.column(&columns.priority),
        attrs: rows.column(&columns.attrs),
        probe_mode: rows.column(&columns.probe_mode),
        description: rows.column(&columns.description),
    };
    let mut read = Vec::new();
    for (at, fields) in rows.rows.iter().enumerate() {
        let line = rows.lines.get(at).map_or(at + 1, |line| *line as usize);
        match reading.row(fields, line) {
            Ok(row) => read.push(row),
            Err(Wrong::Row(why)) => {
                warnings.push(format!("{place}:{line}: {why}; the row is left out"));
            }
            Err(Wrong::Table(why)) => return Err(format!("{place}:{line}: {why}")),
        }
    }
    Ok(read)
}

/// What is wrong, and with how much.
enum Wrong {
    Row(String),
    Table(String),
}

/// Where the columns are.
struct Reading {
    set: usize,
    destination: usize,
    state: Option<usize>,
    socket: Option<usize>,
    weight: Option<usize>,
    priority: Option<usize>,
    attrs: Option<usize>,
    probe_mode: Option<usize>,
    description: Option<usize>,
}

impl Reading {
    fn row(&self, fields: &[Field], line: usize) -> Result<Row, Wrong> {
        let field = |at: Option<usize>| at.and_then(|at| fields.get(at)).unwrap_or(&Field::Null);
        let text = |at: Option<usize>| match field(at) {
            Field::Text(text) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        };
        let set = field(Some(self.set)).int().and_then(|set| u32::try_from(set).ok());
        let uri = text(Some(self.destination));
        if uri.is_empty() {
            return Err(Wrong::Table("a row without destination".to_owned()));
        }
        let weight = self.weight(field(self.weight))?;
        let set = set.ok_or_else(|| Wrong::Row("a set is a number from 0".to_owned()))?;
        check(&uri).map_err(Wrong::Row)?;
        let socket = text(self.socket);
        Ok(Row {
            line,
            set,
            uri,
            state: State::of_bits(field(self.state).int().unwrap_or(0) as u32),
            weight,
            priority: field(self.priority).int().and_then(|n| i32::try_from(n).ok()).unwrap_or(0),
            attrs: text(self.attrs),
            socket: Some(socket).filter(|socket| !socket.is_empty()),
            probe_mode: field(self.probe_mode).int().unwrap_or(0),
            description: text(self.description),
        })
    }

    /// spec 3.1: a weight that is no number ends the whole load.
    fn weight(&self, field: &Field) -> Result<u32, Wrong> {
        if *field == Field::Null {
            return Ok(1);
        }
        let weight = field.int().and_then(|weight| u32::try_from(weight).ok());
        weight.ok_or_else(|| {
            let text = field.bytes().map(String::from_utf8_lossy).unwrap_or_default();
            Wrong::Table(match text.starts_with("fs://") {
                true => format!("the weight `{text}` is FreeSWITCH's, which comes later"),
                false => format!("the weight is a number from 0, not `{text}`"),
            })
        })
    }
}

fn check(uri: &str) -> Result<(), String> {
    let parsed = Uri::parse(uri.as_bytes());
    let behind = uri.split_once(':').map_or("", |(_, rest)| rest);
    let host = behind.rsplit_once('@').map_or(behind, |(_, host)| host);
    if host.is_empty() || host.starts_with([':', ';', '?']) {
        return Err(format!("no host in {uri}"));
    }
    match parsed {
        Some(_) if !is_enclosable(uri.as_bytes()) => {
            Err(format!("a destination has no blank, quote, `<` or `>`: `{}`", uri.escape_debug()))
        }
        Some(uri) if matches!(uri.scheme, Scheme::Sip | Scheme::Sips) => Ok(()),
        Some(_) => Err(format!("a destination is a sip or sips URI, not `{uri}`")),
        None => Err(format!("malformed destination `{uri}`")),
    }
}
