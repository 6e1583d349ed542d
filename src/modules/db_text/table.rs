//! A table in memory: what is asked of it, and what is changed (spec 5.3).
//!
//! Rows are listed newest first, and those of the file as they stand there, as OpenSIPS does. Texts
//! are compared without regard to case. An index is made for a text column when it is first asked
//! for a value, and kept.

use std::sync::{Arc, OnceLock};

use ahash::AHashMap;
use sluice_engine::db::{Action, Compare, Condition, DbError, Field, Outcome, Rows, Statement};

use super::text::{self, Column, Parsed, Type};

/// The number of a row's place.
type Slot = u32;

/// So few rows are looked at one by one.
const FEW: usize = 64;

/// See the file's head.
pub struct Table {
    name: Box<str>,
    columns: Vec<Column>,
    names: Arc<[Arc<str>]>,
    /// Oldest first: a new row is pushed. Removed rows leave holes.
    slots: Vec<Option<Box<[Field]>>>,
    rows: usize,
    /// Of text columns that were asked for, the rows by the text in lower case.
    indexes: Vec<OnceLock<AHashMap<Box<[u8]>, Vec<Slot>>>>,
    /// Where the rows stood in the file, as long as it is as it was read.
    lines: Option<Vec<u32>>,
    /// Rows of the file that could not be read: they stay in it.
    left_out: Vec<Box<[u8]>>,
    /// The highest number of the `auto` column.
    highest: i64,
}

impl Table {
    /// The table of a file.
    pub fn new(name: &str, parsed: Parsed) -> Self {
        let Parsed { columns, rows, left_out, .. } = parsed;
        let auto = columns.iter().position(|column| column.auto);
        let number = |fields: &[Field]| auto.and_then(|at| fields.get(at)).and_then(Field::int);
        let highest = rows.iter().filter_map(|row| number(&row.fields)).max().unwrap_or(0);
        // The first row of the file is listed first, so it is the newest.
        let lines = Some(rows.iter().rev().map(|row| row.line).collect());
        let slots: Vec<_> = rows.into_iter().rev().map(|row| Some(row.fields)).collect();
        Self {
            name: name.into(),
            names: columns.iter().map(|column| Arc::from(&*column.name)).collect(),
            indexes: columns.iter().map(|_| OnceLock::new()).collect(),
            columns,
            rows: slots.len(),
            slots,
            lines,
            left_out,
            highest,
        }
    }

    /// Its columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Its text, as a file holds it.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        text::write_columns(&self.columns, &mut out);
        for fields in self.slots.iter().rev().flatten() {
            text::write_row(fields, &mut out);
        }
        for line in &self.left_out {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out
    }

    /// Reads rows.
    ///
    /// # Errors
    /// Columns that there are not, values that do not fit.
    pub fn select(&self, wanted: &Arc<[Arc<str>]>, conditions: &[Condition]) -> Outcome {
        let tests = self.tests(conditions)?;
        let names = if wanted.is_empty() { &self.names } else { wanted };
        let places: Vec<usize> =
            names.iter().map(|name| self.place(name)).collect::<Result<_, _>>()?;
        let of =
            |fields: &[Field]| places.iter().filter_map(|at| fields.get(*at).cloned()).collect();
        let found = self.found(&tests);
        let lines = match &self.lines {
            Some(lines) => found.iter().filter_map(|at| lines.get(*at as usize)).copied().collect(),
            None => Vec::new(),
        };
        let rows = found.into_iter().filter_map(|slot| self.row(slot).map(of)).collect();
        Ok(Rows { columns: Arc::clone(names), rows, lines, changed: 0 })
    }

    /// Changes rows.
    ///
    /// # Errors
    /// Columns that there are not, values that do not fit; then nothing has changed.
    pub fn change(&mut self, statement: &Statement) -> Outcome {
        let tests = self.tests(&statement.conditions)?;
        let changed = match &statement.action {
            Action::Select(wanted) => return self.select(wanted, &statement.conditions),
            Action::Insert(set) => self.insert(set, &[])?,
            Action::Update(set) => self.update(set, &tests)?,
            Action::Delete => self.delete(&tests),
            Action::Replace(set) => match self.update(set, &tests)? {
                0 => self.insert(set, &statement.conditions)?,
                changed => changed,
            },
            Action::Raw(_) => return Err(no_language()),
        };
        if changed > 0 {
            self.lines = None;
        }
        Ok(Rows { changed, ..Rows::default() })
    }

