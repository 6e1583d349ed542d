//! Asks databases for the runs that wait: each question has its deadline, and a database that
//! blocks takes a bounded number of threads.

use std::sync::Arc;
use std::time::Duration;

use sluice_engine::db::{DbError, Outcome, Query, Way};
use tokio::sync::Semaphore;
use tokio::task;
use tokio::time::timeout;

use crate::limits;

/// See the file's head.
pub(crate) struct Queries {
    blocking: Arc<Semaphore>,
}

impl Default for Queries {
    fn default() -> Self {
        Self { blocking: Arc::new(Semaphore::new(limits::BLOCKING_QUERIES)) }
    }
}

impl Queries {
    /// What the database says within the deadline.
    pub(crate) async fn answer(&self, query: Query) -> Outcome {
        let deadline_ms = query.deadline_ms;
        let asked = self.ask(query);
        match timeout(Duration::from_millis(deadline_ms), asked).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DbError::Deadline(deadline_ms)),
        }
    }

    async fn ask(&self, query: Query) -> Outcome {
        match query.source.run(query.statements) {
            Way::Waiting(outcome) => outcome.await,
            Way::Blocking(work) => {
                // A thread goes on behind its deadline, and so it keeps its place.
                let place = Arc::clone(&self.blocking).acquire_owned().await;
                let done = task::spawn_blocking(move || {
                    let _place = place;
                    work()
                });
                done.await.unwrap_or_else(|_| Err(DbError::Refused("ended by a panic".into())))
            }
        }
    }
}
