//! Pings of a worker whose answers count and have not come yet.
//!
//! Knows tags and moments; sends nothing. Each is there until it is answered, or its time is over.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::AHashMap;

use super::limits;
use crate::usrloc::api::Table;

/// What a ping's From tag and branch carry; nobody else can guess it.
pub(super) type Tag = [u8; 16];

/// Whose ping it was, and when it was sent.
pub(super) struct Pinged {
    pub table: Arc<Table>,
    pub aor: Box<[u8]>,
    /// The number of the contact.
    pub id: u64,
    pub sent_us: u64,
}

/// See the file's head.
#[derive(Default)]
pub(super) struct Waiting {
    pings: AHashMap<Tag, Pinged>,
    /// All in the order they were sent, with when each is lost, monotonic milliseconds; those that
    /// were answered, too.
    order: VecDeque<(u64, Tag)>,
}

impl Waiting {
    /// Waits for the answer; false: there is no room.
    pub fn add(&mut self, tag: Tag, pinged: Pinged, lost_ms: u64) -> bool {
        let has_room = self.order.len() < limits::WAITING;
        if has_room {
            self.pings.insert(tag, pinged);
            self.order.push_back((lost_ms, tag));
        }
        has_room
    }

    /// It is answered.
    pub fn take(&mut self, tag: &Tag) -> Option<Pinged> {
        self.pings.remove(tag)
    }

    /// The next one whose time is over.
    pub fn next_lost(&mut self, now_ms: u64) -> Option<Pinged> {
        while let Some((_, tag)) = self.order.pop_front_if(|(lost_ms, _)| *lost_ms <= now_ms) {
            if let Some(pinged) = self.pings.remove(&tag) {
                return Some(pinged);
            }
        }
        None
    }

    /// When the first of them is lost, monotonic milliseconds.
    pub fn next_ms(&self) -> Option<u64> {
        self.order.front().map(|(lost_ms, _)| *lost_ms)
    }
}
