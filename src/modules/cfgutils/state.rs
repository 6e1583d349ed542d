//! What workers share: the probability and the `$shv` values. A lock is held for one look-up.

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;
use sluice_base::WorkerId;
use sluice_engine::context::Kept;
use sluice_engine::module::{Setup, SetupError, SharedState};
use sluice_script::ir::Setting;

use crate::limits;

const SHARDS: usize = 16;
const PROBABILITY: i64 = 10;

/// The module's shared state; each worker has a handle.
pub(super) struct State {
    /// In percent.
    probability: AtomicU32,
    initial: u32,
    hasher: RandomState,
    shards: [Mutex<AHashMap<Box<[u8]>, Kept>>; SHARDS],
}

/// A worker's handle.
pub(super) struct Handle(pub(super) Arc<State>);

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Handle(self))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The state behind what a function is given.
pub(super) fn of(state: &mut dyn Any) -> Option<Arc<State>> {
    state.downcast_ref::<Handle>().map(|handle| Arc::clone(&handle.0))
}

impl State {
    /// Probability of `rand_event()`, percent.
    pub(super) fn probability(&self) -> u32 {
        self.probability.load(Ordering::Relaxed)
    }

    /// Sets it; false above 100.
    pub(super) fn set_probability(&self, percent: i64) -> bool {
        match u32::try_from(percent) {
            Ok(percent @ 0..=100) => {
                self.probability.store(percent, Ordering::Relaxed);
                true
            }
            _ => false,
        }
    }

    /// Sets it as it was at start.
    pub(super) fn reset_probability(&self) {
        self.probability.store(self.initial, Ordering::Relaxed);
    }

    /// Calls `with` with a `$shv`'s value.
    pub(super) fn read<R>(&self, name: &[u8], with: impl FnOnce(&Kept) -> R) -> R {
        with(self.shard(name).get(name).unwrap_or(&Kept::Null))
    }

    /// Sets a `$shv`; false when there are too many.
    pub(super) fn write(&self, name: &[u8], value: Kept) -> bool {
        let mut shard = self.shard(name);
        if let Some(known) = shard.get_mut(name) {
            *known = value;
            return true;
        }
        if shard.len() >= limits::SHARED_VARIABLES / SHARDS {
            return false;
        }
        shard.insert(name.into(), value);
        true
    }

    fn shard(&self, name: &[u8]) -> MutexGuard<'_, AHashMap<Box<[u8]>, Kept>> {
        let at = self.hasher.hash_one(name) as usize % SHARDS;
        // A panic while it was held left a whole value or none: nothing to mend.
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let initial = setup.int("initial_probability", PROBABILITY).clamp(0, 100) as u32;
    let state = State {
        probability: AtomicU32::new(initial),
        initial,
        hasher: RandomState::new(),
        shards: Default::default(),
    };
    for param in &setup.script.params {
        if param.module == setup.module
            && param.name == "shvset"
            && let Setting::Text(text) = &param.value
            && let Some((name, value)) = variable(text)
        {
            state.write(name.as_bytes(), value);
        }
    }
    Ok(Arc::new(state))
}

pub(super) fn check_percent(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=100) => Ok(()),
        _ => Err("a number from 0 to 100".to_owned()),
    }
}

pub(super) fn check_variable(value: &Setting) -> Result<(), String> {
    let good = matches!(value, Setting::Text(text) if variable(text).is_some());
    if good { Ok(()) } else { Err("`name=s:text` or `name=i:number`".to_owned()) }
}

/// `name=s:text` or `name=i:5`.
fn variable(text: &str) -> Option<(&str, Kept)> {
    let (name, value) = text.split_once('=')?;
    let value = match value.split_once(':')? {
        ("s", text) => Kept::Text(text.as_bytes().to_vec()),
        ("i", number) => Kept::Int(number.trim().parse().ok()?),
        _ => return None,
    };
    (!name.trim().is_empty()).then_some((name.trim(), value))
}
