//! The stream connections of one worker (RFC 3261 18, RFC 5923 aliases, RFC 5626 keep-alive).
//!
//! A connection belongs to the worker that accepted or opened it; the [`Directory`] says which one.
//! Takes readiness from the poll and messages to send; gives whole messages in batches, as the
//! driver does with datagrams, and what could not be sent. Each connection is read a little at a
//! time, in turns. Nothing here knows a transaction or a script.
//!
//! | file | what |
//! |---|---|
//! | `framer.rs` | where a message ends |
//! | `directory.rs` | which worker has the connection to a peer |
//! | `open.rs`, `options.rs` | sockets, and the settings of all |
//! | `connection.rs`, `outbox.rs` | what is kept of one connection |
//! | `receive.rs` | from bytes to batches of messages |
//! | `send.rs`, `post.rs` | from messages to bytes, also by another worker's connection |
//! | `lifetime.rs` | accepting, connecting, time-outs, the end |

mod connection;
pub mod directory;
pub mod framer;
mod lifetime;
pub mod open;
pub mod options;
mod outbox;
pub mod post;
mod receive;
mod send;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use sluice_base::slab::{Key, Slab};
use sluice_base::wheel::Wheel;
use sluice_base::{Datagram, SocketId, StreamEvent, Target};
use sluice_sip::Index;

pub use directory::Directory;
pub use open::Listeners;
pub use options::StreamOptions;
pub use post::Post;

use crate::Clock;
use crate::limits::{BATCH, CONNECTIONS, STREAM_BATCHES, STREAM_REGION_BYTES};
use connection::Connection;

/// What a worker's streams are made of.
pub struct Setup {
    /// Its listeners.
    pub listeners: Listeners,
    /// The settings.
    pub options: Arc<StreamOptions>,
    /// Shared by all workers.
    pub directory: Arc<Directory>,
    /// Its ways to the other workers.
    pub post: Post,
    /// Measures its time-outs.
    pub clock: Clock,
}

/// A batch of messages of streams.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    /// The received bytes.
    pub region: &'a [u8],
    /// The messages that lie in it.
    pub messages: &'a [Datagram],
    /// Header parts of messages that are larger than any may be.
    pub large: &'a [Datagram],
}

/// See the file's head.
pub struct Streams {
    registry: Registry,
    options: Arc<StreamOptions>,
    directory: Arc<Directory>,
    post: Post,
    clock: Clock,
    listeners: Vec<Listener>,
    /// Nothing is accepted before this moment.
    paused_until_ms: u64,
    all: Slab<Connection>,
    wheel: Wheel,
    /// Connections that may hold bytes, the next to be served first.
    readable: VecDeque<Key>,
    /// How many of them are still to be served, and how many batches given, before the next poll.
    unserved: usize,
    batches: usize,
    /// Connections whose reader was stopped, and when they are tried again.
    stopped: Vec<Key>,
    retry_ms: u64,
    /// Connections with something to write.
    dirty: Vec<Key>,
    /// Messages of the batch being sent that no connection is opened for.
    restricted: Vec<u32>,
    /// Accepted connections by which nothing has come, oldest first; also some that are gone.
    unproven: VecDeque<Key>,
    batch: Batch,
    /// Bytes that incomplete messages take, and those that wait to be sent.
    input_bytes: usize,
    outbox_bytes: usize,
    spare: Vec<Vec<u8>>,
    index: Box<Index>,
    counts: Counts,
    /// Whether any is not zero.
    counted: bool,
}

/// How often each [`StreamEvent`] was, by its number.
pub type Counts = [u64; StreamEvent::ALL.len()];

struct Listener {
    socket: SocketId,
    io: TcpListener,
    addr: SocketAddr,
    /// Connections may wait in it.
    ready: bool,
}

/// The batch being gathered or handled.
struct Batch {
    region: Box<[u8]>,
    /// How much of the region is in use.
    used: usize,
    messages: Vec<Datagram>,
    /// By message, the connection it came by.
    by: Vec<Key>,
    large: Vec<Datagram>,
    /// What one connection's bytes hold, while they are looked through.
    found: Vec<(Range<usize>, bool)>,
}

/// Tokens of the poll from here on are listeners', and then connections'.
const LISTENERS: usize = 1 << 32;
const CONNECTIONS_AT: usize = 1 << 33;