    fn insert(&mut self, set: &[(Arc<str>, Field)], also: &[Condition]) -> Result<u64, DbError> {
        let mut fields = vec![Field::Null; self.columns.len()].into_boxed_slice();
        let also = also.iter().filter(|key| key.compare == Compare::Equal);
        let all = also.map(|key| (&key.column, &key.value)).chain(set.iter().map(|(c, v)| (c, v)));
        for (column, value) in all {
            let at = self.place(column)?;
            let value = self.fit(at, value)?;
            if let Some(field) = fields.get_mut(at) {
                *field = value;
            }
        }
        for (at, column) in self.columns.iter().enumerate() {
            match fields.get_mut(at) {
                Some(field @ Field::Null) if column.auto => {
                    *field = Field::Int(self.highest.saturating_add(1));
                }
                Some(Field::Null) if !column.null => {
                    return Err(self.misfit(at, "it may not be left out: it is not `null`"));
                }
                _ => {}
            }
        }
        let numbers = self.columns.iter().position(|column| column.auto);
        if let Some(number) = numbers.and_then(|at| fields.get(at)).and_then(Field::int) {
            self.highest = self.highest.max(number);
        }
        let slot = self.slots.len() as Slot;
        for (at, field) in fields.iter().enumerate() {
            self.enter(at, field, slot);
        }
        self.slots.push(Some(fields));
        self.rows += 1;
        Ok(1)
    }

    fn update(&mut self, set: &[(Arc<str>, Field)], tests: &[Test]) -> Result<u64, DbError> {
        let mut new = Vec::with_capacity(set.len());
        for (column, value) in set {
            let at = self.place(column)?;
            let value = self.fit(at, value)?;
            if value == Field::Null && self.columns.get(at).is_some_and(|column| !column.null) {
                return Err(self.misfit(at, "it may not be NULL"));
            }
            new.push((at, value));
        }
        let found = self.found(tests);
        for slot in &found {
            for (at, value) in &new {
                self.put(*slot, *at, value.clone());
            }
        }
        Ok(found.len() as u64)
    }

    fn put(&mut self, slot: Slot, at: usize, value: Field) {
        let row = self.slots.get_mut(slot as usize).and_then(Option::as_mut);
        let Some(field) = row.and_then(|fields| fields.get_mut(at)) else { return };
        let old = std::mem::replace(field, value.clone());
        if old != value {
            self.leave(at, &old, slot);
            self.enter(at, &value, slot);
        }
    }

    fn delete(&mut self, tests: &[Test]) -> u64 {
        let found = self.found(tests);
        for slot in &found {
            let Some(fields) = self.slots.get_mut(*slot as usize).and_then(Option::take) else {
                continue;
            };
            self.rows -= 1;
            for (at, field) in fields.iter().enumerate() {
                self.leave(at, field, *slot);
            }
        }
        if self.slots.len() > 64 && self.slots.len() > 2 * self.rows {
            self.slots.retain(Option::is_some);
            self.indexes = self.columns.iter().map(|_| OnceLock::new()).collect();
        }
        found.len() as u64
    }

    /// The rows that pass all tests, newest first.
    fn found(&self, tests: &[Test]) -> Vec<Slot> {
        let passes = |slot: &Slot| {
            let passes = |fields: &[Field]| tests.iter().all(|test| test.passes(fields));
            self.row(*slot).is_some_and(passes)
        };
        match self.fewest(tests) {
            Some(slots) => {
                let mut found: Vec<Slot> = slots.iter().copied().filter(passes).collect();
                found.sort_unstable_by(|a, b| b.cmp(a));
                found
            }
            None => (0..self.slots.len() as Slot).rev().filter(passes).collect(),
        }
    }

    /// The rows that one of the tests leaves; the first test that leaves few. No index is made for
    /// those behind it: it would be wide, and slow to change.
    fn fewest(&self, tests: &[Test]) -> Option<&[Slot]> {
        let mut best: Option<&[Slot]> = None;
        for slots in tests.iter().filter_map(|test| self.rows_with(test)) {
            if best.is_none_or(|best| slots.len() < best.len()) {
                best = Some(slots);
            }
            if best.is_some_and(|best| best.len() <= FEW) {
                break;
            }
        }
        best
    }

    /// The rows that a test for a text can be passed by; `None`: it is no such test.
    fn rows_with(&self, test: &Test) -> Option<&[Slot]> {
        let (Compare::Equal, Field::Text(text)) = (test.compare, &test.value) else { return None };
        let index = self.indexes.get(test.at)?.get_or_init(|| self.index(test.at));
        Some(index.get(&*text.to_ascii_lowercase()).map_or(&[], |slots| slots))
    }

    fn index(&self, at: usize) -> AHashMap<Box<[u8]>, Vec<Slot>> {
        let mut index: AHashMap<Box<[u8]>, Vec<Slot>> = AHashMap::new();
        for (slot, fields) in (0..).zip(&self.slots) {
            if let Some(Field::Text(text)) = fields.as_ref().and_then(|fields| fields.get(at)) {
                index.entry(text.to_ascii_lowercase().into()).or_default().push(slot);
            }
        }
        index
    }

