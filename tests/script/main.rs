//! The script compiler: golden diagnostics, golden instructions, and texts that must not break it.
#![forbid(unsafe_code)]

mod causes;
mod damage;
mod dump;
mod frequent;
mod habits;
mod lowered;
mod real;
mod refused;
mod robust;
mod world;
