//! `cachedb_local`: values, expiry, counters, collections, management.

use serde_json::json;

use crate::world::{INVITE, World, compiled};

const LOAD: &str = "loadmodule \"sl.so\"\nloadmodule \"cachedb_local.so\"\n";

/// A world whose route does what the request's user says.
fn world(params: &str, statements: &str) -> World {
    World::new(&format!(
        "{LOAD}{params}route {{ {statements} sl_send_reply(200, \"$rc $var(r)\"); }}"
    ))
}

/// What one request is answered.
fn answered(world: &mut World, user: &str) -> String {
    let sent = world.feed(&INVITE.replace("sip:bob@example", &format!("sip:{user}@example")));
    sent[0].first_line().strip_prefix("SIP/2.0 200 ").unwrap().to_owned()
}

fn once(statements: &str) -> String {
    answered(&mut world("", &format!("$var(r) = \"-\"; {statements}")), "bob")
}

#[test]
fn values_last_until_their_end() {
    let mut world = world(
        "",
        "$var(r) = NULL; if ($rU == \"put\") cache_store(\"local\", \"k_$rU\", \"v $fU\", 2); \
         else if ($rU == \"drop\") cache_remove(\"local\", \"k_put\"); \
         else cache_fetch(\"local\", \"k_put\", $var(r));",
    );
    assert_eq!(answered(&mut world, "get"), "-2 <null>");
    assert_eq!(answered(&mut world, "put"), "1 <null>");
    assert_eq!(answered(&mut world, "get"), "1 v alice");
    world.pass(1_999);
    assert_eq!(answered(&mut world, "get"), "1 v alice");
    world.pass(1);
    assert_eq!(answered(&mut world, "get"), "-2 <null>");
    assert_eq!(answered(&mut world, "put"), "1 <null>");
    assert_eq!(answered(&mut world, "drop"), "1 <null>");
    assert_eq!(answered(&mut world, "drop"), "1 <null>", "also when there is none");
    assert_eq!(answered(&mut world, "get"), "-2 <null>");
}

#[test]
fn counters() {
    let mut counting = world(
        "",
        "if ($rU == \"up\") cache_add(\"local\", \"n\", 5, 0, $var(r)); \
         else if ($rU == \"down\") cache_sub(\"local\", \"n\", 7, 3); \
         else cache_counter_fetch(\"local\", \"n\", $var(r));",
    );
    assert_eq!(answered(&mut counting, "read"), "-2 <null>");
    assert_eq!(answered(&mut counting, "up"), "1 5");
    assert_eq!(answered(&mut counting, "down"), "1 5");
    assert_eq!(answered(&mut counting, "read"), "1 -2");
    counting.pass(2_999);
    assert_eq!(answered(&mut counting, "up"), "1 3", "the end stays");
    counting.pass(1);
    assert_eq!(answered(&mut counting, "read"), "-2 3");
    let word = "cache_store(\"local\", \"w\", \"word\");";
    assert_eq!(once(&format!("{word} cache_add(\"local\", \"w\", 1, 0, $var(r));")), "-1 -");
    assert_eq!(once(&format!("{word} cache_counter_fetch(\"local\", \"w\", $var(r));")), "-1 -");
    let number = "cache_store(\"local\", \"w\", 41);";
    assert_eq!(once(&format!("{number} cache_add(\"local\", \"w\", \"1\", 0, $var(r));")), "1 42");
}

#[test]
fn collections_are_apart_and_called_by_their_urls() {
    let params = "modparam(\"cachedb_local\", \"cache_collections\", \"a; b = 5\")\n\
                  modparam(\"cachedb_local\", \"cachedb_url\", \"local://\")\n\
                  modparam(\"cachedb_local\", \"cachedb_url\", \"local:///a\")\n\
                  modparam(\"cachedb_local\", \"cachedb_url\", \"local:two:///b\")\n\
                  modparam(\"cachedb_local\", \"cachedb_url\", \"local:same://host/b\")\n";
    let run = |statements: &str| answered(&mut world(params, statements), "bob");
    let both = "cache_store(\"local\", \"k1\", \"A\"); cache_store(\"local:two\", \"k1\", \"B\"); ";
    let fetch = "cache_fetch(\"local:same\", \"k1\", $var(r)); ";
    assert_eq!(run(&format!("{both}{fetch}")), "1 B");
    assert_eq!(run(&format!("{both}cache_fetch(\"local\", \"k1\", $var(r));")), "1 A");
    assert_eq!(run(&format!("{both}cache_remove_chunk(\"b\", \"k*\"); {fetch}")), "-2 <null>");
    assert_eq!(run(&format!("{both}cache_remove_chunk(\"k*\"); {fetch}")), "1 B", "the default's");
    assert_eq!(run("cache_remove_chunk(\"c\", \"k*\");"), "-1 <null>");
    assert_eq!(run("cache_store(\"redis\", \"k\", \"v\");"), "-1 <null>");
}

#[test]
fn management_reads_and_writes() {
    let world = world("", "cache_store(\"local\", \"other\", 1);");
    let run = |name: &str, params: &[&str]| {
        let params: Vec<Option<&str>> = params.iter().copied().map(Some).collect();
        world.command("cachedb_local", name, &params)
    };
    let value = |value: &str| json!({ "key": "k1", "value": value });
    assert_eq!(run("cache_fetch", &["local", "k1"]).unwrap(), json!("Value not found"));
    assert_eq!(run("cache_store", &["local", "k1", "v", "1"]).unwrap(), json!("OK"));
    assert_eq!(run("cache_fetch", &["local", "k1"]).unwrap(), value("v"));
    world.tick();
    assert_eq!(run("cache_fetch", &["local", "k1"]).unwrap(), json!("Value not found"), "its end");
    run("cache_store", &["local", "k1", "v"]).unwrap();
    run("cache_store", &["local", "x1", "w"]).unwrap();
    let all = run("cache_fetch_chunk", &["*1", "default"]).unwrap();
    let entry = |name: &str, value: &str| json!({ "name": name, "value": value });
    assert_eq!(all, json!({ "keys": [entry("k1", "v"), entry("x1", "w")] }));
    assert_eq!(run("cache_remove_chunk", &["k?"]).unwrap(), json!("OK"));
    assert_eq!(run("cache_remove", &["local", "x1"]).unwrap(), json!("OK"));
    assert_eq!(run("cache_fetch_chunk", &["*"]).unwrap(), json!({ "keys": [] }));
    assert_eq!(run("cache_fetch", &["other", "k1"]).unwrap_err().code, 404);
    assert_eq!(run("cache_fetch_chunk", &["*", "none"]).unwrap_err().code, 404);
    assert_eq!(run("cache_store", &["local", "k", "v", "soon"]).unwrap_err().code, 400);
}

#[test]
fn parameters_that_mean_nothing_are_refused() {
    for (name, value) in [
        ("cachedb_url", "redis://"),
        ("cachedb_url", "local:://"),
        ("cache_collections", "a = 40"),
        ("cache_collections", "a/r"),
        ("cache_collections", "= 4"),
    ] {
        let script = format!(
            "{LOAD}modparam(\"cachedb_local\", \"{name}\", \"{value}\")\nroute {{ exit; }}"
        );
        assert!(compiled(&script).script.is_none(), "{name} {value}");
    }
    let script = format!(
        "{LOAD}modparam(\"cachedb_local\", \"cachedb_url\", \"local:///none\")\nroute {{ exit; }}"
    );
    let refused = sluice_tests::world::Plan::default().try_run(&script).err().unwrap();
    assert!(refused.contains("there is no collection `none`"), "{refused}");
}
