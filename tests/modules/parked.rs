//! Runs that wait, and what comes for them meanwhile: the request again, its CANCEL, replies of the
//! same branch (design 7).

use sluice_tests::world::{Plan, Sent, World};

const CALLER: &str = "10.9.9.1:5060";
const CALLEE: &str = "10.0.0.1:5071";

fn world(routes: &str) -> World {
    let modules = ["tm", "sl", "cfgutils", "sipmsgops"];
    let modules = modules.map(|module| format!("loadmodule \"{module}\"\n"));
    Plan::default().run(&format!("{}{routes}", modules.concat()))
}

fn message(method: &str) -> String {
    let of = if method == "CANCEL" { "INVITE" } else { method };
    format!(
        "{method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK{of}\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: abc\r\nCSeq: 1 {method}\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

fn reply(to: &Sent, status: &str) -> String {
    let kept = ["Via:", "From:", "Call-ID:", "CSeq:"];
    let text = to.text();
    let lines = text.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 {status}\r\n{lines}To: <sip:b@x>;tag=2\r\nContent-Length: 0\r\n\r\n")
}

fn seen(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|one| format!("{} {}", one.to, one.first_line())).collect()
}

#[test]
fn a_request_that_comes_again_begins_no_second_run() {
    let mut world = world("route { usleep(100000); sl_send_reply(200, \"Once\"); }\n");
    for _ in 0..5 {
        assert!(world.receive(CALLER, message("OPTIONS")).is_empty());
    }
    assert_eq!(world.workers[0].parked(), 1);
    assert_eq!(seen(&world.pass(200)), ["10.9.9.1:5060 SIP/2.0 200 Once"]);
    // Nothing is left of it: the script answers without state.
    assert_eq!(world.workers[0].transactions(), 0);
    assert!(world.receive(CALLER, message("OPTIONS")).is_empty());
    assert_eq!(world.pass(200).len(), 1);
}

#[test]
fn a_stateless_reply_is_repeated_while_its_run_waits() {
    let mut world = world(
        "route { sl_send_reply(100, \"Wait\"); usleep(100000);\n\
        sl_send_reply(183, \"More\"); usleep(100000); sl_send_reply(200, \"Done\"); }\n",
    );
    let first = world.receive(CALLER, message("OPTIONS"));
    assert_eq!(seen(&first), ["10.9.9.1:5060 SIP/2.0 100 Wait"]);
    assert_eq!(world.receive(CALLER, message("OPTIONS")), first);
    let second = world.pass(101);
    assert_eq!(world.receive(CALLER, message("OPTIONS")), second);
    assert_eq!(seen(&world.pass(101)), ["10.9.9.1:5060 SIP/2.0 200 Done"]);
}

#[test]
fn a_call_that_is_cancelled_before_it_has_a_transaction_rings_nowhere() {
    let mut world = world(
        "route {\n  if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n\
        usleep(100000); $du = \"sip:10.0.0.1:5071\"; t_relay();\n}\n",
    );
    assert!(world.receive(CALLER, message("INVITE")).is_empty());
    let sent = world.receive(CALLER, message("CANCEL"));
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 200 canceling"]);
    let sent = seen(&world.pass(101));
    assert_eq!(
        sent.last().map(String::as_str),
        Some("10.9.9.1:5060 SIP/2.0 487 Request Terminated")
    );
    assert!(!sent.iter().any(|line| line.starts_with(CALLEE)), "{sent:?}");
    world.receive(CALLER, message("ACK").replace("z9hG4bKACK", "z9hG4bKINVITE"));
    world.pass(6_000);
    assert_eq!(world.workers[0].transactions(), 0);
}

#[test]
fn a_transaction_takes_the_place_of_its_guard() {
    let mut world = world("route { usleep(100000); $du = \"sip:10.0.0.1:5071\"; t_relay(); }\n");
    world.receive(CALLER, message("INVITE"));
    let sent = world.pass(101);
    assert_eq!(sent.len(), 2, "{:?}", seen(&sent));
    assert_eq!(world.workers[0].transactions(), 1);
    // Again: the transaction's own reply.
    assert_eq!(world.receive(CALLER, message("INVITE")), sent[..1]);
}

/// Waits in the reply route of what rings, and of nothing else.
const RINGING: &str = "route { t_on_reply(\"ring\"); seturi(\"sip:b@10.0.0.1:5071\");\n\
    append_branch(\"sip:c@10.0.0.2:5072\"); t_relay(); }\n\
    onreply_route[ring] { if ($rs == \"180\") usleep(100000); }\n";

#[test]
fn replies_of_a_branch_keep_their_order() {
    let mut world = world(RINGING);
    let sent = world.receive(CALLER, message("INVITE"));
    assert!(world.receive(CALLEE, reply(&sent[1], "180 Ringing")).is_empty());
    for status in ["183 Further", "200 OK"] {
        assert!(world.receive(CALLEE, reply(&sent[1], status)).is_empty(), "{status}");
    }
    let up: Vec<String> =
        seen(&world.pass(101)).into_iter().filter(|l| l.starts_with(CALLER)).collect();
    let expected = ["180 Ringing", "183 Further", "200 OK"];
    assert_eq!(up, expected.map(|status| format!("{CALLER} SIP/2.0 {status}")));
    assert_eq!(world.receive(CALLEE, reply(&sent[1], "200 OK")).len(), 1, "nothing holds it now");
}

#[test]
fn the_2xx_of_another_branch_passes_at_once() {
    let mut world = world(RINGING);
    let sent = world.receive(CALLER, message("INVITE"));
    assert!(world.receive(CALLEE, reply(&sent[1], "180 Ringing")).is_empty());
    let up = world.receive("10.0.0.2:5072", reply(&sent[2], "200 OK"));
    assert_eq!(seen(&up)[0], "10.9.9.1:5060 SIP/2.0 200 OK");
}

#[test]
fn two_runs_of_a_branch_follow_each_other() {
    let mut world = world(RINGING);
    let sent = world.receive(CALLER, message("INVITE"));
    for _ in 0..3 {
        assert!(world.receive(CALLEE, reply(&sent[1], "180 Ringing")).is_empty());
    }
    assert_eq!(world.workers[0].parked(), 1);
    for _ in 0..3 {
        assert_eq!(seen(&world.pass(102)), ["10.9.9.1:5060 SIP/2.0 180 Ringing"]);
    }
    assert_eq!(world.workers[0].parked(), 0);
}

#[test]
fn too_many_replies_do_not_pile_up() {
    let mut world = world(RINGING);
    let sent = world.receive(CALLER, message("INVITE"));
    world.receive(CALLEE, reply(&sent[1], "180 Ringing"));
    for _ in 0..100 {
        world.receive(CALLEE, reply(&sent[1], "183 Further"));
    }
    let waiting = sluice_engine::limits::WAITING_REPLIES;
    assert_eq!(
        world.pass(101).iter().filter(|sent| sent.to.to_string() == CALLER).count(),
        1 + waiting
    );
}

#[test]
fn a_failure_route_that_comes_too_late_relays_nothing() {
    let mut world = world(
        "route { t_on_failure(\"f\"); $du = \"sip:10.0.0.1:5071\"; t_relay(); }\n\
        failure_route[f] { t_reply(404, \"Early\"); usleep(100000);\n\
        $du = \"sip:10.0.0.2:5072\"; t_relay(); }\n",
    );
    let sent = world.receive(CALLER, message("INVITE"));
    world.receive(CALLEE, reply(&sent[1], "486 Busy Here"));
    world.receive(CALLER, message("ACK").replace("z9hG4bKACK", "z9hG4bKINVITE"));
    assert!(world.pass(200).is_empty());
}
