//! The variables of the core (spec 2.2), one file per kind of source.

mod avp;
mod body;
mod branch;
mod challenge;
mod contact;
mod credentials;
mod err;
mod flags;
mod headers;
mod packet;
mod parties;
mod run;
mod time;
mod uri;

use sluice_engine::module::Variable;
use sluice_engine::{Ctx, Value};

use crate::table::{concat, total};

pub(super) use flags::{bit_of, listed};
pub(super) use packet::find_socket;

const LISTS: &[&[Variable]] = &[
    uri::LIST,
    parties::LIST,
    headers::LIST,
    packet::LIST,
    avp::LIST,
    run::LIST,
    body::LIST,
    branch::LIST,
    challenge::LIST,
    contact::LIST,
    credentials::LIST,
    err::LIST,
    flags::LIST,
    time::LIST,
];

/// All of them.
pub(super) static ALL: [Variable; total(LISTS)] = concat(LISTS);

/// A piece of the received message.
fn of_message(ctx: &Ctx<'_>, piece: Option<&[u8]>) -> Value {
    piece.map_or(Value::Null, |piece| Value::Text(ctx.of_message(piece)))
}
