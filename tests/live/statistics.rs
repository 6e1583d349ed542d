//! Statistics after known traffic: what the management commands say of it.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sluice_control::mi::{BAD_PARAMS, CORE_STATISTICS, Management, Params};

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers};
use crate::support::PATIENCE;

fn run(management: &Management, command: &str, words: &[&str]) -> Map<String, Value> {
    let answer = management.run(command, &Params::words(words));
    let answer = answer.unwrap_or_else(|error| panic!("{command} {words:?}: {error}"));
    answer.as_object().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// The values of a group, by the order of `names`.
fn values(management: &Management, group: &str, names: &[&str]) -> Vec<u64> {
    let all = run(management, "get_statistics", &[&format!("{group}:")]);
    let value = |name: &&str| all[&format!("{group}:{name}")].as_u64().unwrap();
    names.iter().map(value).collect()
}

/// A gateway of one worker that answers OPTIONS and forwards all else to `to`.
fn gateway(to: &Agent) -> Live {
    let script = format!(
        "loadmodule \"sl\"\nroute {{\n if ($rm == \"OPTIONS\") {{\n  if ($rU != NULL && $fU != NULL)\n\
         $var(x) = 1;\n  sl_send_reply(200, \"OK\");\n  exit;\n }}\n\
         $du = \"sip:{}\";\n forward();\n}}\n",
        to.address()
    );
    Live::start(&script, 1)
}

/// Some of everything; the last one is answered when all others have been handled.
fn traffic(live: &Live, destination: &Agent) {
    let caller = Agent::new();
    let options = |from: &str, to: &str| {
        let request = Request::default().text(caller.address());
        caller.send(live.address, request.replace(from, to));
        caller.receive()
    };
    let answer = options("", "");
    let to_tag = headers(&answer, "To")[0].to_owned();
    let ack = Request { method: "ACK", ..Request::default() }.text(caller.address());
    caller.send(live.address, ack.replace("<sip:bob@example.com>", &to_tag));
    let invite = Request { method: "INVITE", ..Request::default() };
    caller.send(live.address, invite.text(caller.address()));
    let forwarded = destination.answer("180 Ringing");
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 180 Ringing");
    destination.send(live.address, crate::sip::reply(&forwarded, "200 OK"));
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
    // Its only Via would be removed: nobody is left to send it to.
    let stray = crate::sip::reply(&invite.text(caller.address()), "200 OK");
    caller.send(live.address, &stray);
    for bad in [invite.text(caller.address()), stray] {
        caller.send(live.address, bad.replace("Call-ID", "Call ID"));
    }
    caller.send(live.address, "hello\r\n\r\n");
    caller.send(live.address, "\r\n\r\n");
    options("OPTIONS sip:bob@example.com", "OPTIONS hello");
    options("From: <sip:caller@example.com>", "From: <sip:caller");
    options("", "");
}

const CORE: [&str; 10] = [
    "rcv_requests",
    "rcv_replies",
    "fwd_requests",
    "fwd_replies",
    "drop_requests",
    "drop_replies",
    "err_requests",
    "err_replies",
    "bad_URIs_rcvd",
    "bad_msg_hdr",
];

#[test]
fn known_traffic_is_counted_as_opensips_names_it() {
    let destination = Agent::new();
    let live = gateway(&destination);
    let management = live.management();
    assert_eq!(values(&management, "core", &CORE), [0; 10]);
    traffic(&live, &destination);
    assert_eq!(values(&management, "core", &CORE), [7, 4, 1, 2, 1, 1, 1, 1, 1, 3]);
    assert!(CORE_STATISTICS.iter().map(|statistic| statistic.name).eq(CORE), "all are seen");
    let of_sl = ["2xx_replies", "sent_replies", "received_ACKs", "4xx_replies"];
    assert_eq!(values(&management, "sl", &of_sl), [4, 4, 1, 0]);
    let of_sluice = ["received", "sent", "refused_bad_first_line", "refused_keep_alive", "panics"];
    assert_eq!(values(&management, "sluice", &of_sluice), [13, 7, 1, 1, 0]);
}

#[test]
fn by_name_group_and_all() {
    let live = gateway(&Agent::new());
    let management = live.management();
    let get = |words: &[&str]| run(&management, "statistics:get", words);
    let keys = |words: &[&str]| get(words).keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&["rcv_requests"]), ["core:rcv_requests"]);
    assert_eq!(keys(&["core:rcv_requests"]), ["core:rcv_requests"]);
    assert_eq!(keys(&["rcv_replies", "received_ACKs"]), ["core:rcv_replies", "sl:received_ACKs"]);
    assert!(keys(&["sl:"]).iter().all(|key| key.starts_with("sl:")));
    assert_eq!(keys(&["core:"]).len(), CORE.len() + 1);
    let all = keys(&["all"]);
    for group in ["core:", "sl:", "sluice:"] {
        assert!(keys(&[group]).iter().all(|key| all.contains(key)));
    }
    assert!(!all.iter().any(|key| key.starts_with("shmem:")), "there is no such memory");
    let kinds = run(&management, "list_statistics", &[]);
    let listed = kinds.keys().filter(|key| !key.starts_with("load:"));
    assert!(listed.eq(all.iter().filter(|key| !key.starts_with("load:"))));
    assert_eq!(kinds["core:rcv_requests"], "incremental");
    assert_eq!(run(&management, "statistics:list", &["timestamp"]), {
        json!({ "core:timestamp": "non-incremental" }).as_object().unwrap().clone()
    });
    for command in ["get_statistics", "list_statistics", "reset_statistics"] {
        let refused = |words| management.run(command, &Params::words(words)).unwrap_err();
        assert_eq!(refused(&["nothing"]).code, 404);
        assert_eq!(refused(&["tm:"]).code, 404, "a group that is not there");
        assert_eq!(refused(&["rcv_requests", "sl:rcv_requests"]).code, 404);
    }
    let nothing = management.run("get_statistics", &Params::NONE).unwrap_err();
    assert_eq!(nothing.code, BAD_PARAMS);
}

