//! The script functions (spec 9.6).

use std::any::Any;
use std::sync::Arc;

use sluice_engine::job::Answer;
use sluice_engine::module::{Flow, Function, Then};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::Method;

use super::account::{Account, account, is_upstream, texts};
use super::extra::Backend;
use super::modes::{self, Backends};
use super::record::{Added, Reason, Record};
use super::{Acc, Worker};
use crate::table::{function, optional, param};

const NOT_STARTED: Flow = Flow::Fail("acc: the module was not started");
const NO_DB: Flow = Flow::Fail("acc: there is no database, neither db_url nor db_default_url");

const COMMENT: ParamDef = param("comment", ParamKind::Text);
const TYPES: ParamKind = ParamKind::Word(modes::types);
const FLAGS: ParamKind = ParamKind::Word(modes::flags);

/// The table.
pub(super) static FUNCTIONS: &[Function] = &[
    function(
        "do_accounting",
        "Has the transaction written down: `log|db|evi`, with `missed|failed`, into a table.",
        &[param("type", TYPES), optional("flags", FLAGS), optional("table", ParamKind::Text)],
        Routes::REQUESTS,
        do_accounting,
    ),
    function(
        "drop_accounting",
        "Takes back what do_accounting() has asked for: all, of a type, or flags of a type.",
        &[optional("type", TYPES), optional("flags", FLAGS)],
        Routes::REQUESTS,
        drop_accounting,
    ),
    function(
        "acc_log_request",
        "Writes the request to the log now, with a comment, `404 Not Found`.",
        &[COMMENT],
        Routes::REQUESTS,
        |ctx, state, args| request(ctx, state, args, Backend::Log, log_request),
    ),
    function(
        "acc_db_request",
        "Writes the request into a table now, with a comment.",
        &[COMMENT, param("table", ParamKind::Text)],
        Routes::REQUESTS,
        |ctx, state, args| request(ctx, state, args, Backend::Db, db_request),
    ),
    function(
        "acc_evi_request",
        "Raises E_ACC_EVENT for the request, or E_ACC_MISSED_EVENT with a code from 300.",
        &[COMMENT],
        Routes::REQUESTS,
        |ctx, state, args| request(ctx, state, args, Backend::Evi, evi_request),
    ),
    function(
        "acc_new_leg",
        "Begins a further leg, whose $acc_leg() are NULL.",
        &[],
        Routes::REQUESTS,
        |ctx, state, _| {
            let Some(Worker(acc)) = state.downcast_ref() else { return NOT_STARTED };
            Flow::of(account(ctx, acc).map(Account::begin_leg).is_some())
        },
    ),
];

fn do_accounting(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(Worker(acc)), &[types, flags, table]) = (state.downcast_ref(), args) else {
        return NOT_STARTED;
    };
    if ctx.message.method() == Method::Cancel && !acc.report_cancels {
        ctx.complain("a CANCEL is accounted only with report_cancels");
        return Flow::TRUE;
    }
    let backends = Backends::of_bits(types.int().unwrap_or(0));
    if backends.has(Backends::DB) && acc.table.is_none() {
        return NO_DB;
    }
    let table = table.text().map(|table| name(ctx, table));
    let Some(account) = account(ctx, acc) else { return Flow::FALSE };
    account.modes().add(backends, flags.int().unwrap_or(0));
    if backends.has(Backends::DB) && table.is_some() {
        account.table = table;
    }
    Flow::TRUE
}

fn drop_accounting(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let &[types, flags] = args else { return Flow::FALSE };
    let backends = types.int().map_or(Backends::ALL, Backends::of_bits);
    let Some(account) = ctx.witness::<Account>() else {
        return Flow::Fail("drop_accounting() takes back what do_accounting() asked for");
    };
    account.modes().remove(backends, flags.int());
    Flow::TRUE
}

/// Writes at once, after evaluating what 1.x wants added.
fn request(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    backend: Backend,
    then: Then,
) -> Flow {
    let Some(Worker(acc)) = state.downcast_ref() else { return NOT_STARTED };
    if acc.formats.are_empty(backend) {
        return then(ctx, state, args, &Answer::Values(Box::default()));
    }
    Flow::EvaluateAll(Arc::clone(&acc.formats.texts), then)
}

fn log_request(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    write(ctx, state, args, answer, Backends::LOG)
}

fn db_request(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    write(ctx, state, args, answer, Backends::DB)
}

fn evi_request(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    write(ctx, state, args, answer, Backends::EVI)
}

fn write(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: &Answer,
    to: Backends,
) -> Flow {
    let (Some(Worker(acc)), Answer::Values(values)) = (state.downcast_ref(), answer) else {
        return NOT_STARTED;
    };
    if to == Backends::DB && acc.table.is_none() {
        return NO_DB;
    }
    let acc: &Arc<Acc> = acc;
    let Some(comment) = args.first().and_then(|comment| comment.text()) else {
        return Flow::FALSE;
    };
    let table = args.get(1).and_then(|table| table.text()).map(|table| name(ctx, table));
    let record = Record::commented(ctx, ctx.bytes(comment), is_upstream(ctx, acc));
    let values = texts(ctx, values);
    let (extra, legs) = match ctx.witness::<Account>() {
        Some(account) => (account.extra.clone(), account.legs.clone()),
        None => (Vec::new(), Vec::new()),
    };
    let added = Added { extra: &extra, legs: &legs, values: &values };
    acc.write(ctx, to, Reason::Request, table.as_ref(), &record, added);
    Flow::TRUE
}

/// The name of a table that a script gives.
fn name(ctx: &Ctx<'_>, text: sluice_engine::Text) -> Arc<str> {
    String::from_utf8_lossy(ctx.bytes(text)).into()
}
