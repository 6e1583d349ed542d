//! What the benches share.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot be set up has nothing to measure"
)]

pub mod calls;
pub mod destinations;
pub mod gateway;
pub mod registrar;
