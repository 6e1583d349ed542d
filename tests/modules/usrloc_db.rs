//! `usrloc` with a database: contacts come back, are written before the answer or some time later,
//! on each layout of the table (spec 5.6, 6.6).

use sluice_base::Now;
use sluice_engine::db::{DbError, Rows};
use sluice_engine::job::{Answer, Job};
use sluice_tests::world::{Plan, World};
use std::sync::Arc;

use crate::registrar::{register, script};

const PEER: &str = "198.51.100.7:5071";
const SAVE: &str = "save(\"location\");";

/// The layouts: that of today, and the two of the seed.
pub const FULL: &str = "contact_id(long,auto) username(string) domain(string,null) contact(string) \
                    received(string,null) path(string,null) expires(int) q(double) callid(string) \
                    cseq(int) last_modified(int) flags(int) cflags(string,null) \
                    user_agent(string) socket(string,null) methods(int,null) \
                    sip_instance(string,null) kv_store(string,null) attr(string,null)\n";
pub const MINIMAL: &str =
    "username(str) contact(str) expires(int) q(double) callid(str) cseq(int)\n";
pub const SEED: &str = "username(str) domain(str,null) contact(str,null) received(str) \
                    expires(int,null) q(double,null) callid(str,null) cseq(int,null) \
                    last_modified(str) flags(int) user_agent(str) socket(str)\n";

/// A world whose `location` has this text.
fn world(mode: &str, table: &str) -> World {
    let more = format!(
        "loadmodule \"db_text.so\"\nmodparam(\"usrloc\", \"db_mode\", {mode})\n\
         modparam(\"usrloc\", \"db_url\", \"text:///db\")\n\
         modparam(\"usrloc\", \"timer_interval\", 10)"
    );
    let versions = "table_name(string) table_version(int)\nlocation:1013\n";
    let plan = Plan::default().file("/db/location", table).file("/db/version", versions);
    let mut world = plan.run(&script(&more, SAVE));
    tick(&mut world, 0);
    world
}

/// Time passes, and the control plane tells it.
fn tick(world: &mut World, seconds: u64) {
    let wall_us = world.now.wall_us + seconds * 1_000_000;
    world.now = Now { mono_us: world.now.mono_us + seconds * 1_000_000, wall_us };
    world.program.tick(world.now);
    for worker in 0..world.workers.len() {
        world.take_turn(worker);
    }
}

