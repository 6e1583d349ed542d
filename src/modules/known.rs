//! The modules of OpenSIPS that are not built (skeleton).

use sluice_engine::module::KnownModule;

pub static KNOWN: &[KnownModule] = &[];
