//! Changes that runs wait for are made together: what comes while a database makes some of them
//! goes with the next ones, so that one commit serves many and nobody waits for more than that.
//!
//! Only changes that may be made twice (rows put in the place of others, rows removed): when a
//! group fails, each query is asked by itself, so that nobody is refused for another's sake.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_engine::db::{Action, DbError, Outcome, Query, Rows, Source, Statement};
use tokio::sync::oneshot;

use crate::limits;
use crate::query::{Queries, ended};

/// The changes of all databases.
#[derive(Default)]
pub(crate) struct Groups(Mutex<Vec<Arc<Group>>>);

/// The changes of one database.
struct Group {
    source: Arc<dyn Source>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    queries: VecDeque<Waiter>,
    /// Whether someone makes them.
    is_at_work: bool,
}

struct Waiter {
    statements: Vec<Statement>,
    tell: oneshot::Sender<Outcome>,
}

/// Whether statements may be made together with others', and twice.
pub(crate) fn fits(statements: &[Statement]) -> bool {
    let fits = |one: &Statement| matches!(one.action, Action::Replace(_) | Action::Delete);
    !statements.is_empty() && statements.iter().all(fits)
}

impl Groups {
    /// Has changes made; what came of them.
    pub(crate) async fn make(&self, query: Query, queries: &Arc<Queries>) -> Outcome {
        let group = self.of(&query.source);
        let (tell, told) = oneshot::channel();
        let begins = {
            let mut waiting = lock(&group.waiting);
            if waiting.queries.len() >= limits::JOBS {
                let name = group.source.name();
                return Err(DbError::Unreachable(format!("{name}: too many wait for it")));
            }
            waiting.queries.push_back(Waiter { statements: query.statements, tell });
            !std::mem::replace(&mut waiting.is_at_work, true)
        };
        if begins {
            let queries = Arc::clone(queries);
            tokio::spawn(async move {
                while let Some(waiters) = group.take() {
                    group.perform(waiters, &queries).await;
                }
            });
        }
        told.await.unwrap_or_else(|_| Err(ended()))
    }

    fn of(&self, source: &Arc<dyn Source>) -> Arc<Group> {
        let mut groups = lock(&self.0);
        if let Some(group) = groups.iter().find(|group| Arc::ptr_eq(&group.source, source)) {
            return Arc::clone(group);
        }
        let group = Arc::new(Group { source: Arc::clone(source), waiting: Mutex::default() });
        groups.push(Arc::clone(&group));
        group
    }
}

impl Group {
    /// The queries that are next, without those that nobody waits for any more; `None` when there
    /// is none.
    fn take(&self) -> Option<Vec<Waiter>> {
        let mut waiting = lock(&self.waiting);
        let (mut taken, mut statements) = (Vec::new(), 0);
        while let Some(next) = waiting.queries.front() {
            statements += next.statements.len();
            if statements > limits::GROUP && !taken.is_empty() {
                break;
            }
            taken.extend(waiting.queries.pop_front().filter(|waiter| !waiter.tell.is_closed()));
        }
        waiting.is_at_work = !taken.is_empty();
        waiting.is_at_work.then_some(taken)
    }

    async fn perform(&self, waiters: Vec<Waiter>, queries: &Arc<Queries>) {
        let all = waiters.iter().flat_map(|waiter| waiter.statements.iter().cloned()).collect();
        let mut error = self.ask(all, queries).await.err();
        let is_alone = waiters.len() == 1;
        for waiter in waiters {
            let outcome = match &error {
                None => Ok(Rows::default()),
                Some(error) if is_alone || is_away(error) => Err(error.clone()),
                Some(_) => {
                    let outcome = self.ask(waiter.statements, queries).await;
                    error = outcome.as_ref().err().filter(|e| is_away(e)).cloned().or(error);
                    outcome
                }
            };
            // Whoever has asked may have given up.
            let _ = waiter.tell.send(outcome);
        }
    }

    /// A task of its own, whose panic ends nothing else.
    async fn ask(&self, statements: Vec<Statement>, queries: &Arc<Queries>) -> Outcome {
        let (source, queries) = (Arc::clone(&self.source), Arc::clone(queries));
        let done = tokio::spawn(async move { queries.ask(&source, statements).await });
        done.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// Whether others would be told the same.
fn is_away(error: &DbError) -> bool {
    matches!(error, DbError::Unreachable(_) | DbError::Deadline(_))
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held left whole values.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
