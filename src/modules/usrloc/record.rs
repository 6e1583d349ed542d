//! An address of record and its contacts as one piece of memory.
//!
//! Takes and gives contacts as borrowed parts. A million records are a million allocations of some
//! 160 bytes; a refresh that changes no text is written in place. Knows no order, no time and no
//! matching: see [`super::edit`].
//!
//! Layout: length of the AoR, the AoR; then for each contact the lengths of its texts, what has a
//! fixed size ([`Fixed`]), and the texts. Numbers are little-endian.

use std::ops::Range;

use sluice_base::SocketId;

/// How many texts a contact has.
const TEXTS: usize = 7;
/// Bytes of their lengths.
const LENGTHS: usize = 2 * TEXTS;
/// What stands for no socket.
const NO_SOCKET: u16 = u16::MAX;
/// Bytes of a contact without its texts.
const HEAD: usize = LENGTHS + Fixed::BYTES;

/// A contact (spec 6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Contact<'a> {
    /// Its URI.
    pub uri: &'a [u8],
    /// The Call-ID that it was registered with last.
    pub call_id: &'a [u8],
    /// The URI that its REGISTER came from, when it differs; else empty.
    pub received: &'a [u8],
    /// Its Path (RFC 3327), as it stood in the header; else empty.
    pub path: &'a [u8],
    /// `+sip.instance`, with its brackets; else empty.
    pub instance: &'a [u8],
    /// What the script gave it by `attr_avp`; else empty.
    pub attr: &'a [u8],
    /// Its User-Agent, unless [`Fixed::agent`] names it.
    pub user_agent: &'a [u8],
    /// All that has a fixed size.
    pub fixed: Fixed,
}

/// What of a contact has a fixed size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// Its number, that no other contact has ever had.
    pub id: u64,
    /// When it expires, seconds since 1970; 0 is never.
    pub expires: u32,
    /// When it was changed last, seconds since 1970.
    pub modified: u32,
    /// The CSeq number that it was registered with last.
    pub cseq: u32,
    /// Flags of the REGISTER.
    pub flags: u32,
    /// Branch flags by slot.
    pub cflags: u32,
    /// The methods that it takes, as bits of [`super::methods`].
    pub methods: u32,
    /// Of its last ping, microseconds; 0: none was answered.
    pub latency_us: u32,
    /// q times 1000; -1 when not given.
    pub q: i16,
    /// The number of its User-Agent among those that many have; 0 is none.
    pub agent: u16,
    /// The socket that it was registered by.
    pub socket: Option<SocketId>,
    /// How many of its last pings were not answered, at most [`Fixed::LOST_MOST`].
    pub lost: u8,
    /// How it stands to its row.
    pub state: State,
}

/// The bit of [`Fixed::flags`] of contacts that are not for the database.
pub const MEMORY_ONLY: u32 = 1;

/// How a contact in memory stands to its row in the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// There is no row yet.
    #[default]
    New,
    /// The row is the same.
    Sync,
    /// The row is older.
    Dirty,
}

impl State {
    /// As management shows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "CS_NEW",
            Self::Sync => "CS_SYNC",
            Self::Dirty => "CS_DIRTY",
        }
    }
}

impl Default for Fixed {
    fn default() -> Self {
        Self {
            id: 0,
            expires: 0,
            modified: 0,
            cseq: 0,
            flags: 0,
            cflags: 0,
            methods: u32::MAX,
            latency_us: 0,
            q: -1,
            agent: 0,
            socket: None,
            lost: 0,
            state: State::New,
        }
    }
}

impl Fixed {
    const BYTES: usize = 8 + 7 * 4 + 3 * 2 + 1;
    /// Most unanswered pings that are counted: they share a byte with the state.
    pub const LOST_MOST: u8 = 63;

    /// Whether it is there at a moment (spec 6.2).
    pub const fn lives(&self, now_s: u32) -> bool {
        self.expires == 0 || self.expires > now_s
    }

