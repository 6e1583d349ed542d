//! From bytes to batches of messages. Each connection is read a little at a time, in turns; what
//! has come of a message that is not whole is kept with its connection, and nothing else.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use sluice_base::slab::Key;
use sluice_base::{Datagram, StreamEvent, Target};
use sluice_sip::Message;

use super::connection::State;
use super::framer::{Broken, Framer, Step};
use super::{Batch, Frames, Streams};
use crate::limits::{
    BATCH, INPUTS_BYTES, MESSAGE_BYTES, STALL_MS, STREAM_READ_BYTES, STREAM_REGION_BYTES,
};

/// Room that serving one connection may take of the region.
const ROOM_BYTES: usize = MESSAGE_BYTES + 2 * STREAM_READ_BYTES;

impl Streams {
    /// The next batch of messages; `None`: each readable connection was served since the last poll,
    /// or there were enough batches for one.
    pub(crate) fn receive(&mut self) -> Option<Frames<'_>> {
        self.batches = self.batches.checked_sub(1)?;
        self.batch.used = 0;
        self.batch.messages.clear();
        self.batch.by.clear();
        self.batch.large.clear();
        let now_ms = self.clock.now().mono_ms();
        while self.unserved > 0
            && self.batch.messages.len() < BATCH
            && STREAM_REGION_BYTES - self.batch.used >= ROOM_BYTES
        {
            self.unserved -= 1;
            let Some(key) = self.readable.pop_front() else { break };
            if let Some(connection) = self.all.get_mut(key) {
                connection.queued = false;
                self.serve(key, now_ms);
            }
        }
        self.write_all(now_ms);
        let batch = &self.batch;
        if batch.messages.is_empty() && batch.large.is_empty() {
            return None;
        }
        Some(Frames { region: &batch.region, messages: &batch.messages, large: &batch.large })
    }

    /// Messages of the batch, by their places in it, lowest first, whose owners have no room. They
    /// go back to their connections, which are not read until the owners have.
    pub fn hold(&mut self, held: &[u32]) {
        for at in held.iter().rev() {
            let (Some(message), Some(key)) =
                (self.batch.messages.get(*at as usize), self.batch.by.get(*at as usize))
            else {
                continue;
            };
            let bytes = message.bytes(&self.batch.region);
            let Some(connection) = self.all.get_mut(*key) else { continue };
            connection.input.splice(..0, bytes.iter().copied());
            self.input_bytes += bytes.len();
            connection.framer = Framer::default();
            if !connection.stopped {
                connection.stopped = true;
                self.stopped.push(*key);
                self.retry_ms = self.clock.now().mono_ms() + STALL_MS;
                self.count(StreamEvent::Stopped);
            }
        }
    }

    /// Tries stopped readers again.
    pub(super) fn retry(&mut self, now_ms: u64) {
        if self.stopped.is_empty() || now_ms < self.retry_ms {
            return;
        }
        for key in std::mem::take(&mut self.stopped) {
            let Some(connection) = self.all.get_mut(key) else { continue };
            connection.stopped = false;
            connection.unframed = true;
            connection.begun_ms = now_ms;
            self.queue_reader(key);
        }
    }

    /// Puts a connection into the queue of those to be read.
    pub(super) fn queue_reader(&mut self, key: Key) {
        let Some(connection) = self.all.get_mut(key) else { return };
        if !connection.queued && !connection.stopped && connection.state == State::Open {
            connection.queued = true;
            self.readable.push_back(key);
        }
    }

    /// Reads a connection once and takes its whole messages into the batch.
    fn serve(&mut self, key: Key, now_ms: u64) {
        let Some(connection) = self.all.get_mut(key) else { return };
        if connection.stopped || connection.state != State::Open {
            return;
        }
        let begin = self.batch.used;
        let mut count = 0;
        if !connection.unframed {
            let room = self.batch.region.get_mut(begin..begin + STREAM_READ_BYTES);
            match connection.io.read(room.unwrap_or_default()) {
                Ok(0) => return self.close(key, StreamEvent::PeerClosed),
                Ok(read) => count = read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    return self.queue_reader(key);
                }
                Err(_) => return self.close(key, StreamEvent::Failed),
            }
            connection.touch(now_ms);
        }
        let more = connection.ended || count == STREAM_READ_BYTES;
        match self.take_frames(key, count, now_ms) {
            Ok(left) => {
                if more || left {
                    self.queue_reader(key);
                }
                self.arm(key);
            }
            Err(event) => self.close(key, event),
        }
    }

    /// Takes whole messages out of what was kept and the `count` bytes that were read behind it.
    /// Whether there may be more.
    ///
    /// # Errors
    /// Why the connection must end.
    fn take_frames(&mut self, key: Key, count: usize, now_ms: u64) -> Result<bool, StreamEvent> {
        let Some(connection) = self.all.get_mut(key) else { return Ok(false) };
        let Batch { region, used, messages, by, large, found } = &mut self.batch;
        let read = *used..*used + count;
        let first = messages.len();
        let kept = connection.input.len();
        let within = connection.is_within();
        if kept > 0 {
            let more = region.get(read.clone()).unwrap_or_default();
            connection.input.extend_from_slice(more);
        }
        let data = match kept {
            0 => region.get(read.clone()).unwrap_or_default(),
            _ => &connection.input,
        };
        found.clear();
        let walk = walk(&mut connection.framer, data, BATCH - first, found);
        // What was read lies in the region already, what was kept is copied there.
        let base = read.start;
        if kept > 0 {
            let whole = connection.input.get(..walk.whole).unwrap_or_default();
            if let Some(room) = region.get_mut(base..base + walk.whole) {
                room.copy_from_slice(whole);
            }
            connection.input.drain(..walk.at);
        } else if walk.at < count {
            let rest = region.get(base + walk.at..read.end).unwrap_or_default();
            connection.input = self.spare.pop().unwrap_or_default();
            connection.input.extend_from_slice(rest);
        }
        *used = base + walk.whole;
        for (range, is_large) in found.drain(..) {
            let frame = Datagram {
                socket: connection.peer.socket,
                peer: connection.peer.addr,
                offset: (base + range.start) as u32,
                len: range.len() as u16,
            };
            if is_large {
                large.push(frame);
            } else {
                messages.push(frame);
                by.push(key);
            }
        }
        let left = connection.input.len();
        self.input_bytes = (self.input_bytes + left).saturating_sub(kept);
        connection.unframed = walk.end == End::Full;
        connection.proven |= messages.len() > first;
        connection.chunks = match walk.whole {
            0 if within => connection.chunks.saturating_add(1),
            _ => {
                connection.begun_ms = now_ms;
                1
            }
        };
        let chunks = connection.chunks;
        let is_within = connection.is_within();
        if left == 0 {
            let spare = std::mem::take(&mut connection.input);
            self.keep_spare(spare);
        }
        self.settle(key, first, &walk);
        match walk.end {
            End::Broken(broken) if walk.whole == 0 => Err(event_of(broken)),
            End::Broken(broken) => {
                self.begin_close(key, event_of(broken), now_ms);
                Ok(false)
            }
            End::Lost => {
                self.begin_close(key, StreamEvent::Lost, now_ms);
                Ok(false)
            }
            _ if self.input_bytes > INPUTS_BYTES => Err(StreamEvent::InputsFull),
            _ if is_within && self.options.chunks_max.is_some_and(|most| chunks > most) => {
                Err(StreamEvent::Chunks)
            }
            End::More => Ok(false),
            End::Full => Ok(true),
        }
    }

    /// Counts, answers a keep-alive, hears aliases.
    fn settle(&mut self, key: Key, first: usize, walk: &Walk) {
        let new = self.batch.messages.len() - first;
        self.add(StreamEvent::Frames, new as u64);
        self.add(StreamEvent::TooLarge, walk.large);
        if walk.ping && self.options.pong {
            self.count(StreamEvent::Pongs);
            self.queue(key, PONG, None);
        }
        if self.options.aliases {
            for at in first..self.batch.messages.len() {
                self.hear_alias(at);
            }
        }
    }

    /// RFC 5923 3: a Via with `alias` lets requests to its sent-by use the connection.
    fn hear_alias(&mut self, at: usize) {
        let Some(message) = self.batch.messages.get(at) else { return };
        let bytes = message.bytes(&self.batch.region);
        let named = memchr::memmem::find(bytes, b";alias").is_some();
        if !named || bytes.starts_with(REPLY) || self.index.scan(bytes).is_err() {
            return;
        }
        let read = Message { bytes, index: &self.index };
        let Some(via) = read.top_via().filter(|via| via.param("alias").is_some()) else { return };
        let peer = Target { socket: message.socket, addr: message.peer };
        self.directory.alias(peer, via.port.unwrap_or(DEFAULT_PORT));
    }
}

