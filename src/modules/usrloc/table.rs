//! A table of contacts ("domain" in OpenSIPS): `location`, `aliases`. The third kind of state: all
//! workers share it, each record is changed under its shard's lock.
//!
//! Takes addresses of record as bytes and computes their hash once. Expired contacts are seen by
//! nobody who asks [`Fixed::lives`](super::record::Fixed::lives); sweeps take them away, some
//! records at a time. Does no I/O.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use ahash::RandomState;
use sluice_base::shards::{Cursor, Passed, Shards, Then};

use super::edit::{Edit, Note, Order, What};
use super::entry::Entry;
use super::limits;
use super::record::{Contact, Record};
use super::store::Store;
use super::unsaved::Unsaved;

/// A table.
pub struct Table {
    name: Box<str>,
    hasher: RandomState,
    shards: Shards<Entry>,
    /// By shard, the second from which on it is to be swept; `u32::MAX` is never.
    due: Box<[AtomicU32]>,
    users: AtomicU64,
    contacts: AtomicU64,
    expired: AtomicU64,
    last_id: AtomicU64,
    /// What of it the database has not, if it is in one.
    pub(super) unsaved: Option<Unsaved>,
}

/// What a table holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Addresses of record.
    pub users: u64,
    /// Their contacts.
    pub contacts: u64,
    /// Contacts that have expired so far.
    pub expired: u64,
}

/// What a change has come to, beside its result.
struct Done {
    came: i64,
    users: i64,
    expires: u32,
    unsaved: bool,
    gone: Vec<Record>,
}

/// A sweep, or some other pass, of one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sweep(Cursor);

/// One slice of a sweep.
pub struct Slice<'a> {
    /// What expires until then goes, seconds since 1970.
    pub now_s: u32,
    /// How long a shard rests between two sweeps, seconds.
    pub pause_s: u32,
    /// Whether it has lasted long enough.
    pub is_over: &'a dyn Fn() -> bool,
}

