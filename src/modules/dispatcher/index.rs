//! Finds destinations by URI and by address without a look at each: made with a snapshot, so that a
//! script that asks for a peer, or goes on to the next destination, pays for none of the others.

use std::net::IpAddr;

use super::limits::SCANNED;
use super::sets::{Destination, Host, Set};

/// Destinations of a set by URI, full and bare, in any case: hashes with indexes, sorted. Empty for
/// a set that is looked through faster.
#[derive(Debug)]
pub struct ByUri(Box<[(u32, u32)]>);

/// Destinations of all sets by address.
#[derive(Debug)]
pub struct ByAddress {
    /// Those with an address, sorted by it, then by place.
    literal: Box<[(IpAddr, Place)]>,
    /// Those with a name, whose addresses change, by place.
    named: Box<[Place]>,
}

/// Where a destination is: the place of its set, and its index there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Of the set.
    pub set: u32,
    /// Of the destination.
    pub index: u32,
}

impl ByUri {
    /// Of the destinations of one set.
    pub fn new(destinations: &[Destination]) -> Self {
        if destinations.len() <= SCANNED {
            return Self(Box::default());
        }
        let both = (0u32..).zip(destinations).flat_map(|(index, destination)| {
            let (uri, bare) = (hash(destination.uri.as_bytes()), &destination.bare_uri);
            let bare = hash(bare.as_bytes());
            [(uri, index), (bare, index)].into_iter().take(if uri == bare { 1 } else { 2 })
        });
        let mut all: Vec<(u32, u32)> = both.collect();
        all.sort_unstable();
        Self(all.into())
    }

    /// The first of these destinations, of which it was made, that is called so.
    pub fn find<'a>(&self, of: &'a [Destination], uri: &[u8]) -> Option<&'a Destination> {
        if self.0.is_empty() {
            return of.iter().find(|destination| destination.is_called(uri));
        }
        let hash = hash(uri);
        let from = self.0.partition_point(|(other, _)| *other < hash);
        let same = self.0.iter().skip(from).take_while(|(other, _)| *other == hash);
        let mut found = same.filter_map(|(_, index)| of.get(*index as usize));
        found.find(|destination| destination.is_called(uri))
    }
}

impl ByAddress {
    /// Of all sets.
    pub fn new(sets: &[Set]) -> Self {
        let (mut literal, mut named) = (Vec::new(), Vec::new());
        for (set, of) in (0u32..).zip(sets) {
            for (index, destination) in (0u32..).zip(&of.destinations) {
                let place = Place { set, index };
                match &destination.host {
                    Host::Literal(ip) => literal.push((*ip, place)),
                    Host::Named(_) => named.push(place),
                }
            }
        }
        literal.sort_unstable();
        Self { literal: literal.into(), named: named.into() }
    }

    /// Destinations that may have this address, in order of the sets; all that have it are among
    /// them. Within the set at a place, or in all.
    pub fn candidates(&self, ip: IpAddr, set: Option<usize>) -> impl Iterator<Item = Place> {
        let set = set.map(|set| set as u32);
        let (first, last) = (set.unwrap_or(0), set.unwrap_or(u32::MAX));
        let low = (ip, Place { set: first, index: 0 });
        let from = self.literal.partition_point(|entry| *entry < low);
        let within = move |place: &Place| place.set <= last;
        let mut literal = self.literal.get(from..).unwrap_or_default().iter();
        let mut literal = std::iter::from_fn(move || literal.next())
            .take_while(move |(other, place)| *other == ip && within(place))
            .map(|(_, place)| *place)
            .peekable();
        let from = self.named.partition_point(|place| place.set < first);
        let named = self.named.get(from..).unwrap_or_default().iter().copied();
        let mut named = named.take_while(within).peekable();
        std::iter::from_fn(move || match (literal.peek(), named.peek()) {
            (Some(one), Some(other)) if other < one => named.next(),
            (None, _) => named.next(),
            _ => literal.next(),
        })
    }
}

/// FNV-1a over the lower case.
fn hash(uri: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    };
    uri.iter().fold(0x811C_9DC5, step)
}
