//! Asks databases for the runs that wait: each question has its deadline, changes are made
//! together, and a database that blocks takes a bounded number of threads.

use std::sync::Arc;
use std::time::Duration;

use sluice_engine::db::{DbError, Outcome, Query, Source, Statement, Way};
use tokio::sync::Semaphore;
use tokio::task;
use tokio::time::timeout;

use crate::grouping::{self, Groups};
use crate::limits;

/// See the file's head.
pub(crate) struct Queries {
    blocking: Arc<Semaphore>,
    groups: Groups,
}

impl Default for Queries {
    fn default() -> Self {
        let blocking = Arc::new(Semaphore::new(limits::BLOCKING_QUERIES));
        Self { blocking, groups: Groups::default() }
    }
}

/// What is said when the code of a database has failed.
pub(crate) fn ended() -> DbError {
    DbError::Refused("ended by a panic".into())
}

impl Queries {
    /// What the database says within the deadline.
    pub(crate) async fn answer(self: &Arc<Self>, query: Query) -> Outcome {
        let deadline_ms = query.deadline_ms;
        let asked = async {
            match grouping::fits(&query.statements) {
                true => self.groups.make(query, self).await,
                false => self.ask(&query.source, query.statements).await,
            }
        };
        match timeout(Duration::from_millis(deadline_ms), asked).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DbError::Deadline(deadline_ms)),
        }
    }

    /// What the database says, however long it takes.
    pub(crate) async fn ask(&self, source: &Arc<dyn Source>, all: Vec<Statement>) -> Outcome {
        match source.run(all) {
            Way::Waiting(outcome) => outcome.await,
            Way::Blocking(work) => {
                // A thread goes on behind its deadline, and so it keeps its place.
                let place = Arc::clone(&self.blocking).acquire_owned().await;
                let done = task::spawn_blocking(move || {
                    let _place = place;
                    work()
                });
                done.await.unwrap_or_else(|_| Err(ended()))
            }
        }
    }
}
