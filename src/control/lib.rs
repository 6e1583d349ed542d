//! The control plane: executes what runs ask for and answers by mail.
//!
//! One thread with a small tokio runtime. Knows no transaction and no SIP byte; a worker never
//! waits for it.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "the control plane reads clocks")]

#[cfg(test)]
mod database_tests;
mod dns;
mod grouping;
pub mod http;
pub mod limits;
mod locate;
#[cfg(test)]
mod locate_tests;
mod locator;
pub mod mi;
mod query;
mod service;
pub mod sql;
mod writing;

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use sluice_engine::job::{Answer, Job, Mail, Request};
use sluice_engine::later::Later;
use tokio::sync::mpsc;
use tokio::task;

pub use dns::{Dns, DnsOptions};
pub use locate::Reach;
use locator::Reply;
pub use locator::{AskKernel, Locator, NowMs, Routes};
use query::Queries;
pub use service::Service;
pub use sql::SqlDatabases;
use writing::Writers;

/// Wakes a worker that sleeps; by number of worker.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// What is to be done now and then, such as dropping what is left over of reloads. May block.
pub type Sweep = Arc<dyn Fn() + Send + Sync>;

/// The running control plane. Dropped handles end it when all jobs are done.
pub struct Control {
    jobs: mpsc::Sender<Request>,
    thread: JoinHandle<()>,
}

/// A worker's way to the control plane.
#[derive(Clone)]
pub struct Jobs(mpsc::Sender<Request>);

impl Control {
    /// Starts the thread. `wakers` are those of the workers, by number; `sweep` is called every
    /// [`limits::SWEEP`], or when the last one is over if that took longer; `services` take
    /// management commands; what is in `later` is written.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(
        locator: Arc<Locator>,
        wakers: Vec<Waker>,
        sweep: Sweep,
        services: Vec<Service>,
        later: Vec<Arc<Later>>,
    ) -> io::Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // The threads that management commands run in.
        let runtime = runtime.enable_all().thread_name("command").build()?;
        let (jobs, queue) = mpsc::channel(limits::JOBS);
        let thread = Builder::new().name("control".into()).spawn(move || {
            runtime.block_on(async {
                let writers = Writers::start(later);
                serve(queue, locator, wakers.into(), sweep, services).await;
                writers.stop().await;
            });
            // A command that still waits for files or names is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { jobs, thread })
    }

    /// The way that workers send jobs by.
    pub fn jobs(&self) -> Jobs {
        Jobs(self.jobs.clone())
    }

    /// Ends the control plane after the last [`Jobs`] is gone.
    pub fn stop(self) {
        drop(self.jobs);
        if self.thread.join().is_err() {
            tracing::error!(target: "control", "the control plane ended by a panic");
        }
    }
}

impl Jobs {
    /// Hands a job over; never blocks. With a full queue the answer is "failed" at once. Returns
    /// whether the asking worker, which is the caller's, has been given its answer already.
    pub fn send(&self, request: Request) -> bool {
        match self.0.try_send(request) {
            Ok(()) => false,
            Err(error) => {
                let request = error.into_inner();
                let answer = Answer::Failed("the control plane is overloaded".into());
                // The caller is the worker itself, so it is awake.
                let _asleep = request.reply.complete(Mail { key: request.key, answer });
                true
            }
        }
    }
}

async fn serve(
    mut queue: mpsc::Receiver<Request>,
    locator: Arc<Locator>,
    wakers: Arc<[Waker]>,
    sweep: Sweep,
    services: Vec<Service>,
) {
    let services = service::Running::start(services);
    let mut sweeps = tokio::time::interval(limits::SWEEP);
    let mut sweeping: Option<task::JoinHandle<()>> = None;
    let queries = Arc::<Queries>::default();
    let reply: Reply = Arc::new(move |request, answer| complete(request, answer, &wakers));
    loop {
        let request = tokio::select! {
            request = queue.recv() => request,
            _ = sweeps.tick() => {
                if sweeping.as_ref().is_none_or(task::JoinHandle::is_finished) {
                    let sweep = Arc::clone(&sweep);
                    sweeping = Some(task::spawn_blocking(move || sweep()));
                }
                locator.refresh(&reply);
                continue;
            }
        };
        let Some(request) = request else { break };
        match request.job.clone() {
            Job::Locate(place) => locator.begin(place, request, &reply),
            Job::Query(query) => {
                let (queries, reply) = (Arc::clone(&queries), Arc::clone(&reply));
                tokio::spawn(async move {
                    let outcome = queries.answer(query).await;
                    reply(request, Answer::Rows(Arc::new(outcome)));
                });
            }
            Job::Resolve(name) => {
                let (locator, reply) = (Arc::clone(&locator), Arc::clone(&reply));
                tokio::spawn(async move {
                    let answer = match locator.dns().addresses(&name).await {
                        Ok(addresses) => Answer::Addresses(addresses.into()),
                        Err(reason) => Answer::Failed(reason.into()),
                    };
                    reply(request, answer);
                });
            }
        }
    }
    services.stop().await;
    if let Some(sweeping) = sweeping {
        let _ = sweeping.await;
    }
}

/// Hands a run its answer, and wakes its worker where that sleeps.
fn complete(request: Request, answer: Answer, wakers: &[Waker]) {
    let worker = usize::from(request.worker.0);
    if request.reply.complete(Mail { key: request.key, answer })
        && let Some(wake) = wakers.get(worker)
    {
        wake();
    }
}
