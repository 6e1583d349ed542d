//! How streams behave: the globals `tcp_*` and the parameters of module `proto_tcp`, as numbers.

use std::time::Duration;

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamOptions {
    /// Connections of all workers together (`tcp_max_connections`).
    pub connections_max: usize,
    /// How long a connection attempt may take, milliseconds (`tcp_connect_timeout`).
    pub connect_ms: u64,
    /// How long a connection may carry nothing, milliseconds (`tcp_connection_lifetime`).
    pub lifetime_ms: u64,
    /// How long a message may take to arrive, milliseconds (`tcp_max_msg_time`).
    pub message_ms: u64,
    /// In how many pieces it may arrive (`tcp_max_msg_chunks`); `None`: any number.
    pub chunks_max: Option<u32>,
    /// How long a peer may take nothing of what waits for it, milliseconds (`tcp_send_timeout`).
    pub send_ms: u64,
    /// Messages that may wait for a peer (`tcp_async_max_postponed_chunks`).
    pub postponed_max: usize,
    /// Whether the Via parameter `alias` is heard (`tcp_accept_aliases`, RFC 5923).
    pub aliases: bool,
    /// Whether a keep-alive is answered (`tcp_crlf_pingpong`, RFC 5626).
    pub pong: bool,
    /// Connections that wait to be accepted (`tcp_socket_backlog`).
    pub backlog: i32,
    /// The system's probes of idle connections (`tcp_keepalive` and its like).
    pub keepalive: KeepAlive,
}

/// The system's keep-alive; what is `None` is the system's default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAlive {
    /// Whether there is any.
    pub on: bool,
    /// Idle time before the first probe.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Probes without an answer.
    pub count: Option<u32>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            connect_ms: 3_000,
            lifetime_ms: 120_000,
            message_ms: 4_000,
            chunks_max: None,
            send_ms: 5_000,
            postponed_max: 1_024,
            aliases: false,
            pong: true,
            backlog: 1_024,
            keepalive: KeepAlive { on: true, idle: None, interval: None, count: None },
        }
    }
}
