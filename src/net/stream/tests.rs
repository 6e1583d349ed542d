//! Streams of two workers in one thread, over loopback sockets.
#![allow(clippy::disallowed_methods, reason = "tests wait for the system")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener as Listener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_base::wake::Wake;
use sluice_base::{SocketId, StreamEvent, Target};

use super::connection::{Connection, State};
use super::open::open_listeners;
use super::post::{Sleeper, posts};
use super::{Counts, Directory, Setup, StreamOptions};
use crate::Clock;
use crate::driver::Driver;
use crate::limits::STALE_MS;

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    workers: Vec<Driver>,
    directory: Arc<Directory>,
    addr: SocketAddr,
    counts: Counts,
}

impl World {
    fn new(workers: usize, options: StreamOptions) -> Self {
        let (options, directory) = (Arc::new(options), Arc::new(Directory::new()));
        let addr = free();
        let listeners = open_listeners(addr, workers, &options).unwrap();
        let mut drivers: Vec<Driver> =
            (0..workers).map(|_| Driver::new(Vec::new()).unwrap()).collect();
        let sleeper = |d: &Driver| Sleeper { wake: Arc::new(Wake::new()), waker: d.waker() };
        let posts = posts(drivers.iter().map(sleeper).collect());
        let clock = Clock::start();
        for ((driver, listener), post) in drivers.iter_mut().zip(listeners).zip(posts) {
            let setup = Setup {
                listeners: vec![(SOCKET, listener)],
                options: Arc::clone(&options),
                directory: Arc::clone(&directory),
                post,
                clock,
            };
            driver.add_streams(setup).unwrap();
        }
        Self { workers: drivers, directory, addr, counts: [0; StreamEvent::ALL.len()] }
    }

    /// Goes round once; the messages that came, with the workers they came to.
    fn round(&mut self) -> Vec<(usize, SocketAddr, Vec<u8>)> {
        let mut all = Vec::new();
        for (at, driver) in self.workers.iter_mut().enumerate() {
            driver.poll(Some(Duration::from_millis(1))).unwrap();
            while let Some(frames) = driver.receive_frames() {
                let message = |frame: &sluice_base::Datagram| {
                    (at, frame.peer, frame.bytes(frames.region).to_vec())
                };
                all.extend(frames.messages.iter().map(message));
            }
            let counts = driver.streams().unwrap().take_counts();
            for (sum, count) in self.counts.iter_mut().zip(counts.into_iter().flatten()) {
                *sum += count;
            }
        }
        all
    }

    /// Goes round until a message comes.
    fn next(&mut self) -> (usize, SocketAddr, Vec<u8>) {
        let mut come = self.until(|_, messages| !messages.is_empty());
        assert_eq!(come.len(), 1);
        come.remove(0)
    }

    fn until(
        &mut self,
        wanted: impl Fn(&Self, &[(usize, SocketAddr, Vec<u8>)]) -> bool,
    ) -> Vec<(usize, SocketAddr, Vec<u8>)> {
        let (end, mut messages) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            messages.extend(self.round());
            if wanted(self, &messages) {
                return messages;
            }
            assert!(Instant::now() < end, "it does not come: {:?}", self.named());
        }
    }

    fn await_count(&mut self, event: StreamEvent, count: u64) {
        self.until(|world, _| world.count(event) >= count);
        assert_eq!(self.count(event), count, "{event:?}");
    }

    fn count(&self, event: StreamEvent) -> u64 {
        self.counts[event as usize]
    }

    fn named(&self) -> Vec<(StreamEvent, u64)> {
        let all = StreamEvent::ALL.into_iter().zip(self.counts);
        all.filter(|(_, count)| *count > 0).collect()
    }

    fn send(&mut self, worker: usize, to: SocketAddr, bytes: &[u8]) {
        let whole: Range<u32> = 0..bytes.len() as u32;
        self.workers[worker].send(bytes, [(Target { socket: SOCKET, addr: to }, whole)]);
    }

    fn returned(&mut self, worker: usize) -> Option<Vec<u8>> {
        self.workers[worker].streams().unwrap().take_returned().map(Vec::from)
    }
}

const SOCKET: SocketId = SocketId(0);

