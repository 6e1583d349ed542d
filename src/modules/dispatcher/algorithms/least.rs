//! The fewest calls, or the shortest time to the first reply, by the words `least_calls` and
//! `least_latency`.

use sluice_engine::Ctx;

use super::{Call, Selection};
use crate::dispatcher::least::Least;
use crate::dispatcher::select::Pick;

pub(super) struct Calls;

impl Selection for Calls {
    fn pick(&self, ctx: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        Ok(least(ctx, Least::Calls))
    }
}

pub(super) struct Latency;

impl Selection for Latency {
    fn pick(&self, ctx: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        Ok(least(ctx, Least::Latency))
    }
}

fn least(ctx: &mut Ctx<'_>, least: Least) -> Pick {
    let now_s = ctx.now.mono_us / 1_000_000;
    Pick::Least { least, random: ctx.local.random(), now_s }
}
