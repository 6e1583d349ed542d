//! Algorithm 7: hash over the text of modparam `hash_pvar`.

use sluice_engine::Ctx;

use super::{Call, Selection, key_of_pvar};
use crate::dispatcher::hash::hash;
use crate::dispatcher::select::Pick;

pub(super) struct HashPvar;

impl Selection for HashPvar {
    fn pick(&self, ctx: &mut Ctx<'_>, call: &Call) -> Result<Pick, &'static str> {
        key_of_pvar(ctx, call).map(|key| Pick::Hash(hash(key, b"")))
    }
}
