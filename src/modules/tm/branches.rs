//! The branches of the transaction as a script sees them (spec 2.2).

use sluice_engine::context::Kept;
use sluice_engine::tm::transaction::{Branch, BranchScript};
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::ir::{Index, RouteKind};

use super::functions::{transaction, transaction_mut};

/// The number of the branch that the route is about: that of the reply, the one that won, or the
/// one about to be sent.
pub(super) fn current(ctx: &Ctx<'_>) -> Option<u8> {
    match ctx.run.kind {
        RouteKind::Branch => transaction(ctx).map(|t| t.branches.len() as u8),
        RouteKind::Failure => ctx.run.winner,
        _ => ctx.run.branch.map(|id| id.branch),
    }
}

/// The number that an index means: none the current branch's, a negative one counts from the end.
pub(super) fn number(ctx: &Ctx<'_>, index: Index) -> Option<usize> {
    match index {
        Index::None => current(ctx).map(usize::from),
        Index::At(number @ 0..) => Some(number as usize),
        Index::At(number) => {
            transaction(ctx)?.branches.len().checked_sub(number.unsigned_abs() as usize)
        }
        Index::All | Index::Append | Index::Dynamic => None,
    }
}

/// A branch that has been sent, by its index.
pub(super) fn sent<'a>(ctx: &'a Ctx<'_>, index: Index) -> Option<&'a Branch> {
    transaction(ctx)?.branches.get(number(ctx, index)?)
}

/// The same by its number, for what may be changed of it.
pub(super) fn sent_mut<'a>(ctx: &'a mut Ctx<'_>, number: usize) -> Option<&'a mut Branch> {
    transaction_mut(ctx)?.branches.get_mut(number)
}

/// What a script knows of a branch that has been sent.
pub(super) fn script_mut<'a>(ctx: &'a mut Ctx<'_>, number: usize) -> Option<&'a mut BranchScript> {
    Some(sent_mut(ctx, number)?.script.get_or_insert_default())
}

/// An attribute of a branch that has been sent.
pub(super) fn attribute<'a>(branch: &'a Branch, name: &[u8]) -> Option<&'a Kept> {
    let attributes = &branch.script.as_ref()?.attributes;
    attributes.iter().find(|(own, _)| **own == *name).map(|(_, value)| value)
}

/// Gives it one, or takes it away by NULL.
///
/// # Errors
/// When there is no such branch.
pub(super) fn set_attribute(
    ctx: &mut Ctx<'_>,
    number: usize,
    name: Text,
    value: Value,
) -> Result<(), &'static str> {
    let name: Box<[u8]> = ctx.bytes(name).into();
    let kept = ctx.kept(value);
    let attributes = &mut script_mut(ctx, number).ok_or("there is no such branch")?.attributes;
    attributes.retain(|(own, _)| *own != name);
    if kept != Kept::Null {
        attributes.push((name, kept));
    }
    Ok(())
}

/// `t_get_branch_idx_by_attr()`
pub(super) fn find_by_attribute(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let [name, text, int, result, offset] = args else { return Flow::FALSE };
    let (Some(name), Some(transaction)) = (name.text(), transaction(ctx)) else {
        return Flow::FALSE;
    };
    let (text, int) = (text.text().map(|text| ctx.bytes(text)), int.int());
    let fits = |branch: &Branch| match (attribute(branch, ctx.bytes(name)), text, int) {
        (None, ..) => false,
        (Some(_), None, None) => true,
        (Some(Kept::Text(own)), Some(text), _) => own == text,
        (Some(Kept::Int(own)), _, Some(int)) => *own == int,
        (Some(_), ..) => false,
    };
    let first = offset.int().and_then(|first| usize::try_from(first).ok()).unwrap_or(0);
    let mut branches = transaction.branches.iter().enumerate().skip(first);
    let Some(found) = branches.find(|(_, branch)| fits(branch)).map(|(at, _)| at) else {
        return Flow::FALSE;
    };
    ctx.output(*result, Value::Int(found as i64));
    Flow::TRUE
}

/// `$T_ruri`: of the current branch; in other routes of the first one.
pub(super) fn uri(ctx: &mut Ctx<'_>) -> Value {
    let index = if current(ctx).is_none() { Index::At(0) } else { Index::None };
    match sent(ctx, index).map(|branch| branch.uri.clone()) {
        Some(uri) => Value::Text(ctx.keep(&uri)),
        None if ctx.run.kind == RouteKind::Branch => ctx.ruri().map_or(Value::Null, Value::Text),
        None => Value::Null,
    }
}

/// `$T_branch_last_reply_code`
pub(super) fn last_code(ctx: &Ctx<'_>, index: Index) -> Value {
    match sent(ctx, index).map(|branch| branch.received) {
        None | Some(0) => Value::Null,
        Some(code) => Value::Int(i64::from(code)),
    }
}
