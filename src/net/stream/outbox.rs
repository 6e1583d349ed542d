//! What waits for a peer to take it, message by message, so that what was not sent can go back.
//!
//! Takes whole messages, gives the bytes to write next. Bounded by its owner; holds no memory while
//! nothing waits.

use std::collections::VecDeque;

use sluice_base::WorkerId;

/// See the file's head.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// How many bytes are written already.
    written: usize,
    /// Where the first message begins that is not wholly written.
    begun: usize,
    /// The messages that are not wholly written.
    ends: VecDeque<End>,
}

/// The end of a message.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Where it is.
    at: usize,
    /// Who wants to know if it is never written.
    sender: Option<WorkerId>,
    /// Since when the message waits, milliseconds.
    since_ms: u64,
}

impl Outbox {
    /// Appends a message; `sender` gets it back when it cannot be sent.
    pub fn push(&mut self, bytes: &[u8], sender: Option<WorkerId>, now_ms: u64) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push_back(End { at: self.bytes.len(), sender, since_ms: now_ms });
    }

    /// Since when the oldest message waits.
    pub fn since_ms(&self) -> Option<u64> {
        self.ends.front().map(|end| end.since_ms)
    }

    /// Has the memory of an earlier outbox used, if it has none of its own.
    pub fn lend(&mut self, spare: impl FnOnce() -> Vec<u8>) {
        if self.bytes.capacity() == 0 {
            self.bytes = spare();
        }
    }

    /// What is to be written.
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// So many bytes of it were written. The memory, once nothing is left.
    pub fn advance(&mut self, count: usize) -> Option<Vec<u8>> {
        self.written += count;
        while let Some(end) = self.ends.front().filter(|end| end.at <= self.written) {
            self.begun = end.at;
            self.ends.pop_front();
        }
        if self.written < self.bytes.len() {
            self.compact();
            return None;
        }
        (self.written, self.begun) = (0, 0);
        self.ends = VecDeque::new();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        Some(bytes)
    }

    /// Bytes of memory in use, written ones too.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The messages that were not wholly written, with those who want to know. Of the first a part
    /// may have been.
    pub fn unsent(&self) -> impl Iterator<Item = (WorkerId, &[u8])> {
        let mut from = self.begun;
        self.ends.iter().filter_map(move |end| {
            let message = self.bytes.get(from..end.at).unwrap_or_default();
            from = end.at;
            Some((end.sender?, message))
        })
    }

    /// Gives written messages up, when they are more than those that wait: an outbox that is never
    /// empty must not grow.
    fn compact(&mut self) {
        let begun = self.begun;
        if begun < COMPACT_BYTES || begun < self.bytes.len() / 2 {
            return;
        }
        self.bytes.drain(..begun);
        self.written -= begun;
        self.begun = 0;
        self.ends.iter_mut().for_each(|end| end.at -= begun);
    }
}

/// Written bytes that are given up at a time, so that moving the others costs little for each.
const COMPACT_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_written_comes_back_whole() {
        let mut outbox = Outbox::default();
        outbox.push(b"first", Some(WorkerId(1)), 7);
        outbox.push(b"\r\n", None, 8);
        outbox.push(b"second", Some(WorkerId(2)), 9);
        assert_eq!(outbox.since_ms(), Some(7));
        assert_eq!(outbox.pending(), b"first\r\nsecond");
        assert_eq!(outbox.advance(5), None);
        let unsent: Vec<_> = outbox.unsent().collect();
        assert_eq!(unsent, [(WorkerId(2), &b"second"[..])]);
        assert_eq!((outbox.len(), outbox.advance(3)), (2, None));
        assert_eq!(outbox.pending(), b"econd");
        let unsent: Vec<_> = outbox.unsent().collect();
        assert_eq!(unsent, [(WorkerId(2), &b"second"[..])]);
        assert!(outbox.advance(5).is_some_and(|spare| spare.is_empty()));
        assert!(outbox.is_empty() && outbox.pending().is_empty() && outbox.size() == 0);
    }

    #[test]
    fn one_that_is_never_empty_does_not_grow() {
        let mut outbox = Outbox::default();
        outbox.push(&[b'a'; 1_000], Some(WorkerId(0)), 0);
        for n in 0..1_000 {
            outbox.push(&[b'b' + (n % 2) as u8; 1_000], Some(WorkerId(0)), 0);
            assert_eq!(outbox.advance(1_000), None);
            assert!(outbox.size() <= 2 * COMPACT_BYTES + 2_000, "{n}");
        }
        let unsent: Vec<_> = outbox.unsent().map(|(_, message)| message.to_vec()).collect();
        assert_eq!(unsent, [[b'c'; 1_000]]);
    }
}
