//! `t_check_status()` and `$T_reply_code`: which status counts where (spec 8.2, 2.2).

use sluice_engine::digits::Digits;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::ir::RouteKind;

use super::functions::transaction;

/// The status that counts in this route; 0 before there is one. `None` without transaction.
pub(super) fn current(ctx: &Ctx<'_>) -> Option<u16> {
    let transaction = transaction(ctx)?;
    match ctx.run.kind {
        RouteKind::Reply => ctx.message.status(),
        RouteKind::Failure => ctx.run.winner.and_then(|winner| {
            transaction.branches.get(usize::from(winner)).map(|branch| branch.status)
        }),
        _ => Some(transaction.status),
    }
}

pub(super) fn check(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(status) = current(ctx) else { return Flow::FALSE };
    let Some(Value::Regex(id)) = args.first() else { return Flow::FALSE };
    let regex = ctx.shared.script.regexes.get(usize::from(id.0));
    Flow::of(regex.is_some_and(|regex| regex.is_match(Digits::of(i64::from(status)).as_bytes())))
}
