//! SIP text against a naive oracle: what the index says of good, mutated and bad datagrams, and
//! what patches make of a message.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod bad;
mod corpus;
mod generate;
mod index;
mod judged;
mod lanes;
mod mutate;
mod mutations;
mod patches;
mod replies;
mod sdp;
