//! Message and branch flags as variables.

use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::Index;

use super::headers::position;
use crate::core::functions::flags::bit;
use crate::table::{variable, writable};

pub(super) const LIST: &[Variable] = &[
    variable(
        "mf",
        &[],
        "Names of the message flags that are set, the highest slot first.",
        |ctx, _, _| names(ctx, ctx.run.flags),
    ),
    variable("bf", &[], "Names of the branch flags that are set.", |ctx, _, _| {
        names(ctx, ctx.run.branch_flags)
    }),
    Variable {
        sub: SubKind::Flag,
        ..writable(
            "msg.flag",
            &[],
            "A message flag: 1 or 0, printed as true or false.",
            |ctx, _, subject| read(ctx, ctx.run.flags, subject),
            |ctx, _, subject, _, value| {
                ctx.run.flags = write(ctx.run.flags, subject, value)?;
                Ok(())
            },
        )
    },
    Variable {
        sub: SubKind::Flag,
        indexed: true,
        ..writable(
            "branch.flag",
            &[],
            "A flag of a branch, as $msg.flag; without an index of the Request-URI's.",
            |ctx, _, subject| {
                let number = number(ctx, subject.index);
                let branch = number.and_then(|number| ctx.branch(number));
                branch.map_or(Value::Null, |branch| read(ctx, branch.flags, subject))
            },
            |ctx, _, subject, _, value| {
                let number = number(ctx, subject.index).ok_or("there is no such branch")?;
                let mut branch = ctx.branch(number).ok_or("there is no such branch")?;
                branch.flags = write(branch.flags, subject, value)?;
                ctx.put_branch(number, branch);
                Ok(())
            },
        )
    },
];

/// The number of a branch; 0 is the Request-URI's.
fn number(ctx: &Ctx<'_>, index: Index) -> Option<usize> {
    position(index, 1 + ctx.run.set.extra().len())
}

/// The bit of the flag in parentheses.
pub(crate) fn bit_of(subject: Subject) -> Option<u32> {
    match subject.name {
        Name::Slot(slot) => bit(i64::from(slot)),
        Name::Text(_) | Name::None => None,
    }
}

/// The flags of a list of names with commas between.
pub(super) fn slots(ctx: &Ctx<'_>, names: Text) -> Result<u32, &'static str> {
    let names = ctx.bytes(names).split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let mut names = names.filter(|name| !name.is_empty());
    names.try_fold(0, |bits, name| {
        let slot = ctx.shared.script.flags.find(name);
        let bit = slot.and_then(|slot| bit(i64::from(slot)));
        Ok(bits | bit.ok_or("the script has no such flag")?)
    })
}

/// Prints `true` or `false`, as `$msg.is_request` does (spec 0; OpenSIPS manual, Script-CoreVar).
fn read(ctx: &mut Ctx<'_>, flags: u32, subject: Subject) -> Value {
    let Some(bit) = bit_of(subject) else { return Value::Null };
    let set = flags & bit != 0;
    Value::Both(ctx.keep(if set { b"true" } else { b"false" }), i64::from(set))
}

fn write(flags: u32, subject: Subject, value: Value) -> Result<u32, &'static str> {
    let bit = bit_of(subject).ok_or("there are 32 flags")?;
    let set = value.int().is_some_and(|n| n != 0);
    Ok(if set { flags | bit } else { flags & !bit })
}

fn names(ctx: &mut Ctx<'_>, flags: u32) -> Value {
    listed(ctx, flags, b" ")
}

/// Names with something between, the highest slot first.
pub(crate) fn listed(ctx: &mut Ctx<'_>, flags: u32, between: &[u8]) -> Value {
    let shared = ctx.shared;
    let whole = ctx.keep(b"");
    for slot in (0..u32::BITS).rev().filter(|slot| flags & (1 << slot) != 0) {
        if ctx.run.arena.len() as u32 > whole.start {
            ctx.keep(between);
        }
        ctx.keep(shared.script.flags.name(slot).unwrap_or_default().as_bytes());
    }
    Value::Text(Text { len: ctx.run.arena.len() as u32 - whole.start, ..whole })
}
