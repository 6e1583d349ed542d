//! From messages to bytes: by the connection that there is, whoever has it, else by a new one
//! (RFC 3261 18.1.1, 18.2.2).

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;

use sluice_base::slab::Key;
use sluice_base::{StreamEvent, Target, WorkerId};
use sluice_sip::Message;

use super::Streams;
use super::connection::State;
use super::receive::{DEFAULT_PORT, REPLY};
use crate::limits::{BATCH, OUTBOX_BYTES, OUTBOXES_BYTES, SPARE_BUFFERS, SPARE_BYTES};

impl Streams {
    /// Messages of the next batch, by where they begin in it, that no connection is opened for
    /// (`tcp_no_new_conn_bflag`): without one they come back.
    pub fn restrict(&mut self, begins: &[u32]) {
        self.restricted.clear();
        self.restricted.extend_from_slice(begins);
    }

    /// Has a message that begins at `begin` of its batch sent to a peer; written by
    /// [`write_all`](Self::write_all).
    pub(crate) fn send_of_batch(&mut self, to: Target, begin: u32, bytes: &[u8]) {
        let opens = !self.restricted.contains(&begin);
        if opens || self.directory.find(to).is_some() {
            return self.send(to, bytes);
        }
        let own = self.post.id();
        match self.fallback(to, bytes).filter(|other| self.directory.find(*other).is_some()) {
            Some(other) => self.send(other, bytes),
            None => {
                self.count(StreamEvent::NotConnected);
                self.give_back(own, bytes);
            }
        }
    }

    /// Has a message sent to a peer.
    pub(super) fn send(&mut self, to: Target, bytes: &[u8]) {
        let own = self.post.id();
        match self.directory.find(to) {
            Some(id) if id.worker == own => self.queue(id.key, bytes, Some(own)),
            Some(id) => {
                if !self.post.push(id.worker, to, bytes) {
                    self.count(StreamEvent::PostFull);
                    self.give_back(own, bytes);
                }
            }
            None => self.send_by_new(to, bytes, own),
        }
    }

    /// Messages of other workers for connections of ours.
    pub(super) fn take_post(&mut self, now_ms: u64) {
        let mut rings = self.post.lend();
        for (from, ring) in &mut rings {
            for _ in 0..BATCH {
                let Some((meta, bytes)) = ring.take() else { break };
                let to = Target { socket: meta.socket, addr: meta.peer };
                match self.directory.find(to) {
                    Some(id) if id.worker == self.post.id() => {
                        self.queue(id.key, bytes, Some(*from));
                    }
                    // It has ended since, and another worker has opened one.
                    Some(_) => self.give_back(*from, bytes),
                    None => self.send_by_new(to, bytes, *from),
                }
            }
        }
        self.post.put_back(rings);
        self.write_all(now_ms);
    }

    /// There is no connection to `to`: a request opens one there, a reply one to where its Via
    /// says that requests are taken.
    fn send_by_new(&mut self, to: Target, bytes: &[u8], sender: WorkerId) {
        if !bytes.starts_with(REPLY) {
            return self.open(to, bytes, sender);
        }
        let Some(fallback) = self.fallback(to, bytes) else {
            self.count(StreamEvent::Unreachable);
            return self.give_back(sender, bytes);
        };
        match self.directory.find(fallback) {
            Some(id) if id.worker == self.post.id() => self.queue(id.key, bytes, Some(sender)),
            Some(id) => {
                if !self.post.push(id.worker, fallback, bytes) {
                    self.count(StreamEvent::PostFull);
                    self.give_back(sender, bytes);
                }
            }
            None => self.open(fallback, bytes, sender),
        }
    }

    /// RFC 3261 18.2.2: where a reply goes when its connection is gone, the port in the sent-by of
    /// its topmost Via; `None` for a request.
    fn fallback(&mut self, to: Target, reply: &[u8]) -> Option<Target> {
        if !reply.starts_with(REPLY) {
            return None;
        }
        self.index.scan(reply).ok()?;
        let via = Message { bytes: reply, index: &self.index }.top_via()?;
        let port = via.port.unwrap_or(DEFAULT_PORT);
        Some(Target { addr: SocketAddr::new(to.addr.ip(), port), ..to })
    }

    /// Puts bytes into the outbox of a connection of ours; without room they go back.
    pub(super) fn queue(&mut self, key: Key, bytes: &[u8], sender: Option<WorkerId>) {
        let now_ms = self.clock.now().mono_ms();
        let Some(connection) = self.all.get_mut(key) else { return };
        let outbox = &mut connection.outbox;
        let full = outbox.size() + bytes.len() > OUTBOX_BYTES
            || outbox.len() >= self.options.postponed_max
            || self.outbox_bytes + bytes.len() > OUTBOXES_BYTES;
        if full {
            self.count(StreamEvent::OutboxFull);
            if let Some(sender) = sender {
                self.give_back(sender, bytes);
            }
            return;
        }
        if outbox.is_empty() {
            // It has had nothing to take until now.
            connection.taken_ms = now_ms;
        }
        outbox.lend(|| self.spare.pop().unwrap_or_default());
        let before = outbox.size();
        outbox.push(bytes, sender, now_ms);
        self.outbox_bytes += outbox.size() - before;
        if !std::mem::replace(&mut connection.dirty, true) {
            self.dirty.push(key);
        }
    }

    /// A message that could not be sent: a request goes back to the worker it came from, a reply
    /// is lost, since nobody could do anything about it.
    pub(super) fn give_back(&mut self, sender: WorkerId, bytes: &[u8]) {
        if bytes.starts_with(REPLY) {
            self.count(StreamEvent::RepliesLost);
        } else if self.post.give_back(sender, bytes) {
            self.count(StreamEvent::Returned);
        }
    }

    /// Writes what was queued, and tells other workers what they got.
    pub(crate) fn write_all(&mut self, now_ms: u64) {
        while let Some(key) = self.dirty.pop() {
            let Some(connection) = self.all.get_mut(key) else { continue };
            connection.dirty = false;
            if connection.state != State::Connecting {
                self.write(key, now_ms);
            }
        }
        self.post.flush();
    }

    /// Writes as much as the peer takes now.
    pub(super) fn write(&mut self, key: Key, now_ms: u64) {
        let Some(connection) = self.all.get_mut(key) else { return };
        while !connection.outbox.is_empty() {
            let count = match connection.io.write(connection.outbox.pending()) {
                Ok(0) => return self.close(key, StreamEvent::Failed),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return self.close(key, StreamEvent::Failed),
            };
            connection.taken_ms = now_ms;
            connection.touch(now_ms);
            let before = connection.outbox.size();
            let spare = connection.outbox.advance(count);
            let after = connection.outbox.size();
            self.outbox_bytes = (self.outbox_bytes + after).saturating_sub(before);
            if let Some(spare) = spare {
                let state = connection.state;
                self.keep_spare(spare);
                if let State::Closing(event) = state {
                    self.close(key, event);
                }
                return;
            }
        }
        self.arm(key);
    }

    /// Keeps a buffer for the next connection that needs one.
    pub(super) fn keep_spare(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if self.spare.len() < SPARE_BUFFERS && (1..=SPARE_BYTES).contains(&capacity) {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}
