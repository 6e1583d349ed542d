//! The limits of sockets and drivers, each with its reason.

/// Bytes of a datagram that are read from an ICMP error: hosts quote about 500 (RFC 1122 3.2.2,
/// RFC 1812 4.3.2.3), IPv6 about 1,200 (RFC 4443 3.1).
pub const QUOTE_BYTES: usize = 2 * 1024;

/// Errors read from one socket before the next poll, so that a flood of them does not keep its
/// worker.
pub const ERRORS: usize = 256;

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

/// Longest message of a stream, bytes: offsets within a message are 16 bits wide.
pub const MESSAGE_BYTES: usize = 65_535;

/// Longest body that is read past, bytes, so that a stream goes on behind a message that is too
/// large: what a peer sends within a second or two. Behind a longer one the connection ends.
pub const SKIPPED_BYTES: u32 = 1 << 20;

/// Bytes read from one connection at a time, so that none starves the others: a dozen messages.
pub const STREAM_READ_BYTES: usize = 16 * 1024;

/// Bytes of the region of a batch of frames: some batches' worth of usual messages, and always room
/// for the longest one and another read.
pub const STREAM_REGION_BYTES: usize = 256 * 1024;

/// Batches of frames between two polls, so that datagrams do not wait behind streams.
pub const STREAM_BATCHES: usize = 4;

/// Connections accepted of one listener between two polls.
pub const ACCEPTS: usize = 64;

/// How long nothing is accepted after the system refused to (no descriptors left), milliseconds.
pub const ACCEPT_PAUSE_MS: u64 = 100;

/// Connections of one worker: beyond any sensible `tcp_max_connections`.
pub const CONNECTIONS: u32 = 1 << 20;

/// Bytes that wait for one peer to take them: a second of a trunk's traffic.
pub const OUTBOX_BYTES: usize = 1 << 20;

/// How long a message may wait for its peer to take it, milliseconds: after 32 s (64 * T1, RFC 3261
/// 17.1.1.2) nobody waits for it. So a peer that takes byte after byte holds no memory for long.
pub const STALE_MS: u64 = 32_000;

/// Bytes that wait in all connections of a worker: peers that take nothing must not fill the
/// memory.
pub const OUTBOXES_BYTES: usize = 64 << 20;

/// Bytes of incomplete messages in all connections of a worker: a thousand of the largest.
pub const INPUTS_BYTES: usize = 64 << 20;

/// Buffers that are kept for the next connection that needs one, and the largest that is kept.
pub const SPARE_BUFFERS: usize = 64;

/// See [`SPARE_BUFFERS`].
pub const SPARE_BYTES: usize = 16 * 1024;

/// Bytes of the ring from one worker to another for messages that leave by a connection of the
/// other: as of a hop ring, and a quarter of it holds the longest message.
pub const POST_BYTES: usize = 512 * 1024;

/// Messages that came back to a worker and that it has not taken: a batch of each other worker.
pub const RETURNED: usize = 4_096;

/// Parts of the directory of connections, each under its own lock: many more than workers.
pub const DIRECTORY_SHARDS: usize = 128;

/// Ports that one connection may be an alias for (OpenSIPS: TCP_CON_MAX_ALIASES).
pub const ALIASES: usize = 4;

/// How long a connection waits for what it is still to send before it ends, milliseconds: the
/// answer to what ended it takes one turn.
pub const CLOSING_MS: u64 = 1_000;

/// How soon a reader that was stopped, since the owner of a message had no room, is tried again,
/// milliseconds: some turns.
pub const STALL_MS: u64 = 2;
