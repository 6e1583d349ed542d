//! Message and branch flags: 32 of each, by name or by number.

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::table::{function, param};

const FLAG: &[ParamDef] = &[param("flag", ParamKind::Flag)];

pub(super) const LIST: &[Function] = &[
    function("setflag", "Sets a message flag.", FLAG, Routes::ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.flags |= bit)
    }),
    function("resetflag", "Clears a message flag.", FLAG, Routes::ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.flags &= !bit)
    }),
    function("isflagset", "Whether a message flag is set.", FLAG, Routes::ANY, |ctx, _, args| {
        Flow::of(of(args).is_some_and(|bit| ctx.run.flags & bit != 0))
    }),
    function("setbflag", "Sets a branch flag.", FLAG, Routes::ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.branch_flags |= bit)
    }),
    function("resetbflag", "Clears a branch flag.", FLAG, Routes::ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.branch_flags &= !bit)
    }),
    function("isbflagset", "Whether a branch flag is set.", FLAG, Routes::ANY, |ctx, _, args| {
        Flow::of(of(args).is_some_and(|bit| ctx.run.branch_flags & bit != 0))
    }),
];

/// The bit of a slot, 0 to 31.
pub(in crate::core) fn bit(slot: i64) -> Option<u32> {
    u32::try_from(slot).ok().and_then(|slot| 1u32.checked_shl(slot))
}

fn of(args: &[Value]) -> Option<u32> {
    bit(args.first()?.int()?)
}

fn with(ctx: &mut Ctx<'_>, args: &[Value], change: impl Fn(&mut Ctx<'_>, u32)) -> Flow {
    let Some(bit) = of(args) else { return Flow::Fail("there are 32 flags") };
    change(ctx, bit);
    Flow::TRUE
}
