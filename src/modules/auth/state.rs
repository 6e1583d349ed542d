//! What all workers share of authentication: nonces, and who has failed.

use std::any::Any;
use std::sync::Arc;

use sluice_base::{Now, Span, WorkerId};
use sluice_engine::module::{Setup, SetupError, SharedState, StatisticsBase};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Value};

use super::limits;
use super::nonce::Nonces;
use crate::cachedb_local::api::Collection;
use crate::names;

/// The event of too many failures.
const EVENT: &[u8] = b"E_AUTH_FAILURES";

/// Places of the statistics in the table.
pub(super) const CHALLENGES: usize = 0;
const ACCEPTED: usize = 1;
const REFUSED: usize = 2;
const STALE: usize = 3;

/// See the file's head.
pub struct State {
    pub(super) nonces: Nonces,
    /// A nonce is good for one use.
    pub(super) one_time: bool,
    pub(super) realm_prefix: Vec<u8>,
    /// Passwords of variables are plain, not their hashes.
    pub(super) plain_passwords: bool,
    pub(super) rpid: Rpid,
    /// Failures by source and username, as many as come within the time.
    pub(super) failures: Collection,
    /// So many failures raise an event; 0 is off.
    max_failures: i64,
    statistics: StatisticsBase,
}

/// Remote-Party-ID as `append_rpid_hf()` writes it.
pub(super) struct Rpid {
    pub avp: AvpKey,
    pub prefix: Vec<u8>,
    pub suffix: Vec<u8>,
}

/// The shared state, which workers and other modules hold.
pub struct Shared(pub(super) Arc<State>);

impl SharedState for Shared {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(super::api::Auth(Arc::clone(&self.0)))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn tick(&self, now: Now) {
        self.0.failures.sweep(now.mono_ms());
    }
}

/// Reads the parameters.
///
/// # Errors
/// An AVP that is none.
pub fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let bytes = |setup: &Setup<'_>, name: &str, default: &str| {
        setup.text(name).unwrap_or(default).as_bytes().to_vec()
    };
    let named = setup.text("rpid_avp").unwrap_or("$avp(rpid)").to_owned();
    let Some(name) = names::avp(&named) else {
        let at = setup.param("rpid_avp").map(|(_, at)| at);
        let text = format!("rpid_avp is an AVP, `$avp(name)`, not `{named}`");
        return Err(SetupError { at, text });
    };
    let avp = AvpKey::Slot(setup.script.avps.intern(name));
    let expire_s = u64::try_from(setup.int("nonce_expire", 30)).unwrap_or_default();
    let secret = setup.text("secret").map(str::as_bytes);
    let state = State {
        nonces: Nonces::new(secret, expire_s.saturating_mul(1_000)),
        one_time: setup.int("disable_nonce_check", 0) == 0,
        realm_prefix: bytes(setup, "realm_prefix", ""),
        plain_passwords: setup.int("calculate_ha1", 0) != 0,
        rpid: Rpid {
            avp,
            prefix: bytes(setup, "rpid_prefix", ""),
            suffix: bytes(setup, "rpid_suffix", ";party=calling;id-type=subscriber;screen=yes"),
        },
        failures: Collection::default(),
        max_failures: setup.int("max_failures", 0),
        statistics: setup.statistics,
    };
    Ok(Arc::new(Shared(Arc::new(state))))
}

impl State {
    pub(super) fn count(&self, ctx: &mut Ctx<'_>, statistic: usize) {
        ctx.local.count(self.statistics, statistic);
    }

    pub(super) fn accepted(&self, ctx: &mut Ctx<'_>, line: Span) {
        self.count(ctx, ACCEPTED);
        ctx.run.accepted = Some(line);
    }

    /// A later challenge says so.
    pub(super) fn stale(&self, ctx: &mut Ctx<'_>) {
        self.count(ctx, STALE);
        ctx.run.stale = true;
    }

    /// Counts a failure of its source and user; each so many raise an event.
    pub(super) fn refused(&self, ctx: &mut Ctx<'_>, user: &[u8]) {
        self.count(ctx, REFUSED);
        let source = ctx.packet.peer.ip().to_string();
        let key = [source.as_bytes(), b"\0", user].concat();
        // Where the table is full, new guessers are only in the statistics.
        let counted = self.failures.add(&key, 1, limits::FAILURE_SECONDS, ctx.now.mono_ms());
        let Ok(failures) = counted else { return };
        if self.max_failures <= 0 || failures % self.max_failures != 0 {
            return;
        }
        let names =
            ["source", "user", "failures"].map(|name| Value::Text(ctx.keep(name.as_bytes())));
        let source = Value::Text(ctx.keep(source.as_bytes()));
        let user = Value::Text(ctx.keep(user));
        let values = [source, user, Value::Int(failures)];
        let params: Vec<(Value, Value)> = names.into_iter().zip(values).collect();
        // The worker counts runs for which there is no room.
        let _ = ctx.raise(EVENT, &params);
    }
}
