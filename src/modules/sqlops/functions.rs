//! `sql_query` and its kin: statements as the script says them, and what becomes of the answer.

use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use sluice_engine::db::{Action, Condition, Field, Query, Rows, Statement};
use sluice_engine::job::{Answer, Job};
use sluice_engine::limits::QUERY_MS;
use sluice_engine::module::{Function, Then, Wait};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::results::{put_all, put_first};
use super::{preferences, state, words};
use crate::table::{Call, function, optional, param};

/// The parameters of a query in SQL.
pub const fn query_params() -> &'static [ParamDef] {
    QUERY
}

const QUERY: &[ParamDef] =
    &[param("query", ParamKind::Text), optional("$avp(a);$avp(b)", ParamKind::Outputs), DB_ID];
const QUERY_ONE: &[ParamDef] =
    &[param("query", ParamKind::Text), optional("$var(a);$var(b)", ParamKind::Outputs), DB_ID];
const SELECT: &[ParamDef] = &[
    optional("columns", ParamKind::Text),
    TABLE,
    FILTER,
    optional("order", ParamKind::Text),
    optional("$avp(a);$avp(b)", ParamKind::Outputs),
    DB_ID,
];
const UPDATE: &[ParamDef] = &[param("values", ParamKind::Text), TABLE, FILTER, DB_ID];
const INSERT: &[ParamDef] = &[TABLE, param("values", ParamKind::Text), DB_ID];
const DELETE: &[ParamDef] = &[TABLE, FILTER, DB_ID];
const TABLE: ParamDef = param("table", ParamKind::Text);
const FILTER: ParamDef = optional("filter", ParamKind::Text);
pub(super) const DB_ID: ParamDef = optional("db_id", ParamKind::Int);

/// The result set is empty.
const EMPTY: Flow = Flow::Code(-2);

pub(super) const LIST: &[Function] = &[
    Function {
        aliases: &["db_query"],
        ..asking("sql_query", "Asks in SQL; all rows go into AVPs; -2 for none.", QUERY, query)
    },
    Function {
        aliases: &["db_query_one"],
        ..asking(
            "sql_query_one",
            "Asks in SQL; the first row goes into variables; -2 for none.",
            QUERY_ONE,
            |ctx, state, args| ask_in_words(ctx, state, args, first_row),
        )
    },
    Function {
        aliases: &["db_select"],
        ..asking("sql_select", "Reads rows into AVPs; -2 for none.", SELECT, |ctx, state, args| {
            select(ctx, state, args, |ctx, _, args, answer| selected(ctx, args, answer, put_all))
        })
    },
    Function {
        aliases: &["db_select_one"],
        ..asking(
            "sql_select_one",
            "Reads the first row into variables; -2 for none.",
            SELECT,
            |ctx, state, args| {
                select(ctx, state, args, |ctx, _, args, answer| {
                    selected(ctx, args, answer, put_first)
                })
            },
        )
    },
    Function {
        aliases: &["db_update"],
        ..asking("sql_update", "Changes fields of rows.", UPDATE, update)
    },
    Function {
        aliases: &["db_insert"],
        ..asking("sql_insert", "Adds a row.", INSERT, |ctx, state, args| {
            let &[table, values, number] = args else { return Flow::FALSE };
            let values = match words::values(bytes(ctx, values)) {
                Ok(values) => values,
                Err(why) => return refuse(ctx, &why),
            };
            let table = name(ctx, table);
            let statement = Statement { table, action: Action::Insert(values), conditions: vec![] };
            ask(ctx, state, args, number, statement, done)
        })
    },
    Function {
        aliases: &["db_delete"],
        ..asking("sql_delete", "Removes rows.", DELETE, |ctx, state, args| {
            let &[table, filter, number] = args else { return Flow::FALSE };
            let conditions = match conditions(ctx, filter) {
                Ok(conditions) => conditions,
                Err(why) => return refuse(ctx, &why),
            };
            let statement =
                Statement { table: name(ctx, table), action: Action::Delete, conditions };
            ask(ctx, state, args, number, statement, done)
        })
    },
    Function {
        aliases: &["db_replace"],
        ..asking(
            "sql_replace",
            "Changes the row whose first value is there already, or adds it.",
            INSERT,
            replace,
        )
    },
    Function {
        aliases: &["db_avp_load"],
        ..asking("sql_avp_load", "Loads AVPs of a user.", preferences::LOAD, preferences::load)
    },
    Function {
        aliases: &["db_avp_store"],
        ..asking("sql_avp_store", "Stores AVPs of a user.", preferences::STORE, preferences::store)
    },
    Function {
        aliases: &["db_avp_delete"],
        ..asking(
            "sql_avp_delete",
            "Removes AVPs of a user from the table.",
            preferences::STORE,
            preferences::delete,
        )
    },
];

