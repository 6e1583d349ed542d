//! The script compiler: golden diagnostics, golden instructions, and texts that must not break it.

mod damage;
mod dump;
mod lowered;
mod robust;
mod world;
