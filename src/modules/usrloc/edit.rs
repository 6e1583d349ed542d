//! A change of one record, under its shard's lock: contacts are matched, put in order, counted, and
//! what has happened is noted for those who hear events (spec 6.1, 6.2).
//!
//! Knows no SIP message and decides nothing: what is to be done is the registrar's.

use sluice_sip::params;
use sluice_sip::same::same_texts;
use sluice_sip::uri::Uri;

use super::record::{Contact, Contacts, Fixed, Record, State};

/// In what order the contacts of a record stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// By falling q; those of one q as they came.
    #[default]
    ByQ,
    /// The one that came last first.
    NewestFirst,
}

/// When two contacts are the same (spec 6.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matching<'a> {
    /// Their URIs are (RFC 3261 19.1.4).
    Uri,
    /// And their Call-IDs.
    UriAndCallId(&'a [u8]),
    /// This parameter of their URIs is.
    Param(&'a str),
}

/// What has happened to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// It is new.
    AorInsert,
    /// Its last contact has gone.
    AorDelete,
    /// It has a new contact.
    Insert,
    /// A contact has gone.
    Delete,
    /// A contact was registered again.
    Update,
    /// A ping of a contact was answered, and its latency is worth telling.
    Latency,
}

/// Something to be told: what, and the AoR with the contact that it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// What has happened.
    pub what: What,
    /// The AoR and the contact.
    pub about: Record,
}

