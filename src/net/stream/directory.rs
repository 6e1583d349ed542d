//! Which worker has the connection to a peer: shared by all workers, locked by shard.
//!
//! A peer is one of our sockets and an address. A place is claimed under its shard's lock before a
//! connection is opened, so that two workers never open two. One closure-free map operation under
//! each lock; nothing waits in it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::RandomState;
use sluice_base::slab::Key;
use sluice_base::{SocketId, Target, WorkerId};

use crate::limits::{ALIASES, DIRECTORY_SHARDS};

/// Names a connection: its worker, and its place there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionId {
    /// Whose it is.
    pub worker: WorkerId,
    /// Its place among that worker's.
    pub key: Key,
}

/// What can be seen of a connection from outside of its worker.
#[derive(Debug, Default)]
pub struct Vitals {
    /// When it last carried anything, seconds of the program's clock.
    pub active_s: AtomicU32,
}

/// A connection, for management.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Which.
    pub id: ConnectionId,
    /// The socket that it came to, or that it was opened for.
    pub socket: SocketId,
    /// The other side.
    pub peer: SocketAddr,
    /// Whether we opened it.
    pub outgoing: bool,
    /// When it last carried anything, seconds of the program's clock.
    pub active_s: u32,
    /// Other ports of the peer that it stands for.
    pub aliases: Vec<u16>,
}

/// All connections.
#[derive(Debug)]
pub struct Directory {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    connections: AtomicUsize,
}

type Shard = HashMap<(SocketId, SocketAddr), Place, RandomState>;

#[derive(Debug)]
struct Place {
    id: ConnectionId,
    outgoing: bool,
    vitals: Arc<Vitals>,
    /// Other ports of the peer that lead here.
    aliases: Vec<u16>,
    /// The place that this one is an alias for.
    of: Option<SocketAddr>,
}

impl Directory {
    /// An empty one.
    pub fn new() -> Self {
        let hasher = RandomState::new();
        let shard = |_| Mutex::new(HashMap::with_hasher(hasher.clone()));
        let shards = (0..DIRECTORY_SHARDS).map(shard).collect();
        Self { shards, hasher, connections: AtomicUsize::new(0) }
    }

    /// The connection to a peer.
    pub fn find(&self, peer: Target) -> Option<ConnectionId> {
        self.shard(peer).get(&(peer.socket, peer.addr)).map(|place| place.id)
    }

    /// Claims the place of a peer that has none.
    ///
    /// # Errors
    /// Who has it.
    pub(super) fn claim(
        &self,
        peer: Target,
        id: ConnectionId,
        vitals: &Arc<Vitals>,
    ) -> Result<(), ConnectionId> {
        match self.shard(peer).entry((peer.socket, peer.addr)) {
            Entry::Occupied(taken) => Err(taken.get().id),
            Entry::Vacant(free) => {
                free.insert(Place::new(id, true, vitals));
                Ok(())
            }
        }
    }

    /// Puts an accepted connection in; an older one from the same address is dead, and an alias for
    /// it no longer meant.
    pub(super) fn put(&self, peer: Target, id: ConnectionId, vitals: &Arc<Vitals>) {
        self.shard(peer).insert((peer.socket, peer.addr), Place::new(id, false, vitals));
    }

