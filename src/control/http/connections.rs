//! The connections of the HTTP service: accepted, bounded, ended.
//!
//! At the limit a connection for which nothing is done makes room for a new one, first of all those
//! that have never got an answer: so whoever holds many open, or sends requests without an end,
//! keeps nobody out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{sleep, timeout};

use super::patience::Patient;
use crate::limits::{HTTP_BUFFER, HTTP_CONNECTIONS, HTTP_PAUSE, HTTP_REPLY_TOTAL, MI_STOP};

/// What is told to whom there is no room for.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Serves until told to stop; then lets requests under way end, for a moment.
pub(super) async fn serve(
    listener: TcpListener,
    pages: Router,
    idle: Option<Duration>,
    stop: oneshot::Receiver<()>,
) {
    let (ending, ends) = watch::channel(());
    let mut open = Open { tasks: JoinSet::new(), slots: HashMap::new() };
    tokio::select! {
        () = accept(&listener, &mut open, &pages, idle, &ends) => {}
        _ = stop => {}
    }
    drop((listener, ending));
    let _ = timeout(MI_STOP, async { while open.tasks.join_next().await.is_some() {} }).await;
}

async fn accept(
    listener: &TcpListener,
    open: &mut Open,
    pages: &Router,
    idle: Option<Duration>,
    ends: &watch::Receiver<()>,
) {
    loop {
        tokio::select! {
            Some(ended) = open.tasks.join_next_with_id(), if !open.tasks.is_empty() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                open.slots.remove(&id);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => open.take(stream, peer, pages, idle, ends),
                Err(error) => {
                    tracing::warn!(target: "httpd", "a connection is lost: {error}");
                    sleep(HTTP_PAUSE).await;
                }
            },
        }
    }
}

/// What can be seen of a connection. Each of its requests carries it as an extension.
#[derive(Default)]
pub(super) struct Activity {
    /// Something is done for it.
    busy: AtomicBool,
    /// Something has been done for it.
    served: AtomicBool,
}

/// While it lasts, something is done for a connection.
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    pub(super) fn with(activity: Arc<Activity>) -> Self {
        activity.busy.store(true, Ordering::Relaxed);
        Self(activity)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.served.store(true, Ordering::Relaxed);
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

/// The connections that are open.
struct Open {
    tasks: JoinSet<()>,
    slots: HashMap<Id, (Arc<Activity>, AbortHandle)>,
}

impl Open {
    fn take(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        pages: &Router,
        idle: Option<Duration>,
        ends: &watch::Receiver<()>,
    ) {
        if self.slots.len() >= HTTP_CONNECTIONS && !self.make_room() {
            tracing::warn!(target: "httpd", "no room for a connection from {peer}");
            if self.tasks.len() < HTTP_CONNECTIONS * 2 {
                self.tasks.spawn(refuse(stream));
            }
            return;
        }
        let activity = Arc::<Activity>::default();
        let seen = Arc::clone(&activity);
        let task = self.tasks.spawn(connection(stream, pages.clone(), idle, seen, ends.clone()));
        self.slots.insert(task.id(), (activity, task));
    }

    /// Closes a connection that does nothing; whether there was one.
    fn make_room(&mut self) -> bool {
        let resting = self.slots.iter().filter(|(_, (of, _))| !of.busy.load(Ordering::Relaxed));
        let least = resting.min_by_key(|(id, (of, _))| {
            // Numbers of tasks only grow: of two the lower one is older.
            (of.served.load(Ordering::Relaxed), **id)
        });
        let Some(id) = least.map(|(id, _)| *id) else { return false };
        if let Some((_, task)) = self.slots.remove(&id) {
            task.abort();
        }
        true
    }
}

/// Tells that there is no room. A request that is there is read: who has sent what nobody has read
/// may not see an answer.
async fn refuse(stream: TcpStream) {
    if timeout(HTTP_PAUSE, stream.readable()).await.is_ok() {
        let _ = stream.try_read(&mut [0; HTTP_BUFFER]);
    }
    let _ = stream.try_write(FULL);
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    pages: Router,
    idle: Option<Duration>,
    activity: Arc<Activity>,
    mut ends: watch::Receiver<()>,
) {
    let pages = TowerToHyperService::new(pages);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&activity));
        pages.call(request)
    });
    let stream = TokioIo::new(Patient::new(stream, HTTP_REPLY_TOTAL));
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HTTP_BUFFER);
    let mut serving = std::pin::pin!(builder.serve_connection(stream, service));
    let served = tokio::select! {
        served = &mut serving => served,
        _ = ends.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(target: "httpd", "a connection ended: {error}");
    }
}
