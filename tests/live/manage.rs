//! Management commands of a gateway in this process, by old and new names.

use std::time::Instant;

use serde_json::{Value, json};
use sluice_control::mi::{BAD_PARAMS, CORE, Management, NO_COMMAND, Params};

use crate::letters::ANSWERING;
use crate::live::Live;
use crate::sip::{Agent, Request, first_line};
use crate::support::PATIENCE;

pub fn run(management: &Management, command: &str, words: &[&str]) -> Value {
    let answer = management.run(command, &Params::words(words));
    answer.unwrap_or_else(|error| panic!("{command} {words:?}: {error}"))
}

pub fn refusal(management: &Management, command: &str, words: &[&str]) -> (i32, String) {
    let error = management.run(command, &Params::words(words)).unwrap_err();
    (error.code, error.text)
}

#[test]
fn commands_of_the_core_by_both_names() {
    let gateway = Live::start(ANSWERING, 1);
    let management = gateway.management();
    for name in ["version", "core:version"] {
        let server = run(&management, name, &[])["Server"].as_str().unwrap().to_owned();
        assert!(server.starts_with(&format!("Sluice ({} (", env!("CARGO_PKG_VERSION"))));
    }
    let folder = std::env::current_dir().unwrap();
    assert_eq!(run(&management, "pwd", &[]), json!({ "WD": folder.to_str().unwrap() }));
    let arguments: Value = std::env::args().collect();
    assert_eq!(run(&management, "arg", &[]), arguments);
    let uptime = run(&management, "uptime", &[]);
    assert!(uptime["Up time"].as_str().unwrap().ends_with(" [sec]"), "{uptime}");
    assert_eq!(uptime["Now"].as_str().unwrap().len(), "Mon Nov 23 13:05:09 2026".len());
    assert!(uptime["Up since"].is_string(), "{uptime}");
}

#[test]
fn which_lists_everything_and_help_explains_it() {
    let gateway = Live::start(ANSWERING, 1);
    let management = gateway.management();
    let which = run(&management, "which", &[]);
    for command in CORE {
        assert!(which.as_array().unwrap().contains(&json!(command.name)), "{}", command.name);
        let new_name = format!("{}:{}", command.group, command.short);
        assert!(which.as_array().unwrap().contains(&json!(new_name)), "{new_name}");
        let help = run(&management, "help", &[&new_name]);
        assert_eq!(
            (&help["Help"], &help["Exported by"]),
            (&json!(command.doc), &json!(command.group),)
        );
    }
    assert!(!which.as_array().unwrap().contains(&json!("ds_list")), "it is not loaded");
    assert!(run(&management, "help", &[])["Help"].is_string());
    assert_eq!(refusal(&management, "help", &["nothing"]).0, 404);
}

#[test]
fn what_does_not_fit_is_refused() {
    let gateway = Live::start(ANSWERING, 1);
    let management = gateway.management();
    assert_eq!(refusal(&management, "nothing", &[]), (NO_COMMAND, "no command nothing".into()));
    assert_eq!(refusal(&management, "core:list", &[]).0, NO_COMMAND);
    let (code, why) = refusal(&management, "uptime", &["x"]);
    assert_eq!((code, why.as_str()), (BAD_PARAMS, "too many parameters; usage: uptime"));
    for level in ["5", "-4", "high", ""] {
        assert_eq!(refusal(&management, "log_level", &[level]).0, 400);
    }
    let (code, why) = refusal(&management, "log_level", &["2", "1"]);
    assert_eq!((code, why.contains("all threads share one")), (400, true), "{why}");
}

#[test]
fn ps_lists_the_threads() {
    let gateway = Live::start(ANSWERING, 1);
    let management = gateway.management();
    for (command, field) in [("ps", "ID"), ("log_level", "Log level")] {
        let end = Instant::now() + PATIENCE;
        // A thread gives itself its name, so that a new one may still be without.
        let lines = loop {
            let answer = run(&management, command, &[]);
            let lines = answer["Processes"].as_array().unwrap().clone();
            let has = |kind: &str| lines.iter().any(|line| line["Type"] == kind);
            if has("SIP worker 0") && has("control") {
                break lines;
            }
            assert!(Instant::now() < end, "{answer}");
        };
        assert_eq!(lines[0]["Type"], "attendant");
        assert_eq!(lines[0]["PID"], std::process::id());
        assert!(lines.iter().all(|line| line[field].is_i64()), "{lines:?}");
    }
}

