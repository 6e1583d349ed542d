//! What a hop costs: a 900-byte message into a worker's ring and out of it, by one thread.

#![allow(clippy::expect_used, reason = "a bench that cannot run has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_base::ring::ring;
use sluice_base::{Datagram, SocketId};
use sluice_bench::gateway::INVITE;

fn hop(c: &mut Criterion) {
    let (mut producer, mut consumer) = ring(1 << 20);
    let datagram = Datagram {
        socket: SocketId(0),
        peer: ([192, 0, 2, 101], 5060).into(),
        offset: 0,
        len: INVITE.len() as u16,
    };
    let mut group = c.benchmark_group("hop");
    for messages in [1, 64] {
        group.throughput(Throughput::Elements(messages));
        group.bench_function(format!("{messages} messages"), |b| {
            b.iter(|| {
                for _ in 0..messages {
                    producer.push(datagram, black_box(INVITE), false).expect("room");
                }
                for _ in 0..messages {
                    black_box(consumer.take().expect("what was pushed"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hop);
criterion_main!(benches);
