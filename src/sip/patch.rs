//! Patches: what shall be different when a message is sent. Received bytes never change.
//!
//! A patch cuts some bytes (maybe none) at an offset and puts text there. They are sorted by
//! (offset, place, order of arrival). Overlapping cuts unite; a text anchored inside another's cut
//! is dropped and counted.

use sluice_base::Span;

/// Where a text stands relative to the offset's byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Before it, in front of everything already there is decided by order of arrival.
    Before,
    /// Instead of the cut bytes.
    Instead,
    /// After the cut bytes.
    After,
}

/// The patches of one message; texts are kept in one buffer. Reused without allocation.
#[derive(Clone, Debug, Default)]
pub struct Patches {}

impl Patches {
    /// Forgets all, keeps memory.
    pub fn clear(&mut self) {
        unimplemented!()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        unimplemented!()
    }

    /// Puts `text` at `at`.
    pub fn insert(&mut self, _at: u16, _place: Place, _text: &[u8]) {
        unimplemented!()
    }

    /// Cuts the bytes of `span` and puts `text` in their place (empty: deletes).
    pub fn replace(&mut self, _span: Span, _text: &[u8]) {
        unimplemented!()
    }

    /// Writes the patched message behind `out`. Returns how many texts were dropped because they
    /// were anchored inside another's cut.
    pub fn write(&self, _original: &[u8], _out: &mut Vec<u8>) -> usize {
        unimplemented!()
    }
}
