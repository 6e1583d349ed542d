//! What one snapshot of the sets changes of another: destinations that come, go and are changed,
//! states that are kept, and the share of calls that go elsewhere than before.
//!
//! Shares are those of a sample of Call-IDs, by the algorithms themselves and the states of now:
//! algorithm 0, and Maglev where both snapshots have its tables. Control plane only; changes
//! nothing.

use std::fmt::Write;

use ahash::AHashMap;
use serde_json::{Map, Value, json};
use sluice_engine::module::SharedState;

use super::Dispatcher;
use super::limits::{PLAN_LINES, SAMPLES, SAMPLES_OF_ALL};
use super::maglev;
use super::select::{Pick, foresee};
use super::sets::{Destination, Set, Sets};

/// See the file's head.
#[derive(Debug, Default)]
pub struct Plan {
    /// The sets that are not as they were.
    pub sets: Vec<Change>,
    /// Destinations that are there before and after, and so keep their states.
    pub kept: usize,
}

/// What changes of one set.
#[derive(Debug, Default)]
pub struct Change {
    /// Its number.
    pub set: u32,
    /// URIs that come.
    pub added: Vec<String>,
    /// URIs that go.
    pub removed: Vec<String>,
    /// URIs that stay, each with what is changed of it.
    pub changed: Vec<(String, String)>,
    /// How many stay.
    pub kept: usize,
    /// What calls do, by algorithm; none for a set that comes or goes as a whole.
    pub moves: Vec<(&'static str, Moves)>,
}

/// What calls do.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Moves {
    /// Percent that go elsewhere.
    pub moved: f64,
    /// By URI, the percent of calls before and after.
    pub shares: Vec<(String, f64, f64)>,
}

impl Plan {
    /// What `new` changes of `old`.
    pub fn of(old: &Sets, new: &Sets) -> Self {
        let mut plan = Self::default();
        let mut pairs = Vec::new();
        for set in new.iter() {
            match old.get(set.id.into()) {
                Some(before) if is_same(before, set) => plan.kept += set.destinations.len(),
                before => pairs.push((before, Some(set))),
            }
        }
        let gone = old.iter().filter(|set| new.get(set.id.into()).is_none());
        pairs.extend(gone.map(|set| (Some(set), None)));
        let samples = (SAMPLES_OF_ALL / pairs.len().max(1)).clamp(SAMPLES / 50, SAMPLES);
        plan.sets = pairs.into_iter().map(|(old, new)| Change::of(old, new, samples)).collect();
        plan.sets.sort_by_key(|change| change.set);
        plan.kept += plan.sets.iter().map(|change| change.kept).sum::<usize>();
        plan
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let sum = |count: fn(&Change) -> usize| self.sets.iter().map(count).sum::<usize>();
        let (added, removed) = (sum(|c| c.added.len()), sum(|c| c.removed.len()));
        let mut text = format!(
            "{added} added, {removed} removed, {} changed, {} states kept",
            sum(|c| c.changed.len()),
            self.kept
        );
        for algorithm in ["call_id", "maglev"] {
            let all = self.sets.iter().flat_map(|change| &change.moves);
            let moved = all.filter(|(of, _)| *of == algorithm).map(|(_, moves)| moves.moved);
            if let Some(most) = moved.reduce(f64::max) {
                let _ = write!(text, "; by {algorithm} at most {most:.1} % of a set's calls move");
            }
        }
        text
    }

    /// For management; long lists are cut, and their lengths told.
    pub fn json(&self) -> Value {
        let sets: Vec<Value> = self.sets.iter().take(PLAN_LINES).map(Change::json).collect();
        json!({ "summary": self.summary(), "kept": self.kept, "changed_sets": self.sets.len(),
                "SETS": sets })
    }

    /// For people: a paragraph for each set.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for change in &self.sets {
            change.write(&mut text);
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }
}

impl Change {
    fn of(old: Option<&Set>, new: Option<&Set>, samples: usize) -> Self {
        let before = old.map(by_uri).unwrap_or_default();
        let after = new.map(by_uri).unwrap_or_default();
        let id = new.or(old).map_or(0, |set| set.id);
        let mut change = Self { set: id, ..Self::default() };
        for (uri, destination) in &after {
            match before.get(uri) {
                None => change.added.push(destination.uri.to_string()),
                Some(was) => {
                    change.kept += 1;
                    let what = differences(was, destination);
                    if !what.is_empty() {
                        change.changed.push((destination.uri.to_string(), what));
                    }
                }
            }
        }
        let gone = before.iter().filter(|(uri, _)| !after.contains_key(*uri));
        change.removed.extend(gone.map(|(_, destination)| destination.uri.to_string()));
        change.added.sort();
        change.removed.sort();
        change.changed.sort();
        if let (Some(old), Some(new)) = (old, new) {
            let by_hash = |key: &[u8]| Pick::Hash(super::hash::hash(key, b""));
            change.moves.push(("call_id", moves(old, new, samples, by_hash)));
            if old.has_table() && new.has_table() {
                let by_maglev = |key: &[u8]| Pick::Maglev(maglev::hash(key));
                change.moves.push(("maglev", moves(old, new, samples, by_maglev)));
            }
        }
        change
    }

