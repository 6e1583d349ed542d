//! Caller and answering agent against each other in virtual time: no socket, no clock.

use std::net::SocketAddr;

use sluice_base::{SocketId, Target};
use sluice_sip::{Index, Kind, Message, Method};

use crate::outbox::Outbox;
use crate::report::CallCounts;
use crate::uac::machine::Caller;
use crate::uac::{Mode, UacConfig};
use crate::uas::UasConfig;
use crate::uas::machine::Answerer;

/// One caller, one answering agent, and every datagram between them.
struct World {
    caller: Caller,
    answerer: Answerer,
    source: SocketAddr,
    now_us: u64,
    present: bool,
    /// Everything that was sent, in order.
    wire: Vec<String>,
}

impl World {
    fn new(uac: UacConfig, uas: UasConfig) -> Self {
        let source: SocketAddr = "127.0.0.1:6060".parse().unwrap();
        let answerer = Answerer::new(&uas, &[uac.target]);
        let caller = Caller::new(&uac, &[source]).unwrap();
        Self { caller, answerer, source, now_us: 0, present: true, wire: Vec::new() }
    }

    /// One moment: what is due goes out and is answered until nobody has anything to say.
    fn step(&mut self, passed_us: u64) {
        self.now_us += passed_us;
        let mut requests = Outbox::with_capacity(1 << 17, 64);
        let begun = self.caller.advance(self.now_us, &mut requests);
        self.caller.left(begun, self.now_us);
        while !requests.sends.is_empty() {
            let mut replies = Outbox::with_capacity(1 << 17, 64);
            for bytes in self.carry(&requests) {
                let peer = self.source;
                self.answerer.receive(SocketId(0), peer, &bytes, self.present, &mut replies);
            }
            requests.clear();
            for bytes in self.carry(&replies) {
                self.caller.receive(self.now_us, &bytes, &mut requests);
            }
        }
    }

    fn carry(&mut self, out: &Outbox) -> Vec<Vec<u8>> {
        let bytes = |range: &std::ops::Range<u32>| {
            out.bytes[range.start as usize..range.end as usize].to_vec()
        };
        let all: Vec<_> = out.sends.iter().map(|(_, range)| bytes(range)).collect();
        self.wire.extend(all.iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()));
        all
    }

    fn run(mut self) -> Self {
        for _ in 0..100_000 {
            if self.caller.finished() {
                return self;
            }
            self.step(1_000);
        }
        panic!("the calls never ended: {:?}", self.caller.counts);
    }

    fn starts(&self) -> Vec<&str> {
        self.wire.iter().map(|text| text.split("\r\n").next().unwrap()).collect()
    }
}

fn config(mode: Mode, calls: u64) -> UacConfig {
    UacConfig { mode, calls: Some(calls), ..UacConfig::default() }
}

#[test]
fn every_mode_is_answered() {
    for mode in [Mode::Invite, Mode::InviteAck, Mode::Options, Mode::Call] {
        let uas = UasConfig { ringing: true, ..UasConfig::default() };
        let world = World::new(config(mode, 1_000), uas).run();
        let counts = world.caller.counts;
        let invite = mode != Mode::Options;
        let call = mode == Mode::Call;
        let expected = CallCounts {
            due: 1_000,
            sent: 1_000,
            provisional: if invite { 1_000 } else { 0 },
            answered: [1_000, 0, 0, 0, 0],
            completed: if call { 1_000 } else { 0 },
            ..CallCounts::default()
        };
        assert_eq!(counts, expected, "{mode:?}");
        assert_eq!(world.caller.latency.len(), 1_000);
        assert_eq!(world.caller.completion.len(), if call { 1_000 } else { 0 });
        let seen = world.answerer.destinations()[0].counts;
        let acked = matches!(mode, Mode::InviteAck | Mode::Call);
        assert_eq!(seen.ack, if acked { 1_000 } else { 0 }, "{mode:?}");
        assert_eq!((seen.bye, seen.unreadable), (if call { 1_000 } else { 0 }, 0), "{mode:?}");
        assert_eq!(world.answerer.order().out_of_order, 0);
    }
}

