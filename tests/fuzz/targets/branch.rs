//! Any text as a Via, and as the branch of one that could be ours: how it is read, where a reply by
//! it goes, what a request with it is forwarded with.

use std::cell::RefCell;

use sluice_engine::counter::Counter;
use sluice_sip::nameaddr::items;
use sluice_sip::via::Via;
use sluice_sip::{Index, Kind, Message};

use super::message::PEER;
use crate::oracle;
use crate::world::{Plan, World};

/// Two workers, since a reply must find the one that its request came from.
const SCRIPT: &str =
    "disable_stateless_fwd=no\nroute { force_rport(); forward(\"sip:203.0.113.9:5090\"); }\n";

thread_local! {
    static WORLD: RefCell<World> =
        RefCell::new(Plan { workers: 2, ..Plan::default() }.run(SCRIPT));
}

/// The target.
pub fn run(bytes: &[u8]) {
    read(bytes);
    if bytes.len() > 4_000 {
        return;
    }
    WORLD.with_borrow_mut(|world| {
        for via in [bytes.to_vec(), [b"SIP/2.0/UDP 127.0.0.1;branch=", bytes].concat()] {
            request(world, &via);
            reply(world, &via);
        }
        assert_eq!(world.count(Counter::Panics), 0);
    });
}

/// The quick way and the slow way read the same.
fn read(bytes: &[u8]) {
    let plain = items(bytes).next().and_then(Via::parse);
    assert_eq!(Via::first(bytes), plain.map(|via| (via, via.known())));
    if let Some(via) = plain {
        let _ = (via.reply_to(), via.param("ttl"));
        assert_eq!(via.known().branch, via.param("branch"));
    }
}

/// A request whose topmost Via it is.
fn request(world: &mut World, via: &[u8]) {
    let head = b"OPTIONS sip:bob@example.com SIP/2.0\r\nVia: ";
    let bytes = [&head[..], via, TAIL].concat();
    let sent = world.receive(PEER, &bytes);
    let good = oracle::judge(&bytes).is_ok();
    assert_eq!(good, !sent.is_empty());
    for sent in sent {
        assert_eq!(oracle::judge(&sent.bytes), Ok(()), "{}", sent.text());
        let mut index = Index::new();
        assert_eq!(index.scan(&sent.bytes), Ok(()));
        let message = Message { bytes: &sent.bytes, index: &index };
        let received = message.items(Kind::Via).nth(1).and_then(Via::parse).unwrap();
        assert_eq!(received.param("received"), Some(&b"192.0.2.77"[..]), "{}", sent.text());
        assert_eq!(received.param("rport"), Some(&b"5071"[..]), "{}", sent.text());
    }
}

/// A reply that comes back by it.
fn reply(world: &mut World, via: &[u8]) {
    let head = b"SIP/2.0 200 OK\r\nVia: ";
    let next = b"\r\nVia: SIP/2.0/UDP 192.0.2.8";
    let bytes = [&head[..], via, next, TAIL].concat();
    for sent in world.receive_at(1, PEER, &bytes) {
        assert_eq!(oracle::judge(&sent.bytes), Ok(()), "{}", sent.text());
    }
}

const TAIL: &[u8] = b"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1@h\r\n\
    CSeq: 1 OPTIONS\r\n\r\n";
