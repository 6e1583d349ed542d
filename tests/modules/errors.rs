//! What goes wrong with a message: `$err.*`, error_route{} (spec 1.10), `assert()` (spec 1.5).

use sluice_tests::world::{Sent, World, request};

use crate::world::compiled;

const PEER: &str = "127.0.0.1:5099";
const LOAD: &str =
    "loadmodule \"sl.so\"\nloadmodule \"signaling.so\"\nloadmodule \"cfgutils.so\"\n";
const ANSWER: &str = "error_route { sl_send_reply($err.rcode, \"$err.rreason\"); exit; }\n";

fn world(script: &str) -> World {
    World::of(&format!("{LOAD}{script}"))
}

fn good(user: &str) -> String {
    request(&format!("OPTIONS sip:{user}@example.com SIP/2.0"), "")
}

/// A request whose From has no end.
fn bad_from() -> String {
    good("bob").replace("From: <sip:caller@example.com>;tag=f1", "From: <sip:caller")
}

/// The status lines of what was sent, without the version.
fn answers(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|sent| sent.first_line()["SIP/2.0 ".len()..].to_owned()).collect()
}

#[test]
fn a_header_that_cannot_be_read_enters_the_error_route() {
    let mut world =
        world(&format!("{ANSWER}route {{ $var(a) = $fU; sl_send_reply(200, \"OK\"); }}"));
    assert_eq!(answers(&world.receive(PEER, good("bob"))), ["200 OK"]);
    assert_eq!(answers(&world.receive(PEER, bad_from())), ["400 bad header"]);
    assert_eq!(answers(&world.receive(PEER, good("bob"))), ["200 OK"], "an error is the message's");
}

#[test]
fn the_error_route_sees_what_went_wrong() {
    let mut world = world(
        "error_route { $avp(seen) = \"\" + $err.class + \" \" + $err.level + \" \" + $err.info\
           + \" \" + $err.rcode + \" \" + $err.rreason + \" \" + $route.type; }\n\
         route { $var(before) = 5; if ($tU == NULL) { }\n\
           send_reply(200, \"$avp(seen) then $route.type $err.rcode\"); }",
    );
    let bad = good("bob").replace("To: <sip:callee@example.com>", "To: <sip:callee");
    assert_eq!(
        answers(&world.receive(PEER, bad)),
        ["200 1 3 error parsing To header 400 bad header error_route then route 400"]
    );
}

#[test]
fn behind_the_error_route_the_script_goes_on_as_it_was() {
    let mut world = world(
        "error_route { $shv(errors) = 1; $var(x) = route(twice, \"p\"); if ($rU == \"x\") { } }\n\
         route[twice] { usleep(1000); $avp(p) = $param(1) + $tU; return(-7); }\n\
         route { route(main, \"arg\"); }\n\
         route[main] { $var(i) = 0; $var(sum) = \"\";\n\
           while ($var(i) < 2) { $var(i) = $var(i) + 1;\n\
             if ($rU == \"bob\" && ($fU == NULL || $ru == NULL)) $var(sum) = $var(sum) + \"y\"; }\n\
           sl_send_reply(200, \"$var(sum) $avp(p) $param(1) $(avp(p)[1])\"); }",
    );
    assert!(world.receive(PEER, bad_from()).is_empty(), "the error route waits");
    assert_eq!(answers(&world.pass(10)), ["200 yy pcallee arg pcallee"]);
}

#[test]
fn what_ends_the_error_route_by_exit_drop_or_0_ends_the_script() {
    for end in ["exit", "drop", "return(0)"] {
        let script = format!(
            "error_route {{ {end}; }}\nroute {{ $var(a) = $fu; send_reply(200, \"OK\"); }}"
        );
        let mut world = world(&script);
        assert_eq!(world.receive(PEER, bad_from()), [], "{end}");
        assert_eq!(world.receive(PEER, good("bob")).len(), 1);
    }
}

#[test]
fn an_error_within_the_error_route_does_not_enter_it_again() {
    let mut world = world(
        "error_route { $var(a) = $fu; $shv(n) = $shv(n) + 1; $avp(n) = \"x\"; }\n\
         modparam(\"cfgutils\", \"shvset\", \"n=i:0\")\n\
         route { $var(a) = $fu; $var(a) = $fn; sl_send_reply(200, \"$shv(n)\"); }",
    );
    assert_eq!(answers(&world.receive(PEER, bad_from())), ["200 2"], "once for each error");
}

#[test]
fn functions_that_need_a_request_uri_tell_of_a_bad_one() {
    for call in ["forward()", "prefix(\"1\")", "strip(1)", "rewritehost(\"h\")"] {
        let script = format!(
            "{ANSWER}route {{ $ru = \"hello\"; {call}; sl_send_reply(500, \"not reached\"); }}"
        );
        let sent = world(&script).receive(PEER, good("bob"));
        assert_eq!(answers(&sent), ["400 bad r-uri"], "{call}");
    }
    let mut world = world(&format!("{ANSWER}route {{ $ru = \"hello\"; $var(x) = $rU; }}"));
    assert_eq!(answers(&world.receive(PEER, good("bob"))), ["400 bad r-uri"]);
}

