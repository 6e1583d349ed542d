//! All tables of contacts, and how they are kept: what other modules share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use sluice_base::Now;
use sluice_engine::context::Shared;
use sluice_engine::module::Setup;
use sluice_engine::post::Post;
use sluice_engine::sockets::Sockets;
use sluice_script::ir::Names;

use super::agents::Agents;
use super::edit::{Edit, Note};
use super::limits;
use super::params::Options;
use super::record::Contact;
use super::store::{Database, Kept, Store};
use super::table::Table;

/// The tables.
pub struct Locations {
    /// How contacts are kept.
    pub options: Options,
    /// User-Agents that many contacts have.
    pub agents: Agents,
    database: Option<Database>,
    /// When changes were last written, microseconds since 1970.
    flushed_us: AtomicU64,
    /// When rows of expired contacts were last removed, likewise.
    cleared_us: AtomicU64,
    tables: ArcSwap<Vec<Arc<Table>>>,
    /// Held to add one.
    adding: Mutex<()>,
    pub(super) sockets: Sockets,
    /// Letters of management, which raises events, too.
    pub(super) post: Arc<Post>,
    /// The names of branch flags, by bit.
    flags: ArcSwap<Names>,
    /// Microseconds since 1970, as they were told last, for management, which has no clock.
    wall_us: AtomicU64,
    /// The longest that expiry has kept a worker in one turn, nanoseconds of its processor time.
    longest_sweep_ns: AtomicU64,
    /// In how many turns it was at work, and in how many for long.
    sweeps: AtomicU64,
    long_sweeps: AtomicU64,
}

impl Locations {
    pub(super) fn new(options: Options, database: Option<Database>, setup: &Setup<'_>) -> Self {
        Self {
            options,
            database,
            flushed_us: AtomicU64::new(0),
            cleared_us: AtomicU64::new(0),
            agents: Agents::default(),
            tables: ArcSwap::default(),
            adding: Mutex::new(()),
            sockets: setup.sockets.clone(),
            post: Arc::clone(setup.post),
            flags: ArcSwap::from_pointee(setup.script.flags.clone()),
            wall_us: AtomicU64::new(0),
            longest_sweep_ns: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
            long_sweeps: AtomicU64::new(0),
        }
    }

    /// Takes over the names of flags of an edition, which keeps those there are.
    pub(super) fn name_flags(&self, names: &Names) {
        self.flags.store(Arc::new(names.clone()));
    }

    /// The names of the flags that are set, with blanks between.
    pub(super) fn flag_names(&self, bits: u32) -> String {
        let names = self.flags.load();
        let set = (0..32).filter(|bit| bits & 1 << bit != 0);
        set.filter_map(|bit| names.name(bit)).collect::<Vec<_>>().join(" ")
    }

    /// The flags that a text names, or the number that it is.
    pub(super) fn flag_bits(&self, text: &[u8]) -> u32 {
        let text = std::str::from_utf8(text).unwrap_or_default();
        let names = self.flags.load();
        let slots = text.split_ascii_whitespace().filter_map(|name| names.find(name.as_bytes()));
        let bits = slots.filter_map(|slot| 1u32.checked_shl(slot)).fold(0, |all, bit| all | bit);
        text.trim().parse().unwrap_or(bits)
    }

    /// Is told the moment; reads tables that could not be read, and writes what is due. May block.
    pub(super) fn tick(&self, now: Now) {
        self.wall_us.store(now.wall_us, Relaxed);
        let Some(database) = &self.database else { return };
        let tables = self.tables();
        tables.iter().filter(|table| !table.is_ready()).for_each(|table| self.load(table, false));
        let pause_s = match database.kept {
            Kept::WriteThrough => 1,
            Kept::WriteBack | Kept::Only => self.options.timer_interval_s,
        };
        let is_due = |last: &AtomicU64, pause_s: u32| {
            let due = now.wall_us.saturating_sub(last.load(Relaxed)) / 1_000_000 >= pause_s.into();
            if due {
                last.store(now.wall_us, Relaxed);
            }
            due
        };
        if is_due(&self.flushed_us, pause_s) {
            self.flush();
        }
        if is_due(&self.cleared_us, self.options.timer_interval_s) {
            self.clear((now.wall_us / 1_000_000) as u32);
        }
    }

