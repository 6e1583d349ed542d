//! Destination sets: an immutable snapshot whose destinations share their live parts with the
//! snapshots before and after.
//!
//! Made on the control plane, read by the workers; nothing here allocates, locks or writes while
//! selecting.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use sluice_base::SocketId;

use super::cursor::Cursor;
use super::index::{ByAddress, ByUri};
use super::maglev::Table;
use super::named::Named;
use super::state::{Live, State};

/// The number of the next snapshot, of all that are made.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// All sets, sorted by number.
#[derive(Debug)]
pub struct Sets {
    sets: Box<[Set]>,
    by_address: ByAddress,
    /// Which of all snapshots this is; from 1.
    pub generation: u64,
}

/// The destinations of one number, in order of priority.
#[derive(Debug)]
pub struct Set {
    /// Its number.
    pub id: u32,
    /// That of the snapshot it belongs to.
    pub generation: u64,
    /// Highest priority first, else in order of the list. Never empty.
    pub destinations: Box<[Destination]>,
    /// Sums of the weights up to and with each destination.
    sums: Box<[u64]>,
    by_uri: ByUri,
    /// Maglev's table, when a script may ask for it.
    table: ArcSwapOption<Table>,
    /// Where round robin stands.
    pub cursor: Cursor,
}

/// One destination.
#[derive(Debug)]
pub struct Destination {
    /// As configured.
    pub uri: Box<str>,
    /// The same without user part: what failover AVPs hold (spec 3.4).
    pub bare_uri: Box<str>,
    /// Its share.
    pub weight: u32,
    /// Higher goes first.
    pub priority: i32,
    /// Opaque text for the script; may be empty.
    pub attrs: Box<str>,
    /// Text for people; may be empty.
    pub description: Box<str>,
    /// What the host stands for.
    pub host: Host,
    /// Its port, or its transport's default.
    pub port: u16,
    /// Where datagrams for it go; `None` for a name, and when not reached by UDP.
    pub target: Option<SocketAddr>,
    /// The socket that it is sent to by.
    pub socket: Option<SocketId>,
    /// 1: it is probed also while it is active.
    pub probe_mode: i64,
    /// Why it can never be reached.
    pub trouble: Option<String>,
    /// What changes.
    pub live: Arc<Live>,
}

/// The host of a destination.
#[derive(Debug)]
pub enum Host {
    /// An address.
    Literal(IpAddr),
    /// A name.
    Named(Named),
}

impl Host {
    /// Its addresses now.
    pub fn addresses(&self) -> Box<[IpAddr]> {
        match self {
            Self::Literal(ip) => [*ip].into(),
            Self::Named(named) => named.known().addresses.clone(),
        }
    }

    /// Why it has none.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Literal(_) => None,
            Self::Named(named) => named.known().trouble.clone(),
        }
    }
}

impl Sets {
    /// From destinations with their sets' numbers, in order of the list.
    pub fn new(mut rows: Vec<(u32, Destination)>) -> Self {
        let generation = GENERATIONS.fetch_add(1, Relaxed);
        rows.sort_by_key(|(id, d)| (*id, std::cmp::Reverse(d.priority)));
        let mut sets: Vec<(u32, Vec<Destination>)> = Vec::new();
        for (id, destination) in rows {
            match sets.last_mut() {
                Some((last, all)) if *last == id => all.push(destination),
                _ => sets.push((id, vec![destination])),
            }
        }
        let sets = sets.into_iter().map(|(id, all)| Set::new(id, generation, all));
        let sets: Box<[Set]> = sets.collect();
        Self { by_address: ByAddress::new(&sets), sets, generation }
    }

    /// The set of a number.
    #[inline]
    pub fn get(&self, id: i64) -> Option<&Set> {
        let id = u32::try_from(id).ok()?;
        self.sets.binary_search_by_key(&id, |set| set.id).ok().and_then(|at| self.sets.get(at))
    }

