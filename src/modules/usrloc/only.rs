//! Contacts that only the database has (`db_mode` 3, spec 6.6): nothing of a user is in memory but
//! while its record is at work, asked for, shown or changed, and written.
//!
//! Takes rows and gives records and statements. Waits for nothing but where management does.

use std::sync::Arc;

use sluice_engine::db::{Rows, Source, Statement};

use super::edit::{Edit, Note, Order};
use super::locations::Locations;
use super::record::{Contact, Record};
use super::store::{Kept, Store};
use super::table::Table;
use super::unsaved::Batch;

impl Table {
    /// Whether memory has nothing of it: [`Table::look`] and [`Table::edit`] find nobody.
    pub fn is_only_in_database(&self) -> bool {
        self.unsaved.as_ref().is_some_and(|unsaved| unsaved.store.database.kept == Kept::Only)
    }

    /// What the database is to be asked for the rows of an AoR.
    pub fn question(&self, aor: &[u8]) -> Option<(Arc<dyn Source>, Statement)> {
        let store = &self.unsaved.as_ref()?.store;
        Some((Arc::clone(&store.database.source), store.select(Some(aor))))
    }

    /// The record of an AoR among rows; without contacts when they have none of it.
    pub fn record_in(&self, locations: &Locations, aor: &[u8], rows: &Rows) -> Record {
        let store = self.unsaved.as_ref().map(|unsaved| &unsaved.store);
        let found = store.map(|store| store.records(locations, rows)).unwrap_or_default();
        found.into_iter().find(|record| record.aor() == aor).unwrap_or_else(|| Record::new(aor))
    }

    /// Asks for the records of all users, or of one. For threads that may block.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn fetch(
        &self,
        locations: &Locations,
        aor: Option<&[u8]>,
    ) -> Result<Vec<Record>, String> {
        let Some(unsaved) = &self.unsaved else { return Ok(Vec::new()) };
        let store = &unsaved.store;
        let rows = store.database.source.ask(vec![store.select(aor)]);
        let mut records = store.records(locations, &rows.map_err(|error| error.to_string())?);
        records.retain(|record| aor.is_none_or(|aor| record.aor() == aor));
        Ok(records)
    }

    /// Has a batch written. For threads that may block.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn write(&self, batch: Batch) -> Result<(), String> {
        let source = self.unsaved.as_ref().map(|unsaved| &unsaved.store.database.source);
        match source.filter(|_| !batch.is_empty()) {
            Some(source) => {
                source.ask(batch.statements).map(drop).map_err(|error| error.to_string())
            }
            None => Ok(()),
        }
    }
}

impl Locations {
    /// Changes a record that no table has; what is to be written of it, and to be told.
    pub fn edit_apart<R>(
        &self,
        table: &Table,
        record: &Record,
        is_heard: bool,
        change: impl FnOnce(&mut Edit<'_>) -> R,
    ) -> (R, Vec<Note>, Batch) {
        let mut notes = Vec::new();
        let heard = is_heard.then_some(&mut notes);
        let there = (!record.is_empty()).then(|| record.clone());
        let mut edit = Edit::new(record.aor(), there, self.options.order, heard);
        let result = change(&mut edit);
        edit.finish();
        let Edit { record, gone, .. } = edit;
        (result, notes, table.batch_apart(self, record, gone))
    }
}

impl Store {
    /// The records that rows make, their contacts in order; what is no contact is left out.
    fn records(&self, locations: &Locations, rows: &Rows) -> Vec<Record> {
        let places = self.places(rows);
        let all = rows.rows.iter();
        let mut all: Vec<(Vec<u8>, Contact<'_>)> =
            all.filter_map(|fields| self.contact(locations, &places, fields)).collect();
        let order = locations.options.order;
        // A database gives them in any order; a number that is higher came later.
        all.sort_by(|(aor, one), (other_aor, other)| {
            let age = |contact: &Contact<'_>| match order {
                Order::ByQ => (0, contact.fixed.id),
                Order::NewestFirst => (contact.fixed.modified, contact.fixed.id),
            };
            aor.cmp(other_aor).then(age(one).cmp(&age(other)))
        });
        let of_users = all.chunk_by(|(aor, _), (other, _)| aor == other);
        let record = |contacts: &[(Vec<u8>, Contact<'_>)]| {
            let aor = contacts.first().map_or(&b""[..], |(aor, _)| aor);
            let mut edit = Edit::new(aor, None, order, None);
            contacts.iter().for_each(|(_, contact)| edit.insert(contact));
            edit.record
        };
        of_users.filter_map(record).collect()
    }
}
