//! The driver over real loopback sockets. Nothing here depends on how fast it goes: tests wait for
//! what must come, up to a deadline that only a failure reaches.

use std::collections::HashMap;

use std::net::SocketAddr;

use super::*;
use crate::udp::{UdpOptions, open_group};

const LONG: Option<Duration> = Some(Duration::from_secs(10));

/// A driver of one socket per address, and the addresses that they got.
fn driver(addrs: &[&str]) -> (Driver, Vec<SocketAddr>) {
    let groups: Vec<_> = addrs
        .iter()
        .map(|addr| open_group(addr.parse().unwrap(), 1, &UdpOptions::default()).unwrap())
        .collect();
    let addrs = groups.iter().map(|group| group.addr).collect();
    (Driver::new(groups.into_iter().flat_map(|g| g.sockets).collect()).unwrap(), addrs)
}

/// Receives until so many datagrams came: socket, peer, bytes.
fn collect(driver: &mut Driver, count: usize) -> Vec<(SocketId, SocketAddr, Vec<u8>)> {
    let mut got = Vec::new();
    while got.len() < count {
        driver.poll(LONG).unwrap();
        let before = got.len();
        while let Some((region, datagrams)) = driver.receive() {
            got.extend(datagrams.iter().map(|d| (d.socket, d.peer, d.bytes(region).to_vec())));
        }
        assert!(got.len() > before, "{} of {count} came", got.len());
    }
    got
}

/// Sends each text to `to` by a socket.
fn send(driver: &mut Driver, socket: u16, to: SocketAddr, texts: &[Vec<u8>]) {
    let bytes = texts.concat();
    let mut end = 0;
    let batch: Vec<_> = texts
        .iter()
        .map(|text| {
            let start = end;
            end += text.len() as u32;
            (Target { socket: SocketId(socket), addr: to }, start..end)
        })
        .collect();
    driver.send(&bytes, batch);
}

fn texts(lens: impl IntoIterator<Item = usize>) -> Vec<Vec<u8>> {
    let text = |(n, len)| (0..len).map(|at| (at * 7 + n) as u8).collect();
    lens.into_iter().enumerate().map(text).collect()
}

#[test]
fn every_size_arrives_whole_in_both_families() {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let (mut from, from_addrs) = driver(&[local]);
        let (mut to, to_addrs) = driver(&[local]);
        let sizes = [0, 1, 4, 900, 2_047, 2_048, 2_049, 4_096, 65_506, 65_507, 0, 3];
        let texts = texts(sizes);
        send(&mut from, 0, to_addrs[0], &texts);
        let got = collect(&mut to, sizes.len());
        for ((socket, peer, bytes), text) in got.iter().zip(&texts) {
            assert_eq!((*socket, *peer), (SocketId(0), from_addrs[0]));
            assert!(bytes == text, "{} bytes", text.len());
        }
        assert_eq!(from.counts(), Counts { sent: 12, ..Counts::default() });
        assert_eq!(to.counts(), Counts { received: 12, ..Counts::default() });
    }
}

#[test]
fn a_lone_datagram_goes_alone() {
    let (mut one, addrs) = driver(&["127.0.0.1:0"]);
    send(&mut one, 0, addrs[0], &[b"to myself".to_vec()]);
    assert_eq!(collect(&mut one, 1), [(SocketId(0), addrs[0], b"to myself".to_vec())]);
}

#[test]
fn a_socket_is_read_to_its_end_after_one_event() {
    let (mut from, _) = driver(&["127.0.0.1:0"]);
    let (mut to, addrs) = driver(&["127.0.0.1:0"]);
    send(&mut from, 0, addrs[0], &texts(vec![100; 150]));
    for expected in [64, 64, 22] {
        to.poll(LONG).unwrap();
        assert_eq!(to.receive().map(|(_, datagrams)| datagrams.len()), Some(expected));
        assert!(to.receive().is_none(), "one batch per poll");
    }
    to.poll(Some(Duration::ZERO)).unwrap();
    assert!(to.receive().is_none(), "an empty socket is not asked");
    assert_eq!(to.counts(), Counts { received: 150, ..Counts::default() });
    send(&mut from, 0, addrs[0], &texts([5]));
    assert_eq!(collect(&mut to, 1).len(), 1);
}

#[test]
fn a_full_socket_starves_no_other() {
    let (mut from, _) = driver(&["127.0.0.1:0", "[::1]:0"]);
    let (mut to, addrs) = driver(&["127.0.0.1:0", "[::1]:0"]);
    send(&mut from, 0, addrs[0], &texts(vec![100; 200]));
    to.poll(LONG).unwrap();
    assert!(to.receive().is_some_and(|(_, datagrams)| datagrams.len() == 64));
    send(&mut from, 1, addrs[1], &texts([1]));
    while to.ports[1].io.peek_from(&mut [0]).is_err() {
        std::thread::yield_now();
    }
    to.poll(LONG).unwrap();
    let mut order = Vec::new();
    while let Some((_, datagrams)) = to.receive() {
        order.push((datagrams[0].socket.0, datagrams.len()));
    }
    assert_eq!(order, [(0, 64), (1, 1)]);
}

