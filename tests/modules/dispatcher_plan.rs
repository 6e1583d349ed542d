//! What a list would change before it is loaded (`ds_plan`), what a reload has changed, and taking
//! a destination out without ending its calls (`ds_drain`).

use serde_json::{Value, json};
use sluice_tests::world::{Plan, World, request};

use crate::tm_world::{CALLER, invite, message, reply, to};
use crate::world::command_of;

const LIST: &str = "1 sip:10.0.0.1\n1 sip:10.0.0.2\n1 sip:10.0.0.3 0 1 x=y\n1 sip:10.0.0.4\n\
    2 sip:10.0.2.1\n3 sip:10.0.3.1\n";

/// One of four goes, one comes, one weighs more; set 3 goes, set 4 comes.
const NEXT: &str = "1 sip:10.0.0.1\n1 sip:10.0.0.2 0 2\n1 sip:10.0.0.3 0 1 x=z\n1 sip:10.0.0.5\n\
    2 sip:10.0.2.1\n4 sip:10.0.4.1\n";

fn world(params: &str, route: &str) -> World {
    let script = format!(
        "loadmodule \"tm\"\nloadmodule \"sl\"\nloadmodule \"dispatcher\"\n\
         modparam(\"dispatcher\", \"list_file\", \"d.list\")\n{params}route {{\n{route}\n}}\n"
    );
    Plan::default().file("d.list", LIST).file("next.list", NEXT).run(&script)
}

fn command(world: &World, name: &str, params: &[Option<&str>]) -> Value {
    command_of(world, "dispatcher", name, params).unwrap()
}

/// State and draining of a destination.
fn state(world: &World, set: usize, at: usize) -> (Value, Value) {
    let list = command(world, "ds_list", &[None, None]);
    let one = &list["PARTITIONS"][0]["SETS"][set]["Destinations"][at];
    (one["state"].clone(), one["draining"].clone())
}

#[test]
fn a_plan_tells_rows_states_and_the_share_of_calls_that_move() {
    let world = world("", "ds_select_dst(1, \"maglev\");");
    let plan = command(&world, "ds_plan", &[Some("next.list"), None]);
    let summary = plan["summary"].as_str().unwrap();
    assert!(summary.starts_with("2 added, 2 removed, 2 changed, 4 states kept; by call_id "));
    assert_eq!((&plan["kept"], &plan["changed_sets"]), (&json!(4), &json!(3)));
    let first = &plan["SETS"][0];
    assert_eq!(first["added_destinations"], json!(["sip:10.0.0.5"]));
    assert_eq!(first["removed_destinations"], json!(["sip:10.0.0.4"]));
    let changed = ["sip:10.0.0.2: weight 1 -> 2", "sip:10.0.0.3: attributes"];
    assert_eq!(first["changed_destinations"], json!(changed));
    let share = |algorithm: &str, uri: &str, when: &str| {
        let all = first[algorithm]["Destinations"].as_array().unwrap();
        let one = all.iter().find(|one| one["URI"] == uri).unwrap();
        one[format!("{when}_percent")].as_f64().unwrap()
    };
    for algorithm in ["call_id", "maglev"] {
        for (uri, before, after) in
            [("sip:10.0.0.2", 25.0, 40.0), ("sip:10.0.0.4", 25.0, 0.0), ("sip:10.0.0.5", 0.0, 20.0)]
        {
            assert!((share(algorithm, uri, "before") - before).abs() < 2.0, "{first}");
            assert!((share(algorithm, uri, "after") - after).abs() < 2.0, "{first}");
        }
    }
    let moved = |algorithm: &str| first[algorithm]["moved_percent"].as_f64().unwrap();
    // Of a hash nearly all go elsewhere, of Maglev those of what has gone and of the new weights.
    assert!(moved("call_id") > 70.0 && moved("maglev") < 55.0, "{first}");
    assert_eq!(plan["SETS"][2]["added"], 1, "a set that comes");
    assert_eq!(plan["SETS"][1]["call_id"], Value::Null, "no call goes on in one that goes");
    assert_eq!(state(&world, 0, 3).0, "Active", "nothing has changed");
}

