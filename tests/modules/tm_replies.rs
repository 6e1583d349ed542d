//! Module `tm`: replies of ours, and what a script learns of replies (spec 8.2).

use crate::tm_world::{
    CALLEE, CALLER, SECOND, cancel, header, invite, message, reply, request, to, with,
};

#[test]
fn a_reply_may_have_a_body_of_its_own() {
    let mut world = with(
        "route { append_to_reply(\"Content-Type: text/plain\\r\\n\");\n\
        t_reply_with_body(200, \"Fine\", \"hello\"); $var(again) = t_reply(480, \"Late\"); }",
    );
    let sent = world.receive(CALLER, invite());
    let answer = sent[1].text();
    assert!(answer.starts_with("SIP/2.0 200 Fine\r\n"), "{answer}");
    assert!(answer.contains("Content-Type: text/plain\r\n"), "{answer}");
    assert!(answer.ends_with("Content-Length: 5\r\n\r\nhello"), "{answer}");
    assert_eq!(sent.len(), 2, "after a 2xx there is no other final reply");
}

#[test]
fn local_replies_are_known_from_received_ones() {
    let routes = "route { $ru = \"sip:b@10.0.0.1:5071\";\n\
        append_branch(\"sip:b@10.0.0.2:5072\"); t_on_failure(\"f\"); t_on_reply(\"r\");\n\
        $var(before) = t_local_replied(\"last\"); t_relay(); }\n\
        failure_route[f] { $var(a) = t_local_replied(\"all\");\n\
        $var(b) = t_local_replied(\"branch\"); $var(c) = t_local_replied(\"last\");\n\
        append_to_reply(\"X: $var(a) $var(b) $var(c) $var(before)\\r\\n\");\n\
        t_reply(480, \"No\"); }\n\
        onreply_route[r] { $var(d) = t_local_replied(\"last\");\n\
        append_hf(\"X: $var(d)\\r\\n\"); }\n";
    // Nobody answers.
    let mut world = with(routes);
    world.receive(CALLER, invite());
    assert_eq!(header(&world.pass(31_000), "X").as_deref(), Some("1 1 1 -1"));
    // One rings and is given up, the other refuses: the refusal wins.
    let mut world = with(routes);
    let sent = world.receive(CALLER, invite());
    let (one, two) = (request(&sent, CALLEE, "INVITE"), request(&sent, SECOND, "INVITE"));
    let up = world.receive(CALLEE, reply(&one, "180 Ringing"));
    assert_eq!(header(&up, "X").as_deref(), Some("-1"));
    world.receive(SECOND, reply(&two, "404 Nobody"));
    let sent = world.pass(121_000);
    assert_eq!(header(&sent, "X").as_deref(), Some("-1 -1 -1 -1"));
    // It rings, but the refusal is ours.
    let mut world = with(&routes.replace("append_branch(\"sip:b@10.0.0.2:5072\");", ""));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(header(&world.pass(121_000), "X").as_deref(), Some("-1 -1 1 -1"));
}

#[test]
fn our_own_reply_is_the_last_in_a_request_route() {
    let mut world = with(
        "route { t_newtran(); $var(a) = t_local_replied(\"last\");\n\
        append_to_reply(\"X: $var(a)\\r\\n\"); t_reply(404, \"Nobody\"); }",
    );
    assert_eq!(header(&world.receive(CALLER, invite()), "X").as_deref(), Some("1"), "the 100");
}

