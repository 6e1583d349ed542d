//! Statuses, events and traces of the core, in virtual time.

use serde_json::json;
use sluice_tests::world::{Plan, Sent, World, request};

use crate::world::command_of;

const PEER: &str = "198.51.100.7:5071";
const LOAD: &str = "loadmodule \"sl\"\nloadmodule \"cfgutils\"\n";

fn world(script: &str) -> World {
    Plan::default().run(&format!("{LOAD}{script}"))
}

fn reasons(sent: &[Sent]) -> Vec<String> {
    let reason = |one: &Sent| one.first_line()["SIP/2.0 200 ".len()..].to_owned();
    sent.iter().map(reason).collect()
}

fn ask(world: &mut World) -> String {
    reasons(&world.receive(PEER, request("OPTIONS sip:b@x SIP/2.0", ""))).remove(0)
}

#[test]
fn a_subscription_has_another_route_run_until_its_end() {
    let mut world = world(
        "startup_route { subscribe_event(\"E_X\", \"route:E_Y\", 5); }\n\
         route { raise_event(\"E_X\"); sl_send_reply(200, \"$shv(x) $shv(y)\"); }\n\
         event_route[E_X] { $shv(x) = $shv(x) + 1; }\n\
         event_route[E_Y] { $shv(y) = $shv(y) + 1; }",
    );
    world.pass(1);
    assert_eq!(ask(&mut world), "0 0");
    assert_eq!(ask(&mut world), "1 1");
    world.pass(5_000);
    assert_eq!(ask(&mut world), "2 2");
    assert_eq!(ask(&mut world), "3 2");
}

#[test]
fn a_subscription_needs_a_route_and_no_other_kind_of_socket() {
    let mut world = world(
        "startup_route {\n\
         subscribe_event(\"E_X\", \"route:E_NONE\"); $shv(a) = $rc;\n\
         subscribe_event(\"E_X\", \"udp:127.0.0.1:9\"); $shv(b) = $rc;\n\
         subscribe_event(\"E_X\", \"route:E_X\"); $shv(c) = $rc; }\n\
         route { raise_event(\"E_X\"); sl_send_reply(200, \"$shv(a) $shv(b) $shv(c) $shv(x)\"); }\n\
         event_route[E_X] { $shv(x) = $shv(x) + 1; }",
    );
    world.pass(1);
    assert_eq!(ask(&mut world), "-1 -1 1 0");
    assert_eq!(ask(&mut world), "-1 -1 1 1", "it runs once for an event");
}

#[test]
fn a_destinations_state_is_an_event() {
    let script = format!(
        "{LOAD}loadmodule \"dispatcher\"\nmodparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
         route {{ ds_select_dst(1, 4, \"f\"); if ($var(mark) == 1) ds_mark_dst(\"i\"); \
         $var(mark) = 1; sr_check_status(\"dispatcher\"); \
         sl_send_reply(200, \"$rc $shv(seen)\"); }}\n\
         event_route[E_DISPATCHER_STATUS] {{ \
         $shv(seen) = \"\" + $param(group) + \" \" + $param(address) + \" \" + $param(status) \
         + \", \" + $param(reason); }}"
    );
    let mut world = Plan::default().file("d.list", "1 sip:10.0.0.1:5071\n").run(&script);
    assert_eq!(ask(&mut world), "1 0");
    assert_eq!(ask(&mut world), "1 0");
    assert_eq!(ask(&mut world), "1 1 sip:10.0.0.1:5071 inactive, marked by the script");
    let set = |world: &World, state: &str| {
        let params = [Some(state), Some("1"), Some("sip:10.0.0.1:5071")];
        assert_eq!(command_of(world, "dispatcher", "ds_set_state", &params), Ok(json!("OK")));
    };
    set(&world, "i");
    world.pass(1);
    let before = "1 1 sip:10.0.0.1:5071 inactive, marked by the script";
    assert_eq!(ask(&mut world), before, "nothing has changed");
    set(&world, "a");
    world.pass(1);
    assert_eq!(ask(&mut world), "1 1 sip:10.0.0.1:5071 active, set by management");
}

#[test]
fn a_list_without_destinations_is_not_ready() {
    let script = format!(
        "{LOAD}loadmodule \"dispatcher\"\nmodparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
         route {{ if (sr_check_status(\"dispatcher\", \"default\")) $var(r) = \"ready\"; \
         else $var(r) = \"not ready\"; sl_send_reply(200, \"$var(r) $shv(seen)\"); }}\n\
         event_route[E_CORE_SR_STATUS_CHANGED] {{ $shv(seen) = $param(group) + \" \" + \
         $param(identifier) + \" \" + $param(status) + \" \" + $param(details) + \" \" + \
         $param(old_status); }}"
    );
    let mut world = Plan::default().file("d.list", "").run(&script);
    assert_eq!(ask(&mut world), "not ready 0");
    world.write("d.list", Some("1 sip:10.0.0.1:5071\n"));
    let said = command_of(&world, "dispatcher", "ds_reload", &[None, None]).unwrap();
    assert_eq!(said["changes"]["default"]["SETS"][0]["added"], 1);
    world.pass(1);
    assert_eq!(ask(&mut world), "ready dispatcher default 1 data available -1");
}

#[test]
fn a_trace_follows_the_run_and_leaves_its_results() {
    let mut world = world(
        "route { script_trace(4, \"$rm $rc\"); $var(a) = 2; route(sub, 3); \
         if ($rc == 5) { script_trace(); sl_send_reply(200, \"$var(a) $var(b)\"); exit; } \
         script_trace(4); sl_send_reply(200, \"wrong\"); }\n\
         route[sub] { $var(b) = $param(1); return(5); }",
    );
    assert_eq!(ask(&mut world), "2 3");
}
