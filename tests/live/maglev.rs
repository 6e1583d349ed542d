//! Two programs with the same list in another order send every Call-ID to the same destination.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::sip::{Agent, Request, first_line, headers};
use crate::support::{Folder, Running, address};

/// Call-IDs under way to each program: no socket's buffer runs over.
const BATCH: u64 = 64;

/// How many Call-IDs are compared; `scripts/soak maglev` names its own number.
fn calls() -> u64 {
    std::env::var("SLUICE_CALLS").map_or(2_000, |calls| calls.parse().unwrap())
}

/// A program that answers each request with the destination it selected.
fn gateway(folder: &Folder, name: &str, lines: &[String]) -> (Running, SocketAddr) {
    folder.write(&format!("{name}.list"), &lines.concat());
    let script = format!(
        "loadmodule \"sl.so\"\nloadmodule \"dispatcher.so\"\n\
         modparam(\"dispatcher\", \"list_file\", \"{name}.list\")\n\
         route {{ if (ds_select_dst(1, \"maglev\")) sl_send_reply(200, \"$du\"); }}"
    );
    let script = folder.write(&format!("{name}.cfg"), &script);
    let listen = address();
    (Running::gateway(&["-f", &script, "-l", &listen.to_string()]), listen)
}

/// What a program selects for each of these Call-IDs.
fn selected(agent: &Agent, program: SocketAddr, ids: &[String]) -> BTreeMap<String, String> {
    for id in ids {
        let request = Request { call_id: id, ..Request::default() };
        agent.send(program, request.text(agent.address()));
    }
    let replies = ids.iter().map(|_| agent.receive());
    replies
        .map(|reply| (headers(&reply, "Call-ID")[0].to_owned(), first_line(&reply).to_owned()))
        .collect()
}

#[test]
fn two_programs_agree_on_every_call() {
    let lines: Vec<String> =
        (1..=10).map(|at| format!("1 sip:10.0.0.{at}:5071 0 {}\n", at % 3 + 1)).collect();
    let folder = Folder::new();
    let (_one, first) = gateway(&folder, "one", &lines);
    let turned: Vec<String> = lines.iter().rev().cloned().collect();
    let (_other, second) = gateway(&folder, "other", &turned);
    let agent = Agent::new();
    let mut destinations = BTreeMap::<String, u64>::new();
    let calls = calls();
    for begin in (0..calls).step_by(BATCH as usize) {
        let ids: Vec<String> =
            (begin..calls.min(begin + BATCH)).map(|n| format!("{n}-4711@10.1.2.3")).collect();
        let of_first = selected(&agent, first, &ids);
        assert_eq!(of_first, selected(&agent, second, &ids));
        for line in of_first.into_values() {
            *destinations.entry(line).or_default() += 1;
        }
    }
    assert_eq!(destinations.len(), 10, "{destinations:?}");
    assert_eq!(destinations.values().sum::<u64>(), calls);
    println!("two programs agree on all {calls} Call-IDs: {destinations:?}");
}
