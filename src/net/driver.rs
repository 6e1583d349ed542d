//! The driver of one worker: its sockets, its poll, its region.
//!
//! The shell around a worker goes round: [`poll`](Driver::poll); while
//! [`receive`](Driver::receive) gives a batch, handle it and [`send`](Driver::send) what came of
//! it. Only `poll` waits, and not while a socket may still hold datagrams. Nothing is allocated on
//! the common path.
//!
//! Readiness is state. The poll is edge-triggered: it tells once that a socket became readable. It
//! stays so for us, in the queue of readable sockets, until a short batch. Each of them is served
//! one batch per poll, so a socket that is always full starves neither the others nor the waker.
//! Writability is asked for only while datagrams wait for it: otherwise each datagram sent would
//! be an event.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use sluice_base::{Datagram, SocketId, Target};

use crate::backlog::Backlog;
use crate::limits::{BATCH, ERRORS, RETURNED, SOCKETS_MAX};
use crate::stream::{Frames, Setup, Streams};
use crate::udp::errors::Errors;
use crate::udp::mmsg::{Receiver, SendFailure, Sent, Transmitter, is_asynchronous};
use crate::udp::socket::kernel_drops;
use crate::udp::train::Parcel;

/// One worker's sockets and poll. Made anywhere, then moved to the worker's thread.
pub struct Driver {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    /// By [`SocketId`].
    ports: Vec<Port>,
    /// Ports that may hold datagrams, the next to be served first.
    readable: VecDeque<usize>,
    /// How many of them are still to be served before the next poll.
    unserved: usize,
    /// Ports whose send buffer turned out full since the last poll.
    blocked: Vec<usize>,
    receiver: Receiver,
    transmitter: Transmitter,
    /// Datagrams of one socket, gathered to be sent together.
    run: Vec<Parcel>,
    counts: Counts,
    failure: Option<SendFailure>,
    errors: Box<Errors>,
    /// Ports whose error queue may hold something.
    faulty: Vec<usize>,
    lost: Lost,
    /// Connections, when there is a stream listener.
    streams: Option<Box<Streams>>,
}

/// What a driver did since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Datagrams received.
    pub received: u64,
    /// Receive calls that failed otherwise than by an empty socket.
    pub receive_errors: u64,
    /// Datagrams that the kernel took.
    pub sent: u64,
    /// Datagrams that failed: the system refused them, or their socket is not ours.
    pub send_failed: u64,
    /// Datagrams that had to wait for a full send buffer.
    pub send_waited: u64,
    /// Datagrams dropped because too many waited already.
    pub send_dropped: u64,
    /// Datagrams that have not arrived, as ICMP errors say.
    pub unreachable: u64,
}

struct Port {
    io: UdpSocket,
    /// Whether it is in the queue.
    readable: bool,
    backlog: Backlog,
}

const WAKER: Token = Token(usize::MAX);

