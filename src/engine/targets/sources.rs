//! Which of the machine's addresses the kernel would send from to reach an address (`mhomed`, spec
//! 1.3).
//!
//! The control plane asks the kernel and keeps the answers here; workers read them under one
//! shard's lock, for one look-up, and only where the script says `mhomed`. What is in use is asked
//! again every few seconds, since routes of the system change. Asks nobody and reads no clock.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::{AHashMap, RandomState};

use crate::limits;

/// As many as keep sixteen workers from waiting for each other.
const SHARDS: usize = 64;

/// What a worker finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The kernel sends from this address.
    Known(IpAddr),
    /// The kernel has no route there.
    Nowhere,
    /// Nobody has asked yet.
    Unknown,
}

/// All of them; shared by the workers.
#[derive(Debug)]
pub struct Sources {
    on: bool,
    hasher: RandomState,
    shards: [Mutex<AHashMap<IpAddr, Kept>>; SHARDS],
}

#[derive(Debug)]
struct Kept {
    source: Source,
    /// A worker has wanted it since it was asked for.
    used: bool,
    /// When it is asked for anew, if it is in use; 0: at once.
    again_ms: u64,
}

impl Sources {
    /// Nothing is known; with `on` false nothing ever will be.
    pub fn new(on: bool) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { on, hasher: RandomState::new(), shards }
    }

    /// Whether the script wants sockets to be chosen so.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// What is known of the way to an address. One that is unknown is asked for soon.
    pub fn look(&self, to: IpAddr) -> Source {
        if !self.on {
            return Source::Unknown;
        }
        let mut shard = self.shard(to);
        if !shard.contains_key(&to) {
            make_room(&mut shard);
        }
        let wanted = || Kept { source: Source::Unknown, used: true, again_ms: 0 };
        let kept = shard.entry(to).or_insert_with(wanted);
        kept.used = true;
        kept.source
    }

    /// Keeps what the kernel has said; `None`: there is no route.
    pub fn keep(&self, to: IpAddr, source: Option<IpAddr>, now_ms: u64) {
        let mut shard = self.shard(to);
        if !shard.contains_key(&to) {
            make_room(&mut shard);
        }
        let source = source.map_or(Source::Nowhere, Source::Known);
        let again_ms = now_ms + limits::SOURCE_USE_MS;
        shard.insert(to, Kept { source, used: false, again_ms });
    }

    /// The addresses in use that the kernel is to be asked about now. What nobody has used for
    /// long is forgotten.
    pub fn due(&self, now_ms: u64) -> Vec<IpAddr> {
        let mut due = Vec::new();
        if self.on {
            for shard in &self.shards {
                let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                shard.retain(|_, kept| {
                    kept.used || now_ms < kept.again_ms + limits::SOURCE_FORGOTTEN_MS
                });
                let used = shard.iter().filter(|(_, kept)| kept.used && now_ms >= kept.again_ms);
                due.extend(used.map(|(to, _)| *to));
            }
        }
        due
    }

    fn shard(&self, to: IpAddr) -> MutexGuard<'_, AHashMap<IpAddr, Kept>> {
        let at = self.hasher.hash_one(to) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one that was asked for longest ago goes.
fn make_room(shard: &mut AHashMap<IpAddr, Kept>) {
    if shard.len() >= limits::SOURCES / SHARDS {
        let oldest = shard.iter().min_by_key(|(_, kept)| kept.again_ms).map(|(to, _)| *to);
        if let Some(oldest) = oldest {
            shard.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn what_is_in_use_is_asked_for_again() {
        let sources = Sources::new(true);
        assert_eq!(sources.look(ip(1)), Source::Unknown);
        assert_eq!(sources.due(0), [ip(1)]);
        sources.keep(ip(1), Some(ip(9)), 0);
        sources.keep(ip(2), None, 0);
        assert!(sources.due(limits::SOURCE_USE_MS).is_empty(), "nobody has used them since");
        assert_eq!(sources.look(ip(1)), Source::Known(ip(9)));
        assert_eq!(sources.look(ip(2)), Source::Nowhere);
        assert!(sources.due(limits::SOURCE_USE_MS - 1).is_empty());
        let mut due = sources.due(limits::SOURCE_USE_MS);
        due.sort();
        assert_eq!(due, [ip(1), ip(2)]);
        due.iter().for_each(|to| sources.keep(*to, Some(ip(8)), 10_000));
        let end = 10_000 + limits::SOURCE_USE_MS + limits::SOURCE_FORGOTTEN_MS;
        assert!(sources.due(end).is_empty());
        assert_eq!(sources.look(ip(1)), Source::Unknown, "it was forgotten");
    }

    #[test]
    fn there_is_a_bound_and_it_may_be_off() {
        let sources = Sources::new(true);
        for number in 0..2 * limits::SOURCES as u32 {
            sources.look(IpAddr::from(number.to_be_bytes()));
        }
        let kept = sources.due(0).len();
        assert!(kept <= limits::SOURCES && kept > limits::SOURCES / 2, "{kept}");
        let off = Sources::new(false);
        assert_eq!(off.look(ip(1)), Source::Unknown);
        assert!(off.due(0).is_empty());
    }
}