#[test]
fn a_plan_goes_by_the_states_of_now_and_leaves_no_trace() {
    let mut world = world("", "ds_select_dst(1, 4); sl_send_reply(200, \"$du\");");
    let answer = |world: &mut World| {
        let sent = world.receive(CALLER, request("OPTIONS sip:x SIP/2.0", ""));
        sent[0].first_line().replace("SIP/2.0 200 sip:10.0.0.", "")
    };
    assert_eq!(answer(&mut world), "1");
    for one in ["sip:10.0.0.1", "sip:10.0.0.2", "sip:10.0.0.3"] {
        command(&world, "ds_set_state", &[Some("i"), Some("1"), Some(one)]);
    }
    let plan = command(&world, "ds_plan", &[Some("next.list"), None]);
    assert_eq!(plan["SETS"][0]["call_id"]["moved_percent"], 100.0, "all from .4 to .5");
    for one in ["sip:10.0.0.1", "sip:10.0.0.2", "sip:10.0.0.3"] {
        command(&world, "ds_set_state", &[Some("a"), Some("1"), Some(one)]);
    }
    assert_eq!(answer(&mut world), "2", "the turn is as it was");
    let none = command(&world, "ds_plan", &[None, None]);
    assert_eq!((&none["changed_sets"], &none["kept"]), (&json!(0), &json!(6)));
    let error =
        command_of(&world, "dispatcher", "ds_plan", &[Some("none.list"), None]).unwrap_err();
    assert_eq!(error.text, "none.list: entity not found");
}

#[test]
fn a_reload_says_what_the_plan_said() {
    let world = world("", "exit;");
    let plan = command(&world, "ds_plan", &[Some("next.list"), None]);
    assert_eq!(command(&world, "ds_reload", &[None, None]), "OK", "nothing has changed");
    world.write("d.list", Some(NEXT));
    let told = command(&world, "ds_reload", &[None, None]);
    assert_eq!(told, json!({ "changes": { "default": plan } }));
    assert_eq!(command(&world, "ds_reload", &[None, None]), "OK");
}

#[test]
fn a_drained_destination_gets_no_new_call_until_its_state_is_set() {
    let mut world = world(
        "",
        "ds_select_dst(2, 8, \"f\"); ds_mark_dst(\"a\");\n\
         if (ds_select_dst(2, 8)) sl_send_reply(200, \"$du\"); else sl_send_reply(404, \"none\");",
    );
    let answer = |world: &mut World| {
        world.receive(CALLER, request("OPTIONS sip:x SIP/2.0", ""))[0].first_line()
    };
    assert_eq!(answer(&mut world), "SIP/2.0 200 sip:10.0.2.1");
    let told = command(&world, "ds_drain", &[Some("2"), Some("sip:10.0.2.1")]);
    assert!(told["calls_left"].is_null() && told["reason"].as_str().unwrap().contains("modparam"));
    assert_eq!(answer(&mut world), "SIP/2.0 404 none", "no mark of the script ends it");
    assert_eq!(state(&world, 1, 0), ("Inactive".into(), json!({ "calls_left": null })));
    command(&world, "ds_reload", &[None, None]);
    assert_eq!(state(&world, 1, 0).1, json!({ "calls_left": null }), "nor does a reload");
    command(&world, "ds_set_state", &[Some("a"), Some("2"), Some("sip:10.0.2.1")]);
    assert_eq!(answer(&mut world), "SIP/2.0 200 sip:10.0.2.1");
    assert_eq!(state(&world, 1, 0), ("Active".into(), Value::Null));
    let wrong = command_of(&world, "dispatcher", "ds_drain", &[Some("2"), Some("sip:x")]);
    assert_eq!(wrong.unwrap_err().code, 404);
}

