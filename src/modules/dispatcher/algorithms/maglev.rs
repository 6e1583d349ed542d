//! Maglev, by the word `maglev` (over the Call-ID) or `maglev:pvar` (over modparam `hash_pvar`).

use sluice_engine::Ctx;

use super::{Call, Selection, key_of_pvar};
use crate::dispatcher::maglev::hash;
use crate::dispatcher::select::Pick;

pub(super) struct OverCallId;

impl Selection for OverCallId {
    fn pick(&self, ctx: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        Ok(Pick::Maglev(hash(ctx.message.call_id())))
    }
}

pub(super) struct OverPvar;

impl Selection for OverPvar {
    fn pick(&self, ctx: &mut Ctx<'_>, call: &Call) -> Result<Pick, &'static str> {
        key_of_pvar(ctx, call).map(|key| Pick::Maglev(hash(key)))
    }
}
