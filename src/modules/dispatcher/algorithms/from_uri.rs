//! Algorithm 1: hash over the From URI.

use sluice_engine::Ctx;

use super::{Call, Selection, hash_uri};
use crate::dispatcher::select::Pick;

pub(super) struct FromUri;

impl Selection for FromUri {
    fn pick(&self, ctx: &mut Ctx<'_>, call: &Call) -> Result<Pick, &'static str> {
        let from = ctx.message.from().ok_or("dispatcher: the From header is malformed")?;
        hash_uri(from.uri, call)
    }
}
