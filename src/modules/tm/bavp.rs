//! `$bavp(name)`: AVPs of one branch, a stack of values per name as `$avp` (spec 2.2, 2.3). They
//! are set in a branch route, and live as long as the branch.

use std::any::Any;

use sluice_engine::context::Kept;
use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::tm::transaction::KeptKey;
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::{Assign, Index, RouteKind};

use super::branches::{current, script_mut};
use crate::table::writable;

pub(super) const LIST: &[Variable] = &[Variable {
    sub: SubKind::Avp,
    indexed: true,
    ..writable("bavp", &[], "An AVP of the branch; NULL where there is no branch.", get, set)
}];

type List = Vec<(KeptKey, Kept)>;

fn get(ctx: &mut Ctx<'_>, _: &mut dyn Any, subject: Subject) -> Value {
    let (Some(key), Some(list)) = (key(ctx, subject), list(ctx)) else { return Value::Null };
    let index = match subject.index {
        Index::None => 0,
        Index::At(index) => index,
        Index::All | Index::Append | Index::Dynamic => return Value::Null,
    };
    let value = position(list, &key, index).and_then(|at| list.get(at)).map(|(_, v)| v.clone());
    value.map_or(Value::Null, |value| ctx.of_kept(&value))
}

fn set(
    ctx: &mut Ctx<'_>,
    _: &mut dyn Any,
    subject: Subject,
    op: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let key = key(ctx, subject).ok_or("an AVP has a name")?;
    let null = value.is_null();
    let kept = ctx.kept(value);
    let list = list(ctx).ok_or("there is no branch here")?;
    let at = match subject.index {
        Index::None if op == Assign::Replace => {
            list.retain(|(other, _)| *other != key);
            None
        }
        Index::None => position(list, &key, 0).filter(|_| null),
        Index::At(index) => {
            Some(position(list, &key, index).ok_or("the AVP has no value at that index")?)
        }
        Index::Append if !null => {
            list.insert(0, (key, kept));
            return Ok(());
        }
        Index::Append | Index::All | Index::Dynamic => return Err("an index was expected"),
    };
    match at {
        Some(at) if null => _ = list.remove(at),
        Some(at) => {
            if let Some(place) = list.get_mut(at) {
                place.1 = kept;
            }
        }
        None if null => {}
        None => list.push((key, kept)),
    }
    Ok(())
}

/// A name made at run time is the slot of the same name, if the script has one.
fn key(ctx: &Ctx<'_>, subject: Subject) -> Option<KeptKey> {
    match subject.name {
        Name::Slot(slot) => Some(KeptKey::Slot(slot)),
        Name::Text(name) => {
            let name = ctx.bytes(name);
            let slot = ctx.shared.script.avps.find(name).map(KeptKey::Slot);
            Some(slot.unwrap_or_else(|| KeptKey::Text(name.into())))
        }
        Name::None => None,
    }
}

/// Those of the branch that the route is about.
fn list<'a>(ctx: &'a mut Ctx<'_>) -> Option<&'a mut List> {
    if ctx.run.kind == RouteKind::Branch {
        return Some(&mut ctx.run.branch_avps);
    }
    let number = current(ctx)?;
    Some(&mut script_mut(ctx, usize::from(number))?.avps)
}

/// Where the value of an index is: 0 is the newest, -1 the oldest.
fn position(list: &List, key: &KeptKey, index: i32) -> Option<usize> {
    let mut all = list.iter().enumerate().filter(|(_, (k, _))| k == key).map(|(at, _)| at);
    let back = index.unsigned_abs() as usize;
    match index {
        0.. => all.rev().nth(back),
        _ => all.nth(back - 1),
    }
}
