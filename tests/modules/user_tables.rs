//! Modules `alias_db`, `domain` and `group`: what they find in tables, in memory and after a wait.

use std::sync::Arc;

use sluice_engine::db::DbError;
use sluice_engine::job::{Answer, Job};
use sluice_tests::world::{Plan, World};

use crate::world::{INVITE, command_of};

const ALIASES: &str = "id(int,auto) alias_username(string) alias_domain(string) \
                       username(string,null) domain(string,null)\n\
                       1:bob:example.com:robert:inside\n2:bob:example.com:bobby:inside\n\
                       3:carl:other::\n4:+49:example.com:dora:inside\n";
const DOMAINS: &str = "id(int,auto) domain(string) attrs(string,null) accept_subdomain(int) \
                       last_modified(time)\n1:Example.com:gold:0:0\n2:inside::1:0\n\
                       3:a.inside:near:1:0\n";
const GROUPS: &str = "id(int,auto) username(string) domain(string) grp(string) \
                      last_modified(time)\n1:alice:atlanta.example:ld:0\n2:bob:elsewhere:ld:0\n";
const REGEXES: &str = "id(int,auto) reg_exp(string) group_id(int)\n\
                       1:^sip\\:alice@:10\n2:@ATLANTA\\\\.example$:20\n3:(:30\n";
const VERSIONS: &str = "table_name(string) table_version(int)\ndomain:4\ngrp:3\n";

const DB: &str = "db_default_url = \"text:///db\"\n";
/// The tables are looked at again for each question, which nobody can do at once.
const WAITS: &str = "modparam(\"db_text\", \"db_mode\", 1)\n";

fn plan() -> Plan {
    Plan::default()
        .file("/db/dbaliases", ALIASES)
        .file("/db/domain", DOMAINS)
        .file("/db/grp", GROUPS)
        .file("/db/re_grp", REGEXES)
        .file("/db/version", VERSIONS)
}

fn script(module: &str, params: &str, route: &str) -> String {
    let modules = ["db_text", "sl", module].map(|name| format!("loadmodule \"{name}\"\n")).concat();
    format!("{modules}{params}route {{ {route}; sl_send_reply(200, \"=$rc $ru $(avp(a)[*])\"); }}")
}

/// What the script answers to an INVITE, and how often it waited for the database.
fn asked(world: &mut World) -> (String, usize) {
    let mut sent = world.receive("192.0.2.9:5070", INVITE);
    let mut waits = 0;
    while matches!(world.asked(), Some(Job::Query(_))) {
        sent.extend(world.query());
        waits += 1;
    }
    (sent[0].first_line().strip_prefix("SIP/2.0 200 =").unwrap().to_owned(), waits)
}

/// The answer, which is the same from memory and after a wait.
fn answer(module: &str, params: &str, call: &str) -> String {
    let from_memory = plan().run(&script(module, &format!("{DB}{params}"), call));
    let mut world = plan().run(&script(module, &format!("{DB}{WAITS}{params}"), call));
    let (waited, _) = asked(&mut world);
    let mut world = from_memory;
    // What is asked first has a table read.
    asked(&mut world);
    let (at_once, waits) = asked(&mut world);
    assert_eq!((waits, &at_once), (0, &waited), "{call}");
    waited
}

