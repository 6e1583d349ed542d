//! The checks: in memory, or by asking the table - for the domain, then for those above it.

use std::any::Any;
use std::sync::Arc;

use sluice_engine::db::Field;
use sluice_engine::job::Answer;
use sluice_engine::module::Then;
use sluice_engine::{Ctx, Flow, Text, Value};

use super::Worker;
use super::domains::parents;
use crate::lookups;

/// Which domain a function is about, from its arguments; the code when there is none.
type Which = fn(&mut Ctx<'_>, &[Value]) -> Result<Text, Flow>;

/// `is_from_local([attributes])`
pub(super) fn from(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: Option<&Answer>,
) -> Flow {
    let then: Then = |ctx, state, args, answer| from(ctx, state, args, Some(answer));
    let above: Then = |ctx, state, args, answer| below(ctx, state, args, answer, of_from);
    check(ctx, state, args, of_from, (answer, then, above))
}

/// `is_uri_host_local([attributes])`
pub(super) fn uri_host(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: Option<&Answer>,
) -> Flow {
    let then: Then = |ctx, state, args, answer| uri_host(ctx, state, args, Some(answer));
    let above: Then = |ctx, state, args, answer| below(ctx, state, args, answer, of_uri);
    check(ctx, state, args, of_uri, (answer, then, above))
}

/// `is_domain_local(domain[, attributes])`
pub(super) fn domain(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: Option<&Answer>,
) -> Flow {
    let then: Then = |ctx, state, args, answer| domain(ctx, state, args, Some(answer));
    let above: Then = |ctx, state, args, answer| below(ctx, state, args, answer, of_args);
    check(ctx, state, args, of_args, (answer, then, above))
}

fn of_from(ctx: &mut Ctx<'_>, _: &[Value]) -> Result<Text, Flow> {
    let from = ctx.message.from().map(|from| ctx.of_message(from.uri));
    from.and_then(|uri| host(ctx, uri)).ok_or(Flow::Code(-2))
}

fn of_uri(ctx: &mut Ctx<'_>, _: &[Value]) -> Result<Text, Flow> {
    ctx.ruri().and_then(|uri| host(ctx, uri)).ok_or(Flow::FALSE)
}

fn of_args(_: &mut Ctx<'_>, args: &[Value]) -> Result<Text, Flow> {
    args.first().and_then(|domain| domain.text()).ok_or(Flow::FALSE)
}

fn host(ctx: &Ctx<'_>, uri: Text) -> Option<Text> {
    Some(ctx.piece(uri, ctx.uri(uri)?.host))
}

/// Asks for the domain itself; where it is not ours, `above` goes on with those above it.
fn check(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    which: Which,
    (answer, then, above): (Option<&Answer>, Then, Then),
) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else {
        return Flow::Fail("domain: the module was not started");
    };
    let name = match which(ctx, args) {
        Ok(name) => name,
        Err(flow) => return flow,
    };
    if let Some(kept) = &mut worker.kept {
        let Some(domain) = kept.get().find(ctx.bytes(name)) else { return Flow::FALSE };
        return ours(ctx, args, domain.attrs.as_deref());
    }
    let table = &worker.shared.table;
    let found = lookups::ask(&table.source, answer, then, || table.of(ctx.bytes(name)));
    let found = match found {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    if let Some(row) = found.rows().first() {
        return ours(ctx, args, row.get(1).and_then(Field::bytes));
    }
    let (Some(statement), Some(_)) = (table.above(), parents(ctx.bytes(name)).next()) else {
        return Flow::FALSE;
    };
    match table.source.now(&statement) {
        Some(outcome) => above(ctx, state, args, &Answer::Rows(Arc::new(outcome))),
        None => match lookups::ask(&table.source, None, above, || statement) {
            Ok(_) => Flow::FALSE,
            Err(flow) => flow,
        },
    }
}

/// The answer is the domains below which names are ours.
fn below(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: &Answer,
    which: Which,
) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return Flow::FALSE };
    let name = match which(ctx, args) {
        Ok(name) => name,
        Err(flow) => return flow,
    };
    let table = &worker.shared.table;
    let never: Then = |_, _, _, _| Flow::FALSE;
    let found = match lookups::ask(&table.source, Some(answer), never, || table.of(b"")) {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    let rows = found.rows();
    let is = |row: &[Field], parent: &[u8]| {
        let own = row.first().and_then(Field::bytes);
        own.is_some_and(|own| own.eq_ignore_ascii_case(parent))
    };
    let nearest =
        parents(ctx.bytes(name)).find_map(|parent| rows.iter().find(|row| is(row, parent)));
    match nearest {
        Some(row) => ours(ctx, args, row.get(1).and_then(Field::bytes)),
        None => Flow::FALSE,
    }
}

/// It is ours: the attributes, which stand last, get what the table has; NULL changes nothing.
fn ours(ctx: &mut Ctx<'_>, args: &[Value], attrs: Option<&[u8]>) -> Flow {
    if let (Some(result), Some(attrs)) = (args.last(), attrs) {
        let attrs = Value::Text(ctx.keep(attrs));
        ctx.output(*result, attrs);
    }
    Flow::TRUE
}
