//! One connection: how far it is, what has come of the next message, what waits to be sent.
//!
//! Small while it is idle: its buffers exist only while a message is incomplete or waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mio::net::TcpStream;
use sluice_base::wheel::TimerId;
use sluice_base::{StreamEvent, Target};

use super::directory::Vitals;
use super::framer::Framer;
use super::options::StreamOptions;
use super::outbox::Outbox;
use crate::limits::{CLOSING_MS, STALE_MS};

/// See the file's head.
#[derive(Debug)]
pub(super) struct Connection {
    pub io: TcpStream,
    /// The socket that it belongs to, and the other side.
    pub peer: Target,
    pub state: State,
    pub framer: Framer,
    /// Bytes that nobody has consumed.
    pub input: Vec<u8>,
    pub outbox: Outbox,
    pub vitals: Arc<Vitals>,
    /// When it last carried anything.
    pub active_ms: u64,
    /// When the attempt to connect, the incomplete message, or the end began.
    pub begun_ms: u64,
    /// When the peer last took something of the outbox.
    pub taken_ms: u64,
    /// In how many pieces the incomplete message has come so far.
    pub chunks: u32,
    /// The next look at its deadlines.
    pub timer: Option<(TimerId, u64)>,
    /// Its input may hold a whole message.
    pub unframed: bool,
    /// It is in the queue of those to be read.
    pub queued: bool,
    /// The peer has sent all that it will.
    pub ended: bool,
    /// It is not read, since the owner of its next message has no room.
    pub stopped: bool,
    /// Its outbox was filled since it was last written.
    pub dirty: bool,
    /// A message came by it.
    pub proven: bool,
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// We asked for it and the peer has not answered.
    Connecting,
    /// It carries messages.
    Open,
    /// It is read no more, and closed for this reason when what came before was answered.
    Closing(StreamEvent),
}

impl Connection {
    pub fn new(io: TcpStream, peer: Target, state: State, now_ms: u64) -> Self {
        let connection = Self {
            io,
            peer,
            state,
            framer: Framer::default(),
            input: Vec::new(),
            outbox: Outbox::default(),
            vitals: Arc::default(),
            active_ms: now_ms,
            begun_ms: now_ms,
            taken_ms: now_ms,
            chunks: 0,
            timer: None,
            unframed: false,
            queued: false,
            ended: false,
            stopped: false,
            dirty: false,
            proven: state == State::Connecting,
        };
        connection.vitals.active_s.store((now_ms / 1_000) as u32, Ordering::Relaxed);
        connection
    }

    /// It carried something.
    pub fn touch(&mut self, now_ms: u64) {
        self.active_ms = now_ms;
        self.vitals.active_s.store((now_ms / 1_000) as u32, Ordering::Relaxed);
    }

    /// Whether a message has begun to arrive and is not whole.
    pub fn is_within(&self) -> bool {
        !self.stopped && (!self.input.is_empty() || self.framer.is_within())
    }

    /// When it is to be closed unless something happens, in milliseconds, and what that is called.
    pub fn deadline(&self, options: &StreamOptions) -> (u64, StreamEvent) {
        match self.state {
            State::Connecting => (self.begun_ms + options.connect_ms, StreamEvent::ConnectSlow),
            State::Closing(event) => (self.begun_ms + CLOSING_MS, event),
            State::Open => {
                let idle = (self.active_ms + options.lifetime_ms, StreamEvent::Idle);
                let message = (self.begun_ms + options.message_ms, StreamEvent::SlowMessage);
                let send = (self.taken_ms + options.send_ms, StreamEvent::SlowPeer);
                let message = Some(message).filter(|_| self.is_within());
                let send = Some(send).filter(|_| !self.outbox.is_empty());
                let stale = self.outbox.since_ms();
                let stale = stale.map(|since| (since + STALE_MS, StreamEvent::SlowPeer));
                let all = [Some(idle), message, send, stale].into_iter().flatten();
                all.min_by_key(|(due, _)| *due).unwrap_or(idle)
            }
        }
    }
}
