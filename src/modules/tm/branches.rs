//! The branches of the transaction as a script sees them (spec 2.2).

use sluice_engine::tm::transaction::Branch;
use sluice_engine::{Ctx, Value};
use sluice_script::ir::RouteKind;

use super::functions::transaction;

/// The number of the branch that the route is about: that of the reply, the one that won, or the
/// one about to be sent.
pub(super) fn current(ctx: &Ctx<'_>) -> Option<u8> {
    match ctx.run.kind {
        RouteKind::Branch => transaction(ctx).map(|t| t.branches.len() as u8),
        RouteKind::Failure => ctx.run.winner,
        _ => ctx.run.branch.map(|id| id.branch),
    }
}

/// A branch that has been sent; the current one without a number.
pub(super) fn sent<'a>(ctx: &'a Ctx<'_>, number: Option<i32>) -> Option<&'a Branch> {
    let branches = &transaction(ctx)?.branches;
    let at = match number {
        None => usize::from(current(ctx)?),
        Some(number @ 0..) => number as usize,
        Some(number) => branches.len().checked_sub(number.unsigned_abs() as usize)?,
    };
    branches.get(at)
}

/// `$T_ruri`: of the current branch; in other routes of the first one.
pub(super) fn uri(ctx: &mut Ctx<'_>) -> Value {
    let number = if current(ctx).is_none() { Some(0) } else { None };
    match sent(ctx, number).map(|branch| branch.uri.clone()) {
        Some(uri) => Value::Text(ctx.keep(&uri)),
        None if ctx.run.kind == RouteKind::Branch => ctx.ruri().map_or(Value::Null, Value::Text),
        None => Value::Null,
    }
}

/// `$T_branch_last_reply_code`
pub(super) fn last_code(ctx: &Ctx<'_>, number: Option<i32>) -> Value {
    match sent(ctx, number).map(|branch| branch.received) {
        None | Some(0) => Value::Null,
        Some(code) => Value::Int(i64::from(code)),
    }
}
