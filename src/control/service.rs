//! What management comes by, and how all of it runs and ends.

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::http::HttpService;
use crate::mi::FifoService;
use crate::mi::datagram::DatagramService;

/// A way for management commands; made before the program gives up its rights.
pub enum Service {
    /// A named pipe.
    Fifo(FifoService),
    /// A UDP or unix socket.
    Datagram(DatagramService),
    /// A TCP socket that speaks HTTP.
    Http(Box<HttpService>),
}

impl Service {
    /// Serves until `stop` is sent or dropped; then finishes what is under way, for a moment.
    async fn serve(self, stop: oneshot::Receiver<()>) {
        match self {
            Self::Fifo(fifo) => fifo.serve(stop).await,
            Self::Datagram(datagram) => datagram.serve(stop).await,
            Self::Http(http) => http.serve(stop).await,
        }
    }
}

/// The services under way.
pub(crate) struct Running(Vec<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Running {
    pub(crate) fn start(services: Vec<Service>) -> Self {
        let start = |service: Service| {
            let (stop, stopped) = oneshot::channel();
            (stop, tokio::spawn(service.serve(stopped)))
        };
        Self(services.into_iter().map(start).collect())
    }

    /// Ends them all, and waits until they have ended.
    pub(crate) async fn stop(self) {
        let (stops, tasks): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        drop(stops);
        for task in tasks {
            let _ = task.await;
        }
    }
}
