//! The core: globals, functions, variables.

mod forward;
mod globals;
mod transformations;
mod variables;
