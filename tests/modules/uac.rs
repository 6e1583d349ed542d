//! Module `uac`: From and To replaced and restored, CSeq raised (spec 9.8).

use sluice_tests::world::{Plan, Sent, World};

use crate::tm_world::{CALLEE, CALLER, invite, message, reply, request, to};

/// A world that relays calls after `call`, and later requests after `later`.
fn world(params: &str, call: &str, later: &str) -> World {
    let modules = ["tm", "sipmsgops", "sl", "rr", "uac_auth", "uac"];
    let modules = modules.map(|module| format!("loadmodule \"{module}\"\n")).concat();
    Plan::default().run(&format!(
        "{modules}{params}\n\
         route {{ if (has_totag()) {{ loose_route(); {later}\n t_relay(); exit; }}\n\
         record_route(); {call}\n $du = \"sip:10.0.0.1:5071\"; t_relay(); }}"
    ))
}

fn header(message: &Sent, name: &str) -> String {
    let text = message.text();
    let mut lines = text.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned())).unwrap()
}

/// What becomes of From by a call of the script.
fn from(call: &str, from: &str) -> String {
    let call = invite_from(&mut world("", call, ""), from);
    header(&call, "From")
}

fn invite_from(world: &mut World, from: &str) -> Sent {
    let call = invite().replace("From: <sip:a@x>;tag=1", &format!("From: {from}"));
    request(&world.receive(CALLER, call), CALLEE, "INVITE")
}

#[test]
fn display_name_and_uri_are_replaced_each_by_itself() {
    let both = "uac_replace_from(\"Bat Man\", \"sip:bat@gotham.org\");";
    for (call, old, new) in [
        (both, "\"A\" <sip:a@x>;tag=1", "Bat Man <sip:bat@gotham.org>;tag=1"),
        (both, "<sip:a@x>;tag=1", "Bat Man <sip:bat@gotham.org>;tag=1"),
        (both, "sip:a@x;tag=1", "Bat Man <sip:bat@gotham.org>;tag=1"),
        ("uac_replace_from(\"Bat\", \"\");", "A <sip:a@x>;tag=1", "Bat <sip:a@x>;tag=1"),
        ("uac_replace_from(\"\", \"\");", "\"A\" <sip:a@x>;tag=1", " <sip:a@x>;tag=1"),
        ("uac_replace_from(\"\", \"sip:b@y\");", "sip:a@x;tag=1", "<sip:b@y>;tag=1"),
        ("uac_replace_from(\"sip:b@y;z=1\");", "A <sip:a@x>;tag=1", "A <sip:b@y;z=1>;tag=1"),
        ("uac_replace_from(, \"sip:b@y\");", "sip:a@x;tag=1", "<sip:b@y>;tag=1"),
        // The last call counts.
        (
            "uac_replace_from(\"One\", \"sip:1@y\"); uac_replace_from(\"Two\", \"sip:2@y\");",
            "<sip:a@x>;tag=1",
            "Two <sip:2@y>;tag=1",
        ),
        ("uac_replace_from(\"not a URI\");", "<sip:a@x>;tag=1", "<sip:a@x>;tag=1"),
    ] {
        assert_eq!(from(call, old), new, "{call}");
    }
    let mut world = world("", "uac_replace_to(\"Bob\", \"sip:bob@inside\");", "");
    assert_eq!(header(&invite_from(&mut world, "<sip:a@x>;tag=1"), "To"), "Bob <sip:bob@inside>");
}

const BOTH: &str = "uac_replace_from(\"Anon\", \"sip:anonymous@anonymous.invalid\");\n\
    uac_replace_to(\"sip:bob@inside\");";

/// A later request with this Route; from the caller, or from the callee.
fn later(method: &str, route: &str, from: &str, to: &str) -> String {
    let text =
        message(&format!("{method} sip:b@10.0.0.1:5071 SIP/2.0"), method, &format!("{route}\r\n"));
    text.replace("From: <sip:a@x>;tag=1", &format!("From: {from}"))
        .replace("To: <sip:b@x>", &format!("To: {to}"))
        .replace("z9hG4bKcaller", &format!("z9hG4bK{method}{}", from.len()))
}

fn route_of(out: &Sent) -> String {
    format!("Route: {}", header(out, "Record-Route"))
}

#[test]
fn each_side_sees_what_it_knows_in_auto_mode() {
    for password in ["", "modparam(\"uac\", \"restore_passwd\", \"secret\")\n"] {
        let mut world = world(password, BOTH, "");
        let out = invite_from(&mut world, "\"Alice\" <sip:a@x>;tag=1");
        assert_eq!(header(&out, "From"), "Anon <sip:anonymous@anonymous.invalid>;tag=1");
        assert_eq!(header(&out, "To"), "<sip:bob@inside>");
        let route = route_of(&out);
        assert!(route.contains(";vsf=") && route.contains(";vst="), "{route}");
        let ok = reply(&out, "200 OK").replace("<sip:b@x>;tag=2", "<sip:bob@inside>;tag=2");
        let up = world.receive(CALLEE, ok);
        assert_eq!(header(&up[0], "From"), "\"Alice\" <sip:a@x>;tag=1");
        assert_eq!(header(&up[0], "To"), "<sip:b@x>;tag=2");
        // The caller's BYE, and its reply.
        let bye = later("BYE", &route, "\"Alice\" <sip:a@x>;tag=1", "<sip:b@x>;tag=2");
        let bye = request(&world.receive(CALLER, bye), CALLEE, "BYE");
        assert_eq!(header(&bye, "From"), "\"Alice\" <sip:anonymous@anonymous.invalid>;tag=1");
        assert_eq!(header(&bye, "To"), "<sip:bob@inside>;tag=2");
        let up = world.receive(CALLEE, reply(&bye, "200 OK"));
        assert_eq!(header(&up[0], "From"), "\"Alice\" <sip:a@x>;tag=1");
        assert_eq!(header(&up[0], "To"), "<sip:b@x>;tag=2");
        // The callee's.
        let (from, to) = ("<sip:bob@inside>;tag=2", "<sip:anonymous@anonymous.invalid>;tag=1");
        let info = request(&world.receive(CALLER, later("INFO", &route, from, to)), CALLEE, "INFO");
        assert_eq!(header(&info, "From"), "<sip:b@x>;tag=2");
        assert_eq!(header(&info, "To"), "<sip:a@x>;tag=1");
    }
}

