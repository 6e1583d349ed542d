//! Module `tm`: transactions that wait for branches, and branches that come later (spec 8.2, 8.6).

use sluice_engine::job::Answer;
use sluice_tests::world::located;

use crate::tm_world::{
    CALLEE, CALLER, SECOND, cancel, header, invite, reply, request, seen, to, with,
};

const CANCELS: &str = "if (is_method(\"CANCEL\")) { t_relay(); exit; }\n";

#[test]
fn a_transaction_waits_for_branches_when_all_have_failed() {
    let mut world = with(&format!(
        "route {{ {CANCELS} $var(none) = t_wait_for_new_branches(); t_newtran();\n\
        t_wait_for_new_branches(); $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); usleep(3000000);\n\
        $ru = \"sip:c@10.0.0.2:5072\"; append_hf(\"X: $var(none)\\r\\n\");\n\
        t_inject_branches(\"msg\"); }}"
    ));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, reply(&out, "404 Nobody"));
    assert!(to(&sent, CALLER).is_empty(), "{:?}", seen(&sent));
    let second = request(&world.pass(3_000), SECOND, "INVITE");
    assert_eq!(header(std::slice::from_ref(&second), "X").as_deref(), Some("-1"));
    assert!(second.first_line().starts_with("INVITE sip:c@10.0.0.2:5072"));
    let up = world.receive(SECOND, reply(&second, "200 OK"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
    // The wait is over with it.
    world.pass(6_000);
    assert_eq!(world.receive(CALLER, invite()).len(), 2, "it is a new one: 100 and INVITE");
}

#[test]
fn the_wait_ends_with_the_timer_of_a_ringing_call() {
    let mut world = with(
        "modparam(\"tm\", \"fr_inv_timeout\", 20)\nroute { t_newtran(); t_on_failure(\"f\");\n\
        t_wait_for_new_branches(); $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); }\n\
        failure_route[f] { append_to_reply(\"X: $T_reply_code\\r\\n\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "404 Nobody"));
    assert!(to(&world.pass(19_900), CALLER).is_empty());
    let sent = world.pass(200);
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 404 Nobody", "it is better than 408");
}

#[test]
fn nobody_comes() {
    let mut world = with(
        "modparam(\"tm\", \"fr_inv_timeout\", 20)\nroute { t_newtran();\n\
        t_wait_for_new_branches(); }",
    );
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "100");
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "it is absorbed");
    let sent = world.pass(20_100);
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 408 Request Timeout"]);
}

#[test]
fn a_cancel_ends_a_transaction_that_only_waits_at_once() {
    let mut world = with(&format!(
        "route {{ {CANCELS} t_newtran(); t_on_failure(\"f\"); t_wait_for_new_branches(); }}\n\
        failure_route[f] {{ t_reply(480, \"Not asked\"); }}"
    ));
    world.receive(CALLER, invite());
    let sent = world.receive(CALLER, cancel());
    let lines: Vec<_> = sent.iter().map(|one| one.first_line()).collect();
    assert_eq!(lines, ["SIP/2.0 200 canceling", "SIP/2.0 487 Request Terminated"]);
}

#[test]
fn a_cancel_waits_for_the_branches_that_ring() {
    let mut world = with(&format!(
        "route {{ {CANCELS} t_newtran(); t_wait_for_new_branches();\n\
        $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); }}"
    ));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    let sent = world.receive(CALLER, cancel());
    request(&sent, CALLEE, "CANCEL");
    assert_eq!(to(&sent, CALLER).len(), 1, "200 for the CANCEL");
    let sent = world.receive(CALLEE, reply(&out, "487 Gone"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 487 Gone");
    // One that has been refused already: the caller hears of its own wish.
    let mut world = with(&format!(
        "route {{ {CANCELS} t_newtran(); t_wait_for_new_branches();\n\
        $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); }}"
    ));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "404 Nobody"));
    let sent = world.receive(CALLER, cancel());
    assert_eq!(to(&sent, CALLER)[1].first_line(), "SIP/2.0 487 Request Terminated");
}

#[test]
fn so_many_branches_are_waited_for_or_until_the_script_has_enough() {
    let refused = |most: &str, reply_route: &str| {
        let mut world = with(&format!(
            "route {{ t_newtran(); t_wait_for_new_branches({most}); t_on_reply(\"r\");\n\
            $ru = \"sip:b@10.0.0.1:5071\"; t_inject_branches(\"msg\"); }}\n\
            onreply_route[r] {{ {reply_route} }}"
        ));
        let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
        let sent = world.receive(CALLEE, reply(&out, "404 Nobody"));
        to(&sent, CALLER).first().map(|up| up.first_line())
    };
    let nobody = Some("SIP/2.0 404 Nobody".to_owned());
    assert_eq!(refused("", "exit;"), None);
    assert_eq!(refused("2", "exit;"), None);
    assert_eq!(refused("1", "exit;"), nobody);
    assert_eq!(refused("", "if ($rs == 404) t_wait_no_more_branches();"), nobody);
}

