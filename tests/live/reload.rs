//! `reload_routes` over real sockets: new routes answer, refused ones leave the old in force.

use serde_json::{Value, json};
use sluice_control::mi::Params;
use sluice_engine::module::CommandError;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line};
use crate::support::Folder;
use crate::told::{Told, fifo_lines};

/// A script that answers with `reason`.
fn answering(reason: &str) -> String {
    format!("loadmodule \"sl.so\"\n{}", route(reason))
}

fn route(reason: &str) -> String {
    format!("route {{\nsl_send_reply(200, \"{reason}\");\n}}\n")
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
    let first = format!(
        "{script}:3:1: error: unknown command sl_send_repli [unknown-function]; \
         did you mean sl_send_reply()?"
    );
    let second = format!("{script}:4:1: error: unknown command nothing [unknown-function]");
    assert_eq!((error.code, data), (500, json!([first, second])));
    assert_eq!(ask(&live), "SIP/2.0 200 two");
}

#[test]
fn warnings_are_told_and_a_missing_file_is_named() {
    let live = Live::start(&answering("one"), 1);
    live.rewrite(&answering("two").replacen("route", "loadmodule \"tls_mgm.so\"\nroute", 1));
    let warnings = reload(&live).unwrap();
    let warning = warnings["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with(&format!("{}:2:12: warning: ", live.path("test.cfg"))),
        "{warning}"
    );
    assert_eq!(ask(&live), "SIP/2.0 200 two");
    let script = live.path("test.cfg");
    std::fs::remove_file(&script).unwrap();
    let why = reload(&live).unwrap_err().text;
    let expected = format!("{script}: No such file or directory (os error 2); the old routes stay");
    assert_eq!(why, expected);
    assert_eq!(ask(&live), "SIP/2.0 200 two");
}

/// What the command line says holds for a reload too, and `-w` changes no file's place.
#[test]
fn a_reload_reads_as_the_start_did() {
    let folder = Folder::new();
    let main = "loadmodule \"sl.so\"\nloadmodule \"dispatcher.so\"\n\
        modparam(\"dispatcher\", \"list_file\", \"test.list\")\ninclude_file \"routes.cfg\"\n";
    folder.write("test.cfg", &(fifo_lines(&folder) + main));
    folder.write("routes.cfg", &route("$(ci{s.len}) first"));
    folder.write("test.list", "1 sip:127.0.0.1:5070\n");
    folder.write("rules.sed", "");
    let args = ["-f", "test.cfg", "-p", "sed -f rules.sed", "-w", "/", "-v"];
    let told = Told::start(folder, &args, "");
    assert_eq!(told.ask(), "SIP/2.0 200 3 first");
    told.folder.write("routes.cfg", &route("second"));
    told.folder.write("rules.sed", "s/sl_send_reply/no_such/\n");
    let why = told.command("reload_routes").unwrap_err();
    assert!(why.starts_with("routes.cfg:2:1: unknown command no_such"), "{why}");
    assert_eq!(told.ask(), "SIP/2.0 200 3 first");
    told.folder.write("rules.sed", "s/second/third/\n");
    assert_eq!(told.command("reload_routes"), Ok(json!("OK")));
    assert_eq!(told.ask(), "SIP/2.0 200 third");
    told.folder.write("test.list", "1 sip:127.0.0.1:5070\n1 sip:\n");
    let why = told.command("ds_reload").unwrap_err();
    assert!(why.starts_with("test.list:2: "), "{why}");
    told.folder.write("test.list", "1 sip:127.0.0.1:5071\n");
    assert_eq!(told.command("ds_reload").unwrap()["changes"]["default"]["kept"], 0);
}

#[test]
fn a_script_from_standard_input_cannot_be_read_again() {
    let folder = Folder::new();
    let script = fifo_lines(&folder) + &answering("piped");
    let told = Told::start(folder, &["-f", "-"], &script);
    let expected = "the script was not read from a file; the old routes stay";
    assert_eq!(told.command("reload_routes"), Err(expected.to_owned()));
    assert_eq!(told.ask(), "SIP/2.0 200 piped");
}
