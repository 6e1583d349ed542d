//! A worker's turn: steering, parking, drops with their counters. Virtual time, no socket.

use sluice_engine::Value;
use sluice_engine::counter::{self, Counter};
use sluice_engine::job::Answer;
use sluice_script::ir::Op;
use sluice_sip::Reason;
use sluice_tests::world::{Plan, World, located, place, request};

const PEER: &str = "127.0.0.1:5099";
const RELAY: &str = r#"loadmodule "cfgutils.so"
route { $du = "sip:127.0.0.1:5070"; forward(); }"#;

fn invite(call_id: &str, user: &str) -> String {
    request(&format!("INVITE sip:{user}@example.com SIP/2.0"), "")
        .replace("1-2345@127.0.0.1", call_id)
}

#[test]
fn a_message_is_handled_by_the_owner_of_its_call_id_wherever_it_lands() {
    let mut world = Plan { workers: 2, ..Plan::default() }.run(RELAY);
    let mut handled = [0u64; 2];
    for n in 0..1_000 {
        let sent = world.receive(PEER, invite(&format!("call-{n}"), "a"));
        assert_eq!(sent.len(), 1);
    }
    for (at, cells) in world.counters.iter().enumerate() {
        handled[at] = cells.get(Counter::Handled.cell());
    }
    assert_eq!(handled.iter().sum::<u64>(), 1_000);
    assert!(handled.iter().all(|n| (400..600).contains(n)), "{handled:?}");
    assert_eq!(world.count(Counter::Hopped), handled[1], "all landed at worker 0");
}

#[test]
fn a_full_hop_ring_drops_and_counts_new_calls_but_passes_what_ends_calls() {
    let mut world = Plan { workers: 2, ..Plan::default() }.run(RELAY);
    let foreign = (0..)
        .map(|n| format!("call-{n}"))
        .find(|id| sluice_base::OwnerSeed(0).owner_of(id.as_bytes(), 2).0 == 1);
    let call = foreign.expect("a call of worker 1");
    // Worker 1 stands still: only worker 0 takes turns.
    let mut pushed = 0;
    while world.count(Counter::HopFull) == 0 {
        world.land(0, PEER, invite(&call, &format!("n{pushed}")));
        pushed += 1;
        assert!(pushed < 100_000, "the ring has no end");
    }
    let bye = invite(&call, "bye").replace("INVITE", "BYE");
    world.land(0, PEER, bye);
    assert_eq!(world.count(Counter::HopFull), 1, "a BYE may use the reserve");
    assert_eq!(world.count(Counter::HopFullRequests), 1);
    // Worker 1 goes on: everything that was accepted arrives, in order.
    let mut users = Vec::new();
    while users.len() < pushed {
        let sent = world.take_turn(1);
        assert!(!sent.is_empty(), "{} of {pushed}", users.len());
        users.extend(sent.iter().map(|sent| sent.first_line()));
    }
    let expected = (0..pushed - 1).map(|n| format!("INVITE sip:n{n}@example.com SIP/2.0"));
    let expected = expected.chain(["BYE sip:bye@example.com SIP/2.0".to_owned()]);
    assert!(users.into_iter().eq(expected));
}

#[test]
fn a_sleeping_run_delays_nobody_and_keeps_its_own_variables() {
    let mut world = World::of(
        r#"loadmodule "cfgutils.so"
        route {
            $var(who) = $rU;
            if ($rU == "slow") { usleep("50000"); }
            $du = "sip:127.0.0.1:5070";
            if ($var(who) == $rU) { forward(); }
        }"#,
    );
    assert!(world.receive(PEER, invite("slow-call", "slow")).is_empty());
    let quick = world.receive(PEER, invite("quick-call", "quick"));
    assert_eq!(quick.len(), 1, "nobody waits for the sleeper");
    assert!(world.pass(49).is_empty());
    let slow = world.pass(2);
    assert_eq!(slow.len(), 1, "its own $var(who) is still `slow`");
    assert!(slow[0].text().contains("slow-call"));
    assert_eq!(world.workers[0].parked(), 0);
}