    /// Whether its row has to be written.
    pub fn is_unsaved(&self) -> bool {
        self.state != State::Sync && self.flags & MEMORY_ONLY == 0
    }

    fn write(&self, to: &mut [u8; Self::BYTES]) {
        let (id, rest) = to.split_at_mut(8);
        id.copy_from_slice(&self.id.to_le_bytes());
        let (words, rest) = rest.split_at_mut(28);
        let all = [
            self.expires,
            self.modified,
            self.cseq,
            self.flags,
            self.cflags,
            self.methods,
            self.latency_us,
        ];
        for (place, word) in words.chunks_exact_mut(4).zip(all) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let socket = self.socket.map_or(NO_SOCKET, |socket| socket.0);
        let halves = [self.q as u16, self.agent, socket];
        for (place, half) in rest.chunks_exact_mut(2).zip(halves) {
            place.copy_from_slice(&half.to_le_bytes());
        }
        to[Self::BYTES - 1] = self.state as u8 | self.lost.min(Self::LOST_MOST) << 2;
    }

    fn read(from: &[u8; Self::BYTES]) -> Self {
        let word =
            |at: usize| u32::from_le_bytes([from[at], from[at + 1], from[at + 2], from[at + 3]]);
        let half = |at: usize| u16::from_le_bytes([from[at], from[at + 1]]);
        Self {
            id: u64::from(word(0)) | u64::from(word(4)) << 32,
            expires: word(8),
            modified: word(12),
            cseq: word(16),
            flags: word(20),
            cflags: word(24),
            methods: word(28),
            latency_us: word(32),
            q: half(36) as i16,
            agent: half(38),
            socket: Some(half(40)).filter(|socket| *socket != NO_SOCKET).map(SocketId),
            lost: from[42] >> 2,
            state: match from[42] & 3 {
                0 => State::New,
                1 => State::Sync,
                _ => State::Dirty,
            },
        }
    }
}

impl<'a> Contact<'a> {
    fn texts(&self) -> [&'a [u8]; TEXTS] {
        let Self { uri, call_id, received, path, instance, attr, user_agent, .. } = *self;
        [uri, call_id, received, path, instance, attr, user_agent]
    }

    /// Whether each text can be kept: none is longer than a message.
    pub fn fits(&self) -> bool {
        self.texts().iter().all(|text| u16::try_from(text.len()).is_ok())
    }

    fn len(&self) -> usize {
        HEAD + self.texts().iter().map(|text| text.len()).sum::<usize>()
    }

    /// Writes it; `to` is as long as [`Contact::len`] says.
    fn write(&self, to: &mut [u8]) {
        let Some((lengths, rest)) = to.split_at_mut_checked(LENGTHS) else { return };
        for (place, text) in lengths.chunks_exact_mut(2).zip(self.texts()) {
            place.copy_from_slice(&(text.len() as u16).to_le_bytes());
        }
        let Some((fixed, mut rest)) = rest.split_first_chunk_mut() else { return };
        self.fixed.write(fixed);
        for text in self.texts() {
            let Some((place, behind)) = rest.split_at_mut_checked(text.len()) else { return };
            place.copy_from_slice(text);
            rest = behind;
        }
    }

    /// The first contact of `bytes`, and what is behind it.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (lengths, rest) = bytes.split_first_chunk::<LENGTHS>()?;
        let (fixed, mut rest) = rest.split_first_chunk()?;
        let mut texts = [&b""[..]; TEXTS];
        for (place, len) in texts.iter_mut().zip(lengths.chunks_exact(2)) {
            let len = usize::from(u16::from_le_bytes([len[0], len[1]]));
            (*place, rest) = rest.split_at_checked(len)?;
        }
        let [uri, call_id, received, path, instance, attr, user_agent] = texts;
        let fixed = Fixed::read(fixed);
        Some((Self { uri, call_id, received, path, instance, attr, user_agent, fixed }, rest))
    }
}