    /// Has the connection to `peer` stand for another port of it, too; false when there is no such
    /// connection, it has too many, or the port has a connection of its own.
    pub fn alias(&self, peer: Target, port: u16) -> bool {
        let (id, outgoing, vitals) = {
            let mut shard = self.shard(peer);
            let Some(place) = shard.get_mut(&(peer.socket, peer.addr)) else { return false };
            if place.of.is_some() || port == peer.addr.port() || place.aliases.contains(&port) {
                return place.of.is_none();
            }
            if place.aliases.len() == ALIASES {
                return false;
            }
            place.aliases.push(port);
            (place.id, place.outgoing, Arc::clone(&place.vitals))
        };
        let addr = SocketAddr::new(peer.addr.ip(), port);
        let alias = Target { addr, ..peer };
        match self.shard(alias).entry((peer.socket, addr)) {
            // RFC 5923 8: the newest of several aliases counts, a connection of its own more.
            Entry::Occupied(mut taken) if taken.get().of.is_some() => {
                taken.insert(Place { of: Some(peer.addr), ..Place::of(id, outgoing, vitals) });
                true
            }
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(Place { of: Some(peer.addr), ..Place::of(id, outgoing, vitals) });
                true
            }
        }
    }

    /// Takes a connection out, its aliases too, unless another has its place by now.
    pub(super) fn release(&self, peer: Target, id: ConnectionId) {
        let aliases = {
            let mut shard = self.shard(peer);
            let aliases = match shard.entry((peer.socket, peer.addr)) {
                Entry::Occupied(place) if place.get().id == id => place.remove().aliases,
                _ => return,
            };
            // What a crowd has taken is given back when it has gone.
            if shard.is_empty() {
                shard.shrink_to_fit();
            }
            aliases
        };
        for port in aliases {
            let alias = Target { addr: SocketAddr::new(peer.addr.ip(), port), ..peer };
            let mut shard = self.shard(alias);
            if let Entry::Occupied(place) = shard.entry((alias.socket, alias.addr))
                && place.get().id == id
            {
                place.remove();
            }
        }
    }

    /// Counts one connection more, unless there are `most` already.
    pub(super) fn admit(&self, most: usize) -> bool {
        let more = |count: usize| (count < most).then_some(count + 1);
        self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Counts one connection less.
    pub(super) fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All connections, for management: a copy of one shard after the other.
    pub fn list(&self) -> Vec<Listed> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let own = shard.iter().filter(|(_, place)| place.of.is_none());
            all.extend(own.map(|((socket, peer), place)| Listed {
                id: place.id,
                socket: *socket,
                peer: *peer,
                outgoing: place.outgoing,
                active_s: place.vitals.active_s.load(Ordering::Relaxed),
                aliases: place.aliases.clone(),
            }));
        }
        all.sort_by_key(|listed| (listed.id.worker, listed.id.key));
        all
    }

    fn shard(&self, peer: Target) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one((peer.socket, peer.addr));
        // The map itself uses other bits.
        let at = (hash >> 48) as usize % self.shards.len();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    fn new(id: ConnectionId, outgoing: bool, vitals: &Arc<Vitals>) -> Self {
        Self::of(id, outgoing, Arc::clone(vitals))
    }

    fn of(id: ConnectionId, outgoing: bool, vitals: Arc<Vitals>) -> Self {
        Self { id, outgoing, vitals, aliases: Vec::new(), of: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> Target {
        Target { socket: SocketId(1), addr: ([192, 0, 2, 1], port).into() }
    }

    fn id(slot: u32) -> ConnectionId {
        ConnectionId { worker: WorkerId(0), key: Key { slot, generation: 0 } }
    }

    #[test]
    fn a_place_is_claimed_once() {
        let (directory, vitals) = (Directory::new(), Arc::default());
        assert_eq!(directory.claim(peer(5060), id(1), &vitals), Ok(()));
        assert_eq!(directory.claim(peer(5060), id(2), &vitals), Err(id(1)));
        let other = Target { socket: SocketId(2), ..peer(5060) };
        assert_eq!(directory.find(other), None);
        directory.release(peer(5060), id(2));
        assert_eq!(directory.find(peer(5060)), Some(id(1)));
        directory.release(peer(5060), id(1));
        assert_eq!(directory.find(peer(5060)), None);
    }

    #[test]
    fn an_alias_ends_with_its_connection() {
        let (directory, vitals) = (Directory::new(), Arc::default());
        assert!(!directory.alias(peer(40_000), 5060));
        directory.put(peer(40_000), id(1), &vitals);
        assert!(directory.alias(peer(40_000), 5060) && directory.alias(peer(40_000), 5060));
        assert_eq!(directory.find(peer(5060)), Some(id(1)));
        assert_eq!(directory.list().len(), 1);
        assert_eq!(directory.list()[0].aliases, [5060]);
        // A newer connection of the same peer takes the alias over.
        directory.put(peer(40_001), id(2), &vitals);
        assert!(directory.alias(peer(40_001), 5060));
        directory.release(peer(40_000), id(1));
        assert_eq!(directory.find(peer(5060)), Some(id(2)));
        directory.release(peer(40_001), id(2));
        assert_eq!(directory.find(peer(5060)), None);
        assert!(directory.list().is_empty());
    }

    #[test]
    fn aliases_are_few_and_no_connection_is_hidden_by_one() {
        let (directory, vitals) = (Directory::new(), Arc::default());
        directory.put(peer(40_000), id(1), &vitals);
        directory.put(peer(5060), id(2), &vitals);
        assert!(!directory.alias(peer(40_000), 5060));
        assert_eq!(directory.find(peer(5060)), Some(id(2)));
        let given = (6_000..6_010).filter(|port| directory.alias(peer(40_000), *port)).count();
        assert_eq!(given, ALIASES - 1);
    }

    #[test]
    fn connections_are_counted() {
        let directory = Directory::new();
        assert!(directory.admit(2) && directory.admit(2) && !directory.admit(2));
        directory.leave();
        assert!(directory.len() == 1 && directory.admit(2));
    }
}
