//! How connections begin and end: accepting, connecting, time-outs, closing.

use std::io::ErrorKind;

use mio::net::TcpStream;
use mio::{Interest, Token};
use sluice_base::slab::Key;
use sluice_base::{StreamEvent, Target, WorkerId};
use socket2::SockRef;

use super::connection::{Connection, State};
use super::directory::ConnectionId;
use super::{CONNECTIONS_AT, Streams, open};
use crate::limits::{ACCEPT_PAUSE_MS, ACCEPTS};

impl Streams {
    /// Accepts what waits, some of each listener.
    pub(super) fn accept(&mut self, now_ms: u64) {
        if now_ms < self.paused_until_ms {
            return;
        }
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTS {
                let Some(listener) = self.listeners.get_mut(at).filter(|l| l.ready) else { break };
                let socket = listener.socket;
                match listener.io.accept() {
                    Ok((io, addr)) => self.accepted(io, Target { socket, addr }, now_ms),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => listener.ready = false,
                    // The peer gave up while it waited.
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => {
                        self.count(StreamEvent::AcceptFailed);
                        self.paused_until_ms = now_ms + ACCEPT_PAUSE_MS;
                        return;
                    }
                }
            }
        }
    }

    fn accepted(&mut self, io: TcpStream, peer: Target, now_ms: u64) {
        if !self.make_room() {
            return self.count(StreamEvent::Refused);
        }
        let configured = open::configure(&SockRef::from(&io), &self.options);
        let connection = Connection::new(io, peer, State::Open, now_ms);
        let key = configured.ok().and_then(|()| self.insert(connection));
        let Some(key) = key else {
            self.directory.leave();
            return self.count(StreamEvent::AcceptFailed);
        };
        let id = ConnectionId { worker: self.post.id(), key };
        if let Some(connection) = self.all.get(key) {
            self.directory.put(peer, id, &connection.vitals);
        }
        self.unproven.push_back(key);
        self.count(StreamEvent::Accepted);
    }

    /// Counts one connection more. At the limit the oldest by which nothing has come makes room;
    /// false when there is none.
    fn make_room(&mut self) -> bool {
        let most = self.options.connections_max;
        loop {
            let (front, full) = (self.unproven.front().copied(), self.directory.len() >= most);
            let Some(oldest) = front else { return self.directory.admit(most) };
            let lives = self.all.get(oldest).is_some_and(|connection| !connection.proven);
            if lives && !full {
                return self.directory.admit(most);
            }
            self.unproven.pop_front();
            if lives {
                self.close(oldest, StreamEvent::Evicted);
            }
        }
    }

    /// Opens a connection for a message. It waits in the outbox until the peer has answered.
    pub(super) fn open(&mut self, peer: Target, bytes: &[u8], sender: WorkerId) {
        let now_ms = self.clock.now().mono_ms();
        let listener = self.listeners.iter().find(|listener| listener.socket == peer.socket);
        let Some(from) = listener.map(|listener| listener.addr) else {
            self.count(StreamEvent::ConnectFailed);
            return self.give_back(sender, bytes);
        };
        if !self.make_room() {
            self.count(StreamEvent::Refused);
            return self.give_back(sender, bytes);
        }
        let io = open::unconnected(from, &self.options).ok();
        let made = io.map(|io| Connection::new(io, peer, State::Connecting, now_ms));
        let Some(key) = made.and_then(|connection| self.insert_unconnected(connection)) else {
            self.directory.leave();
            self.count(StreamEvent::ConnectFailed);
            return self.give_back(sender, bytes);
        };
        let id = ConnectionId { worker: self.post.id(), key };
        let Some(connection) = self.all.get(key) else { return };
        if self.directory.claim(peer, id, &connection.vitals).is_err() {
            // Another worker was faster; nothing has been sent yet.
            self.all.remove(key);
            self.directory.leave();
            return self.send(peer, bytes);
        }
        self.count(StreamEvent::Opened);
        self.queue(key, bytes, Some(sender));
        let Some(connection) = self.all.get_mut(key) else { return };
        let token = Token(CONNECTIONS_AT + key.slot as usize);
        let begun = open::connect(&connection.io, peer.addr)
            .and_then(|()| self.registry.register(&mut connection.io, token, BOTH));
        match begun {
            Ok(()) => self.arm(key),
            Err(_) => self.close(key, StreamEvent::ConnectFailed),
        }
    }

    /// A connection's peer takes bytes again, or has answered.
    pub(super) fn writable(&mut self, key: Key) {
        let now_ms = self.clock.now().mono_ms();
        let Some(connection) = self.all.get_mut(key) else { return };
        if connection.state == State::Connecting {
            if !matches!(connection.io.take_error(), Ok(None)) {
                return self.close(key, StreamEvent::ConnectFailed);
            }
            if connection.io.peer_addr().is_err() {
                return;
            }
            connection.state = State::Open;
            connection.touch(now_ms);
            connection.taken_ms = now_ms;
            // What has come meanwhile was told of already.
            self.queue_reader(key);
        }
        self.write(key, now_ms);
    }

    /// Closes connections that have had their time.
    pub(super) fn take_timers(&mut self, now_ms: u64) {
        while let Some(fired) = self.wheel.pop_due(now_ms) {
            let key = Key::from(fired);
            let Some(connection) = self.all.get_mut(key) else { continue };
            connection.timer = None;
            let (due_ms, event) = connection.deadline(&self.options);
            if due_ms <= now_ms {
                self.close(key, event);
            } else {
                self.arm(key);
            }
        }
    }

    /// Looks at a connection when its next deadline comes, or before.
    pub(super) fn arm(&mut self, key: Key) {
        let Some(connection) = self.all.get_mut(key) else { return };
        let (due_ms, _) = connection.deadline(&self.options);
        match connection.timer {
            Some((_, earlier)) if earlier <= due_ms => return,
            Some((later, _)) => {
                self.wheel.cancel(later);
            }
            None => {}
        }
        connection.timer = Some((self.wheel.schedule(due_ms, key.into()), due_ms));
    }

    /// Reads no more, and closes when the answer to what came last was sent.
    pub(super) fn begin_close(&mut self, key: Key, event: StreamEvent, now_ms: u64) {
        let Some(connection) = self.all.get_mut(key) else { return };
        connection.state = State::Closing(event);
        connection.begun_ms = now_ms;
        self.arm(key);
    }

    /// Ends a connection; requests that wait in it go back.
    pub(super) fn close(&mut self, key: Key, event: StreamEvent) {
        let Some(mut connection) = self.all.remove(key) else { return };
        self.count(event);
        let id = ConnectionId { worker: self.post.id(), key };
        self.directory.release(connection.peer, id);
        self.directory.leave();
        if let Some((timer, _)) = connection.timer {
            self.wheel.cancel(timer);
        }
        for (sender, bytes) in connection.outbox.unsent() {
            self.give_back(sender, bytes);
        }
        self.input_bytes = self.input_bytes.saturating_sub(connection.input.len());
        self.outbox_bytes = self.outbox_bytes.saturating_sub(connection.outbox.size());
        // A socket that was never registered is not known to the poll; closing it is all it needs.
        let _unknown = self.registry.deregister(&mut connection.io);
    }

    fn insert(&mut self, connection: Connection) -> Option<Key> {
        let key = self.insert_unconnected(connection)?;
        let connection = self.all.get_mut(key)?;
        let token = Token(CONNECTIONS_AT + key.slot as usize);
        if self.registry.register(&mut connection.io, token, BOTH).is_err() {
            self.all.remove(key);
            return None;
        }
        self.arm(key);
        Some(key)
    }

    fn insert_unconnected(&mut self, connection: Connection) -> Option<Key> {
        self.all.insert(connection).ok()
    }
}

/// Both are told of once, when they begin: what is not wanted yet costs nothing.
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
