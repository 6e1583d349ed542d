//! Module `permissions` (spec 9.5): what scripts see of it is in `tests/live/language`.

use std::fmt::Write;

use sluice_tests::world::{Plan, World};

use crate::world::{INVITE, command_of};

const HEAD: &str = "id(int,auto) grp(int) ip(string) mask(int) port(int) proto(string) \
                    pattern(string,null) context_info(string,null)\n";
const VERSIONS: &str = "table_name(string) table_version(int)\naddress:5\n";
const DB: &str = "modparam(\"permissions\", \"db_url\", \"text:///db\")\n";

fn script(params: &str, route: &str) -> String {
    format!(
        "loadmodule \"db_text\"\nloadmodule \"permissions\"\nloadmodule \"sl\"\n{params}\
         route {{ {route} sl_send_reply(200, \"=$rc $avp(i)\"); }}"
    )
}

fn plan(rows: &str) -> Plan {
    Plan::default().file("/db/address", format!("{HEAD}{rows}")).file("/db/version", VERSIONS)
}

/// Parameters with their values.
fn named_by(params: &[&str], values: &[&str]) -> String {
    let both = params.iter().zip(values);
    both.map(|(param, value)| format!("modparam(\"permissions\", \"{param}\", \"{value}\")\n"))
        .collect()
}

/// What a call gives, and the context.
fn answer(world: &mut World) -> String {
    let sent = world.receive("192.0.2.9:5070", INVITE);
    sent[0].first_line().strip_prefix("SIP/2.0 200 =").unwrap().to_owned()
}

fn asked(rows: &str, call: &str) -> String {
    answer(&mut plan(rows).run(&script(DB, &format!("{call};"))))
}

#[test]
fn groups_ports_transports_and_patterns_may_stand_for_all() {
    let rows = "1:1:10.0.0.1:32:5060:udp:gold*:a\n2:0:10.0.0.2:32:0:any::b\n\
                3:3:10.0.0.1:32:0:none::never\n4:2:10.1.0.0:16:5060:tcp::c\n";
    for (call, expected) in [
        ("check_address(1, \"10.0.0.1\", 5060, \"udp\", $avp(i), \"golden\")", "1 a"),
        ("check_address(1, \"10.0.0.1\", 5060, \"udp\", $avp(i), \"silver\")", "-1 <null>"),
        ("check_address(1, \"10.0.0.1\", 5060, \"udp\", $avp(i))", "1 a"),
        ("check_address(0, \"10.0.0.1\", 0, \"any\", $avp(i))", "1 a"),
        ("check_address(1, \"10.0.0.1\", 5061, \"udp\", $avp(i))", "-1 <null>"),
        ("check_address(1, \"10.0.0.1\", 5060, \"tcp\", $avp(i))", "-1 <null>"),
        ("check_address(1, \"10.0.0.2\", 1, \"tcp\", $avp(i))", "1 b"),
        ("check_address(2, \"10.1.9.9\", 5060, \"tcp\", $avp(i))", "1 c"),
        ("check_address(2, \"10.1.9.9\", 5060, \"udp\", $avp(i))", "-1 <null>"),
        // A row whose transport is `none` is not there, and so is its group.
        ("check_address(3, \"10.0.0.1\", 0, \"any\", $avp(i))", "-2 <null>"),
        ("check_address(-1, \"10.0.0.1\", 0, \"any\", $avp(i))", "-2 <null>"),
        ("check_address(1, \"no address\", 0, \"any\", $avp(i))", "-1 <null>"),
        ("check_address(1, \"10.0.0.1\", 70000, \"any\", $avp(i))", "-1 <null>"),
        ("check_source_address(0)", "-1 <null>"),
    ] {
        assert_eq!(asked(rows, call), expected, "{call}");
    }
}

#[test]
fn of_several_hosts_the_last_one_wins_and_their_group_is_told() {
    let rows = "1:1:192.0.2.9:32:0:any::first\n2:2:192.0.2.9:32:5071:any::other port\n\
                3:5:192.0.2.9:32:5070:tcp::last\n4:9:192.0.2.0:24:0:any::net\n";
    assert_eq!(asked(rows, "check_source_address(0, $avp(i))"), "1 first");
    // The group is found without regard to the transport.
    assert_eq!(asked(rows, "get_source_group($avp(i))"), "1 5");
    assert_eq!(asked("4:9:192.0.2.0:24:0:any::net\n", "get_source_group($avp(i))"), "1 9");
    assert_eq!(asked("4:9:192.0.3.0:24:0:any::net\n", "get_source_group($avp(i))"), "-1 <null>");
}