#[test]
fn injected_branches_may_be_the_last_or_take_the_place_of_others() {
    let routes = |flags: &str| {
        format!(
            "route {{ t_newtran(); t_wait_for_new_branches(); t_on_branch(\"b\");\n\
            $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); usleep(1000000);\n\
            $ru = \"sip:c@10.0.0.2:5072\"; t_inject_branches(\"msg\"{flags}); }}\n\
            branch_route[b] {{ append_hf(\"X: $T_branch_idx\\r\\n\"); }}"
        )
    };
    let mut world = with(&routes(", \"cancel\""));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    let sent = world.pass(1_000);
    request(&sent, CALLEE, "CANCEL");
    let second = request(&sent, SECOND, "INVITE");
    assert_eq!(header(std::slice::from_ref(&second), "X").as_deref(), Some("2"), "behind the wait");
    world.receive(CALLEE, reply(&out, "487 Gone"));
    let sent = world.receive(SECOND, reply(&second, "404 Nobody"));
    assert!(to(&sent, CALLER).is_empty(), "others may come");

    let mut world = with(&routes(", \"l\""));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, reply(&out, "404 Nobody"));
    assert!(to(&sent, CALLER).is_empty());
    let second = request(&world.pass(1_000), SECOND, "INVITE");
    let sent = world.receive(SECOND, reply(&second, "486 Busy"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 404 Nobody");
}

#[test]
fn nothing_is_injected_where_there_is_no_transaction() {
    let mut world = with(
        "route { $var(a) = t_inject_branches(\"msg\"); $var(b) = t_wait_no_more_branches();\n\
        t_newtran(); $var(c) = t_wait_no_more_branches();\n\
        append_to_reply(\"X: $var(a) $var(b) $var(c)\\r\\n\"); t_reply(404, \"Nobody\"); }",
    );
    let sent = world.receive(CALLER, invite());
    assert_eq!(header(&sent, "X").as_deref(), Some("-1 -1 -1"));
}

#[test]
fn a_caller_who_was_told_to_wait_is_answered_in_the_end() {
    let mut world = with(&format!(
        "modparam(\"tm\", \"fr_inv_timeout\", 20)\n\
        route {{ {CANCELS} t_reply(180, \"Ringing\"); }}"
    ));
    assert_eq!(world.receive(CALLER, invite()).len(), 2, "100 and 180");
    assert_eq!(seen(&world.receive(CALLER, invite())), ["10.9.9.1:5060 SIP/2.0 180 Ringing"]);
    let sent = world.receive(CALLER, cancel());
    assert_eq!(sent[1].first_line(), "SIP/2.0 487 Request Terminated");
}

/// The second name is still looked up when the first branch has been refused.
#[test]
fn no_branch_decides_before_all_have_been_sent() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; append_branch(\"sip:b@gw.example.com:5072\");\n\
        t_relay(); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, reply(&out, "404 Nobody"));
    assert!(to(&sent, CALLER).is_empty(), "{:?}", seen(&sent));
    let second = request(&world.answer(located(5072, &["10.0.0.2"])), SECOND, "INVITE");
    let up = world.receive(SECOND, reply(&second, "200 OK"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
}

#[test]
fn a_branch_that_leads_nowhere_leaves_the_decision_to_the_others() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; append_branch(\"sip:b@gw.example.com:5072\");\n\
        t_relay(); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "404 Nobody"));
    let sent = world.answer(Answer::Failed("no such name".into()));
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 404 Nobody"]);
}

/// A round that fails while its failure route is still at work does not end the one before it.
#[test]
fn each_round_has_one_decision() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_failure(\"f\"); t_relay(); }\n\
        failure_route[f] { $ru = \"sip:c@10.0.0.2:5072\"; t_on_failure(\"g\"); t_relay();\n\
        usleep(2000000); }\n\
        failure_route[g] { usleep(3000000); t_reply(480, \"The second\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let second = request(&world.receive(CALLEE, reply(&out, "404 Nobody")), SECOND, "INVITE");
    world.receive(SECOND, reply(&second, "486 Busy"));
    let sent = world.pass(4_000);
    let up: Vec<_> = to(&sent, CALLER).iter().map(|one| one.first_line()).collect();
    assert_eq!(up[0], "SIP/2.0 480 The second", "{up:?}");
}
