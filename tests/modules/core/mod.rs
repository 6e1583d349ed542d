//! The core: globals, functions, variables.

mod forward;
mod globals;
mod variables;