#[test]
fn another_name_of_a_user_is_replaced_in_the_request_uri() {
    let ru = "sip:bob@example.com:5090;transport=udp?x=y";
    for (params, call, expected) in [
        ("", "alias_db_lookup(\"dbaliases\")", "1 sip:robert@inside <null>"),
        (
            "",
            "$var(t) = \"aliases\"; alias_db_lookup(\"db$var(t)\", \"d\")",
            "1 sip:robert@inside <null>",
        ),
        (
            "",
            "$rd = \"other\"; alias_db_lookup(\"dbaliases\")",
            "-1 sip:bob@other:5090;transport=udp?x=y <null>",
        ),
        (
            "",
            "$rU = \"carl\"; alias_db_lookup(\"dbaliases\", \"d\")",
            "-1 sip:carl@example.com:5090;transport=udp?x=y <null>",
        ),
        (
            "",
            "$ru = \"sip:bobby@inside\"; alias_db_lookup(\"dbaliases\", \"r\")",
            "1 sip:bob@example.com <null>",
        ),
        (
            "",
            "$ru = \"sip:bobby@x\"; alias_db_lookup(\"dbaliases\", \"rd\")",
            "1 sip:bob@example.com <null>",
        ),
        (
            "",
            "$ru = \"sip:example.com\"; alias_db_lookup(\"dbaliases\")",
            "-1 sip:example.com <null>",
        ),
        (
            "modparam(\"alias_db\", \"use_domain\", 0)\n",
            "$rd = \"x\"; alias_db_lookup(\"dbaliases\")",
            "1 sip:robert@inside <null>",
        ),
        (
            "modparam(\"alias_db\", \"domain_prefix\", \"SIP.\")\n",
            "$rd = \"sip.example.com\"; alias_db_lookup(\"dbaliases\")",
            "1 sip:robert@inside <null>",
        ),
        (
            "",
            "alias_db_find(\"dbaliases\", \"sip:+49@example.com\", $avp(a))",
            &format!("1 {ru} sip:dora@inside"),
        ),
        (
            "",
            "alias_db_find(\"dbaliases\", $ru, $avp(a), \"d\")",
            &format!("1 {ru} sip:robert@inside"),
        ),
        ("", "alias_db_find(\"dbaliases\", \"nonsense\", $avp(a))", &format!("-1 {ru} <null>")),
    ] {
        assert_eq!(answer("alias_db", params, call), expected, "{params}{call}");
    }
}

#[test]
fn further_users_become_branches_where_it_is_asked_for() {
    let more = "modparam(\"alias_db\", \"append_branches\", 1)\n";
    let call = "alias_db_lookup(\"dbaliases\"); $avp(a) = $(branch(uri)[*])";
    assert_eq!(answer("alias_db", more, call), "1 sip:robert@inside sip:bobby@inside");
    assert_eq!(answer("alias_db", "", call), "1 sip:robert@inside <null>");
    let call = "alias_db_find(\"dbaliases\", $ru, $avp(a))";
    assert!(answer("alias_db", more, call).ends_with(" sip:robert@inside, sip:bobby@inside"));
}

#[test]
fn tables_and_columns_have_the_names_that_the_script_gives() {
    let table = "u(string) d(string) au(string) ad(string)\nrobert:inside:bob:example.com\n";
    let names = [
        ("user_column", "u"),
        ("domain_column", "d"),
        ("alias_user_column", "au"),
        ("alias_domain_column", "ad"),
    ];
    let mut params = String::from("modparam(\"alias_db\", \"db_url\", \"text:///db\")\n");
    for (param, name) in names {
        params.push_str(&format!("modparam(\"alias_db\", \"{param}\", \"{name}\")\n"));
    }
    let call = "alias_db_lookup(\"other\")";
    let mut world = plan().file("/db/other", table).run(&script("alias_db", &params, call));
    assert_eq!(asked(&mut world).0, "1 sip:robert@inside <null>");
}

#[test]
fn domains_are_ours_by_themselves_or_below_one_that_accepts_it() {
    let cached = "modparam(\"domain\", \"db_mode\", 1)\n";
    for params in ["", cached] {
        for (call, expected) in [
            ("is_uri_host_local($avp(a))", "1 gold"),
            ("$rd = \"example.COM\"; is_uri_host_local($avp(a))", "1 gold"),
            ("$rd = \"www.example.com\"; is_uri_host_local()", "-1 <null>"),
            ("is_domain_local(\"inside\", $avp(a))", "1 <null>"),
            ("is_domain_local(\"x.y.inside\", $avp(a))", "1 <null>"),
            ("is_domain_local(\"x.a.Inside\", $avp(a))", "1 near"),
            ("is_domain_local(\"yinside\")", "-1 <null>"),
            ("is_domain_local(\"10.0.0.1\")", "-1 <null>"),
            ("is_from_local()", "-1 <null>"),
        ] {
            let call = format!("{call}; $ru = \"sip:\" + $rc");
            let found = answer("domain", params, &call);
            assert_eq!(found, format!("1 sip:{expected}"), "{params}{call}");
        }
    }
}

