//! `async()` and `launch()` (spec 1.5): functions that wait aside.

use sluice_engine::counter::Counter;
use sluice_engine::job::Answer;
use sluice_script::ir::Op;
use sluice_tests::world::{Sent, World, located, place, request};

use crate::world::compiled;

const PEER: &str = "127.0.0.1:5099";
const LOAD: &str = "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\nloadmodule \"sipmsgops.so\"\n\
    modparam(\"cfgutils\", \"shvset\", \"n=i:0\")\n";

fn world(script: &str) -> World {
    World::of(&format!("{LOAD}{script}"))
}

fn options(user: &str) -> String {
    request(&format!("OPTIONS sip:{user}@example.com SIP/2.0"), "")
}

/// The reasons of replies.
fn reasons(sent: &[Sent]) -> Vec<String> {
    let reason = |sent: &Sent| sent.first_line().split(' ').skip(2).collect::<Vec<_>>().join(" ");
    sent.iter().map(reason).collect()
}

#[test]
fn async_ends_the_script_and_goes_on_in_the_route() {
    let mut world = world(
        "route { route(deep, \"x\"); sl_send_reply(500, \"not reached\"); }\n\
         route[deep] { $avp(a) = \"kept\"; $ru = \"sip:changed@example.com\";\n\
           for ($var(i) in $(avp(a)[*])) { async(usleep(5000), resume); } }\n\
         route[resume] { if ($rc == 1 && $param(1) == NULL) \
           sl_send_reply(200, \"$avp(a) $rU $route\"); }",
    );
    assert!(world.receive(PEER, options("bob")).is_empty());
    assert_eq!(reasons(&world.pass(4)), [""; 0]);
    assert_eq!(reasons(&world.pass(2)), ["kept changed route[resume]"]);
    assert_eq!(world.workers[0].parked(), 0);
}

#[test]
fn async_of_what_is_done_at_once_goes_on_at_once() {
    let mut world = world(
        "route { if ($rU == \"bad\") { async(usleep(-1), \"resume\"); }\n\
           $du = \"sip:127.0.0.1:5070\"; async(forward(), resume, 3); }\n\
         route[resume] { sl_send_reply(200, \"$rc\"); }",
    );
    let sent = world.receive(PEER, options("bob"));
    assert_eq!((sent.len(), sent[1].first_line()), (2, "SIP/2.0 200 1".to_owned()));
    assert_eq!(reasons(&world.receive(PEER, options("bad"))), ["-1"]);
    world.pass(4_000);
    assert_eq!(world.count(Counter::WaitsExpired), 0);
}

#[test]
fn async_waits_for_names_too() {
    let mut world = world(
        "route { async(forward(), resume); }\nroute[resume] { sl_send_reply(200, \"$rc\"); }",
    );
    assert!(world.receive(PEER, options("bob")).is_empty());
    assert_eq!(world.asked(), Some(&place("example.com", None)));
    assert_eq!(reasons(&world.answer(Answer::Failed("no such name".into()))), ["-1"]);
}

#[test]
fn a_time_out_makes_the_function_fail() {
    let mut world = world(
        "route { $var(s) = 2; if ($rU == \"name\") { async(forward(), resume, 1); }\n\
           async(sleep(10), resume, $var(s)); }\n\
         route[resume] { sl_send_reply(200, \"$rc $rU\"); }",
    );
    world.receive(PEER, options("bob"));
    world.receive(PEER, options("name"));
    assert_eq!(reasons(&world.pass(999)), [""; 0]);
    assert_eq!(reasons(&world.pass(1)), ["-1 name"]);
    assert_eq!(reasons(&world.pass(1_000)), ["-1 bob"]);
    assert_eq!(world.count(Counter::WaitsExpired), 2);
    let late = world.answer(located(5060, &["127.0.0.1"]));
    assert_eq!((late.len(), world.count(Counter::StaleAnswers)), (0, 1));
    assert_eq!(reasons(&world.pass(10_000)), [""; 0]);
}

#[test]
fn a_time_out_that_is_not_reached_does_nothing() {
    let mut world = world(
        "route { async(sleep(1), resume, 2); }\n\
         route[resume] { sleep(5); sl_send_reply(200, \"$rc\"); }",
    );
    world.receive(PEER, options("bob"));
    assert_eq!(reasons(&world.pass(7_000)), ["1"], "it is the function's, not the route's");
    assert_eq!(world.count(Counter::WaitsExpired), 0);
}

#[test]
fn async_without_a_good_time_out_has_none() {
    let mut world = world(
        "route { $var(s) = \"soon\"; async(sleep(1), resume, $var(s)); }\n\
         route[resume] { sl_send_reply(200, \"$rc\"); }",
    );
    world.receive(PEER, options("bob"));
    assert_eq!(reasons(&world.pass(1_001)), ["1"]);
}

#[test]
fn a_reply_goes_on_when_its_async_is_over() {
    let mut world = world(
        "onreply_route { async(usleep(3000), resume); drop; }\n\
         route[resume] { if ($rs == 183) drop; }\nroute { forward(); }",
    );
    let via = "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-g\r\nVia: ";
    for status in ["183 Progress", "200 OK"] {
        let start = format!("SIP/2.0 {status}");
        let reply = options("bob").replace("OPTIONS sip:bob@example.com SIP/2.0", &start);
        assert!(world.receive("127.0.0.1:5070", reply.replacen("Via: ", via, 1)).is_empty());
    }
    assert_eq!(reasons(&world.pass(5)), ["OK"]);
}

