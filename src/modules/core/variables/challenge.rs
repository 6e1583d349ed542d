//! `$challenge.*`: parts of the challenge of a 401 or 407, of WWW-Authenticate, else of
//! Proxy-Authenticate (RFC 3261 20.44, 20.27; `ik` and `ck`: 3GPP TS 24.229 7.2A.1).

use sluice_engine::module::Variable;
use sluice_engine::{Ctx, Value};
use sluice_sip::Kind;
use sluice_sip::credentials::Credentials;

use super::of_message;
use crate::table::variable;

pub(super) const LIST: &[Variable] = &[
    variable("challenge.algorithm", &[], "The algorithm asked for.", |c, _, _| of(c, "algorithm")),
    variable("challenge.realm", &[], "The realm that asks.", |ctx, _, _| of(ctx, "realm")),
    variable("challenge.nonce", &[], "The nonce of the challenge.", |ctx, _, _| of(ctx, "nonce")),
    variable("challenge.opaque", &[], "What is to be sent back.", |ctx, _, _| of(ctx, "opaque")),
    variable("challenge.qop", &[], "The qualities of protection.", |ctx, _, _| of(ctx, "qop")),
    variable("challenge.ik", &[], "The integrity key.", |ctx, _, _| of(ctx, "ik")),
    variable("challenge.ck", &[], "The cipher key.", |ctx, _, _| of(ctx, "ck")),
];

fn of(ctx: &Ctx<'_>, name: &str) -> Value {
    let message = ctx.message;
    let www = message.value(Kind::WwwAuthenticate);
    let challenge = www.or_else(|| message.value(Kind::ProxyAuthenticate));
    let found = challenge.and_then(Credentials::parse).and_then(|c| c.param(name));
    of_message(ctx, found)
}