impl Driver {
    /// A driver of these sockets; a socket's place is its [`SocketId`].
    ///
    /// # Errors
    /// When the system gives no poll or refuses a socket, or there are more than [`SOCKETS_MAX`].
    pub fn new(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        if sockets.len() > SOCKETS_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let mut ports = Vec::with_capacity(sockets.len());
        for (at, mut io) in sockets.into_iter().enumerate() {
            poll.registry().register(&mut io, Token(at), Interest::READABLE)?;
            ports.push(Port { io, readable: false, backlog: Backlog::default() });
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(BATCH),
            waker,
            readable: VecDeque::with_capacity(ports.len()),
            unserved: 0,
            blocked: Vec::with_capacity(ports.len()),
            ports,
            receiver: Receiver::new(),
            transmitter: Transmitter::new(),
            run: Vec::with_capacity(BATCH),
            counts: Counts::default(),
            failure: None,
            errors: Box::new(Errors::new()),
            faulty: Vec::new(),
            lost: Lost::default(),
            streams: None,
        })
    }

    /// Serves streams, too. Their listeners have the [`SocketId`]s behind those of the sockets.
    ///
    /// # Errors
    /// When the poll refuses a listener.
    pub fn add_streams(&mut self, setup: Setup) -> io::Result<()> {
        self.streams = Some(Box::new(Streams::new(self.poll.registry(), setup)?));
        Ok(())
    }

    /// Ends the sleep of [`poll`](Self::poll) from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Learns which sockets became ready, and sends what waited for one. Waits for that, or for
    /// the waker, up to `timeout` (`None`: for ever) - but not when a socket is readable already.
    ///
    /// # Errors
    /// What the system said; an interruption by a signal is none.
    pub fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        for at in self.blocked.drain(..) {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().reregister(&mut self.ports[at].io, Token(at), interest)?;
        }
        let waits = self.readable.is_empty() && self.lost.0.is_empty() && self.faulty.is_empty();
        let timeout = if waits { timeout } else { Some(Duration::ZERO) };
        let patience = self.streams.as_ref().and_then(|streams| streams.patience());
        let timeout = [timeout, patience].into_iter().flatten().min();
        self.unserved = self.readable.len();
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            let at = event.token().0;
            let Some(port) = self.ports.get_mut(at) else {
                if let Some(streams) = self.streams.as_mut().filter(|_| event.token() != WAKER) {
                    streams.ready(event);
                }
                continue;
            };
            if event.is_error() && !self.faulty.contains(&at) {
                self.faulty.push(at);
            }
            if (event.is_readable() || event.is_error()) && !port.readable {
                port.readable = true;
                self.readable.push_back(at);
                self.unserved += 1;
            }
            if event.is_writable() && !port.backlog.is_empty() {
                let (bytes, batch) = port.backlog.batch();
                let sent = self.transmitter.send_in_order(port.io.as_fd(), bytes, batch);
                self.lost.keep_all(bytes, &sent.lost);
                port.backlog.settle(sent.settled);
                account(&mut self.counts, &mut self.failure, sent);
                if port.backlog.is_empty() {
                    let (registry, token) = (self.poll.registry(), event.token());
                    registry.reregister(&mut port.io, token, Interest::READABLE)?;
                }
            }
        }
        if !self.faulty.is_empty() {
            self.take_errors();
        }
        if let Some(streams) = &mut self.streams {
            streams.after_poll();
        }
        Ok(())
    }

    /// Reads what sockets have told of an error know of it. A queue that is not empty then is read
    /// further after the next poll.
    #[cold]
    fn take_errors(&mut self) {
        let Self { faulty, ports, errors, lost, counts, .. } = self;
        faulty.retain(|at| {
            let Some(port) = ports.get(*at) else { return false };
            for _ in 0..ERRORS {
                match errors.take(port.io.as_fd()) {
                    Ok(Some((quote, to))) => {
                        counts.unreachable += 1;
                        lost.keep(quote, to);
                    }
                    Ok(None) => {}
                    Err(_) => return false,
                }
            }
            true
        });
    }

    /// A datagram that failed, or a message that no connection took.
    pub fn take_lost(&mut self) -> Option<Undelivered> {
        let of_streams = || {
            let bytes = self.streams.as_mut().and_then(|streams| streams.take_returned())?;
            Some(Undelivered { bytes, to: None })
        };
        self.lost.0.pop_front().or_else(of_streams)
    }

    /// The connections of this worker, if it has stream listeners.
    pub fn streams(&mut self) -> Option<&mut Streams> {
        self.streams.as_deref_mut()
    }

    /// The next batch of messages of streams.
    pub fn receive_frames(&mut self) -> Option<Frames<'_>> {
        self.streams.as_mut()?.receive()
    }

    /// The next batch of a readable socket: the region and where its datagrams lie in it. `None`:
    /// each readable socket was served once since the last poll.
    pub fn receive(&mut self) -> Option<(&[u8], &[Datagram])> {
        while self.unserved > 0 {
            self.unserved -= 1;
            let at = self.readable.pop_front()?;
            let port = &mut self.ports[at];
            let result = self.receiver.receive(port.io.as_fd(), SocketId(at as u16));
            port.readable = match &result {
                Ok(count) => *count == BATCH,
                Err(error) => is_asynchronous(error),
            };
            if port.readable {
                self.readable.push_back(at);
            }
            match result {
                Ok(count) => {
                    self.counts.received += count as u64;
                    return Some(self.receiver.batch());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.counts.receive_errors += 1,
            }
        }
        None
    }

    /// Sends datagrams, each a range of `bytes`, in order per socket. What a full send buffer turns
    /// away is copied and sent when the socket is writable again, up to the limits of a backlog.
    pub fn send(&mut self, bytes: &[u8], batch: impl IntoIterator<Item = (Target, Range<u32>)>) {
        let mut socket = SocketId::default();
        for (target, range) in batch {
            if target.socket != socket {
                self.flush(socket, bytes);
                socket = target.socket;
            }
            if bytes.get(range.start as usize..range.end as usize).is_some() {
                self.run.push((target.addr, range));
            } else {
                self.counts.send_failed += 1;
            }
        }
        self.flush(socket, bytes);
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The last send that failed since this was asked, for the log.
    pub fn take_failure(&mut self) -> Option<SendFailure> {
        self.failure.take()
    }

    /// Datagrams that the kernel dropped because a receive buffer was full. A system call per
    /// socket: to be sampled.
    ///
    /// # Errors
    /// What the system said.
    pub fn kernel_drops(&self) -> io::Result<u64> {
        self.ports.iter().map(|port| kernel_drops(&port.io).map(u64::from)).sum()
    }

    /// Sends the run by one socket.
    fn flush(&mut self, socket: SocketId, bytes: &[u8]) {
        if self.run.is_empty() {
            return;
        }
        let at = usize::from(socket.0);
        let Some(port) = self.ports.get_mut(at) else { return self.flush_streams(socket, bytes) };
        let mut sent = Sent::default();
        if port.backlog.is_empty() {
            sent = self.transmitter.send(port.io.as_fd(), bytes, &mut self.run);
            if sent.settled < self.run.len() {
                self.blocked.push(at);
            }
        }
        for (to, range) in &self.run[sent.settled..] {
            let data = bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
            if port.backlog.keep(*to, data) {
                self.counts.send_waited += 1;
            } else {
                self.counts.send_dropped += 1;
            }
        }
        self.run.clear();
        self.lost.keep_all(bytes, &sent.lost);
        account(&mut self.counts, &mut self.failure, sent);
    }

    /// Sends the run by connections.
    #[cold]
    fn flush_streams(&mut self, socket: SocketId, bytes: &[u8]) {
        match &mut self.streams {
            Some(streams) => {
                for (addr, range) in self.run.drain(..) {
                    let message = bytes.get(range.start as usize..range.end as usize);
                    let to = Target { socket, addr };
                    streams.send_of_batch(to, range.start, message.unwrap_or_default());
                }
                streams.write_queued();
            }
            None => {
                self.counts.send_failed += self.run.len() as u64;
                self.run.clear();
            }
        }
    }
}

/// What was sent and did not arrive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undelivered {
    /// All of it, or its beginning as an ICMP error quotes it.
    pub bytes: Box<[u8]>,
    /// Where it was to go, as an ICMP error says.
    pub to: Option<SocketAddr>,
}

/// Datagrams that nobody has asked for yet, copied.
#[derive(Default)]
struct Lost(VecDeque<Undelivered>);

impl Lost {
    /// Too many are forgotten: their senders hear nothing, as if nothing were known.
    fn keep(&mut self, bytes: &[u8], to: Option<SocketAddr>) {
        if self.0.len() < RETURNED {
            self.0.push_back(Undelivered { bytes: bytes.into(), to });
        }
    }

    #[inline]
    fn keep_all(&mut self, bytes: &[u8], ranges: &[Range<u32>]) {
        for range in ranges {
            let datagram = bytes.get(range.start as usize..range.end as usize);
            self.keep(datagram.unwrap_or_default(), None);
        }
    }
}

fn account(counts: &mut Counts, failure: &mut Option<SendFailure>, sent: Sent) {
    counts.sent += (sent.settled - sent.failed) as u64;
    counts.send_failed += sent.failed as u64;
    if sent.failure.is_some() {
        *failure = sent.failure;
    }
}

#[cfg(test)]
mod tests;
