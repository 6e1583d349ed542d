//! Algorithm 7: hash over the text of modparam `hash_pvar`.

use sluice_engine::Ctx;

use super::{Call, Selection};
use crate::dispatcher::hash::hash;
use crate::dispatcher::select::Pick;

pub(super) struct HashPvar;

impl Selection for HashPvar {
    fn pick(&self, ctx: &mut Ctx<'_>, call: &Call) -> Result<Pick, &'static str> {
        if call.hash_pvar.is_null() {
            return Err("dispatcher: algorithm 7 needs modparam hash_pvar");
        }
        let text = ctx.to_text(call.hash_pvar);
        match ctx.bytes(text).trim_ascii() {
            b"" => Err("dispatcher: hash_pvar is empty for this message"),
            key => Ok(Pick::Hash(hash(key, b""))),
        }
    }
}
