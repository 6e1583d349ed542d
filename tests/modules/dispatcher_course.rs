//! Selections of several steps (spec 3.2): by a variable (9), by a route of the script (10), from a
//! list of sets.

use sluice_tests::world::{Plan, World};

use crate::world::command_of;

const LIST: &str = "1 sip:10.0.0.1 0 1 one\n1 sip:10.0.0.2 0 1 two\n1 sip:10.0.0.3 0 1 three\n\
    2 sip:10.0.2.1 0 1 four\n2 sip:10.0.2.2 0 1 five\n3 sip:10.0.3.1 1\n";

/// What the failover AVPs give one after another behind `$du`, with the set of each.
const ALL: &str = "$var(all) = $du + \"/\" + $avp(ds_grp_failover);\n\
    while (ds_next_dst())\n\
    $var(all) = $var(all) + \" \" + $du + \"/\" + $avp(ds_grp_failover);\n\
    sl_send_reply(200, \"$var(all)\");\n";

fn script(params: &str, route: &str) -> String {
    format!(
        "loadmodule \"sl\"\nloadmodule \"cfgutils\"\nloadmodule \"dispatcher\"\n\
         modparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
         modparam(\"dispatcher\", \"partition\", \"gold: list_file = e.list\")\n\
         {params}route {{\n{route}}}\n"
    )
}

fn plan() -> Plan {
    Plan::default().file("d.list", LIST).file("e.list", "1 sip:10.0.9.1\n")
}

fn world(params: &str, route: &str) -> World {
    plan().run(&script(params, route))
}

/// The reply to a request, with the destinations short: `sip:10.0.0.1/1` is `1/1`.
fn answer(world: &mut World) -> String {
    let sent = world.receive("10.9.9.1:5060", crate::world::INVITE);
    short(&sent[0].first_line())
}

fn short(line: &str) -> String {
    line.replace("SIP/2.0 ", "").replace("sip:10.0.", "")
}

fn set_state(world: &World, state: &str, set: &str, address: &str) {
    let params = [Some(state), Some(set), Some(address)];
    command_of(world, "dispatcher", "ds_set_state", &params).unwrap();
}

const BY_VARIABLE: &str = "modparam(\"dispatcher\", \"pvar_algo_pattern\", \"$shv(%i-%u)\")\n";

#[test]
fn a_variable_orders_the_destinations() {
    let route = "$shv(1-sip:10.0.0.1) = 7; $shv(1-sip:10.0.0.3) = -2;\n\
        if (!ds_select_dst(1, 9, \"f\")) exit;\n";
    let mut world = world(BY_VARIABLE, &format!("{route}{ALL}"));
    // Without a value it is 0.
    assert_eq!(answer(&mut world), "200 0.3/1 0.2/1 0.1/1");
    set_state(&world, "i", "1", "sip:10.0.0.3");
    assert_eq!(answer(&mut world), "200 0.2/1 0.1/1");
}

#[test]
fn few_results_are_those_with_the_least_and_the_last_one_may_be_the_default() {
    let values = "$shv(1-sip:10.0.0.1) = 7; $shv(1-sip:10.0.0.3) = -2;\n";
    let run = |select: &str| {
        let mut world = world(BY_VARIABLE, &format!("{values}{select}\n{ALL}"));
        answer(&mut world)
    };
    assert_eq!(run("ds_select_dst(1, 9, \"f\", , 2);"), "200 0.3/1 0.2/1");
    assert_eq!(run("ds_select_dst(1, 9, \"FD\");"), "200 0.2/1 0.1/1 0.3/1");
}

#[test]
fn without_a_pattern_the_first_with_a_weight_serves() {
    let mut world = world("", &format!("ds_select_dst(1, 9, \"f\");\n{ALL}"));
    assert_eq!(answer(&mut world), "200 0.1/1 0.2/1 0.3/1");
}

const BY_ROUTE: &str = "modparam(\"dispatcher\", \"algo_route\", \"score\")\n";

/// A world whose `route[score]` does so.
fn scored(score: &str, select: &str) -> World {
    let script =
        script(BY_ROUTE, &format!("{select}\n{ALL}")) + &format!("route[score] {{\n{score}\n}}\n");
    plan().run(&script)
}

#[test]
fn a_route_orders_the_destinations_and_leaves_some_out() {
    let score = "if ($param(2) == \"two\") return(-1);\n\
        if ($param(dst_uri) == \"sip:10.0.0.1\" && $param(attrs) == \"one\") return(9);\n\
        return(3);";
    let mut world = scored(score, "ds_select_dst(1, 10, \"f\");");
    assert_eq!(answer(&mut world), "200 0.3/1 0.1/1");
    assert_eq!(world.warnings, [""; 0], "it is not a route that nothing runs");
}

#[test]
fn an_exit_ends_the_route_and_no_more() {
    let mut world = scored(
        "if ($param(1) == \"sip:10.0.0.2\") exit; return(5);",
        "$var(a) = 4; ds_select_dst(1, 10, \"f\");",
    );
    assert_eq!(answer(&mut world), "200 0.2/1 0.1/1 0.3/1");
}

#[test]
fn the_route_may_wait_and_a_reload_meanwhile_begins_the_scores_anew() {
    let score = "if ($param(attrs) == \"two\") { sleep(1); return(1); } return(2);";
    let mut world = scored(score, "ds_select_dst(1, 10, \"f\");");
    assert_eq!(world.receive("10.9.9.1:5060", crate::world::INVITE).len(), 0);
    let sent = world.pass(1_100);
    assert_eq!(short(&sent[0].first_line()), "200 0.2/1 0.1/1 0.3/1");

    assert_eq!(world.receive("10.9.9.1:5060", crate::world::INVITE).len(), 0);
    world.write("d.list", Some("1 sip:10.0.0.8 0 1 two\n1 sip:10.0.0.9 0 1 one\n"));
    command_of(&world, "dispatcher", "ds_reload", &[None, None]).unwrap();
    assert_eq!(world.pass(1_100).len(), 0, "it is asked about again");
    assert_eq!(short(&world.pass(1_100)[0].first_line()), "200 0.8/1 0.9/1");
}

#[test]
fn all_left_out_is_false() {
    let select = "if (!ds_select_dst(1, 10)) { sl_send_reply(404, \"none\"); exit; }";
    assert_eq!(answer(&mut scored("return(-1);", select)), "404 none");
}

#[test]
fn a_list_of_sets_is_tried_in_order() {
    let mut world = world("", &format!("ds_select_dst(\"3, 1,2\", 8, \"f\");\n{ALL}"));
    assert_eq!(answer(&mut world), "200 0.1/1 0.2/1 0.3/1 2.1/2 2.2/2");
    for one in ["sip:10.0.0.1", "sip:10.0.0.2", "sip:10.0.0.3"] {
        set_state(&world, "p", "1", one);
    }
    assert_eq!(answer(&mut world), "200 2.1/2 2.2/2");
    set_state(&world, "a", "3", "sip:10.0.3.1");
    assert_eq!(answer(&mut world), "200 3.1/3 2.1/2 2.2/2");
}

#[test]
fn without_failover_the_first_set_that_serves_is_the_only_one() {
    let mut world = world("", "ds_select_dst(\"3,2,1\", 8); sl_send_reply(200, \"$du\");\n");
    assert_eq!(answer(&mut world), "200 2.1");
    let list = command_of(&world, "dispatcher", "ds_list", &[None, None]).unwrap();
    let hits = &list["PARTITIONS"][0]["SETS"][0]["Destinations"][0]["first_hit_counter"];
    assert_eq!(*hits, 0);
}

#[test]
fn each_set_has_its_algorithm_and_scores_go_between() {
    let script = script(BY_ROUTE, &format!("ds_select_dst(\"1,2\", \"10,4\", \"f\");\n{ALL}"))
        + "route[score] { if ($param(attrs) == \"three\") return(1); return(2); }\n";
    let mut world = plan().run(&script);
    assert_eq!(answer(&mut world), "200 0.3/1 0.1/1 0.2/1 2.1/2 2.2/2");
    assert_eq!(answer(&mut world), "200 0.3/1 0.1/1 0.2/1 2.2/2 2.1/2");
}

#[test]
fn marking_goes_by_the_set_of_the_destination() {
    let route = "ds_select_dst(\"1,2\", 8, \"fM1\"); ds_next_dst(); ds_mark_dst(\"0\");\n\
        sl_send_reply(200, \"$du $avp(ds_cnt_failover)\");\n";
    let mut world = world("", route);
    assert_eq!(answer(&mut world), "200 2.1 2");
    assert_eq!(answer(&mut world), "200 2.2 2", "the first one of set 2 is out");
}

#[test]
fn the_partition_may_stand_before_the_set() {
    let route = "$var(set) = \"gold:1\"; ds_select_dst($var(set), 8); $var(a) = $du;\n\
        ds_select_dst(\"gold:1\", 0); $var(b) = $du; $var(set) = \"1;2\";\n\
        if (!ds_select_dst($var(set), 0)) $var(c) = \"none\";\n\
        sl_send_reply(200, \"$var(a) $var(b) $var(c)\");\n";
    assert_eq!(answer(&mut world("", route)), "200 9.1 9.1 none");
}

#[test]
fn what_cannot_be_is_refused_at_start() {
    for (params, route, why) in [
        ("", "ds_select_dst(\"1;2\", 0);", "a set is a number, `partition:number`, or a list"),
        ("", "ds_select_dst(\"1,2\", \"0,z\");", "an algorithm is a number from 0 to 10"),
        (BY_ROUTE, "exit;", "there is no route[score] for algo_route"),
        (
            "modparam(\"dispatcher\", \"pvar_algo_pattern\", \"load\")\n",
            "exit;",
            "pvar_algo_pattern is a variable, `$stat(load_%u)`, not `load`",
        ),
    ] {
        let refused = plan().try_run(&script(params, route)).err().unwrap();
        assert!(refused.contains(why), "{refused}");
    }
}
