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
    /// Has a message sent to a peer; written by [`write_all`](Self::write_all).
    pub(crate) fn send(&mut self, to: Target, bytes: &[u8]) {
        let own = self.post.id();
        match self.directory.find(to) {
            Some(id) if id.worker == own => self.queue(id.key, bytes, sender_of(bytes, own)),
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
                        self.queue(id.key, bytes, sender_of(bytes, *from));
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
        let Some(port) = self.sent_by_port(bytes) else {
            return self.count(StreamEvent::Unreachable);
        };
        let fallback = Target { addr: SocketAddr::new(to.addr.ip(), port), ..to };
        match self.directory.find(fallback) {
            Some(id) if id.worker == self.post.id() => self.queue(id.key, bytes, None),
            Some(id) => {
                if !self.post.push(id.worker, fallback, bytes) {
                    self.count(StreamEvent::PostFull);
                }
            }
            None => self.open(fallback, bytes, sender),
        }
    }

    /// RFC 3261 18.2.2: the port in the sent-by of the topmost Via.
    fn sent_by_port(&mut self, reply: &[u8]) -> Option<u16> {
        self.index.scan(reply).ok()?;
        let via = Message { bytes: reply, index: &self.index }.top_via()?;
        Some(via.port.unwrap_or(DEFAULT_PORT))
    }

    /// Puts bytes into the outbox of a connection of ours; without room they go back.
    pub(super) fn queue(&mut self, key: Key, bytes: &[u8], sender: Option<WorkerId>) {
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
        outbox.lend(|| self.spare.pop().unwrap_or_default());
        let before = outbox.size();
        outbox.push(bytes, sender);
        self.outbox_bytes += outbox.size() - before;
        if !std::mem::replace(&mut connection.dirty, true) {
            self.dirty.push(key);
        }
    }

    /// A request that could not be sent goes back to the worker it came from.
    pub(super) fn give_back(&mut self, sender: WorkerId, bytes: &[u8]) {
        if !bytes.starts_with(REPLY) && self.post.give_back(sender, bytes) {
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

/// Who gets a message back that cannot be sent: nobody wants a reply.
fn sender_of(bytes: &[u8], worker: WorkerId) -> Option<WorkerId> {
    (!bytes.starts_with(REPLY)).then_some(worker)
}
