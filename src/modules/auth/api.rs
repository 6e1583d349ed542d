//! What other modules use of `auth`: judging the credentials of a request by the password that they
//! know (spec 7.2).

use std::sync::Arc;

use sluice_engine::module::Setup;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::Method;

pub use super::claim::{Claim, Side};
use super::claim::{Unclaimed, realm};
use super::limits;
use super::nonce::Ticket;
use super::state::{Shared, State};
use sluice_sip::digest::Hash;

/// There is no such user.
pub const UNKNOWN_USER: i32 = -1;
/// There is, and this is not the password.
pub const WRONG_PASSWORD: i32 = -2;
/// The nonce is not good any more.
const STALE: i32 = -3;
/// There are no credentials for the realm.
const NO_CREDENTIALS: i32 = -4;
/// It could not be found out.
pub const ERROR: i32 = -5;

/// Authentication as it is set up.
#[derive(Clone)]
pub struct Auth(pub(super) Arc<State>);

/// Credentials that may be right.
pub struct Begun<'a> {
    /// The credentials.
    pub claim: Claim<'a>,
    ticket: Ticket,
}

impl Auth {
    /// That of the program; `None` without `loadmodule "auth.so"`.
    pub fn of(setup: &Setup<'_>) -> Option<Self> {
        let state = setup.state_of(super::MODULE.name)?;
        let shared: &Shared = state.as_any().downcast_ref()?;
        Some(Self(Arc::clone(&shared.0)))
    }

    /// Finds the credentials that the call is about, with a nonce that is good.
    ///
    /// # Errors
    /// The function's answer, when there is nothing to judge.
    pub fn begin<'a>(
        &self,
        ctx: &mut Ctx<'a>,
        side: Side,
        given: Value,
    ) -> Result<Begun<'a>, Flow> {
        // RFC 3261 22.1: an ACK cannot be challenged, a CANCEL cannot be sent again.
        if matches!(ctx.message.method(), Method::Ack | Method::Cancel) {
            return Err(Flow::TRUE);
        }
        let Some(realm) = realm(ctx, given, &self.0.realm_prefix) else {
            return Err(refuse(ctx));
        };
        let claim = match Claim::find(ctx, side, ctx.bytes(realm)) {
            Ok(claim) => claim,
            Err(Unclaimed::Absent) => return Err(Flow::Code(NO_CREDENTIALS)),
            Err(Unclaimed::Bad) => return Err(refuse(ctx)),
        };
        let question = claim.question;
        let wall_ms = ctx.now.wall_us / 1_000;
        let nonces = &self.0.nonces;
        let known = nonces.know(question.nonce, question.algorithm, question.quality, wall_ms);
        let Some(ticket) = known else {
            self.0.stale(ctx);
            return Err(Flow::Code(STALE));
        };
        if claim.user.len() > limits::USERNAME {
            self.0.refused(ctx, claim.user.get(..limits::USERNAME).unwrap_or_default());
            return Err(Flow::Code(UNKNOWN_USER));
        }
        Ok(Begun { claim, ticket })
    }

    /// Judges them by the hash of user, realm and password; or says why there is none, which takes
    /// as long.
    pub fn judge(&self, ctx: &mut Ctx<'_>, begun: &Begun<'_>, ha1: Result<Hash, i32>) -> Flow {
        let claim = &begun.claim;
        let nobody = |_| claim.question.algorithm.function.hash(&[claim.user]);
        let is_right = claim.is_right(ha1.unwrap_or_else(nobody));
        if !is_right || ha1.is_err() {
            self.0.refused(ctx, claim.user);
            return Flow::Code(ha1.err().unwrap_or(WRONG_PASSWORD));
        }
        if self.0.one_time && !self.0.nonces.use_up(begun.ticket) {
            self.0.stale(ctx);
            return Flow::Code(STALE);
        }
        self.0.accepted(ctx, claim.line);
        Flow::TRUE
    }
}

/// A request that cannot be read is answered here, and its script ends.
pub(super) fn refuse(ctx: &mut Ctx<'_>) -> Flow {
    match answer(ctx, 400, b"Bad Request") {
        Flow::Code(1..) => Flow::STOP,
        _ => Flow::Code(ERROR),
    }
}

/// Answers with a transaction where there is one.
pub(super) fn answer(ctx: &mut Ctx<'_>, code: i64, reason: &[u8]) -> Flow {
    let args = [Value::Int(code), Value::Text(ctx.keep(reason))];
    match ctx.run.transaction {
        Some(_) => crate::tm::api::answer(ctx, &args),
        None => crate::sl::api::answer(ctx, &args).1,
    }
}
