//! What module `avpops` takes from here: the same databases, functions and parameters.

use sluice_engine::module::ParamEntry;

pub use super::functions::{query, query_params};
pub use super::preferences::{LOAD, STORE, delete, load, store};
pub use super::state::start;

/// Parameters of both modules.
pub const PARAMS: &[ParamEntry] = super::SHARED;
