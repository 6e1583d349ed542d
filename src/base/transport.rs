//! Plain transport types: which socket, which peer, where the bytes lie.

use std::net::SocketAddr;

/// Index of a listening socket in the program's socket table. Each worker has its own
/// descriptor for it (SO_REUSEPORT), under the same id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Default)]
pub struct SocketId(pub u16);

/// Where a datagram is sent: by which of our sockets, to which address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The socket it leaves by.
    pub socket: SocketId,
    /// The peer.
    pub addr: SocketAddr,
}

/// A received datagram: where it came from and where its bytes lie in the region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// The socket it came by.
    pub socket: SocketId,
    /// Who sent it.
    pub peer: SocketAddr,
    /// First byte in the region.
    pub offset: u32,
    /// Length in bytes; a UDP payload has at most 65,507.
    pub len: u16,
}

impl Datagram {
    /// Its bytes; empty when it does not lie within the region.
    #[inline]
    pub fn bytes<'a>(&self, region: &'a [u8]) -> &'a [u8] {
        let start = self.offset as usize;
        region.get(start..start + self.len as usize).unwrap_or_default()
    }
}