/// A function that may wait for a database.
const fn asking(
    name: &'static str,
    doc: &'static str,
    params: &'static [ParamDef],
    call: Call,
) -> Function {
    Function { suspends: true, ..function(name, doc, params, Routes::ANY, call) }
}

/// `sql_query`
pub fn query(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    ask_in_words(ctx, state, args, |ctx, _, args, answer| {
        with_rows(ctx, args, answer, |ctx, args, rows| {
            put_all(ctx, args.get(1).copied().unwrap_or_default(), rows)
        })
    })
}

fn ask_in_words(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], then: Then) -> Flow {
    let &[query, _, number] = args else { return Flow::FALSE };
    let Ok(words) = std::str::from_utf8(bytes(ctx, query)) else {
        return Flow::Fail("the query is no UTF-8");
    };
    let action = Action::Raw(Arc::from(words));
    let statement = Statement { table: Arc::from(""), action, conditions: Vec::new() };
    ask(ctx, state, args, number, statement, then)
}

fn first_row(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    with_rows(ctx, args, answer, |ctx, args, rows| {
        put_first(ctx, args.get(1).copied().unwrap_or_default(), rows)
    })
}

fn select(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], then: Then) -> Flow {
    let &[columns, table, filter, order, _, number] = args else { return Flow::FALSE };
    let columns = match columns {
        Value::Omitted => Ok(Arc::from([])),
        columns => words::columns(bytes(ctx, columns)),
    };
    let (mut columns, conditions) = match (columns, conditions(ctx, filter)) {
        (Ok(columns), Ok(conditions)) => (columns, conditions),
        (Err(why), _) | (_, Err(why)) => return refuse(ctx, &why),
    };
    if let Some(order) = ordering(ctx, order) {
        // Rows are put in order here, and the column that they are put in order by is read too.
        if !columns.is_empty() && !columns.iter().any(|name| name.eq_ignore_ascii_case(&order)) {
            columns = columns.iter().cloned().chain([order]).collect();
        }
    }
    let statement =
        Statement { table: name(ctx, table), action: Action::Select(columns), conditions };
    ask(ctx, state, args, number, statement, then)
}

/// The name of the column that `sql_select` puts rows in order by.
fn ordering(ctx: &Ctx<'_>, order: Value) -> Option<Arc<str>> {
    Some(name(ctx, order)).filter(|order| !order.is_empty())
}

