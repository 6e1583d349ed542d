//! Script locks: static ones by their name, dynamic ones by the hash of a key (facts: the module's
//! public manual). A run that waits for one is parked; what it does not give back itself, it gives
//! back when it ends.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;
use sluice_base::OwnerSeed;
use sluice_engine::job::Answer;
use sluice_engine::lock::Lock;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::Setting;

use super::limits;
use super::state::of;
use crate::table::{Call, function, param};

/// How many dynamic locks there are unless `lock_pool_size` says so.
pub(super) const POOL_SIZE: i64 = 32;

const NAME: &[ParamDef] = &[param("key", ParamKind::Literal)];
const KEY: &[ParamDef] = &[param("key", ParamKind::Text)];
const KEYS: &[ParamDef] = &[param("key1", ParamKind::Text), param("key2", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[
    taking("get_static_lock", "Takes the lock of that name, or waits for it.", NAME, |c, s, a| {
        take(c, s, a, Locks::of_name)
    }),
    function(
        "release_static_lock",
        "Gives the lock of that name back.",
        NAME,
        Routes::ANY,
        |ctx, state, args| release(ctx, state, args, Locks::of_name),
    ),
    taking(
        "get_dynamic_lock",
        "Takes the lock that the key's hash gives, or waits for it.",
        KEY,
        |ctx, state, args| take(ctx, state, args, Locks::of_key),
    ),
    function(
        "release_dynamic_lock",
        "Gives the lock that the key's hash gives back.",
        KEY,
        Routes::ANY,
        |ctx, state, args| release(ctx, state, args, Locks::of_key),
    ),
    function(
        "strings_share_lock",
        "Whether two keys have the same dynamic lock.",
        KEYS,
        Routes::ANY,
        |ctx, state, args| {
            let (Some(state), [one, other]) = (of(state), args) else { return Flow::FALSE };
            let place = |key: &Value| Some(state.locks.place(ctx.bytes(key.text()?)));
            Flow::of(place(one) == place(other))
        },
    ),
];

/// A function that takes a lock.
const fn taking(
    name: &'static str,
    doc: &'static str,
    params: &'static [ParamDef],
    call: Call,
) -> Function {
    Function { suspends: true, locks: true, ..function(name, doc, params, Routes::ANY, call) }
}

/// All locks; workers share them.
pub(super) struct Locks {
    /// By name. A script writes the names out, so there are few.
    named: Mutex<AHashMap<Box<[u8]>, Arc<Lock>>>,
    /// As many as a power of 2.
    pool: Box<[Arc<Lock>]>,
}

/// Which lock a key means.
type Find = fn(&Locks, &[u8]) -> Option<Arc<Lock>>;

impl Locks {
    /// With this many dynamic locks.
    pub(super) fn new(pool_size: i64) -> Self {
        let size = usize::try_from(pool_size).unwrap_or(1).clamp(1, limits::LOCK_POOL);
        let pool = (0..size.next_power_of_two()).map(|_| Arc::default()).collect();
        Self { named: Mutex::default(), pool }
    }

    /// The lock of a name; `None` when there are too many.
    fn of_name(&self, name: &[u8]) -> Option<Arc<Lock>> {
        // A panic while it was held left a whole entry or none: nothing to mend.
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = named.get(name) {
            return Some(Arc::clone(lock));
        }
        if named.len() >= limits::STATIC_LOCKS {
            return None;
        }
        Some(Arc::clone(named.entry(name.into()).or_default()))
    }

    fn of_key(&self, key: &[u8]) -> Option<Arc<Lock>> {
        self.pool.get(self.place(key)).map(Arc::clone)
    }

    /// Which of the dynamic locks a key has.
    fn place(&self, key: &[u8]) -> usize {
        OwnerSeed(0).hash(key) as usize & (self.pool.len() - 1)
    }
}

fn take(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], find: Find) -> Flow {
    match lock(ctx, state, args, find) {
        Some(lock) => ctx.take_lock(lock, taken),
        None => Flow::Fail("there are too many static locks"),
    }
}

fn taken(_: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    match answer {
        Answer::Granted => Flow::TRUE,
        _ => Flow::Fail("the lock has not come free in time"),
    }
}

fn release(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], find: Find) -> Flow {
    if let Some(lock) = lock(ctx, state, args, find) {
        ctx.release_lock(&lock);
    }
    Flow::TRUE
}

fn lock(ctx: &Ctx<'_>, state: &mut dyn Any, args: &[Value], find: Find) -> Option<Arc<Lock>> {
    let key = args.first()?.text()?;
    find(&of(state)?.locks, ctx.bytes(key))
}

pub(super) fn check_pool_size(value: &Setting) -> Result<(), String> {
    let good = matches!(value, Setting::Int(n)
        if usize::try_from(*n).is_ok_and(|n| n.is_power_of_two() && n <= limits::LOCK_POOL));
    if good { Ok(()) } else { Err(format!("a power of 2 up to {}", limits::LOCK_POOL)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_over_the_pool() {
        let locks = Locks::new(8);
        let mut used = [0; 8];
        for key in 0..800 {
            used[locks.place(format!("call-{key}").as_bytes())] += 1;
        }
        assert!(used.iter().all(|used| (60..150).contains(used)), "{used:?}");
    }

    #[test]
    fn static_locks_have_an_end() {
        let locks = Locks::new(1);
        for name in 0..limits::STATIC_LOCKS {
            assert!(locks.of_name(name.to_string().as_bytes()).is_some());
        }
        assert!(locks.of_name(b"one more").is_none());
        assert_eq!(locks.of_name(b"0"), locks.of_name(b"0"));
    }
}
