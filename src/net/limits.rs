//! The limits of sockets and drivers, each with its reason.

/// Datagrams of one receive or send call: beyond 64 the cost per datagram no longer falls.
pub const BATCH: usize = 64;

/// Bytes of a dense slot of the receive region: nearly every SIP message, and 64 of them fit the
/// second-level cache.
pub const SLOT_BYTES: usize = 2 * 1024;

/// Bytes of a spill slot: holds the largest UDP payload, 65,507 bytes.
pub const SPILL_BYTES: usize = 64 * 1024;

/// Datagrams that wait for a socket to become writable again: 16 batches.
pub const BACKLOG_DATAGRAMS: usize = 16 * BATCH;

/// Bytes that wait for a socket to become writable again: 1,024 messages of 1 KiB.
pub const BACKLOG_BYTES: usize = 1024 * 1024;

/// Receive buffer asked of the kernel: 15 ms of 120,000 messages a second, a pause that a busy
/// machine may take from a worker. The kernel books 2.3 KiB for a 900-byte message.
pub const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Send buffer asked of the kernel: several turns' worth.
pub const SEND_BUFFER_BYTES: usize = 1024 * 1024;

/// Sockets of one driver: a `SocketId` has 16 bits.
pub const SOCKETS_MAX: usize = 1 << 16;

/// Datagrams of one train: the cost of each no longer falls beyond 32.
pub const TRAIN_DATAGRAMS: usize = 32;

/// Bytes of one train: what an IPv4 packet can carry by UDP.
pub const TRAIN_BYTES: u32 = 65_507;

/// Batches that are sent without trains after a train was refused: its datagrams may be larger than
/// a network's packets, or the device may not be able to. One refused train in a thousand batches
/// costs nothing.
pub const TRAIN_PAUSE: u32 = 1_000;
