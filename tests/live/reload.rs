//! `reload_routes` over real sockets: new routes answer, refused ones leave the old in force.

use serde_json::{Value, json};
use sluice_control::mi::Params;
use sluice_engine::module::CommandError;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line};

/// A script that answers with `reason`.
fn answering(reason: &str) -> String {
    format!("loadmodule \"sl.so\"\nroute {{\nsl_send_reply(200, \"{reason}\");\n}}\n")
}

fn reload(live: &Live) -> Result<Value, CommandError> {
    live.management().run("reload_routes", &Params::NONE)
}

fn ask(live: &Live) -> String {
    let caller = Agent::new();
    caller.send(live.address, Request::default().text(caller.address()));
    first_line(&caller.receive()).to_owned()
}

#[test]
fn new_routes_answer_and_a_bad_script_changes_nothing() {
    let live = Live::start(&answering("one"), 2);
    assert_eq!(ask(&live), "SIP/2.0 200 one");
    live.rewrite(&answering("two"));
    assert_eq!(ask(&live), "SIP/2.0 200 one", "not before the command");
    assert_eq!(reload(&live), Ok(json!("OK")));
    assert_eq!(ask(&live), "SIP/2.0 200 two");

    live.rewrite("loadmodule \"sl.so\"\nroute {\nsl_send_repli(200, \"x\");\nnothing();\n}\n");
    let error = reload(&live).unwrap_err();
    let script = live.path("test.cfg");
    let begin = format!("{script}:3:1: unknown command sl_send_repli");
    assert!(error.text.starts_with(&begin), "{}", error.text);
    assert!(error.text.ends_with("; the old routes stay"), "{}", error.text);
    let data = error.data.unwrap();
    let lines: Vec<&Value> = data.as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert_eq!((error.code, lines), (500, vec![&json!(3), &json!(4)]));
    assert_eq!((&data[0]["severity"], &data[0]["file"]), (&json!("error"), &json!(script)));
    assert!(data[0]["hint"].as_str().unwrap().contains("sl_send_reply"), "{data}");
    assert_eq!(ask(&live), "SIP/2.0 200 two");
}

#[test]
fn warnings_are_told_and_a_missing_file_is_named() {
    let live = Live::start(&answering("one"), 1);
    live.rewrite(&answering("two").replacen("route", "loadmodule \"tls_mgm.so\"\nroute", 1));
    let warnings = reload(&live).unwrap();
    assert_eq!(warnings["warnings"][0]["line"], 2, "{warnings}");
    assert_eq!(ask(&live), "SIP/2.0 200 two");
    let script = live.path("test.cfg");
    std::fs::remove_file(&script).unwrap();
    let why = reload(&live).unwrap_err().text;
    let expected = format!("{script}: No such file or directory (os error 2); the old routes stay");
    assert_eq!(why, expected);
    assert_eq!(ask(&live), "SIP/2.0 200 two");
}
