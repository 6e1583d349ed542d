//! The dispatcher's destinations from a table (spec 3.1, 5.6), here of `db_text`.

use serde_json::{Value, json};
use sluice_tests::world::{Plan, World};

use crate::world::command_of;

const SEED: &str = "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
                    weight(int) priority(int) attrs(string) description(string)\n";

fn script(params: &str) -> String {
    format!(
        "loadmodule \"db_text\"\nloadmodule \"dispatcher\"\nloadmodule \"sl\"\n{params}\
         route {{\n  if (ds_select_dst(1, 8, \"f\")) sl_send_reply(200, \"$du\");\n\
         else sl_send_reply(404, \"none\");\n}}\n"
    )
}

fn plan(rows: &str) -> Plan {
    let dispatcher = format!("{SEED}{rows}");
    Plan::default()
        .file("/db/dispatcher", dispatcher)
        .file("/db/version", "table_name(str) table_version(int)\ndispatcher:7\n")
}

const DB: &str = "modparam(\"dispatcher\", \"db_url\", \"text:///db\")\n";

fn list(world: &World) -> serde_json::Value {
    let list = command_of(world, "dispatcher", "ds_list", &[Some("full")]).unwrap();
    list["PARTITIONS"][0]["SETS"].clone()
}

fn selected(world: &mut World) -> String {
    world.receive("10.9.9.1:5060", crate::world::INVITE)[0].first_line()
}

#[test]
fn the_table_of_the_seed_with_its_hosts_put_back() {
    let rows = "1:1:sip\\:10.0.0.1\\:5060:null:0:1:1:'carrier':'load balancer for OB'\n\
                2:2:sip\\:10.0.0.2\\:5060:null:0:1:1:'carrier':'Load balancer for IB'\n";
    let mut world = plan(rows).run(&script(DB));
    let place = "sip:10.0.0.1:5060: socket `null` is not one of ours; it goes without";
    assert!(world.warnings[0].ends_with(&format!("/db/dispatcher:2: {place}")));
    assert_eq!(world.warnings.len(), 2, "{:?}", world.warnings);
    assert_eq!(selected(&mut world), "SIP/2.0 200 sip:10.0.0.1:5060");
    let list = list(&world);
    assert_eq!(list[0]["Destinations"][0]["attr"], "'carrier'", "quotes are data");
    assert_eq!(list[1]["Destinations"][0]["URI"], "sip:10.0.0.2:5060");
}

#[test]
fn as_printed_its_first_row_is_refused_and_the_other_stays() {
    let rows = "1:1:sip\\:\\:5060:null:0:1:1:'carrier':'load balancer for OB'\n\
                2:2:sip\\:10.0.0.2\\:5060::0:1:1:'carrier':'Load balancer for IB'\n";
    let mut world = plan(rows).run(&script(DB));
    let why = "/db/dispatcher:2: no host in sip::5060; the row is left out";
    assert_eq!(world.warnings.len(), 1);
    assert!(world.warnings[0].ends_with(why), "{:?}", world.warnings);
    assert_eq!(selected(&mut world), "SIP/2.0 404 none");
    assert_eq!(list(&world)[0]["id"], 2);
}

#[test]
fn a_list_file_that_is_a_table_is_read_as_one() {
    let file = format!("{SEED}1:1:sip\\:10.0.0.7::0:1:0:x:y\n2:1:sip\\:10.0.0.8::2:1:9:x:y\n");
    let list_file = "modparam(\"dispatcher\", \"list_file\", \"d.list\")\n";
    let mut world = Plan::default().file("d.list", file).run(&script(list_file));
    assert_eq!(selected(&mut world), "SIP/2.0 200 sip:10.0.0.7");
    let states = list(&world)[0]["Destinations"].clone();
    assert_eq!((&states[0]["state"], &states[1]["state"]), (&"Probing".into(), &"Active".into()));
}

