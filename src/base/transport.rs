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

/// A received datagram, or a message of a stream: where it came from and where its bytes lie in the
/// region.
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

/// What happens to streams, to be counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum StreamEvent {
    /// Connections that peers opened.
    Accepted,
    /// Connections that we opened.
    Opened,
    /// Messages received.
    Frames,
    /// Keep-alives answered.
    Pongs,
    /// Connections that the system did not let us accept: no descriptors are left.
    AcceptFailed,
    /// Connections refused because there are `tcp_max_connections`.
    Refused,
    /// Connections closed for new ones, since no message had come by them.
    Evicted,
    /// Attempts to connect that failed.
    ConnectFailed,
    /// Attempts to connect that took too long.
    ConnectSlow,
    /// Connections that the peer closed.
    PeerClosed,
    /// Connections that broke.
    Failed,
    /// Connections closed because they carried nothing.
    Idle,
    /// Connections closed because a message took too long to arrive.
    SlowMessage,
    /// Connections closed because a message came in too many pieces.
    Chunks,
    /// Connections closed because the peer took nothing.
    SlowPeer,
    /// Connections closed because TLS was spoken.
    Tls,
    /// Connections closed because HTTP was spoken.
    Http,
    /// Connections closed because a first line was no SIP.
    FirstLine,
    /// Connections closed because a header part did not end.
    EndlessHead,
    /// Connections closed because a message had no Content-Length.
    NoLength,
    /// Connections closed because a Content-Length was no number.
    BadLength,
    /// Connections closed because a message had two Content-Lengths.
    TwoLengths,
    /// Messages larger than any may be.
    TooLarge,
    /// Of these, those behind which the connection was closed.
    Lost,
    /// Connections closed because incomplete messages took too much memory.
    InputsFull,
    /// Messages that a connection had no room for.
    OutboxFull,
    /// Messages that found the ring to the connection's worker full.
    PostFull,
    /// Replies without a connection or an address to connect to.
    Unreachable,
    /// Replies that were lost with their connection, or that no connection took.
    RepliesLost,
    /// Messages that no connection was to be opened for, and there was none.
    NotConnected,
    /// Requests that could not be sent and went back to their transaction.
    Returned,
    /// Times that a reader was stopped because the owner of a message had no room.
    Stopped,
}

impl StreamEvent {
    /// All, by number.
    pub const ALL: [Self; 32] = [
        Self::Accepted,
        Self::Opened,
        Self::Frames,
        Self::Pongs,
        Self::AcceptFailed,
        Self::Refused,
        Self::Evicted,
        Self::ConnectFailed,
        Self::ConnectSlow,
        Self::PeerClosed,
        Self::Failed,
        Self::Idle,
        Self::SlowMessage,
        Self::Chunks,
        Self::SlowPeer,
        Self::Tls,
        Self::Http,
        Self::FirstLine,
        Self::EndlessHead,
        Self::NoLength,
        Self::BadLength,
        Self::TwoLengths,
        Self::TooLarge,
        Self::Lost,
        Self::InputsFull,
        Self::OutboxFull,
        Self::PostFull,
        Self::Unreachable,
        Self::RepliesLost,
        Self::NotConnected,
        Self::Returned,
        Self::Stopped,
    ];

    /// Its name as a metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "stream_accepted",
            Self::Opened => "stream_opened",
            Self::Frames => "stream_messages",
            Self::Pongs => "stream_pongs",
            Self::AcceptFailed => "stream_accept_failed",
            Self::Refused => "stream_refused",
            Self::Evicted => "stream_evicted",
            Self::ConnectFailed => "stream_connect_failed",
            Self::ConnectSlow => "stream_connect_slow",
            Self::PeerClosed => "stream_peer_closed",
            Self::Failed => "stream_failed",
            Self::Idle => "stream_idle",
            Self::SlowMessage => "stream_slow_message",
            Self::Chunks => "stream_chunks",
            Self::SlowPeer => "stream_slow_peer",
            Self::Tls => "stream_tls",
            Self::Http => "stream_http",
            Self::FirstLine => "stream_first_line",
            Self::EndlessHead => "stream_endless_head",
            Self::NoLength => "stream_no_length",
            Self::BadLength => "stream_bad_length",
            Self::TwoLengths => "stream_two_lengths",
            Self::TooLarge => "stream_too_large",
            Self::Lost => "stream_lost",
            Self::InputsFull => "stream_inputs_full",
            Self::OutboxFull => "stream_outbox_full",
            Self::PostFull => "stream_post_full",
            Self::Unreachable => "stream_unreachable",
            Self::RepliesLost => "stream_replies_lost",
            Self::NotConnected => "stream_not_connected",
            Self::Returned => "stream_returned",
            Self::Stopped => "stream_stopped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StreamEvent;

    #[test]
    fn the_list_holds_every_event_at_its_number() {
        for (at, event) in StreamEvent::ALL.iter().enumerate() {
            assert_eq!(*event as usize, at, "{}", event.name());
        }
    }
}