#[test]
fn bad_rows_are_told_by_place_and_left_out() {
    let rows = "1:1:nonsense:32:0:any::\n2:1:10.0.0.1:33:0:any::\n3:-1:10.0.0.1:32:0:any::\n\
                4:1:10.0.0.1:32:70000:any::\n5:1:10.0.0.1:32:0:carrier pigeon::\n\
                6:1:2001\\:db8\\:\\:1:128:0:any::good\n";
    let call = "check_address(1, \"2001:db8::1\", 0, \"any\", $avp(i));";
    let mut world = plan(rows).run(&script(DB, call));
    assert_eq!(answer(&mut world), "1 good");
    let expected = [
        "/db/address:2: `nonsense` is no address; the row is left out",
        "/db/address:3: a mask of 10.0.0.1 is 0 to 32; the row is left out",
        "/db/address:4: a group is a number from 0; the row is left out",
        "/db/address:5: a port is 0 to 65535; the row is left out",
        "/db/address:6: `carrier pigeon` is no transport; the row is left out",
    ];
    assert_eq!(world.warnings.len(), expected.len(), "{:?}", world.warnings);
    for (warning, expected) in world.warnings.iter().zip(expected) {
        assert!(warning.ends_with(expected), "{warning}");
    }
}

#[test]
fn layouts_of_every_age_and_names_of_columns() {
    let old = "id(int) grp(int) ip_addr(string) mask(int) port(int)\n1:1:10.0.0.0:8:0\n";
    let versions = "table_name(string) table_version(int)\naddress:3\n";
    let call = "check_address(1, \"10.9.9.9\", 5060, \"tcp\");";
    let plan = Plan::default().file("/db/address", old).file("/db/version", versions);
    let mut world = plan.run(&script(DB, call));
    assert_eq!((world.warnings.len(), answer(&mut world)), (0, "1 <null>".to_owned()));

    let named = "g(int) a(string) m(int) p(int) t(string) w(string,null) c(string,null)\n\
                 1:10.0.0.0:8:0:any::mine\n";
    let columns =
        ["grp_col", "ip_col", "mask_col", "port_col", "proto_col", "pattern_col", "info_col"];
    let params = named_by(&columns, &["g", "a", "m", "p", "t", "w", "c"]);
    let table = "modparam(\"permissions\", \"address_table\", \"peers\")\n";
    let call = "check_address(1, \"10.9.9.9\", 5060, \"tcp\", $avp(i));";
    let versions = "table_name(string) table_version(int)\npeers:9\n";
    let plan = Plan::default().file("/db/peers", named).file("/db/version", versions);
    let mut world = plan.run(&script(&format!("{DB}{params}{table}"), call));
    assert!(world.warnings[0].contains("version 9, not 3 to 5"), "{:?}", world.warnings);
    assert_eq!(answer(&mut world), "1 mine");
}

#[test]
fn without_its_table_it_does_not_start() {
    let refused = |plan: Plan, params: &str| plan.try_run(&script(params, "")).err().unwrap();
    let why = refused(Plan::default().file("/db/version", VERSIONS), DB);
    assert!(why.contains("address"), "{why}");
    let none = Plan::default().file("/db/address", "id(int)\n").file("/db/version", VERSIONS);
    assert!(refused(none, DB).contains("there is no column `grp`"));
    let no_url = "modparam(\"permissions\", \"partition\", \"a: table_name=t\")\n";
    assert!(refused(Plan::default(), no_url).contains("partition a has no db_url"));
    let avp = "modparam(\"permissions\", \"peer_tag_avp\", \"$var(x)\")\n";
    assert!(refused(Plan::default(), avp).contains("peer_tag_avp is $avp(name)"));
    // The default of all modules makes no table: functions say so when they are called.
    let default = "db_default_url = \"text:///db\"\n";
    let mut world = plan("").run(&script(default, "check_source_address(0);"));
    assert_eq!(answer(&mut world), "-1 <null>");
}

