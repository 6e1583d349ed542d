//! Serves the FIFO: reads requests, runs each in a task of its own, writes its reply.
//!
//! Nobody waits for anybody: a command may block (it has a thread of its own while it runs), a
//! reply may not be read (it is given up), and others are answered meanwhile. When too many are
//! under way the pipe is read no further, and writers wait.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::fifo::{Fifo, Options};
use super::frames::{Frame, Frames};
use super::{Management, jsonrpc, reply, text};
use crate::limits::{MI_LOOK, MI_READ, MI_REQUEST, MI_REQUESTS, MI_SILENCE, MI_STOP};

/// Commands by a FIFO.
pub struct FifoService {
    /// The pipe.
    pub fifo: Fifo,
    /// Its end for reading.
    pub pipe: File,
    /// What runs the commands.
    pub management: Arc<Management>,
}

impl FifoService {
    /// Serves until told to stop; then finishes what is under way, for a moment.
    pub(crate) async fn serve(self, stop: oneshot::Receiver<()>) {
        let receiver = match Receiver::from_file(self.pipe) {
            Ok(receiver) => receiver,
            Err(error) => return tracing::error!(target: "mi_fifo", "not served: {error}"),
        };
        let desk = Desk { options: self.fifo.options.clone(), management: self.management };
        let mut server = Server { fifo: self.fifo, receiver, desk: Arc::new(desk) };
        let mut under_way = JoinSet::new();
        tokio::select! {
            () = server.read(&mut under_way) => {}
            _ = stop => {}
        }
        // The file goes first, so that nobody writes what nobody will read.
        drop(server);
        let _ = timeout(MI_STOP, async { while under_way.join_next().await.is_some() {} }).await;
    }
}

struct Server {
    fifo: Fifo,
    receiver: Receiver,
    desk: Arc<Desk>,
}

impl Server {
    async fn read(&mut self, under_way: &mut JoinSet<()>) {
        let mut bytes = vec![0; MI_READ];
        let (mut frames, mut requests) = (Frames::default(), Vec::new());
        let mut silent_at = Instant::now();
        let mut look = interval(MI_LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let free = under_way.len() < MI_REQUESTS;
            tokio::select! {
                _ = under_way.join_next(), if !under_way.is_empty() => {}
                read = receive(&self.receiver, &mut bytes), if free => match read {
                    Ok(count) => {
                        frames.push(bytes.get(..count).unwrap_or_default(), &mut requests);
                        silent_at = Instant::now() + MI_SILENCE;
                    }
                    Err(error) => {
                        return tracing::error!(target: "mi_fifo", "no longer served: {error}");
                    }
                },
                () = sleep_until(silent_at), if frames.is_pending() => frames.finish(&mut requests),
                _ = look.tick() => self.look(),
            }
            for request in requests.drain(..) {
                while under_way.len() >= MI_REQUESTS {
                    under_way.join_next().await;
                }
                under_way.spawn(Arc::clone(&self.desk).serve(request));
            }
        }
    }

    /// Makes the file anew when it has been removed.
    fn look(&mut self) {
        if self.fifo.is_there() {
            return;
        }
        let made = self.fifo.create_again().map_err(|error| error.to_string());
        match made.and_then(|file| Receiver::from_file(file).map_err(|error| error.to_string())) {
            Ok(receiver) => {
                tracing::warn!(target: "mi_fifo", "the FIFO was removed; it is made anew");
                self.receiver = receiver;
            }
            Err(error) => tracing::error!(target: "mi_fifo", "the FIFO was removed; {error}"),
        }
    }
}

async fn receive(receiver: &Receiver, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        receiver.readable().await?;
        match receiver.try_read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

/// Where one request is dealt with.
struct Desk {
    options: Options,
    management: Arc<Management>,
}

impl Desk {
    async fn serve(self: Arc<Self>, request: Frame) {
        let request = self.as_meant(request);
        let Some(name) = reply_name(&request).map(str::to_owned) else {
            return tracing::debug!(target: "mi_fifo", "bytes that are no request");
        };
        let given_up = |why| {
            tracing::warn!(target: "mi_fifo", "a request is given up: {why}");
        };
        // As there, a command whose reply nobody could get is not run.
        let sender = match name.as_str() {
            "" => None,
            name => match reply::open(&self.options.reply_dir, name).await {
                Ok(sender) => Some(sender),
                Err(why) => return given_up(why),
            },
        };
        let runs = tokio::task::spawn_blocking(move || self.answer(&request));
        let Ok(text) = runs.await else {
            return given_up("the command panicked".to_owned());
        };
        if let (Some(sender), Some(text)) = (sender, text)
            && let Err(why) = reply::write(&sender, text.as_bytes()).await
        {
            tracing::warn!(target: "mi_fifo", "the reply to {name} is given up: {why}");
        }
    }

    /// `:x:y` looks like a command of 1.x; when `x` is none, but the name of a reply FIFO, then
    /// `y` should have been JSON.
    fn as_meant(&self, request: Frame) -> Frame {
        match request {
            Frame::Text { command, reply, lines }
                if lines.is_empty()
                    && self.management.find(&command).is_none()
                    && reply::exists(&self.options.reply_dir, &command) =>
            {
                Frame::Json { reply: command, body: reply }
            }
            other => other,
        }
    }

    /// Runs the command; the text of its reply, if it gets one. May block.
    fn answer(&self, request: &Frame) -> Option<String> {
        let Options { pretty, indent, .. } = &self.options;
        match request {
            Frame::Json { body, .. } => {
                let run = |command: &str, params: &_| self.management.run(command, params);
                jsonrpc::reply(body.as_bytes(), run).map(|reply| jsonrpc::text(&reply, *pretty))
            }
            Frame::Text { command, lines, .. } => {
                let table = self.management.find(command).map_or(&[][..], |known| known.params);
                let answer = self.management.run(command, &text::params(lines, table));
                Some(text::reply(command, &answer, indent))
            }
            Frame::TooLong(begun) => Some(match begun.as_ref() {
                Frame::Text { .. } => text::too_long(MI_REQUEST),
                _ => jsonrpc::text(&jsonrpc::too_long(MI_REQUEST), *pretty),
            }),
            Frame::Stray => None,
        }
    }
}

fn reply_name(request: &Frame) -> Option<&str> {
    match request {
        Frame::Json { reply, .. } | Frame::Text { reply, .. } => Some(reply),
        Frame::TooLong(begun) => reply_name(begun),
        Frame::Stray => None,
    }
}
