//! Algorithm 6: random, by weights.

use sluice_engine::Ctx;

use super::{Call, Selection};
use crate::dispatcher::select::Pick;

pub(super) struct Random;

impl Selection for Random {
    fn pick(&self, ctx: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        Ok(Pick::Hash((ctx.local.random() >> 32) as u32))
    }
}
