//! Message, branch and script flags: 32 of each, by name or by number.

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::table::{function, optional, param};

const FLAG: &[ParamDef] = &[param("flag", ParamKind::Flag)];
/// Branch 0 is the Request-URI's.
const BRANCH: &[ParamDef] = &[param("flag", ParamKind::Flag), optional("branch", ParamKind::Int)];
const ANY: Routes = Routes::ANY;

pub(super) const LIST: &[Function] = &[
    function("setflag", "Sets a message flag.", FLAG, ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.flags |= bit)
    }),
    function("resetflag", "Clears a message flag.", FLAG, ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.flags &= !bit)
    }),
    function("isflagset", "Whether a message flag is set.", FLAG, ANY, |ctx, _, args| {
        Flow::of(of(args).is_some_and(|bit| ctx.run.flags & bit != 0))
    }),
    function("setbflag", "Sets a flag of a branch.", BRANCH, ANY, |ctx, _, args| {
        of_branch(ctx, args, |flags, bit| flags | bit)
    }),
    function("resetbflag", "Clears a flag of a branch.", BRANCH, ANY, |ctx, _, args| {
        of_branch(ctx, args, |flags, bit| flags & !bit)
    }),
    function("isbflagset", "Whether a flag of a branch is set.", BRANCH, ANY, |ctx, _, args| {
        let flags = match number(args) {
            Some(0) => Some(ctx.run.branch_flags),
            number => number.and_then(|number| ctx.branch(number)).map(|branch| branch.flags),
        };
        Flow::of(of(args).zip(flags).is_some_and(|(bit, flags)| flags & bit != 0))
    }),
    function("setsflag", "Sets a script flag (1.x).", FLAG, ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.script_flags |= bit)
    }),
    function("resetsflag", "Clears a script flag (1.x).", FLAG, ANY, |ctx, _, args| {
        with(ctx, args, |ctx, bit| ctx.run.script_flags &= !bit)
    }),
    function("issflagset", "Whether a script flag is set (1.x).", FLAG, ANY, |ctx, _, args| {
        Flow::of(of(args).is_some_and(|bit| ctx.run.script_flags & bit != 0))
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

/// The branch that is meant.
fn number(args: &[Value]) -> Option<usize> {
    args.get(1).and_then(|number| number.int()).map_or(Some(0), |at| usize::try_from(at).ok())
}

fn of_branch(ctx: &mut Ctx<'_>, args: &[Value], change: fn(u32, u32) -> u32) -> Flow {
    let Some(bit) = of(args) else { return Flow::Fail("there are 32 flags") };
    if number(args) == Some(0) {
        ctx.run.branch_flags = change(ctx.run.branch_flags, bit);
        return Flow::TRUE;
    }
    let number = number(args);
    let Some((number, mut branch)) = number.and_then(|n| Some((n, ctx.branch(n)?))) else {
        return Flow::Fail("there is no such branch");
    };
    branch.flags = change(branch.flags, bit);
    Flow::of(ctx.put_branch(number, branch))
}
