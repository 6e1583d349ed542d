//! Serves commands that come as datagrams: each is a request, its reply goes to its sender.
//!
//! JSON-RPC, or the text of 1.x: `:COMMAND:`, a parameter a line. Nobody waits for anybody; when
//! too many are under way, datagrams wait in the socket, and the system drops what it cannot keep.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UdpSocket, UnixDatagram};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::datagram_socket::{Opened, SocketFile};
pub use super::datagram_socket::{Place, PlaceError};
use super::frames::{Frame, Frames};
use super::{Management, jsonrpc, text};
use crate::limits::{MI_DATAGRAM, MI_DATAGRAM_PAUSE, MI_REQUEST, MI_REQUESTS, MI_STOP};

/// How commands come and replies are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where commands come to.
    pub place: Place,
    /// How long a reply may take to be sent.
    pub timeout: Duration,
    /// Whether JSON is indented.
    pub pretty: bool,
    /// What stands before a child in the text of 1.x.
    pub indent: String,
}

/// Commands by datagrams.
pub struct DatagramService {
    opened: Opened,
    options: Options,
    management: Arc<Management>,
}

impl DatagramService {
    /// Opens the socket.
    ///
    /// # Errors
    /// When the place is taken, or the system refuses.
    pub fn open(options: Options, management: Arc<Management>) -> Result<Self, PlaceError> {
        Ok(Self { opened: options.place.open()?, options, management })
    }

    /// Serves until told to stop; then finishes what is under way, for a moment.
    pub(crate) async fn serve(self, stop: oneshot::Receiver<()>) {
        let (socket, file) = match Socket::of(self.opened) {
            Ok(pair) => pair,
            Err(error) => return tracing::error!(target: "mi_datagram", "not served: {error}"),
        };
        let Self { options, management, .. } = self;
        let desk = Arc::new(Desk { socket, options, management });
        let mut under_way = JoinSet::new();
        tokio::select! {
            () = read(&desk, &mut under_way) => {}
            _ = stop => {}
        }
        drop(file);
        let _ = timeout(MI_STOP, async { while under_way.join_next().await.is_some() {} }).await;
    }
}

async fn read(desk: &Arc<Desk>, under_way: &mut JoinSet<()>) {
    // One byte more than is allowed says that there were more.
    let mut bytes = vec![0; MI_REQUEST + 1];
    loop {
        let free = under_way.len() < MI_REQUESTS;
        tokio::select! {
            _ = under_way.join_next(), if !under_way.is_empty() => {}
            received = desk.socket.receive(&mut bytes), if free => match received {
                Ok((count, sender)) => {
                    let request = bytes.get(..count).unwrap_or_default().to_vec();
                    under_way.spawn(Arc::clone(desk).serve(request, sender));
                }
                Err(error) => {
                    tracing::warn!(target: "mi_datagram", "a datagram is lost: {error}");
                    sleep(MI_DATAGRAM_PAUSE).await;
                }
            },
        }
    }
}

enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Who has sent a datagram, and gets the reply.
#[derive(Debug)]
enum Sender {
    Udp(SocketAddr),
    Unix(PathBuf),
    /// A unix socket without a path.
    Nobody,
}

impl Socket {
    fn of(opened: Opened) -> io::Result<(Self, Option<SocketFile>)> {
        Ok(match opened {
            Opened::Udp(socket) => (Self::Udp(UdpSocket::from_std(socket)?), None),
            Opened::Unix(socket, file) => (Self::Unix(UnixDatagram::from_std(socket)?), Some(file)),
        })
    }

    async fn receive(&self, bytes: &mut [u8]) -> io::Result<(usize, Sender)> {
        match self {
            Self::Udp(socket) => {
                socket.recv_from(bytes).await.map(|(count, sender)| (count, Sender::Udp(sender)))
            }
            Self::Unix(socket) => socket.recv_from(bytes).await.map(|(count, sender)| {
                let path = sender.as_pathname().map(|path| Sender::Unix(path.to_owned()));
                (count, path.unwrap_or(Sender::Nobody))
            }),
        }
    }

    async fn send(&self, bytes: &[u8], sender: &Sender) -> io::Result<()> {
        match (self, sender) {
            (Self::Udp(socket), Sender::Udp(address)) => {
                socket.send_to(bytes, address).await.map(drop)
            }
            (Self::Unix(socket), Sender::Unix(path)) => socket.send_to(bytes, path).await.map(drop),
            _ => Ok(()),
        }
    }
}

/// Where one request is dealt with.
struct Desk {
    socket: Socket,
    options: Options,
    management: Arc<Management>,
}

impl Desk {
    async fn serve(self: Arc<Self>, request: Vec<u8>, sender: Sender) {
        let desk = Arc::clone(&self);
        let runs = tokio::task::spawn_blocking(move || desk.answer(&request));
        let broken = || Some(jsonrpc::text(&jsonrpc::broken(), self.options.pretty));
        let Some(reply) = runs.await.unwrap_or_else(|_| broken()) else { return };
        let sent = timeout(self.options.timeout, self.socket.send(reply.as_bytes(), &sender));
        let why = match sent.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "nobody reads it".to_owned(),
        };
        tracing::warn!(target: "mi_datagram", "the reply to {sender:?} is given up: {why}");
    }

    /// Runs the command; the text of its reply, if it gets one. May block.
    fn answer(&self, request: &[u8]) -> Option<String> {
        if request.trim_ascii_start().starts_with(b":") {
            return Some(self.text(request));
        }
        let reply = match request.len() {
            0..=MI_REQUEST => jsonrpc::reply(request, |c, p| self.management.run(c, p))?,
            _ => jsonrpc::too_long(MI_REQUEST),
        };
        let text = jsonrpc::text(&reply, self.options.pretty);
        if text.len() <= MI_DATAGRAM {
            return Some(text);
        }
        let told = jsonrpc::too_large(&reply, text.len(), MI_DATAGRAM);
        Some(jsonrpc::text(&told, self.options.pretty))
    }

    /// The same in the text of 1.x.
    fn text(&self, request: &[u8]) -> String {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        frames.push(request.trim_ascii_start(), &mut found);
        frames.finish(&mut found);
        let reply = match found.first() {
            Some(Frame::Text { command, lines, .. }) => {
                let table = self.management.find(command).map_or(&[][..], |known| known.params);
                let answer = self.management.run(command, &text::params(lines, table));
                text::reply(command, &answer, &self.options.indent)
            }
            Some(Frame::TooLong(_)) => text::too_long(MI_REQUEST),
            _ => text::malformed(),
        };
        if reply.len() <= MI_DATAGRAM {
            return reply;
        }
        text::too_large(reply.len(), MI_DATAGRAM)
    }
}
