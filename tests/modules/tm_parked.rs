//! Module `tm`: each kind of route may wait while its transaction goes on (spec 1.4).

use sluice_tests::world::located;

use crate::tm_world::{
    CALLEE, CALLER, SECOND, cancel, header, invite, reply, request, seen, to, with,
};

const CANCELS: &str = "if (is_method(\"CANCEL\")) { t_relay(); exit; }\n";

#[test]
fn a_request_route_waits_within_its_transaction() {
    let mut world = with(&format!(
        "route {{ {CANCELS} t_newtran(); $avp(a) = \"kept\"; async(sleep(\"2\"), later); }}\n\
        route[later] {{ append_hf(\"X: $avp(a)\\r\\n\"); $du = \"sip:10.0.0.1:5071\"; t_relay(); }}"
    ));
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "100");
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "it came before");
    let out = request(&world.pass(2_000), CALLEE, "INVITE");
    assert_eq!(header(std::slice::from_ref(&out), "X").as_deref(), Some("kept"));
    assert_eq!(seen(&world.receive(CALLEE, reply(&out, "200 OK"))).len(), 1);
}

#[test]
fn a_call_that_is_cancelled_while_its_script_waits_goes_nowhere() {
    let mut world = with(&format!(
        "route {{ {CANCELS} t_newtran(); usleep(2000000); $du = \"sip:10.0.0.1:5071\"; t_relay();\n\
        $shv(code) = $rc; }}\n\
        timer_route[t, 3] {{ xlog(\"$shv(code)\"); }}"
    ));
    world.receive(CALLER, invite());
    let sent = world.receive(CALLER, cancel());
    assert_eq!(sent[1].first_line(), "SIP/2.0 487 Request Terminated");
    let sent = world.pass(2_100);
    assert!(to(&sent, CALLEE).is_empty(), "{:?}", seen(&sent));
}

#[test]
fn branch_routes_wait_one_after_another() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; append_branch(\"sip:c@10.0.0.2:5072\");\n\
        t_on_branch(\"b\"); t_relay(); $shv(rc) = $rc; }\n\
        branch_route[b] { append_hf(\"X: before $rU\\r\\n\"); usleep(1000000);\n\
        append_hf(\"X-After: $T_branch_idx\\r\\n\"); }",
    );
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "100");
    let one = request(&world.pass(1_000), CALLEE, "INVITE");
    let both = |one: &str, more: &str| format!("X: before {one}\r\nX-After: {more}\r\n");
    assert!(one.text().contains(&both("b", "0")), "{}", one.text());
    // The first is refused while the second one waits.
    assert!(to(&world.receive(CALLEE, reply(&one, "404 Nobody")), CALLER).is_empty());
    let two = request(&world.pass(1_000), SECOND, "INVITE");
    assert!(two.text().contains(&both("c", "1")) && !two.text().contains("before b"));
    let sent = world.receive(SECOND, reply(&two, "486 Busy"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 404 Nobody");
}

#[test]
fn a_failure_route_waits_and_then_decides() {
    let routes = format!(
        "route {{ {CANCELS} $ru = \"sip:b@10.0.0.1:5071\"; t_on_failure(\"f\"); t_relay(); }}\n\
        failure_route[f] {{ usleep(2000000); route(then); }}\n\
        route[then] {{ $du = \"sip:10.0.0.2:5072\"; if (!t_relay()) t_reply(480, \"code $rc\"); }}"
    );
    let mut world = with(&routes);
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, reply(&out, "404 Nobody"));
    assert!(to(&sent, CALLER).is_empty(), "{:?}", seen(&sent));
    // Retransmissions of the refusal are acknowledged meanwhile.
    assert_eq!(seen(&world.receive(CALLEE, reply(&out, "404 Nobody"))).len(), 1);
    let second = request(&world.pass(2_000), SECOND, "INVITE");
    let sent = world.receive(SECOND, reply(&second, "486 Busy"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 486 Busy");
    // The caller hangs up meanwhile: there is nothing left to send to.
    let mut world = with(&routes);
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "404 Nobody"));
    world.receive(CALLER, cancel());
    let sent = world.pass(2_000);
    assert!(to(&sent, SECOND).is_empty());
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 480 code -3");
}

#[test]
fn a_failure_route_waits_for_a_name() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_failure(\"f\"); t_relay(); }\n\
        failure_route[f] { $ru = \"sip:b@gw.example.com:5072\"; t_relay(); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, reply(&out, "404 Nobody"));
    assert!(to(&sent, CALLER).is_empty());
    let second = request(&world.answer(located(5072, &["10.0.0.2"])), SECOND, "INVITE");
    let sent = world.receive(SECOND, reply(&second, "200 OK"));
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
}

