//! Passive health: destinations that fail the calls themselves go out without waiting for a probe.
//! Off unless modparam `passive_health` says so, since a script could tell.
//!
//! Gives each destination its [`Health`] on the control plane, so that workers only look; keeps
//! time for them; and steers selections: away from where the call has failed already, to one that
//! is on trial with one call, and anywhere at all when all are out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use sluice_base::Now;
use sluice_engine::module::{Setup, SetupError};
use sluice_engine::ticket::{Chosen, News};
use sluice_engine::{Ctx, Text};

use super::codes::Codes;
use super::given::DEFAULT;
use super::hash::hash;
use super::health::{Health, Why};
use super::pool::Pool;
use super::report::Desk;
use super::select::candidates;
use super::sets::{Destination, Set, Sets};

/// See the file's head.
pub struct Ward {
    /// Passive health, where it is on.
    pub passive: Option<Passive>,
    /// Replies that count as failures.
    pub codes: Codes,
    pub(super) desk: Arc<Desk>,
    /// Whether tickets are given out: something looks at what becomes of calls.
    watches: AtomicBool,
    /// The moment of the last tick, monotonic microseconds.
    now_us: AtomicU64,
}

/// When destinations go out, and for how long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passive {
    /// Failures in a row.
    pub threshold: u32,
    /// The first time out, milliseconds.
    pub back_off_ms: u64,
    /// Most of a set that may be out, percent.
    pub most_percent: u32,
}

impl Ward {
    /// Reads the parameters.
    ///
    /// # Errors
    /// A malformed list of replies.
    pub(super) fn read(
        setup: &Setup<'_>,
        threshold: u32,
        desk: Arc<Desk>,
    ) -> Result<Arc<Self>, SetupError> {
        let name = "passive_reply_codes";
        let codes = Codes::parse(setup.text(name).unwrap_or("503"));
        let codes = codes.map_err(|text| {
            let at = setup.param(name).map(|(_, at)| at);
            SetupError { at, text }
        })?;
        let number = |name, default| u32::try_from(setup.int(name, default)).unwrap_or(0);
        let passive = (setup.int("passive_health", 0) != 0).then(|| Passive {
            threshold,
            back_off_ms: u64::from(number("passive_back_off", 10)) * 1_000,
            most_percent: number("passive_most_out", 50),
        });
        let watches = passive.is_some() || setup.int("call_statistics", 0) != 0;
        let watches = AtomicBool::new(watches);
        Ok(Arc::new(Self { passive, codes, desk, watches, now_us: AtomicU64::new(0) }))
    }

    /// One that only counts calls and tells nobody of it: for benches.
    pub fn counting() -> Arc<Self> {
        let (reports, post) = (Arc::default(), Arc::default());
        let desk = Arc::new(Desk { partition: DEFAULT.into(), reports, post });
        let (watches, now_us) = (AtomicBool::new(true), AtomicU64::new(0));
        Arc::new(Self { passive: None, codes: Codes::default(), desk, watches, now_us })
    }

    /// From now on selections give out tickets.
    pub fn watch(self: &Arc<Self>, sets: &Sets) {
        if !self.watches.swap(true, Relaxed) {
            self.adopt(sets);
        }
    }

    /// Gives destinations that have none their health, before the sets are published.
    pub fn adopt(self: &Arc<Self>, sets: &Sets) {
        if !self.watches.load(Relaxed) {
            return;
        }
        for set in sets.iter() {
            let pool = set.destinations.iter().find_map(|one| one.live.health());
            let pool = pool.map_or_else(|| self.new_pool(set), |health| Arc::clone(&health.pool));
            for Destination { live, uri, .. } in &set.destinations {
                let of = (set.id, &**uri);
                live.watch(|| Arc::new(Health::new(live, of, Arc::clone(self), Arc::clone(&pool))));
            }
            recount(set);
        }
    }

    fn new_pool(&self, set: &Set) -> Arc<Pool> {
        let size = u32::try_from(set.destinations.len()).unwrap_or(u32::MAX);
        let percent = self.passive.as_ref().map_or(0, |passive| passive.most_percent);
        Arc::new(Pool::new(size, percent))
    }

