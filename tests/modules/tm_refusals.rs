//! Module `tm`: what is refused by itself and by which code (spec 8.1, RFC 3261 16.3), and ACKs to
//! answered calls (spec 8.2).

use sluice_engine::job::Answer;
use sluice_tests::world::{Plan, Sent, World};

use crate::tm_world::{
    CALLEE, CALLER, SECOND, cancel, header, invite, message, reply, request, seen,
};
use crate::tm_world::{to, with};

/// What the caller gets of a script that relays to nowhere: by itself, and by the code.
fn nowhere(routes: &str, meanwhile: impl Fn(&mut World) -> Vec<Sent>) -> (String, String) {
    let last = |flags: &str| {
        let mut world = with(&format!(
            "{}\nroute {{ if (is_method(\"CANCEL\")) {{ t_relay(); exit; }} route(set);\n\
            t_relay({flags}); $var(code) = $rc;\n\
            if ($var(code) < 0) t_reply(404, \"code $var(code)\"); }}",
            routes
        ));
        let mut sent = world.receive(CALLER, invite());
        sent.extend(meanwhile(&mut world));
        to(&sent, CALLER).last().map_or(String::new(), |one| one.first_line())
    };
    (last(""), last("\"no-auto-477\""))
}

#[test]
fn each_failure_has_its_code_and_its_text() {
    let none = |_: &mut World| Vec::new();
    let pair =
        |text: &str, code: &str| (format!("SIP/2.0 {text}"), format!("SIP/2.0 404 code {code}"));
    let dropped = "route[set] { t_on_branch(\"b\"); }\nbranch_route[b] { drop; }";
    assert_eq!(nowhere(dropped, none), pair("500 No destination available (18/TM)", "-3"));
    let bad = "route[set] { $ru = \"hello\"; }";
    assert_eq!(nowhere(bad, none), pair("475 Bad URI (475/TM)", "-2"));
    let nothing = |world: &mut World| world.answer(Answer::Failed("no such name".into()));
    let name = "route[set] { $ru = \"sip:b@gw.example.com\"; }";
    assert_eq!(nowhere(name, nothing), pair("476 Unresolvable destination (476/TM)", "-4"));
    let filtered = "dst_blacklist = net: {(any, 10.0.0.0/8, 0, \"\")}\n\
        route[set] { $ru = \"sip:b@10.0.0.1\"; use_blacklist(\"net\"); }";
    assert_eq!(nowhere(filtered, none), pair("473 Filtered destination (473/TM)", "-5"));
    let other_family = "route[set] { $ru = \"sip:b@[2001:db8::1]\"; }";
    assert_eq!(nowhere(other_family, none), pair("477 Send failed (477/TM)", "-6"));
    // Of several the lowest code.
    let several = "route[set] { $ru = \"hello\"; append_branch(\"sip:b@[2001:db8::1]\"); }";
    assert_eq!(nowhere(several, none).1, "SIP/2.0 404 code -6");
}

#[test]
fn one_branch_that_can_be_sent_is_enough() {
    let mut world = with(
        "route { $ru = \"sip:b@[2001:db8::1]\"; append_branch(\"sip:b@10.0.0.1:5071\");\n\
        t_relay(); }",
    );
    request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
}

/// An ACK to a 2xx has a branch of its own.
fn ack(to_tag: &str) -> String {
    let text = message("ACK sip:b@x SIP/2.0", "ACK", "");
    text.replace("branch=z9hG4bKcaller", "branch=z9hG4bKack")
        .replace("To: <sip:b@x>", &format!("To: <sip:b@x>;tag={to_tag}"))
}

const ACKS: &str = "route { if (is_method(\"ACK\")) { CHECK exit; }\n\
    if ($rU == \"b\") { $du = \"sip:10.0.0.1:5071\"; t_relay(); } }";

#[test]
fn the_ack_to_a_call_that_we_answered_ends_here() {
    let sent_for = |check: &str| {
        let mut world = with(
            &ACKS.replace("CHECK", check).replace("t_relay(); } }", "t_reply(200, \"OK\"); } }"),
        );
        let sent = world.receive(CALLER, invite());
        let line = header(&sent[1..], "To").expect("a reply");
        let tag = line.split("tag=").nth(1).expect("a tag").to_owned();
        seen(&world.receive(CALLER, ack(&tag)))
    };
    let none: [&str; 0] = [];
    assert_eq!(sent_for("t_newtran(); $du = \"sip:10.0.0.2:5072\"; forward();"), none);
    assert_eq!(sent_for("$du = \"sip:10.0.0.2:5072\"; t_relay();"), none);
    let checked = "t_check_trans(); if ($rc == -2) { $du = \"sip:10.0.0.2:5072\"; forward(); }";
    assert_eq!(sent_for(checked), ["10.0.0.2:5072 ACK sip:b@x SIP/2.0"]);
}