const LISTS: &str = "loadmodule \"sl.so\"\n\
    dst_blacklist = gw:{(udp, 10.0.0.0/8, 5060, \"MESSAGE*\"), !(any, 192.0.2.0/24)}\n\
    dst_blacklist = dynamic/expire,default\n\
    route { if (check_blacklist_rule(, \"127.0.0.1\")) sl_send_reply(403, \"Filtered\"); \
    else sl_send_reply(200, \"OK\"); }\n";

#[test]
fn blacklists_are_shown_asked_and_changed() {
    let gateway = Live::start(LISTS, 1);
    let management = gateway.management();
    let lists = &run(&management, "blacklists:list", &[])["Lists"];
    assert_eq!(lists[0]["name"], "gw");
    assert_eq!(
        (&lists[0]["flags"], &lists[1]["flags"]),
        (&json!("readonly"), &json!("expire,default"))
    );
    let rule = json!({
        "flags": "", "IP": "10.0.0.0", "Mask": 8, "Proto": "udp", "Port": 5060, "Match": "MESSAGE*",
    });
    assert_eq!(lists[0]["Rules"][0], rule);
    assert_eq!(lists[0]["Rules"][1]["flags"], "contrary");
    assert_eq!(run(&management, "list_blacklists", &["dynamic"])["Lists"][0]["Rules"], json!([]));
    let names = |words: &[&str]| run(&management, "check_blacklists", words);
    assert_eq!(names(&["192.0.2.9"]), json!([]));
    assert_eq!(names(&["udp", "203.0.113.9", "5060"]), json!(["gw"]), "not of the only block");
    let request = ["gw", "udp", "10.1.1.1", "5060", "MESSAGE sip:b@x SIP/2.0"];
    assert_eq!(run(&management, "check_blacklist", &request), rule);
    let known = ["gw", "192.0.2.1"];
    assert_eq!(refusal(&management, "check_blacklist", &known).0, 404);
    assert_eq!(
        run(&management, "add_blacklist_rule", &["dynamic", "!udp,10.0.0.0/8"]),
        json!("OK")
    );
    assert_eq!(
        run(&management, "del_blacklist_rule", &["dynamic", "!(udp,10.0.0.0/8)"]),
        json!("OK")
    );
    let caller = Agent::new();
    let answered = || {
        caller.send(gateway.address, Request::default().text(caller.address()));
        first_line(&caller.receive()).to_owned()
    };
    assert_eq!(answered(), "SIP/2.0 200 OK");
    run(&management, "blacklists:add_rule", &["dynamic", "127.0.0.1", "3600"]);
    assert_eq!(answered(), "SIP/2.0 403 Filtered");
    let left = run(&management, "list_blacklists", &["dynamic"]);
    assert!((3598..=3601).contains(&left["Lists"][0]["Rules"][0]["Expire"].as_i64().unwrap()));
    for (command, words, code) in [
        ("list_blacklists", &["none"][..], 404),
        ("check_blacklists", &["here"], 400),
        ("check_blacklists", &["10.0.0.1", "udp", "99999"], 400),
        ("add_blacklist_rule", &["gw", "10.0.0.1"], 500),
        ("add_blacklist_rule", &["none", "10.0.0.1"], 404),
        ("add_blacklist_rule", &["dynamic", "icq,10.0.0.1"], 400),
        ("add_blacklist_rule", &["dynamic", "10.0.0.1", "soon"], 400),
        ("del_blacklist_rule", &["dynamic", "10.0.0.9"], 500),
    ] {
        assert_eq!(refusal(&management, command, words).0, code, "{command} {words:?}");
    }
}

