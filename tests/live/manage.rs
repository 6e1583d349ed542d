//! Management commands of a gateway in this process, by old and new names.

use std::time::Instant;

use serde_json::{Value, json};
use sluice_control::mi::{BAD_PARAMS, CORE, Management, NO_COMMAND, Params};

use crate::letters::ANSWERING;
use crate::live::Live;
use crate::support::PATIENCE;

fn run(management: &Management, command: &str, words: &[&str]) -> Value {
    let answer = management.run(command, &Params::words(words));
    answer.unwrap_or_else(|error| panic!("{command} {words:?}: {error}"))
}

fn refusal(management: &Management, command: &str, words: &[&str]) -> (i32, String) {
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