#[test]
fn layouts_of_every_age_are_read_by_their_columns() {
    let old = "id(int) setid(int) destination(string) flags(int) description(string)\n\
               1:1:sip\\:10.0.0.1:1:a\n2:1:sip\\:10.0.0.2:0:b\n";
    let new = "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
               probe_mode(int) weight(string) priority(int) attrs(string,null) \
               description(string,null)\n1:1:sip\\:10.0.0.2:udp\\:127.0.0.1\\:5060:0:0:50:3::\n";
    for (table, version, warns) in [(old, 3, false), (new, 9, false), (new, 12, true)] {
        let versions = format!("table_name(str) table_version(int)\ndispatcher:{version}\n");
        let plan = Plan::default().file("/db/dispatcher", table).file("/db/version", versions);
        let mut world = plan.run(&script(DB));
        assert_eq!(selected(&mut world), "SIP/2.0 200 sip:10.0.0.2");
        assert_eq!(world.warnings.len(), usize::from(warns), "{:?}", world.warnings);
    }
    let world = plan("").run(&script(DB));
    assert!(world.warnings[0].contains("no destination in it"), "{:?}", world.warnings);
    let plan = Plan::default().file("/db/dispatcher", SEED);
    let world = plan.run(&script(DB));
    assert!(world.warnings[0].contains("/db/dispatcher: its version is not known"));
}

#[test]
fn names_of_tables_and_columns_are_the_scripts() {
    let table = "nr(int) gruppe(int) ziel(string) an(string,null) zustand(int) gewicht(int) \
                 rang(int) daten(string,null)\n1:1:sip\\:10.0.0.3::0:7:2:x=y\n2:1:sip\\:10.0.0.4::1:1:9:\n";
    let names = "modparam(\"dispatcher\", \"table_name\", \"ziele\")\n\
                 modparam(\"dispatcher\", \"setid_col\", \"gruppe\")\n\
                 modparam(\"dispatcher\", \"destination_col\", \"ziel\")\n\
                 modparam(\"dispatcher\", \"socket_col\", \"an\")\n\
                 modparam(\"dispatcher\", \"flags_col\", \"zustand\")\n\
                 modparam(\"dispatcher\", \"weight_col\", \"gewicht\")\n\
                 modparam(\"dispatcher\", \"priority_col\", \"rang\")\n\
                 modparam(\"dispatcher\", \"probe_mode_col\", \"frage\")\n\
                 modparam(\"dispatcher\", \"attrs_col\", \"daten\")\n";
    let plan = || {
        let versions = "table_name(str) table_version(int)\nziele:7\n";
        Plan::default().file("/db/ziele", table).file("/db/version", versions)
    };
    let mut world = plan().run(&script(&format!("db_default_url = \"text:///db\"\n{names}")));
    assert_eq!(world.warnings, [""; 0]);
    assert_eq!(selected(&mut world), "SIP/2.0 200 sip:10.0.0.3");
    let first = list(&world)[0]["Destinations"][1].clone();
    assert_eq!((&first["weight"], &first["attr"]), (&7.into(), &"x=y".into()));
    // Without their states all are active, and the one of priority 9 goes first.
    let states = "modparam(\"dispatcher\", \"persistent_state\", 0)\n";
    let mut world = plan().run(&script(&format!("{DB}{names}{states}")));
    assert_eq!(selected(&mut world), "SIP/2.0 200 sip:10.0.0.4");
}

#[test]
fn a_socket_of_ours_is_the_one_that_it_is_sent_by() {
    let rows = "1:1:sip\\:10.0.0.1:udp\\:127.0.0.2\\:5070:0:1:5:x:y\n\
                2:1:sip\\:10.0.0.2::0:1:1:x:y\n";
    let script = "loadmodule \"db_text\"\nloadmodule \"dispatcher\"\n\
                  modparam(\"dispatcher\", \"db_url\", \"text:///db\")\n\
                  route { ds_select_dst(1, 8); forward(); }\n";
    let listen = ["127.0.0.1:5060", "127.0.0.2:5070"].map(|addr| addr.parse().unwrap()).to_vec();
    let mut world = Plan { listen, ..plan(rows) }.run(script);
    assert_eq!(world.warnings, [""; 0]);
    assert_eq!(world.receive("10.9.9.1:5060", crate::world::INVITE)[0].socket.0, 1);
    let all = list(&world)[0]["Destinations"].clone();
    let told = |at: usize| (all[at]["socket"].clone(), all[at]["description"].clone());
    assert_eq!(told(0), ("udp:127.0.0.2:5070".into(), "y".into()));
    assert_eq!(told(1), (Value::Null, "y".into()));
}