#[test]
fn a_reload_replaces_the_rows_and_a_bad_one_changes_nothing() {
    let mut world = plan("1:1:192.0.2.9:32:0:any::\n").run(&script(DB, "check_source_address(1);"));
    assert_eq!(answer(&mut world), "1 <null>");
    let reload = |world: &World| {
        command_of(world, "db_text", "dbt_reload", &[]).unwrap();
        command_of(world, "permissions", "address_reload", &[None])
    };
    world.write("/db/address", Some(&format!("{HEAD}1:1:192.0.2.8:32:0:any::\n")));
    assert_eq!(reload(&world).unwrap(), "OK");
    assert_eq!(answer(&mut world), "-1 <null>");
    world.write("/db/address", Some(&format!("{HEAD}1:1:192.0.2.9:32:0:any::\n2:1:x:1:0:any::\n")));
    let told = reload(&world).unwrap();
    assert!(told["warnings"][0].as_str().unwrap().contains("`x` is no address"), "{told}");
    assert_eq!(answer(&mut world), "1 <null>");
    world.write("/db/address", Some("id(int)\n"));
    let error = reload(&world).unwrap_err();
    assert_eq!(error.code, 500);
    assert!(error.text.contains("no column `grp`") && error.text.ends_with("the old rows stay"));
    assert_eq!(answer(&mut world), "1 <null>");
}

#[test]
fn rows_are_listed_by_partition() {
    let rows = "1:1:192.0.2.9:32:5060:tcp:x*:i\n2:7:10.0.0.0:8:0:any::\n";
    let part = "modparam(\"permissions\", \"partition\", \"more: table_name=address\")\n";
    let world = plan(rows).run(&script(&format!("{DB}{part}"), ""));
    let dump =
        |name: &str, partition: Option<&str>| command_of(&world, "permissions", name, &[partition]);
    let all = dump("address_dump", None).unwrap();
    assert_eq!(all["Partitions"][1]["name"], "more");
    let host = &all["Partitions"][0]["Destinations"];
    assert_eq!(host.as_array().unwrap().len(), 1);
    assert_eq!(
        host[0].to_string(),
        r#"{"grp":1,"ip":"192.0.2.9","mask":"32","port":5060,"proto":"tcp","pattern":"x*","context_info":"i"}"#
    );
    let nets = dump("subnet_dump", Some("default")).unwrap();
    assert_eq!(
        (&nets["part"], &nets["Destinations"][0]["mask"]),
        (&"default".into(), &"255.0.0.0".into())
    );
    assert_eq!(dump("address_dump", Some("none")).unwrap_err().code, 404);
}

#[test]
fn files_that_are_not_there_allow_everything_and_bad_lines_are_told() {
    let calls = |allow: &str, deny: &str| {
        let plan = Plan::default().file("permissions.allow", allow).file("permissions.deny", deny);
        plan.run(&script("", "allow_routing();"))
    };
    let mut world = Plan::default().run(&script("", "allow_routing();"));
    assert_eq!((answer(&mut world), world.warnings.len()), ("1 <null>".to_owned(), 0));
    assert_eq!(answer(&mut calls("", "ALL : ALL")), "-1 <null>");
    assert_eq!(answer(&mut calls("ALL : \"^sip:bob@example.com$\"", "ALL : ALL")), "1 <null>");
    let world = calls("ALL", "ALL : (");
    assert_eq!(
        world.warnings[0],
        "permissions.allow:1: a rule is `LEFT : RIGHT`; the rule is left out"
    );
    assert!(world.warnings[1].starts_with("permissions.deny:1: `(` is no regex"));
}

#[test]
fn files_have_the_names_that_parameters_give() {
    let params = named_by(&["default_allow_file", "default_deny_file"], &["a.yes", "a.no"]);
    let plan = Plan::default().file("a.yes", "\"^sip:alice\" : ALL").file("a.no", "ALL : ALL");
    assert_eq!(answer(&mut plan.clone().run(&script(&params, "allow_routing();"))), "1 <null>");
    let suffixes = named_by(&["allow_suffix", "deny_suffix"], &[".no", ".yes"]);
    let mut world = plan.run(&script(&suffixes, "allow_routing(\"a\");"));
    assert_eq!(answer(&mut world), "1 <null>", "what denies now allows all");
}

#[test]
fn all_branches_must_be_allowed() {
    let route = "append_branch(\"sip:0900@h\"); allow_routing();";
    let plan = || Plan::default().file("permissions.deny", "ALL : \"^sip:0900\"");
    assert_eq!(answer(&mut plan().run(&script("", route))), "-1 <null>");
    let first = "modparam(\"permissions\", \"check_all_branches\", 0)\n";
    assert_eq!(answer(&mut plan().run(&script(first, route))), "1 <null>");
}

