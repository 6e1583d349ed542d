//! Module `tm` and the destination set: parallel and serial forking (spec 8.8, 11).

use sluice_tests::world::Sent;

use crate::tm_world::{CALLEE, CALLER, SECOND, header, invite, reply, request, seen, to, with};

const THIRD: &str = "10.0.0.3:5073";

/// INVITEs, each with its address.
fn invites(sent: &[Sent]) -> Vec<String> {
    let invites = sent.iter().filter(|one| one.first_line().starts_with("INVITE"));
    invites.map(|one| one.to.to_string()).collect()
}

#[test]
fn branches_of_equal_q_ring_together_and_the_others_after_them() {
    let mut world = with(
        "route { $ru = \"sip:a@10.0.0.1:5071\"; $ru_q = 300;\n\
        append_branch(\"sip:b@10.0.0.2:5072\", \"0.9\");\n\
        append_branch(\"sip:c@10.0.0.3:5073\", \"0.3\");\n\
        append_branch(\"sip:d@10.0.0.4:5074\", \"0.1\");\n\
        serialize_branches(1); next_branches(); $avp(first) = $rc;\n\
        t_on_failure(\"next\"); t_relay(); }\n\
        failure_route[next] { next_branches(); $avp(code) = $rc;\n\
        if ($avp(code) > 0) { t_on_failure(\"next\"); t_relay(); exit; }\n\
        append_to_reply(\"X: $avp(first) $(avp(code)[*])\\r\\n\"); t_reply(480, \"All tried\"); }",
    );
    let sent = world.receive(CALLER, invite());
    assert_eq!(invites(&sent), [SECOND]);
    let out = request(&sent, SECOND, "INVITE");
    let sent = world.receive(SECOND, reply(&out, "486 Busy"));
    assert_eq!(invites(&sent), [CALLEE, THIRD], "the Request-URI's first");
    let (one, three) = (request(&sent, CALLEE, "INVITE"), request(&sent, THIRD, "INVITE"));
    assert!(invites(&world.receive(CALLEE, reply(&one, "486 Busy"))).is_empty());
    let sent = world.receive(THIRD, reply(&three, "486 Busy"));
    assert_eq!(invites(&sent), ["10.0.0.4:5074"]);
    let four = request(&sent, "10.0.0.4:5074", "INVITE");
    let sent = world.receive("10.0.0.4:5074", reply(&four, "404 Nobody"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 480 All tried");
    // More were left, then none; then there was nothing.
    assert_eq!(header(&sent, "X").as_deref(), Some("1 -1, 2, 1"));
}

#[test]
fn a_set_of_one_is_not_serialized() {
    let mut world = with(
        "route { $ru = \"sip:a@10.0.0.1:5071\"; serialize_branches(1); $var(a) = $rc;\n\
        next_branches(); append_hf(\"X: $var(a) $rc\\r\\n\"); t_relay(); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    assert_eq!(header(&[out], "X").as_deref(), Some("1 -1"), "the Request-URI is left alone");
}

#[test]
fn there_are_twelve_branches_at_most() {
    let mut world = with(
        "route { $ru = \"sip:a@10.0.0.1:5071\"; $var(i) = 0;\n\
        while ($var(i) < 12) { $var(i) = $var(i) + 1;\n\
        append_branch(\"sip:a@10.0.1.$var(i)\"); $var(last) = $rc; }\n\
        append_hf(\"X: $var(last)\\r\\n\"); t_relay(); }",
    );
    let sent = world.receive(CALLER, invite());
    assert_eq!(invites(&sent).len(), 12);
    assert_eq!(header(&sent, "X").as_deref(), Some("-1"));
}

#[test]
fn the_set_is_empty_after_relaying_and_the_request_as_before() {
    let mut world = with(
        "route { $ru = \"sip:a@10.0.0.1:5071\"; append_branch(\"sip:b@10.0.0.2:5072\");\n\
        t_on_branch(\"b\"); t_relay();\n\
        $shv(x) = $ru + \" \" + $msg.branch.last_idx; t_on_branch(\"c\"); t_on_failure(\"f\"); }\n\
        branch_route[b] { $rU = \"changed\"; $du = \"sip:\" + $rd + \":\" + $rp; }\n\
        failure_route[f] { append_to_reply(\"X: $shv(x), $ru\\r\\n\"); t_reply(480, \"No\"); }\n\
        branch_route[c] { exit; }",
    );
    let sent = world.receive(CALLER, invite());
    let (one, two) = (request(&sent, CALLEE, "INVITE"), request(&sent, SECOND, "INVITE"));
    assert!(one.first_line().starts_with("INVITE sip:changed@"));
    world.receive(CALLEE, reply(&one, "486 Busy"));
    let sent = world.receive(SECOND, reply(&two, "404 Nobody"));
    let expected = "sip:a@10.0.0.1:5071 0, sip:changed@10.0.0.2:5072";
    assert_eq!(header(&sent, "X").as_deref(), Some(expected), "the winner's Request-URI");
}

/// spec 11: a script that forgot its `exit` forks.
#[test]
fn relaying_twice_adds_branches() {
    let mut world = with(
        "route { $du = \"sip:10.0.0.1:5071\"; t_relay(); $du = \"sip:10.0.0.2:5072\"; t_relay(); }",
    );
    let sent = world.receive(CALLER, invite());
    assert_eq!(invites(&sent), [CALLEE, SECOND]);
    let (one, two) = (request(&sent, CALLEE, "INVITE"), request(&sent, SECOND, "INVITE"));
    assert!(to(&world.receive(CALLEE, reply(&one, "404 Nobody")), CALLER).is_empty());
    let sent = world.receive(SECOND, reply(&two, "200 OK"));
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
}

#[test]
fn a_failure_route_forks_again() {
    let mut world = with(
        "route { $ru = \"sip:a@10.0.0.1:5071\"; t_on_failure(\"f\"); t_relay(); }\n\
        failure_route[f] { $ru = \"sip:b@10.0.0.2:5072\";\n\
        append_branch(\"sip:c@10.0.0.3:5073\"); t_relay(); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let sent = world.receive(CALLEE, reply(&out, "401 Who"));
    assert_eq!(invites(&sent), [SECOND, THIRD]);
    let (two, three) = (request(&sent, SECOND, "INVITE"), request(&sent, THIRD, "INVITE"));
    assert!(to(&world.receive(SECOND, reply(&two, "486 Busy")), CALLER).is_empty());
    // Only the last round counts: the 401 would be better.
    let sent = world.receive(THIRD, reply(&three, "503 Full"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 486 Busy");
}

#[test]
fn a_6xx_leaves_nothing_to_fork_to() {
    let refused = |params: &str| {
        let mut world = with(&format!(
            "{params}route {{ $ru = \"sip:a@10.0.0.1:5071\"; t_on_failure(\"f\"); t_relay(); }}\n\
            failure_route[f] {{ $ru = \"sip:b@10.0.0.2:5072\"; t_relay(); $var(code) = $rc;\n\
            append_to_reply(\"X: $var(code)\\r\\n\"); if ($var(code) < 0) t_reply(480, \"No\"); }}"
        ));
        let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
        let sent = world.receive(CALLEE, reply(&out, "603 Decline"));
        (invites(&sent).len(), header(&sent, "X"))
    };
    assert_eq!(refused(""), (0, Some("-3".to_owned())));
    assert_eq!(refused("modparam(\"tm\", \"disable_6xx_block\", 1)\n"), (1, None));
}
