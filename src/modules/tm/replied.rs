//! Replies of ours: with a body, and which of the replies were ours (spec 8.2).

use sluice_engine::{Ctx, Flow, Value};
use sluice_script::ir::RouteKind;

use super::api;
use super::branches::current;
use super::functions::transaction;

/// `t_reply_with_body()`
pub(super) fn with_body(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let before = ctx.run.reply_body;
    ctx.run.reply_body = args.get(2).and_then(|body| body.text());
    let flow = api::answer(ctx, args);
    ctx.run.reply_body = before;
    flow
}

const ALL: i64 = 0;
const BRANCH: i64 = 1;
const LAST: i64 = 2;

/// Which replies `t_local_replied()` asks about.
///
/// # Errors
/// What was expected.
pub(super) fn which(word: &str) -> Result<i64, String> {
    match word {
        "all" => Ok(ALL),
        "branch" => Ok(BRANCH),
        "last" => Ok(LAST),
        _ => Err("`all`, `branch` or `last` was expected".to_owned()),
    }
}

/// `t_local_replied()`
pub(super) fn is_local(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(transaction) = transaction(ctx) else { return Flow::FALSE };
    let branch = current(ctx).and_then(|number| transaction.branches.get(usize::from(number)));
    let local = match args.first().and_then(|which| which.int()) {
        Some(ALL) => transaction.deciding().iter().all(|branch| branch.received == 0),
        Some(BRANCH) => branch.is_some_and(|branch| branch.received == 0),
        _ => match ctx.run.kind {
            RouteKind::Reply => false,
            RouteKind::Failure => branch.is_some_and(|branch| branch.received < 300),
            _ => transaction.is_own_reply,
        },
    };
    Flow::of(local)
}