#[test]
fn two_interleaved_runs_each_see_what_they_wrote() {
    let mut world = World::of(
        r#"loadmodule "cfgutils.so"
        loadmodule "sipmsgops.so"
        route {
            $var(seen) = $ci;
            usleep("10000");
            append_hf("X-Seen: $var(seen)\r\n");
            $du = "sip:127.0.0.1:5070";
            forward();
        }"#,
    );
    assert!(world.receive(PEER, invite("first", "a")).is_empty());
    world.pass(5);
    assert!(world.receive(PEER, invite("second", "a")).is_empty());
    let sent = world.pass(30);
    let seen: Vec<bool> = ["first", "second"]
        .iter()
        .zip(&sent)
        .map(|(id, sent)| sent.text().contains(&format!("X-Seen: {id}\r\n")))
        .collect();
    assert_eq!(seen, [true, true]);
}

#[test]
fn a_name_is_resolved_while_others_go_on() {
    let mut world = World::of("route { forward(); }");
    let named = invite("named", "a").replace("a@example.com", "a@callee.example");
    assert!(world.receive(PEER, named).is_empty());
    assert_eq!(world.asked(), Some(&place("callee.example", None)));
    let literal = invite("literal", "a").replace("a@example.com", "a@127.0.0.1:5072");
    assert_eq!(world.receive(PEER, literal).len(), 1);
    let sent = world.answer(located(5060, &["127.0.0.3"]));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to.to_string(), "127.0.0.3:5060");
}

#[test]
fn a_name_that_does_not_resolve_makes_forward_false() {
    let mut world = World::of(
        r#"loadmodule "sl.so"
        route { if (!forward()) { sl_send_reply("404", "No such host"); } }"#,
    );
    assert!(world.receive(PEER, invite("named", "a")).is_empty());
    let sent = world.answer(Answer::Failed("no such name".into()));
    assert_eq!(sent[0].first_line(), "SIP/2.0 404 No such host");
}

#[test]
fn what_is_no_sip_is_refused_with_its_reason() {
    let mut world = World::of(RELAY);
    let cases: [(&[u8], Reason); 6] = [
        (b"", Reason::KeepAlive),
        (b"\r\n\r\n", Reason::KeepAlive),
        (b"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", Reason::Stun),
        (b"hello\r\n\r\n", Reason::FirstLine),
        (b"INVITE sip:a@b SIP/3.0\r\n\r\n", Reason::Version),
        (b"OPTIONS sip:a@b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n", Reason::Mandatory),
    ];
    for (bytes, reason) in cases {
        let before = world.cell(counter::refusal(reason));
        assert!(world.receive(PEER, bytes).is_empty());
        assert_eq!(world.cell(counter::refusal(reason)), before + 1, "{reason:?}");
    }
    assert_eq!(world.count(Counter::Handled), 0);
    assert_eq!(world.count(Counter::RequestErrors), 2, "the last two are requests");
    assert_eq!(world.count(Counter::ReplyErrors), 0);
}

