//! Algorithm 8: the first destination, or the next active one.

use sluice_engine::Ctx;

use super::{Call, Selection};
use crate::dispatcher::select::Pick;

pub(super) struct First;

impl Selection for First {
    fn pick(&self, _: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        Ok(Pick::Index(0))
    }
}
