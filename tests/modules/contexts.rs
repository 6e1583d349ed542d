//! `$(<request>..)` and `$(<reply>..)` where a transaction has both (spec 2.1).

use sluice_tests::world::{Plan, Sent, World};

const CALLER: &str = "10.9.9.1:5060";
const CALLEE: &str = "10.0.0.1:5071";

/// A proxy whose reply and failure routes are these.
fn world(reply: &str, failure: &str) -> World {
    Plan::default().run(&format!(
        "loadmodule \"tm\"\nloadmodule \"sipmsgops\"\n\
         route {{ t_on_reply(\"back\"); t_on_failure(\"lost\"); $rU = \"changed\"; \
         $du = \"sip:{CALLEE}\"; t_relay(); }}\n\
         onreply_route[back] {{ {reply} }}\nfailure_route[lost] {{ {failure} }}"
    ))
}

fn invite() -> String {
    format!(
        "INVITE sip:b@x;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKcaller\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: abc\r\nCSeq: 7 INVITE\r\n\
         Max-Forwards: 70\r\nX-A: one\r\nX-A: two\r\nX-Name: X-A\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The reply of the next hop, with a header of its own.
fn reply(to: &Sent, status: &str) -> String {
    let kept = ["Via:", "From:", "Call-ID:", "CSeq:"];
    let text = to.text();
    let lines = text.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    format!(
        "SIP/2.0 {status}\r\n{lines}To: <sip:b@x>;tag=2\r\nX-A: of the reply\r\nX-Name: X-A\r\n\
         Contact: <sip:other@y>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The lines that the last of these messages got from the script.
fn added(sent: &[Sent]) -> Vec<String> {
    let text = sent.last().unwrap().text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("X-Seen: "));
    lines.map(str::to_owned).collect()
}

/// What a reply route writes of a reply, as a header of the reply.
fn seen_in_reply(expression: &str, status: &str) -> Vec<String> {
    let route = format!("append_hf(\"X-Seen: {expression}\\r\\n\");");
    let mut world = world(&route, "exit;");
    let sent = world.receive(CALLER, invite());
    added(&world.receive(CALLEE, reply(sent.last().unwrap(), status)))
}

#[test]
fn a_reply_route_sees_the_request_as_it_came_in() {
    for (expression, value) in [
        ("$(<request>rm) $(<request>ru) $(<request>rU)", "INVITE sip:b@x;user=phone b"),
        ("$(<request>ou) $(<request>cs) $(<request>ft)", "sip:b@x;user=phone 7 1"),
        ("$(<request>tt) but $tt", "<null> but 2"),
        ("$(<request>hdr(X-A)) but $hdr(X-A)", "one but of the reply"),
        ("$(<request>hdr(X-A)[-1]) $(<request>hdr(X-A)[*])", "two one, two"),
        ("$(<request>hdr($hdr(X-Name)))", "one"),
        ("$(<request>hdrcnt(Via)) but $hdrcnt(Via)", "1 but 2"),
        ("$(<request>ru{uri.param,user})", "phone"),
        ("$(<request>si):$(<request>sp) but $si:$sp", "10.9.9.1:5060 but 10.0.0.1:5071"),
        ("$(<request>rs) but $(<reply>rs) $rs", "<null> but 180 180"),
        ("$(<request>du)", "<null>"),
    ] {
        assert_eq!(seen_in_reply(expression, "180 Ringing"), [value], "{expression}");
    }
}

#[test]
fn it_can_be_tested_and_assigned_from_but_not_changed() {
    let route = "if ($(<request>rm) == \"INVITE\" && $(<request>hdr(None)) == NULL \
                 && $(<request>cs) == \"7\") { $var(x) = $(<request>fU) + \"!\"; \
                 append_hf(\"X-Seen: $var(x)\\r\\n\"); } \
                 $(<request>rU) = \"z\"; append_hf(\"X-Seen: $rc $(<request>rU)\\r\\n\");";
    let mut world = world(route, "exit;");
    let sent = world.receive(CALLER, invite());
    let up = world.receive(CALLEE, reply(sent.last().unwrap(), "200 OK"));
    assert_eq!(added(&up), ["a!", "-1 b"]);
}

/// What a failure route writes of the request that it sends on.
fn seen_in_failure(expression: &str, back: impl FnOnce(&mut World, &Sent) -> Vec<Sent>) -> String {
    let route = format!(
        "append_hf(\"X-Seen: {expression}\\r\\n\"); $du = \"sip:10.0.0.2:5072\"; t_relay();"
    );
    let mut world = world("exit;", &route);
    let sent = world.receive(CALLER, invite());
    let again = back(&mut world, sent.last().unwrap());
    let again: Vec<Sent> =
        again.into_iter().filter(|one| one.to.to_string() == "10.0.0.2:5072").collect();
    added(&again).pop().unwrap()
}

#[test]
fn a_failure_route_sees_the_reply_that_won() {
    for (expression, value) in [
        ("$(<reply>rs) $(<reply>rr)", "486 Busy Here"),
        ("$(<reply>hdr(X-A)) but $hdr(X-A)", "of the reply but one"),
        ("$(<reply>ct) and $(<reply>tt)", "<sip:other@y> and 2"),
        ("$(<reply>rm) of $(<reply>si)", "INVITE of 10.0.0.1"),
        ("$(<request>ru{uri.user}) is $rU", "changed is changed"),
        ("$(<reply>hdr(None))", "<null>"),
    ] {
        let seen = seen_in_failure(expression, |world, out| {
            world.receive(CALLEE, reply(out, "486 Busy Here"))
        });
        assert_eq!(seen, value, "{expression}");
    }
}

#[test]
fn a_reply_that_nobody_sent_has_no_variables() {
    let seen = seen_in_failure("$(<reply>rs) $(<reply>ci)", |world, _| world.pass(31_000));
    assert_eq!(seen, "<null> <null>");
}