#[test]
fn a_complete_call_is_a_dialog() {
    let uas = UasConfig { ringing: true, ..UasConfig::default() };
    let world = World::new(config(Mode::Call, 1), uas).run();
    let bye = "BYE sip:127.0.0.1:5060 SIP/2.0";
    let ack = "ACK sip:127.0.0.1:5060 SIP/2.0";
    let invite = "INVITE sip:callee000000@127.0.0.1:5060 SIP/2.0";
    let expected = [invite, "SIP/2.0 180 Ringing", "SIP/2.0 200 OK", ack, bye, "SIP/2.0 200 OK"];
    assert_eq!(world.starts(), expected);

    let mut index = Index::new();
    let mut values = |at: usize, kind| {
        let bytes = world.wire[at].as_bytes();
        index.scan(bytes).unwrap();
        let message = Message { bytes, index: &index };
        assert!(message.has_good_cseq() && message.top_via().is_some());
        String::from_utf8(message.value(kind).unwrap().to_vec()).unwrap()
    };
    for at in 0..6 {
        assert_eq!(values(at, Kind::CallId), values(0, Kind::CallId));
        assert_eq!(values(at, Kind::From), values(0, Kind::From));
    }
    assert!(!values(0, Kind::To).contains("tag="));
    for at in 2..6 {
        assert_eq!(values(at, Kind::To), values(1, Kind::To), "one tag in all of the dialog");
    }
    let cseqs: Vec<String> = (0..6).map(|at| values(at, Kind::CSeq)).collect();
    let number = |at: usize| cseqs[at].split(' ').next().unwrap().parse::<u64>().unwrap();
    assert_eq!((number(3), number(4)), (number(0), number(0) + 1));
    let branches = [0, 3, 4].map(|at| values(at, Kind::Via));
    assert!(branches[0] != branches[1] && branches[1] != branches[2] && branches[0] != branches[2]);
}

#[test]
fn a_refusal_is_acknowledged_on_its_own_branch() {
    let uas = UasConfig { invite_status: 486, ..UasConfig::default() };
    let world = World::new(config(Mode::Call, 1), uas).run();
    assert_eq!(world.caller.counts.answered, [0, 0, 1, 0, 0]);
    let mut lines = [0, 2].map(|at| world.wire[at].lines());
    let (invite, ack) = (lines[0].next().unwrap(), lines[1].next().unwrap());
    assert_eq!(ack, invite.replace("INVITE", "ACK"));
    assert_eq!(lines[0].next(), lines[1].next(), "the Via");
    assert!(world.wire[2].contains(";tag="));
}

#[test]
fn record_route_becomes_route_in_reverse() {
    let mut caller =
        Caller::new(&config(Mode::Call, 1), &["127.0.0.1:6060".parse().unwrap()]).unwrap();
    let mut out = Outbox::with_capacity(1 << 16, 64);
    caller.advance(0, &mut out);
    let invite = String::from_utf8(out.bytes.clone()).unwrap();
    let field = |name: &str| invite.lines().find(|line| line.starts_with(name)).unwrap();
    let routes = "Record-Route: <sip:a;lr>, <sip:b;lr>\r\nRecord-Route: <sip:c;lr>";
    let contact = "Contact: \"x\" <sip:d:7;x=y>\r\nContent-Length: 0\r\n\r\n";
    let [via, from, to, call_id, cseq] = ["Via", "From", "To", "Call-ID", "CSeq"].map(field);
    let reply =
        ["SIP/2.0 200 OK", via, routes, from, &format!("{to};tag=z"), call_id, cseq, contact];
    let reply = reply.join("\r\n");
    out.clear();
    caller.receive(5, reply.as_bytes(), &mut out);
    assert_eq!(out.sends.len(), 2);
    let text = String::from_utf8(out.bytes).unwrap();
    assert!(text.starts_with("ACK sip:d:7;x=y SIP/2.0\r\n"), "{text}");
    let routes: Vec<&str> = text.lines().filter(|line| line.starts_with("Route:")).collect();
    let once = ["Route: <sip:c;lr>", "Route: <sip:b;lr>", "Route: <sip:a;lr>"];
    assert_eq!(routes, [once, once].concat());
}