    /// All sets by ascending number.
    pub fn iter(&self) -> std::slice::Iter<'_, Set> {
        self.sets.iter()
    }

    /// The destinations with this address and port ([`Destination::is_at`]) of the set of a
    /// number, or of all in order.
    pub fn at(
        &self,
        ip: IpAddr,
        port: u16,
        id: Option<i64>,
    ) -> impl Iterator<Item = (&Set, &Destination)> {
        let place = |id| {
            let id = u32::try_from(id).ok()?;
            self.sets.binary_search_by_key(&id, |set| set.id).ok()
        };
        // A set that is not there holds nothing.
        let within = id.map(|id| place(id).unwrap_or(self.sets.len()));
        let candidates = self.by_address.candidates(ip, within);
        let candidates = candidates.filter_map(|place| {
            let set = self.sets.get(place.set as usize)?;
            Some((set, set.get(place.index as usize)?))
        });
        candidates.filter(move |(_, destination)| destination.is_at(ip, port))
    }

    /// Gives destinations that are in `old` too the states that they have there. For sets that
    /// share nothing with those in use.
    pub fn take_states(&self, old: &Self) {
        for set in &self.sets {
            let Some(before) = old.get(set.id.into()) else { continue };
            for destination in &set.destinations {
                if let Some(was) = before.find(destination.uri.as_bytes()) {
                    destination.live.set(was.live.state());
                }
            }
        }
    }

    /// Makes Maglev's tables; sets that are in `old` as they are here share theirs.
    pub fn make_tables(&self, old: Option<&Self>) {
        for set in &self.sets {
            let before = old.and_then(|old| old.get(set.id.into()));
            let same = before.filter(|before| before.has_shares_of(set));
            let table = same.and_then(|same| same.table.load_full());
            set.table.store(Some(table.unwrap_or_else(|| Arc::new(set.make_table()))));
        }
    }
}

impl Set {
    fn new(id: u32, generation: u64, destinations: Vec<Destination>) -> Self {
        let add = |sum: &mut u64, d: &Destination| {
            *sum += u64::from(d.weight);
            Some(*sum)
        };
        Self {
            id,
            generation,
            by_uri: ByUri::new(&destinations),
            table: ArcSwapOption::const_empty(),
            sums: destinations.iter().scan(0, add).collect(),
            cursor: Cursor::new(destinations.len()),
            destinations: destinations.into(),
        }
    }

    fn make_table(&self) -> Table {
        let shares: Vec<_> = self.destinations.iter().map(|d| (&*d.uri, d.weight)).collect();
        Table::new(&shares)
    }

    /// Whether the destinations have the URIs and weights of another set's, in their order.
    fn has_shares_of(&self, other: &Self) -> bool {
        let share = |d: &Destination| (d.uri.to_ascii_lowercase(), d.weight);
        self.destinations.len() == other.destinations.len()
            && self.destinations.iter().map(share).eq(other.destinations.iter().map(share))
    }

    /// Whether Maglev's table is there.
    pub fn has_table(&self) -> bool {
        self.table.load().is_some()
    }

    /// What Maglev draws for a key's hash, see [`Table::find`].
    #[inline]
    pub fn draw(&self, hash: u64, may: impl Fn(usize) -> bool) -> Option<usize> {
        self.table.load().as_ref()?.find(hash, may)
    }

    /// The one at an index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Destination> {
        self.destinations.get(index)
    }

    /// Whether the one at an index may be selected.
    #[inline]
    pub fn is_active(&self, index: usize) -> bool {
        self.get(index).is_some_and(Destination::is_active)
    }

    /// The first of the first `size` whose weight, added to those before, exceeds `hash` modulo
    /// their sum; without weights the one at `hash` modulo `size` (spec 3.2, step 4).
    #[inline]
    pub fn by_weight(&self, hash: u32, size: usize) -> usize {
        let sums = self.sums.get(..size).unwrap_or_default();
        match sums.last() {
            Some(&total) if total > 0 => {
                let share = u64::from(hash) % total;
                sums.partition_point(|sum| *sum <= share)
            }
            _ => hash as usize % size.max(1),
        }
    }

    /// What a weight counts here: without any weight all weigh the same.
    pub fn share_of(&self, weight: u32) -> u64 {
        match self.sums.last() {
            Some(0) => 1,
            _ => u64::from(weight),
        }
    }

    /// The one with this URI, full or bare, in any case.
    pub fn find(&self, uri: &[u8]) -> Option<&Destination> {
        self.by_uri.find(&self.destinations, uri)
    }
}

impl Destination {
    /// Whether it may be selected.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.live.is_active()
    }

    /// Whether a call may try it when all are down: nobody has taken it out by hand.
    pub fn may_be_tried(&self) -> bool {
        self.live.state() != State::INACTIVE && self.trouble.is_none()
    }

    /// Whether this is its URI, full or bare, in any case.
    pub fn is_called(&self, uri: &[u8]) -> bool {
        self.uri.as_bytes().eq_ignore_ascii_case(uri)
            || self.bare_uri.as_bytes().eq_ignore_ascii_case(uri)
    }

    /// Whether it has this address and port; port 0 on either side matches any (spec 3.6).
    pub fn is_at(&self, ip: IpAddr, port: u16) -> bool {
        (port == 0 || self.port == 0 || self.port == port)
            && match &self.host {
                Host::Literal(own) => *own == ip,
                Host::Named(named) => named.known().addresses.contains(&ip),
            }
    }

    /// Why it cannot be reached now.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.clone().or_else(|| self.host.trouble())
    }
}
