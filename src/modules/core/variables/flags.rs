//! Message and branch flags as variables.

use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::SubKind;

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
            "A message flag: 1 or 0.",
            |ctx, _, subject| read(ctx.run.flags, subject),
            |ctx, _, subject, _, value| {
                ctx.run.flags = write(ctx.run.flags, subject, value)?;
                Ok(())
            },
        )
    },
    Variable {
        sub: SubKind::Flag,
        ..writable(
            "branch.flag",
            &[],
            "A flag of the Request-URI's branch: 1 or 0.",
            |ctx, _, subject| read(ctx.run.branch_flags, subject),
            |ctx, _, subject, _, value| {
                ctx.run.branch_flags = write(ctx.run.branch_flags, subject, value)?;
                Ok(())
            },
        )
    },
];

fn slot(subject: Subject) -> Option<u32> {
    match subject.name {
        Name::Slot(slot) => bit(i64::from(slot)),
        Name::Text(_) | Name::None => None,
    }
}

fn read(flags: u32, subject: Subject) -> Value {
    slot(subject).map_or(Value::Null, |bit| Value::Int(i64::from(flags & bit != 0)))
}

fn write(flags: u32, subject: Subject, value: Value) -> Result<u32, &'static str> {
    let bit = slot(subject).ok_or("there are 32 flags")?;
    let set = value.int().is_some_and(|n| n != 0);
    Ok(if set { flags | bit } else { flags & !bit })
}

/// Names with blanks between, the highest slot first.
fn names(ctx: &mut Ctx<'_>, flags: u32) -> Value {
    let shared = ctx.shared;
    let whole = ctx.keep(b"");
    for slot in (0..u32::BITS).rev().filter(|slot| flags & (1 << slot) != 0) {
        if ctx.run.arena.len() as u32 > whole.start {
            ctx.keep(b" ");
        }
        ctx.keep(shared.script.flags.name(slot).unwrap_or_default().as_bytes());
    }
    Value::Text(sluice_engine::Text { len: ctx.run.arena.len() as u32 - whole.start, ..whole })
}
