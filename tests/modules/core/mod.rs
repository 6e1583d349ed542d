//! The core: globals, functions, variables.

mod branches;
mod forward;
mod functions;
mod globals;
mod transformations;
mod variables;