const HEARING: &str = "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\n\
    route { sl_send_reply(200, \"$shv(heard)\"); }\n\
    event_route[E_ASKED] { $shv(heard) = $param(1) + $param(who); }\n\
    event_route[E_OTHER] { $shv(other) = 1; }\n";

#[test]
fn events_are_listed_subscribed_and_raised() {
    let gateway = Live::start(HEARING, 2);
    let management = gateway.management();
    let names = run(&management, "evi:list", &[]);
    let names: Vec<&str> =
        names["Events"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for name in ["E_ASKED", "E_CORE_SR_STATUS_CHANGED", "E_DISPATCHER_STATUS", "E_OTHER"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(run(&management, "events_list", &[])["Events"][0]["id"], 0);
    let own = json!({ "socket": "route:E_ASKED", "expire": "never" });
    let event = &run(&management, "subscribers_list", &["E_ASKED"])["Event"];
    assert_eq!(event["subscribers"], json!([own]));
    assert_eq!(
        run(&management, "event_subscribe", &["E_ASKED", "route:E_OTHER", "600"]),
        json!("OK")
    );
    let other = run(&management, "evi:subscribers", &["E_ASKED", "route:E_OTHER"]);
    assert_eq!(other["Event"]["Subscriber"]["expire"], 600);
    assert!((598..=600).contains(&other["Event"]["Subscriber"]["ttl"].as_u64().unwrap()));
    assert_eq!(run(&management, "subscribers_list", &[])["Events"].as_array().unwrap().len(), 2);
    let caller = Agent::new();
    let heard = |wanted: &str| {
        let end = Instant::now() + PATIENCE;
        loop {
            caller.send(gateway.address, Request::default().text(caller.address()));
            if first_line(&caller.receive()) == wanted {
                return;
            }
            assert!(Instant::now() < end, "{wanted}");
        }
    };
    assert_eq!(run(&management, "raise_event", &["E_ASKED", "word"]), json!("OK"));
    heard("SIP/2.0 200 word");
    run(&management, "evi:raise", &["E_ASKED", "{\"who\": \"me\"}"]);
    heard("SIP/2.0 200 meme");
    for (command, words, code) in [
        ("event_subscribe", &["E_ASKED", "udp:127.0.0.1:9"][..], 500),
        ("event_subscribe", &["E_ASKED", "route:E_NONE"], 500),
        ("event_subscribe", &["E_ASKED", "route:E_OTHER", "soon"], 400),
        ("subscribers_list", &["E_NONE"], 404),
        ("subscribers_list", &["E_OTHER", "route:E_ASKED"], 404),
        ("raise_event", &["E_ASKED", "{\"who\""], 400),
    ] {
        assert_eq!(refusal(&management, command, words).0, code, "{command} {words:?}");
    }
}

#[test]
fn statuses_and_reports() {
    let gateway = Live::start(ANSWERING, 1);
    let management = gateway.management();
    let ready = json!({ "Readiness": true, "Status": 1, "Details": "running" });
    assert_eq!(run(&management, "sr_get_status", &["core"]), ready);
    assert_eq!(run(&management, "status_report:get", &["core", "all"])["Details"], "aggregated");
    let listed = run(&management, "sr_list_status", &[]);
    assert_eq!(
        (&listed[0]["Name"], &listed[0]["Identifiers"][0]["Status"]),
        (&json!("core"), &json!(1))
    );
    assert_eq!(
        run(&management, "sr_list_identifiers", &["core"]),
        json!({ "Group": "core", "Identifiers": ["main"] })
    );
    let reports = run(&management, "sr_list_reports", &["core", "main"]);
    let lines = &reports["Identifiers"][0]["Reports"];
    assert_eq!(lines[1]["Log"], "initialization completed, ready now");
    assert!(lines[1]["Timestamp"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(
        refusal(&management, "sr_get_status", &["none"]),
        (404, "Group not found".to_owned())
    );
    assert_eq!(refusal(&management, "sr_get_status", &["core", "x"]).1, "Identifier not found");
    assert_eq!(refusal(&management, "sr_list_status", &["none"]).0, 404);
}
