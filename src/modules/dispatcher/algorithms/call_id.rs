//! Algorithm 0: hash over the Call-ID.

use sluice_engine::Ctx;

use super::{Call, Selection};
use crate::dispatcher::hash::hash;
use crate::dispatcher::select::Pick;

pub(super) struct CallId;

impl Selection for CallId {
    fn pick(&self, ctx: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        Ok(by_call_id(ctx))
    }
}

/// What this algorithm says.
#[inline]
pub fn by_call_id(ctx: &Ctx<'_>) -> Pick {
    Pick::Hash(hash(ctx.message.call_id(), b""))
}
