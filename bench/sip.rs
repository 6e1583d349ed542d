//! What SIP text costs: the index, the URI view, patches and their writing, for a 900-byte INVITE.

#![allow(clippy::expect_used, reason = "a bench without its message has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_sip::uri::Uri;
use sluice_sip::{Index, Kind, Message, Patches, Place};

const INVITE: &[u8] = include_bytes!("data/invite.sip");
const OUR_VIA: &[u8] = b"Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKcydzigwkX\r\n";

fn index(c: &mut Criterion) {
    let mut index = Index::new();
    let mut group = c.benchmark_group("sip");
    group.throughput(Throughput::Bytes(INVITE.len() as u64));
    group.bench_function("index", |b| b.iter(|| index.scan(black_box(INVITE))));
    group.finish();
}

fn uri(c: &mut Criterion) {
    let text = b"sip:+12125550199@gateway.example.com:5060;transport=udp;user=phone";
    c.bench_function("sip/uri", |b| b.iter(|| Uri::parse(black_box(text))));
}

/// A stateless forward: our Via on top, one less in Max-Forwards, one header appended.
fn patches(c: &mut Criterion) {
    let mut index = Index::new();
    index.scan(INVITE).expect("the file is a good INVITE");
    let message = Message { bytes: INVITE, index: &index };
    let via = message.field(Kind::Via).expect("a Via").line.start;
    let max_forwards = message.field(Kind::MaxForwards).expect("a Max-Forwards").value;
    let mut patches = Patches::default();
    let mut out = Vec::with_capacity(2_048);
    c.bench_function("sip/patch_and_write", |b| {
        b.iter(|| {
            patches.clear();
            out.clear();
            patches.insert(message.headers_end(), Place::Before, b"X-Way: south\r\n");
            patches.replace(max_forwards, b"69");
            patches.insert(via, Place::Before, OUR_VIA);
            patches.write(black_box(message.bytes), &mut out)
        });
    });
}

criterion_group!(benches, index, uri, patches);
criterion_main!(benches);