/// A record that is being changed.
pub struct Edit<'a> {
    aor: &'a [u8],
    pub(super) record: Option<Record>,
    order: Order,
    notes: Option<&'a mut Vec<Note>>,
    /// How many contacts have come, less those that have gone.
    pub(super) came: i64,
    /// Whether anything differs from its row now.
    pub(super) unsaved: bool,
    /// Contacts whose rows are to go.
    pub(super) gone: Vec<Record>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(
        aor: &'a [u8],
        record: Option<Record>,
        order: Order,
        notes: Option<&'a mut Vec<Note>>,
    ) -> Self {
        Self { aor, record, order, notes, came: 0, unsaved: false, gone: Vec::new() }
    }

    /// The contacts in order; also those that have expired and are not swept yet.
    pub fn contacts(&self) -> Contacts<'_> {
        self.record.as_ref().map(Record::contacts).unwrap_or_default()
    }

    /// The contact that a URI matches, and its place.
    pub fn find(&self, uri: &[u8], matching: Matching<'_>) -> Option<(usize, Contact<'_>)> {
        self.contacts().enumerate().find(|(_, contact)| matching.is(contact, uri))
    }

    /// Adds a contact at its place in the order.
    pub fn insert(&mut self, contact: &Contact<'_>) {
        self.came += 1;
        self.unsaved |= contact.fixed.is_unsaved();
        let at = self.place_of(contact.fixed.q, usize::MAX);
        match &mut self.record {
            Some(record) => record.insert(at, contact),
            None => {
                self.record = Some(Record::of(self.aor, contact));
                self.note(What::AorInsert, contact);
            }
        }
        self.note(What::Insert, contact);
    }

    /// Puts a contact into the place of another, whose number it keeps, and moves it where the
    /// order wants it.
    pub fn update(&mut self, at: usize, contact: &Contact<'_>) {
        let Some(old) = self.contacts().nth(at) else { return };
        let before = old.fixed;
        if before.state != State::New && old.uri != contact.uri {
            // Where rows have no number, this one is not found by the new URI.
            let row = Record::of(self.aor, &old);
            self.gone.push(row);
        }
        let state = match before.state {
            State::New => State::New,
            State::Sync | State::Dirty => State::Dirty,
        };
        let latency_us = before.latency_us;
        let fixed = Fixed { id: before.id, state, latency_us, ..contact.fixed };
        let contact = Contact { fixed, ..*contact };
        self.unsaved |= fixed.is_unsaved();
        let stays = match self.order {
            Order::NewestFirst => at == 0,
            Order::ByQ => fixed.q == before.q || self.place_of(fixed.q, at) == at,
        };
        let place = self.place_of(fixed.q, at);
        if let Some(record) = &mut self.record {
            if stays {
                record.replace(at, &contact);
            } else {
                record.remove(at);
                record.insert(place, &contact);
            }
        }
        self.note(What::Update, &contact);
    }

    /// Changes what has a fixed size of a contact; nothing is told of it.
    pub fn set_fixed(&mut self, at: usize, fixed: &Fixed) {
        if let Some(record) = &mut self.record {
            record.set_fixed(at, fixed);
        }
        self.unsaved |= fixed.is_unsaved();
    }

    /// A ping of a contact was answered after so many microseconds; it is told if `told` says so.
    pub fn set_latency(&mut self, at: usize, latency_us: u32, told: bool) {
        let contact = self.record.as_ref().and_then(|record| record.contacts().nth(at));
        let Some(contact) = contact else { return };
        let fixed = Fixed { latency_us, lost: 0, ..contact.fixed };
        if let (true, Some(notes)) = (told, &mut self.notes) {
            let about = Record::of(self.aor, &Contact { fixed, ..contact });
            notes.push(Note { what: What::Latency, about });
        }
        self.set_fixed(at, &fixed);
    }

    /// Takes a contact away.
    pub fn remove(&mut self, at: usize) {
        let Some(record) = &self.record else { return };
        let Some(contact) = record.contacts().nth(at) else { return };
        if let Some(notes) = &mut self.notes {
            notes.push(Note { what: What::Delete, about: Record::of(self.aor, &contact) });
        }
        if contact.fixed.state != State::New {
            self.gone.push(Record::of(self.aor, &contact));
        }
        self.came -= 1;
        if let Some(record) = &mut self.record {
            record.remove(at);
        }
    }

    /// Takes those away that `goes` says yes to.
    pub fn remove_if(&mut self, mut goes: impl FnMut(&Contact<'_>) -> bool) {
        let mut at = 0;
        while let Some(contact) = self.record.as_ref().and_then(|record| record.contacts().nth(at))
        {
            if goes(&contact) {
                self.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// It is over: nothing is left of a record without contacts.
    pub(super) fn finish(&mut self) {
        let Some(record) = self.record.take_if(|record| record.is_empty()) else { return };
        if let Some(notes) = &mut self.notes {
            notes.push(Note { what: What::AorDelete, about: record });
        }
    }

    /// Where a contact belongs, when the one at `without` is not counted.
    fn place_of(&self, q: i16, without: usize) -> usize {
        match self.order {
            Order::NewestFirst => 0,
            Order::ByQ => {
                let others = self.contacts().enumerate().filter(|(at, _)| *at != without);
                others.take_while(|(_, other)| other.fixed.q >= q).count()
            }
        }
    }

    fn note(&mut self, what: What, contact: &Contact<'_>) {
        if let Some(notes) = &mut self.notes {
            notes.push(Note { what, about: Record::of(self.aor, contact) });
        }
    }
}

impl Matching<'_> {
    fn is(&self, contact: &Contact<'_>, uri: &[u8]) -> bool {
        match self {
            Self::Uri => same_texts(contact.uri, uri),
            Self::UriAndCallId(call_id) => {
                contact.call_id == *call_id && same_texts(contact.uri, uri)
            }
            Self::Param(name) => match (param(contact.uri, name), param(uri, name)) {
                (Some(one), Some(other)) => one == other,
                _ => same_texts(contact.uri, uri),
            },
        }
    }
}

/// A parameter of a URI that has a value.
fn param<'u>(uri: &'u [u8], name: &str) -> Option<&'u [u8]> {
    let uri = Uri::parse(uri)?;
    params::find(uri.params, name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(uri: &str, q: i16) -> Contact<'_> {
        let fixed = Fixed { id: q as u64, q, expires: 100, ..Fixed::default() };
        Contact { uri: uri.as_bytes(), call_id: b"c1", fixed, ..Contact::default() }
    }

    fn uris(edit: &Edit<'_>) -> Vec<String> {
        edit.contacts().map(|c| String::from_utf8(c.uri.to_vec()).unwrap()).collect()
    }

    #[test]
    fn contacts_stand_by_q_and_move_when_it_changes() {
        let mut edit = Edit::new(b"alice", None, Order::ByQ, None);
        for (uri, q) in [("sip:a", 500), ("sip:b", 1_000), ("sip:c", 500), ("sip:d", -1)] {
            edit.insert(&contact(uri, q));
        }
        assert_eq!(uris(&edit), ["sip:b", "sip:a", "sip:c", "sip:d"]);
        edit.update(1, &contact("sip:a", 500));
        assert_eq!(uris(&edit), ["sip:b", "sip:a", "sip:c", "sip:d"], "it stays where it is");
        edit.update(0, &contact("sip:b", 0));
        assert_eq!(uris(&edit), ["sip:a", "sip:c", "sip:b", "sip:d"]);
        edit.update(3, &contact("sip:d", 600));
        assert_eq!(uris(&edit), ["sip:d", "sip:a", "sip:c", "sip:b"]);
        assert_eq!(edit.came, 4);
    }

    #[test]
    fn the_newest_stands_first_when_that_is_wanted() {
        let mut edit = Edit::new(b"alice", None, Order::NewestFirst, None);
        ["sip:a", "sip:b", "sip:c"].iter().for_each(|uri| edit.insert(&contact(uri, 0)));
        edit.update(2, &contact("sip:a", 0));
        assert_eq!(uris(&edit), ["sip:a", "sip:c", "sip:b"]);
    }

    #[test]
    fn contacts_match_as_the_mode_says() {
        let mut edit = Edit::new(b"alice", None, Order::ByQ, None);
        edit.insert(&contact("sip:a@h;rinstance=1", 0));
        let place = |uri: &str, matching| edit.find(uri.as_bytes(), matching).is_some();
        assert!(place("sip:a@H;rinstance=1;x", Matching::Uri));
        assert!(!place("sip:b@h", Matching::Uri));
        assert!(place("sip:a@h;rinstance=1", Matching::UriAndCallId(b"c1")));
        assert!(!place("sip:a@h;rinstance=1", Matching::UriAndCallId(b"c2")));
        assert!(place("sip:a@other:99;rinstance=1", Matching::Param("rinstance")));
        assert!(!place("sip:a@h;rinstance=2", Matching::Param("rinstance")));
    }

    #[test]
    fn what_happens_is_noted() {
        let mut notes = Vec::new();
        let mut edit = Edit::new(b"alice", None, Order::ByQ, Some(&mut notes));
        edit.insert(&contact("sip:a", 0));
        edit.update(0, &contact("sip:a", 5));
        edit.remove_if(|contact| contact.fixed.q == 5);
        edit.finish();
        assert_eq!((edit.came, edit.record.is_none()), (0, true));
        let what: Vec<What> = notes.iter().map(|note| note.what).collect();
        use What::{AorDelete, AorInsert, Delete, Insert, Update};
        assert_eq!(what, [AorInsert, Insert, Update, Delete, AorDelete]);
        assert!(notes.iter().all(|note| note.about.aor() == b"alice"));
        assert_eq!(notes[3].about.contacts().next().unwrap().fixed.q, 5);
    }
}
