//! TCP of the gateway: what the script says of it, and the parts that workers share.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use sluice_base::SocketId;
use sluice_base::wake::Wake;
use sluice_control::mi;
use sluice_engine::sockets::Sockets;
use sluice_net::Clock;
use sluice_net::driver::Driver;
use sluice_net::stream::directory::{ConnectionId, Listed};
use sluice_net::stream::open::{Listeners, open_listeners};
use sluice_net::stream::post::{Sleeper, posts};
use sluice_net::stream::{Directory, Setup, StreamOptions};
use sluice_script::Script;
use sluice_script::ir::Setting;

/// Listeners that are open and that no worker has yet.
pub(super) struct Streams {
    options: Arc<StreamOptions>,
    /// By worker.
    listeners: Vec<Listeners>,
}

impl Streams {
    /// Opens the listeners of the script for so many workers.
    pub fn open(script: &Script, sockets: &Sockets, workers: usize) -> Result<Self> {
        let options = Arc::new(options(script));
        let mut listeners: Vec<Listeners> = (0..workers).map(|_| Vec::new()).collect();
        let streams = sockets.listen.iter().enumerate().filter(|(_, l)| l.proto.is_reliable());
        for (at, listen) in streams {
            let group = open_listeners(listen.addr, workers, &options)?;
            for (of_worker, listener) in listeners.iter_mut().zip(group) {
                of_worker.push((SocketId(at as u16), listener));
            }
        }
        Ok(Self { options, listeners })
    }

    /// Gives each worker's driver its listeners; `words` are the workers' wake words. What can be
    /// seen of the connections.
    pub fn join(
        self,
        drivers: &mut [Driver],
        words: impl Iterator<Item = Arc<Wake>>,
        clock: Clock,
    ) -> Result<Connections> {
        let directory = Arc::new(Directory::new());
        let lifetime_s = self.options.lifetime_ms / 1_000;
        let connections = Connections { directory: Arc::clone(&directory), lifetime_s, clock };
        if self.listeners.iter().all(Vec::is_empty) {
            return Ok(connections);
        }
        let sleeper = |(driver, wake): (&Driver, _)| Sleeper { wake, waker: driver.waker() };
        let posts = posts(drivers.iter().zip(words).map(sleeper).collect());
        for ((driver, listeners), post) in drivers.iter_mut().zip(self.listeners).zip(posts) {
            let (options, directory) = (Arc::clone(&self.options), Arc::clone(&directory));
            let setup = Setup { listeners, options, directory, post, clock };
            driver.add_streams(setup).context("worker's listeners")?;
        }
        Ok(connections)
    }
}

/// The connections of all workers, from outside.
pub(super) struct Connections {
    directory: Arc<Directory>,
    lifetime_s: u64,
    clock: Clock,
}

impl Connections {
    /// All of them, by worker.
    pub fn list(&self, sockets: &Sockets) -> Vec<mi::Connection> {
        let now = self.clock.now();
        let wall_s = now.wall_us / 1_000_000;
        let mono_s = now.mono_us / 1_000_000;
        let show = |listed: Listed| {
            let socket = sockets.get(listed.socket)?;
            let idle_s = mono_s.saturating_sub(u64::from(listed.active_s));
            let ConnectionId { worker, key } = listed.id;
            Some(mi::Connection {
                id: u64::from(key.slot) << 8 | u64::from(worker.0),
                proto: socket.proto.lower(),
                peer: listed.peer,
                local: socket.addr,
                outgoing: listed.outgoing,
                until_s: (wall_s + self.lifetime_s).saturating_sub(idle_s),
                aliases: listed.aliases,
            })
        };
        self.directory.list().into_iter().filter_map(show).collect()
    }
}

/// The globals `tcp_*` and the parameters of `proto_tcp`.
fn options(script: &Script) -> StreamOptions {
    let mut options = StreamOptions::default();
    for global in &script.globals {
        if let Setting::Int(value) = global.value {
            set_global(&mut options, global.name, value);
        }
    }
    for param in script.params.iter().filter(|param| param.module == "proto_tcp") {
        if let Setting::Int(value) = param.value {
            set_param(&mut options, param.name, value);
        }
    }
    options
}

fn set_global(options: &mut StreamOptions, name: &str, value: i64) {
    let number = u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    let seconds = Duration::from_secs(u64::from(number));
    let millis = u64::from(number) * 1_000;
    match name {
        "tcp_max_connections" => options.connections_max = number as usize,
        "tcp_connect_timeout" => options.connect_ms = u64::from(number),
        "tcp_connection_lifetime" => options.lifetime_ms = millis,
        "tcp_max_msg_time" => options.message_ms = millis,
        "tcp_send_timeout" => options.send_ms = millis,
        "tcp_accept_aliases" => options.aliases = value != 0,
        "tcp_socket_backlog" => options.backlog = i32::try_from(number).unwrap_or(i32::MAX),
        "tcp_keepalive" => options.keepalive.on = value != 0,
        "tcp_keepcount" => options.keepalive.count = Some(number).filter(|n| *n > 0),
        "tcp_keepidle" => options.keepalive.idle = Some(seconds).filter(|s| !s.is_zero()),
        "tcp_keepinterval" => options.keepalive.interval = Some(seconds).filter(|s| !s.is_zero()),
        _ => {}
    }
}

fn set_param(options: &mut StreamOptions, name: &str, value: i64) {
    let number = u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    match name {
        "tcp_send_timeout" => options.send_ms = u64::from(number),
        "tcp_max_msg_chunks" => options.chunks_max = Some(number).filter(|n| *n > 0),
        "tcp_async_max_postponed_chunks" => options.postponed_max = number.max(1) as usize,
        "tcp_crlf_pingpong" => options.pong = value != 0,
        _ => {}
    }
}
