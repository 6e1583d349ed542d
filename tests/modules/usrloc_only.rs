//! `usrloc` with contacts that only the database has (`db_mode` 3, spec 6.6): each function asks,
//! waits, and says what it says of contacts in memory.

use std::sync::Arc;

use sluice_base::Now;
use sluice_engine::db::{DbError, Rows};
use sluice_engine::files::Files;
use sluice_engine::job::{Answer, Job};

use crate::lookup::invite;
use crate::registrar::{register, script};
use crate::usrloc_db::{FULL, MINIMAL, SEED};
use crate::world::command_of;
use sluice_tests::world::{Plan, World};

const PEER: &str = "198.51.100.7:5071";
const ONLY: &str = "modparam(\"usrloc\", \"db_mode\", 3)";
/// Each question takes a wait.
const WAITS: &str = "modparam(\"db_text\", \"db_mode\", 1)";
const TWO: &str = "Contact: <sip:a@192.0.2.8>;q=0.5, <sip:a@192.0.2.9:5070>;q=1\r\n";

/// Registers, and tells of other requests what `call` has done.
fn world(table: &str, more: &str, call: &str) -> World {
    let more = format!(
        "loadmodule \"db_text.so\"\n{more}\nmodparam(\"usrloc\", \"db_url\", \"text:///db\")\n\
         modparam(\"usrloc\", \"timer_interval\", 10)"
    );
    let both = format!(
        "if ($rm == \"REGISTER\") {{ save(\"location\", \"p1\"); exit; }}\n\
         {call};\n\
         sl_send_reply(299, \"$var(code) $ru $du $(branch(uri)[*])\");"
    );
    let versions = "table_name(string) table_version(int)\nlocation:1013\n";
    let plan = Plan::default().file("/db/location", table).file("/db/version", versions);
    let mut world = plan.run(&script(&more, &both));
    tick(&mut world, 0);
    world
}

fn tick(world: &mut World, seconds: u64) {
    let (mono_us, wall_us) = (world.now.mono_us, world.now.wall_us);
    world.now =
        Now { mono_us: mono_us + seconds * 1_000_000, wall_us: wall_us + seconds * 1_000_000 };
    world.program.tick(world.now);
    world.take_turn(0);
}

/// What is said when the database has answered all that was asked; how much that was.
fn feed(world: &mut World, message: &str) -> (String, usize) {
    let mut sent = world.receive(PEER, message);
    let mut asked = 0;
    while world.asked().is_some() {
        assert!(sent.is_empty(), "it answers before it knows");
        sent.extend(world.query());
        asked += 1;
    }
    (sent.first().map_or(String::new(), sluice_tests::world::Sent::text), asked)
}

fn told(world: &mut World, message: &str) -> String {
    let (text, _) = feed(world, message);
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("SIP/2.0 299 ").unwrap_or(line).to_owned()
}