fn free() -> SocketAddr {
    Listener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn message(n: usize) -> Vec<u8> {
    format!("OPTIONS sip:{n} SIP/2.0\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn accept(listener: &Listener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn two_workers_open_one_connection_and_both_use_it() {
    let mut world = World::new(2, StreamOptions::default());
    let peer = Listener::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    world.send(0, to, &message(1));
    world.send(1, to, &message(2));
    world.await_count(StreamEvent::Opened, 1);
    world.round();
    let mut stream = accept(&peer);
    world.round();
    world.round();
    assert_eq!(read(&mut stream, 2 * message(1).len()), [message(1), message(2)].concat());
    // What the peer sends comes to the worker that has opened it.
    stream.write_all(&message(3)).unwrap();
    assert_eq!(world.next(), (0, to, message(3)));
    assert_eq!(world.directory.len(), 1);
    assert!(world.directory.list()[0].outgoing);
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(stream);
    world.await_count(StreamEvent::PeerClosed, 1);
    assert!(world.directory.is_empty());
}

#[test]
fn a_message_without_room_comes_again_and_none_overtakes_it() {
    let mut world = World::new(1, StreamOptions::default());
    let mut stream = TcpStream::connect(world.addr).unwrap();
    let all: Vec<Vec<u8>> = (0..200).map(message).collect();
    stream.write_all(&all.concat()).unwrap();
    let (mut taken, mut turn) = (Vec::new(), 0);
    let end = Instant::now() + PATIENCE;
    while taken.len() < all.len() {
        assert!(Instant::now() < end);
        let driver = &mut world.workers[0];
        driver.poll(Some(Duration::from_millis(5))).unwrap();
        while let Some(frames) = driver.receive_frames() {
            // Each other turn the owner has no room behind the seventh message.
            turn += 1;
            let room = if turn % 2 == 0 { frames.messages.len() } else { 7 };
            let messages = frames.messages.iter().map(|f| f.bytes(frames.region).to_vec());
            taken.extend(messages.take(room));
            let held: Vec<u32> = (room as u32..frames.messages.len() as u32).collect();
            driver.streams().unwrap().hold(&held);
        }
    }
    assert_eq!(taken, all);
    world.round();
    assert!(world.count(StreamEvent::Stopped) > 0);
}

#[test]
fn what_nobody_takes_comes_back() {
    let mut world = World::new(2, StreamOptions::default());
    // A port that was free a moment ago.
    world.send(1, free(), &message(1));
    world.await_count(StreamEvent::ConnectFailed, 1);
    assert_eq!((world.returned(0), world.returned(1)), (None, Some(message(1))));
    // A reply is nobody's, and goes to the sent-by of its Via.
    let peer = Listener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port();
    let reply = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h:{port}\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    world.send(1, free(), reply.as_bytes());
    let mut stream = accept(&peer);
    world.round();
    assert_eq!(read(&mut stream, reply.len()), reply.as_bytes());
    assert_eq!(world.count(StreamEvent::RepliesLost), 0);
    world.send(0, free(), b"SIP/2.0 200 OK\r\n\r\n");
    world.await_count(StreamEvent::Unreachable, 1);
    assert_eq!(world.count(StreamEvent::RepliesLost), 1);
    let nowhere = reply.replace(&port.to_string(), &free().port().to_string());
    world.send(1, free(), nowhere.as_bytes());
    world.await_count(StreamEvent::RepliesLost, 2);
    assert_eq!((world.returned(0), world.returned(1)), (None, None));
}

#[test]
fn a_reply_that_waits_is_lost_with_its_connection_and_counted() {
    let mut world = World::new(1, StreamOptions { send_ms: 200, ..StreamOptions::default() });
    let stream = TcpStream::connect(world.addr).unwrap();
    world.await_count(StreamEvent::Accepted, 1);
    let large = [&b"SIP/2.0 200 OK\r\n"[..], &[b'x'; 60_000]].concat();
    let mut sent = 0;
    // Until more waits than the system takes.
    while world.workers[0].streams().unwrap().outbox_bytes < 2 * large.len() {
        world.send(0, stream.local_addr().unwrap(), &large);
        sent += 1;
    }
    world.await_count(StreamEvent::SlowPeer, 1);
    let lost = world.count(StreamEvent::RepliesLost);
    assert!(lost > 0 && lost < sent, "{lost} of {sent}");
}

#[test]
fn a_message_that_may_open_no_connection_goes_by_one_that_there_is() {
    let mut world = World::new(2, StreamOptions::default());
    let peer = Listener::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    let reply = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP {to}\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    for worker in 0..2 {
        world.workers[worker].streams().unwrap().restrict(&[0]);
        world.send(worker, to, &message(1));
        world.await_count(StreamEvent::NotConnected, 2 * worker as u64 + 1);
        assert_eq!(world.returned(worker), Some(message(1)));
        world.send(worker, free(), reply.as_bytes());
        world.await_count(StreamEvent::RepliesLost, worker as u64 + 1);
    }
    assert_eq!(world.count(StreamEvent::Opened), 0);
    // Another message of a batch may open one.
    world.workers[0].streams().unwrap().restrict(&[7]);
    world.send(0, to, &message(2));
    world.await_count(StreamEvent::Opened, 1);
    let mut stream = accept(&peer);
    for worker in 0..2 {
        world.workers[worker].streams().unwrap().restrict(&[0]);
        world.send(worker, to, &message(3));
    }
    // Also a reply whose own connection is gone: this one leads to its sent-by.
    world.send(1, free(), reply.as_bytes());
    world.round();
    world.round();
    let all = [message(2), message(3), message(3), reply.into_bytes()].concat();
    assert_eq!(read(&mut stream, all.len()), all);
    assert_eq!(world.count(StreamEvent::NotConnected), 4);
}

#[test]
fn a_peer_that_takes_byte_after_byte_has_its_time() {
    let options = StreamOptions::default();
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let io = mio::net::TcpStream::from_std(TcpStream::connect(addr).unwrap());
    let peer = Target { socket: SOCKET, addr };
    let mut connection = Connection::new(io, peer, State::Open, 0);
    connection.outbox.push(&[b'x'; 1_000], None, 1_000);
    for n in 0..100 {
        // It takes a byte each second.
        let now_ms = 1_000 + n * 1_000;
        connection.outbox.advance(1);
        (connection.taken_ms, connection.active_ms) = (now_ms, now_ms);
        let (due_ms, event) = connection.deadline(&options);
        assert_eq!(event, StreamEvent::SlowPeer);
        assert_eq!(due_ms, (now_ms + options.send_ms).min(1_000 + STALE_MS));
    }
}

#[test]
fn a_peer_that_does_not_answer_is_given_up() {
    let options = StreamOptions { connect_ms: 50, ..StreamOptions::default() };
    let mut world = World::new(1, options);
    // A queue that is full: the system drops what asks for more.
    let silent = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    silent.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    silent.listen(0).unwrap();
    let to = silent.local_addr().unwrap().as_socket().unwrap();
    let _waiting = TcpStream::connect(to).unwrap();
    world.send(0, to, &message(1));
    world.await_count(StreamEvent::ConnectSlow, 1);
    assert_eq!(world.returned(0), Some(message(1)));
}

#[test]
fn a_peer_that_takes_nothing_costs_a_bounded_queue_and_then_its_connection() {
    let options = StreamOptions { send_ms: 200, postponed_max: 20, ..StreamOptions::default() };
    let mut world = World::new(1, options);
    let peer = Listener::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    world.send(0, to, &message(0));
    world.await_count(StreamEvent::Opened, 1);
    let _stream = accept(&peer);
    let large = [&message(1)[..], &[b'x'; 60_000]].concat();
    let end = Instant::now() + PATIENCE;
    while world.returned(0).is_none() {
        assert!(Instant::now() < end);
        world.send(0, to, &large);
        world.round();
    }
    assert!(world.count(StreamEvent::OutboxFull) > 0);
    world.await_count(StreamEvent::SlowPeer, 1);
    let back = std::iter::from_fn(|| world.returned(0)).count();
    assert!((1..=20).contains(&back), "{back}");
    assert_eq!(world.workers[0].streams().unwrap().outbox_bytes, 0);
}

#[test]
fn at_the_limit_those_that_said_nothing_make_room() {
    let options = StreamOptions { connections_max: 3, ..StreamOptions::default() };
    let mut world = World::new(1, options);
    let mut proven = TcpStream::connect(world.addr).unwrap();
    proven.write_all(&message(1)).unwrap();
    world.next();
    let silent: Vec<TcpStream> = (0..10).map(|_| TcpStream::connect(world.addr).unwrap()).collect();
    world.await_count(StreamEvent::Accepted, 11);
    assert_eq!((world.count(StreamEvent::Evicted), world.directory.len()), (8, 3));
    proven.write_all(&message(2)).unwrap();
    assert_eq!(world.next().2, message(2));
    // Those that have spoken are not closed for others.
    drop(silent);
    world.await_count(StreamEvent::PeerClosed, 2);
    let mut all: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(world.addr).unwrap()).collect();
    for stream in &mut all {
        stream.write_all(&message(3)).unwrap();
        world.next();
    }
    let refused = TcpStream::connect(world.addr).unwrap();
    world.await_count(StreamEvent::Refused, 1);
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!((&refused).read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn an_alias_is_heard_where_it_shall_be() {
    for aliases in [false, true] {
        let options = StreamOptions { aliases, ..StreamOptions::default() };
        let mut world = World::new(2, options);
        let mut stream = TcpStream::connect(world.addr).unwrap();
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let request = format!(
            "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP {own};branch=z9hG4bK1;alias\r\nFrom: f\r\n\
             To: t\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        world.next();
        for worker in 0..2 {
            world.send(worker, own, &message(worker));
        }
        world.round();
        world.round();
        let mut used = if aliases { stream } else { accept(&listener) };
        used.set_read_timeout(Some(PATIENCE)).unwrap();
        world.round();
        let mut both = [read(&mut used, message(0).len()), read(&mut used, message(1).len())];
        both.sort();
        assert_eq!(both, [message(0), message(1)]);
    }
}

#[test]
fn a_quiet_connection_is_small_and_leaves_no_buffer() {
    assert!(size_of::<Connection>() <= 320, "{}", size_of::<Connection>());
    let mut world = World::new(1, StreamOptions::default());
    let mut streams: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(world.addr).unwrap()).collect();
    for stream in &mut streams {
        stream.write_all(&message(1)[..10]).unwrap();
    }
    world.until(|world, _| world.directory.len() == 100);
    world.round();
    for stream in &mut streams {
        stream.write_all(&message(1)[10..]).unwrap();
    }
    world.until(|_, messages| messages.len() == 100);
    let streams = world.workers[0].streams().unwrap();
    assert_eq!((streams.input_bytes, streams.outbox_bytes), (0, 0));
    assert!(streams.all.iter().all(|(_, connection)| connection.input.capacity() == 0));
}
