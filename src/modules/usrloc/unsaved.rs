//! What the database does not have yet of a table: contacts whose rows are older, rows of contacts
//! that have gone (spec 6.6).
//!
//! A contact carries by its state that its row is older, so that there is one change of it to be
//! written at most, however often it has changed; a batch that fails leaves all as it was. Takes
//! and gives statements; waits for nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;
use sluice_base::shards::Passed;
use sluice_engine::db::{Query, Statement};
use sluice_engine::limits::QUERY_MS;

use super::edit::{Edit, Order};
use super::loading::Plan;
use super::locations::Locations;
use super::record::{Contact, Fixed, Record, State};
use super::store::{Kept, Store};
use super::table::{Sweep, Table};

/// See the file's head.
pub(super) struct Unsaved {
    pub(super) store: Store,
    /// Whether the rows are in memory.
    ready: AtomicBool,
    /// How they are going to be read, where that has been found out.
    plan: Mutex<Option<Plan>>,
    /// By shard, whether it may have older rows.
    shards: Box<[AtomicBool]>,
    /// Contacts that have gone, each with its AoR.
    gone: Mutex<Vec<Record>>,
    /// AoRs that are being written, by hash, and when that is given up; milliseconds since 1970.
    busy: Mutex<AHashMap<u64, u64>>,
}

/// Changes that are written together.
#[derive(Default)]
pub struct Batch {
    /// What is to be done.
    pub statements: Vec<Statement>,
    gone: Vec<Record>,
    /// Records with the contacts as they are written.
    written: Vec<Record>,
    /// Whether their AoRs have been claimed for it.
    claims: bool,
}

impl Unsaved {
    pub(super) fn new(store: Store, shards: usize) -> Self {
        let clean = std::iter::repeat_with(|| AtomicBool::new(false));
        Self {
            store,
            ready: AtomicBool::new(false),
            plan: Mutex::default(),
            shards: clean.take(shards).collect(),
            gone: Mutex::default(),
            busy: Mutex::default(),
        }
    }

    /// A record of a shard has been changed.
    pub(super) fn note(&self, shard: usize, unsaved: bool, gone: Vec<Record>) {
        if unsaved {
            self.mark(shard);
        }
        if !gone.is_empty() {
            lock(&self.gone).extend(gone);
        }
    }

    fn mark(&self, shard: usize) {
        if let Some(mark) = self.shards.get(shard) {
            mark.store(true, Ordering::Release);
        }
    }
}

impl Table {
    /// Whether its contacts are in memory.
    pub fn is_ready(&self) -> bool {
        self.unsaved.as_ref().is_none_or(|unsaved| unsaved.ready.load(Ordering::Acquire))
    }

    /// Reads its rows; how many contacts there are. `None`: there are many, which is for later when
    /// `is_start`.
    ///
    /// # Errors
    /// Why they were not read.
    pub(super) fn load(
        &self,
        locations: &Locations,
        now_s: u32,
        is_start: bool,
    ) -> Result<Option<usize>, String> {
        let Some(unsaved) = &self.unsaved else { return Ok(Some(0)) };
        let known = lock(&unsaved.plan).take();
        let plan = match known {
            Some(plan) => plan,
            None => unsaved.store.plan()?,
        };
        if is_start && !plan.is_small() {
            *lock(&unsaved.plan) = Some(plan);
            return Ok(None);
        }
        let count = unsaved.store.load(&plan, self, locations, now_s)?;
        unsaved.ready.store(true, Ordering::Release);
        Ok(Some(count))
    }

    /// Whether a REGISTER is answered when its contacts are in the database.
    pub fn writes_through(&self) -> bool {
        self.unsaved
            .as_ref()
            .is_some_and(|unsaved| unsaved.store.database.kept == Kept::WriteThrough)
    }

    /// Makes an AoR the caller's to be written, one after another; false when it is another's.
    pub fn claim(&self, aor: &[u8], wall_ms: u64) -> bool {
        let Some(unsaved) = &self.unsaved else { return true };
        let mut busy = lock(&unsaved.busy);
        let hash = self.hash(aor);
        if busy.get(&hash).is_some_and(|until_ms| wall_ms < *until_ms) {
            return false;
        }
        // Whoever is gone without an answer must not hold it for ever.
        busy.insert(hash, wall_ms + 2 * QUERY_MS);
        true
    }

    /// The AoR is nobody's any more.
    pub fn release(&self, aor: &[u8]) {
        if let Some(unsaved) = &self.unsaved {
            lock(&unsaved.busy).remove(&self.hash(aor));
        }
    }

    /// What is to be written of an AoR, to be given back by [`Table::settle`].
    pub fn batch_of(&self, locations: &Locations, aor: &[u8]) -> Batch {
        let Some(unsaved) = &self.unsaved else { return Batch::default() };
        let mut gone = lock(&unsaved.gone);
        let of_aor = gone.extract_if(.., |record| record.aor() == aor);
        let mut batch = Batch { gone: of_aor.collect(), ..Batch::default() };
        drop(gone);
        self.look(aor, |record| batch.written.extend(record.and_then(due)));
        batch.build(&unsaved.store, locations);
        batch
    }

