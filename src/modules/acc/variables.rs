//! `$acc_extra(tag)`, `$(acc_leg(tag)[i])`, `$acc_current_leg` (spec 9.6).

use std::any::Any;

use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::{Assign, Index};

use super::Worker;
use super::account::{Account, account};
use super::extra::Fields;
use crate::table::{variable, writable};

const TAG: SubKind = SubKind::Text { optional: false };
const NO_TAG: &str = "no parameter extra_fields or leg_fields has this tag";

/// The table.
pub(super) static VARIABLES: &[Variable] = &[
    Variable {
        sub: TAG,
        ..writable(
            "acc_extra",
            &[],
            "What the records of the transaction have besides, by a tag of extra_fields.",
            get_extra,
            set_extra,
        )
    },
    Variable {
        sub: TAG,
        indexed: true,
        ..writable(
            "acc_leg",
            &[],
            "The same of one leg, by a tag of leg_fields; without an index of the last one.",
            get_leg,
            set_leg,
        )
    },
    variable("acc_current_leg", &[], "The number of the last leg, from 0.", |ctx, _, _| {
        let legs = ctx.witness::<Account>().map_or(0, |account| account.legs.len());
        legs.checked_sub(1).map_or(Value::Null, |last| Value::Int(last as i64))
    }),
];

fn get_extra(ctx: &mut Ctx<'_>, state: &mut dyn Any, subject: Subject) -> Value {
    let Some(Worker(acc)) = state.downcast_ref() else { return Value::Null };
    let Some(place) = place(ctx, &acc.extra, subject) else { return Value::Null };
    let value = ctx.witness::<Account>().and_then(|account| account.extra.get(place).cloned());
    kept(ctx, value.flatten())
}

fn set_extra(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    subject: Subject,
    _: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let Some(Worker(acc)) = state.downcast_ref() else { return Err(NO_TAG) };
    let place = place(ctx, &acc.extra, subject).ok_or(NO_TAG)?;
    let value = text(ctx, value);
    if let Some(slot) = account(ctx, acc).and_then(|account| account.extra.get_mut(place)) {
        *slot = value;
    }
    Ok(())
}

fn get_leg(ctx: &mut Ctx<'_>, state: &mut dyn Any, subject: Subject) -> Value {
    let Some(Worker(acc)) = state.downcast_ref() else { return Value::Null };
    let Some(place) = place(ctx, &acc.legs, subject) else { return Value::Null };
    let value = ctx.witness::<Account>().and_then(|account| {
        let leg = leg(subject.index, account.legs.len())?;
        account.legs.get(leg)?.get(place).cloned()
    });
    kept(ctx, value.flatten())
}

fn set_leg(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    subject: Subject,
    _: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let Some(Worker(acc)) = state.downcast_ref() else { return Err(NO_TAG) };
    let place = place(ctx, &acc.legs, subject).ok_or(NO_TAG)?;
    let value = text(ctx, value);
    let Some(account) = account(ctx, acc) else { return Ok(()) };
    let leg = leg(subject.index, account.legs.len()).ok_or("there is no such leg")?;
    if let Some(slot) = account.legs.get_mut(leg).and_then(|leg| leg.get_mut(place)) {
        *slot = value;
    }
    Ok(())
}

/// The place of the tag that a variable names.
fn place(ctx: &Ctx<'_>, fields: &Fields, subject: Subject) -> Option<usize> {
    let Name::Text(tag) = subject.name else { return None };
    fields.place(ctx.bytes(tag))
}

/// The leg of an index; negative ones count from the end.
fn leg(index: Index, legs: usize) -> Option<usize> {
    let at = match index {
        Index::At(at) => at,
        _ => -1,
    };
    let back = usize::try_from(at.unsigned_abs()).ok()?;
    let at = if at < 0 { legs.checked_sub(back)? } else { back };
    (at < legs).then_some(at)
}

fn text(ctx: &mut Ctx<'_>, value: Value) -> Option<Box<[u8]>> {
    if value.is_null() {
        return None;
    }
    let text = ctx.to_text(value);
    Some(ctx.bytes(text).into())
}

fn kept(ctx: &mut Ctx<'_>, value: Option<Box<[u8]>>) -> Value {
    value.map_or(Value::Null, |value| Value::Text(ctx.keep(&value)))
}
