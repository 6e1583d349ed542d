//! What other modules use of `usrloc`: the tables, their records and contacts, and its options.

use std::sync::Arc;

use sluice_engine::module::Setup;

pub use super::edit::{Edit, Matching, Note, Order};
pub use super::events::{tell, tell_by};
pub use super::limits::CONTACTS;
pub use super::locations::Locations;
pub use super::methods;
pub use super::params::{Options, flag};
pub use super::record::{Contact, Fixed, MEMORY_ONLY, Record, State};
pub use super::table::{Sweep, Table};
pub use super::unsaved::Batch;

use super::Usrloc;

/// The tables of the running module; `None` when it is not loaded.
pub fn locations(setup: &Setup<'_>) -> Option<Arc<Locations>> {
    let state = setup.state_of(super::MODULE.name)?;
    let usrloc = state.as_any().downcast_ref::<Usrloc>()?;
    Some(Arc::clone(&usrloc.0))
}
