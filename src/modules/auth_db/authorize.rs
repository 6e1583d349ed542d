//! `www_authorize()` and `proxy_authorize()`: the password is in a table (spec 7.1, 7.2, 7.5). A
//! run waits for the database unless it answers from memory, or the row has been kept.

use std::sync::Arc;

use sluice_engine::db::{Outcome, Query, Statement};
use sluice_engine::job::{Answer, Job};
use sluice_engine::module::{Then, Wait};
use sluice_engine::{Ctx, Flow, Value};

use super::row;
use super::state::State;
use crate::auth::api::{Begun, Side, UNKNOWN_USER, WRONG_PASSWORD};
use sluice_sip::digest::Hash;

/// Judges the credentials of the request; `answer` is that of the database, if it was asked.
pub(super) fn authorize(
    ctx: &mut Ctx<'_>,
    state: &State,
    side: Side,
    args: &[Value],
    answer: Option<&Answer>,
    then: Then,
) -> Flow {
    let [realm, table] = args else { return Flow::FALSE };
    // After a wait the credentials are read again: the nonce may have ended meanwhile.
    let begun = match state.auth.begin(ctx, side, *realm) {
        Ok(begun) => begun,
        Err(flow) => return flow,
    };
    let table = table.text().map_or_else(Vec::new, |table| ctx.bytes(table).to_vec());
    let key = state.cache.as_ref().map(|_| key(state, &begun, &table));
    if let (Some(cache), Some(key), None) = (&state.cache, &key, answer) {
        let now_ms = ctx.now.mono_ms();
        if let Some(kept) = cache.rows.fetch(key, now_ms, <[u8]>::to_vec) {
            return judge(ctx, state, &begun, Some(&kept));
        }
    }
    let outcome = match answer {
        Some(answer) => outcome(answer),
        None => {
            let (user, domain) = begun.claim.user_and_domain();
            let function = begun.claim.question.algorithm.function;
            let domain = domain.unwrap_or(begun.claim.realm);
            let table = String::from_utf8_lossy(&table);
            match ask(state, state.password(&table, function, user, domain)) {
                Ok(outcome) => outcome,
                Err(wait) => return Flow::Suspend(wait, then),
            }
        }
    };
    let rows = match &*outcome {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(target: "auth_db", "{}: {error}", state.source.name());
            return Flow::Fail("the database did not say who may register");
        }
    };
    let found = row::write(rows);
    if let (Some(cache), Some(key), Some(found)) = (&state.cache, &key, &found) {
        // Where there is no room, the database is asked again.
        let _ = cache.rows.store(key, found, cache.seconds, ctx.now.mono_ms());
    }
    judge(ctx, state, &begun, found.as_deref())
}

fn judge(ctx: &mut Ctx<'_>, state: &State, begun: &Begun<'_>, found: Option<&[u8]>) -> Flow {
    let claim = &begun.claim;
    let function = claim.question.algorithm.function;
    let ha1 = match found.map(row::secret) {
        None => Err(UNKNOWN_USER),
        // No password is none that could be guessed.
        Some(b"") => Err(WRONG_PASSWORD),
        Some(secret) if state.plain => Ok(function.hash(&[claim.user, claim.realm, secret])),
        Some(secret) => Hash::read(secret, function).ok_or(WRONG_PASSWORD),
    };
    let flow = state.auth.judge(ctx, begun, ha1);
    if let (Flow::Code(1), Some(found)) = (&flow, found) {
        row::load(ctx, &state.avps, found);
    }
    flow
}

/// What a kept row is found by: all that its question is made of.
fn key(state: &State, begun: &Begun<'_>, table: &[u8]) -> Vec<u8> {
    let (user, domain) = begun.claim.user_and_domain();
    let domain = if state.use_domain { domain.unwrap_or(begun.claim.realm) } else { b"" };
    let function = if state.plain { 0 } else { begun.claim.question.algorithm.function as u8 };
    let mut key = vec![function];
    for part in [table, user, domain] {
        key.extend_from_slice(&(part.len() as u16).to_le_bytes());
        key.extend_from_slice(part);
    }
    key
}

/// Asks the database: the answer, or what to wait for.
pub(super) fn ask(state: &State, statement: Statement) -> Result<Arc<Outcome>, Wait> {
    match state.source.now(&statement) {
        Some(outcome) => Ok(Arc::new(outcome)),
        None => Err(Wait::Job(Job::Query(Query::new(&state.source, statement)))),
    }
}

/// What a wait brought.
pub(super) fn outcome(answer: &Answer) -> Arc<Outcome> {
    use sluice_engine::db::DbError;
    match answer {
        Answer::Rows(outcome) => Arc::clone(outcome),
        Answer::Failed(why) => Arc::new(Err(DbError::Unreachable(why.to_string()))),
        _ => Arc::new(Err(DbError::Unreachable("no answer".to_owned()))),
    }
}