impl Table {
    /// An empty table of `2^bits` shards or more.
    pub fn new(name: &str, bits: u32, store: Option<Store>) -> Self {
        let shards = Shards::new(bits.max(limits::SHARDS_BITS));
        let count = shards.count();
        let never = std::iter::repeat_with(|| AtomicU32::new(u32::MAX));
        Self {
            name: name.into(),
            hasher: RandomState::new(),
            due: never.take(count).collect(),
            shards,
            users: AtomicU64::new(0),
            contacts: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            last_id: AtomicU64::new(0),
            unsaved: store.map(|store| Unsaved::new(store, count)),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many shards it has.
    pub fn shards(&self) -> usize {
        self.shards.count()
    }

    /// What it holds.
    pub fn counts(&self) -> Counts {
        Counts {
            users: self.users.load(Relaxed),
            contacts: self.contacts.load(Relaxed),
            expired: self.expired.load(Relaxed),
        }
    }

    /// A number that no contact has had: greater than all before, and than the microseconds since
    /// 1970, so that it is new after a restart, too.
    pub fn new_id(&self, wall_us: u64) -> u64 {
        let next = |last: u64| wall_us.max(last + 1);
        self.last_id.fetch_update(Relaxed, Relaxed, |last| Some(next(last))).map_or(0, next)
    }

    /// No number up to this one is given any more.
    pub(super) fn keep_id(&self, id: u64) {
        self.last_id.fetch_max(id, Relaxed);
    }

    /// Shows a record.
    pub fn look<R>(&self, aor: &[u8], show: impl FnOnce(Option<&Record>) -> R) -> R {
        let hash = self.hash(aor);
        let is = |entry: &Entry| entry.record().aor() == aor;
        self.shards.look(hash, is, |entry, ()| show(entry.map(Entry::record)))
    }

    /// Changes a record, which may not be there yet. What happens is added to `notes`, if any.
    pub fn edit<R>(
        &self,
        aor: &[u8],
        order: Order,
        notes: Option<&mut Vec<Note>>,
        change: impl FnOnce(&mut Edit<'_>) -> R,
    ) -> R {
        let hash = self.hash(aor);
        let is = |entry: &Entry| entry.record().aor() == aor;
        let (result, done) = self.shards.change(hash, is, Entry::hash, |place, ()| {
            let before = place.is_some();
            let mut place = place;
            let held = place.as_mut().map(|place| place.take());
            let mut edit = Edit::new(aor, held, order, notes);
            let result = change(&mut edit);
            edit.finish();
            let Edit { record, came, unsaved, gone, .. } = edit;
            let users = i64::from(record.is_some()) - i64::from(before);
            let (then, expires) = match (place, record) {
                (Some(place), Some(record)) => {
                    place.put(record);
                    (Then::Keep, place.expires())
                }
                (None, Some(record)) => {
                    let entry = Entry::new(hash, record);
                    let expires = entry.expires();
                    (Then::Put(entry), expires)
                }
                (_, None) => (Then::Remove, u32::MAX),
            };
            (then, (result, Done { came, users, expires, unsaved, gone }))
        });
        self.count(done.users, done.came);
        let shard = self.shards.shard_of(hash);
        if done.expires < self.due(shard).load(Relaxed) {
            self.due(shard).fetch_min(done.expires, Relaxed);
        }
        if let Some(unsaved) = &self.unsaved {
            unsaved.note(shard, done.unsaved, done.gone);
        }
        result
    }

    /// Shows some records of a shard; false behind the last ones. `Passed::Anew`: those of this
    /// shard come again.
    pub fn pass(&self, shard: usize, at: &mut Sweep, mut show: impl FnMut(&Record)) -> Passed {
        self.shards.pass(
            shard,
            &mut at.0,
            |seen| seen < limits::PASSED,
            Entry::hash,
            |entry, ()| {
                show(entry.record());
                true
            },
        )
    }

    /// Adds copies of all records, taken some at a time.
    pub fn records(&self, to: &mut Vec<Record>) {
        for shard in 0..self.shards() {
            let (mut at, before) = (Sweep::default(), to.len());
            loop {
                match self.pass(shard, &mut at, |record| to.push(record.clone())) {
                    Passed::All => break,
                    Passed::More => {}
                    Passed::Anew => to.truncate(before),
                }
            }
        }
    }

    /// The first shard from `from` on, in steps, that is to be swept.
    pub fn to_sweep(&self, from: usize, step: usize, now_s: u32) -> Option<usize> {
        let mut shards = (from..self.due.len()).step_by(step.max(1));
        shards.find(|shard| self.due(*shard).load(Relaxed) <= now_s)
    }

    /// Takes expired contacts away, of some records of a shard; false when it is through. The shard
    /// is swept again when the next contact expires, after its rest at the earliest.
    pub fn sweep(
        &self,
        shard: usize,
        at: &mut Sweep,
        slice: &Slice<'_>,
        mut notes: Option<&mut Vec<Note>>,
    ) -> bool {
        if *at == Sweep::default() {
            // Whatever is added meanwhile makes it due again.
            self.due(shard).store(u32::MAX, Relaxed);
        }
        let (mut users, mut gone, mut earliest) = (0, 0, u32::MAX);
        let is_over = Cell::new(false);
        let passed = self.shards.pass(
            shard,
            &mut at.0,
            |seen| {
                let asks = seen % limits::SWEPT_BLINDLY == limits::SWEPT_BLINDLY - 1;
                seen < limits::SWEPT && !is_over.get() && !(asks && (slice.is_over)())
            },
            Entry::hash,
            |entry, ()| {
                if entry.expires() <= slice.now_s {
                    let mut record = entry.take();
                    gone += take_expired(&mut record, slice.now_s, notes.as_deref_mut());
                    entry.put(record);
                    is_over.set((slice.is_over)());
                }
                let is_empty = entry.record().is_empty();
                earliest = earliest.min(entry.expires());
                users += i64::from(is_empty);
                !is_empty
            },
        );
        self.count(-users, -(gone as i64));
        self.expired.fetch_add(gone, Relaxed);
        if earliest < u32::MAX {
            let rested = slice.now_s.saturating_add(slice.pause_s);
            self.due(shard).fetch_min(earliest.max(rested), Relaxed);
        }
        passed != Passed::All
    }

    pub(super) fn shard_of(&self, aor: &[u8]) -> usize {
        self.shards.shard_of(self.hash(aor))
    }

    pub(super) fn hash(&self, aor: &[u8]) -> u64 {
        self.hasher.hash_one(aor)
    }

    fn due(&self, shard: usize) -> &AtomicU32 {
        &self.due[shard % self.due.len()]
    }

    fn count(&self, users: i64, contacts: i64) {
        // Refreshes, which are most, touch what nobody else needs.
        if users != 0 {
            self.users.fetch_add(users as u64, Relaxed);
        }
        if contacts != 0 {
            self.contacts.fetch_add(contacts as u64, Relaxed);
        }
    }
}

/// Gives how many it were.
fn take_expired(record: &mut Record, now_s: u32, mut notes: Option<&mut Vec<Note>>) -> u64 {
    if notes.is_none() && record.contacts().all(|contact| !contact.fixed.lives(now_s)) {
        // No memory is asked for to keep less and less of it.
        return std::mem::take(record).contacts().count() as u64;
    }
    let (mut at, mut gone) = (0, 0);
    while let Some(contact) = record.contacts().nth(at) {
        if contact.fixed.lives(now_s) {
            at += 1;
            continue;
        }
        note(&mut notes, What::Delete, record.aor(), &contact);
        record.remove(at);
        gone += 1;
    }
    if record.is_empty()
        && let Some(notes) = &mut notes
    {
        notes.push(Note { what: What::AorDelete, about: Record::new(record.aor()) });
    }
    gone
}

fn note(notes: &mut Option<&mut Vec<Note>>, what: What, aor: &[u8], contact: &Contact<'_>) {
    if let Some(notes) = notes {
        notes.push(Note { what, about: Record::of(aor, contact) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usrloc::record::Fixed;

    fn contact(expires: u32) -> Contact<'static> {
        let fixed = Fixed { expires, ..Fixed::default() };
        Contact { uri: b"sip:a@192.0.2.1:5060", fixed, ..Contact::default() }
    }

    fn add(table: &Table, aor: &str, expires: u32) {
        table.edit(aor.as_bytes(), Order::ByQ, None, |edit| edit.insert(&contact(expires)));
    }

    fn sweep(table: &Table, now_s: u32) -> (usize, Vec<Note>) {
        let (mut slices, mut notes) = (0, Vec::new());
        while let Some(shard) = table.to_sweep(0, 1, now_s) {
            let mut at = Sweep::default();
            loop {
                let before = notes.len();
                slices += 1;
                let slice = Slice { now_s, pause_s: 10, is_over: &|| false };
                let more = table.sweep(shard, &mut at, &slice, Some(&mut notes));
                assert!(notes.len() - before <= 2 * limits::SWEPT);
                if !more {
                    break;
                }
            }
        }
        (slices, notes)
    }

    #[test]
    fn what_has_expired_is_swept_and_counted() {
        let table = Table::new("location", 0, None);
        for number in 0..5_000 {
            add(&table, &format!("user{number}"), 100 + number % 3);
        }
        add(&table, "user0", 0);
        let counts = |users, contacts, expired| Counts { users, contacts, expired };
        assert_eq!(table.counts(), counts(5_000, 5_001, 0));
        assert_eq!(sweep(&table, 99).0, 0, "nothing is due");
        let (slices, notes) = sweep(&table, 100);
        assert!(slices > 1_000, "{slices}");
        assert_eq!(notes.len(), 2 * 1_667 - 1, "user0 has another one");
        assert_eq!(table.counts(), counts(3_334, 3_334, 1_667));
        sweep(&table, 105);
        assert!(table.counts().users > 1, "a shard rests between two sweeps");
        sweep(&table, 110);
        assert_eq!(table.counts(), counts(1, 1, 5_000));
        assert_eq!(sweep(&table, u32::MAX - 1).0, 0, "one that never expires makes nothing due");
        assert_eq!(table.look(b"user0", |record| record.unwrap().contacts().count()), 1);
        assert!(table.look(b"user1", |record| record.is_none()));
    }

    #[test]
    fn a_slice_that_has_lasted_long_enough_takes_one_contact() {
        let table = Table::new("location", 0, None);
        (0..8_000).for_each(|number| add(&table, &format!("user{number}"), 100));
        let slice = Slice { now_s: 100, pause_s: 10, is_over: &|| true };
        for shard in 0..table.shards() {
            let (mut at, mut more) = (Sweep::default(), true);
            while more {
                let before = table.counts().expired;
                more = table.sweep(shard, &mut at, &slice, None);
                let taken = table.counts().expired - before;
                assert!(taken <= 1, "{taken} in one slice");
            }
        }
        assert_eq!(table.counts(), Counts { users: 0, contacts: 0, expired: 8_000 });
    }

    #[test]
    fn numbers_are_new() {
        let table = Table::new("location", 0, None);
        let ids = [table.new_id(5), table.new_id(5), table.new_id(3), table.new_id(100)];
        assert_eq!(ids, [5, 6, 7, 100]);
    }

    #[test]
    fn workers_change_one_hot_record_and_many_others_and_counts_are_exact() {
        const STEPS: u32 = 3_000;
        let table = Table::new("location", 0, None);
        let work = |worker: u32| {
            let table = &table;
            move || {
                for step in 0..STEPS {
                    table.edit(b"hot", Order::ByQ, None, |edit| match edit.contacts().next() {
                        Some(contact) => {
                            let fixed = Fixed { cseq: contact.fixed.cseq + 1, ..contact.fixed };
                            edit.update(0, &Contact { fixed, ..self::contact(0) });
                        }
                        None => edit.insert(&self::contact(0)),
                    });
                    let own = format!("{worker}-{}", step % 100);
                    match step / 100 % 2 {
                        0 => add(table, &own, 100),
                        _ => table.edit(own.as_bytes(), Order::ByQ, None, |e| e.remove(0)),
                    }
                    if step % 64 == 0 {
                        let mut at = Sweep::default();
                        let shard = step as usize % table.shards();
                        let slice = Slice { now_s: 50, pause_s: 1, is_over: &|| false };
                        while table.sweep(shard, &mut at, &slice, None) {}
                    }
                }
            }
        };
        std::thread::scope(|scope| (0..3).for_each(|worker| drop(scope.spawn(work(worker)))));
        let hot = table.look(b"hot", |record| record.unwrap().contacts().next().unwrap().fixed);
        assert_eq!(hot.cseq, 3 * STEPS - 1);
        assert_eq!(table.counts(), Counts { users: 1, contacts: 1, expired: 0 });
    }
}
