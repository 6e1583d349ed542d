//! What a turn costs a worker: 900-byte INVITEs through the dispatcher example, without the kernel.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_bench::gateway::Gateway;

fn turn(c: &mut Criterion) {
    let mut group = c.benchmark_group("turn");
    for messages in [1, 64] {
        let mut gateway = Gateway::dispatcher(messages);
        group.throughput(Throughput::Elements(messages as u64));
        group.bench_function(format!("{messages} messages"), |b| b.iter(|| gateway.turn()));
    }
    group.finish();
}

criterion_group!(benches, turn);
criterion_main!(benches);