#[test]
fn the_load_is_a_share_of_the_workers_time() {
    let live = gateway(&Agent::new());
    let management = live.management();
    let end = Instant::now() + PATIENCE;
    // There is none before the first second is over.
    let loads = loop {
        let loads = run(&management, "get_statistics", &["load:"]);
        if loads.len() == 3 {
            break loads;
        }
        assert!(Instant::now() < end, "{loads:?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    for name in ["load:load", "load:load1m", "load:load10m"] {
        assert!(loads[name].as_u64().is_some_and(|percent| percent <= 100), "{loads:?}");
    }
    let kinds = run(&management, "list_statistics", &["load"]);
    assert_eq!(kinds["load:load"], "non-incremental");
}

#[test]
fn a_reset_counts_from_zero_again() {
    let destination = Agent::new();
    let live = gateway(&destination);
    let management = live.management();
    traffic(&live, &destination);
    let reset = |command: &str, words: &[&str]| {
        assert_eq!(management.run(command, &Params::words(words)), Ok(json!("OK")));
    };
    reset("reset_statistics", &["rcv_requests", "sl:"]);
    assert_eq!(values(&management, "core", &CORE), [0, 4, 1, 2, 1, 1, 1, 1, 1, 3]);
    assert_eq!(values(&management, "sl", &["sent_replies"]), [0]);
    traffic(&live, &destination);
    assert_eq!(values(&management, "core", &CORE), [7, 8, 2, 4, 2, 2, 2, 2, 2, 6]);
    assert_eq!(values(&management, "sl", &["sent_replies"]), [4]);
    reset("statistics:reset", &["core:drop_replies"]);
    reset("reset_all_statistics", &[]);
    assert_eq!(values(&management, "core", &CORE), [0; 10]);
}
