//! Module `tm`: statistics by the names of OpenSIPS, and the timers that 1.x kept in AVPs.

use sluice_modules::MODULES;
use sluice_tests::world::{Plan, World};

use crate::tm_world::{CALLEE, CALLER, invite, message, reply, request, with};

/// The statistics that are not 0.
fn counted(world: &World) -> Vec<(&'static str, u64)> {
    let base = world.program.statistics("tm").expect("it runs");
    let table = MODULES.iter().find(|module| module.name == "tm").expect("the table").statistics;
    let values = table.iter().enumerate();
    let values = values.map(|(at, row)| (row.name, world.cell(usize::from(base.0) + at)));
    values.filter(|(_, value)| *value > 0).collect()
}

#[test]
fn transactions_and_replies_are_counted() {
    let mut world = with(
        "route { if ($rU == \"own\") { t_reply(404, \"Nobody\"); exit; }\n\
        $du = \"sip:10.0.0.1:5071\"; t_relay(); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "100 Trying"));
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    let before = [
        ("received_replies", 2),
        ("relayed_replies", 1),
        ("local_replies", 1),
        ("UAS_transactions", 1),
        ("inuse_transactions", 1),
    ];
    assert_eq!(counted(&world), before);
    world.receive(CALLEE, reply(&out, "200 OK"));
    world.receive(CALLEE, reply(&out, "200 OK"));
    let other =
        invite().replace("sip:b@x SIP", "sip:own@x SIP").replace("Call-ID: abc", "Call-ID: o");
    world.receive(CALLER, other);
    let after = [
        ("received_replies", 4),
        ("relayed_replies", 3),
        ("local_replies", 3),
        ("UAS_transactions", 2),
        ("2xx_transactions", 1),
        ("4xx_transactions", 1),
        ("inuse_transactions", 2),
    ];
    assert_eq!(counted(&world), after);
    // The refusal waits for its ACK, the answer for nothing.
    world.pass(6_000);
    assert_eq!(counted(&world).last(), Some(&("inuse_transactions", 1)));
    let ack = message("ACK sip:own@x SIP/2.0", "ACK", "").replace("Call-ID: abc", "Call-ID: o");
    world.receive(CALLER, ack);
    world.pass(6_000);
    assert_eq!(counted(&world).len(), 6, "none is in use");
}

#[test]
fn a_busy_call_and_a_request_of_ours_are_counted_too() {
    let mut world = with(
        "route { $du = \"sip:10.0.0.1:5071\"; t_relay(); }\n\
        timer_route[t, 5] { t_new_request(\"OPTIONS\", \"sip:10.0.0.1:5071\", \"sip:a@x\",\n\
        \"sip:b@x\"); }",
    );
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "603 Decline"));
    let sent = world.pass(5_100);
    request(&sent, CALLEE, "OPTIONS");
    let counted = counted(&world);
    assert!(counted.contains(&("UAC_transactions", 1)), "{counted:?}");
    assert!(counted.contains(&("6xx_transactions", 1)), "{counted:?}");
}

#[test]
fn timers_of_1_x_are_values_of_avps() {
    let world = |value: &str| {
        with(&format!(
            "modparam(\"tm\", \"fr_timer_avp\", \"$avp(i:24)\")\n\
            modparam(\"tm\", \"fr_inv_timer_avp\", \"$avp(s:ring)\")\n\
            modparam(\"tm\", \"fr_timer\", 9)\n\
            route {{ {value} $du = \"sip:10.0.0.1:5071\"; t_relay();\n\
            append_to_reply(\"X: $T_fr_timeout $T_fr_inv_timeout\\r\\n\"); t_reply(180, \"On\"); }}"
        ))
    };
    let seen = |value: &str| {
        let sent = world(value).receive(CALLER, invite());
        crate::tm_world::header(&sent, "X")
    };
    assert_eq!(seen("$avp(i:24) = 3; $avp(s:ring) = \"20\";").as_deref(), Some("3 20"));
    assert_eq!(seen("").as_deref(), Some("9 120"));
    assert_eq!(seen("$avp(i:24) = \"soon\"; $avp(s:ring) = 0;").as_deref(), Some("9 120"));
}

#[test]
fn parameters_of_other_releases_are_told() {
    let told = |param: &str| {
        let script = format!("loadmodule \"tm\"\nmodparam(\"tm\", {param})\nroute {{ exit; }}");
        Plan::default().try_run(&script).is_ok()
    };
    for ignored in ["\"enable_stats\", 0", "\"timer_partitions\", 4", "\"retr_timer1p2\", 1000"] {
        assert!(told(ignored), "{ignored}");
    }
    for later in ["\"minor_branch_flag\", \"F\"", "\"tm_replication_cluster\", 1"] {
        assert!(!told(later), "{later}");
    }
}
