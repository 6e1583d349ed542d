//! Algorithm 3: hash over the Request-URI as the script has left it.

use sluice_engine::Ctx;

use super::{Call, Selection, hash_uri};
use crate::dispatcher::select::Pick;

pub(super) struct RequestUri;

impl Selection for RequestUri {
    fn pick(&self, ctx: &mut Ctx<'_>, call: &Call) -> Result<Pick, &'static str> {
        let uri = ctx.ruri().ok_or("dispatcher: a reply has no Request-URI")?;
        hash_uri(ctx.bytes(uri), call)
    }
}
