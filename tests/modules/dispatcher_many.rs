//! Many destinations in many sets: what a start and a reload take, from a list and from a table,
//! and that each is found. `scripts/soak destinations` names its own number and prints the times.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use sluice_tests::world::{Plan, World, request};

use crate::world::command_of;

/// Destinations of a set.
const EACH: u32 = 100;

/// The time that a start or a reload may take at the size that was promised, in a release build.
const MOST: Duration = Duration::from_secs(1);

/// How many destinations, and whether times are judged.
fn size() -> (u32, bool) {
    match std::env::var("SLUICE_DESTINATIONS") {
        Ok(count) => (count.parse().unwrap(), true),
        Err(_) => (3_000, false),
    }
}

fn uri(at: u32) -> String {
    format!("10.{}.{}.{}:5070", at >> 16, at >> 8 & 0xFF, at & 0xFF)
}

fn list(count: u32) -> String {
    let mut list = String::new();
    for at in 0..count {
        writeln!(list, "{} sip:{} 0 1 carrier{at}", at / EACH, uri(at)).unwrap();
    }
    list
}

fn table(count: u32) -> String {
    let mut table = "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
                     weight(int) priority(int) attrs(string) description(string)\n"
        .to_owned();
    for at in 0..count {
        let uri = uri(at).replace(':', "\\:");
        writeln!(table, "{}:{}:sip\\:{uri}::0:1:0:carrier{at}:none", at + 1, at / EACH).unwrap();
    }
    table
}

const SCRIPT: &str = "route {\n  if (ds_select_dst($(hdr(X-Set){s.int}), 0))\n\
    sl_send_reply(200, \"$du\");\n\
    else if (ds_is_in_list(\"$rd\", 5070)) sl_send_reply(202, \"$avp(set)\");\n\
    else sl_send_reply(404, \"none\");\n}\n";

fn ask(world: &mut World, set: u32, host: &str) -> String {
    let text = request(&format!("OPTIONS sip:{host} SIP/2.0"), &format!("X-Set: {set}\r\n"));
    world.receive("10.9.9.9:5060", text)[0].first_line()
}

/// Starts, reloads, looks up; prints what it took.
fn run(what: &str, plan: Plan, source: &str) {
    let (count, judged) = size();
    let script = format!(
        "loadmodule \"sl\"\nloadmodule \"db_text\"\nloadmodule \"dispatcher\"\n\
         modparam(\"dispatcher\", \"setid_pvar\", \"$avp(set)\")\n{source}{SCRIPT}"
    );
    let begin = Instant::now();
    let mut world = plan.run(&script);
    let started = begin.elapsed();
    let last = count - 1;
    assert_eq!(world.warnings, [""; 0]);
    let (set, address) = ((last / EACH).to_string(), format!("sip:{}", uri(last)));
    let inactive = [Some("i"), Some(&*set), Some(&*address)];
    command_of(&world, "dispatcher", "ds_set_state", &inactive).unwrap();
    let begin = Instant::now();
    command_of(&world, "dispatcher", "ds_reload", &[None, None]).unwrap();
    let reloaded = begin.elapsed();
    let begin = Instant::now();
    let list = command_of(&world, "dispatcher", "ds_list", &[None, None]).unwrap();
    let listed = begin.elapsed();
    println!(
        "{what}: {count} destinations: started in {started:?}, reloaded in {reloaded:?}, \
              listed in {listed:?}"
    );
    let sets = list["PARTITIONS"][0]["SETS"].as_array().unwrap();
    assert_eq!(sets.len() as u32, count / EACH);
    let of_last = sets.last().unwrap()["Destinations"].as_array().unwrap();
    assert_eq!(of_last.last().unwrap()["state"], "Inactive", "a reload keeps it");
    assert_eq!(of_last.len() as u32, EACH);
    assert!(ask(&mut world, 7, "x").starts_with("SIP/2.0 200 sip:10.0."));
    let host = uri(last).replace(":5070", "");
    assert_eq!(ask(&mut world, count, &host), format!("SIP/2.0 202 {}", last / EACH));
    assert_eq!(ask(&mut world, count, "10.255.0.1"), "SIP/2.0 404 none");
    if judged {
        assert!(started < MOST && reloaded < MOST, "a start or a reload takes too long");
    }
}

#[test]
fn many_destinations_of_a_list() {
    let plan = Plan::default().file("d.list", list(size().0));
    run("list", plan, "modparam(\"dispatcher\", \"list_file\", \"d.list\")\n");
}

#[test]
fn many_destinations_of_a_table() {
    let plan = Plan::default()
        .file("/db/dispatcher", table(size().0))
        .file("/db/version", "table_name(str) table_version(int)\ndispatcher:7\n");
    run("table", plan, "modparam(\"dispatcher\", \"db_url\", \"text:///db\")\n");
}