#[test]
fn rules_are_asked_by_management_and_read_when_a_reload_names_them() {
    let route = "allow_uri(\"calls\", \"$(ru{uri.user})\");";
    let files = |plan: Plan| plan.file("calls.deny", "ALL : 0900").file("more.no", "ALL : ALL");
    let world = files(Plan::default()).run(&script("", route));
    let ask = |base: &str, contact: &str| {
        let params = [Some(base), Some("sip:a@h"), Some(contact)];
        command_of(&world, "permissions", "allow_uri", &params).map_err(|error| error.code)
    };
    assert_eq!(ask("calls", "sip:0800@h"), Ok("OK".into()));
    assert_eq!((ask("calls", "sip:0900@h"), ask("more", "x")), (Err(403), Err(404)));

    let suffix = "modparam(\"permissions\", \"deny_suffix\", \".no\")\n";
    let mut world = files(Plan::default()).run(&script(suffix, "allow_uri(\"calls\", \"0900\");"));
    assert_eq!(answer(&mut world), "1 <null>", "its name has another suffix");
    world.reload(&script(suffix, "allow_uri(\"more\", \"0900\");")).unwrap();
    assert_eq!(answer(&mut world), "-1 <null>");
}

#[test]
fn trusted_peers_of_1_x() {
    let head = "src_ip(string) proto(string) from_pattern(string,null) tag(string,null)\n";
    let trusted = |rows: &str| {
        let tag = "modparam(\"permissions\", \"peer_tag_avp\", \"$avp(i)\")\n";
        let plan = plan("").file("/db/trusted", format!("{head}{rows}"));
        plan.run(&script(&format!("{DB}{tag}"), "allow_trusted();"))
    };
    assert_eq!(answer(&mut trusted("192.0.2.9:udp:^sip\\:alice:gold\n")), "1 gold");
    for none in ["192.0.2.9:tcp::x\n", "192.0.2.9:any:^sip\\:bob:x\n", "192.0.2.9:none::x\n", ""] {
        assert_eq!(answer(&mut trusted(none)), "-1 <null>", "{none}");
    }
    let mut world = trusted("192.0.2.9:any::x\n");
    let dump = command_of(&world, "permissions", "trusted_dump", &[]).unwrap();
    assert_eq!((&dump[0]["src_ip"], &dump[0]["tag"]), (&"192.0.2.9".into(), &"x".into()));
    world.write("/db/trusted", Some(&format!("{head}10.0.0.1:any:(:\n")));
    command_of(&world, "db_text", "dbt_reload", &[]).unwrap();
    let told = command_of(&world, "permissions", "trusted_reload", &[]).unwrap();
    assert!(told["warnings"][0].as_str().unwrap().contains("`(` is no regex"));
    assert_eq!(answer(&mut world), "-1 <null>");
    let columns = ["trusted_table", "source_col", "proto_col", "from_col", "tag_col"];
    let params = named_by(&columns, &["t", "s", "p", "f", "g"]);
    let table = "s(string) p(string) f(string,null) g(string,null)\n192.0.2.9:any::x\n";
    let plan = plan("").file("/db/t", table);
    // Both tables have the same column of transports.
    let plan = plan.file("/db/address", "grp(int) ip(string) p(string)\n");
    let mode = "modparam(\"permissions\", \"db_mode\", 1)\n";
    let mut world = plan.run(&script(&format!("{DB}{params}{mode}"), "allow_trusted();"));
    assert_eq!(answer(&mut world), "1 <null>");
    // Without a database there is no table.
    let world = Plan::default().run(&script("", "allow_trusted();"));
    let error = command_of(&world, "permissions", "trusted_reload", &[]).unwrap_err();
    assert!(error.text.contains("db_url is not set"));
    assert!(command_of(&world, "permissions", "trusted_dump", &[]).is_err());
}

#[test]
fn a_hundred_thousand_rows_are_read_and_found() {
    const HALF: u32 = 50_000;
    let mut rows = String::new();
    for at in 0..HALF {
        let host = std::net::Ipv4Addr::from(0x0A00_0000 + at);
        let net = std::net::Ipv4Addr::from(0x2000_0000 + (at << 8));
        writeln!(rows, "{at}:1:{host}:32:0:any::host {at}").unwrap();
        writeln!(rows, "{}:2:{net}:24:0:any::net {at}", HALF + at).unwrap();
    }
    let host = std::net::Ipv4Addr::from(0x0A00_0000 + HALF - 1);
    let net = std::net::Ipv4Addr::from(0x2000_0000 + ((HALF - 1) << 8) + 7);
    let call = format!("check_address(0, \"{host}\", 0, \"any\", $avp(i))");
    assert_eq!(asked(&rows, &call), "1 host 49999");
    let call = format!("check_address(2, \"{net}\", 0, \"any\", $avp(i))");
    assert_eq!(asked(&rows, &call), "1 net 49999");
}
