//! Who may use which user part: `db_is_to_authorized()` and its kin (spec 7.1).

use sluice_engine::db::{Action, Condition, Field, Rows, Statement};
use sluice_engine::job::Answer;
use sluice_engine::module::Then;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::credentials::Credentials;
use sluice_sip::uri::Uri;

use super::authorize::{ask, outcome};
use super::state::State;

/// The rows of a statement, or what the function answers meanwhile.
fn rows(
    state: &State,
    answer: Option<&Answer>,
    then: Then,
    statement: impl FnOnce() -> Statement,
) -> Result<Rows, Flow> {
    let outcome = match answer {
        Some(answer) => outcome(answer),
        None => ask(state, statement()).map_err(|wait| Flow::Suspend(wait, then))?,
    };
    match &*outcome {
        Ok(rows) => Ok(rows.clone()),
        Err(error) => {
            tracing::error!(target: "auth_db", "{}: {error}", state.source.name());
            Err(Flow::Fail("the database did not say whose URI it is"))
        }
    }
}

/// Whether a URI's user part may be used with the credentials that were found right: by a table
/// of both, or without one only by the user of that name.
pub(super) fn is_authorized(
    ctx: &Ctx<'_>,
    state: &State,
    uri: Option<&[u8]>,
    table: Value,
    answer: Option<&Answer>,
    then: Then,
) -> Flow {
    let line = ctx.run.accepted.map(|line| ctx.message.text(line));
    let value = line.and_then(|line| line.splitn(2, |byte| *byte == b':').nth(1));
    let Some(found) = value.and_then(Credentials::parse) else {
        return Flow::Fail("no credentials have been found right before");
    };
    let username = found.username().unwrap_or_default();
    let mut parts = username.splitn(2, |byte| *byte == b'@');
    let user = parts.next().unwrap_or_default();
    let domain = parts.next().or(found.realm()).unwrap_or_default();
    let Some(wanted) = uri.and_then(Uri::parse).and_then(|uri| uri.user) else {
        return Flow::FALSE;
    };
    let Some(table) = table.text() else { return Flow::of(wanted == user) };
    let found = rows(state, answer, then, || {
        let columns = &state.uri;
        let mut conditions = vec![
            Condition::equal(&columns.user, Field::text(user)),
            Condition::equal(&columns.uri_user, Field::text(wanted)),
        ];
        if state.use_domain {
            conditions.push(Condition::equal(&columns.domain, Field::text(domain)));
        }
        select(ctx, table, vec![columns.uri_user.clone()], conditions)
    });
    found.map_or_else(|flow| flow, |rows| Flow::of(!rows.rows.is_empty()))
}

/// Whether a URI's user is one of the table's, `subscriber` unless told otherwise.
pub(super) fn does_exist(
    ctx: &Ctx<'_>,
    state: &State,
    args: &[Value],
    answer: Option<&Answer>,
    then: Then,
) -> Flow {
    let [uri, table] = args else { return Flow::FALSE };
    let uri = uri.text().or(ctx.run.ruri).map(|text| ctx.bytes(text));
    let uri = uri.or_else(|| ctx.message.uri().map(|span| ctx.message.text(span)));
    let Some(uri) = uri.and_then(Uri::parse) else { return Flow::FALSE };
    let Some(user) = uri.user else { return Flow::FALSE };
    let table = table.text().map_or(&b"subscriber"[..], |text| ctx.bytes(text));
    let table = String::from_utf8_lossy(table);
    let found = rows(state, answer, then, || state.user(&table, user, uri.host));
    found.map_or_else(|flow| flow, |rows| Flow::of(!rows.rows.is_empty()))
}

/// `db_get_auth_id(table, uri, $id, $realm)`: who may use a URI's user part.
pub(super) fn auth_id(
    ctx: &mut Ctx<'_>,
    state: &State,
    args: &[Value],
    answer: Option<&Answer>,
    then: Then,
) -> Flow {
    let [table, uri, id, realm] = args else { return Flow::FALSE };
    let (Some(table), Some(uri)) = (table.text(), uri.text()) else { return Flow::FALSE };
    let found = {
        let Some(uri) = Uri::parse(ctx.bytes(uri)) else { return Flow::FALSE };
        let Some(user) = uri.user else { return Flow::FALSE };
        rows(state, answer, then, || {
            let columns = &state.uri;
            let mut conditions = vec![Condition::equal(&columns.uri_user, Field::text(user))];
            if state.use_domain {
                conditions.push(Condition::equal(&columns.domain, Field::text(uri.host)));
            }
            select(ctx, table, vec![columns.user.clone(), columns.domain.clone()], conditions)
        })
    };
    let rows = match found {
        Ok(rows) => rows,
        Err(flow) => return flow,
    };
    let Some(row) = rows.rows.first() else { return Flow::FALSE };
    for (argument, field) in [*id, *realm].into_iter().zip(row.iter()) {
        let value = field.bytes().map_or(Value::Null, |text| Value::Text(ctx.keep(text)));
        ctx.output(argument, value);
    }
    Flow::TRUE
}

fn select(
    ctx: &Ctx<'_>,
    table: sluice_engine::value::Text,
    columns: Vec<std::sync::Arc<str>>,
    conditions: Vec<Condition>,
) -> Statement {
    let table = String::from_utf8_lossy(ctx.bytes(table)).as_ref().into();
    Statement { table, action: Action::Select(columns.into()), conditions }
}
