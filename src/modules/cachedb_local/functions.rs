//! The cache functions of the core in OpenSIPS (spec 1.9), for the one backend that there is.

use std::any::Any;

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::state::{Handle, State};
use super::store::{Collection, Refused, number};
use crate::table::{function, optional, param};
use sluice_base::glob;

const SYSTEM: ParamDef = param("system", ParamKind::Text);
const KEY: ParamDef = param("key", ParamKind::Text);

const STORE: &[ParamDef] =
    &[SYSTEM, KEY, param("value", ParamKind::Text), optional("seconds", ParamKind::Int)];
const FETCH: &[ParamDef] = &[SYSTEM, KEY, param("result", ParamKind::Output)];
const REMOVE: &[ParamDef] = &[SYSTEM, KEY];
const COUNT: &[ParamDef] = &[
    SYSTEM,
    KEY,
    param("amount", ParamKind::Int),
    param("seconds", ParamKind::Int),
    optional("result", ParamKind::Output),
];
const CHUNK: &[ParamDef] =
    &[param("collection or glob", ParamKind::Text), optional("glob", ParamKind::Text)];

/// `cache_fetch` and `cache_counter_fetch` of a key that is not there.
const NOT_FOUND: Flow = Flow::Code(-2);
/// The name that stands first in a call is nobody's.
const NO_CACHE: Flow = Flow::Fail("no cache has that name: `local`, or one of a cachedb_url");

pub(super) const LIST: &[Function] = &[
    function(
        "cache_store",
        "Stores a value under a key, for some seconds or for ever.",
        STORE,
        Routes::ANY,
        store,
    ),
    function(
        "cache_fetch",
        "Reads the value of a key; -2 when there is none.",
        FETCH,
        Routes::ANY,
        fetch,
    ),
    function(
        "cache_counter_fetch",
        "Reads the value of a key as a number; -2 when there is none.",
        FETCH,
        Routes::ANY,
        fetch_counter,
    ),
    function("cache_remove", "Removes a key, if it is there.", REMOVE, Routes::ANY, remove),
    function(
        "cache_add",
        "Adds to a number, which begins with that amount; with seconds above 0 it then expires.",
        COUNT,
        Routes::ANY,
        |ctx, state, args| count(ctx, state, args, i64::checked_add),
    ),
    function(
        "cache_sub",
        "Subtracts from a number, otherwise as cache_add().",
        COUNT,
        Routes::ANY,
        |ctx, state, args| count(ctx, state, args, i64::checked_sub),
    ),
    function(
        "cache_remove_chunk",
        "Removes all keys that a shell pattern fits, of a collection or of the default one.",
        CHUNK,
        Routes::ANY,
        remove_chunk,
    ),
];

/// The bytes of an argument.
fn text<'c>(ctx: &'c Ctx<'_>, value: Value) -> &'c [u8] {
    value.text().map_or(&[], |text| ctx.bytes(text))
}

/// Seconds to keep something; less than nothing is for ever, like nothing.
fn seconds(value: Value) -> u64 {
    value.int().and_then(|seconds| seconds.try_into().ok()).unwrap_or_default()
}

fn state(state: &mut dyn Any) -> Option<&State> {
    state.downcast_ref::<Handle>().map(|handle| handle.0.as_ref())
}

/// The cache that an argument names.
fn cache<'s>(ctx: &Ctx<'_>, of: &'s mut dyn Any, system: Value) -> Option<&'s Collection> {
    state(of)?.cache(text(ctx, system))
}

fn store(ctx: &mut Ctx<'_>, of: &mut dyn Any, args: &[Value]) -> Flow {
    let &[system, key, value, keep] = args else { return Flow::FALSE };
    let Some(cache) = cache(ctx, of, system) else { return NO_CACHE };
    match cache.store(text(ctx, key), text(ctx, value), seconds(keep), ctx.now.mono_ms()) {
        Ok(()) => Flow::TRUE,
        Err(refused) => Flow::Fail(refused.text()),
    }
}

fn fetch(ctx: &mut Ctx<'_>, of: &mut dyn Any, args: &[Value]) -> Flow {
    let &[system, key, result] = args else { return Flow::FALSE };
    let Some(cache) = cache(ctx, of, system) else { return NO_CACHE };
    let Some(value) = cache.fetch(text(ctx, key), ctx.now.mono_ms(), <[u8]>::to_vec) else {
        return NOT_FOUND;
    };
    let value = Value::Text(ctx.keep(&value));
    ctx.output(result, value);
    Flow::TRUE
}

fn fetch_counter(ctx: &mut Ctx<'_>, of: &mut dyn Any, args: &[Value]) -> Flow {
    let &[system, key, result] = args else { return Flow::FALSE };
    let Some(cache) = cache(ctx, of, system) else { return NO_CACHE };
    match cache.fetch(text(ctx, key), ctx.now.mono_ms(), number) {
        Some(Some(counter)) => {
            ctx.output(result, Value::Int(counter));
            Flow::TRUE
        }
        Some(None) => Flow::Fail(Refused::NotANumber.text()),
        None => NOT_FOUND,
    }
}

fn remove(ctx: &mut Ctx<'_>, of: &mut dyn Any, args: &[Value]) -> Flow {
    let &[system, key] = args else { return Flow::FALSE };
    let Some(cache) = cache(ctx, of, system) else { return NO_CACHE };
    cache.remove(text(ctx, key));
    Flow::TRUE
}

fn count(
    ctx: &mut Ctx<'_>,
    of: &mut dyn Any,
    args: &[Value],
    change: fn(i64, i64) -> Option<i64>,
) -> Flow {
    let &[system, key, amount, keep, result] = args else { return Flow::FALSE };
    let Some(cache) = cache(ctx, of, system) else { return NO_CACHE };
    let Some(by) = amount.int().and_then(|amount| change(0, amount)) else {
        return Flow::Fail(Refused::Overflow.text());
    };
    match cache.add(text(ctx, key), by, seconds(keep), ctx.now.mono_ms()) {
        Ok(sum) => {
            ctx.output(result, Value::Int(sum));
            Flow::TRUE
        }
        Err(refused) => Flow::Fail(refused.text()),
    }
}

fn remove_chunk(ctx: &mut Ctx<'_>, of: &mut dyn Any, args: &[Value]) -> Flow {
    let &[first, second] = args else { return Flow::FALSE };
    let (name, pattern) = match second.text() {
        Some(_) => (Some(text(ctx, first)), text(ctx, second)),
        None => (None, text(ctx, first)),
    };
    let Some(collection) = state(of).and_then(|state| state.collection(name)) else {
        return Flow::Fail("there is no such collection");
    };
    collection.remove_all(|key| glob::matches(pattern, key));
    Flow::TRUE
}
