//! Module `tm`: what a script sees and sets of branches and of the transaction (spec 2.2, 8.2).

use sluice_tests::world::World;

use crate::tm_world::{CALLEE, CALLER, SECOND, cancel, header, invite, reply, request, with};

#[test]
fn lines_of_the_transaction_are_in_all_its_requests() {
    let mut world = with(
        "route { if (is_method(\"CANCEL\")) { t_relay(); exit; }\n\
        $var(none) = t_add_hdrs(\"X-None: 1\\r\\n\"); t_newtran();\n\
        t_add_hdrs(\"X-Origin: $si $var(none)\\r\\n\"); $du = \"sip:10.0.0.1:5071\"; t_relay(); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let is_marked = |text: String| text.matches("X-Origin: 10.9.9.1 -1\r\n").count() == 1;
    assert!(is_marked(out.text()), "{}", out.text());
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    let sent = world.receive(CALLER, cancel());
    assert!(is_marked(request(&sent, CALLEE, "CANCEL").text()));
    let sent = world.receive(CALLEE, reply(&out, "487 Request Terminated"));
    assert!(is_marked(request(&sent, CALLEE, "ACK").text()));
    assert_eq!(header(&sent[1..], "X-Origin"), None, "replies are no requests");
}

#[test]
fn a_transaction_may_have_timers_of_its_own() {
    let routes = |set: &str| {
        format!(
            "modparam(\"tm\", \"fr_timeout\", 9)\nroute {{ {set}\n\
            append_hf(\"X: $T_fr_timeout $T_fr_inv_timeout\\r\\n\");\n\
            $du = \"sip:10.0.0.1:5071\"; t_on_failure(\"f\"); t_relay(); }}\n\
            failure_route[f] {{ t_reply(480, \"after $T_fr_timeout\"); }}"
        )
    };
    let mut world = with(&routes("$T_fr_timeout = 3; $T_fr_inv_timeout = 7;"));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    assert_eq!(header(std::slice::from_ref(&out), "X").as_deref(), Some("3 7"));
    let sent = world.pass(3_100);
    assert_eq!(sent.last().map(|s| s.first_line()).as_deref(), Some("SIP/2.0 480 after 3"));

    let mut world = with(&routes("$T_fr_timeout = 3; $T_fr_inv_timeout = 7;"));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert!(world.pass(6_900).is_empty());
    assert!(!world.pass(200).is_empty());

    // NULL gives it back, and what is no time is refused.
    let reset = "$T_fr_timeout = 3; $T_fr_timeout = NULL; $T_fr_inv_timeout = 0;";
    let out = request(&with(&routes(reset)).receive(CALLER, invite()), CALLEE, "INVITE");
    assert_eq!(header(&[out], "X").as_deref(), Some("9 120"));
}

#[test]
fn the_long_timer_may_change_while_it_rings() {
    let mut world = with(
        "route { $du = \"sip:10.0.0.1:5071\"; t_on_reply(\"r\"); t_relay(); }\n\
        onreply_route[r] { if ($rs == 183) $T_fr_inv_timeout = 4; }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    world.receive(CALLEE, reply(&out, "183 Progress"));
    assert!(world.pass(3_900).is_empty());
    request(&world.pass(200), CALLEE, "CANCEL");
}

#[test]
fn a_branch_has_its_number_uri_and_last_status() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; t_on_branch(\"b\"); t_on_reply(\"r\");\n\
        t_on_failure(\"f\"); append_branch(\"sip:c@10.0.0.2:5072\"); t_relay(); }\n\
        branch_route[b] {\n\
        append_hf(\"X: $T_branch_idx $T_ruri $T_branch_last_reply_code\\r\\n\"); }\n\
        onreply_route[r] { append_hf(\"X: $T_branch_idx $T_ruri $T_branch_last_reply_code \
        $(T_branch_last_reply_code[-1])\\r\\n\"); }\n\
        failure_route[f] { append_to_reply(\"X: $T_branch_idx $T_ruri \
        $T_branch_last_reply_code $(T_branch_last_reply_code[1])\\r\\n\"); t_reply(480, \"No\"); }",
    );
    let sent = world.receive(CALLER, invite());
    let (one, two) = (request(&sent, CALLEE, "INVITE"), request(&sent, SECOND, "INVITE"));
    assert_eq!(
        header(std::slice::from_ref(&one), "X").as_deref(),
        Some("0 sip:b@10.0.0.1:5071 <null>")
    );
    assert_eq!(
        header(std::slice::from_ref(&two), "X").as_deref(),
        Some("1 sip:c@10.0.0.2:5072 <null>")
    );
    world.receive(CALLEE, reply(&one, "180 Ringing"));
    let up = world.receive(SECOND, reply(&two, "183 Progress"));
    assert_eq!(header(&up, "X").as_deref(), Some("1 sip:c@10.0.0.2:5072 <null> <null>"));
    let up = world.receive(SECOND, reply(&two, "183 Progress"));
    assert_eq!(header(&up, "X").as_deref(), Some("1 sip:c@10.0.0.2:5072 183 183"));
    world.receive(SECOND, reply(&two, "404 Nobody"));
    let up = world.receive(CALLEE, reply(&one, "486 Busy"));
    assert_eq!(header(&up, "X").as_deref(), Some("1 sip:c@10.0.0.2:5072 404 404"));
}

#[test]
fn without_a_branch_there_is_no_number() {
    let mut world = with(
        "route { append_to_reply(\"X: $T_branch_idx $T_ruri $T_branch_last_reply_code\\r\\n\");\n\
        t_reply(404, \"Nobody\"); }",
    );
    let sent = world.receive(CALLER, invite());
    assert_eq!(header(&sent, "X").as_deref(), Some("<null> <null> <null>"));
}

/// A fork to two, with a branch route, a reply route and a failure route.
fn forked(branch: &str, replied: &str, failed: &str) -> World {
    with(&format!(
        "route {{ $ru = \"sip:b@10.0.0.1:5071\"; t_on_branch(\"b\"); t_on_reply(\"r\");\n\
        t_on_failure(\"f\"); append_branch(\"sip:c@10.0.0.2:5072\", \"0.5\"); t_relay(); }}\n\
        branch_route[b] {{ {branch} }}\n\
        onreply_route[r] {{ {replied} }}\n\
        failure_route[f] {{ {failed} t_reply(480, \"No\"); }}"
    ))
}

/// The `X` lines of both branches, of a provisional reply of the second, and of the final one.
fn through(mut world: World) -> [Option<String>; 4] {
    let sent = world.receive(CALLER, invite());
    let (one, two) = (request(&sent, CALLEE, "INVITE"), request(&sent, SECOND, "INVITE"));
    let rings = world.receive(SECOND, reply(&two, "180 Ringing"));
    world.receive(CALLEE, reply(&one, "486 Busy"));
    let up = world.receive(SECOND, reply(&two, "404 Nobody"));
    [&[one][..], &[two][..], &rings, &up].map(|sent| header(sent, "X"))
}

#[test]
fn each_branch_has_avps_of_its_own() {
    let world = forked(
        "$bavp(a) = $rU; $bavp(a) = $bavp(a) + \"2\"; $bavp(n) = 7;\n\
        append_hf(\"X: $bavp(a) $(bavp(a)[-1]) $(bavp(a)[5]) $bavp(none)\\r\\n\");",
        "append_hf(\"X: $bavp(a) $bavp(n)\\r\\n\");\n\
        $bavp(n) := 8; $bavp(a) = NULL; $(bavp(a)[0]) = \"changed\";",
        "append_to_reply(\"X: $bavp(a) $bavp(n)\\r\\n\");",
    );
    let expected = ["b2 b <null> <null>", "c2 c <null> <null>", "c2 7", "<null> 8"];
    assert_eq!(through(world), expected.map(|text| Some(text.to_owned())));
    // Without a branch there is none.
    let mut world = with(
        "route { $bavp(a) = 1; append_to_reply(\"X: $bavp(a)\\r\\n\"); t_reply(404, \"Nobody\"); }",
    );
    assert_eq!(header(&world.receive(CALLER, invite()), "X").as_deref(), Some("<null>"));
}

#[test]
fn branches_are_seen_by_their_numbers() {
    let of = |index: &str| {
        let names = ["uri", "duri", "path", "q", "flags", "socket", "last_received", "type"];
        names.map(|name| format!("$(tm.branch.{name}{index})")).join(" ")
    };
    let world = forked(
        &format!("append_hf(\"X: {}\\r\\n\"); if ($rU == \"c\") setbflag(GW);", of("")),
        &format!("append_hf(\"X: {}\\r\\n\");", of("")),
        &format!("append_to_reply(\"X: {}, {}, {}\\r\\n\");", of("[0]"), of("[-1]"), of("[9]")),
    );
    let nothing = "<null> <null> <null> <null> <null> <null> <null> <null>";
    let socket = "udp:127.0.0.1:5060";
    let one = format!("sip:b@10.0.0.1:5071 <null> <null> -1  {socket} 486 sip");
    let two = |code: &str| format!("sip:c@10.0.0.2:5072 <null> <null> 500 GW {socket} {code} sip");
    let expected = [
        nothing.to_owned(),
        nothing.to_owned(),
        two("<null>"),
        format!("{one}, {}, {nothing}", two("404")),
    ];
    assert_eq!(through(world), expected.map(Some));
}

#[test]
fn a_branch_keeps_path_and_outbound_proxy() {
    let mut world = with(
        "route { $ru = \"sip:b@x\"; $du = \"sip:10.0.0.1:5071\";\n\
        $msg.branch.path = \"<sip:edge;lr>\"; t_on_reply(\"r\"); t_relay(); }\n\
        onreply_route[r] { append_hf(\"X: $tm.branch.duri $tm.branch.path\\r\\n\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(header(&up, "X").as_deref(), Some("sip:10.0.0.1:5071 <sip:edge;lr>"));
}

#[test]
fn flags_and_attributes_of_branches_are_set_and_found() {
    let world = forked(
        "$tm.branch.attr(kind) = $rU; $tm.branch.flag(F) = 1; $tm.branch.attr(n) = 7;\n\
        append_hf(\"X: $tm.branch.attr(kind) $tm.branch.flag(F) $tm.branch.flag(G)\\r\\n\");",
        "$(tm.branch.flag(G)[0]) = 1; $tm.branch.flag(F) = 0; $(tm.branch.attr(n)[0]) = NULL;\n\
        $(tm.branch.attr(more)[0]) = \"m\"; $var(no) = t_get_branch_idx_by_attr(\"none\");\n\
        t_get_branch_idx_by_attr(\"kind\", \"b\", , $var(idx));\n\
        t_get_branch_idx_by_attr(\"kind\", , , $var(from), 1);\n\
        t_get_branch_idx_by_attr(\"n\", , 7, $var(by));\n\
        append_hf(\"X: $tm.branch.flag(F) $var(no) $var(idx) $var(from) $var(by)\\r\\n\");",
        "append_to_reply(\"X: $(tm.branch.flag(F)[0]) $(tm.branch.flag(G)[0]) \
        $tm.branch.flag(F) $(tm.branch.attr(more)[0]) $tm.branch.attr(kind)\\r\\n\");",
    );
    let expected = ["b 1 0", "c 1 0", "0 -1 0 1 1", "0 1 0 m c"];
    assert_eq!(through(world), expected.map(|text| Some(text.to_owned())));
}

#[test]
fn attributes_of_the_destination_set_become_those_of_branches() {
    let mut world = with(
        "route { $ru = \"sip:b@10.0.0.1:5071\"; $msg.branch.attr(a) = \"x\"; t_on_reply(\"r\");\n\
        t_relay(); }\n\
        onreply_route[r] { append_hf(\"X: $tm.branch.attr(a) $tm.branch.attr(b)\\r\\n\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
    assert_eq!(header(&up, "X").as_deref(), Some("x <null>"));
}
