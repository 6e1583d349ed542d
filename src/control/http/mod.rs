//! HTTP for management: the pages of `mi_http` and `prometheus`, at the address of `httpd`.
//!
//! Serves a bounded number of connections, none of them for longer than its deadlines allow, on
//! the control plane: commands run in threads of their own. Knows no module.

mod connections;
mod pages;
mod patience;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::mi::Management;
use crate::mi::metrics::MetricsOptions;

/// What is served, and how.
#[derive(Clone)]
pub struct HttpOptions {
    /// Where it listens: at the first of these that there is.
    pub addresses: Vec<SocketAddr>,
    /// How long a connection may stay without a whole head of a request; `None` for ever.
    pub idle: Option<Duration>,
    /// Longest body of a request, bytes.
    pub request_max: usize,
    /// Longest body of a reply, bytes.
    pub reply_max: usize,
    /// Who may ask: name and password, and the realm that is told to others.
    pub login: Option<Login>,
    /// The page of management commands.
    pub commands: Option<CommandsPage>,
    /// The page of metrics.
    pub metrics: Option<MetricsPage>,
}

/// HTTP Basic authentication (RFC 7617).
#[derive(Clone)]
pub struct Login {
    /// The realm that is asked for.
    pub realm: String,
    /// Name and password, joined by a colon.
    pub credentials: String,
}

/// Where management commands are posted to.
#[derive(Clone)]
pub struct CommandsPage {
    /// The path without its slash.
    pub root: String,
    /// Whether JSON is indented.
    pub pretty: bool,
}

/// Where metrics are.
#[derive(Clone)]
pub struct MetricsPage {
    /// The path without its slash.
    pub root: String,
    /// What is shown, and by which names.
    pub options: MetricsOptions,
}

/// The open socket and what is served there.
pub struct HttpService {
    listener: TcpListener,
    options: HttpOptions,
    management: Arc<Management>,
}

impl HttpService {
    /// Opens the socket.
    ///
    /// # Errors
    /// When the address is taken, or the system refuses.
    pub fn open(options: HttpOptions, management: Arc<Management>) -> io::Result<Self> {
        let listener = TcpListener::bind(&*options.addresses)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, options, management })
    }

    /// Serves until told to stop; then finishes what is under way, for a moment.
    pub(crate) async fn serve(self, stop: oneshot::Receiver<()>) {
        let idle = self.options.idle;
        let pages = pages::router(self.options, self.management);
        match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => connections::serve(listener, pages, idle, stop).await,
            Err(error) => tracing::error!(target: "httpd", "not served: {error}"),
        }
    }
}
