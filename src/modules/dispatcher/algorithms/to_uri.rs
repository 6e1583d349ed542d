//! Algorithm 2: hash over the To URI.

use sluice_engine::Ctx;

use super::{Call, Selection, hash_uri};
use crate::dispatcher::select::Pick;

pub(super) struct ToUri;

impl Selection for ToUri {
    fn pick(&self, ctx: &mut Ctx<'_>, call: &Call) -> Result<Pick, &'static str> {
        let to = ctx.message.to().ok_or("dispatcher: the To header is malformed")?;
        hash_uri(to.uri, call)
    }
}
