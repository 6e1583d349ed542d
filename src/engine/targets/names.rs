//! Answers about names that are kept for all workers: fresh ones, negative ones, and stale ones for
//! when no name server answers (RFC 8767).
//!
//! Workers read, only the control plane writes. A worker takes one shard's lock for one look-up.
//! An answer in use is asked for anew before it ends (see [`Names::due`]), so that a name in use
//! parks nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::{AHashMap, RandomState};

use super::failed::Failed;
use super::located::Located;
use super::place::Place;
use crate::limits;

/// As many as keep sixteen workers from waiting for each other.
const SHARDS: usize = 64;

/// What a worker finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Where it is.
    Now(Arc<Located>),
    /// It is known to be nowhere.
    Nowhere,
    /// It must be asked for.
    Later,
}

/// What asking came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Where it is, and how long that may be believed, in milliseconds.
    At(Arc<Located>, u64),
    /// It is nowhere: why, and how long that may be believed, in milliseconds.
    Nowhere(Arc<str>, u64),
    /// Nobody knows: why.
    Unknown(Arc<str>),
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where it is; `None` is nowhere.
    pub located: Option<Arc<Located>>,
    /// Why it is nowhere, or why it could not be asked for anew.
    pub why: Option<Arc<str>>,
    /// Until when workers use it, monotonic milliseconds.
    pub until_ms: u64,
    /// Until when it may be used if nobody answers.
    stale_until_ms: u64,
    /// When it is asked for anew, if it is in use.
    again_ms: u64,
    /// A worker has used it since it was asked for.
    used: bool,
    /// When a worker used it last, or it was asked for.
    used_ms: u64,
}

/// All of them.
#[derive(Debug)]
pub struct Names {
    hasher: RandomState,
    shards: [Mutex<AHashMap<Place, Kept>>; SHARDS],
    /// Monotonic milliseconds, for management, which has no clock.
    now_ms: AtomicU64,
    /// Places that are in use whether calls go there or not, by who says so.
    watched: Mutex<AHashMap<String, Vec<Place>>>,
    /// Addresses that did not answer.
    pub failed: Failed,
}