/// Contacts in order.
#[derive(Clone, Debug, Default)]
pub struct Contacts<'a>(&'a [u8]);

impl<'a> Iterator for Contacts<'a> {
    type Item = Contact<'a>;

    #[inline]
    fn next(&mut self) -> Option<Contact<'a>> {
        let (contact, behind) = Contact::read(self.0)?;
        self.0 = behind;
        Some(contact)
    }
}

/// An address of record with its contacts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record(Box<[u8]>);

impl Record {
    /// Without contacts. The AoR is at most 64 KiB long.
    pub fn new(aor: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(2 + aor.len());
        bytes.extend_from_slice(&(aor.len() as u16).to_le_bytes());
        bytes.extend_from_slice(aor);
        Self(bytes.into_boxed_slice())
    }

    /// With one contact.
    pub fn of(aor: &[u8], contact: &Contact<'_>) -> Self {
        let start = 2 + aor.len();
        let mut bytes = vec![0; start + contact.len()];
        bytes[..2].copy_from_slice(&(aor.len() as u16).to_le_bytes());
        bytes[2..start].copy_from_slice(aor);
        contact.write(&mut bytes[start..]);
        Self(bytes.into_boxed_slice())
    }

    /// The address of record.
    pub fn aor(&self) -> &[u8] {
        self.0.get(2..self.first()).unwrap_or_default()
    }