    fn enter(&mut self, at: usize, field: &Field, slot: Slot) {
        let index = self.indexes.get_mut(at).and_then(OnceLock::get_mut);
        if let (Some(index), Field::Text(text)) = (index, field) {
            index.entry(text.to_ascii_lowercase().into()).or_default().push(slot);
        }
    }

    fn leave(&mut self, at: usize, field: &Field, slot: Slot) {
        let index = self.indexes.get_mut(at).and_then(OnceLock::get_mut);
        let (Some(index), Field::Text(text)) = (index, field) else { return };
        let key = text.to_ascii_lowercase();
        if let Some(slots) = index.get_mut(&*key) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                index.remove(&*key);
            }
        }
    }

    fn row(&self, slot: Slot) -> Option<&[Field]> {
        self.slots.get(slot as usize)?.as_deref()
    }

    fn place(&self, name: &str) -> Result<usize, DbError> {
        let found = self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| DbError::NoColumn {
            table: self.name.to_string(),
            column: name.to_owned(),
        })
    }

    fn tests(&self, conditions: &[Condition]) -> Result<Vec<Test>, DbError> {
        let test = |condition: &Condition| {
            let at = self.place(&condition.column)?;
            Ok(Test { at, compare: condition.compare, value: self.fit(at, &condition.value)? })
        };
        conditions.iter().map(test).collect()
    }

    /// A value as the column holds it (spec 5.3).
    fn fit(&self, at: usize, value: &Field) -> Result<Field, DbError> {
        let Some(column) = self.columns.get(at) else { return Ok(Field::Null) };
        let fitting = match (column.kind, value) {
            (_, Field::Null) => Some(Field::Null),
            // The file has one form for both; so it is the same before it is read again.
            (Type::Text | Type::Blob, Field::Text(text)) if column.null && text.is_empty() => {
                Some(Field::Null)
            }
            (Type::Text | Type::Blob, Field::Text(text)) => Some(Field::Text(text.clone())),
            (Type::Text | Type::Blob, Field::Int(n) | Field::Time(n)) => {
                Some(Field::text(n.to_string()))
            }
            (Type::Text | Type::Blob, Field::Double(n)) => Some(Field::text(n.to_string())),
            (Type::Int | Type::Long, value) => value.int().map(Field::Int),
            (Type::Time, value) => value.int().map(Field::Time),
            (Type::Double, Field::Double(n)) => n.is_finite().then_some(Field::Double(*n)),
            (Type::Double, Field::Int(n)) => Some(Field::Double(*n as f64)),
            (Type::Double, Field::Text(text)) => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                number.filter(|number: &f64| number.is_finite()).map(Field::Double)
            }
            (Type::Double, Field::Time(_)) => None,
        };
        fitting.ok_or_else(|| self.misfit(at, &format!("it takes {}", column.kind.name())))
    }

    fn misfit(&self, at: usize, why: &str) -> DbError {
        let column = self.columns.get(at).map_or("", |column| &column.name);
        DbError::Misfit {
            table: self.name.to_string(),
            column: column.to_owned(),
            why: why.to_owned(),
        }
    }
}

/// spec 5.3: there is no `raw_query`.
pub(super) fn no_language() -> DbError {
    DbError::Refused("text databases take no statements in SQL".to_owned())
}

/// A condition, with the place of its column.
struct Test {
    at: usize,
    compare: Compare,
    value: Field,
}

impl Test {
    fn passes(&self, fields: &[Field]) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let Some(field) = fields.get(self.at) else { return false };
        if self.compare == Compare::Differs && self.value == Field::Null {
            return *field != Field::Null;
        }
        let Some(order) = order(field, &self.value) else { return false };
        match self.compare {
            Compare::Equal => order == Equal,
            Compare::Less => order == Less,
            Compare::AtMost => order != Greater,
            Compare::Greater => order == Greater,
            Compare::AtLeast => order != Less,
            Compare::Differs => order != Equal,
        }
    }
}

/// spec 5.3: texts without regard to case; NULL equals NULL and is neither less nor more.
fn order(one: &Field, other: &Field) -> Option<std::cmp::Ordering> {
    match (one, other) {
        (Field::Null, Field::Null) => Some(std::cmp::Ordering::Equal),
        (Field::Int(one) | Field::Time(one), Field::Int(other) | Field::Time(other)) => {
            Some(one.cmp(other))
        }
        (Field::Double(one), Field::Double(other)) => one.partial_cmp(other),
        (Field::Text(one), Field::Text(other)) => {
            let lower = |text: &[u8]| text.to_ascii_lowercase();
            Some(lower(one).cmp(&lower(other)))
        }
        _ => None,
    }
}
