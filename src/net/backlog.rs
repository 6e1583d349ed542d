//! Datagrams that a full send buffer turned away, kept in order until the socket is writable.
//!
//! Bounded; allocates only when a socket blocks, which is not the common path.

use std::net::SocketAddr;
use std::ops::Range;

use crate::limits::{BACKLOG_BYTES, BACKLOG_DATAGRAMS};

/// The backlog of one socket.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, Range<u32>)>,
}

impl Backlog {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Keeps a copy. False: there is no room, and the datagram is lost.
    pub(crate) fn keep(&mut self, to: SocketAddr, bytes: &[u8]) -> bool {
        let start = self.bytes.len();
        if self.datagrams.len() == BACKLOG_DATAGRAMS || start + bytes.len() > BACKLOG_BYTES {
            return false;
        }
        self.bytes.extend_from_slice(bytes);
        self.datagrams.push((to, start as u32..self.bytes.len() as u32));
        true
    }

    /// What waits, as a batch to send.
    pub(crate) fn batch(&self) -> (&[u8], &[(SocketAddr, Range<u32>)]) {
        (&self.bytes, &self.datagrams)
    }

    /// Forgets the first `count` datagrams: they are settled.
    pub(crate) fn settle(&mut self, count: usize) {
        let count = count.min(self.datagrams.len());
        let gone = self.datagrams[..count].last().map_or(0, |(_, range)| range.end);
        self.datagrams.drain(..count);
        self.bytes.drain(..gone as usize);
        for (_, range) in &mut self.datagrams {
            *range = range.start - gone..range.end - gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(backlog: &Backlog) -> Vec<&[u8]> {
        let (bytes, datagrams) = backlog.batch();
        datagrams.iter().map(|(_, r)| &bytes[r.start as usize..r.end as usize]).collect()
    }

    #[test]
    fn keeps_order_and_gives_room_back() {
        let to = ([127, 0, 0, 1], 9).into();
        let mut backlog = Backlog::default();
        for bytes in [&b"one"[..], b"", b"three"] {
            assert!(backlog.keep(to, bytes));
        }
        backlog.settle(1);
        assert_eq!(text(&backlog), [&b""[..], b"three"]);
        assert!(backlog.keep(to, b"four"));
        backlog.settle(2);
        assert_eq!(text(&backlog), [b"four"]);
        backlog.settle(1);
        assert!(backlog.is_empty() && backlog.bytes.is_empty());
    }

    #[test]
    fn is_bounded_by_count_and_by_bytes() {
        let to = ([127, 0, 0, 1], 9).into();
        let mut backlog = Backlog::default();
        let kept = (0..5_000).filter(|_| backlog.keep(to, b"x")).count();
        assert_eq!(kept, BACKLOG_DATAGRAMS);
        backlog.settle(usize::MAX);
        let large = vec![0; 65_507];
        let kept = (0..5_000).filter(|_| backlog.keep(to, &large)).count();
        assert_eq!(kept, BACKLOG_BYTES / 65_507);
    }
}
