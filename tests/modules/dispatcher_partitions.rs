//! Partitions of the dispatcher (spec 3.8): sets, sources, AVPs and probes of their own, by name in
//! functions and in management commands.

use sluice_engine::module::CommandError;
use sluice_tests::world::{Plan, World};

use crate::world::command_of;

const TABLE: &str = "id(int,auto) setid(int) destination(string) state(int)\n";

const GOLD: &str = "modparam(\"dispatcher\", \"partition\", \"gold: db_url = text:///db; \
    table_name = gold\")\n";
const LIST: &str = "modparam(\"dispatcher\", \"list_file\", \"d.list\")\n";

fn script(params: &str, route: &str) -> String {
    format!(
        "loadmodule \"db_text\"\nloadmodule \"tm\"\nloadmodule \"sl\"\nloadmodule \"dispatcher\"\n\
         {params}route {{\n{route}\n}}\n"
    )
}

fn plan() -> Plan {
    let gold = format!("{TABLE}1:1:sip\\:10.0.1.1:0\n2:1:sip\\:10.0.1.2:0\n");
    let silver = format!("{TABLE}1:1:sip\\:10.0.2.1:0\n");
    Plan::default()
        .file("d.list", "1 sip:10.0.0.1\n1 sip:10.0.0.2\n")
        .file("e.list", "1 sip:10.0.9.1\n")
        .file("/db/gold", gold)
        .file("/db/dispatcher", silver)
        .file("/db/version", "table_name(str) table_version(int)\ngold:7\ndispatcher:7\n")
}

fn world(params: &str, route: &str) -> World {
    plan().run(&script(params, route))
}

fn answer(world: &mut World) -> String {
    world.receive("10.9.9.1:5060", crate::world::INVITE)[0].first_line()
}

fn command(world: &World, name: &str, params: &[Option<&str>]) -> serde_json::Value {
    command_of(world, "dispatcher", name, params).unwrap()
}

fn refusal(world: &World, name: &str, params: &[Option<&str>]) -> CommandError {
    command_of(world, "dispatcher", name, params).unwrap_err()
}

/// The partitions of `ds_list`, each as name, and URI and state of its destinations.
fn listed(world: &World, partition: Option<&str>) -> Vec<String> {
    let list = command(world, "ds_list", &[None, partition]);
    let partitions = list["PARTITIONS"].as_array().unwrap().iter();
    let line = |partition: &serde_json::Value| {
        let sets = partition["SETS"].as_array().unwrap().iter();
        let all = sets.flat_map(|set| set["Destinations"].as_array().unwrap());
        let all = all.map(|one| format!(" {} {}", one["URI"], one["state"]).replace('"', ""));
        format!("{}:{}", partition["name"].as_str().unwrap(), all.collect::<String>())
    };
    partitions.map(line).collect()
}

#[test]
fn a_list_and_a_table_serve_side_by_side() {
    let mut world = world(
        &format!("{LIST}{GOLD}"),
        "ds_select_dst(1, 8); $var(a) = $du; $du = NULL;\n\
         ds_select_dst(1, 8, \"f\", \"gold\"); $var(b) = $du;\n\
         ds_next_dst(\"gold\"); sl_send_reply(200, \"$var(a) $var(b) $du\");",
    );
    assert_eq!(answer(&mut world), "SIP/2.0 200 sip:10.0.0.1 sip:10.0.1.1 sip:10.0.1.2");
    let all = [
        "default: sip:10.0.0.1 Active sip:10.0.0.2 Active",
        "gold: sip:10.0.1.1 Active sip:10.0.1.2 Active",
    ];
    assert_eq!(listed(&world, None), all);
    assert_eq!(listed(&world, Some("gold")), all[1..]);
    assert_eq!(refusal(&world, "ds_list", &[None, Some("lead")]).code, 404);
}

