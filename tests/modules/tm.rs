//! Module `tm` in virtual time: relaying, retransmissions, CANCEL, time-outs (spec 8).

use sluice_engine::counter::Counter;
use sluice_engine::limits::PARKED_RUNS;
use sluice_tests::world::{Plan, Sent, World, located};

use crate::tm_world::{CALLEE, CALLER, cancel, invite, message, reply, seen, to, with};

const SCRIPT: &str = "loadmodule \"tm\"\nmodparam(\"tm\", \"fr_timeout\", 30)\nroute {\n\
    if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n\
    $du = \"sip:10.0.0.1:5071\"; t_relay();\n}";

fn world() -> World {
    Plan::default().run(&format!("loadmodule \"sipmsgops\"\n{SCRIPT}"))
}

#[test]
fn a_call_is_relayed() {
    let mut world = world();
    let sent = world.receive(CALLER, invite());
    assert_eq!(
        seen(&sent),
        ["10.9.9.1:5060 SIP/2.0 100 Giving it a try", "10.0.0.1:5071 INVITE sip:b@x SIP/2.0"]
    );
    let out = sent[1].clone();
    assert!(world.receive(CALLEE, reply(&out, "100 Trying")).is_empty());
    let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 180 Ringing"]);
    // Retransmissions get what went up last, and do not reach the script.
    assert_eq!(seen(&world.receive(CALLER, invite())), seen(&up));
    let up = world.receive(CALLEE, reply(&out, "200 OK"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
    assert_eq!(up[0].text().matches("Via:").count(), 1);
    // RFC 6026: a 2xx passes each time.
    assert_eq!(world.receive(CALLEE, reply(&out, "200 OK")).len(), 1);
    world.pass(6_000);
    assert!(world.receive(CALLEE, reply(&out, "200 OK")).is_empty(), "it is over");
}

#[test]
fn a_request_is_sent_again_until_an_answer_comes() {
    let mut world = world();
    let sent = world.receive(CALLER, invite());
    let mut again = Vec::new();
    for _ in 0..100 {
        again.extend(world.pass(100));
    }
    // At 0.5, 1.5, 3.5, 7.5 s.
    assert_eq!(again.len(), 4, "{:?}", seen(&again));
    assert!(again.iter().all(|one| one.bytes == sent[1].bytes));
    let up = world.pass(25_000);
    let last = seen(&up).last().cloned().unwrap_or_default();
    assert_eq!(last, "10.9.9.1:5060 SIP/2.0 408 Request Timeout");
}

#[test]
fn a_refusal_is_acknowledged_and_repeated_until_its_own_ack() {
    let mut world = world();
    let sent = world.receive(CALLER, invite());
    let out = world.receive(CALLEE, reply(&sent[1], "486 Busy Here"));
    assert_eq!(
        seen(&out),
        ["10.0.0.1:5071 ACK sip:b@x SIP/2.0", "10.9.9.1:5060 SIP/2.0 486 Busy Here"]
    );
    assert_eq!(seen(&world.pass(600)), ["10.9.9.1:5060 SIP/2.0 486 Busy Here"]);
    assert!(world.receive(CALLER, message("ACK sip:b@x SIP/2.0", "ACK", "")).is_empty());
    assert!(world.pass(30_000).is_empty());
}

#[test]
fn a_cancel_goes_on_when_the_callee_has_been_heard() {
    let mut world = world();
    let sent = world.receive(CALLER, invite());
    assert_eq!(seen(&world.receive(CALLER, cancel())), ["10.9.9.1:5060 SIP/2.0 200 canceling"]);
    let out = world.receive(CALLEE, reply(&sent[1], "180 Ringing"));
    assert_eq!(
        seen(&out),
        ["10.0.0.1:5071 CANCEL sip:b@x SIP/2.0", "10.9.9.1:5060 SIP/2.0 180 Ringing"]
    );
    assert!(world.receive(CALLEE, reply(&out[0], "200 OK")).is_empty());
    let up = world.receive(CALLEE, reply(&sent[1], "487 Request Terminated"));
    assert_eq!(
        seen(&up),
        ["10.0.0.1:5071 ACK sip:b@x SIP/2.0", "10.9.9.1:5060 SIP/2.0 487 Request Terminated"]
    );
}

/// A CANCEL that nobody answers ends with its transaction, and so do its timers.
#[test]
fn a_cancel_without_an_answer_leaves_no_timer() {
    let mut world = world();
    let sent = world.receive(CALLER, invite());
    world.receive(CALLER, cancel());
    world.receive(CALLEE, reply(&sent[1], "180 Ringing"));
    world.receive(CALLEE, reply(&sent[1], "487 Request Terminated"));
    world.receive(CALLER, message("ACK sip:b@x SIP/2.0", "ACK", ""));
    world.pass(6_000);
    assert_eq!((world.workers[0].transactions(), world.workers[0].next_due_ms()), (0, None));
}

#[test]
fn a_failure_route_tries_the_next_destination() {
    let mut world = with(
        "route {\n  $avp(tried) = 1; $du = \"sip:10.0.0.1:5071\";\n\
        append_hf(\"X-Main: yes\\r\\n\"); t_on_failure(\"next\"); t_relay();\n}\n\
        failure_route[next] {\n  if (t_was_cancelled()) exit;\n\
        if (t_check_status(\"486|408\") && $avp(tried) == 1) {\n\
        $avp(tried) := 2; $du = \"sip:10.0.0.2:5072\"; t_on_failure(\"next\"); t_relay(); exit; }\n\
        t_reply(480, \"Tried $avp(tried)\");\n}\n",
    );
    let first = world.receive(CALLER, invite())[1].clone();
    assert!(first.text().contains("X-Main: yes"));
    let sent = world.receive(CALLEE, reply(&first, "486 Busy Here"));
    assert!(to(&sent, CALLER).is_empty(), "{:?}", seen(&sent));
    let second = to(&sent, "10.0.0.2:5072")[0].clone();
    assert!(second.text().contains("X-Main: yes") && second.first_line().starts_with("INVITE"));
    let sent = world.receive("10.0.0.2:5072", reply(&second, "486 Busy Here"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 480 Tried 2");
}

#[test]
fn the_best_of_several_refusals_goes_up() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\";\n\
        append_branch(\"sip:b@10.0.0.2:5072\");\n\
        append_branch(\"sip:b@10.0.0.3:5073\"); t_relay(); }",
    );
    let sent = world.receive(CALLER, invite());
    let at = |address: &str| to(&sent, address)[0].clone();
    let (one, two, three) = (at("10.0.0.1:5071"), at("10.0.0.2:5072"), at("10.0.0.3:5073"));
    assert_eq!(two.first_line(), "INVITE sip:b@10.0.0.2:5072 SIP/2.0");
    assert!(to(&world.receive("10.0.0.1:5071", reply(&one, "503 Full")), CALLER).is_empty());
    assert!(to(&world.receive("10.0.0.2:5072", reply(&two, "404 Nobody")), CALLER).is_empty());
    let sent = world.receive("10.0.0.3:5073", reply(&three, "486 Busy"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 404 Nobody");
}

#[test]
fn an_answer_cancels_the_other_branches_and_a_second_answer_passes() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\";\n\
        append_branch(\"sip:b@10.0.0.2:5072\"); t_relay(); }",
    );
    let sent = world.receive(CALLER, invite());
    let (one, two) = (to(&sent, CALLEE)[0].clone(), to(&sent, "10.0.0.2:5072")[0].clone());
    world.receive("10.0.0.2:5072", reply(&two, "180 Ringing"));
    let sent = world.receive(CALLEE, reply(&one, "200 OK"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 200 OK");
    assert_eq!(to(&sent, "10.0.0.2:5072")[0].first_line(), "CANCEL sip:b@10.0.0.2:5072 SIP/2.0");
    let sent = world.receive("10.0.0.2:5072", reply(&two, "200 OK"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 200 OK");
}

#[test]
fn a_branch_route_changes_or_discards_its_branch_alone() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_branch(\"each\");\n\
        append_branch(\"sip:b@10.0.0.2:5072\");\n\
        append_branch(\"sip:b@10.0.0.3:5073\"); t_relay(); }\n\
        branch_route[each] { if ($rd == \"10.0.0.2\") drop;\n\
        append_hf(\"X-Branch: $rd\\r\\n\"); $rU = \"changed\"; }",
    );
    let sent = world.receive(CALLER, invite());
    assert!(to(&sent, "10.0.0.2:5072").is_empty());
    let (one, three) = (to(&sent, CALLEE)[0].text(), to(&sent, "10.0.0.3:5073")[0].text());
    assert!(
        one.starts_with("INVITE sip:changed@10.0.0.1:5071") && one.contains("X-Branch: 10.0.0.1")
    );
    assert!(three.contains("X-Branch: 10.0.0.3") && three.matches("X-Branch").count() == 1);
}

#[test]
fn reply_routes_see_the_replies_of_their_transaction() {
    let mut world = with(
        "route { $du = \"sip:10.0.0.1:5071\"; t_on_reply(\"mine\"); t_relay(); }\n\
        onreply_route { append_hf(\"X-All: $rs\\r\\n\"); }\n\
        onreply_route[mine] { if (t_check_status(\"183\")) drop;\n\
        append_hf(\"X-Mine: $T_reply_code\\r\\n\"); }",
    );
    let out = world.receive(CALLER, invite())[1].clone();
    assert!(world.receive(CALLEE, reply(&out, "183 Progress")).is_empty());
    let up = world.receive(CALLEE, reply(&out, "200 OK"))[0].text();
    assert!(up.contains("X-All: 200") && up.contains("X-Mine: 200"), "{up}");
}

/// A world whose tm has these parameters and which relays to the callee.
fn timed(params: &[(&str, u32)]) -> World {
    let params: String = params
        .iter()
        .map(|(name, value)| format!("modparam(\"tm\", \"{name}\", {value})\n"))
        .collect();
    with(&format!("{params}route {{ $du = \"sip:10.0.0.1:5071\"; t_relay(); }}"))
}

/// How many datagrams each of so many seconds brings.
fn each_second(world: &mut World, seconds: usize) -> Vec<usize> {
    (0..seconds).map(|_| world.pass(1_000).len()).collect()
}

#[test]
fn timers_are_those_of_the_parameters() {
    let mut world = timed(&[("auto_100trying", 0), ("T1_timer", 1_000), ("T2_timer", 2_000)]);
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "no 100");
    // At 1, 3, 5, 7 s.
    assert_eq!(each_second(&mut world, 8), [1, 0, 1, 0, 1, 0, 1, 0]);

    let mut world = timed(&[("fr_timeout", 2), ("fr_inv_timeout", 4), ("wt_timer", 1)]);
    let out = world.receive(CALLER, invite())[1].clone();
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    world.pass(3_000);
    // A provisional reply begins the longer wait anew.
    world.receive(CALLEE, reply(&out, "183 Progress"));
    assert!(world.pass(3_900).is_empty());
    let sent = world.pass(200);
    let cancel = "CANCEL sip:b@x SIP/2.0";
    assert_eq!(to(&sent, CALLEE)[0].first_line(), cancel);
    assert!(to(&sent, CALLEE)[0].text().contains("Reason: SIP;cause=480;text=\"NO_ANSWER\""));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 408 Request Timeout");

    let mut world = timed(&[("restart_fr_on_each_reply", 0), ("fr_inv_timeout", 4)]);
    let out = world.receive(CALLER, invite())[1].clone();
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    world.pass(3_000);
    world.receive(CALLEE, reply(&out, "183 Progress"));
    assert_eq!(to(&world.pass(1_100), CALLER)[0].first_line(), "SIP/2.0 408 Request Timeout");
}

#[test]
fn a_6xx_ends_all_branches_unless_told_otherwise() {
    let fork = "route { $ru = \"sip:b@10.0.0.1:5071\";\n\
        append_branch(\"sip:b@10.0.0.2:5072\"); t_relay(); }";
    let first_refused = |world: &mut World| {
        let sent = world.receive(CALLER, invite());
        let out = to(&sent, CALLEE)[0].clone();
        let sent = world.receive(CALLEE, reply(&out, "603 Decline"));
        to(&sent, CALLER).first().map(|up| up.first_line())
    };
    assert_eq!(first_refused(&mut with(fork)), Some("SIP/2.0 603 Decline".to_owned()));
    let open = format!("modparam(\"tm\", \"disable_6xx_block\", 1)\n{fork}");
    assert_eq!(first_refused(&mut with(&open)), None);
}

#[test]
fn reply_routes_have_the_avps_where_the_parameter_says_so() {
    let routes = "route { $avp(a) = \"kept\"; $du = \"sip:10.0.0.1:5071\";\n\
        t_on_reply(\"r\"); t_relay(); }\n\
        onreply_route[r] { append_hf(\"X: $avp(a) $T_branch_idx\\r\\n\"); }";
    let seen = |params: &str| {
        let mut world = with(&format!("{params}{routes}"));
        let out = world.receive(CALLER, invite())[1].clone();
        let up = world.receive(CALLEE, reply(&out, "200 OK"))[0].text();
        up.lines().find_map(|line| line.strip_prefix("X: ")).map(str::to_owned)
    };
    assert_eq!(seen("").as_deref(), Some("<null> 0"));
    let mode = "modparam(\"tm\", \"onreply_avp_mode\", 1)\n";
    assert_eq!(seen(mode).as_deref(), Some("kept 0"));
}

#[test]
fn a_transaction_of_its_own_is_answered_in_the_end() {
    let mut world = with(
        "route { if (t_newtran()) { $var(second) = t_newtran();\n\
        append_to_reply(\"X: $var(second) $T_reply_code $T_branch_idx\\r\\n\");\n\
        if ($T_id != NULL) t_reply(404, \"Nobody\"); } }",
    );
    let sent = world.receive(CALLER, invite());
    assert_eq!(sent[1].first_line(), "SIP/2.0 404 Nobody");
    assert!(sent[1].text().contains("X: -10 100 <null>"), "{}", sent[1].text());
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "it came before");
}

#[test]
fn the_proxy_of_the_examples_goes_on_to_the_next_destination() {
    let script = include_str!("../../examples/proxy/opensips.cfg");
    let list = "1 sip:10.0.0.1:5071\n1 sip:10.0.0.2:5072\n";
    let mut world = Plan::default().file("dispatcher.list", list).run(script);
    let sent = world.receive(CALLER, invite());
    let first = sent.iter().find(|one| one.first_line().starts_with("INVITE")).expect("relayed");
    assert!(first.text().contains("Record-Route: <sip:127.0.0.1;lr;ftag=1>"), "{}", first.text());
    let other = if first.to.port() == 5071 { "10.0.0.2:5072" } else { "10.0.0.1:5071" };
    let sent = world.pass(2_100);
    let second = to(&sent, other)[0].clone();
    assert!(to(&sent, CALLER).is_empty(), "the caller hears of the last one only");
    let up = world.receive(other, reply(&second, "200 OK"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
}

#[test]
fn flags_and_a_destination_of_the_call_are_obeyed() {
    let mut world = with("route { $du = \"sip:10.0.0.9\"; t_relay(, \"udp:10.0.0.1:5071\"); }");
    assert_eq!(world.receive(CALLER, invite())[1].to.to_string(), CALLEE);
    // 1.x: the destination comes first.
    for given in ["\"udp:10.0.0.1:5071\"", "\"udp:10.0.0.1:5071\", \"0x02\""] {
        let mut world = with(&format!("route {{ t_relay({given}); }}"));
        assert_eq!(world.receive(CALLER, invite())[1].to.to_string(), CALLEE);
    }
    // Nowhere to go: answered by us, unless the script wants to know.
    let nowhere = |flags: &str| {
        let script = format!(
            "route {{ $du = \"sip:10.0.0.1;transport=sctp\"; $var(code) = t_relay({flags});\n\
             if ($var(code) < 0) t_reply(404, \"code $var(code)\"); }}"
        );
        let sent = with(&script).receive(CALLER, invite());
        sent.last().map(Sent::first_line)
    };
    assert_eq!(nowhere("").as_deref(), Some("SIP/2.0 476 Unresolvable destination (476/TM)"));
    assert_eq!(nowhere("\"no-auto-477\"").as_deref(), Some("SIP/2.0 404 code -4"));
    assert_eq!(nowhere("0x02").as_deref(), Some("SIP/2.0 404 code -4"));
    for wrong in ["\"nonsense\"", "\"no-auto-477,nonsense\""] {
        let script = format!("loadmodule \"tm\"\nroute {{ t_relay({wrong}); }}");
        assert!(Plan::default().try_run(&script).is_err(), "{wrong}");
    }
}

/// A world that relays to a name, so that the run parks.
fn by_name() -> World {
    with(
        "route { if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n\
         $ru = \"sip:b@gw.example.com\"; t_relay(); }",
    )
}

#[test]
fn a_call_that_is_cancelled_while_its_name_is_looked_up_rings_nowhere() {
    let mut world = by_name();
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "100 only");
    let sent = world.receive(CALLER, cancel());
    let lines: Vec<_> = sent.iter().map(Sent::first_line).collect();
    assert_eq!(lines, ["SIP/2.0 200 canceling", "SIP/2.0 487 Request Terminated"]);
    assert!(world.answer(located(5060, &["10.0.0.1"])).is_empty());
}

#[test]
fn a_request_that_finds_no_place_to_wait_leaves_no_transaction() {
    let mut world = by_name();
    let call = |n: usize| {
        invite().replace("Call-ID: abc", &format!("Call-ID: {n}")).replace("caller", &n.to_string())
    };
    for n in 0..PARKED_RUNS {
        world.receive(CALLER, call(n));
    }
    assert_eq!(world.count(Counter::ParkRefused), 0);
    // The same request twice: the second one reaches the script, too.
    for refused in 1..=2 {
        world.receive(CALLER, call(PARKED_RUNS));
        assert_eq!(world.count(Counter::ParkRefused), refused);
    }
}

#[test]
fn a_failure_route_that_is_armed_behind_the_relaying_has_the_changes_too() {
    let mut world = with(
        "route {\n  $du = \"sip:10.0.0.1:5071\"; append_hf(\"X-Main: yes\\r\\n\");\n\
        t_relay(); t_on_failure(\"next\");\n}\n\
        failure_route[next] { $du = \"sip:10.0.0.2:5072\"; t_relay(); }\n",
    );
    let first = world.receive(CALLER, invite())[1].clone();
    let sent = world.receive(CALLEE, reply(&first, "486 Busy Here"));
    assert!(to(&sent, "10.0.0.2:5072")[0].text().contains("X-Main: yes"));
}

/// A usual INVITE and its way to the callee.
const RELAYED: &str = "route { $du = \"sip:10.0.0.1:5071\"; t_relay(); }\n";

#[test]
fn what_comes_again_after_the_end_is_dealt_with() {
    let mut world = with(RELAYED);
    let invite = message("INVITE sip:b@x SIP/2.0", "INVITE", "Route: <sip:10.0.0.1;lr>\r\n");
    let sent = world.receive(CALLER, &invite);
    let busy = reply(&sent[1], "486 Busy Here");
    let first = world.receive(CALLEE, &busy);
    // The refusal again: its ACK again, and nothing upstream.
    assert_eq!(world.receive(CALLEE, &busy), first[..1]);
    assert!(first[0].text().contains("Route: <sip:10.0.0.1;lr>"));
    // The request again, until the ACK has come.
    assert_eq!(world.receive(CALLER, &invite), first[1..]);
    world.receive(CALLER, message("ACK sip:b@x SIP/2.0", "ACK", ""));
    assert!(world.receive(CALLER, &invite).is_empty());
    assert_eq!(world.receive(CALLEE, &busy), first[..1]);
    assert!(world.receive(CALLEE, reply(&sent[1], "200 OK")).is_empty(), "it was refused");
    world.pass(6_000);
    assert_eq!(world.receive(CALLER, &invite).len(), 2, "a new one");
}

#[test]
fn a_reply_route_sees_flags_and_values_of_a_call_that_has_ended() {
    let mut world = with(
        "modparam(\"tm\", \"onreply_avp_mode\", 1)\nroute {\n\
        setflag(3); $avp(who) = \"alice\"; $du = \"sip:10.0.0.1:5071\"; t_on_reply(\"seen\");\n\
        t_relay();\n}\n\
        onreply_route[seen] { if (isflagset(3)) append_hf(\"X-Who: $avp(who)\\r\\n\"); }\n",
    );
    let sent = world.receive(CALLER, invite());
    for _ in 0..3 {
        let up = world.receive(CALLEE, reply(&sent[1], "200 OK"));
        assert!(up[0].text().contains("X-Who: alice"), "{}", up[0].text());
    }
}

#[test]
fn a_call_that_has_ended_is_whole_for_a_run_that_waits() {
    let mut world = with(
        "loadmodule \"cfgutils\"\nroute {\n\
        $du = \"sip:10.0.0.1:5071\"; t_relay(); usleep(1000000);\n\
        if (t_check_status(\"200\")) { $du = \"sip:10.0.0.9:5099\"; forward(); }\n}\n",
    );
    let sent = world.receive(CALLER, invite());
    assert_eq!(world.receive(CALLEE, reply(&sent[1], "200 OK")).len(), 1);
    assert_eq!(seen(&world.pass(1_001)), ["10.0.0.9:5099 INVITE sip:b@x SIP/2.0"]);
}

/// Relays to one destination, and to another one when that fails.
const FAILOVER: &str = "route { $du = \"sip:10.0.0.1:5071\"; t_on_failure(\"next\"); t_relay(); }\n\
    failure_route[next] {\n\
    if (t_check_status(\"503\")) { $du = \"sip:10.0.0.2:5072\"; t_relay(); }\n}\n";

#[test]
fn a_request_that_does_not_arrive_goes_to_the_next_destination_at_once() {
    let mut world = with(FAILOVER);
    let first = world.receive(CALLER, invite())[1].clone();
    // An ICMP error quotes the beginning only.
    let quote = &first.bytes[..first.bytes.len() / 2];
    let sent = world.lose(0, quote);
    assert_eq!(seen(&sent), ["10.0.0.2:5072 INVITE sip:b@x SIP/2.0"]);
    assert_eq!(world.count(Counter::RequestsLost), 1);
    assert!(world.lose(0, quote).is_empty(), "once is enough");
    // The first one is not sent again; the second one's answer goes up.
    assert!(to(&world.pass(2_000), "10.0.0.1:5071").is_empty());
    let up = world.receive("10.0.0.2:5072", reply(&sent[0], "200 OK"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
}

#[test]
fn what_is_lost_without_another_destination_is_answered() {
    let mut world = with(RELAYED);
    let sent = world.receive(CALLER, invite());
    // spec 8.5: a 503 is not our own.
    assert_eq!(
        seen(&world.lose(0, &sent[1].bytes)),
        ["10.9.9.1:5060 SIP/2.0 500 Server Internal Error"]
    );
    assert!(to(&world.pass(1_000), "10.0.0.1:5071").is_empty());
}

#[test]
fn a_destination_that_was_heard_is_there() {
    let mut world = with(FAILOVER);
    let first = world.receive(CALLER, invite())[1].clone();
    world.receive(CALLEE, reply(&first, "180 Ringing"));
    assert!(world.lose(0, &first.bytes).is_empty());
    let up = world.receive(CALLEE, reply(&first, "200 OK"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
}

#[test]
fn only_what_we_sent_can_be_lost() {
    let mut world = with(FAILOVER);
    let first = world.receive(CALLER, invite())[1].clone();
    let forged = first.text().replace("branch=z9hG4bK00", "branch=z9hG4bK01");
    let ack = first.text().replace("INVITE sip", "ACK sip");
    for message in [invite(), forged, ack, reply(&first, "200 OK"), String::new()] {
        assert!(world.lose(0, message.as_bytes()).is_empty(), "{message}");
    }
    assert_eq!(world.count(Counter::RequestsLost), 0);
}

#[test]
fn another_workers_request_is_lost_there() {
    let modules = ["tm", "sipmsgops", "sl"].map(|module| format!("loadmodule \"{module}\"\n"));
    let script = format!("{}{FAILOVER}", modules.concat());
    let mut world = Plan { workers: 3, ..Plan::default() }.run(&script);
    let first = world.receive(CALLER, invite())[1].clone();
    let owner: usize = first.text().split("branch=z9hG4bK").nth(1).unwrap()[..2].parse().unwrap();
    let sent = world.lose((owner + 1) % 3, &first.bytes);
    assert_eq!(seen(&sent), ["10.0.0.2:5072 INVITE sip:b@x SIP/2.0"]);
}
