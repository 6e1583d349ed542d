//! What workers share: the probability and the `$shv` values. A lock is held for one look-up.

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;
use md5::{Digest, Md5};
use sluice_base::WorkerId;
use sluice_engine::context::Kept;
use sluice_engine::files::Files;
use sluice_engine::module::{Setup, SetupError, SharedState};
use sluice_script::ir::Setting;

use super::locks::{self, Locks};
use crate::limits;

const SHARDS: usize = 16;
const PROBABILITY: i64 = 10;

/// The module's shared state; each worker has a handle.
pub(super) struct State {
    /// In percent.
    probability: AtomicU32,
    initial: u32,
    /// The file of `hash_file`.
    pub(super) hashed: Option<Hashed>,
    hasher: RandomState,
    shards: [Mutex<AHashMap<Box<[u8]>, Kept>>; SHARDS],
    /// The script locks.
    pub(super) locks: Locks,
}

/// A file and its hash as it was at start.
pub(super) struct Hashed {
    pub path: String,
    /// MD5 in hexadecimal.
    pub hash: String,
    files: Arc<dyn Files>,
}

impl Hashed {
    fn of(path: &str, files: Arc<dyn Files>) -> std::io::Result<Self> {
        let hash = hash(&files.read(path)?);
        Ok(Self { path: path.to_owned(), hash, files })
    }

    /// The hash of the file as it is now.
    pub(super) fn now(&self) -> std::io::Result<String> {
        Ok(hash(&self.files.read(&self.path)?))
    }
}

fn hash(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Md5::digest(bytes))
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

    /// A `$shv`'s value, if it was ever set.
    pub(super) fn read(&self, name: &[u8]) -> Option<Kept> {
        self.shard(name).get(name).cloned()
    }

    /// Names and values of all `$shv`. A shard is held while it is copied.
    pub(super) fn all(&self) -> Vec<(Box<[u8]>, Kept)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        all
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
    let hashed = match setup.param("hash_file") {
        Some((Setting::Text(path), at)) => {
            let hashed = Hashed::of(path, Arc::clone(&setup.files));
            let refuse = |error| SetupError { at: Some(at), text: format!("{path}: {error}") };
            Some(hashed.map_err(refuse)?)
        }
        _ => None,
    };
    let state = State {
        probability: AtomicU32::new(initial),
        initial,
        hashed,
        hasher: RandomState::new(),
        shards: Default::default(),
        locks: Locks::new(setup.int("lock_pool_size", locks::POOL_SIZE)),
    };
    for (name, value) in variables(setup, "shvset") {
        state.write(name.as_bytes(), Kept::of(&value));
    }
    for (name, value) in variables(setup, "varset") {
        let slot = setup.script.vars.intern(&name);
        setup.script.first_vars.push((slot, value));
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

/// The values of a repeatable parameter.
fn variables(setup: &Setup<'_>, param: &str) -> Vec<(String, Setting)> {
    let given = setup.script.params.iter();
    let given = given.filter(|p| p.module == setup.module && p.name == param);
    let read = given.filter_map(|p| match &p.value {
        Setting::Text(text) => variable(text),
        _ => None,
    });
    read.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `name=s:text` or `name=i:5`.
fn variable(text: &str) -> Option<(&str, Setting)> {
    let (name, value) = text.split_once('=')?;
    let value = match value.split_once(':')? {
        ("s", text) => Setting::Text(text.to_owned()),
        ("i", number) => Setting::Int(number.trim().parse().ok()?),
        _ => return None,
    };
    (!name.trim().is_empty()).then_some((name.trim(), value))
}

#[cfg(test)]
mod tests {
    use sluice_engine::files::InMemory;

    use super::*;

    #[test]
    fn a_changed_file_has_another_hash() {
        let files = Arc::new(InMemory::default());
        files.set("a.cfg", Some(b"abc"));
        let file = Hashed::of("a.cfg", Arc::clone(&files) as Arc<dyn Files>).unwrap();
        assert_eq!(file.hash, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(file.now().unwrap(), file.hash);
        files.set("a.cfg", Some(b"abd"));
        assert_ne!(file.now().unwrap(), file.hash);
        files.set("a.cfg", None);
        assert!(file.now().is_err(), "it is gone");
    }
}
