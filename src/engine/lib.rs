//! The module contract, the virtual machine and the worker's turn.
//!
//! No I/O, no clock, no thread: a [`Worker`](worker::Worker) is a pure function of its inputs and
//! can be simulated from a seed.
#![forbid(unsafe_code)]

pub mod avp;
pub mod blacklist;
pub mod carry;
mod confirm;
mod connection;
pub mod context;
pub mod counter;
pub mod db;
pub mod digits;
pub mod dset;
mod endpoint;
pub mod events;
pub mod failover;
pub mod fault;
pub mod files;
pub mod forced;
pub mod forward;
pub mod headers;
pub mod job;
pub mod later;
pub mod limits;
pub mod lock;
pub mod loops;
pub mod module;
pub mod next_hop;
pub mod originals;
pub mod outgoing;
pub mod output;
pub mod own;
pub mod owners;
pub mod post;
pub mod program;
pub mod record;
pub mod registry;
pub mod relay;
pub mod reply;
pub mod reports;
pub mod run;
pub mod ruri;
pub mod series;
pub mod settings;
pub mod sockets;
pub mod sql;
pub mod targets;
pub mod ticket;
pub mod tm;
pub mod uac;
pub mod uses;
pub mod value;
pub mod vars;
pub mod vm;
pub mod witness;
pub mod worker;

pub use context::Ctx;
pub use jiff::tz::TimeZone;
pub use module::{Flow, Function, Module, Variable};
pub use output::Output;
pub use value::{Source, Text, Value};
