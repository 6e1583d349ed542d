//! The core: globals, functions, variables.

mod branches;
mod forward;
mod globals;
mod transformations;
mod variables;