/// How a reply begins (RFC 3261 7.2).
pub(super) const REPLY: &[u8] = b"SIP/2.0 ";

/// The port of a sent-by that names none (RFC 3261 18.2.2).
pub(super) const DEFAULT_PORT: u16 = 5060;

/// RFC 5626 4.4.1.
const PONG: &[u8] = b"\r\n";

/// What bytes held.
struct Walk {
    /// Bytes that are consumed.
    at: usize,
    /// Up to where messages reach, and header parts of those that are too large.
    whole: usize,
    /// Messages that were too large.
    large: u64,
    /// There was a keep-alive.
    ping: bool,
    end: End,
}

/// Why the walk ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// More bytes are needed.
    More,
    /// The batch is full.
    Full,
    /// Nothing behind a message that was too large can be read.
    Lost,
    /// Messages cannot be told apart any more.
    Broken(Broken),
}

/// Finds at most `room` messages; those that are too large are marked.
fn walk(
    framer: &mut Framer,
    data: &[u8],
    room: usize,
    found: &mut Vec<(Range<usize>, bool)>,
) -> Walk {
    let mut walk = Walk { at: 0, whole: 0, large: 0, ping: false, end: End::More };
    loop {
        if found.len() >= room {
            walk.end = End::Full;
            return walk;
        }
        let at = walk.at;
        match framer.step(data.get(at..).unwrap_or_default()) {
            Step::More => return walk,
            Step::Message(len) => {
                found.push((at..at + len, false));
                walk.at += len;
                walk.whole = walk.at;
            }
            Step::Blank { len, ping } => {
                walk.ping |= ping;
                walk.at += len;
            }
            Step::Skipped(len) => walk.at += len,
            Step::TooLarge { head, lost } => {
                found.push((at..at + head, true));
                walk.at += head;
                walk.whole = walk.at;
                walk.large += 1;
                if lost {
                    walk.end = End::Lost;
                    return walk;
                }
            }
            Step::Broken(broken) => {
                walk.end = End::Broken(broken);
                return walk;
            }
        }
    }
}

const fn event_of(broken: Broken) -> StreamEvent {
    match broken {
        Broken::Tls => StreamEvent::Tls,
        Broken::Http => StreamEvent::Http,
        Broken::FirstLine => StreamEvent::FirstLine,
        Broken::EndlessHead => StreamEvent::EndlessHead,
        Broken::NoLength => StreamEvent::NoLength,
        Broken::BadLength => StreamEvent::BadLength,
        Broken::TwoLengths => StreamEvent::TwoLengths,
    }
}