#[test]
fn a_name_is_found_at_run_time_and_an_unknown_one_is_false() {
    let route = "$var(p) = \"gold\";\n\
        if (ds_select_dst(1, 8, , $var(p))) $var(a) = $du;\n\
        if (!ds_select_dst(1, 8, , \"lead\")) $var(b) = \"none\";\n\
        ds_count(1, \"a\", $var(c), \"gold\"); ds_count(1, \"a\", $var(d));\n\
        if (ds_is_in_list(\"10.0.1.2\", 0, 1, \"gold\")) $var(e) = \"in\";\n\
        if (!ds_is_in_list(\"10.0.1.2\", 0, 1)) $var(f) = \"out\";\n\
        sl_send_reply(200, \"$var(a) $var(b) $var(c) $var(d) $var(e) $var(f)\");";
    let mut world = world(&format!("{LIST}{GOLD}"), route);
    assert_eq!(answer(&mut world), "SIP/2.0 200 sip:10.0.1.1 none 2 2 in out");
}

#[test]
fn states_are_set_in_a_partition_and_each_is_reloaded_for_itself() {
    let world = world(&format!("{LIST}{GOLD}"), "exit;");
    let set = |group| command(&world, "ds_set_state", &[Some("i"), Some(group), Some(URI)]);
    const URI: &str = "sip:10.0.1.2";
    assert_eq!(set("gold:1"), "OK");
    let wrong = [Some("i"), Some("1"), Some(URI)];
    assert_eq!(refusal(&world, "ds_set_state", &wrong).text, "destination not found");
    let wrong = [Some("i"), Some("lead:1"), Some(URI)];
    assert_eq!(refusal(&world, "ds_set_state", &wrong).code, 404);
    assert_eq!(listed(&world, None)[1], "gold: sip:10.0.1.1 Active sip:10.0.1.2 Inactive");
    command(&world, "ds_reload", &[None, None]);
    assert_eq!(listed(&world, None)[1], "gold: sip:10.0.1.1 Active sip:10.0.1.2 Inactive");
    command(&world, "ds_reload", &[Some("default"), Some("n")]);
    assert_eq!(listed(&world, None)[1], "gold: sip:10.0.1.1 Active sip:10.0.1.2 Inactive");
    command(&world, "ds_reload", &[Some("gold"), Some("n")]);
    assert_eq!(listed(&world, None)[1], "gold: sip:10.0.1.1 Active sip:10.0.1.2 Active");
    assert_eq!(refusal(&world, "ds_reload", &[Some("lead"), None]).code, 404);
}

#[test]
fn attributes_are_pushed_by_management() {
    let mut world = world(
        &format!("{LIST}{GOLD}"),
        "ds_get_script_attrs(\"sip:10.0.1.1\", 1, \"gold\", $var(a));\n\
         sl_send_reply(200, \"$var(a)\");",
    );
    let push = [Some("load=5"), Some("10.0.1.1"), Some("5060"), Some("1"), Some("gold")];
    assert_eq!(command(&world, "ds_push_script_attrs", &push), "OK");
    assert_eq!(answer(&mut world), "SIP/2.0 200 load=5");
    let absent = [Some("x"), Some("10.0.1.1"), Some("5060"), Some("1"), None];
    assert_eq!(refusal(&world, "ds_push_script_attrs", &absent).code, 404);
    let bad = [Some("x"), Some("gw"), Some("5060"), Some("1"), None];
    assert_eq!(refusal(&world, "ds_push_script_attrs", &bad).text, "bad ip value");
}

#[test]
fn another_partition_may_stand_for_the_default_one() {
    let default = "modparam(\"dispatcher\", \"partition\", \"default: gold\")\n";
    let mut world = world(
        &format!("{GOLD}{default}"),
        "ds_select_dst(1, 8); $var(a) = $du; ds_select_dst(1, 8, \"f\", \"gold\");\n\
         sl_send_reply(200, \"$var(a) $du $avp(ds_cnt_failover_gold)\");",
    );
    assert_eq!(answer(&mut world), "SIP/2.0 200 sip:10.0.1.1 sip:10.0.1.1 2");
    assert_eq!(listed(&world, None).len(), 1);
    assert_eq!(listed(&world, Some("default")), listed(&world, Some("gold")));
}