/// What the file of the table holds, without its first line.
fn rows(world: &World) -> String {
    use sluice_engine::files::Files;
    let bytes = world.files.read("/db/location").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

/// What is said at once, or when the database has answered.
fn feed(world: &mut World, message: &str) -> String {
    let mut sent = world.receive(PEER, message);
    while let Some(Job::Query(query)) = world.asked().cloned() {
        assert!(sent.is_empty(), "it answers before its contacts are safe");
        let outcome = query.source.ask(query.statements);
        sent.extend(world.answer(Answer::Rows(Arc::new(outcome))));
    }
    sent.first().map_or(String::new(), sluice_tests::world::Sent::text)
}

const CONTACT: &str = "Contact: <sip:a@192.0.2.9>;q=0.5;expires=600\r\n";
const LISTED: &str = "Contact: <sip:a@192.0.2.9>;q=0.5;expires=";

#[test]
fn write_through_answers_when_it_is_written() {
    for layout in [FULL, MINIMAL, SEED] {
        let mut world = world("1", layout);
        assert!(feed(&mut world, &register("c1", 1, CONTACT)).contains("expires=600"));
        let written = rows(&world);
        assert_eq!(written.lines().count(), 1, "{written}");
        assert!(written.contains("alice") && written.contains("sip\\:a@192.0.2.9"), "{written}");
        feed(&mut world, &register("c1", 2, CONTACT));
        assert_eq!(rows(&world).lines().count(), 1, "a refresh is the same row");
        feed(&mut world, &register("c1", 3, "Contact: <sip:b@h>\r\n"));
        assert_eq!(rows(&world).lines().count(), 2);
        feed(&mut world, &register("c1", 4, "Contact: <sip:a@192.0.2.9>;expires=0\r\n"));
        let left = rows(&world);
        assert!(left.contains("sip\\:b@h") && left.lines().count() == 1, "{left}");
        feed(&mut world, &register("c1", 5, "Contact: *\r\nExpires: 0\r\n"));
        assert_eq!(rows(&world), "");
    }
}

#[test]
fn contacts_are_back_after_a_restart() {
    for layout in [FULL, MINIMAL, SEED] {
        let mut before = world("1", layout);
        feed(&mut before, &register("c1", 7, CONTACT));
        let text = format!("{layout}{}", rows(&before));
        let mut after = world("1", &text);
        assert!(feed(&mut after, &register("q", 1, "")).contains(LISTED), "{text}");
        let old = feed(&mut after, &register("c1", 6, CONTACT));
        assert!(old.contains("Invalid CSeq number"), "{old}");
        feed(&mut after, &register("c1", 8, "Contact: <sip:a@192.0.2.9>;expires=0\r\n"));
        assert_eq!(rows(&after), "", "its row is found again");
    }
}

#[test]
fn a_database_that_says_no_is_told_and_asked_again() {
    let mut world = world("1", FULL);
    assert!(world.receive(PEER, register("c1", 1, CONTACT)).is_empty());
    let refused = Answer::Rows(Arc::new(Err(DbError::Unreachable("gone".to_owned()))));
    let sent = world.answer(refused);
    assert!(sent[0].text().contains("500 Server Internal Error"));
    assert!(sent[0].text().contains("P-Registrar-Error: usrloc_contact_insert failed"));
    assert_eq!(rows(&world), "");
    tick(&mut world, 1);
    assert_eq!(rows(&world).lines().count(), 1, "what is in memory is written later");
}

#[test]
fn requests_of_one_user_follow_each_other() {
    let mut world = world("1", FULL);
    assert!(world.receive(PEER, register("c1", 1, CONTACT)).is_empty());
    assert!(world.receive(PEER, register("c1", 2, "Contact: <sip:b@h>\r\n")).is_empty());
    assert_eq!(world.jobs.len(), 1, "the second waits for the first");
    tick(&mut world, 1);
    assert_eq!(rows(&world), "", "nobody writes what is being written");
    let first = world.answer(Answer::Rows(Arc::new(Ok(Rows::default()))));
    assert!(first[0].text().contains("200 OK"));
    assert!(world.pass(10).is_empty());
    assert_eq!(world.jobs.len(), 1);
    let second = world.answer(Answer::Rows(Arc::new(Ok(Rows::default()))));
    assert!(second[0].text().contains("sip:b@h"));
}

#[test]
fn write_back_answers_at_once_and_writes_what_is_left_in_the_end() {
    let mut world = world("2", SEED);
    assert!(feed(&mut world, &register("c1", 1, CONTACT)).contains("200 OK"));
    assert!(feed(&mut world, &register("c2", 1, "Contact: <sip:gone@h>\r\n")).contains("200 OK"));
    assert_eq!(rows(&world), "");
    tick(&mut world, 10);
    assert_eq!(rows(&world).lines().count(), 2);
    feed(&mut world, &register("c2", 2, "Contact: <sip:gone@h>;expires=0\r\n"));
    feed(&mut world, &register("c1", 2, CONTACT));
    assert_eq!(rows(&world).lines().count(), 2, "not yet");
    world.program.end();
    let left = rows(&world);
    assert!(left.lines().count() == 1 && left.contains("sip\\:a@192.0.2.9"), "{left}");
}

#[test]
fn rows_of_contacts_that_have_expired_go() {
    let mut world = world("2", FULL);
    feed(&mut world, &register("c1", 1, CONTACT));
    tick(&mut world, 10);
    assert_eq!(rows(&world).lines().count(), 1);
    tick(&mut world, 591);
    tick(&mut world, 10);
    assert_eq!(rows(&world), "");
}

#[test]
fn a_table_that_cannot_be_read_is_tried_again() {
    let mut world = world("2", "username(str)\n");
    let refused = feed(&mut world, &register("c1", 1, CONTACT));
    assert!(refused.contains("503 Service Unavailable"), "{refused}");
    assert!(refused.contains("Retry-After: 1\r\n"));
    world.write("/db/location", Some(FULL));
    crate::world::command_of(&world, "db_text", "dbt_reload", &[None, None]).unwrap();
    tick(&mut world, 1);
    assert!(feed(&mut world, &register("c1", 2, CONTACT)).contains("200 OK"));
}

#[test]
fn a_large_table_is_read_behind_the_start() {
    let mut table = MINIMAL.to_owned();
    for number in 0..20_001 {
        table.push_str(&format!("u{number}:sip\\:u{number}@192.0.2.9:2000000000:1:c:1\n"));
    }
    let lookup = "if ($rm == \"REGISTER\") { save(\"location\"); exit; } \
                  registered(\"location\"); $var(known) = $rc; lookup(\"location\"); \
                  sl_send_reply(299, \"$var(known) $rc $ru\");";
    let more = "loadmodule \"db_text.so\"\nmodparam(\"usrloc\", \"db_mode\", 1)\n\
                modparam(\"usrloc\", \"db_url\", \"text:///db\")";
    // Rows without numbers are read at once.
    let plan = Plan::default().file("/db/location", &table);
    let mut small = plan.run(&script(more, lookup));
    let invite = crate::lookup::invite().replace("sip:alice@", "sip:u7@");
    assert!(small.receive(PEER, &invite)[0].text().starts_with("SIP/2.0 299 1 1 sip:u7@192.0.2.9"));
    let mut numbered = "contact_id(long,auto) ".to_owned();
    for (number, line) in table.lines().enumerate() {
        let lead = if number == 0 { String::new() } else { format!("{number}:") };
        numbered.push_str(&format!("{lead}{line}\n"));
    }
    let mut world = Plan::default().file("/db/location", numbered).run(&script(more, lookup));
    let refused = feed(&mut world, &register("c1", 1, CONTACT));
    assert!(refused.contains("503 Service Unavailable") && refused.contains("Retry-After: 1\r\n"));
    assert!(world.receive(PEER, &invite).is_empty());
    let sent = world.pass(2_100);
    assert!(sent[0].text().starts_with("SIP/2.0 299 -1 -3 "), "two seconds are enough: {sent:?}");
    let again = invite.replacen("branch=z9hG4bK", "branch=z9hG4bKagain", 1);
    assert!(world.receive(PEER, again).is_empty());
    assert!(world.pass(500).is_empty());
    tick(&mut world, 0);
    let sent = world.pass(200);
    assert!(sent[0].text().starts_with("SIP/2.0 299 1 1 sip:u7@192.0.2.9"), "{sent:?}");
    assert!(feed(&mut world, &register("c1", 2, CONTACT)).contains("200 OK"));
}

#[test]
fn management_writes_and_compares() {
    let mut world = world("2", FULL);
    feed(&mut world, &register("c1", 1, CONTACT));
    let run = |world: &World, name: &str, params: &[Option<&str>]| {
        crate::world::command_of(world, "usrloc", name, params).map_err(|error| error.code)
    };
    assert_eq!(run(&world, "ul_flush", &[]), Ok("OK".into()));
    assert_eq!(rows(&world).lines().count(), 1);
    assert_eq!(run(&world, "ul_sync", &[Some("location"), None]), Ok("OK".into()));
    assert_eq!(run(&world, "ul_sync", &[Some("location"), Some("alice")]), Ok("OK".into()));
    assert_eq!(rows(&world).lines().count(), 1);
    let memory = World::of(&script("", SAVE));
    assert_eq!(run(&memory, "ul_sync", &[Some("location"), None]), Err(500));
}

#[test]
fn presets_say_the_same() {
    for (lines, waits) in [
        (
            "modparam(\"usrloc\", \"working_mode_preset\", \"single-instance-sql-write-through\")",
            true,
        ),
        (
            "modparam(\"usrloc\", \"working_mode_preset\", \"single-instance-sql-write-back\")",
            false,
        ),
        (
            "modparam(\"usrloc\", \"cluster_mode\", \"none\")\n\
             modparam(\"usrloc\", \"restart_persistency\", \"load-from-sql\")\n\
             modparam(\"usrloc\", \"sql_write_mode\", \"write-through\")",
            true,
        ),
    ] {
        let more = format!("loadmodule \"db_text.so\"\ndb_default_url = \"text:///db\"\n{lines}");
        let plan = Plan::default().file("/db/location", FULL);
        let mut world = plan.run(&script(&more, SAVE));
        let sent = world.receive(PEER, register("c1", 1, CONTACT));
        assert_eq!((sent.is_empty(), world.jobs.len() == 1), (waits, waits), "{lines}");
    }
    let more = "modparam(\"usrloc\", \"db_mode\", 1)";
    let refused = Plan::default().try_run(&script(more, SAVE)).err().unwrap();
    assert!(refused.contains("db_url"), "{refused}");
}

#[test]
fn columns_may_have_other_names() {
    let columns = [
        ("contact_id_column", "k_id(long,auto)"),
        ("user_column", "k_user(string)"),
        ("domain_column", "k_domain(string,null)"),
        ("contact_column", "k_contact(string)"),
        ("received_column", "k_received(string,null)"),
        ("path_column", "k_path(string,null)"),
        ("expires_column", "k_expires(int)"),
        ("q_column", "k_q(double)"),
        ("callid_column", "k_callid(string)"),
        ("cseq_column", "k_cseq(int)"),
        ("last_modified_column", "k_modified(int)"),
        ("flags_column", "k_flags(int)"),
        ("cflags_column", "k_cflags(string,null)"),
        ("user_agent_column", "k_agent(string)"),
        ("socket_column", "k_socket(string,null)"),
        ("methods_column", "k_methods(int,null)"),
        ("sip_instance_column", "k_instance(string,null)"),
        ("attr_column", "k_attr(string,null)"),
    ];
    let mut more = "loadmodule \"db_text.so\"\nmodparam(\"usrloc\", \"db_mode\", 1)\n\
                    modparam(\"usrloc\", \"use_domain\", 1)\n\
                    modparam(\"usrloc\", \"db_url\", \"text:///db\")\n"
        .to_owned();
    for (param, column) in columns {
        let name = column.split('(').next().unwrap();
        more.push_str(&format!("modparam(\"usrloc\", \"{param}\", \"{name}\")\n"));
    }
    let header = format!("{}\n", columns.map(|(_, column)| column).join(" "));
    let plan = Plan::default().file("/db/location", &header);
    let call = "setbflag(NAT); save(\"location\", \"p1v\");";
    let mut before = plan.run(&script(&more, call));
    tick(&mut before, 0);
    let lines = "Path: <sip:p;lr;received=sip:nat>\r\nAllow: INVITE, BYE\r\n\
                 Contact: <sip:a@h>;q=0.7;+sip.instance=\"<urn:uuid:7>\"\r\n";
    feed(&mut before, &register("c1", 3, lines));
    let written = rows(&before);
    for part in
        ["alice", "example.com", "sip\\:a@h", "sip\\:nat", "<sip\\:p;lr;received=sip\\:nat>"]
            .iter()
            .chain(&["0.7", "c1", "NAT", "Phone 1.0", "udp\\:127.0.0.1\\:5060", "<urn\\:uuid\\:7>"])
    {
        assert!(written.contains(part), "{part} in {written}");
    }
    let plan = Plan::default().file("/db/location", format!("{header}{written}"));
    let mut after = plan.run(&script(&more, call));
    tick(&mut after, 0);
    let show = |world: &World| {
        let params = [Some("location"), Some("alice@example.com")];
        crate::world::command_of(world, "usrloc", "ul_show_contact", &params).unwrap()
    };
    let (mut one, other) = (show(&before), show(&after));
    assert_eq!(one["Contacts"][0]["State"], "CS_SYNC");
    one["Contacts"][0]["Expires"] = other["Contacts"][0]["Expires"].clone();
    assert_eq!(one, other);
}