#[test]
fn an_absent_agent_drops_and_the_calls_time_out() {
    let uac = UacConfig { timeout_ms: 20, ..config(Mode::Invite, 100) };
    let mut world = World::new(uac, UasConfig::default());
    world.present = false;
    world.step(49_000);
    world.present = true;
    let world = world.run();
    let counts = world.caller.counts;
    assert_eq!(counts.unsent, 30, "those that were late by the time-out at the first step");
    assert_eq!((counts.timed_out, counts.answered[0]), (20, 50));
    assert_eq!(world.answerer.destinations()[0].counts.dropped, 20);
    assert_eq!(counts.due, counts.timed_out + counts.answered[0] + counts.unsent);
}

#[test]
fn latency_runs_from_the_scheduled_time() {
    // The generator stands still for 50 ms: 51 calls are due and leave late. An answer at once
    // does not make them fast.
    let mut world = World::new(config(Mode::Invite, 51), UasConfig::default());
    world.step(50_000);
    assert!(world.caller.finished());
    let near = |value: u64, wanted: u64| value.abs_diff(wanted) <= wanted / 100;
    assert!(near(world.caller.latency.max(), 50_000));
    assert!(near(world.caller.latency.value_at_quantile(0.5), 25_000));
    assert!(near(world.caller.lag.max(), 50_000));
}

#[test]
fn a_lost_request_is_sent_again_on_the_times_of_the_rfc() {
    let uac = UacConfig { retransmissions: 3, timeout_ms: 10_000, ..config(Mode::Invite, 1) };
    let mut world = World::new(uac, UasConfig::default());
    world.present = false;
    let mut times = Vec::new();
    for _ in 0..5_000 {
        let before = world.wire.len();
        world.step(1_000);
        if world.wire.len() > before {
            times.push(world.now_us / 1_000);
        }
    }
    assert_eq!(times, [1, 500, 1_500, 3_500]);
    assert_eq!(world.caller.counts.retransmissions, 3);
    assert!(world.wire.iter().all(|text| *text == world.wire[0]), "the same bytes");
}

#[test]
fn call_ids_are_used_again_with_rising_cseq() {
    let uac = UacConfig { call_ids: Some(7), ..config(Mode::Invite, 100) };
    let world = World::new(uac, UasConfig::default()).run();
    assert_eq!(world.caller.counts.answered[0], 100);
    let order = world.answerer.order();
    assert_eq!((order.compared, order.out_of_order, order.repeated), (93, 0, 0));
}

#[test]
fn one_way_requests_await_nothing() {
    let uas = UasConfig { answer: false, ..UasConfig::default() };
    let world = World::new(config(Mode::Fire, 500), uas).run();
    assert_eq!(world.answerer.destinations()[0].counts.invite, 500);
    assert_eq!((world.caller.counts.sent, world.caller.counts.timed_out), (500, 0));
    assert_eq!(world.wire.len(), 500);
}

#[test]
fn sizes_are_exact_and_requests_are_sip() {
    for (mode, size) in [(Mode::Invite, 900), (Mode::Options, 1_300), (Mode::Call, 65_507)] {
        let uac = UacConfig { size: Some(size), ..config(mode, 3) };
        let world = World::new(uac, UasConfig::default()).run();
        let mut index = Index::new();
        for text in world.wire.iter().filter(|text| text.contains("application/sdp")) {
            assert_eq!(text.len(), size, "{mode:?}");
            index.scan(text.as_bytes()).unwrap();
            let message = Message { bytes: text.as_bytes(), index: &index };
            assert!(message.has_good_cseq() && message.top_via().is_some());
            assert!(message.text(message.body()).starts_with(b"v=0\r\n"));
            assert_eq!(message.method() == Method::Options, mode == Mode::Options);
        }
    }
    let tiny = UacConfig { size: Some(100), ..UacConfig::default() };
    assert!(Caller::new(&tiny, &tiny.sources).is_err());
}