#[test]
fn the_default_one_is_empty_where_only_others_are_defined() {
    let mut world = world(
        GOLD,
        "if (!ds_select_dst(1, 8)) $var(a) = \"none\";\n\
         ds_select_dst(1, 8, , \"gold\"); sl_send_reply(200, \"$var(a) $du\");",
    );
    assert_eq!(answer(&mut world), "SIP/2.0 200 none sip:10.0.1.1");
    assert_eq!(world.warnings, [""; 0]);
}

#[test]
fn a_partition_has_the_url_of_all_and_avps_of_its_own() {
    let params = "modparam(\"dispatcher\", \"db_url\", \"text:///db\")\n\
        modparam(\"dispatcher\", \"partition\", \"more: dst_avp = $avp(mine); grp_avp = mine_grp\")\n\
        modparam(\"dispatcher\", \"partition\", \"list: list_file = e.list\")\n";
    let route = "ds_select_dst(1, 8, \"f\", \"more\"); ds_select_dst(1, 8, \"f\", \"list\");\n\
        sl_send_reply(200, \"$avp(mine) $avp(mine_grp) $avp(ds_dst_failover_list)\");";
    let mut world = world(params, route);
    assert_eq!(answer(&mut world), "SIP/2.0 200 sip:10.0.2.1 1 sip:10.0.9.1");
}

#[test]
fn an_event_names_the_partition_unless_it_is_the_default_one() {
    let params = format!("{LIST}{GOLD}");
    let route = "sl_send_reply(200, \"$shv(told)\");\n\
        ds_select_dst(1, 8, \"f\", \"gold\"); ds_mark_dst(, \"gold\");";
    let told = "event_route[E_DISPATCHER_STATUS] {\n\
        $var(where) = \"\"; if ($param(partition) != NULL) $var(where) = $param(partition);\n\
        $shv(told) = \"\" + $shv(told) + \" \" + $var(where) + $param(group) +\n\
        $param(address) + $param(status); }\n";
    let script = script(&format!("loadmodule \"cfgutils\"\n{params}"), route) + told;
    let mut world = plan().run(&script);
    answer(&mut world);
    let of_default = [Some("i"), Some("1"), Some("sip:10.0.0.2")];
    command(&world, "ds_set_state", &of_default);
    world.pass(10);
    let expected = "SIP/2.0 200 0 gold1sip:10.0.1.1inactive 1sip:10.0.0.2inactive";
    assert_eq!(answer(&mut world), expected);
}

#[test]
fn a_definition_that_is_wrong_is_refused_with_its_line() {
    for (definition, why) in [
        ("gold", "a partition is `name: property = value; ...`, not `gold`"),
        ("gold: db_urls = x", "partition gold: there is no property `db_urls`"),
        ("gold: table_name = t", "partition gold has neither db_url nor list_file"),
        (
            "gold: list_file = d.list; ds_define_blacklist = a",
            "a blacklist of sets is `name = 1,3`, not `a`",
        ),
        ("gold: fetch_freeswitch_stats = 1", "`fetch_freeswitch_stats` comes later"),
        ("default: gold", "partition default: there is no partition gold above"),
        ("gold: list_file = none.list", "none.list: entity not found"),
        (
            "gold: list_file = d.list; attrs_avp = $ru",
            "attrs_avp is an AVP, `$avp(name)`, not `$ru`",
        ),
    ] {
        let params = format!("{LIST}modparam(\"dispatcher\", \"partition\", \"{definition}\")\n");
        let refused = plan().try_run(&script(&params, "exit;")).err().unwrap();
        assert!(refused.contains(why), "{definition}: {refused}");
    }
}
