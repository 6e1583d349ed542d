//! Does statements over a connection: all in one transaction, or each by itself; again where the
//! connection had broken or others were at work at the same time.

use std::rc::Rc;

use sluice_engine::db::{Action, DbError, Outcome, Rows, Statement};
use tokio::time::{Instant, timeout};

use super::kind::{Fault, Kind, Trouble};
use super::pool::{Lease, Pool};
use super::words::{Plan, Step, Writer, raw};
use crate::limits;

/// Does statements one after another; what they change is there as a whole or not at all. The
/// outcome is that of the last one.
pub(crate) async fn together<K: Kind>(pool: &Rc<Pool<K>>, statements: &[Statement]) -> Outcome {
    let mut tries = 0;
    let (mut anew, mut again) = (false, 0);
    let _alone = match K::ONE_WRITES && statements.iter().any(changes) {
        true => Some(pool.writing.lock().await),
        false => None,
    };
    loop {
        let mut lease = pool.take().await?;
        tries += 1;
        match attempt(pool, &mut lease, statements, anew).await {
            Ok(rows) => {
                pool.give(lease);
                return Ok(rows);
            }
            Err(fault) => match fault {
                Fault::Lost(_) if tries < pool.options.tries && lease.is_used => pool.broken(),
                Fault::Lost(_) => {
                    pool.broken();
                    return Err(fault.told(&pool.name, pool.silence()));
                }
                // What it still sends would be taken for the next answer.
                Fault::Late | Fault::Ended(_) => {
                    return Err(fault.told(&pool.name, pool.silence()));
                }
                Fault::Stale(_) if !anew => {
                    anew = true;
                    pool.give(lease);
                }
                Fault::Again(_) if again < limits::SQL_AGAIN_TRIES => {
                    again += 1;
                    pool.give(lease);
                }
                fault => {
                    pool.give(lease);
                    return Err(fault.told(&pool.name, pool.silence()));
                }
            },
        }
    }
}

/// Does statements one after another, each whatever becomes of the others: all in one transaction,
/// and each alone where that does not go.
pub(crate) async fn each<K: Kind>(pool: &Rc<Pool<K>>, statements: &[Statement]) -> Vec<Outcome> {
    let error = match together(pool, statements).await {
        Ok(_) => return vec![Ok(Rows::default()); statements.len()],
        Err(error) => error,
    };
    let is_away = |error: &DbError| matches!(error, DbError::Unreachable(_) | DbError::Deadline(_));
    if is_away(&error) || statements.len() == 1 {
        return vec![Err(error); statements.len()];
    }
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(statements.len());
    for statement in statements {
        let outcome = match outcomes.last() {
            Some(Err(error)) if is_away(error) => Err(error.clone()),
            _ => together(pool, std::slice::from_ref(statement)).await,
        };
        outcomes.push(outcome);
    }
    outcomes
}

/// Does statements once. A connection that is given back afterwards is in no transaction.
async fn attempt<K: Kind>(
    pool: &Pool<K>,
    lease: &mut Lease<K>,
    statements: &[Statement],
    anew: bool,
) -> Result<Rows, Fault> {
    let is_one = matches!(statements, [one] if !matches!(one.action, Action::Replace(_)));
    if is_one || !statements.iter().any(changes) {
        return all(pool, lease, statements, anew).await;
    }
    command(pool, lease, K::BEGIN).await?;
    match all(pool, lease, statements, anew).await {
        Ok(rows) => match command(pool, lease, "COMMIT").await {
            Ok(()) => Ok(rows),
            // It may have been done: it is not done again here.
            Err(fault) => Err(Fault::Ended(fault.told(&pool.name, pool.silence()))),
        },
        Err(fault @ (Fault::Lost(_) | Fault::Late | Fault::Ended(_))) => Err(fault),
        Err(fault) => {
            command(pool, lease, "ROLLBACK").await?;
            Err(fault)
        }
    }
}

/// Whether a statement may change something.
fn changes(statement: &Statement) -> bool {
    match &statement.action {
        Action::Select(_) => false,
        Action::Raw(sql) => {
            let word = sql.trim_start().get(..6);
            !word.is_some_and(|word| word.eq_ignore_ascii_case("select"))
        }
        _ => true,
    }
}

async fn all<K: Kind>(
    pool: &Pool<K>,
    lease: &mut Lease<K>,
    statements: &[Statement],
    anew: bool,
) -> Result<Rows, Fault> {
    let mut last = Rows::default();
    for statement in statements {
        let began = Instant::now();
        let done = one(pool, lease, statement, anew).await;
        let took_us = began.elapsed().as_micros() as u64;
        pool.counts.time(&statement.table, word(statement), took_us, done.is_err());
        last = done?;
    }
    Ok(last)
}

/// What a statement does, for the one who looks at its times.
fn word(statement: &Statement) -> &'static str {
    match statement.action {
        Action::Select(_) => "select",
        Action::Insert(_) => "insert",
        Action::Update(_) => "update",
        Action::Delete => "delete",
        Action::Replace(_) => "replace",
        Action::Raw(_) => "raw",
    }
}

async fn one<K: Kind>(
    pool: &Pool<K>,
    lease: &mut Lease<K>,
    statement: &Statement,
    anew: bool,
) -> Result<Rows, Fault> {
    let table = &*statement.table;
    let plan = match &statement.action {
        Action::Raw(sql) if !pool.kind.is_one(sql) => {
            let why = "only one statement at a time".to_owned();
            return Err(Fault::Said(DbError::Refused(why)));
        }
        Action::Raw(sql) => raw(sql),
        action => {
            // All columns are those of now: a table may have got one since.
            let all = matches!(action, Action::Select(wanted) if wanted.is_empty());
            let columns = pool.columns(lease, table, anew || all).await?;
            let zone = pool.kind.zone();
            let writer = Writer { dialect: K::DIALECT, table, columns: &columns, zone };
            writer.plan(statement).map_err(|error| match error {
                DbError::NoColumn { .. } => Fault::Stale(error),
                error => Fault::Said(error),
            })?
        }
    };
    let Plan { first, otherwise } = plan;
    let rows = step(pool, lease, &first, table).await?;
    match otherwise {
        // SQLite tells what the last change was, whoever asks for rows.
        None if !changes(statement) => Ok(Rows { changed: 0, ..rows }),
        // Another one has put it there since: the next update meets it.
        Some(insert) if rows.changed == 0 => {
            step(pool, lease, &insert, table).await.map_err(|fault| match fault {
                Fault::Twice(error) => Fault::Again(error),
                fault => fault,
            })
        }
        _ => Ok(rows),
    }
}

async fn step<K: Kind>(
    pool: &Pool<K>,
    lease: &mut Lease<K>,
    step: &Step,
    table: &str,
) -> Result<Rows, Fault> {
    let done = pool.kind.perform(&mut lease.connection, step, pool.silence()).await;
    done.map_err(|trouble| match trouble {
        Trouble::Sql(error) => pool.kind.fault(error, table),
        Trouble::Late => Fault::Late,
        // Rows may still be on their way.
        Trouble::Unfit(why) => Fault::Ended(DbError::Refused(why)),
    })
}

/// Begins and ends transactions.
async fn command<K: Kind>(
    pool: &Pool<K>,
    lease: &mut Lease<K>,
    sql: &'static str,
) -> Result<(), Fault> {
    let done = pool.kind.command(&mut lease.connection, sql);
    match timeout(pool.silence(), done).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(pool.kind.fault(error, "")),
        Err(_) => Err(Fault::Late),
    }
}