    /// A second has passed: destinations whose time out is over go on trial, but for those that
    /// probes bring back.
    pub(super) fn tick(self: &Arc<Self>, sets: &Sets, now: Now, is_probed: impl Fn(u32) -> bool) {
        self.now_us.store(now.mono_us, Relaxed);
        // Those of a reload that went on while somebody began to look, too.
        self.adopt(sets);
        if self.passive.is_none() {
            return;
        }
        for set in sets.iter() {
            for destination in set.destinations.iter().filter(|one| one.live.is_out()) {
                let Some(health) = destination.live.health() else { continue };
                if health.out().0 == Why::Refusals || !is_probed(set.id) {
                    health.go_on_trial(&destination.live, now);
                }
            }
        }
    }

    /// The moment as the control plane knows it, monotonic microseconds.
    pub fn now_us(&self) -> u64 {
        self.now_us.load(Relaxed)
    }

    /// Leaves a ticket for the destination that was chosen under this URI.
    #[inline(always)]
    pub fn leave_ticket(&self, ctx: &mut Ctx<'_>, uri: Text, chosen: &Destination) {
        if self.watches.load(Relaxed) {
            leave_ticket(ctx, uri, chosen);
        }
    }

    /// The network says of an address that it cannot be reached: what went there without a
    /// transaction has no ticket.
    pub(super) fn lose(&self, sets: &Sets, to: SocketAddr, now: Now) {
        if self.passive.is_none() {
            return;
        }
        for (_, destination) in sets.at(to.ip(), to.port(), None) {
            if let Some(health) = destination.live.health() {
                health.learn(News::Lost, now.mono_us, now);
            }
        }
    }

    /// Whether a call goes on to the destination of a set that comes next: not while that is out
    /// and another is not.
    pub fn admits(&self, ctx: &Ctx<'_>, set: &Set, next: &Destination) -> bool {
        let all_down = || !set.destinations.iter().any(Destination::is_active);
        self.passive.is_none() || may_go(ctx, next) || all_down() && may_be_tried(ctx, next)
    }

    /// The destination for a call for which one was chosen, or for which none is active.
    #[inline(always)]
    pub fn steer(
        &self,
        ctx: &Ctx<'_>,
        set: &Set,
        chosen: Option<usize>,
        default_last: bool,
    ) -> Option<usize> {
        match self.passive {
            None => chosen,
            Some(_) => steer(ctx, set, chosen, default_last),
        }
    }
}

#[inline(never)]
fn leave_ticket(ctx: &mut Ctx<'_>, uri: Text, chosen: &Destination) {
    if let Some(health) = chosen.live.health() {
        ctx.leave_ticket(uri, health.ticket());
    }
}

#[inline(never)]
fn steer(ctx: &Ctx<'_>, set: &Set, chosen: Option<usize>, default_last: bool) -> Option<usize> {
    let goes = |at: &usize| set.get(*at).is_some_and(|one| may_go(ctx, one));
    if let Some(at) = chosen {
        return Some(at).filter(goes).or_else(|| around(set, at, default_last).find(goes));
    }
    let begin = hash(ctx.message.call_id(), b"") as usize % set.destinations.len().max(1);
    let perhaps = |at: &usize| set.get(*at).is_some_and(|one| may_be_tried(ctx, one));
    Some(begin).filter(perhaps).or_else(|| around(set, begin, default_last).find(perhaps))
}

/// The others of a set, from the one behind on; the default one last.
fn around(set: &Set, from: usize, default_last: bool) -> impl Iterator<Item = usize> {
    let size = candidates(set, default_last);
    (1..=size).map(move |step| (from + step) % size.max(1)).chain(size..set.destinations.len())
}

/// Whether a destination is active, has not failed this call, and - on trial - nobody tries it.
fn may_go(ctx: &Ctx<'_>, destination: &Destination) -> bool {
    let Destination { live, .. } = destination;
    live.is_active()
        && !has_failed(ctx, destination)
        && live.health().is_none_or(|health| health.admit(live, ctx.now.mono_ms()))
}

/// Whether a call may try a destination when all are down.
fn may_be_tried(ctx: &Ctx<'_>, destination: &Destination) -> bool {
    destination.may_be_tried() && !has_failed(ctx, destination)
}

/// Whether this call has failed there.
fn has_failed(ctx: &Ctx<'_>, destination: &Destination) -> bool {
    let is_own =
        |failed: &Health| destination.live.health().is_some_and(|own| std::ptr::eq(failed, &*own));
    ctx.failed_choices().filter_map(|chosen| chosen.downcast_ref()).any(is_own)
}

fn recount(set: &Set) {
    let Some(pool) = set.destinations.iter().find_map(|one| one.live.health()) else { return };
    let out = set.destinations.iter().filter(|one| one.live.is_out()).count();
    pool.pool.count(set.destinations.len(), out);
}