    fn json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("id".to_owned(), json!(self.set));
        let changed: Vec<_> =
            self.changed.iter().map(|(uri, what)| format!("{uri}: {what}")).collect();
        for (name, lines) in
            [("added", &self.added), ("removed", &self.removed), ("changed", &changed)]
        {
            fields.insert(name.to_owned(), json!(lines.len()));
            let cut: Vec<_> = lines.iter().take(PLAN_LINES).collect();
            fields.insert(format!("{name}_destinations"), json!(cut));
        }
        fields.insert("kept".to_owned(), json!(self.kept));
        for (algorithm, moves) in &self.moves {
            let shares = moves.shares.iter().take(PLAN_LINES).map(|(uri, before, after)| {
                json!({ "URI": uri, "before_percent": before, "after_percent": after })
            });
            let shares: Vec<Value> = shares.collect();
            let value = json!({ "moved_percent": moves.moved, "Destinations": shares });
            fields.insert((*algorithm).to_owned(), value);
        }
        Value::Object(fields)
    }

    fn write(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "set {}: {} added, {} removed, {} changed, {} states kept",
            self.set,
            self.added.len(),
            self.removed.len(),
            self.changed.len(),
            self.kept
        );
        for (mark, uris) in [("+", &self.added), ("-", &self.removed)] {
            for uri in uris {
                let _ = writeln!(text, "  {mark} {uri}");
            }
        }
        for (uri, what) in &self.changed {
            let _ = writeln!(text, "  ~ {uri}: {what}");
        }
        for (algorithm, moves) in &self.moves {
            let _ = writeln!(text, "  by {algorithm} {:.1} % of the calls move", moves.moved);
            for (uri, before, after) in &moves.shares {
                let _ = writeln!(text, "    {before:5.1} % -> {after:5.1} %  {uri}");
            }
        }
    }
}

/// What one partition of a running module would change of another.
pub fn between(state: &dyn SharedState, old: &str, new: &str) -> Option<Plan> {
    let dispatcher: &Dispatcher = state.as_any().downcast_ref()?;
    let of =
        |name: &str| Some(dispatcher.partitions.iter().find(|one| *one.name == *name)?.sets.load());
    let (old, new) = (of(old)?, of(new)?);
    new.take_states(&old);
    old.make_tables(None);
    new.make_tables(Some(&old));
    Some(Plan::of(&old, &new))
}

/// Destinations by URI in lower case; of equal lines the first.
fn by_uri(set: &Set) -> AHashMap<String, &Destination> {
    let mut all = AHashMap::with_capacity(set.destinations.len());
    for destination in &set.destinations {
        all.entry(destination.uri.to_ascii_lowercase()).or_insert(destination);
    }
    all
}

/// Whether two sets have the same destinations in the same order.
fn is_same(one: &Set, other: &Set) -> bool {
    let (one, other) = (&one.destinations, &other.destinations);
    let same = |(one, other): (&Destination, &Destination)| {
        one.uri.eq_ignore_ascii_case(&other.uri) && differences(one, other).is_empty()
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

/// What is changed of a destination.
fn differences(before: &Destination, after: &Destination) -> String {
    let mut all = Vec::new();
    if before.weight != after.weight {
        all.push(format!("weight {} -> {}", before.weight, after.weight));
    }
    if before.priority != after.priority {
        all.push(format!("priority {} -> {}", before.priority, after.priority));
    }
    if before.probe_mode != after.probe_mode {
        all.push(format!("probe_mode {} -> {}", before.probe_mode, after.probe_mode));
    }
    if before.attrs != after.attrs {
        all.push("attributes".to_owned());
    }
    if before.socket != after.socket {
        all.push("socket".to_owned());
    }
    all.join(", ")
}

/// What a sample of calls does.
fn moves(old: &Set, new: &Set, samples: usize, pick: impl Fn(&[u8]) -> Pick) -> Moves {
    let mut counts: AHashMap<String, (usize, usize)> = AHashMap::new();
    let mut moved = 0;
    let uri = |set: &Set, at: Option<usize>| {
        let destination = at.and_then(|at| set.get(at))?;
        Some(destination.uri.to_ascii_lowercase())
    };
    for call in 0..samples {
        let call_id = format!("{call:x}-{:08x}@sample", call.wrapping_mul(0x9E37_79B9));
        let pick = pick(call_id.as_bytes());
        let (before, after) = (uri(old, foresee(old, pick)), uri(new, foresee(new, pick)));
        moved += usize::from(before != after);
        for (uri, is_after) in [(before, false), (after, true)] {
            let Some(uri) = uri else { continue };
            let count = counts.entry(uri).or_default();
            *(if is_after { &mut count.1 } else { &mut count.0 }) += 1;
        }
    }
    let percent = |count: usize| (count as f64 * 1_000.0 / samples.max(1) as f64).round() / 10.0;
    let mut shares: Vec<_> = counts
        .into_iter()
        .map(|(uri, (before, after))| (uri, percent(before), percent(after)))
        .collect();
    shares.sort_by(|one, other| one.0.cmp(&other.0));
    Moves { moved: percent(moved), shares }
}
