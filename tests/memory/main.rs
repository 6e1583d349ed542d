//! Turns allocate nothing after warm-up: an allocator that counts by thread watches them.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use sluice_base::{Datagram, SocketId};
use sluice_engine::Output;
use sluice_engine::worker::Batch;
use sluice_tests::world::{Plan, World};

mod transactions;

const INVITE: &str = include_str!("../../bench/data/invite.sip");
const BATCH: usize = 64;
const WARM_UP: usize = 100;
const TURNS: usize = 1_000;

#[test]
fn dispatching() {
    let script = include_str!("../../examples/dispatcher/opensips.cfg");
    let list = include_bytes!("../../examples/dispatcher/dispatcher.list");
    let world = Plan::default().file("dispatcher.list", list).run(script);
    assert_eq!(allocations(world, |call| of_call(INVITE, call)), 0);
}

#[test]
fn a_local_reply() {
    let script = "loadmodule \"sl.so\"\nroute { sl_send_reply(404, \"Not Found\"); }\n";
    assert_eq!(allocations(World::of(script), |call| of_call(INVITE, call)), 0);
}

#[test]
fn a_reply_that_goes_on() {
    let reply = INVITE
        .replacen("INVITE sip:+12125550199@gateway.example.com:5060 SIP/2.0", "SIP/2.0 200 OK", 1)
        .replacen("Via:", "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nVia:", 1);
    assert_eq!(allocations(World::of("route { forward(); }\n"), |call| of_call(&reply, call)), 0);
}

/// The allocator does count.
#[test]
fn a_vector_is_seen() {
    let seen = allocation_counter::measure(|| drop(std::hint::black_box(vec![1u8; 100])));
    assert_eq!(seen.count_total, 1);
}

/// The message with another Call-ID.
fn of_call(message: &str, call: usize) -> String {
    message.replacen("3848276298220188511", &format!("{:019}", call * 7_919), 1)
}

/// How often turns allocate after warm-up; each sends as many datagrams as it is given.
fn allocations(mut world: World, message: impl Fn(usize) -> String) -> u64 {
    let mut region = Vec::new();
    let mut datagrams = Vec::new();
    for call in 0..BATCH {
        let bytes = message(call).into_bytes();
        datagrams.push(Datagram {
            socket: SocketId(0),
            peer: ([192, 0, 2, 101], 5060).into(),
            offset: u32::try_from(region.len()).expect("a small batch"),
            len: u16::try_from(bytes.len()).expect("a datagram"),
        });
        region.extend_from_slice(&bytes);
    }
    let mut output = Output::default();
    let mut turns = |count: usize| {
        for _ in 0..count {
            output.clear();
            let batch = Batch { region: &region, datagrams: &datagrams };
            world.workers[0].turn(world.now, batch, &mut output);
            assert_eq!(output.sends.len(), BATCH);
        }
    };
    turns(WARM_UP);
    allocation_counter::measure(|| turns(TURNS)).count_total
}
