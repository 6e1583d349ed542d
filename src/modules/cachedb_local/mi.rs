//! Management commands: the core's of OpenSIPS for any cache (`cache:store`), and the module's own.

use serde_json::{Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};

use super::state::State;
use super::store::Collection;
use sluice_base::glob;

/// The table.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "cache_store",
        short: "cache:store",
        doc: "Stores a value under a key of a cache, for some seconds or for ever.",
        params: &["system", "attr", "value", "expire?"],
        run: store,
    },
    Command {
        name: "cache_fetch",
        short: "cache:fetch",
        doc: "Says the value of a key of a cache.",
        params: &["system", "attr"],
        run: fetch,
    },
    Command {
        name: "cache_remove",
        short: "cache:remove",
        doc: "Removes a key of a cache.",
        params: &["system", "attr"],
        run: |state, params| {
            cache(of(state)?, param(params, 0))?.remove(param(params, 1).as_bytes());
            Ok(json!("OK"))
        },
    },
    Command {
        name: "cache_remove_chunk",
        short: "remove_chunk",
        doc: "Removes all keys that a shell pattern fits, of a collection or of the default one.",
        params: &["glob", "collection?"],
        run: |state, params| {
            let (collection, pattern) = chunk(of(state)?, params)?;
            collection.remove_all(|key| glob::matches(pattern, key));
            Ok(json!("OK"))
        },
    },
    Command {
        name: "cache_fetch_chunk",
        short: "fetch_chunk",
        doc: "Lists all keys and values that a shell pattern fits, of a collection or the default.",
        params: &["glob", "collection?"],
        run: fetch_chunk,
    },
];

type Answer = Result<Value, CommandError>;

fn refuse<T>(code: i32, text: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

fn of(state: &dyn SharedState) -> Result<&State, CommandError> {
    match state.as_any().downcast_ref() {
        Some(state) => Ok(state),
        None => refuse(500, "the module is not running"),
    }
}

/// A parameter that the table says is there.
fn param<'p>(params: &[Option<&'p str>], at: usize) -> &'p str {
    params.get(at).copied().flatten().unwrap_or_default()
}

fn cache<'s>(state: &'s State, system: &str) -> Result<&'s Collection, CommandError> {
    match state.cache(system.as_bytes()) {
        Some(cache) => Ok(cache),
        None => refuse(404, format!("no cache {system}")),
    }
}

fn store(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let state = of(state)?;
    let seconds = match params.get(3).copied().flatten().map(str::parse) {
        None => 0,
        Some(Ok(seconds)) => seconds,
        Some(Err(_)) => return refuse(400, "expire is a number of seconds"),
    };
    let (key, value) = (param(params, 1).as_bytes(), param(params, 2).as_bytes());
    match cache(state, param(params, 0))?.store(key, value, seconds, state.now_ms()) {
        Ok(()) => Ok(json!("OK")),
        Err(refused) => refuse(500, refused.text()),
    }
}

fn fetch(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let (state, key) = (of(state)?, param(params, 1));
    let shown = cache(state, param(params, 0))?
        .fetch(key.as_bytes(), state.now_ms(), |value| entry("key", key.as_bytes(), value));
    Ok(shown.unwrap_or_else(|| json!("Value not found")))
}

fn chunk<'s, 'p>(
    state: &'s State,
    params: &[Option<&'p str>],
) -> Result<(&'s Collection, &'p [u8]), CommandError> {
    let name = params.get(1).copied().flatten();
    match state.collection(name.map(str::as_bytes)) {
        Some(collection) => Ok((collection, param(params, 0).as_bytes())),
        None => refuse(404, format!("no collection {}", name.unwrap_or_default())),
    }
}

fn fetch_chunk(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let state = of(state)?;
    let (collection, pattern) = chunk(state, params)?;
    let mut found = collection.list(state.now_ms(), |key| glob::matches(pattern, key));
    found.sort();
    let keys: Vec<Value> = found.iter().map(|(key, value)| entry("name", key, value)).collect();
    Ok(json!({ "keys": keys }))
}

fn entry(word: &str, key: &[u8], value: &[u8]) -> Value {
    json!({ word: String::from_utf8_lossy(key), "value": String::from_utf8_lossy(value) })
}
