//! Makes the changes of databases that nobody waits for ([`Later`]): many at once, in order. A
//! database that is away is asked again later, and its changes are kept meanwhile; what it refuses
//! is told and counted.

use std::sync::Arc;

use sluice_engine::db::{DbError, Outcome, Statement, Way};
use sluice_engine::later::Later;
use tokio::sync::{Notify, watch};
use tokio::task::{self, JoinSet};
use tokio::time::{sleep, timeout};

use crate::limits;

/// The tasks that write, one for each database.
pub(crate) struct Writers {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Writers {
    /// Begins to write. To be called within the runtime.
    pub(crate) fn start(queues: Vec<Arc<Later>>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for later in queues {
            let wake = Arc::new(Notify::new());
            let raise = Arc::clone(&wake);
            later.on_write(Box::new(move || raise.notify_one()));
            tasks.spawn(write(later, wake, stopped.clone()));
        }
        Self { tasks, stop }
    }

    /// Writes what is left, as long as [`limits::LAST_WRITES`] lasts.
    pub(crate) async fn stop(mut self) {
        // Nobody listens where there is no database.
        let _ = self.stop.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(limits::LAST_WRITES, all).await.is_err() {
            tracing::error!(target: "db", "changes are left that no database has taken");
        }
    }
}

async fn write(later: Arc<Later>, wake: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
    let mut batch = Vec::new();
    let mut pause = limits::WRITE_AGAIN;
    loop {
        later.take(&mut batch);
        if batch.is_empty() {
            if *stopped.borrow() {
                return;
            }
            tokio::select! {
                () = wake.notified() => {}
                _ = stopped.changed() => {}
            }
            continue;
        }
        let before = batch.len();
        batch = attempt(&later, batch).await;
        if batch.len() < before {
            pause = limits::WRITE_AGAIN;
        } else {
            sleep(pause).await;
            pause = (pause * 2).min(limits::WRITE_AGAIN_MAX);
        }
    }
}

/// Tries changes once; those to be tried again, which is none or all from one on.
async fn attempt(later: &Later, mut batch: Vec<Statement>) -> Vec<Statement> {
    let (mut written, mut lost) = (0, 0);
    let (mut again, mut refused) = (batch.len(), None);
    for (at, outcome) in each(later, batch.clone()).await.into_iter().enumerate() {
        match outcome {
            Ok(_) => written += 1,
            Err(DbError::Unreachable(_) | DbError::Deadline(_)) => {
                again = at;
                break;
            }
            Err(error) => {
                lost += 1;
                refused = refused.or(Some(error));
            }
        }
    }
    later.count(written, lost);
    if let Some(error) = refused {
        let name = later.source().name();
        tracing::error!(target: "db", "{name}: {lost} changes were not made, the first: {error}");
    }
    batch.drain(..again);
    batch
}

async fn each(later: &Later, batch: Vec<Statement>) -> Vec<Outcome> {
    let all = |error: DbError, of: usize| vec![Err(error); of];
    let statements = batch.len();
    match later.source().each(batch) {
        Way::Waiting(outcomes) => timeout(limits::WRITE, outcomes).await.unwrap_or_else(|_| {
            all(DbError::Deadline(limits::WRITE.as_millis() as u64), statements)
        }),
        // A thread cannot be called back: its changes would be made twice.
        Way::Blocking(work) => task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| all(DbError::Refused("ended by a panic".into()), statements)),
    }
}