#[test]
fn domains_in_memory_are_read_again_and_listed() {
    let params = format!("{DB}modparam(\"domain\", \"db_mode\", 1)\n");
    let mut world = plan().run(&script("domain", &params, "is_uri_host_local()"));
    let dump = command_of(&world, "domain", "domain_dump", &[]).unwrap();
    assert_eq!(
        dump.to_string(),
        concat!(
            r#"{"Domains":[{"name":"a.inside","attributes":"near"},"#,
            r#"{"name":"example.com","attributes":"gold"},{"name":"inside"}]}"#
        )
    );
    let reload = |world: &World| {
        command_of(world, "db_text", "dbt_reload", &[]).unwrap();
        command_of(world, "domain", "domain_reload", &[])
    };
    world.write("/db/domain", Some("domain(string)\nhere\n\n"));
    assert_eq!(reload(&world).unwrap(), "OK");
    assert!(asked(&mut world).0.starts_with("-1 "));
    world.write("/db/domain", Some("domain(string,null) attrs(string,null)\nexample.com:\n:x\n"));
    let told = reload(&world).unwrap();
    assert!(told["warnings"][0].as_str().unwrap().contains("/db/domain:3: a domain has"), "{told}");
    assert!(asked(&mut world).0.starts_with("1 "));
    world.write("/db/domain", Some("id(int)\n"));
    let error = reload(&world).unwrap_err();
    assert!(error.code == 500 && error.text.ends_with("the old domains stay"), "{error}");
    assert!(asked(&mut world).0.starts_with("1 "));
    // Without rows in memory there is nothing to be read again.
    let world = plan().run(&script("domain", DB, ""));
    for command in ["domain_reload", "domain_dump"] {
        assert_eq!(
            command_of(&world, "domain", command, &[]).unwrap_err().text,
            "command not activated"
        );
    }
}

#[test]
fn domain_tables_of_every_age_and_names_of_columns() {
    let params = "modparam(\"domain\", \"db_url\", \"text:///db\")\n\
                  modparam(\"domain\", \"domain_table\", \"ours\")\n\
                  modparam(\"domain\", \"domain_col\", \"d\")\nmodparam(\"domain\", \"attrs_col\", \"a\")\n\
                  modparam(\"domain\", \"subdomain_col\", \"s\")\n";
    let call = "is_uri_host_local($avp(a))";
    for (table, expected) in [
        ("d(string)\nexample.com\n", "1"),
        ("d(string) s(int)\ncom:1\n", "1"),
        ("d(string) a(string) s(int)\ncom:x:1\n", "1 x"),
    ] {
        for mode in ["", "modparam(\"domain\", \"db_mode\", 1)\n"] {
            let plan = plan().file("/db/ours", table);
            let mut world = plan.run(&script("domain", &format!("{params}{mode}"), call));
            assert!(world.warnings[0].contains("no row for it"), "{:?}", world.warnings);
            let (found, _) = asked(&mut world);
            let (code, attrs) = expected.split_once(' ').unwrap_or((expected, "<null>"));
            assert!(found.starts_with(code) && found.ends_with(attrs), "{table}: {found}");
        }
    }
    let refused = |params: &str| plan().try_run(&script("domain", params, "")).err().unwrap();
    assert!(refused("").contains("there is no database: set db_url"));
    assert!(refused("modparam(\"domain\", \"db_mode\", 2)\n").contains("db_mode is 0 or 1"));
    let none = format!(
        "{DB}modparam(\"domain\", \"db_mode\", 1)\nmodparam(\"domain\", \"domain_table\", \"none\")\n"
    );
    assert!(refused(&none).contains("none"));
}

