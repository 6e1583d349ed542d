//! What workers and management share: the collections, the names that scripts call them by, and
//! the moment as it was last told.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sluice_base::{Now, WorkerId};
use sluice_engine::module::{Setup, SetupError, SharedState};
use sluice_script::ir::Setting;
use sluice_script::source::Location;

use super::limits;
use super::store::Collection;

/// The collection that is always there.
const DEFAULT: &str = "default";

/// The module's shared state.
pub(super) struct State {
    /// By name.
    collections: Vec<(String, Arc<Collection>)>,
    /// By what scripts call them, `local` or `local:group`.
    caches: Vec<(String, Arc<Collection>)>,
    /// Monotonic milliseconds, for management, which has no clock.
    now_ms: AtomicU64,
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

    fn tick(&self, now: Now) {
        let now_ms = now.mono_ms();
        self.now_ms.store(now_ms, Ordering::Relaxed);
        self.collections.iter().for_each(|(_, collection)| collection.sweep(now_ms));
    }
}

impl State {
    /// The cache that a script calls `local` or `local:group`.
    pub(super) fn cache(&self, system: &[u8]) -> Option<&Collection> {
        let mut caches = self.caches.iter();
        caches.find(|(name, _)| name.as_bytes() == system).map(|(_, cache)| cache.as_ref())
    }

    /// A collection by its own name; without one the default.
    pub(super) fn collection(&self, name: Option<&[u8]>) -> Option<&Collection> {
        named(&self.collections, name.unwrap_or(DEFAULT.as_bytes())).map(Arc::as_ref)
    }

    /// The moment as it was told last, at most a second ago.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

fn named<'a>(
    collections: &'a [(String, Arc<Collection>)],
    name: &[u8],
) -> Option<&'a Arc<Collection>> {
    collections.iter().find(|(other, _)| other.as_bytes() == name).map(|(_, of)| of)
}

pub(super) fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let mut collections = vec![(DEFAULT.to_owned(), Arc::new(Collection::default()))];
    for (list, at) in given(setup, "cache_collections") {
        for name in list.split(';').filter_map(|item| defined(item).ok().flatten()) {
            if named(&collections, name.as_bytes()).is_none() {
                collections.push((name.to_owned(), Arc::new(Collection::default())));
            }
        }
        if collections.len() > limits::COLLECTIONS {
            let text = format!("at most {} collections are kept", limits::COLLECTIONS);
            return Err(SetupError { at: Some(at), text });
        }
    }
    let mut caches: Vec<(String, Arc<Collection>)> = Vec::new();
    for (url, at) in given(setup, "cachedb_url") {
        let Some((system, name)) = split(url) else { continue };
        let Some(collection) = named(&collections, name.as_bytes()) else {
            let text = format!("there is no collection `{name}`; define it in cache_collections");
            return Err(SetupError { at: Some(at), text });
        };
        caches.retain(|(other, _)| other != system);
        caches.push((system.to_owned(), Arc::clone(collection)));
    }
    if caches.is_empty() {
        caches.push(("local".to_owned(), Arc::clone(&collections[0].1)));
    }
    Ok(Arc::new(State { collections, caches, now_ms: AtomicU64::new(0) }))
}

/// The values of a repeatable parameter.
fn given<'s>(setup: &'s Setup<'_>, name: &str) -> Vec<(&'s str, Location)> {
    let params = setup.script.params.iter();
    let params = params.filter(|p| p.module == setup.module && p.name == name);
    let texts = params.filter_map(|p| match &p.value {
        Setting::Text(text) => Some((text.as_str(), p.at)),
        _ => None,
    });
    texts.collect()
}

/// `local:group://host/collection`: what scripts call it, and its collection.
fn split(url: &str) -> Option<(&str, &str)> {
    let (system, path) = url.split_once("://")?;
    let local = system == "local" || system.strip_prefix("local:").is_some_and(|g| !g.is_empty());
    let name = path.split_once('/').map_or("", |(_, name)| name);
    local.then_some((system, if name.is_empty() { DEFAULT } else { name }))
}

/// `name [= size]`; `None` for nothing between two semicolons. The size is how OpenSIPS spreads it.
fn defined(item: &str) -> Result<Option<&str>, String> {
    let (name, size) = item.split_once('=').map_or((item, "9"), |(name, size)| (name, size));
    let name = name.trim();
    if name.ends_with("/r") {
        return Err("`/r`, a copy in other programs, comes with a later release".to_owned());
    }
    if !matches!(size.trim().parse(), Ok(1..=31)) {
        return Err("a size is a power of two, 1 to 31: `name = 9`".to_owned());
    }
    match name {
        "" if item.trim().is_empty() => Ok(None),
        "" => Err("a collection has a name".to_owned()),
        name => Ok(Some(name)),
    }
}

pub(super) fn check_url(value: &Setting) -> Result<(), String> {
    let good = matches!(value, Setting::Text(url) if split(url).is_some());
    if good { Ok(()) } else { Err("`local://`, or `local:group:///collection`".to_owned()) }
}

pub(super) fn check_collections(value: &Setting) -> Result<(), String> {
    let Setting::Text(list) = value else { return Err("names and sizes".to_owned()) };
    list.split(';').try_for_each(|item| defined(item).map(|_| ()))
}