impl Streams {
    /// The streams of a worker whose poll has this registry.
    ///
    /// # Errors
    /// When the poll refuses a listener.
    pub fn new(registry: &Registry, setup: Setup) -> io::Result<Self> {
        let registry = registry.try_clone()?;
        let mut listeners = Vec::with_capacity(setup.listeners.len());
        for (at, (socket, mut io)) in setup.listeners.into_iter().enumerate() {
            registry.register(&mut io, Token(LISTENERS + at), Interest::READABLE)?;
            let addr = io.local_addr()?;
            listeners.push(Listener { socket, io, addr, ready: false });
        }
        let now_ms = setup.clock.now().mono_ms();
        Ok(Self {
            registry,
            options: setup.options,
            directory: setup.directory,
            post: setup.post,
            clock: setup.clock,
            listeners,
            paused_until_ms: 0,
            all: Slab::new(CONNECTIONS, 0),
            wheel: Wheel::new(now_ms, 0),
            readable: VecDeque::new(),
            unserved: 0,
            batches: 0,
            stopped: Vec::new(),
            retry_ms: 0,
            dirty: Vec::new(),
            restricted: Vec::new(),
            unproven: VecDeque::new(),
            batch: Batch::new(),
            input_bytes: 0,
            outbox_bytes: 0,
            spare: Vec::new(),
            index: Box::new(Index::new()),
            counts: [0; StreamEvent::ALL.len()],
            counted: false,
        })
    }

    /// How long the poll may wait at most; `None`: for ever.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let accepts = self.listeners.iter().any(|listener| listener.ready);
        let now_ms = self.clock.now().mono_ms();
        if !self.readable.is_empty()
            || self.post.has_returned()
            || accepts && now_ms >= self.paused_until_ms
        {
            return Some(Duration::ZERO);
        }
        let timer = self.wheel.next_due_ms();
        let retry = Some(self.retry_ms).filter(|_| !self.stopped.is_empty());
        let pause = Some(self.paused_until_ms).filter(|_| accepts);
        let due_ms = [timer, retry, pause].into_iter().flatten().min()?;
        Some(Duration::from_millis(due_ms.saturating_sub(now_ms)))
    }

    /// Something is ready.
    pub(crate) fn ready(&mut self, event: &Event) {
        let at = event.token().0;
        if at < CONNECTIONS_AT {
            if let Some(listener) =
                at.checked_sub(LISTENERS).and_then(|at| self.listeners.get_mut(at))
            {
                listener.ready = true;
            }
            return;
        }
        let Some(key) = self.all.key_at((at - CONNECTIONS_AT) as u32) else { return };
        if event.is_writable() {
            self.writable(key);
        }
        let Some(connection) = self.all.get_mut(key) else { return };
        connection.ended |= event.is_read_closed() || event.is_error();
        if event.is_readable() || connection.ended {
            self.queue_reader(key);
        }
    }

    /// What is due after a poll: accepting, time-outs, messages for our connections.
    pub(crate) fn after_poll(&mut self) {
        let now_ms = self.clock.now().mono_ms();
        self.accept(now_ms);
        self.take_timers(now_ms);
        self.retry(now_ms);
        self.take_post(now_ms);
        self.write_all(now_ms);
        self.unserved = self.readable.len();
        self.batches = STREAM_BATCHES;
    }

    /// How often what happened since this was asked last; `None`: nothing has.
    pub fn take_counts(&mut self) -> Option<Counts> {
        let counted = std::mem::take(&mut self.counted);
        counted.then(|| std::mem::replace(&mut self.counts, [0; StreamEvent::ALL.len()]))
    }

    /// Has the connection to `peer` used for another port of it, too.
    pub fn alias(&mut self, peer: Target, port: u16) {
        self.directory.alias(peer, port);
    }

    /// A request of this worker's that could not be sent.
    pub fn take_returned(&mut self) -> Option<Box<[u8]>> {
        self.post.take_returned()
    }

    /// Writes what was queued.
    pub(crate) fn write_queued(&mut self) {
        let now_ms = self.clock.now().mono_ms();
        self.write_all(now_ms);
    }

    fn count(&mut self, event: StreamEvent) {
        self.add(event, 1);
    }

    fn add(&mut self, event: StreamEvent, amount: u64) {
        self.counts[event as usize] += amount;
        self.counted = true;
    }
}

impl Batch {
    fn new() -> Self {
        Self {
            region: vec![0; STREAM_REGION_BYTES].into(),
            used: 0,
            messages: Vec::with_capacity(BATCH),
            by: Vec::with_capacity(BATCH),
            large: Vec::new(),
            found: Vec::with_capacity(BATCH),
        }
    }
}
