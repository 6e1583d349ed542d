//! `$tm.branch.*`: the branches that have been sent, by number, or the one that the route is about
//! (spec 2.2). In a branch route that has not been sent: it has its flags and attributes only.

use std::any::Any;

use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::tm::transaction::Branch;
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::{Assign, Index, RouteKind};

use super::branches::{attribute, current, number, sent, sent_mut, set_attribute};
use crate::core::api::{flag_bit, flag_names};
use crate::table::{Getter, variable, writable};

pub(super) const LIST: &[Variable] = &[
    of_branch("tm.branch.uri", "Request-URI of a branch.", |ctx, _, subject| {
        text(ctx, subject, |branch| Some(&branch.uri))
    }),
    of_branch("tm.branch.duri", "Outbound proxy of a branch.", |ctx, _, subject| {
        text(ctx, subject, |branch| branch.destination.as_deref())
    }),
    of_branch("tm.branch.path", "Path of a branch.", |ctx, _, subject| {
        text(ctx, subject, |branch| branch.script.as_ref()?.path.as_deref())
    }),
    of_branch("tm.branch.q", "q of a branch times 1000; -1: none.", |ctx, _, subject| {
        let q = find(ctx, subject).map(|branch| branch.script.as_ref().and_then(|own| own.q));
        q.map_or(Value::Null, |q| Value::Int(q.map_or(-1, i64::from)))
    }),
    of_branch("tm.branch.flags", "Names of the flags of a branch.", |ctx, _, subject| {
        let flags = find(ctx, subject).map(|branch| branch.flags);
        flags.map_or(Value::Null, |flags| flag_names(ctx, flags, b","))
    }),
    of_branch("tm.branch.socket", "The socket that a branch left by.", |ctx, _, subject| {
        let shared = ctx.shared;
        let socket = find(ctx, subject).map(|branch| branch.target.socket);
        let listen = socket.and_then(|socket| shared.sockets.get(socket));
        listen.map_or(Value::Null, |listen| Value::Text(ctx.keep(listen.text.as_bytes())))
    }),
    of_branch("tm.branch.last_received", "The status received last; NULL: none.", |ctx, _, s| {
        match find(ctx, s).map(|branch| branch.received) {
            None | Some(0) => Value::Null,
            Some(code) => Value::Int(i64::from(code)),
        }
    }),
    of_branch(
        "tm.branch.type",
        "`sip`, or `phony`: it stands for branches to come.",
        |ctx, _, s| {
            let phony = find(ctx, s).map(Branch::is_phony);
            phony.map_or(Value::Null, |phony| {
                Value::Text(ctx.keep(if phony { b"phony" } else { b"sip" }))
            })
        },
    ),
    Variable {
        sub: SubKind::Flag,
        indexed: true,
        ..writable("tm.branch.flag", &[], "A flag of a branch: 1 or 0.", flag, set_flag)
    },
    Variable {
        sub: SubKind::Text { optional: false },
        indexed: true,
        ..writable("tm.branch.attr", &[], "An attribute of a branch.", attr, set_attr)
    },
];

const fn of_branch(name: &'static str, doc: &'static str, get: Getter) -> Variable {
    Variable { indexed: true, ..variable(name, &[], doc, get) }
}

fn find<'a>(ctx: &'a Ctx<'_>, subject: Subject) -> Option<&'a Branch> {
    sent(ctx, subject.index)
}

fn text(ctx: &mut Ctx<'_>, subject: Subject, of: impl Fn(&Branch) -> Option<&[u8]>) -> Value {
    let text: Option<Box<[u8]>> = find(ctx, subject).and_then(of).map(Box::from);
    text.filter(|text| !text.is_empty()).map_or(Value::Null, |text| Value::Text(ctx.keep(&text)))
}

/// Whether the branch is the one that the run itself carries: it is about to be sent, or its reply
/// is at hand.
fn is_own(ctx: &Ctx<'_>, index: Index) -> bool {
    let own = match ctx.run.kind {
        RouteKind::Branch | RouteKind::Reply => current(ctx).map(usize::from),
        _ => None,
    };
    own.is_some() && own == number(ctx, index)
}

fn flag(ctx: &mut Ctx<'_>, _: &mut dyn Any, subject: Subject) -> Value {
    let Some(bit) = flag_bit(subject) else { return Value::Null };
    let flags = if is_own(ctx, subject.index) {
        Some(ctx.run.branch_flags)
    } else {
        find(ctx, subject).map(|branch| branch.flags)
    };
    flags.map_or(Value::Null, |flags| Value::Int(i64::from(flags & bit != 0)))
}

fn set_flag(
    ctx: &mut Ctx<'_>,
    _: &mut dyn Any,
    subject: Subject,
    _: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let bit = flag_bit(subject).ok_or("there are 32 flags")?;
    let on = value.int().is_some_and(|number| number != 0);
    let put = |flags: &mut u32| *flags = if on { *flags | bit } else { *flags & !bit };
    if is_own(ctx, subject.index) {
        put(&mut ctx.run.branch_flags);
        return Ok(());
    }
    let branch = number(ctx, subject.index).and_then(|at| sent_mut(ctx, at));
    put(&mut branch.ok_or("there is no such branch")?.flags);
    Ok(())
}

fn attr(ctx: &mut Ctx<'_>, _: &mut dyn Any, subject: Subject) -> Value {
    let Name::Text(name) = subject.name else { return Value::Null };
    if ctx.run.kind == RouteKind::Branch && is_own(ctx, subject.index) {
        let own = ctx.branch(0);
        let value = own.and_then(|own| ctx.branch_attribute(&own, ctx.bytes(name)));
        return value.unwrap_or_default();
    }
    let value = find(ctx, subject).and_then(|branch| attribute(branch, ctx.bytes(name))).cloned();
    value.map_or(Value::Null, |value| ctx.of_kept(&value))
}

fn set_attr(
    ctx: &mut Ctx<'_>,
    _: &mut dyn Any,
    subject: Subject,
    _: Assign,
    value: Value,
) -> Result<(), &'static str> {
    let Name::Text(name) = subject.name else { return Err("an attribute has a name") };
    if ctx.run.kind == RouteKind::Branch && is_own(ctx, subject.index) {
        let own = ctx.branch(0).ok_or("there is no such branch")?;
        ctx.set_branch_attribute(&own, name, Some(value).filter(|value| !value.is_null()));
        return Ok(());
    }
    let number = number(ctx, subject.index).ok_or("there is no such branch")?;
    set_attribute(ctx, number, name, value)
}