#[test]
fn the_other_modes_leave_later_requests_to_the_script_or_alone() {
    let manual = "modparam(\"uac\", \"restore_mode\", \"manual\")\n";
    let bye = |later_call: &str, params: &str| {
        let mut world = world(params, BOTH, later_call);
        let out = invite_from(&mut world, "<sip:a@x>;tag=1");
        let route = route_of(&out);
        let up = world.receive(CALLEE, reply(&out, "180 Ringing"));
        assert_eq!(header(&up[0], "From"), "<sip:a@x>;tag=1", "replies are always restored");
        let bye = later("BYE", &route, "<sip:a@x>;tag=1", "<sip:b@x>;tag=2");
        let bye = request(&world.receive(CALLER, bye), CALLEE, "BYE");
        (route.contains(";vsf="), header(&bye, "From"), header(&bye, "To"))
    };
    let (plain_from, plain_to) = ("<sip:a@x>;tag=1".to_owned(), "<sip:b@x>;tag=2".to_owned());
    let new_from = "<sip:anonymous@anonymous.invalid>;tag=1".to_owned();
    let new_to = "<sip:bob@inside>;tag=2".to_owned();
    assert_eq!(bye("", manual), (true, plain_from.clone(), plain_to.clone()));
    let calls = "uac_restore_from(); uac_restore_to();";
    assert_eq!(bye(calls, manual), (true, new_from.clone(), new_to));
    assert_eq!(bye("uac_restore_from();", manual), (true, new_from, plain_to.clone()));
    let none = "modparam(\"uac\", \"restore_mode\", \"none\")\n";
    assert_eq!(bye(calls, none), (false, plain_from, plain_to));
}

#[test]
fn what_the_route_stores_has_the_names_of_the_parameters_and_must_fit() {
    let names = "modparam(\"uac\", \"rr_from_store_param\", \"myF\")\n\
        modparam(\"uac\", \"rr_to_store_param\", \"myT\")\n";
    let mut world = world(names, BOTH, "");
    let out = invite_from(&mut world, "<sip:a@x>;tag=1");
    let route = route_of(&out);
    assert!(route.contains(";myF=") && route.contains(";myT="), "{route}");
    // A longer From than any that was stored: nothing is changed.
    let from = "<sip:a-longer-user-than-both-of-them@a-long-domain.example>;tag=1";
    let bye = later("BYE", &route, from, "<sip:b@x>;tag=2");
    let bye = request(&world.receive(CALLER, bye), CALLEE, "BYE");
    assert_eq!(
        (header(&bye, "From").as_str(), header(&bye, "To").as_str()),
        (from, "<sip:bob@inside>;tag=2")
    );
}

#[test]
fn a_later_request_is_not_replaced_in_auto_mode_and_a_branch_is_for_itself() {
    let later_call = "$var(done) = uac_replace_from(\"sip:other@y\");\n\
        append_hf(\"X-Done: $var(done)\\r\\n\");";
    let mut world = world("", "", later_call);
    let bye = later("BYE", "X-None: 1", "<sip:a@x>;tag=1", "<sip:b@x>;tag=2");
    let bye = request(&world.receive(CALLER, bye), CALLEE, "BYE");
    assert_eq!(
        (header(&bye, "X-Done"), header(&bye, "From")),
        ("-1".into(), "<sip:a@x>;tag=1".into())
    );

    let branches = "loadmodule \"tm\"\nloadmodule \"rr\"\nloadmodule \"uac_auth\"\nloadmodule \"uac\"\n\
        route { $ru = \"sip:b@10.0.0.1:5071\"; append_branch(\"sip:b@10.0.0.2:5072\");\n\
        t_on_branch(\"b\"); t_relay(); }\n\
        branch_route[b] { if ($rd == \"10.0.0.1\") uac_replace_from(\"sip:one@y\"); }";
    let mut world = Plan::default().run(branches);
    let sent = world.receive(CALLER, invite());
    assert_eq!(header(to(&sent, CALLEE)[0], "From"), "<sip:one@y>;tag=1");
    let other = to(&sent, "10.0.0.2:5072")[0];
    assert_eq!(header(other, "From"), "<sip:a@x>;tag=1");
    // Each branch's replies get the caller's own.
    for (out, peer) in [(to(&sent, CALLEE)[0], CALLEE), (other, "10.0.0.2:5072")] {
        let up = world.receive(peer, reply(out, "180 Ringing"));
        assert_eq!(header(&up[0], "From"), "<sip:a@x>;tag=1");
    }
}

#[test]
fn a_raised_cseq_goes_on_alone() {
    let mut world = world("", "uac_inc_cseq(5);", "");
    let out = invite_from(&mut world, "<sip:a@x>;tag=1");
    assert_eq!(header(&out, "CSeq"), "6 INVITE");
    assert!(!header(&out, "Record-Route").contains("aci"));
    let up = world.receive(CALLEE, reply(&out, "486 Busy"));
    assert_eq!(header(to(&up, CALLEE)[0], "CSeq"), "6 ACK");
    assert_eq!(header(to(&up, CALLER)[0], "CSeq"), "1 INVITE");
}