    /// Everything that is to be written, but for what somebody is writing.
    pub(super) fn batch(&self, locations: &Locations) -> Batch {
        let Some(unsaved) = &self.unsaved else { return Batch::default() };
        let mut batch =
            Batch { gone: std::mem::take(&mut lock(&unsaved.gone)), ..Batch::default() };
        for (shard, mark) in unsaved.shards.iter().enumerate() {
            if mark.swap(false, Ordering::AcqRel) {
                let mut at = Sweep::default();
                let before = batch.written.len();
                loop {
                    match self.pass(shard, &mut at, |record| batch.written.extend(due(record))) {
                        Passed::All => break,
                        Passed::More => {}
                        Passed::Anew => batch.written.truncate(before),
                    }
                }
            }
        }
        let wall_ms = locations.wall_us() / 1_000;
        batch.claims = true;
        batch.written.retain(|record| {
            let ours = self.claim(record.aor(), wall_ms);
            if !ours {
                unsaved.mark(self.shard_of(record.aor()));
            }
            ours
        });
        batch.build(&unsaved.store, locations);
        batch
    }

    /// What is to be written of a record that no table has.
    pub(super) fn batch_apart(
        &self,
        locations: &Locations,
        record: Option<Record>,
        gone: Vec<Record>,
    ) -> Batch {
        let Some(unsaved) = &self.unsaved else { return Batch::default() };
        let written = record.as_ref().and_then(due).into_iter().collect();
        let mut batch = Batch { gone, written, ..Batch::default() };
        batch.build(&unsaved.store, locations);
        batch
    }

    /// A batch has been written, or not: then it is to be written again, unless whoever asked for
    /// it has to come again, since memory has nothing of it.
    pub fn settle(&self, batch: Batch, written: bool) {
        let Some(unsaved) = self.unsaved.as_ref().filter(|_| !self.is_only_in_database()) else {
            return;
        };
        if batch.claims {
            batch.written.iter().for_each(|record| self.release(record.aor()));
        }
        if !written {
            lock(&unsaved.gone).extend(batch.gone);
            let aors = batch.written.iter().map(Record::aor);
            aors.for_each(|aor| unsaved.mark(self.shard_of(aor)));
            return;
        }
        for record in &batch.written {
            self.edit(record.aor(), Order::ByQ, None, |edit| {
                record.contacts().for_each(|contact| mark_written(edit, &contact.fixed));
            });
        }
    }

    /// Empties the table of the database, or an AoR in it, and writes it anew from memory. For
    /// threads that may block.
    ///
    /// # Errors
    /// There is no database, or why it does not.
    pub(super) fn sync(&self, locations: &Locations, aor: Option<&[u8]>) -> Result<(), String> {
        if self.is_only_in_database() {
            return Err("memory has no contacts to be compared with the database".to_owned());
        }
        let Some(unsaved) = self.unsaved.as_ref().filter(|_| self.is_ready()) else {
            return Err("there is no database, or it has not been read".to_owned());
        };
        let mut written = Vec::new();
        match aor {
            Some(aor) => self.look(aor, |record| written.extend(record.cloned())),
            None => self.records(&mut written),
        }
        let mut batch = Batch { written, ..Batch::default() };
        batch.build(&unsaved.store, locations);
        let mut statements = vec![unsaved.store.clear(aor)];
        statements.append(&mut batch.statements);
        let outcome = unsaved.store.database.source.ask(statements);
        self.settle(batch, outcome.is_ok());
        outcome.map(drop).map_err(|error| error.to_string())
    }

    /// A query for the database of this table.
    pub fn query(&self, statements: Vec<Statement>) -> Option<Query> {
        let source = &self.unsaved.as_ref()?.store.database.source;
        let source = std::sync::Arc::clone(source);
        Some(Query { source, statements, deadline_ms: QUERY_MS })
    }
}

impl Batch {
    /// Whether there is nothing to be written.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    fn build(&mut self, store: &Store, locations: &Locations) {
        let each = |record: &Record, make: &dyn Fn(&[u8], &Contact<'_>) -> Statement| {
            record.contacts().map(|c| make(record.aor(), &c)).collect::<Vec<_>>()
        };
        let removed = self.gone.iter().flat_map(|r| each(r, &|aor, c| store.remove(aor, c)));
        let put = |aor: &[u8], contact: &Contact<'_>| store.put(locations, aor, contact);
        let written = self.written.iter().flat_map(|record| each(record, &put));
        self.statements = removed.chain(written).collect();
    }
}

/// A record with those of its contacts whose rows are older.
fn due(record: &Record) -> Option<Record> {
    let mut due = Record::new(record.aor());
    let unsaved = record.contacts().filter(|contact| contact.fixed.is_unsaved());
    unsaved.enumerate().for_each(|(at, contact)| due.insert(at, &contact));
    (!due.is_empty()).then_some(due)
}

/// The row of a contact is as it was then; it may have changed meanwhile.
fn mark_written(edit: &mut Edit<'_>, written: &Fixed) {
    let Some((at, now)) =
        edit.contacts().enumerate().find(|(_, contact)| contact.fixed.id == written.id)
    else {
        return;
    };
    let fixed = now.fixed;
    // What pings have found out has no column.
    let Fixed { state, latency_us, lost, .. } = *written;
    let same = Fixed { state, latency_us, lost, ..fixed } == *written;
    let state = if same { State::Sync } else { State::Dirty };
    edit.set_fixed(at, &Fixed { state, ..fixed });
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held left whole values.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