fn rows(world: &World) -> String {
    let text = String::from_utf8(world.files.read("/db/location").unwrap()).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

#[test]
fn a_user_registers_is_found_and_goes_on_each_layout() {
    let lookup = "$var(code) = lookup(\"location\")";
    for (layout, more) in [FULL, MINIMAL, SEED].iter().flat_map(|l| [(l, ""), (l, WAITS)]) {
        let more = format!("{ONLY}\n{more}");
        let mut world = world(layout, &more, lookup);
        assert_eq!(told(&mut world, &invite()), "-1 sip:alice@example.com <null> <null>");
        let (text, asked) = feed(&mut world, &register("c1", 1, TWO));
        assert!(text.contains("<sip:a@192.0.2.9:5070>;q=1;expires=3600, <sip:a@192.0.2.8>"));
        assert_eq!(asked, if more.contains(WAITS) { 2 } else { 1 }, "once to read, once to write");
        assert_eq!(rows(&world).lines().count(), 2);
        let both = "1 sip:a@192.0.2.9:5070 <null> sip:a@192.0.2.8";
        assert_eq!(told(&mut world, &invite()), both);
        feed(&mut world, &register("c1", 2, TWO));
        assert_eq!(rows(&world).lines().count(), 2, "a refresh is the same rows");
        let (old, _) = feed(&mut world, &register("c1", 1, TWO));
        assert!(old.contains("Invalid CSeq number"), "{old}");
        feed(&mut world, &register("c1", 3, "Contact: <sip:a@192.0.2.9:5070>;expires=0\r\n"));
        assert_eq!(told(&mut world, &invite()), "1 sip:a@192.0.2.8 <null> <null>");
        let (listed, asked) = feed(&mut world, &register("q", 1, ""));
        assert!(listed.contains("<sip:a@192.0.2.8>;q=0.5") && asked <= 1, "{listed}");
        let text = format!("{layout}{}", rows(&world));
        let mut after = self::world(&text, &more, lookup);
        assert_eq!(told(&mut after, &invite()), "1 sip:a@192.0.2.8 <null> <null>");
        feed(&mut after, &register("c9", 1, "Contact: *\r\nExpires: 0\r\n"));
        assert_eq!(rows(&after), "");
        assert_eq!(told(&mut after, &invite()), "-1 sip:alice@example.com <null> <null>");
    }
}

#[test]
fn contacts_expire_and_their_rows_go() {
    let mut world = world(FULL, ONLY, "$var(code) = lookup(\"location\")");
    feed(&mut world, &register("c1", 1, "Contact: <sip:a@h>;expires=60\r\n"));
    tick(&mut world, 60);
    assert!(told(&mut world, &invite()).starts_with("-1 "));
    tick(&mut world, 10);
    assert_eq!(rows(&world), "");
}

#[test]
fn what_another_one_writes_is_found() {
    let more = format!("{ONLY}\n{WAITS}");
    let mut world = world(FULL, &more, "$var(code) = lookup(\"location\")");
    let row = "7:alice::sip\\:b@192.0.2.1:::2000000000:0.1:c:1:0:0::p:::::\n\
               9:Alice::sip\\:other@192.0.2.1:::2000000000:0.1:c:1:0:0::p:::::\n\
               5:alice::sip\\:a@192.0.2.1:::2000000000:0.1:c:1:0:0::p:::::\n";
    world.write("/db/location", Some(&format!("{FULL}{row}")));
    let found = told(&mut world, &invite());
    assert_eq!(found, "1 sip:a@192.0.2.1 <null> sip:b@192.0.2.1", "as they came; Alice is another");
}

#[test]
fn a_database_that_says_no_is_told_and_nothing_stays() {
    let more = format!("{ONLY}\n{WAITS}");
    let mut world = world(FULL, &more, "$var(code) = lookup(\"location\")");
    let gone = || Answer::Rows(Arc::new(Err(DbError::Unreachable("gone".to_owned()))));
    assert!(world.receive(PEER, register("c1", 1, TWO)).is_empty());
    let refused = world.answer(gone());
    assert!(refused[0].text().contains("500 Server Internal Error"));
    assert!(refused[0].text().contains("P-Registrar-Error: usrloc_record_get failed"));
    assert!(world.receive(PEER, register("c1", 2, TWO)).is_empty());
    assert!(world.query().is_empty());
    let refused = world.answer(gone());
    assert!(refused[0].text().contains("P-Registrar-Error: usrloc_contact_insert failed"));
    tick(&mut world, 10);
    assert_eq!(rows(&world), "", "nobody writes what was refused");
    assert!(feed(&mut world, &register("c1", 3, TWO)).0.contains("200 OK"), "the user is free");
    assert!(world.receive(PEER, invite()).is_empty());
    assert!(world.answer(gone())[0].text().starts_with("SIP/2.0 299 -3 "));
}

#[test]
fn requests_of_one_user_follow_each_other() {
    let more = format!("{ONLY}\n{WAITS}");
    let mut world = world(FULL, &more, "$var(code) = 1");
    assert!(world.receive(PEER, register("c1", 1, "Contact: <sip:a@h>\r\n")).is_empty());
    assert!(world.receive(PEER, register("c2", 1, "Contact: <sip:b@h>\r\n")).is_empty());
    assert_eq!(world.jobs.len(), 1, "the second waits for the first");
    assert!(world.query().is_empty());
    assert!(world.pass(10).is_empty());
    let written = world.jobs.len();
    assert_eq!(written, 1, "as long as that is being written, too");
    assert!(world.query()[0].text().contains("200 OK"));
    assert!(world.pass(10).is_empty());
    assert!(world.query().is_empty());
    let second = world.query();
    assert!(second[0].text().contains("<sip:a@h>") && second[0].text().contains("<sip:b@h>"));
}

#[test]
fn questions_and_removals_ask_too() {
    let code = |world: &mut World| told(world, &invite()).chars().next();
    for (call, expected) in [
        ("$var(code) = registered(\"location\")", Some('1')),
        ("$var(code) = registered(\"location\", \"sip:bob@h\")", Some('-')),
        ("$var(code) = is_registered(\"location\", \"sip:alice@h\")", Some('1')),
        ("$var(code) = is_contact_registered(\"location\", \"sip:alice@h\", , \"c1\")", Some('1')),
        ("$var(code) = is_ip_registered(\"location\", \"sip:alice@h\", \"192.0.2.8\")", Some('1')),
        ("$var(code) = is_ip_registered(\"location\", \"sip:alice@h\", \"192.0.2.7\")", Some('-')),
    ] {
        let mut world = world(FULL, &format!("{ONLY}\n{WAITS}"), call);
        feed(&mut world, &register("c1", 1, TWO));
        assert_eq!(code(&mut world), expected, "{call}");
    }
    for (call, left) in [
        ("remove(\"location\", \"sip:alice@h\", \"sip:a@192.0.2.8\")", 1),
        ("remove_ip_port(\"192.0.2.9\", 5070, \"location\", \"sip:alice@h\")", 1),
        ("remove(\"location\", \"sip:alice@h\")", 0),
    ] {
        let mut world = world(FULL, &format!("{ONLY}\n{WAITS}"), call);
        feed(&mut world, &register("c1", 1, TWO));
        let (_, asked) = feed(&mut world, &invite().replace("INVITE", "MESSAGE"));
        assert_eq!((asked, rows(&world).lines().count()), (2, left), "{call}");
    }
}

#[test]
fn branches_are_looked_up_one_after_another() {
    let call = "append_branch(\"sip:bob@example.com\"); \
                $var(code) = lookup(\"location\", \"branch\")";
    let mut world = world(FULL, &format!("{ONLY}\n{WAITS}"), call);
    feed(&mut world, &register("c1", 1, "Contact: <sip:a@h>\r\n"));
    let bob = register("c2", 1, "Contact: <sip:b@h>\r\n").replace("alice", "bob");
    feed(&mut world, &bob);
    let (text, asked) = feed(&mut world, &invite());
    assert_eq!(asked, 2);
    assert!(text.starts_with("SIP/2.0 299 1 sip:a@h <null> sip:b@h"), "{text}");
}

#[test]
fn management_reads_and_writes_the_database() {
    let mut world = world(FULL, ONLY, "$var(code) = lookup(\"location\")");
    let run = |world: &World, name: &str, params: &[&str]| {
        let params: Vec<Option<&str>> = params.iter().copied().map(Some).collect();
        let mut params = params;
        params.resize(8, None);
        command_of(world, "usrloc", name, &params).map_err(|error| error.code)
    };
    let add = ["location", "alice", "sip:a@h", "600", "0.5", "0", "0", "63"];
    assert_eq!(run(&world, "ul_add", &add), Ok("OK".into()));
    assert_eq!(rows(&world).lines().count(), 1);
    let shown = run(&world, "ul_show_contact", &["location", "alice"]).unwrap();
    assert_eq!(shown["Contacts"][0]["Contact"], "sip:a@h");
    feed(&mut world, &register("c1", 1, "Contact: <sip:b@h>\r\n"));
    let all = run(&world, "ul_dump", &[]).unwrap();
    assert_eq!(all["Domains"][0]["AORs"][0]["Contacts"].as_array().unwrap().len(), 2);
    assert_eq!(run(&world, "ul_rm_contact", &["location", "alice", "sip:b@h"]), Ok("OK".into()));
    assert_eq!(run(&world, "ul_rm_contact", &["location", "alice", "sip:b@h"]), Err(404));
    assert_eq!(run(&world, "ul_sync", &["location"]), Err(500));
    assert_eq!(run(&world, "ul_flush", &[]), Ok("OK".into()));
    assert_eq!(run(&world, "ul_rm", &["location", "alice"]), Ok("OK".into()));
    assert_eq!(
        (rows(&world).as_str(), run(&world, "ul_rm", &["location", "alice"])),
        ("", Err(404))
    );
}

#[test]
fn presets_say_the_same() {
    for lines in [
        "modparam(\"usrloc\", \"working_mode_preset\", \"sql-only\")",
        "modparam(\"usrloc\", \"cluster_mode\", \"sql-only\")",
    ] {
        let mut world = world(FULL, &format!("{lines}\n{WAITS}"), "$var(code) = 1");
        assert!(world.receive(PEER, register("c1", 1, TWO)).is_empty());
        let Some(Job::Query(query)) = world.asked() else { panic!("{lines}") };
        assert_eq!(query.statements.len(), 1, "it is asked for first");
        world.answer(Answer::Rows(Arc::new(Ok(Rows::default()))));
        assert_eq!(world.jobs.len(), 1, "then it is written");
    }
}