#[test]
fn replies_that_are_not_ours_are_counted_apart() {
    let mut world = World::new(config(Mode::Invite, 1), UasConfig::default()).run();
    let reply = world.wire[1].clone();
    let mut out = Outbox::with_capacity(1 << 16, 64);
    let foreign = reply.replace("Call-ID: 0", "Call-ID: x");
    for text in [reply.as_str(), &foreign, world.wire[0].clone().as_str()] {
        world.caller.receive(9, text.as_bytes(), &mut out);
    }
    world.caller.receive(9, b"\r\n\r\n", &mut out);
    assert_eq!((world.caller.counts.unexpected, world.caller.counts.unreadable), (3, 1));
    assert_eq!(world.caller.counts.answered[0], 1);
    assert!(out.sends.is_empty());
}

/// Where an agent on `address` sends what it answers, and the answer itself.
fn answer(address: &str, request: &str) -> Option<(Target, String)> {
    let mut answerer = Answerer::new(&UasConfig::default(), &[address.parse().unwrap()]);
    let mut out = Outbox::with_capacity(1 << 16, 64);
    let peer = "127.0.0.1:9000".parse().unwrap();
    answerer.receive(SocketId(0), peer, request.as_bytes(), true, &mut out);
    let (target, _) = out.sends.pop()?;
    Some((target, String::from_utf8(out.bytes).unwrap()))
}

#[test]
fn a_reply_keeps_the_vias_in_order_and_the_tag_that_is_there() {
    let request = "BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bK1\r\n\
        v: SIP/2.0/UDP b;branch=z9hG4bK2, SIP/2.0/UDP c\r\nFrom: <sip:f>;tag=1\r\n\
        To: <sip:t>;tag=2\r\nCall-ID: x\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\n\r\n";
    let (target, reply) = answer("127.0.0.1:5060", request).unwrap();
    assert_eq!(target.addr, "127.0.0.1:7000".parse().unwrap(), "no rport: the Via's port");
    let expected = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bK1\r\n\
        v: SIP/2.0/UDP b;branch=z9hG4bK2, SIP/2.0/UDP c\r\nTo: <sip:t>;tag=2\r\n\
        From: <sip:f>;tag=1\r\nCall-ID: x\r\nCSeq: 2 BYE\r\nServer: Sluice load\r\n\
        Content-Length: 0\r\n\r\n";
    assert_eq!(reply, expected);
}

#[test]
fn rport_and_received_are_answered() {
    let request = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9;rport;branch=z9hG4bK1\r\n\
        From: <sip:f>;tag=1\r\nTo: <sip:t>\r\nCall-ID: x\r\nCSeq: 2 OPTIONS\r\n\r\n";
    let (target, reply) = answer("127.0.0.1:5060", request).unwrap();
    assert_eq!(target.addr, "127.0.0.1:9000".parse().unwrap());
    assert!(reply.contains(";rport=9000"), "{reply}");
    assert!(reply.contains(";received=127.0.0.1"), "{reply}");
    assert!(reply.contains("To: <sip:t>;tag="));
}

#[test]
fn tags_are_those_of_the_call_at_the_address() {
    let request = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
        From: <sip:f>;tag=1\r\nTo: <sip:t>\r\nCall-ID: {}\r\nCSeq: 2 OPTIONS\r\n\r\n";
    let tag = |address, call_id| {
        let reply = answer(address, &request.replace("{}", call_id)).unwrap().1;
        let to = reply.lines().find(|line| line.starts_with("To:")).unwrap();
        to.split_once(";tag=").unwrap().1.to_owned()
    };
    let first = tag("127.0.0.1:5060", "a");
    assert_eq!(first, tag("127.0.0.1:5060", "a"), "a repeated request gets the same reply");
    assert_ne!(first, tag("127.0.0.1:5060", "b"));
    assert_ne!(first, tag("127.0.0.1:5061", "a"), "a forked call tells its branches apart");
}

#[test]
fn cancel_is_answered_and_ack_is_not() {
    let cancel = "CANCEL sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
        From: <sip:f>;tag=1\r\nTo: <sip:t>\r\nCall-ID: x\r\nCSeq: 1 CANCEL\r\n\r\n";
    let (_, reply) = answer("127.0.0.1:5060", cancel).unwrap();
    assert!(reply.starts_with("SIP/2.0 200 OK\r\n") && reply.contains("CSeq: 1 CANCEL\r\n"));
    assert_eq!(answer("127.0.0.1:5060", &cancel.replace("CANCEL", "ACK")), None);
}