type Put = fn(&mut Ctx<'_>, Value, &Rows) -> Result<(), &'static str>;

/// The answer to `sql_select`: in order, without the column that was read for the order alone.
fn selected(ctx: &mut Ctx<'_>, args: &[Value], answer: &Answer, put: Put) -> Flow {
    let &[columns, _, _, order, list, _] = args else { return Flow::FALSE };
    let order = ordering(ctx, order);
    let wanted = match columns {
        Value::Omitted => None,
        columns => words::columns(bytes(ctx, columns)).ok().map(|columns| columns.len()),
    };
    with_rows(ctx, args, answer, |ctx, _, rows| {
        let Some(order) = &order else { return put(ctx, list, rows) };
        let at = rows.column(order).ok_or("there is no column to order by")?;
        let mut rows = rows.clone();
        rows.rows.sort_by(|one, other| compare(one.get(at), other.get(at)));
        let width = wanted.unwrap_or(usize::MAX);
        for row in rows.rows.iter_mut().filter(|row| row.len() > width) {
            *row = row.iter().take(width).cloned().collect();
        }
        put(ctx, list, &rows)
    })
}

/// NULL first, then numbers, then texts.
fn compare(one: Option<&Field>, other: Option<&Field>) -> Ordering {
    match (one.unwrap_or(&Field::Null), other.unwrap_or(&Field::Null)) {
        (Field::Text(one), Field::Text(other)) => one.cmp(other),
        (Field::Int(one) | Field::Time(one), Field::Int(other) | Field::Time(other)) => {
            one.cmp(other)
        }
        (Field::Double(one), Field::Double(other)) => one.total_cmp(other),
        (one, other) => rank(one).cmp(&rank(other)),
    }
}

const fn rank(field: &Field) -> u8 {
    match field {
        Field::Null => 0,
        Field::Int(_) | Field::Time(_) | Field::Double(_) => 1,
        Field::Text(_) => 2,
    }
}

fn update(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let &[values, table, filter, number] = args else { return Flow::FALSE };
    let (values, conditions) = match (words::values(bytes(ctx, values)), conditions(ctx, filter)) {
        (Ok(values), Ok(conditions)) => (values, conditions),
        (Err(why), _) | (_, Err(why)) => return refuse(ctx, &why),
    };
    let statement =
        Statement { table: name(ctx, table), action: Action::Update(values), conditions };
    ask(ctx, state, args, number, statement, done)
}

fn replace(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let &[table, values, number] = args else { return Flow::FALSE };
    let mut values = match words::values(bytes(ctx, values)) {
        Ok(values) if values.len() > 1 => values,
        Ok(_) => return Flow::Fail("sql_replace() takes a key and at least one other value"),
        Err(why) => return refuse(ctx, &why),
    };
    let (column, value) = values.remove(0);
    let conditions = vec![Condition::equal(&column, value)];
    let statement =
        Statement { table: name(ctx, table), action: Action::Replace(values), conditions };
    ask(ctx, state, args, number, statement, done)
}

/// Asks the database of a number: at once where it can answer at once, else the run waits.
pub(super) fn ask(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    number: Value,
    statement: Statement,
    then: Then,
) -> Flow {
    ask_all(ctx, state, args, number, vec![statement], then)
}

/// The same with several statements, of which the last one's outcome is the answer.
pub(super) fn ask_all(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    number: Value,
    statements: Vec<Statement>,
    then: Then,
) -> Flow {
    let Some(shared) = state::of(state) else { return Flow::FALSE };
    let Some(source) = shared.database(number.int().unwrap_or(0)) else {
        return Flow::Fail("no db_url has that number");
    };
    if let [statement] = statements.as_slice()
        && let Some(outcome) = source.now(statement)
    {
        return then(ctx, state, args, &Answer::Rows(Arc::new(outcome)));
    }
    let source = Arc::clone(source);
    let query = Query { source, statements, deadline_ms: QUERY_MS };
    Flow::Suspend(Wait::Job(Job::Query(query)), then)
}

/// The answer to a change.
pub(super) fn done(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    match rows_of(answer) {
        Ok(_) => Flow::TRUE,
        Err(why) => refuse(ctx, &why),
    }
}

/// What a database has answered.
///
/// # Errors
/// Why it has not.
pub(super) fn rows_of(answer: &Answer) -> Result<&Rows, String> {
    match answer {
        Answer::Rows(outcome) => outcome.as_ref().as_ref().map_err(ToString::to_string),
        Answer::Failed(why) => Err(why.to_string()),
        _ => Err("the database has not answered".to_owned()),
    }
}

/// Puts rows away, if there are any.
fn with_rows(
    ctx: &mut Ctx<'_>,
    args: &[Value],
    answer: &Answer,
    put: impl FnOnce(&mut Ctx<'_>, &[Value], &Rows) -> Result<(), &'static str>,
) -> Flow {
    match rows_of(answer) {
        Err(why) => refuse(ctx, &why),
        Ok(rows) if rows.rows.is_empty() => EMPTY,
        Ok(rows) => match put(ctx, args, rows) {
            Ok(()) => Flow::TRUE,
            Err(why) => Flow::Fail(why),
        },
    }
}

/// False, with the reason in the log.
pub(super) fn refuse(ctx: &Ctx<'_>, why: &str) -> Flow {
    ctx.complain(why);
    Flow::FALSE
}

fn conditions(ctx: &Ctx<'_>, filter: Value) -> Result<Vec<Condition>, String> {
    match bytes(ctx, filter).trim_ascii() {
        b"" => Ok(Vec::new()),
        filter => words::conditions(filter),
    }
}

pub(super) fn bytes<'c>(ctx: &'c Ctx<'_>, value: Value) -> &'c [u8] {
    value.text().map_or(&[], |text| ctx.bytes(text))
}

fn name(ctx: &Ctx<'_>, value: Value) -> Arc<str> {
    String::from_utf8_lossy(bytes(ctx, value).trim_ascii()).into()
}