#[test]
fn no_algorithm_gives_a_new_call_to_what_is_drained() {
    let params = "modparam(\"dispatcher\", \"hash_pvar\", \"$ci\")\n\
        modparam(\"dispatcher\", \"pvar_algo_pattern\", \"$shv(%u)\")\n\
        modparam(\"dispatcher\", \"algo_route\", \"score\")\n\
        modparam(\"dispatcher\", \"passive_health\", 1)\n";
    let numbers = (0..=10).map(|number| number.to_string());
    let words = ["maglev", "maglev:pvar", "least_calls", "least_latency"].map(str::to_owned);
    for algorithm in numbers.chain(words) {
        let route = format!(
            "if (!ds_select_dst(1, \"{algorithm}\", \"fd\")) {{ sl_send_reply(404, \"none\"); exit; }}\n\
             $var(all) = $du;\nwhile (ds_next_dst()) $var(all) = $var(all) + \" \" + $du;\n\
             sl_send_reply(200, \"$var(all)\");\n}}\nroute[score] {{ return(1);"
        );
        let mut world = world(params, &route);
        let answers = |world: &mut World| -> Vec<String> {
            let of = |call: u32| {
                let text = request(&format!("OPTIONS sip:{call}@x SIP/2.0"), "");
                let text = text.replace("1-2345", &call.to_string());
                world.receive(CALLER, text)[0].first_line()
            };
            (0..40).map(of).collect()
        };
        let is_given = |answers: &[String]| answers.iter().any(|one| one.contains("10.0.0.1"));
        assert!(is_given(&answers(&mut world)), "{algorithm}");
        command(&world, "ds_drain", &[Some("1"), Some("sip:10.0.0.1")]);
        assert!(!is_given(&answers(&mut world)), "{algorithm}");
        for other in ["sip:10.0.0.2", "sip:10.0.0.3", "sip:10.0.0.4"] {
            command(&world, "ds_set_state", &[Some("p"), Some("1"), Some(other)]);
        }
        // None is active, so one that failed may be tried: what is drained, not even then.
        let answers = answers(&mut world);
        assert!(answers.iter().all(|one| one.starts_with("SIP/2.0 200 sip:")), "{algorithm}");
        assert!(!is_given(&answers), "{algorithm}");
    }
}

#[test]
fn the_calls_that_are_left_are_counted_until_they_end() {
    let params = "modparam(\"dispatcher\", \"call_statistics\", 1)\n";
    let mut world = world(params, "ds_select_dst(2, 8); t_relay();");
    let sent = world.receive(CALLER, invite());
    let out = sent.iter().find(|one| one.first_line().starts_with("INVITE")).cloned().unwrap();
    let told = command(&world, "ds_drain", &[Some("2"), Some("sip:10.0.2.1")]);
    assert_eq!(told, json!({ "calls_left": 1 }));
    let sent = world.receive(&out.to.to_string(), reply(&out, "486 Busy"));
    assert!(to(&sent, CALLER)[0].first_line().contains("486"));
    world.receive(CALLER, message("ACK sip:b@x SIP/2.0", "ACK", ""));
    assert_eq!(state(&world, 1, 0).1, json!({ "calls_left": 0 }));
}

#[test]
fn failover_passes_what_is_drained_meanwhile() {
    let script = "loadmodule \"tm\"\nloadmodule \"dispatcher\"\n\
        modparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
        route { ds_select_dst(1, 8, \"f\"); t_on_failure(\"next\"); t_relay(); }\n\
        failure_route[next] { ds_next_dst(); t_relay(); }\n";
    let mut world = Plan::default().file("d.list", LIST).run(script);
    let sent = world.receive(CALLER, invite());
    let out = sent.iter().find(|one| one.first_line().starts_with("INVITE")).cloned().unwrap();
    command(&world, "ds_drain", &[Some("1"), Some("sip:10.0.0.2")]);
    let sent = world.receive(&out.to.to_string(), reply(&out, "503 Down"));
    let next = sent.iter().find(|one| one.first_line().starts_with("INVITE")).unwrap();
    assert_eq!(next.to.to_string(), "10.0.0.3:5060");
}