#[test]
fn a_shared_address_is_spread_over_its_sockets() {
    let group = open_group("127.0.0.1:0".parse().unwrap(), 2, &UdpOptions::default()).unwrap();
    let mut workers: Vec<_> =
        group.sockets.into_iter().map(|socket| Driver::new(vec![socket]).unwrap()).collect();
    let senders: Vec<_> =
        (0..100).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for round in 0..2u8 {
        for sender in &senders {
            sender.send_to(&[round], group.addr).unwrap();
        }
    }
    let mut landed = HashMap::new();
    while workers.iter().map(|worker| worker.counts().received).sum::<u64>() < 200 {
        for (n, worker) in workers.iter_mut().enumerate() {
            worker.poll(Some(Duration::from_millis(1))).unwrap();
            while let Some((_, datagrams)) = worker.receive() {
                for datagram in datagrams {
                    landed.entry(datagram.peer).or_insert_with(Vec::new).push(n);
                }
            }
        }
    }
    assert!(workers.iter().all(|worker| worker.counts().received > 0));
    assert_eq!(landed.len(), 100);
    assert!(landed.values().all(|at| matches!(at[..], [a, b] if a == b)), "a sender stays");
}

#[test]
fn a_waker_ends_a_sleep() {
    let (mut driver, _) = driver(&["127.0.0.1:0"]);
    let waker = driver.waker();
    std::thread::scope(|scope| {
        scope.spawn(|| driver.poll(None).unwrap());
        waker.wake().unwrap();
    });
}

#[test]
fn what_waits_goes_first_once_the_socket_is_writable() {
    let (mut from, _) = driver(&["127.0.0.1:0"]);
    let (mut to, addrs) = driver(&["127.0.0.1:0"]);
    // As if the kernel had turned this one away.
    assert!(from.ports[0].backlog.keep(addrs[0], b"first"));
    from.blocked.push(0);
    send(&mut from, 0, addrs[0], &[b"second".to_vec(), b"third".to_vec()]);
    assert_eq!(from.counts(), Counts { send_waited: 2, ..Counts::default() });
    from.poll(LONG).unwrap();
    send(&mut from, 0, addrs[0], &[b"fourth".to_vec()]);
    let got: Vec<_> = collect(&mut to, 4).into_iter().map(|(_, _, bytes)| bytes).collect();
    assert_eq!(got, [&b"first"[..], b"second", b"third", b"fourth"]);
    assert_eq!(from.counts(), Counts { sent: 4, send_waited: 2, ..Counts::default() });
    from.poll(Some(Duration::ZERO)).unwrap();
    assert!(from.events.is_empty(), "writability is no longer asked for");
}

#[test]
fn what_finds_no_room_to_wait_is_dropped_and_counted() {
    let (mut from, addrs) = driver(&["127.0.0.1:0"]);
    assert!(from.ports[0].backlog.keep(addrs[0], b"first"));
    send(&mut from, 0, addrs[0], &texts(vec![1; crate::limits::BACKLOG_DATAGRAMS]));
    assert_eq!((from.counts().send_waited, from.counts().send_dropped), (1_023, 1));
}

#[test]
fn a_send_that_cannot_be_is_counted() {
    let (mut driver, addrs) = driver(&["127.0.0.1:0"]);
    let nowhere = ([127, 0, 0, 1], 0).into();
    send(&mut driver, 0, nowhere, &texts([5]));
    assert_eq!(driver.take_failure().unwrap().to, nowhere);
    assert!(driver.take_failure().is_none());
    send(&mut driver, 7, addrs[0], &texts([5, 5]));
    driver.send(b"short", [(Target { socket: SocketId(0), addr: addrs[0] }, 3..9)]);
    assert_eq!(driver.counts(), Counts { send_failed: 4, ..Counts::default() });
    assert_eq!(driver.kernel_drops().unwrap(), 0);
}

#[test]
fn what_does_not_arrive_comes_back() {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let group = open_group(local.parse().unwrap(), 1, &UdpOptions::default()).unwrap();
        let mut from = Driver::new(group.sockets).unwrap();
        let closed = std::net::UdpSocket::bind(local).unwrap().local_addr().unwrap();
        let texts = texts([100, 300]);
        send(&mut from, 0, closed, &texts);
        let mut lost = Vec::new();
        while lost.len() < 2 {
            from.poll(LONG).unwrap();
            while from.receive().is_some() {}
            lost.extend(std::iter::from_fn(|| from.take_lost()));
        }
        let whole = |(text, lost): (&Vec<u8>, &Undelivered)| text[..] == lost.bytes[..];
        assert!(texts.iter().zip(&lost).all(whole), "{local}");
        assert!(lost.iter().all(|lost| lost.to == Some(closed)), "{local}");
        assert_eq!(from.counts().unreachable, 2);
        from.poll(Some(Duration::ZERO)).unwrap();
        assert_eq!(from.take_lost(), None);
    }
}

#[test]
fn what_the_system_refuses_to_send_comes_back() {
    let (mut from, _) = driver(&["0.0.0.0:0"]);
    // Broadcasts need an option that nobody has set.
    send(&mut from, 0, "255.255.255.255:9".parse().unwrap(), &texts([50]));
    let lost = from.take_lost().map(|lost| (lost.bytes, lost.to));
    assert_eq!(lost, Some((texts([50])[0][..].into(), None)));
    assert_eq!((from.take_lost(), from.counts().send_failed), (None, 1));
}