#[test]
fn users_are_in_groups_by_a_table() {
    let domain = "modparam(\"group\", \"use_domain\", 1)\n";
    for (params, call, expected) in [
        ("", "db_is_user_in(\"From\", \"ld\")", "1 "),
        ("", "is_user_in(\"from\", \"int\")", "-6 "),
        ("", "db_is_user_in(\"Request-URI\", \"ld\")", "1 "),
        (domain, "db_is_user_in(\"Request-URI\", \"ld\")", "-6 "),
        (domain, "$var(g) = \"d\"; db_is_user_in(\"sip:bob@elsewhere\", \"l$var(g)\")", "1 "),
        ("", "db_is_user_in(\"To\", \"ld\")", "1 "),
        ("", "db_is_user_in(\"sip:elsewhere\", \"ld\")", "-1 "),
        ("", "db_is_user_in(\"Credentials\", \"ld\")", "-1 "),
    ] {
        assert!(answer("group", params, call).starts_with(expected), "{params}{call}");
    }
    let table = "u(string) d(string) g(string)\nbob:example.com:vip\n";
    let mut params = String::from("modparam(\"group\", \"db_url\", \"text:///db\")\n");
    for (param, name) in
        [("table", "t"), ("user_column", "u"), ("domain_column", "d"), ("group_column", "g")]
    {
        params.push_str(&format!("modparam(\"group\", \"{param}\", \"{name}\")\n"));
    }
    let call = "db_is_user_in(\"Request-URI\", \"vip\")";
    let plan = plan().file("/db/t", table);
    let mut world = plan.run(&script("group", &format!("{params}{domain}"), call));
    assert!(asked(&mut world).0.starts_with("1 "));
}

#[test]
fn groups_of_regexes_are_numbers() {
    let table = "modparam(\"group\", \"re_table\", \"re_grp\")\n";
    let call = "db_get_user_group(\"From\", $avp(a))";
    let found = answer("group", table, call);
    assert!(found.starts_with("2 ") && found.ends_with(" 20, 10"), "{found}");
    let first = format!("{table}modparam(\"group\", \"multiple_gid\", 0)\n");
    let found = answer("group", &first, call);
    assert!(found.starts_with("1 ") && found.ends_with(" 20"), "{found}");
    assert!(answer("group", table, "get_user_group(\"sip:x@y\", $avp(a))").starts_with("-1 "));
    assert!(answer("group", "", call).starts_with("-1 "));
    let world = plan().run(&script("group", &format!("{DB}{table}"), call));
    assert!(world.warnings[0].contains("/db/re_grp:4: `(` is no regex"), "{:?}", world.warnings);
    let columns = "modparam(\"group\", \"re_exp_column\", \"e\")\nmodparam(\"group\", \"re_gid_column\", \"n\")\n\
                   modparam(\"group\", \"aaa_url\", \"radius:x\")\n";
    let plan = plan().file("/db/re_grp", "e(string) n(int)\nalice:7\n");
    let mut world = plan.run(&script("group", &format!("{DB}{table}{columns}"), call));
    assert!(asked(&mut world).0.ends_with(" 7"));
}

#[test]
fn a_database_that_cannot_say_is_false() {
    for (module, call, code) in [
        ("alias_db", "alias_db_lookup(\"dbaliases\")", "-1 "),
        ("domain", "is_uri_host_local()", "-1 "),
        ("group", "db_is_user_in(\"From\", \"ld\")", "-5 "),
    ] {
        for answer in
            [Answer::Rows(Arc::new(Err(DbError::Deadline(2_000)))), Answer::Failed("lost".into())]
        {
            let mut world = plan().run(&script(module, &format!("{DB}{WAITS}"), call));
            assert!(world.receive("192.0.2.9:5070", INVITE).is_empty(), "{module} waits");
            let sent = world.answer(answer);
            let line = sent[0].first_line();
            assert!(line.starts_with(&format!("SIP/2.0 200 ={code}")), "{module}: {line}");
        }
    }
}