/// spec 3.1: what is NULL has its default, and a row without a set is left out.
#[test]
fn nothing_in_a_column_is_its_default() {
    let columns = "id(int,auto) setid(int,null) destination(string) socket(string,null) \
                   state(int,null) probe_mode(int,null) weight(string,null) priority(int,null) \
                   attrs(string,null) description(string,null)";
    let rows = "1:1:sip\\:10.0.0.1:::::::\n2::sip\\:10.0.0.2:::::::\n\
                3:1:sip\\:10.0.0.3:::::-1::\n4:1:sip\\:10.0.0.4:::::1::\n";
    let ping = "loadmodule \"tm\"\nmodparam(\"dispatcher\", \"ds_ping_interval\", 1)\n";
    let plan = plan("").file("/db/dispatcher", format!("{columns}\n{rows}"));
    let mut world = plan.run(&script(&format!("{ping}{DB}")));
    let why = "/db/dispatcher:3: a set is a number from 0; the row is left out";
    assert!(world.warnings.iter().any(|one| one.ends_with(why)), "{:?}", world.warnings);
    let all = list(&world)[0]["Destinations"].as_array().unwrap().clone();
    let uris: Vec<_> = all.iter().map(|one| one["URI"].as_str().unwrap()).collect();
    assert_eq!(uris, ["sip:10.0.0.4", "sip:10.0.0.1", "sip:10.0.0.3"], "NULL is between 1 and -1");
    assert_eq!(
        all[1],
        json!({ "URI": "sip:10.0.0.1", "state": "Active", "first_hit_counter": 0, "weight": 1,
                "priority": 0, "resolved_addresses": ["10.0.0.1"] })
    );
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.extend(world.pass(1_000));
        world.program.tick(world.now);
    }
    assert_eq!(sent, [], "none is probed while it is active");
}

#[test]
fn what_makes_a_table_unusable_is_an_error_and_a_reload_changes_nothing() {
    let weight = "id(int,auto) setid(int) destination(string) weight(string)\n";
    let with_weight = |row: &str| {
        let table = format!("{weight}{row}\n");
        let error = plan("").file("/db/dispatcher", table).try_run(&script(DB));
        error.err().expect("refused")
    };
    assert!(with_weight("1:1:sip\\:h:heavy").contains("/db/dispatcher:2: the weight is a number"));
    let none = "id(int,auto) setid(int) destination(string,null)\n1:1:\n";
    let none = plan("").file("/db/dispatcher", none).try_run(&script(DB)).err().expect("refused");
    assert!(none.contains("/db/dispatcher:2: a row without destination"), "{none}");
    let column = plan("").file("/db/dispatcher", "id(int)\n").try_run(&script(DB));
    assert!(column.err().expect("refused").contains("there is no column `setid`"));
    assert!(with_weight("1:1:sip\\:h:fs\\://x").contains("is FreeSWITCH's, which comes later"));
    let no_module = script(DB).replace("loadmodule \"db_text\"\n", "");
    let why = plan("").try_run(&no_module).err().expect("refused");
    assert!(why.contains("no module is loaded for it; loadmodule \"db_text.so\""), "{why}");
    let absent = script("modparam(\"dispatcher\", \"db_url\", \"text:///nowhere\")\n");
    assert!(plan("").try_run(&absent).err().expect("refused").contains("/nowhere"));

    let mut world = plan("1:1:sip\\:10.0.0.1::0:1:1:x:y\n").run(&script(DB));
    world.write("/db/dispatcher", Some("nonsense"));
    let reload = |world: &World| command_of(world, "db_text", "dbt_reload", &[None, None]);
    assert!(reload(&world).unwrap_err().text.contains("`nonsense` is not `name(type)`"));
    world.write("/db/dispatcher", Some(&format!("{SEED}1:1:sip\\:10.0.0.5::0:1:1:x:y\n")));
    command_of(&world, "db_text", "dbt_reload", &[Some("/db"), Some("dispatcher")]).unwrap();
    assert_eq!(selected(&mut world), "SIP/2.0 200 sip:10.0.0.1", "not told yet");
    command_of(&world, "dispatcher", "ds_reload", &[]).unwrap();
    assert_eq!(selected(&mut world), "SIP/2.0 200 sip:10.0.0.5");
}
