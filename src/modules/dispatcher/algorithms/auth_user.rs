//! Algorithm 5: hash over the username of the credentials, Proxy-Authorization before
//! Authorization. Without credentials the last destination is used again, as in OpenSIPS, whose
//! documentation says round robin (spec 3.2).

use sluice_engine::Ctx;
use sluice_sip::Kind;
use sluice_sip::credentials::Credentials;

use super::{Call, Selection};
use crate::dispatcher::hash::hash;
use crate::dispatcher::select::Pick;

pub(super) struct AuthUser;

impl Selection for AuthUser {
    fn pick(&self, ctx: &mut Ctx<'_>, _: &Call) -> Result<Pick, &'static str> {
        let username = |kind| Credentials::parse(ctx.message.value(kind)?)?.username();
        let found = username(Kind::ProxyAuthorization).or_else(|| username(Kind::Authorization));
        Ok(found.map_or(Pick::Last, |name| Pick::Hash(hash(name, b""))))
    }

    fn uses_cursor(&self) -> bool {
        true
    }
}
