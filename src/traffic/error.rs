//! What can go wrong before an agent runs. While it runs, trouble is counted, not raised.

/// Why an agent could not be made or had to end.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// A rate of 0 or above [`limits::RATE`](crate::limits::RATE).
    #[error("rate must be 1 to {} calls a second", crate::limits::RATE)]
    Rate,
    /// A time-out of 0, of more than is measured, or one that lets more calls be outstanding than
    /// the table may hold.
    #[error(
        "timeout must be 1 to {} ms, and rate x timeout at most {} calls",
        crate::limits::LATENCY_US / 1_000, crate::limits::OUTSTANDING
    )]
    Timeout,
    /// The histograms refuse their bounds.
    #[error("histogram: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// No source address, too many, a wildcard (Via must name it), or one of the other family.
    #[error(
        "a caller needs 1 to {} source addresses of its target's family, none a wildcard",
        crate::limits::SOURCES
    )]
    Sources,
    /// No address to answer on, too many, or a wildcard (Contact must name it).
    #[error(
        "an answering agent needs 1 to {} addresses, none a wildcard",
        crate::limits::DESTINATIONS
    )]
    Destinations,
    /// The wanted message size is less than the message needs without padding, or too large.
    #[error(
        "message size {wanted} is not possible: {least} to {} bytes are",
        crate::limits::REQUEST_BYTES
    )]
    Size {
        /// What was asked for.
        wanted: usize,
        /// What the message needs without padding.
        least: usize,
    },
    /// Call-IDs may be used again only where a call is one request.
    #[error("complete calls need a Call-ID each")]
    CallIds,
    /// No users, or more than can be named.
    #[error("1 to {} users", crate::limits::USERS)]
    Users,
    /// Too many retransmissions.
    #[error("at most {} retransmissions", crate::limits::RETRANSMISSIONS)]
    Retransmissions,
    /// No name of a mode.
    #[error("no such mode: {0} (invite, invite_ack, options, call, fire or register)")]
    Mode(String),
    /// An answer that is no final status.
    #[error("the final status must be 200 to 699")]
    Status,
    /// A larger order table than allowed.
    #[error("the order table has at most {} entries", crate::limits::ORDER_ENTRIES)]
    OrderEntries,
    /// A socket could not be opened.
    #[error(transparent)]
    Open(#[from] sluice_net::udp::OpenError),
    /// The sockets failed as a whole.
    #[error("sockets failed: {0}")]
    Io(#[from] std::io::Error),
    /// The thread of the other agent ended by a panic.
    #[error("an agent's thread panicked")]
    Thread,
}