#[test]
fn a_reply_route_waits_and_its_reply_with_it() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_reply(\"r\"); t_relay(); }\n\
        onreply_route { if ($rs == 183) usleep(1000000); append_hf(\"X: all\\r\\n\"); }\n\
        onreply_route[r] { if ($rs == 180) usleep(1000000);\n\
        append_hf(\"X-Mine: $rs\\r\\n\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    for status in ["180 Ringing", "183 Progress"] {
        assert!(world.receive(CALLEE, reply(&out, status)).is_empty(), "{status}");
        let up = world.pass(1_000);
        assert_eq!(seen(&up), [format!("10.9.9.1:5060 SIP/2.0 {status}")]);
        assert!(header(&up, "X").is_some() && header(&up, "X-Mine").is_some());
    }
    // What comes behind one that waits keeps its place.
    assert!(world.receive(CALLEE, reply(&out, "180 Ringing")).is_empty());
    assert!(world.receive(CALLEE, reply(&out, "200 OK")).is_empty());
    let up = ["180 Ringing", "200 OK"].map(|status| format!("10.9.9.1:5060 SIP/2.0 {status}"));
    assert_eq!(seen(&world.pass(1_100)), up);
}

#[test]
fn a_reply_that_is_dropped_was_heard_all_the_same() {
    let mut world = with(
        "modparam(\"tm\", \"fr_timeout\", 5)\nroute { $ru = \"sip:b@10.0.0.1:5071\";\n\
        if (is_method(\"CANCEL\")) { t_relay(); exit; } t_on_reply(\"r\"); t_relay(); }\n\
        onreply_route[r] { if ($rs < 200) drop; }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLER, cancel());
    let sent = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(seen(&sent), ["10.0.0.1:5071 CANCEL sip:b@10.0.0.1:5071 SIP/2.0"]);
    let ok = reply(&sent[0], "200 OK");
    assert!(world.receive(CALLEE, ok).is_empty());
    assert!(world.pass(6_000).is_empty(), "neither sent again nor given up");
}

#[test]
fn a_refusal_waits_in_the_reply_route_before_the_call_fails() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_reply(\"r\");\n\
        t_on_failure(\"f\"); t_relay(); }\n\
        onreply_route[r] { usleep(1000000); setflag(WAITED); }\n\
        failure_route[f] { if (isflagset(WAITED)) t_reply(480, \"Waited\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    assert!(world.receive(CALLEE, reply(&out, "404 Nobody")).is_empty());
    let sent = world.pass(1_000);
    request(&sent, CALLEE, "ACK");
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 480 Waited");
}

#[test]
fn an_event_route_waits_beside_the_call_that_raised_it() {
    let mut world = with(
        "route { t_newtran(); $shv(n) = 0; raise_event(\"E_CALL\");\n\
        $du = \"sip:10.0.0.1:5071\"; t_on_reply(\"r\"); t_relay(); }\n\
        event_route[E_CALL] { usleep(1000000); $shv(n) = 1; }\n\
        onreply_route[r] { append_hf(\"X: $shv(n)\\r\\n\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(header(&up, "X").as_deref(), Some("0"));
    world.pass(1_000);
    let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(header(&up, "X").as_deref(), Some("1"));
}

#[test]
fn an_error_route_waits_within_its_transaction() {
    let mut world = with(
        "route { t_newtran(); $var(from) = $fU; $du = \"sip:10.0.0.1:5071\"; t_relay(); }\n\
        error_route { usleep(1000000); append_to_reply(\"X: $err.rcode\\r\\n\");\n\
        sl_send_reply(400, \"Bad\"); }",
    );
    let broken = invite().replace("From: <sip:a@x>;tag=1", "From: <sip:a@x;tag=1");
    assert_eq!(world.receive(CALLER, broken).len(), 1, "100");
    let sent = world.pass(1_100);
    assert_eq!(header(&sent, "X").as_deref(), Some("400"), "{:?}", seen(&sent));
}

#[test]
fn routes_that_no_message_begins_wait_and_then_call() {
    let mut world = with(
        "startup_route { usleep(1000000); route(call, \"startup\"); }\n\
        timer_route[t, 4] { usleep(2000000); route(call, \"timer\"); }\n\
        route[call] { t_new_request(\"OPTIONS\", \"sip:10.0.0.1:5071\", \"sip:a@x\", \"sip:b@x\",\n\
        \"text/plain $param(1)\"); }\n\
        local_route { usleep(500000); append_hf(\"X: $rm\\r\\n\"); }\n\
        route { exit; }",
    );
    let sent = world.pass(1_600);
    let first = request(&sent, CALLEE, "OPTIONS");
    assert!(first.text().contains("X: OPTIONS") && first.text().ends_with("startup"));
    world.receive(CALLEE, reply(&first, "200 OK"));
    let sent = world.pass(7_000);
    let second = sent.iter().find(|one| one.text().ends_with("timer"));
    assert!(second.is_some(), "{:?}", seen(&sent));
}