    /// Removes the rows of contacts that have expired: a table without an index is read as a whole.
    fn clear(&self, now_s: u32) {
        for table in self.tables().iter().filter(|table| table.is_ready()) {
            let Some(unsaved) = &table.unsaved else { continue };
            let statement = unsaved.store.remove_expired(now_s);
            if let Err(why) = unsaved.store.database.source.ask(vec![statement]) {
                let place = unsaved.store.place();
                tracing::error!(target: "usrloc", "{place}: {why}; it is tried again");
            }
        }
    }

    /// Reads a table of the database; a large one not at the start, which would wait for it.
    fn load(&self, table: &Table, is_start: bool) {
        match table.load(self, (self.wall_us() / 1_000_000) as u32, is_start) {
            Ok(None | Some(0)) => {}
            Ok(Some(count)) => {
                tracing::info!(target: "usrloc", "{}: {count} contacts are back", table.name());
            }
            Err(why) => {
                tracing::error!(target: "usrloc", "{}: {why}; it is tried again", table.name());
            }
        }
    }

    /// Writes everything that the database has not; false when that failed, and is tried again.
    /// May block.
    pub(super) fn flush(&self) -> bool {
        let tables = self.tables();
        let mut all = true;
        for table in tables.iter().filter(|table| table.is_ready()) {
            let Some(unsaved) = &table.unsaved else { continue };
            let mut batch = table.batch(self);
            let statements = std::mem::take(&mut batch.statements);
            let source = &unsaved.store.database.source;
            let mut chunks = statements.chunks(limits::WRITTEN);
            let outcome = chunks.try_for_each(|chunk| source.ask(chunk.to_vec()).map(drop));
            table.settle(batch, outcome.is_ok());
            if let Err(why) = &outcome {
                let place = unsaved.store.place();
                tracing::error!(target: "usrloc", "{place}: {why}; it is tried again");
            }
            all &= outcome.is_ok();
        }
        all
    }

    /// A worker has spent so much time on expiry in one turn.
    pub(super) fn swept_for(&self, work_ns: u64) {
        self.sweeps.fetch_add(1, Relaxed);
        if work_ns > limits::LONG_SWEEP_NS {
            self.long_sweeps.fetch_add(1, Relaxed);
        }
        if work_ns > self.longest_sweep_ns.load(Relaxed) {
            self.longest_sweep_ns.fetch_max(work_ns, Relaxed);
        }
    }

    /// The longest of them since the start in microseconds, how many turns it were, and how many of
    /// these were long.
    pub(super) fn sweeps(&self) -> [u64; 3] {
        let longest_us = self.longest_sweep_ns.load(Relaxed).div_ceil(1_000);
        [longest_us, self.sweeps.load(Relaxed), self.long_sweeps.load(Relaxed)]
    }

    /// The moment as it was told last, at most a second ago; microseconds since 1970.
    pub(super) fn wall_us(&self) -> u64 {
        self.wall_us.load(Relaxed)
    }

    /// All tables.
    pub fn tables(&self) -> Arc<Vec<Arc<Table>>> {
        self.tables.load_full()
    }

    /// A table by its name.
    pub fn find(&self, name: &[u8]) -> Option<Arc<Table>> {
        let tables = self.tables.load();
        tables.iter().find(|table| table.name().as_bytes() == name).map(Arc::clone)
    }

    /// A table that a script names; it is made when it is new. `None` when there are too many.
    pub fn open(&self, name: &str) -> Option<Arc<Table>> {
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = self.find(name.as_bytes()) {
            return Some(table);
        }
        let mut tables = Vec::clone(&self.tables.load());
        if tables.len() >= limits::TABLES {
            return None;
        }
        let store = self.database.as_ref().map(|database| Store::new(database, name));
        let table = Arc::new(Table::new(name, self.options.hash_bits, store));
        self.load(&table, true);
        tables.push(Arc::clone(&table));
        self.tables.store(Arc::new(tables));
        Some(table)
    }

    /// Changes a record of a table; gives what is to be told of it, if anyone may hear it.
    pub fn edit<R>(
        &self,
        table: &Table,
        aor: &[u8],
        shared: &Shared,
        change: impl FnOnce(&mut Edit<'_>) -> R,
    ) -> (R, Vec<Note>) {
        let mut notes = Vec::new();
        let heard = shared.hears_events().then_some(&mut notes);
        let result = table.edit(aor, self.options.order, heard, change);
        (result, notes)
    }

    /// Shows the User-Agent of a contact.
    pub fn agent_of<R>(&self, contact: &Contact<'_>, show: impl FnOnce(&[u8]) -> R) -> R {
        match contact.fixed.agent {
            0 => show(contact.user_agent),
            number => self.agents.with(number, show),
        }
    }
}
