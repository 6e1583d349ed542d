//! Parts of the digest credentials: of Authorization, else of Proxy-Authorization.
//!
//! `$aU` is the whole username and `$au` its user part (spec 0).

use sluice_engine::module::Variable;
use sluice_engine::{Ctx, Value};
use sluice_sip::Kind;
use sluice_sip::credentials::Credentials;

use super::of_message;
use crate::core::uri::{Part, read};
use crate::table::variable;

pub(super) const LIST: &[Variable] = &[
    variable("aU", &[], "The username, whole.", |ctx, _, _| of(ctx, |c| c.username())),
    variable("au", &["auth.user"], "User part of the username.", |ctx, _, _| {
        of(ctx, |c| c.username()?.split(|byte| *byte == b'@').next())
    }),
    variable("ad", &[], "Domain part of the username.", |ctx, _, _| {
        of(ctx, |c| c.username()?.splitn(2, |byte| *byte == b'@').nth(1))
    }),
    variable("ar", &["auth.realm"], "The realm of the credentials.", |ctx, _, _| {
        of(ctx, |c| c.realm())
    }),
    variable("an", &["auth.nonce"], "The nonce of the credentials.", |ctx, _, _| {
        of(ctx, |c| c.nonce())
    }),
    variable("adu", &["auth.uri"], "The URI of the credentials.", |ctx, _, _| of(ctx, |c| c.uri())),
    variable("auth.resp", &[], "The response.", |ctx, _, _| of(ctx, |c| c.response())),
    variable("auth.cnonce", &[], "The client's nonce.", |ctx, _, _| of(ctx, |c| c.param("cnonce"))),
    variable("auth.opaque", &[], "The opaque value.", |ctx, _, _| of(ctx, |c| c.param("opaque"))),
    variable("auth.alg", &[], "The algorithm.", |ctx, _, _| of(ctx, |c| c.param("algorithm"))),
    variable("auth.qop", &[], "The quality of protection.", |ctx, _, _| {
        of(ctx, |c| c.param("qop"))
    }),
    variable("auth.nc", &[], "The nonce count.", |ctx, _, _| of(ctx, |c| c.param("nc"))),
    variable("Au", &[], "User and domain of From's URI, for accounting.", |ctx, _, _| {
        let from = ctx.message.from().map(|from| ctx.of_message(from.uri));
        let user = read(ctx, from, Part::User).text();
        let host = read(ctx, from, Part::Host).text();
        match (user, host) {
            (Some(user), Some(host)) => {
                let at = ctx.keep(b"@");
                ctx.join([user, at, host].into_iter())
            }
            (None, Some(host)) => Value::Text(host),
            _ => Value::Null,
        }
    }),
];

fn of<'a>(ctx: &Ctx<'a>, part: impl Fn(Credentials<'a>) -> Option<&'a [u8]>) -> Value {
    let message = ctx.message;
    let value =
        message.value(Kind::Authorization).or_else(|| message.value(Kind::ProxyAuthorization));
    let found = value.and_then(Credentials::parse).and_then(part);
    of_message(ctx, found.filter(|piece| !piece.is_empty()))
}