#[test]
fn flags_that_change_after_the_transaction_began_are_its_flags() {
    let mut world = with(
        "route { $var(none) = t_flush_flags(); t_newtran(); setflag(F);\n\
        $var(flushed) = t_flush_flags(); $du = \"sip:10.0.0.1:5071\"; t_on_reply(\"r\");\n\
        t_relay(); usleep(50000); setflag(G); usleep(50000); setflag(H); }\n\
        onreply_route[r] { append_hf(\"X: $mf $var(none) $var(flushed)\\r\\n\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    // The request route waits: what it has set until now counts.
    let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(header(&up, "X").as_deref(), Some("F -1 1"));
    world.pass(60);
    let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(header(&up, "X").as_deref(), Some("G F -1 1"));
}

#[test]
fn runs_of_one_transaction_share_its_avps() {
    let mut world = with(
        "route { $avp(a) = \"request\"; $ru = \"sip:b@10.0.0.1:5071\"; t_on_failure(\"f\");\n\
        t_relay(); $avp(late) = 1; usleep(2000000);\n\
        append_to_reply(\"X: $avp(a) $avp(late)\\r\\n\"); t_reply(480, \"Done\"); }\n\
        failure_route[f] { $avp(a) := \"failed \" + $avp(late); usleep(5000000); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "404 Nobody"));
    assert_eq!(header(&world.pass(2_100), "X").as_deref(), Some("failed 1 1"));
}

#[test]
fn flags_set_in_reply_routes_stay() {
    let mut world = with(
        "route { $du = \"sip:10.0.0.1:5071\"; t_on_reply(\"r\"); t_on_failure(\"f\");\n\
        t_relay(); }\n\
        onreply_route[r] { if ($rs == 180) { setflag(F); setbflag(B); } }\n\
        failure_route[f] { $var(a) = isflagset(F); $var(b) = isbflagset(B);\n\
        append_to_reply(\"X: $var(a) $var(b)\\r\\n\"); t_reply(480, \"No\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    let sent = world.receive(CALLEE, reply(&out, "486 Busy"));
    assert_eq!(header(&sent, "X").as_deref(), Some("1 1"));
}

#[test]
fn a_script_cancels_branches_when_a_reply_comes() {
    let cancelled = |which: &str| {
        let mut world = with(&format!(
            "route {{ $ru = \"sip:b@10.0.0.1:5071\";\n\
            append_branch(\"sip:b@10.0.0.2:5072\"); t_on_reply(\"r\"); t_relay(); }}\n\
            onreply_route[r] {{ if ($rs == 183) t_cancel_branch({which}); }}"
        ));
        let sent = world.receive(CALLER, invite());
        let (one, two) = (request(&sent, CALLEE, "INVITE"), request(&sent, SECOND, "INVITE"));
        world.receive(CALLEE, reply(&one, "180 Ringing"));
        world.receive(SECOND, reply(&two, "180 Ringing"));
        let sent = world.receive(CALLEE, reply(&one, "183 Progress"));
        let at =
            |address| to(&sent, address).iter().filter(|s| s.text().starts_with("CANCEL")).count();
        (at(CALLEE), at(SECOND))
    };
    assert_eq!(cancelled(""), (1, 0));
    assert_eq!(cancelled("\"o\""), (0, 1));
    assert_eq!(cancelled("\"a\""), (1, 1));
}

#[test]
fn the_answer_to_our_cancel_runs_no_reply_route_of_the_call() {
    let mut world = with(
        "route { if (is_method(\"CANCEL\")) { t_relay(); exit; } $shv(replies) = 0;\n\
        $du = \"sip:10.0.0.1:5071\"; t_on_reply(\"r\"); t_on_failure(\"f\"); t_relay(); }\n\
        onreply_route[r] { $shv(replies) = $shv(replies) + 1; }\n\
        failure_route[f] { append_to_reply(\"X: $shv(replies)\\r\\n\"); t_reply(480, \"No\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    let sent = world.receive(CALLER, cancel());
    world.receive(CALLEE, reply(&request(&sent, CALLEE, "CANCEL"), "200 OK"));
    let sent = world.receive(CALLEE, reply(&out, "487 Request Terminated"));
    assert_eq!(header(&sent, "X").as_deref(), Some("2"), "180 and 487");
}

#[test]
fn the_reason_of_a_cancel_goes_on_where_the_script_says_so() {
    let seen = |relay: &str| {
        let mut world = with(&format!(
            "route {{ if (is_method(\"CANCEL\")) {{ {relay} exit; }}\n\
            $du = \"sip:10.0.0.1:5071\"; t_relay(); }}"
        ));
        let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
        world.receive(CALLEE, reply(&out, "180 Ringing"));
        let reason = "Reason: SIP;cause=200;text=\"elsewhere\"\r\nReason: Q.850;cause=26\r\n";
        let cancel = message("CANCEL sip:b@x SIP/2.0", "CANCEL", reason);
        let sent = world.receive(CALLER, cancel);
        let text = request(&sent, CALLEE, "CANCEL").text();
        text.lines()
            .filter(|line| line.starts_with("Reason"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(seen("t_relay();"), none);
    let both = ["Reason: SIP;cause=200;text=\"elsewhere\"", "Reason: Q.850;cause=26"];
    assert_eq!(seen("t_relay(\"pass-reason-hdr\");"), both);
    assert_eq!(seen("t_relay(\"0x08\");"), both);
    let own = "t_add_cancel_reason(\"Reason: SIP;cause=600\\r\\n\");";
    assert_eq!(seen(&format!("{own} t_relay();")), ["Reason: SIP;cause=600"]);
    assert_eq!(seen(&format!("{own} t_relay(8);")), ["Reason: SIP;cause=600"]);
}

#[test]
fn a_reason_is_for_a_cancel_only() {
    let mut world = with(
        "route { if (!t_add_cancel_reason(\"Reason: SIP\\r\\n\")) t_reply(404, \"no CANCEL\"); }",
    );
    assert_eq!(world.receive(CALLER, invite())[1].first_line(), "SIP/2.0 404 no CANCEL");
}

#[test]
fn an_answer_leaves_the_others_alone_where_the_caller_wants_that() {
    let cancels = |flags: &str, disposition: &str| {
        let mut world = with(&format!(
            "route {{ $ru = \"sip:b@10.0.0.1:5071\";\n\
            append_branch(\"sip:b@10.0.0.2:5072\"); t_relay({flags}); }}"
        ));
        let sent = world.receive(CALLER, message("INVITE sip:b@x SIP/2.0", "INVITE", disposition));
        let (one, two) = (request(&sent, CALLEE, "INVITE"), request(&sent, SECOND, "INVITE"));
        world.receive(SECOND, reply(&two, "180 Ringing"));
        let sent = world.receive(CALLEE, reply(&one, "200 OK"));
        to(&sent, SECOND).len()
    };
    let ring_on = "Request-Disposition: proxy, no-cancel\r\n";
    assert_eq!(cancels("", ring_on), 1);
    assert_eq!(cancels("\"allow-no-cancel\"", ""), 1);
    assert_eq!(cancels("\"allow-no-cancel\"", ring_on), 0);
    assert_eq!(cancels("\"no-auto-477,allow-no-cancel\"", ring_on), 0);
}

/// RFC 3261 17.1.1.2: what has come ends the retransmissions, whatever the script does with it.
#[test]
fn a_provisional_reply_that_is_dropped_has_been_heard() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_reply(\"r\"); t_relay(); }\n\
        onreply_route[r] { if (t_check_status(\"183\")) drop; }\n",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    assert!(world.receive(CALLEE, reply(&out, "183 Progress")).is_empty());
    assert!(world.pass(40_000).is_empty(), "neither sent again nor given up");
}

#[test]
fn a_reply_that_waits_in_its_route_has_been_heard() {
    let mut world = with(
        "loadmodule \"cfgutils\"\n\
        route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_reply(\"r\"); t_relay(); }\n\
        onreply_route[r] { sleep(10); }\n",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    assert!(world.receive(CALLEE, reply(&out, "183 Progress")).is_empty());
    assert!(world.pass(9_900).is_empty(), "the INVITE is not sent again");
    assert_eq!(world.pass(200)[0].first_line(), "SIP/2.0 183 Progress");
    world.pass(20_000);
    assert!(world.receive(CALLEE, reply(&out, "200 OK")).is_empty());
    assert_eq!(world.pass(10_100)[0].first_line(), "SIP/2.0 200 OK");
}
