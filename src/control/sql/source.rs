//! A database as modules see it: statements are handed to the thread of databases, which does them
//! over a bounded number of connections, each with its deadline; counted, timed, and told where
//! they are slow.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sluice_engine::db::{Action, DbError, Outcome, Source, Statement, Way};
use sluice_engine::sql::{SqlCount, SqlCounts, SqlOptions};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::kind::Kind;
use super::pool::Pool;
use super::work;
use crate::limits;

/// See the file's head.
pub(crate) struct Database {
    name: Arc<str>,
    requests: mpsc::Sender<Request>,
    counts: Arc<SqlCounts>,
}

/// What is asked.
pub(crate) struct Request {
    statements: Vec<Statement>,
    /// All or none; else each whatever becomes of the others.
    together: bool,
    asked: Instant,
    /// One outcome, or as many as statements.
    reply: oneshot::Sender<Vec<Outcome>>,
}

impl Database {
    /// A database, and the other end of its queue.
    pub(crate) fn new(name: Arc<str>, counts: Arc<SqlCounts>) -> (Self, mpsc::Receiver<Request>) {
        let (requests, queue) = mpsc::channel(limits::SQL_WAITING);
        (Self { name, requests, counts }, queue)
    }

    /// Hands statements over; the outcomes come by the receiver.
    fn hand_over(
        &self,
        statements: Vec<Statement>,
        together: bool,
    ) -> Result<oneshot::Receiver<Vec<Outcome>>, DbError> {
        let (reply, outcomes) = oneshot::channel();
        let many = statements.len() as u64;
        self.counts.add(SqlCount::Queries, many);
        let request = Request { statements, together, asked: Instant::now(), reply };
        self.requests.try_send(request).map(|()| outcomes).map_err(|_| {
            self.counts.add(SqlCount::Failed, many);
            DbError::Unreachable(format!("{}: too many wait for it", self.name))
        })
    }

    fn ended(&self) -> DbError {
        DbError::Refused(format!("{}: ended by a panic", self.name))
    }

    fn one(&self, outcomes: Option<Vec<Outcome>>) -> Outcome {
        outcomes.and_then(|mut all| all.pop()).unwrap_or_else(|| Err(self.ended()))
    }
}

impl Source for Database {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self, table: &str) -> String {
        format!("{}, table {table}", self.name)
    }

    fn now(&self, _: &Statement) -> Option<Outcome> {
        None
    }

    fn ask(&self, statements: Vec<Statement>) -> Outcome {
        let outcomes = self.hand_over(statements, true)?;
        self.one(outcomes.blocking_recv().ok())
    }

    fn begin(&self, statements: Vec<Statement>) -> Box<dyn FnOnce() -> Outcome + '_> {
        let outcomes = self.hand_over(statements, true);
        Box::new(move || self.one(outcomes?.blocking_recv().ok()))
    }

    fn run(&self, statements: Vec<Statement>) -> Way<'_> {
        Way::Waiting(Box::pin(async move {
            let outcomes = self.hand_over(statements, true)?;
            self.one(outcomes.await.ok())
        }))
    }

    fn each(&self, statements: Vec<Statement>) -> Way<'_, Vec<Outcome>> {
        Way::Waiting(Box::pin(async move {
            let many = statements.len();
            let outcomes = match self.hand_over(statements, false) {
                Ok(outcomes) => outcomes.await.map_err(|_| self.ended()),
                Err(error) => Err(error),
            };
            outcomes.unwrap_or_else(|error| vec![Err(error); many])
        }))
    }
}

/// Does what is asked until nobody can ask any more. The first connection decides whether it
/// begins: `opened` is told.
pub(crate) async fn serve<K: Kind>(
    pool: Rc<Pool<K>>,
    mut queue: mpsc::Receiver<Request>,
    opened: oneshot::Sender<Result<(), DbError>>,
) {
    let first = pool.open().await;
    let is_open = first.is_ok();
    // Who no longer waits for it has closed the queue.
    let _ = opened.send(first);
    if !is_open {
        return;
    }
    let places = Arc::new(Semaphore::new(pool.options.connections.max(1) as usize));
    let told = Rc::new(Told::default());
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Some(request) = queue.recv().await else { return };
        let (pool, told) = (Rc::clone(&pool), Rc::clone(&told));
        spawn_local(async move {
            handle(&pool, request, &told).await;
            drop(place);
        });
    }
}

async fn handle<K: Kind>(pool: &Rc<Pool<K>>, request: Request, told: &Told) {
    let Request { statements, together, asked, reply } = request;
    if reply.is_closed() {
        return;
    }
    let began = Instant::now();
    let outcomes = match asked.elapsed() >= pool.silence() {
        true => vec![Err(DbError::Deadline(pool.options.timeout_ms)); statements.len()],
        false if together => vec![work::together(pool, &statements).await],
        false => work::each(pool, &statements).await,
    };
    count(pool, &statements, &outcomes, began.elapsed(), told);
    // Whoever has asked may have given up.
    let _ = reply.send(outcomes);
}

fn count<K: Kind>(
    pool: &Pool<K>,
    statements: &[Statement],
    outcomes: &[Outcome],
    took: Duration,
    told: &Told,
) {
    let counts = &pool.counts;
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let late = |outcome: &&Outcome| matches!(outcome, Err(DbError::Deadline(_)));
    counts.add(SqlCount::Failed, failed as u64);
    counts.add(SqlCount::Late, outcomes.iter().filter(late).count() as u64);
    counts.add(SqlCount::Micros, took.as_micros() as u64);
    let is_slow = pool.options.slow_us > 0 && took.as_micros() >= u128::from(pool.options.slow_us);
    if is_slow {
        counts.add(SqlCount::Slow, 1);
        told.slow(&pool.options, &pool.name, statements, took);
    }
}

/// Lines about slow statements: one a second, with how many were left out.
#[derive(Default)]
struct Told(RefCell<(Option<Instant>, u64)>);

impl Told {
    fn slow(&self, options: &SqlOptions, name: &str, statements: &[Statement], took: Duration) {
        let mut told = self.0.borrow_mut();
        let now = Instant::now();
        if told.0.is_some_and(|last| now - last < limits::SQL_SLOW_LINES) {
            told.1 += 1;
            return;
        }
        let left_out = match std::mem::take(&mut told.1) {
            0 => String::new(),
            others => format!("; {others} others were not told"),
        };
        told.0 = Some(now);
        let what = statements.first().map(what).unwrap_or_default();
        let micros = took.as_micros();
        let module = options.module;
        tracing::warn!(target: "db", "{module}: {name}: {what} took {micros} us{left_out}");
    }
}

/// A statement in a few words, without its values.
fn what(statement: &Statement) -> String {
    let table = &statement.table;
    match &statement.action {
        Action::Select(_) => format!("select from {table}"),
        Action::Insert(_) => format!("insert into {table}"),
        Action::Update(_) => format!("update of {table}"),
        Action::Delete => format!("delete from {table}"),
        Action::Replace(_) => format!("replace in {table}"),
        Action::Raw(sql) => {
            let words: String = sql.chars().take(limits::SQL_TOLD).collect();
            format!("`{words}`")
        }
    }
}