    /// The contacts in order.
    pub fn contacts(&self) -> Contacts<'_> {
        Contacts(self.0.get(self.first()..).unwrap_or_default())
    }

    /// Whether there is no contact.
    pub fn is_empty(&self) -> bool {
        self.first() >= self.0.len()
    }

    /// Puts a contact in front of the one at a place, or behind the last one.
    pub fn insert(&mut self, at: usize, contact: &Contact<'_>) {
        let start = self.place(at).start;
        self.splice(start..start, Some(contact));
    }

    /// Puts a contact into the place of another; in the same memory when it is as long.
    pub fn replace(&mut self, at: usize, contact: &Contact<'_>) {
        self.splice(self.place(at), Some(contact));
    }

    /// Takes a contact away.
    pub fn remove(&mut self, at: usize) {
        self.splice(self.place(at), None);
    }

    /// Changes what has a fixed size of the contact at a place, in its memory.
    pub fn set_fixed(&mut self, at: usize, fixed: &Fixed) {
        let start = self.place(at).start + LENGTHS;
        let place = self.0.get_mut(start..).and_then(|rest| rest.first_chunk_mut());
        if let Some(place) = place {
            fixed.write(place);
        }
    }

    /// Where the first contact begins.
    fn first(&self) -> usize {
        let len = self.0.first_chunk().map_or(0, |len| u16::from_le_bytes(*len));
        2 + usize::from(len)
    }

    /// The bytes of a contact; none, at the end, when there is none.
    fn place(&self, at: usize) -> Range<usize> {
        let mut start = self.first().min(self.0.len());
        for _ in 0..at {
            start += self.len_at(start);
        }
        start..start + self.len_at(start)
    }

    /// How long the contact is that begins there; 0 at the end.
    fn len_at(&self, start: usize) -> usize {
        match self.0.get(start..).and_then(Contact::read) {
            Some((_, behind)) => self.0.len() - start - behind.len(),
            None => 0,
        }
    }

    fn splice(&mut self, place: Range<usize>, contact: Option<&Contact<'_>>) {
        let len = contact.map_or(0, Contact::len);
        if len != place.len() {
            let mut bytes = Vec::with_capacity(self.0.len() - place.len() + len);
            bytes.extend_from_slice(self.0.get(..place.start).unwrap_or_default());
            bytes.resize(place.start + len, 0);
            bytes.extend_from_slice(self.0.get(place.end..).unwrap_or_default());
            self.0 = bytes.into_boxed_slice();
        }
        let room = self.0.get_mut(place.start..place.start + len);
        if let (Some(contact), Some(room)) = (contact, room) {
            contact.write(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contact(uri: &str, id: u64) -> Contact<'_> {
        let fixed = Fixed { id, cseq: 7, q: -1, state: State::Dirty, ..Fixed::default() };
        Contact { uri: uri.as_bytes(), call_id: b"a84b4c76e66710", fixed, ..Contact::default() }
    }

    #[test]
    fn contacts_come_and_go_and_keep_their_places() {
        let mut record = Record::new(b"alice@example.com");
        assert!(record.is_empty());
        record.insert(0, &contact("sip:b", 2));
        record.insert(0, &contact("sip:a", 1));
        record.insert(2, &contact("sip:c", 3));
        let ids = |record: &Record| record.contacts().map(|c| c.fixed.id).collect::<Vec<_>>();
        assert_eq!(ids(&record), [1, 2, 3]);
        record.replace(1, &Contact { path: b"<sip:p;lr>", ..contact("sip:other", 4) });
        record.remove(0);
        assert_eq!(ids(&record), [4, 3]);
        let first = record.contacts().next().unwrap();
        assert_eq!((first.uri, first.path), (&b"sip:other"[..], &b"<sip:p;lr>"[..]));
        assert_eq!(record.aor(), b"alice@example.com");
        record.remove(7);
        assert_eq!(ids(&record), [4, 3], "there is none at that place");
    }

    #[test]
    fn a_refresh_is_written_in_place() {
        let mut record = Record::of(b"alice", &contact("sip:a", 1));
        let before = record.0.as_ptr();
        let mut fixed = record.contacts().next().unwrap().fixed;
        (fixed.expires, fixed.cseq) = (99, 8);
        fixed.socket = Some(SocketId(3));
        record.set_fixed(0, &fixed);
        record.replace(0, &Contact { fixed, ..contact("sip:b", 1) });
        let after = record.contacts().next().unwrap();
        assert_eq!((after.uri, after.fixed, record.0.as_ptr()), (&b"sip:b"[..], fixed, before));
        assert_eq!(after.fixed.socket, Some(SocketId(3)));
    }

    #[test]
    fn a_usual_record_is_small() {
        let usual = Contact { uri: &[b'u'; 36], call_id: &[b'c'; 36], ..Contact::default() };
        let record = Record::of(&[b'a'; 22], &usual);
        assert_eq!(record.0.len(), 2 + 22 + HEAD + 72);
        assert!(record.0.len() <= 160, "{}", record.0.len());
    }

    proptest! {
        #[test]
        fn everything_is_read_as_it_was_written(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), TEXTS),
            numbers in any::<(u64, [u32; 7], i16, u16, Option<u16>)>(),
            lost in 0..=Fixed::LOST_MOST,
            state in prop::sample::select(vec![State::New, State::Sync, State::Dirty]),
        ) {
            let (id, words, q, agent, socket) = numbers;
            let [expires, modified, cseq, flags, cflags, methods, latency_us] = words;
            let socket = socket.filter(|s| *s != NO_SOCKET).map(SocketId);
            let fixed = Fixed {
                id, expires, modified, cseq, flags, cflags, methods, latency_us, q, agent, socket,
                lost, state,
            };
            let contact = Contact {
                uri: &texts[0], call_id: &texts[1], received: &texts[2], path: &texts[3],
                instance: &texts[4], attr: &texts[5], user_agent: &texts[6], fixed,
            };
            let mut record = Record::of(&texts[0], &contact);
            record.insert(0, &Contact::default());
            record.insert(2, &contact);
            prop_assert_eq!(record.aor(), &texts[0][..]);
            let all: Vec<_> = record.contacts().collect();
            prop_assert_eq!(all, [Contact::default(), contact, contact]);
        }
    }
}