impl Names {
    /// Nothing is known; failures of addresses are remembered for so long.
    pub fn new(failed_ms: u64) -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
            now_ms: AtomicU64::new(0),
            watched: Mutex::default(),
            failed: Failed::new(failed_ms),
        }
    }

    /// What is known of a place.
    pub fn look(&self, place: &Place, now_ms: u64) -> Found {
        match self.shard(place).get_mut(place).filter(|kept| now_ms < kept.until_ms) {
            Some(kept) => {
                (kept.used, kept.used_ms) = (true, now_ms);
                kept.located.clone().map_or(Found::Nowhere, Found::Now)
            }
            None => Found::Later,
        }
    }

    /// What was found last of a place, also when its time is over.
    pub fn known(&self, place: &Place, now_ms: u64) -> Option<Arc<Located>> {
        let shard = self.shard(place);
        let kept = shard.get(place).filter(|kept| now_ms < kept.stale_until_ms)?;
        kept.located.clone()
    }

    /// Keeps what asking came to. Where nobody knows, the old answer goes on for a while; without
    /// one it is "nowhere" for a moment (RFC 9520).
    pub fn keep(&self, place: &Place, outcome: &Outcome, now_ms: u64) {
        let mut shard = self.shard(place);
        let (located, why, ttl_ms) = match outcome {
            Outcome::At(located, ttl_ms) => (Some(Arc::clone(located)), None, *ttl_ms),
            Outcome::Nowhere(why, ttl_ms) => (None, Some(Arc::clone(why)), *ttl_ms),
            Outcome::Unknown(why) => {
                if let Some(kept) = shard.get_mut(place)
                    && kept.located.is_some()
                    && now_ms < kept.stale_until_ms
                {
                    return kept.hold(why, now_ms);
                }
                (None, Some(Arc::clone(why)), limits::UNKNOWN_MS)
            }
        };
        if shard.len() >= limits::NAMES / SHARDS && !shard.contains_key(place) {
            remove_oldest(&mut shard);
        }
        let stale_ms = if located.is_some() { limits::STALE_MS } else { 0 };
        let until_ms = now_ms + ttl_ms;
        let again_ms = until_ms.saturating_sub(limits::REFRESH_MS.max(ttl_ms / 10));
        let stale_until_ms = until_ms + stale_ms;
        let (used, used_ms) = (false, now_ms);
        let kept = Kept { located, why, until_ms, stale_until_ms, again_ms, used, used_ms };
        shard.insert(place.clone(), kept);
    }

    /// From now on these places of a module are in use, and no others of its.
    pub fn watch(&self, who: &str, places: Vec<Place>) {
        self.watched().insert(who.to_owned(), places);
    }

    /// The places in use that are to be asked for anew now; each is given once. What is over is
    /// forgotten.
    pub fn due(&self, now_ms: u64) -> Vec<Place> {
        self.now_ms.store(now_ms, Ordering::Relaxed);
        let mut due = self.watched_anew(now_ms);
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, kept| now_ms < kept.until_ms.max(kept.stale_until_ms));
            for (place, kept) in shard.iter_mut() {
                if kept.used && kept.located.is_some() && now_ms >= kept.again_ms {
                    kept.used = false;
                    kept.again_ms = now_ms + limits::REFRESH_MS;
                    due.push(place.clone());
                }
            }
        }
        due
    }

    /// When [`Names::due`] was asked last, in monotonic milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// All that is kept, for management.
    pub fn list(&self) -> Vec<(Place, Kept)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.iter().map(|(place, kept)| (place.clone(), kept.clone())));
        }
        all
    }

    /// Watched places that are not known; the others are marked as used.
    fn watched_anew(&self, now_ms: u64) -> Vec<Place> {
        let watched = self.watched();
        let unknown = watched.values().flatten().filter(|place| {
            let mut shard = self.shard(place);
            match shard.get_mut(place).filter(|kept| now_ms < kept.until_ms) {
                Some(kept) => {
                    (kept.used, kept.used_ms) = (true, now_ms);
                    false
                }
                None => true,
            }
        });
        unknown.cloned().collect()
    }

    fn watched(&self) -> MutexGuard<'_, AHashMap<String, Vec<Place>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, place: &Place) -> MutexGuard<'_, AHashMap<Place, Kept>> {
        let at = self.hasher.hash_one(place) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Nobody could say anything new: it is used on for a while.
    fn hold(&mut self, why: &Arc<str>, now_ms: u64) {
        self.why = Some(Arc::clone(why));
        self.until_ms = self.until_ms.max(now_ms + limits::STALE_USE_MS);
        self.again_ms = now_ms + limits::REFRESH_MS;
    }
}