#[test]
fn launch_goes_on_at_once_and_reports_from_a_run_of_its_own() {
    let mut world = world(
        "route { $avp(a) = \"mine\"; $var(p) = \"p\"; $ru = \"sip:changed@h\";\n\
           launch(usleep(5000), report, \"of $var(p)$rU\");\n\
           sl_send_reply(200, \"$rc $shv(seen)\"); }\n\
         route[report] { $shv(seen) = $param(1) + \"|\" + $rc + \"|\" + $rU + \"|\" + $avp(a);\n\
           sl_send_reply(500, \"must not be sent\"); }",
    );
    let mut ask = || reasons(&world.receive(PEER, options("bob")));
    assert_eq!(ask(), ["1 0"]);
    assert_eq!(ask(), ["1 0"]);
    let sent = world.pass(6);
    assert_eq!(reasons(&sent), ["must not be sent"; 2], "it has the request, and may do anything");
    assert_eq!(
        reasons(&world.receive(PEER, options("bob"))),
        ["1 of pchanged|1|bob|"],
        "without the AVPs and the changes of the run that launched it"
    );
    assert_eq!(world.count(Counter::Unanswered), 0);
}

#[test]
fn launch_needs_no_route_and_is_not_counted_as_unanswered() {
    let mut world = world(
        "route { launch(forward(\"sip:127.0.0.1:5071\")); launch(sleep(1)); \
           sl_send_reply(200, \"$rc\"); }",
    );
    let sent = world.receive(PEER, options("bob"));
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 1");
    assert_eq!(sent[1].first_line(), "OPTIONS sip:bob@example.com SIP/2.0");
    assert_eq!(sent[1].to.to_string(), "127.0.0.1:5071");
    world.pass(1_100);
    assert_eq!((world.workers[0].parked(), world.count(Counter::Unanswered)), (0, 0));
}

#[test]
fn launch_runs_from_any_route() {
    let mut world = world(
        "startup_route { launch(usleep(1000), count); }\n\
         timer_route[t, 1] { launch(usleep(1000), count); }\n\
         event_route[E_X] { launch(usleep(1000), count); }\n\
         onreply_route { launch(usleep(1000), count); drop; }\n\
         route[count] { $shv(n) = $shv(n) + 1; }\n\
         route { raise_event(\"E_X\"); sl_send_reply(200, \"$shv(n)\"); }",
    );
    assert_eq!(reasons(&world.receive(PEER, options("bob"))), ["0"]);
    let reply =
        options("bob").replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 180 Ringing");
    world.receive("127.0.0.1:5070", reply);
    world.pass(1_500);
    assert_eq!(reasons(&world.receive(PEER, options("bob"))), ["4"]);
}

#[test]
fn too_many_launches_are_refused_and_counted() {
    let mut world = world(
        "max_while_loops = 5000\n\
         route { $var(i) = 0; $var(no) = 0; while ($var(i) < 1100) { launch(usleep(1), count); \
           if ($rc < 0) $var(no) = $var(no) + 1; $var(i) = $var(i) + 1; }\n\
           sl_send_reply(200, \"$var(no)\"); }\n\
         route[count] { $shv(n) = $shv(n) + 1; }",
    );
    assert_eq!(reasons(&world.receive(PEER, options("bob"))), ["76"]);
    assert_eq!(world.count(Counter::StartRefused), 76);
    world.pass(50);
    assert_eq!((world.workers[0].parked(), world.workers[0].has_more()), (0, false));
}

#[test]
fn a_launch_keeps_the_edition_of_the_run_that_launched_it() {
    let script = |edition: u32| {
        format!(
            "{LOAD}route {{ usleep(1000); launch(usleep(1000), report); \
             if ($rU == \"ask\") sl_send_reply(200, \"$shv(seen) $shv(n)\"); else exit; }}\n\
             {}route[report] {{ $shv(seen) = {edition}; $shv(n) = $shv(n) + 1; }}",
            "route[other] { exit; }\n".repeat(if edition == 2 { 1 } else { 0 })
        )
    };
    let mut world = World::of(&script(1));
    world.receive(PEER, options("bob"));
    world.reload(&script(2)).unwrap();
    world.pass(5);
    world.receive(PEER, options("ask"));
    assert_eq!(reasons(&world.pass(1)), ["1 1"]);
}

#[test]
fn what_waits_not_is_refused_and_wrong_routes_are_found() {
    let codes = |body: &str| -> Vec<String> {
        let compiled = compiled(&format!("{LOAD}{body}\nroute[r] {{ exit; }}\n"));
        compiled.diagnostics.iter().map(|found| found.code.to_string()).collect()
    };
    assert_eq!(codes("route { launch(xlog(\"x\"), r); }"), ["not-async"]);
    assert_eq!(
        codes("timer_route[t, 1] { async(usleep(1), r); } route { exit; }"),
        ["wrong-route"]
    );
    let never_armed = "failure_route[f] { launch(usleep(1), r); } route { exit; }";
    assert_eq!(codes(never_armed), ["unused-route"], "launch() itself is allowed there");
    assert_eq!(
        codes(
            "route { async(usleep(1), a); }\nroute[a] { launch(forward(), b); }\n\
               route[b] { forward(); route(r); }\n\
               onreply_route { async(usleep(1), b); }"
        ),
        ["wrong-route"],
        "forward() is reached from the reply route"
    );
    let good = compiled("route { launch(forward()); async(forward(), r); } route[r] { exit; }");
    let script = good.script.unwrap();
    assert!(script.code.iter().any(|op| matches!(op, Op::Launch { route: None, .. })));
}
