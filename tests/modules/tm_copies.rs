//! `t_replicate()` in virtual time: copies of which nobody hears any more (spec 8.2).

use sluice_engine::job::Answer;
use sluice_tests::world::{Sent, World, located};

use crate::tm_world::{CALLEE, CALLER, SECOND, invite, message, reply, request, seen, to, with};

/// A world whose requests are copied as `call` says, and answered; `$du` is shown in the reply.
fn copying(call: &str) -> World {
    with(&format!(
        "route {{ $du = \"sip:10.0.0.9\"; {call}\n\
         append_to_reply(\"X-Is: $var(done) $du\\r\\n\"); sl_send_reply(200, \"Done\"); }}"
    ))
}

fn register() -> String {
    message("REGISTER sip:x SIP/2.0", "REGISTER", "")
}

fn told(sent: &[Sent]) -> String {
    let up = to(sent, CALLER)[0].text();
    up.lines().find_map(|line| line.strip_prefix("X-Is: ")).unwrap_or_default().to_owned()
}

#[test]
fn copies_go_to_all_destinations_and_their_replies_nowhere() {
    let mut world = copying(
        "append_branch(\"sip:b@10.0.0.2:5072\");\n\
         append_hf(\"X-Copy: yes\\r\\n\"); $var(done) = t_replicate(\"sip:10.0.0.1:5071\");",
    );
    let sent = world.receive(CALLER, register());
    assert_eq!(told(&sent), "1 sip:10.0.0.9");
    let one = request(&sent, CALLEE, "REGISTER sip:x ");
    let two = request(&sent, SECOND, "REGISTER sip:b@10.0.0.2:5072 ");
    assert!(one.text().contains("X-Copy: yes") && one.text().matches("Via:").count() == 2);
    // The request again: answered again, but not copied again.
    assert_eq!(world.receive(CALLER, register()).len(), 1);
    assert!(world.receive(CALLEE, reply(&one, "200 OK")).is_empty());
    let again = world.pass(600);
    assert_eq!(seen(&again), [format!("{SECOND} {}", two.first_line())]);
    assert!(world.receive(SECOND, reply(&two, "503 Full")).is_empty());
    assert!(world.pass(40_000).is_empty());
    assert!(world.workers[0].next_due_ms().is_none(), "nothing is left of it");
}

#[test]
fn a_call_is_relayed_beside_its_copies() {
    let mut world = with(
        "route { if (is_method(\"CANCEL\")) { t_relay(); exit; }\n\
         $var(a) = t_replicate(\"sip:10.0.0.2:5072\"); $du = \"sip:10.0.0.1:5071\"; t_relay(); }",
    );
    let sent = world.receive(CALLER, invite());
    let (copy, out) = (request(&sent, SECOND, "INVITE"), request(&sent, CALLEE, "INVITE"));
    // A refusal of the copy is acknowledged and goes no further.
    let sent = world.receive(SECOND, reply(&copy, "486 Busy"));
    assert_eq!(seen(&sent), [format!("{SECOND} ACK sip:b@x SIP/2.0")]);
    let up = world.receive(CALLEE, reply(&out, "200 OK"));
    assert_eq!(seen(&up), [format!("{CALLER} SIP/2.0 200 OK")]);
    assert!(world.pass(40_000).is_empty());
}

#[test]
fn copies_to_a_name_wait_for_it() {
    let call = "$var(done) = t_replicate(\"sip:gw.example.com:5071\");";
    for (answer, count, code) in
        [(located(5071, &["10.0.0.1"]), 1, "1"), (Answer::Failed("no such name".into()), 0, "-4")]
    {
        let mut world = copying(call);
        assert!(world.receive(CALLER, register()).is_empty());
        let sent = world.answer(answer);
        assert_eq!(to(&sent, CALLEE).len(), count);
        assert_eq!(told(&sent), format!("{code} sip:10.0.0.9"));
    }
}

#[test]
fn a_branch_route_runs_for_copies_too() {
    let mut world = with(
        "route { t_on_branch(\"b\"); append_branch(\"sip:b@10.0.0.2:5072\");\n\
         t_replicate(\"sip:10.0.0.1:5071\"); sl_send_reply(200, \"Done\"); }\n\
         branch_route[b] { if ($du == NULL) drop; append_hf(\"X-Branch: yes\\r\\n\"); }",
    );
    let sent = world.receive(CALLER, register());
    assert!(to(&sent, CALLEE)[0].text().contains("X-Branch: yes"));
    assert!(to(&sent, SECOND).is_empty(), "dropped");
}

#[test]
fn only_requests_are_copied_and_only_to_uris() {
    let call = "$var(done) = t_replicate($var(to));";
    let mut world = copying(&format!("$var(to) = \"10.0.0.1\"; {call}"));
    assert_eq!(told(&world.receive(CALLER, register())), "-1 sip:10.0.0.9");
    let mut world = with("route { xlog(\"\"); t_replicate(\"sip:10.0.0.1:5071\", \"0x4\"); }");
    assert!(world.receive(CALLER, message("ACK sip:b@x SIP/2.0", "ACK", "")).is_empty());
    assert_eq!(world.receive(CALLER, register()).len(), 1);
}