#[test]
fn other_headers_that_cannot_be_read() {
    let script = format!("{ANSWER}route {{ $var(x) = $ai; sl_send_reply(200, \"OK\"); }}");
    let mut world = world(&script);
    let with = |more: &str| request("OPTIONS sip:bob@example.com SIP/2.0", more);
    let sent = world.receive(PEER, with("P-Asserted-Identity: <sip:x\r\n"));
    assert_eq!(answers(&sent), ["400 bad headers"]);
    assert_eq!(answers(&world.receive(PEER, with(""))), ["200 OK"], "none is no error");
}

#[test]
fn without_an_error_route_the_script_goes_on_and_sl_reply_error_knows() {
    let mut world = world(
        "route { if ($fu == NULL) { sl_reply_error(); exit; }\n\
           sl_reply_error(); }",
    );
    assert_eq!(answers(&world.receive(PEER, bad_from())), ["400 bad header"]);
    assert_eq!(
        answers(&world.receive(PEER, good("bob"))),
        ["500 Server error occurred (1/SL)"],
        "nothing went wrong"
    );
    assert_eq!(world.count(sluice_engine::counter::Counter::Unanswered), 0);
}

#[test]
fn replies_have_no_error_route() {
    let mut world = world(
        "error_route { $shv(n) = \"entered\"; }\n\
         onreply_route { $var(a) = $fu; }\n\
         route { if ($shv(n) == 0) sl_send_reply(200, \"no\"); forward(); }",
    );
    let reply = bad_from().replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK");
    world.receive(PEER, reply);
    assert_eq!(answers(&world.receive(PEER, good("bob")))[0], "200 no");
}

#[test]
fn assert_does_nothing_unless_enabled() {
    for globals in ["", "enable_asserts = 0\n", "enable_asserts = no\n"] {
        let script = format!(
            "{globals}{ANSWER}route {{ assert($rU == \"bob\" && $ua != \"x\", \"other\"); \
             sl_send_reply(200, \"OK\"); }}"
        );
        let mut world = world(&script);
        assert_eq!(answers(&world.receive(PEER, good("eve"))), ["200 OK"]);
        let code = &world.program.shared().script.code;
        assert!(!code.contains(&sluice_script::ir::Op::Assert));
    }
    let checked = compiled("route { assert($nothing == 1, \"x\"); exit; }");
    assert_eq!(checked.errors, 1, "what is looked at later is checked now");
}

#[test]
fn a_failed_assert_ends_the_script_through_the_error_route() {
    let body = "route { route(deep, 1); sl_send_reply(500, \"not reached\"); }\n\
        route[deep] { while ($rU) { assert($rU == \"bob\", \"not bob\"); \
          sl_send_reply(200, \"OK\"); exit; } }\n";
    let mut with = world(&format!(
        "enable_asserts = true\nerror_route {{ usleep(1000); sl_send_reply($err.rcode, \
         \"$err.class $err.level $err.info $err.rreason $param(1)\"); }}\n{body}"
    ));
    assert_eq!(answers(&with.receive(PEER, good("bob"))), ["200 OK"]);
    assert!(with.receive(PEER, good("eve")).is_empty());
    assert_eq!(answers(&with.pass(5)), ["500 4 1 assertion failed server error <null>"]);
    let mut without = world(&format!("enable_asserts = 1\n{body}"));
    assert_eq!(without.receive(PEER, good("eve")), []);
    assert_eq!(answers(&without.receive(PEER, good("bob"))), ["200 OK"]);
    assert!(!without.workers[0].has_aborted());
}

#[test]
fn abort_on_assert_is_told_to_the_shell() {
    let mut world = world(
        "enable_asserts = 1\nabort_on_assert = 1\n\
         route { assert($rU == \"bob\", \"not bob\"); sl_send_reply(200, \"OK\"); }",
    );
    world.receive(PEER, good("bob"));
    assert!(!world.workers[0].has_aborted());
    world.receive(PEER, good("eve"));
    assert!(world.workers[0].has_aborted());
}

#[test]
fn drop_in_a_reply_route_discards_provisional_replies_only() {
    let mut world =
        world("onreply_route { route(away); }\nroute[away] { drop; }\nroute { forward(); }");
    let mut reply = |status: &str| {
        let via = "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-g\r\nVia: ";
        let text = good("bob").replace("OPTIONS sip:bob@example.com SIP/2.0", status);
        answers(&world.receive("127.0.0.1:5070", text.replacen("Via: ", via, 1)))
    };
    assert_eq!(reply("SIP/2.0 180 Ringing"), [""; 0]);
    assert_eq!(reply("SIP/2.0 199 Early"), [""; 0]);
    assert_eq!(reply("SIP/2.0 200 OK"), ["200 OK"]);
    assert_eq!(reply("SIP/2.0 486 Busy"), ["486 Busy"]);
}
