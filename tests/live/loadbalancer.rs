//! `examples/loadbalancer`: its script over its table, with addresses of the test's own.

use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_control::mi::Params;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, first_of, reply};
use crate::support::{Folder, PATIENCE, sluice};

const SCRIPT: &str = include_str!("../../examples/loadbalancer/opensips.cfg");
const TABLE: &str = include_str!("../../examples/loadbalancer/db/dispatcher");
const VERSION: &str = include_str!("../../examples/loadbalancer/db/version");

/// The example with destinations of the test's own, carriers first.
fn gateway(folder: &Folder, agents: &[Agent]) -> Live {
    let mut table = TABLE.to_owned();
    for (at, agent) in agents.iter().enumerate() {
        let port = agent.address().port().to_string();
        let printed = format!("\\:{}:", 5071 + at);
        assert!(table.contains(&printed));
        table = table.replace(&printed, &format!("\\:@{port}:"));
    }
    std::fs::create_dir(folder.path("db")).unwrap();
    folder.write("db/dispatcher", &table.replace('@', ""));
    folder.write("db/version", VERSION);
    let mut script = SCRIPT.to_owned();
    for (from, to) in [
        ("text://db", format!("text://{}", folder.path("db"))),
        ("/tmp/opensips_fifo", folder.path("fifo")),
        ("\"ds_ping_interval\", 10", "\"ds_ping_interval\", 1".to_owned()),
        ("\"fr_timeout\", 2", "\"fr_timeout\", 1".to_owned()),
    ] {
        assert!(script.contains(from), "{from}");
        script = script.replace(from, &to);
    }
    Live::start(&script, 2)
}

fn states(gateway: &Live) -> Vec<String> {
    let list = gateway.management().run("ds_list", &Params::words(&[])).unwrap();
    let sets = list["PARTITIONS"][0]["SETS"].as_array().unwrap();
    let all = sets.iter().flat_map(|set| set["Destinations"].as_array().unwrap());
    all.map(|one: &Value| one["state"].as_str().unwrap().to_owned()).collect()
}

/// Answers probes for a moment; what else has come, by the number of the agent.
fn attend(agents: &[&Agent]) -> Vec<(usize, String)> {
    let mut others = Vec::new();
    for (at, agent) in agents.iter().enumerate() {
        while let Some((request, from)) = agent.try_receive() {
            if first_line(&request).starts_with("OPTIONS ") {
                agent.send(from, reply(&request, "405 Method Not Allowed"));
            } else {
                others.push((at, request));
            }
        }
    }
    std::thread::sleep(Duration::from_millis(5));
    others
}

#[test]
fn calls_go_to_those_that_answer() {
    let folder = Folder::new();
    let agents: Vec<Agent> = (0..4).map(|_| Agent::new()).collect();
    let gateway = gateway(&folder, &agents);
    // The second carrier is silent, the others know no OPTIONS and say so.
    let (alive, begun) = ([&agents[0], &agents[2], &agents[3]], Instant::now());
    while states(&gateway) != ["Active", "Probing", "Active", "Active"] {
        attend(&alive);
        assert!(begun.elapsed() < PATIENCE, "{:?}", states(&gateway));
    }
    let caller = Agent::new();
    for call in 0..4 {
        let call_id = format!("out-{call}");
        let (at, request) = call_from(&caller, &gateway, &call_id, &alive);
        assert_eq!(at, 0, "to the carrier that is alive");
        agents[0].send(gateway.address, reply(&request, "486 Busy Here"));
    }
    // From a carrier, to one of the servers.
    let (at, request) = call_from(&agents[0], &gateway, "in", &alive);
    assert!(at > 0, "{request}");
    while let Some((request, _)) = agents[1].try_receive() {
        assert!(first_line(&request).starts_with("OPTIONS "), "no call goes there: {request}");
    }
}

/// Begins a call; whom it reaches, and as what.
fn call_from(caller: &Agent, gateway: &Live, call_id: &str, alive: &[&Agent]) -> (usize, String) {
    let invite = Request { method: "INVITE", call_id, ..Request::default() };
    caller.send(gateway.address, invite.text(caller.address()));
    let of_this = format!("Call-ID: {call_id}\r");
    let end = Instant::now() + PATIENCE;
    loop {
        let is_it = |text: &str| text.starts_with("INVITE ") && text.contains(&of_this);
        if let Some(found) = attend(alive).into_iter().find(|(_, text)| is_it(text)) {
            return found;
        }
        assert!(Instant::now() < end, "the call goes nowhere");
    }
}

#[test]
fn a_call_that_meets_a_dead_one_goes_to_the_next() {
    let folder = Folder::new();
    let mut agents: Vec<Agent> = (0..4).map(|_| Agent::new()).collect();
    let gateway = gateway(&folder, &agents);
    // Nobody is at the port of the first carrier any more: the system says so.
    drop(agents.remove(0));
    let caller = Agent::new();
    for call in 0..2 {
        let call_id = format!("call-{call}");
        let invite = Request { method: "INVITE", call_id: &call_id, ..Request::default() };
        caller.send(gateway.address, invite.text(caller.address()));
        let end = Instant::now() + PATIENCE;
        loop {
            let (at, request, from) = first_of(&agents);
            assert!(Instant::now() < end, "the call goes nowhere");
            agents[at].send(from, reply(&request, "200 OK"));
            if first_line(&request).starts_with("INVITE ") {
                assert_eq!(at, 0, "the second carrier");
                break;
            }
        }
    }
}

#[test]
fn the_example_is_good_as_it_stands() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/loadbalancer/opensips.cfg");
    let ended = sluice(&["-C", "-f", script], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!format!("{}{}", ended.out, ended.err).contains("warning"), "{ended:?}");
    let table = concat!("text://", env!("CARGO_MANIFEST_DIR"), "/../../examples/loadbalancer/db");
    let checked = sluice(&["db", "check", table], "");
    let said = "dispatcher: version 7, 4 rows; this release has version 9; it lacks probe_mode\n";
    assert_eq!((checked.code, checked.out.as_str()), (Some(1), said), "{checked:?}");
}
