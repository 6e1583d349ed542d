//! What happened on the links, for whoever looks for a failure: all datagrams in the order of
//! time. Written as a ladder diagram of one call and as a pcap file of all.

use std::net::SocketAddr;

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives nowhere; one that Sluice sent has been seen before.
    Lost,
    /// It passes by the socket of Sluice.
    Seen,
}

/// A datagram at Sluice's end of a link.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// The sender.
    pub from: SocketAddr,
    /// Where to.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its fate.
    pub fate: Fate,
}

/// All of them.
#[derive(Default, Debug)]
pub struct Trace {
    /// In the order of time.
    pub entries: Vec<Entry>,
    /// What else happened: reloads, flips.
    pub notes: Vec<(u64, String)>,
}

impl Trace {
    /// Notes a datagram.
    pub fn note(&mut self, at_ms: u64, from: SocketAddr, to: SocketAddr, bytes: &[u8], fate: Fate) {
        self.entries.push(Entry { at_ms, from, to, bytes: bytes.to_vec(), fate });
    }
}