#[test]
fn what_no_reply_could_follow_is_refused_at_the_owner() {
    let mut world = World::of(RELAY);
    let good = invite("good", "a");
    let reply = "SIP/2.0 200 OK";
    for (from, to, reason) in [
        ("Via: SIP/2.0/UDP", "Via: HTTP", Reason::Via),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE", Reason::CSeq),
        ("CSeq: 1 INVITE", "CSeq: x INVITE", Reason::CSeq),
        ("CSeq: 1 INVITE", "CSeq: 1", Reason::CSeq),
    ] {
        let bad = good.replace(from, to);
        let before = world.cell(counter::refusal(reason));
        assert!(world.receive(PEER, &bad).is_empty());
        assert_eq!(world.cell(counter::refusal(reason)), before + 1, "{to}");
    }
    let answer = good.replace("INVITE sip:a@example.com SIP/2.0", reply);
    for (from, to, reason) in [
        ("Via: SIP/2.0/UDP", "Via: HTTP", Reason::Via),
        ("CSeq: 1 INVITE", "CSeq: x INVITE", Reason::CSeq),
    ] {
        let before = world.cell(counter::refusal(reason));
        assert!(world.receive(PEER, answer.replace(from, to)).is_empty());
        assert_eq!(world.cell(counter::refusal(reason)), before + 1, "{to}");
    }
    assert_eq!(world.count(Counter::Handled), 0);
    let errors = [Counter::RequestErrors, Counter::ReplyErrors];
    assert_eq!(errors.map(|errors| world.count(errors)), [4, 2]);
    assert_eq!(world.receive(PEER, good).len(), 1);
    assert_eq!(world.count(Counter::Handled), 1);
    let forwarded = [Counter::RequestsForwarded, Counter::RepliesForwarded];
    assert_eq!(forwarded.map(|forwarded| world.count(forwarded)), [1, 0]);
}

#[test]
fn a_request_for_which_the_script_does_nothing_is_counted() {
    let mut world = World::of("route { $var(x) = 1; }");
    assert!(world.receive(PEER, invite("silent", "a")).is_empty());
    assert_eq!(world.count(Counter::Unanswered), 1);
}

#[test]
fn an_endless_loop_ends_by_its_limit_and_others_are_served_meanwhile() {
    let mut world = World::of(
        r#"max_while_loops = 100000
        loadmodule "sl.so"
        route {
            if ($rU == "loop") { while ($rU == "loop") { $var(i) = 1; } }
            sl_send_reply("200", "OK");
        }"#,
    );
    assert!(world.receive(PEER, invite("looping", "loop")).is_empty(), "it yields");
    let quick = world.receive(PEER, invite("quick", "a"));
    assert!(quick.iter().any(|sent| sent.text().contains("quick")));
    let sent = world.pass(100);
    assert!(sent.iter().any(|sent| sent.text().contains("looping")));
}

#[test]
fn calls_with_constant_arguments_are_made_ready() {
    let mut world = World::of(
        r#"loadmodule "maxfwd.so"
        route {
            if (!mf_process_maxfwd_header(10)) exit;
            $var(n) = 7;
            if (!mf_process_maxfwd_header($var(n))) exit;
            forward();
        }"#,
    );
    let shared = world.program.shared();
    let code = &shared.script.code;
    let ready = code.iter().filter(|op| matches!(op, Op::CallConstant { .. })).count();
    assert_eq!((ready, &*shared.constants), (2, &[Value::Int(10), Value::Omitted][..]));
    let sent = world.receive("127.0.0.1:5099", request("INVITE sip:b@127.0.0.2 SIP/2.0", ""));
    assert_eq!(sent.len(), 1);
    assert!(sent[0].text().contains("\r\nMax-Forwards: 68\r\n"), "{}", sent[0].text());
}

#[test]
fn parked_runs_are_bounded_by_number_and_by_bytes() {
    let mut world = World::of(r#"loadmodule "cfgutils.so" route { sleep("1"); }"#);
    let large = "X-Large: ".to_owned() + &"x".repeat(60_000) + "\r\n";
    let mut parked = 0;
    while world.count(Counter::ParkRefused) == 0 {
        world.receive(PEER, request(&format!("OPTIONS sip:n{parked}@example.com SIP/2.0"), &large));
        parked += 1;
    }
    let bytes = (parked - 1) * 60_000;
    assert!((60 << 20..=64 << 20).contains(&bytes), "{parked} messages of 60,000 bytes");
    world.pass(1_100);
    assert_eq!(world.workers[0].parked(), 0);
    while world.count(Counter::ParkRefused) == 1 {
        world.receive(PEER, request("OPTIONS sip:a@example.com SIP/2.0", ""));
    }
    assert_eq!(world.workers[0].parked(), sluice_engine::limits::PARKED_RUNS);
}
