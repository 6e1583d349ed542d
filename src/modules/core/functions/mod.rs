//! The functions of the core (spec 1.9), one file per subject.

mod avp;
mod avp_operation;
mod blacklist;
mod branch;
mod event;
pub(super) mod flags;
mod forward;
pub(super) mod log;
mod message;
mod socket;
mod trace;
mod uri;

use sluice_engine::module::Function;

use crate::table::{concat, total};

const LISTS: &[&[Function]] = &[
    forward::LIST,
    log::LIST,
    uri::LIST,
    flags::LIST,
    socket::LIST,
    branch::LIST,
    blacklist::LIST,
    event::LIST,
    trace::LIST,
    avp::LIST,
    message::LIST,
];

/// All of them.
pub(super) static ALL: [Function; total(LISTS)] = concat(LISTS);
