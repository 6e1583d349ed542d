//! Algorithm 4: round robin, each destination as often in a row as its weight says.

use sluice_engine::Ctx;

use super::{Call, Selection};
use crate::dispatcher::select::Pick;

pub(super) struct RoundRobin;

impl Selection for RoundRobin {
    fn pick(&self, _: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        Ok(Pick::Turn)
    }

    fn uses_cursor(&self) -> bool {
        true
    }
}