#[test]
fn the_ack_to_a_passed_answer_goes_on_with_a_branch_of_its_invite() {
    let mut world = with(&ACKS.replace(
        "CHECK",
        "t_check_trans(); append_hf(\"X: $rc\\r\\n\"); $du = \"sip:10.0.0.2:5072\"; t_relay();",
    ));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "200 OK"));
    let branch = |one: &Sent| {
        let via = header(std::slice::from_ref(one), "Via").expect("a Via");
        via.split("branch=z9hG4bK").nth(1).expect("a branch").to_owned()
    };
    let acked = request(&world.receive(CALLER, ack("2")), SECOND, "ACK");
    assert_eq!(header(std::slice::from_ref(&acked), "X").as_deref(), Some("-2"));
    // Worker, slot and generation are the INVITE's, the number of the branch is another.
    assert_eq!(branch(&acked)[..18], branch(&out)[..18]);
    assert_eq!(&branch(&acked)[18..20], "02");
    // It is the same each time, as long as the INVITE is known.
    assert_eq!(branch(&request(&world.receive(CALLER, ack("2")), SECOND, "ACK")), branch(&acked));
    world.pass(6_000);
    let late = request(&world.receive(CALLER, ack("2")), SECOND, "ACK");
    assert_eq!(header(std::slice::from_ref(&late), "X").as_deref(), Some("-1"));
    assert_ne!(branch(&late), branch(&acked));
}

#[test]
fn the_ack_to_a_refusal_is_of_no_concern_to_the_script() {
    let mut world = with(&ACKS.replace("CHECK", "$du = \"sip:10.0.0.2:5072\"; t_relay();"));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "486 Busy"));
    assert!(world.receive(CALLER, message("ACK sip:b@x SIP/2.0", "ACK", "")).is_empty());
}

fn checking(param: &str, routes: &str) -> World {
    with(&format!("modparam(\"tm\", \"{param}\", 1)\nroute {{ {routes} }}"))
}

/// The request as the next hop sends it back, with a Via of its own.
fn back(out: &Sent) -> String {
    let via = "Via: SIP/2.0/UDP 10.0.0.1:5071;branch=z9hG4bKback\r\nVia: ";
    out.text().replacen("Via: ", via, 1)
}

#[test]
fn a_request_that_comes_back_unchanged_is_a_loop() {
    let route = "$du = \"sip:10.0.0.1:5071\"; t_relay();";
    let mut world = checking("detect_loops", route);
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, back(&out));
    let lines: Vec<_> = sent.iter().map(Sent::first_line).collect();
    assert_eq!(lines, ["SIP/2.0 100 Giving it a try", "SIP/2.0 482 Loop Detected"]);
    // By t_newtran() the script ends with it.
    let mut world = checking("detect_loops", &format!("t_newtran(); {route}"));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, back(&out));
    assert_eq!(sent[1].first_line(), "SIP/2.0 482 Loop Detected");
    assert_eq!(sent.len(), 2);
    // Changed on its way it is a spiral.
    let mut world = checking("detect_loops", route);
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let spiral = back(&out).replacen("INVITE sip:b@x", "INVITE sip:c@x", 1);
    request(&world.receive(CALLEE, spiral), CALLEE, "INVITE");
    // Without the parameter nobody looks.
    let mut world = with(&format!("route {{ {route} }}"));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    assert!(!out.text().contains(";loop="));
    request(&world.receive(CALLEE, back(&out)), CALLEE, "INVITE");
}

#[test]
fn what_a_proxy_must_understand_is_refused_where_that_is_checked() {
    let route = "if (is_method(\"CANCEL\")) { t_relay(); exit; }\n\
        $du = \"sip:10.0.0.1:5071\"; t_relay();";
    let requires = "Proxy-Require: sec-agree, foo\r\n";
    let required = message("INVITE sip:b@x SIP/2.0", "INVITE", requires);
    let mut world = checking("check_require", route);
    let sent = world.receive(CALLER, &required);
    assert_eq!(sent[1].first_line(), "SIP/2.0 420 Bad Extension");
    assert_eq!(header(&sent, "Unsupported").as_deref(), Some("sec-agree, foo"));
    assert_eq!(sent.len(), 2);
    let mut world = checking("check_require", route);
    request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    assert_eq!(world.receive(CALLER, cancel())[0].first_line(), "SIP/2.0 200 canceling");
    let mut world = with(&format!("route {{ {route} }}"));
    request(&world.receive(CALLER, &required), CALLEE, "INVITE");
}

#[test]
fn a_transaction_begins_once() {
    let mut world = Plan::default().run(
        "loadmodule \"tm\"\nloadmodule \"sipmsgops\"\nroute { t_newtran(); t_newtran();\n\
        append_to_reply(\"X: $rc\\r\\n\"); t_reply(404, \"Nobody\"); }",
    );
    assert_eq!(header(&world.receive(CALLER, invite()), "X").as_deref(), Some("-10"));
}
