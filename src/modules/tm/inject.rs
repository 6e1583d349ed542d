//! Branches that come later: waiting for them, and adding them to those that there are (spec 8.2).

use sluice_engine::{Ctx, Flow, Value, relay as engine};

use super::relay::{self, Manner};

/// What came before is cancelled.
const CANCEL: i64 = 1;
/// These are the last.
const LAST: i64 = 2;

/// Where the branches of `t_inject_branches()` are taken from.
///
/// # Errors
/// What was expected, or what comes later.
pub(super) fn source(word: &str) -> Result<i64, String> {
    match word {
        "msg" => Ok(0),
        "event" => Err("branches of an event come later, with module event_routing".to_owned()),
        _ => Err("`msg` was expected".to_owned()),
    }
}

/// Flags of `t_inject_branches()`: words, or letters.
///
/// # Errors
/// What was expected.
pub(super) fn flags(text: &str) -> Result<i64, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let bits = words.map(|word| match word {
        "cancel" | "c" => Ok(CANCEL),
        "last" | "l" => Ok(LAST),
        "cl" | "lc" => Ok(CANCEL | LAST),
        _ => Err(format!("flags are cancel and last, not `{word}`")),
    });
    bits.into_iter().try_fold(0, |bits, bit| bit.map(|bit| bits | bit))
}

/// `t_inject_branches()`
pub(super) fn start(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(key) = ctx.run.transaction else { return Flow::FALSE };
    if !ctx.local.tm.get(key).is_some_and(|transaction| transaction.is_open()) {
        return Flow::FALSE;
    }
    let flags = args.get(1).and_then(|flags| flags.int()).unwrap_or(0);
    // Until all are sent, nothing that ends now decides.
    engine::begin_sending(ctx, key);
    if flags & CANCEL != 0 {
        engine::cancel_sent(ctx, key);
    }
    if flags & LAST != 0 {
        engine::release(ctx, key);
    }
    let flow = relay::fork(ctx, key, Manner { opened: true, injects: true, all_targets: true });
    engine::end_sending(ctx, key);
    flow
}

/// `t_wait_for_new_branches()`
pub(super) fn wait(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let awaited = args.first().and_then(|most| most.int()).unwrap_or(0);
    let (Some(key), Ok(awaited)) = (ctx.run.transaction, u8::try_from(awaited)) else {
        return Flow::FALSE;
    };
    let held = engine::hold(ctx, key, awaited);
    ctx.run.answered |= held;
    Flow::of(held)
}

/// `t_wait_no_more_branches()`
pub(super) fn no_more(ctx: &mut Ctx<'_>) -> Flow {
    let key = ctx.run.transaction.or(ctx.run.branch.map(|branch| branch.key));
    Flow::of(key.is_some_and(|key| engine::release(ctx, key)))
}