/// Makes room: the answer that was used longest ago goes. Who has us ask for names of its own, with
/// times to live as it likes, thereby pushes out none that are in use.
fn remove_oldest(shard: &mut AHashMap<Place, Kept>) {
    let oldest = shard.iter().min_by_key(|(_, kept)| kept.used_ms).map(|(place, _)| place.clone());
    if let Some(oldest) = oldest {
        shard.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::Proto;

    fn place(host: &str) -> Place {
        Place::new(host.as_bytes(), None, None).unwrap()
    }

    fn at(last: u8) -> Arc<Located> {
        Arc::new(Located::host(Proto::Udp, 5060, [[10, 0, 0, last].into()]))
    }

    fn kept(ttl_ms: u64) -> (Names, Place) {
        let (names, place) = (Names::new(30_000), place("gw"));
        names.keep(&place, &Outcome::At(at(1), ttl_ms), 0);
        (names, place)
    }

    #[test]
    fn an_answer_is_used_until_it_ends() {
        let (names, gw) = kept(60_000);
        assert_eq!(names.look(&gw, 59_999), Found::Now(at(1)));
        assert_eq!(names.look(&gw, 60_000), Found::Later);
        assert_eq!(names.look(&place("other"), 0), Found::Later);
        names.keep(&gw, &Outcome::Nowhere("gone".into(), 5_000), 60_000);
        assert_eq!(names.look(&gw, 64_999), Found::Nowhere);
        assert_eq!(names.known(&gw, 64_999), None, "who is gone is not kept stale");
        assert_eq!(names.look(&gw, 65_000), Found::Later);
    }

    #[test]
    fn an_answer_in_use_is_asked_for_anew_before_it_ends() {
        let (names, gw) = kept(60_000);
        assert_eq!(names.due(54_000), [], "nobody uses it");
        names.look(&gw, 10);
        assert_eq!(names.due(53_999), []);
        assert_eq!(names.due(54_000), std::slice::from_ref(&gw));
        assert_eq!(names.due(54_001), [], "it is being asked for");
        names.keep(&gw, &Outcome::At(at(2), 60_000), 54_500);
        assert_eq!(names.look(&gw, 60_001), Found::Now(at(2)));
    }

    #[test]
    fn a_stale_answer_serves_while_nobody_knows() {
        let (names, gw) = kept(60_000);
        assert_eq!(names.look(&gw, 60_500), Found::Later);
        assert_eq!(names.known(&gw, 60_500), Some(at(1)));
        let silence = Outcome::Unknown("no answer".into());
        names.keep(&gw, &silence, 60_500);
        assert_eq!(names.look(&gw, 60_501), Found::Now(at(1)));
        let next = 60_500 + limits::REFRESH_MS;
        assert_eq!(names.due(next), std::slice::from_ref(&gw), "and is asked for again and again");
        names.keep(&gw, &silence, next);
        assert_eq!(names.look(&gw, next), Found::Now(at(1)));
        let end = 60_000 + limits::STALE_MS;
        assert_eq!(names.known(&gw, end), None);
        assert_eq!(names.due(end + limits::STALE_USE_MS), []);
        assert!(names.list().is_empty(), "it is forgotten");
    }

    #[test]
    fn where_nothing_was_known_a_failure_is_kept_for_a_moment() {
        let (names, gw) = (Names::new(0), place("gw"));
        names.keep(&gw, &Outcome::Unknown("no answer".into()), 0);
        assert_eq!(names.look(&gw, limits::UNKNOWN_MS - 1), Found::Nowhere);
        assert_eq!(names.look(&gw, limits::UNKNOWN_MS), Found::Later);
    }

    #[test]
    fn what_is_watched_is_asked_for_again_though_nobody_uses_it() {
        let names = Names::new(0);
        let gw = place("gw");
        names.watch("one", vec![gw.clone()]);
        assert_eq!(names.due(0), std::slice::from_ref(&gw));
        names.keep(&gw, &Outcome::At(at(1), 60_000), 0);
        assert_eq!(names.due(53_999), []);
        assert_eq!(names.due(54_000), std::slice::from_ref(&gw));
        names.keep(&gw, &Outcome::Nowhere("gone".into(), 5_000), 55_000);
        assert_eq!(names.due(59_999), []);
        assert_eq!(names.due(60_000), std::slice::from_ref(&gw));
        names.watch("one", Vec::new());
        assert_eq!(names.due(60_001), []);
    }

    #[test]
    fn there_is_a_bound_and_names_in_use_stay() {
        let (names, gw) = kept(10_000_000);
        for number in 0..2 * limits::NAMES {
            // Of a stranger, who says that his names last long.
            let now_ms = number as u64;
            let day = Outcome::At(at(1), 86_400_000);
            names.keep(&place(&format!("h{number}")), &day, now_ms);
            assert_eq!(names.look(&gw, now_ms), Found::Now(at(1)), "{number}");
        }
        let left = names.list().len();
        assert!(left <= limits::NAMES && left > limits::NAMES / 2, "{left}");
        assert_eq!(names.look(&place("h0"), 0), Found::Later, "used longest ago");
    }
}
