//! Management through the FIFO of a running program: both forms, what is refused, many at once.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Folder, PATIENCE, Running, address, refused};

/// A route that answers everything.
const ANSWERING: &str = "route { sl_send_reply(\"200\", \"OK\"); }\n";

/// A gateway with `mi_fifo` and `dispatcher`, and a folder of its own.
pub struct Managed {
    pub folder: Folder,
    pub running: Running,
    pub address: SocketAddr,
}

impl Managed {
    pub fn start() -> Self {
        Self::with(ANSWERING)
    }

    /// With more lines and these routes in its script.
    pub fn with(rest: &str) -> Self {
        let (folder, address) = (Folder::new(), address());
        let script = script(&folder, rest);
        let running = Running::gateway(&["-f", &script, "-l", &address.to_string(), "-n", "1"]);
        Self { folder, running, address }
    }

    pub fn fifo(&self) -> String {
        self.folder.path("fifo")
    }

    fn write(&self, request: &str) {
        let mut fifo = OpenOptions::new().write(true).open(self.fifo()).unwrap();
        fifo.write_all(request.as_bytes()).unwrap();
    }

    /// Makes a reply FIFO; what comes through it, once all of it has come.
    fn reply_fifo(&self, name: &str) -> Receiver<String> {
        let path = self.folder.path(name);
        mkfifo(&path);
        let (whole, reply) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
            fs::remove_file(&path).unwrap();
            // A test may be over before a reply that must not come.
            let _ = whole.send(text);
        });
        reply
    }

    /// A request with `REPLY` where the name of the reply FIFO belongs; its reply.
    fn ask(&self, request: &str) -> String {
        let reply = self.reply_fifo("reply");
        self.write(&request.replace("REPLY", "reply"));
        reply.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer to {request}"))
    }

    pub fn call(&self, method: &str, params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": "x" });
        let reply = self.ask(&format!(":REPLY:{body}\n"));
        serde_json::from_str(&reply).unwrap_or_else(|error| panic!("{error}: {reply}"))
    }

    /// The text of 1.x for it.
    pub fn tell(&self, command: &str, params: &[&str]) -> String {
        let params: String = params.iter().map(|param| format!("{param}\n")).collect();
        self.ask(&format!(":{command}:REPLY\n{params}\n"))
    }

    fn error_code(&self, body: &str) -> (i64, Value) {
        let reply: Value = serde_json::from_str(&self.ask(&format!(":REPLY:{body}\n"))).unwrap();
        (reply["error"]["code"].as_i64().unwrap(), reply["id"].clone())
    }
}

fn script(folder: &Folder, rest: &str) -> String {
    let list = folder.write("dispatcher.list", "1 sip:127.0.0.1:5070\n1 sip:127.0.0.1:5072\n");
    let (fifo, replies) = (folder.path("fifo"), folder.path(""));
    let text = format!(
        "loadmodule \"mi_fifo.so\"\nloadmodule \"dispatcher\"\nloadmodule \"sl\"\n\
         modparam(\"mi_fifo\", \"fifo_name\", \"{fifo}\")\n\
         modparam(\"mi_fifo\", \"reply_dir\", \"{replies}\")\n\
         modparam(\"dispatcher\", \"list_file\", \"{list}\")\n{rest}\n"
    );
    folder.write("test.cfg", &text)
}

pub fn mkfifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Commands that may be called at any time, with parameters that they take.
const HARMLESS: &[(&str, &str, &[&str])] = &[
    ("arg", "core:arg", &[]),
    ("help", "core:help", &["ps"]),
    ("get_statistics", "statistics:get", &["core:", "sent_replies"]),
    ("list_statistics", "statistics:list", &[]),
    ("list_tcp_conns", "tcp:list", &[]),
    ("log_level", "core:log_level", &["2"]),
    ("ps", "core:ps", &[]),
    ("pwd", "core:pwd", &[]),
    ("reload_routes", "core:reload_routes", &[]),
    ("reset_all_statistics", "statistics:reset_all", &[]),
    ("reset_statistics", "statistics:reset", &["rcv_requests"]),
    ("uptime", "core:uptime", &[]),
    ("version", "core:version", &[]),
    ("which", "core:which", &["ds_list"]),
    ("xlog_level", "core:xlog_level", &["2"]),
    ("check_blacklists", "blacklists:check_all", &["10.0.0.1"]),
    ("list_blacklists", "blacklists:list", &[]),
    ("events_list", "evi:list", &[]),
    ("raise_event", "evi:raise", &["E_X"]),
    ("subscribers_list", "evi:subscribers", &[]),
    ("sr_get_status", "status_report:get", &["dispatcher"]),
    ("sr_list_identifiers", "status_report:identifiers", &[]),
    ("sr_list_reports", "status_report:reports", &[]),
    ("sr_list_status", "status_report:list", &[]),
    ("targets_list", "targets:list", &["full"]),
    ("ds_list", "dispatcher:list", &["full"]),
    ("ds_reload", "dispatcher:reload", &[]),
    ("ds_set_state", "dispatcher:set_state", &["i", "1", "sip:127.0.0.1:5070"]),
    ("ds_drain", "dispatcher:drain", &["1", "sip:127.0.0.1:5070"]),
    ("ds_latency", "dispatcher:latency", &[]),
    ("ds_plan", "dispatcher:plan", &[]),
    ("ds_push_script_attrs", "dispatcher:push_script_attrs", &["x", "127.0.0.1", "5070", "1"]),
];

/// These want a blacklist, or an event route: tests/live/manage.rs has them.
const WANTING: [&str; 4] =
    ["check_blacklist", "add_blacklist_rule", "del_blacklist_rule", "event_subscribe"];

#[test]
fn every_command_by_both_names_and_in_both_forms() {
    let gateway = Managed::start();
    let which = gateway.call("which", &json!([]))["result"].clone();
    let listed = which.as_array().unwrap().len();
    // Only `kill` is not harmless.
    assert_eq!(listed, 2 * (HARMLESS.len() + WANTING.len() + 1), "{which}");
    for (old, new, params) in HARMLESS {
        for name in [old, new] {
            let reply = gateway.call(name, &json!(params));
            assert_eq!((&reply["id"], reply.get("error")), (&json!("x"), None), "{reply}");
            assert!(!reply["result"].is_null(), "{name}: {reply}");
            let text = gateway.tell(name, params);
            assert!(text.starts_with("200 OK\n") && text.ends_with("\n\n"), "{name}: {text}");
        }
    }
}

#[test]
fn a_destination_is_seen_set_and_reloaded() {
    let gateway = Managed::start();
    let states = || {
        let reply = gateway.call("ds_list", &json!([]));
        let set = &reply["result"]["PARTITIONS"][0]["SETS"][0];
        let destinations = set["Destinations"].as_array().unwrap().clone();
        destinations.iter().map(|d| d["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(), ["Active", "Active"]);
    let named = json!({ "address": "sip:127.0.0.1:5072", "group": 1, "state": "i" });
    assert_eq!(gateway.call("dispatcher:set_state", &named)["result"], "OK");
    assert_eq!(states(), ["Active", "Inactive"]);
    let set = ["state::p", "group::1", "address::sip:127.0.0.1:5070"];
    assert_eq!(gateway.tell("ds_set_state", &set), "200 OK\n\n");
    assert_eq!(states(), ["Probing", "Inactive"]);
    let text = gateway.tell("ds_list", &[]);
    let expected = "200 OK\nPARTITION:: default\n\tSET:: 1\n\
                    \t\tURI:: sip:127.0.0.1:5070 state=Probing first_hit_counter=0\n\
                    \t\tURI:: sip:127.0.0.1:5072 state=Inactive first_hit_counter=0\n\n";
    assert_eq!(text, expected);
    assert!(gateway.call("ds_list", &json!({ "full": 1 })).to_string().contains("weight"));
    gateway.folder.write("dispatcher.list", "1 sip:127.0.0.1:5070\nbroken\n");
    let refusal = gateway.call("ds_reload", &json!([]))["error"].clone();
    assert_eq!(refusal["code"], 500);
    assert!(refusal["message"].as_str().unwrap().contains(".list:2: "), "{refusal}");
    assert!(gateway.tell("ds_reload", &[]).starts_with("500 "));
    assert_eq!(states(), ["Probing", "Inactive"], "the old list stays");
    gateway.folder.write("dispatcher.list", "1 sip:127.0.0.1:5070\n");
    let told = gateway.call("ds_reload", &json!([]))["result"].clone();
    assert_eq!(told["changes"]["default"]["SETS"][0]["removed"], 1);
    assert_eq!(states(), ["Probing"], "the state stays");
}

#[test]
fn statistics_in_both_forms() {
    let gateway = Managed::start();
    let named = json!({ "statistics": ["rcv_requests", "sent_replies"] });
    let expected = json!({ "core:rcv_requests": 0, "sl:sent_replies": 0 });
    for params in [&named, &json!(["rcv_requests", "sent_replies"])] {
        assert_eq!(gateway.call("get_statistics", params)["result"], expected);
    }
    let text = gateway.tell("get_statistics", &["rcv_requests", "sent_replies"]);
    assert_eq!(text, "200 OK\ncore:rcv_requests = 0\nsl:sent_replies = 0\n\n");
    let text = gateway.tell("list_statistics", &["rcv_requests"]);
    assert_eq!(text, "200 OK\ncore:rcv_requests:: incremental\n\n");
}

#[test]
fn refusals_are_those_of_the_protocols() {
    let gateway = Managed::start();
    let request = |rest: &str| format!(r#"{{"jsonrpc":"2.0","id":7,{rest}}}"#);
    for (body, code, id) in [
        ("{\"half\":".to_owned(), -32700, json!(null)),
        ("garbage".to_owned(), -32700, json!(null)),
        ("no JSON at all".to_owned(), -32700, json!(null)),
        ("[]".to_owned(), -32600, json!(null)),
        ("{}".to_owned(), -32600, json!(null)),
        (format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)), -32600, json!(null)),
        (request(r#""method":"nothing""#), -32601, json!(7)),
        (request(r#""method":"core:list""#), -32601, json!(7)),
        (request(r#""method":"uptime","params":["x"]"#), -32602, json!(7)),
        (request(r#""method":"ds_set_state","params":["x","1","sip:a"]"#), 500, json!(7)),
        (request(r#""method":"ds_set_state","params":["a","9","sip:a"]"#), 404, json!(7)),
        (request(r#""method":"ds_list","params":["full","other"]"#), 404, json!(7)),
    ] {
        assert_eq!(gateway.error_code(&body), (code, id), "{body:.200}");
    }
    assert_eq!(gateway.tell("nothing", &[]), "500 command 'nothing' not available\n\n");
    let missing = "400 state is missing; usage: ds_set_state state group address\n\n";
    assert_eq!(gateway.tell("ds_set_state", &[]), missing);
    let long = "x".repeat(70_000);
    assert_eq!(gateway.tell("ds_list", &[&long]), "400 more than 65536 bytes\n\n");
    let unknown = gateway.tell("ds_set_state", &["a", "1", "sip:a"]);
    assert_eq!(unknown, "404 destination not found\n\n");
    // Bytes that nobody understands are skipped.
    gateway.write("hello\n\n:\n\0\u{1}\n:no second colon\n");
    assert!(gateway.tell("uptime", &[]).contains("Up time:: "));
}

#[test]
fn silence_where_nobody_waits_for_an_answer() {
    let gateway = Managed::start();
    let set = |state: &str| json!([state, "1", "sip:127.0.0.1:5070"]);
    let call = |params: Value| {
        json!({ "jsonrpc": "2.0", "method": "ds_set_state", "params": params }).to_string()
    };
    let state = || gateway.tell("ds_list", &[]).contains("5070 state=Inactive");
    let await_state = |wanted: bool| {
        let end = Instant::now() + PATIENCE;
        while state() != wanted {
            assert!(Instant::now() < end);
        }
    };
    // No id: it is run, and the reply FIFO is closed without a byte.
    let body = call(set("i"));
    assert_eq!(gateway.ask(&format!(":REPLY:{body}\n")), "");
    await_state(true);
    // No reply FIFO: it is run.
    gateway.write(&format!("::{}\n", call(set("a"))));
    await_state(false);
    gateway.write(":ds_set_state:\ni\n1\nsip:127.0.0.1:5070\n\n");
    await_state(true);
}

#[test]
fn reply_names_stay_in_their_folder() {
    let gateway = Managed::start();
    let outside = Folder::new();
    let body = r#"{"jsonrpc":"2.0","method":"ds_set_state","params":["i","1","sip:127.0.0.1:5070"],"id":1}"#;
    let file = gateway.folder.write("file", "untouched");
    fs::create_dir(gateway.folder.path("folder")).unwrap();
    mkfifo(&outside.path("target"));
    symlink(outside.path("target"), gateway.folder.path("link")).unwrap();
    symlink(&file, gateway.folder.path("file_link")).unwrap();
    let far = outside.path("target");
    let near = format!("../{}/target", far.rsplit('/').nth(1).unwrap());
    for name in [&far, &near, "a/b", "..", ".", "link", "file_link", "file", "folder", "none"] {
        gateway.write(&format!(":{name}:{body}\n"));
        gateway.write(&format!(":kill:{name}\n\n"));
    }
    for why in ["is no name of a reply FIFO", "is a link", "is no FIFO", "No such file"] {
        gateway.running.await_error(why);
    }
    let list = gateway.tell("ds_list", &[]);
    assert!(list.contains("5070 state=Active"), "no such command was run: {list}");
    assert_eq!(fs::read_to_string(file).unwrap(), "untouched");
}

#[test]
fn ten_writers_at_once_get_their_own_answers() {
    const ROUNDS: usize = 20;
    let gateway = Managed::start();
    std::thread::scope(|scope| {
        for writer in 0..10 {
            let gateway = &gateway;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = format!("reply-{writer}-{round}");
                    let reply = gateway.reply_fifo(&name);
                    let word = format!("from-{writer}-{round}");
                    // opensips-cli ends its line by nothing at all.
                    let end = ["", "\n"][round % 2];
                    if (writer + round) % 3 == 0 {
                        gateway.write(&format!(":help:{name}\n{word}\n\n"));
                        let text = reply.recv_timeout(PATIENCE).unwrap();
                        assert_eq!(text, format!("404 no command {word}\n\n"));
                        continue;
                    }
                    let body =
                        json!({"jsonrpc": "2.0", "method": "help", "params": [word], "id": word});
                    gateway.write(&format!(":{name}:{body}{end}"));
                    let text = reply.recv_timeout(PATIENCE).unwrap();
                    let reply: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(reply["id"], word);
                    assert_eq!(reply["error"]["message"], format!("no command {word}"));
                }
            });
        }
    });
}

#[test]
fn who_does_not_read_holds_up_nobody() {
    let gateway = Managed::start();
    // Ten have made their FIFO and never open it; ten open it and never read what fills it.
    let held: Vec<fs::File> = (0..10)
        .map(|at| {
            mkfifo(&gateway.folder.path(&format!("shut{at}")));
            let path = gateway.folder.path(&format!("full{at}"));
            mkfifo(&path);
            let mut both = OpenOptions::new();
            let mut full = both.read(true).write(true).open(path).unwrap();
            full.write_all(&[b'x'; 65_536]).unwrap();
            full
        })
        .collect();
    for at in 0..10 {
        gateway.write(&format!(":which:shut{at}\n\n:which:full{at}\n\n"));
    }
    let asked = Instant::now();
    for _ in 0..10 {
        assert!(gateway.tell("version", &[]).contains("Server:: Sluice"));
    }
    assert!(asked.elapsed() < Duration::from_secs(30), "they were not waited for");
    gateway.running.await_error("nobody reads");
    gateway.running.await_error("full9 is given up: nobody reads it");
    drop(held);
    assert!(gateway.tell("version", &[]).contains("Server:: Sluice"));
}

#[test]
fn parameters_of_the_module() {
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    let group = nix::unistd::Group::from_gid(group).unwrap().unwrap().name;
    let gateway = Managed::with(&format!(
        "modparam(\"mi_fifo\", \"fifo_mode\", 0606)\n\
         modparam(\"mi_fifo\", \"fifo_user\", {user})\n\
         modparam(\"mi_fifo\", \"fifo_group\", \"{group}\")\n\
         modparam(\"mi_fifo\", \"pretty_printing\", 1)\n\
         modparam(\"mi_fifo\", \"reply_indent\", \"..\")\n{ANSWERING}"
    ));
    let fifo = fs::metadata(gateway.fifo()).unwrap();
    assert!(fifo.file_type().is_fifo());
    assert_eq!(fifo.permissions().mode() & 0o777, 0o606);
    let reply = gateway.ask(":REPLY:{\"jsonrpc\":\"2.0\",\"method\":\"pwd\",\"id\":1}\n");
    assert!(reply.starts_with("{\n  \"jsonrpc\": \"2.0\",\n  \"result\": {\n"), "{reply}");
    assert!(gateway.tell("ds_list", &[]).contains("\n..SET:: 1\n....URI:: "));
    let folder = Folder::new();
    for (line, why) in [
        ("modparam(\"mi_fifo\", \"fifo_mode\", 01000)", "permissions are 0 to 0777"),
        ("modparam(\"mi_fifo\", \"fifo_user\", \"nobody-here\")", "no such user"),
        ("modparam(\"mi_fifo\", \"fifo_group\", \"nobody-here\")", "no such group"),
        ("modparam(\"mi_fifo\", \"fifo_name\", \"\")", "fifo_name is needed"),
        (
            "modparam(\"mi_fifo\", \"fifo_name\", \"/dev/null\")",
            "/dev/null is there and is no FIFO",
        ),
        ("modparam(\"mi_fifo\", \"fifo_name\", \"/nowhere/fifo\")", "/nowhere/fifo: No such file"),
    ] {
        let script = script(&folder, &format!("{line}\n{ANSWERING}"));
        let err = refused(&["-f", &script, "-l", &address().to_string()], "");
        assert!(err.contains("test.cfg:") && err.contains(why), "{line}: {err}");
    }
}

#[test]
fn the_file_of_the_dead_is_replaced_and_that_of_the_living_is_not() {
    let folder = Folder::new();
    let (script, fifo) = (script(&folder, ANSWERING), folder.path("fifo"));
    mkfifo(&fifo);
    let there = || fs::exists(&fifo).unwrap();
    let args = |listen: &str| ["-f", &script, "-l", listen].map(str::to_owned);
    let address = address();
    let running = Running::gateway(&args(&address.to_string()).each_ref().map(String::as_str));
    let gateway = Managed { folder, running, address };
    assert!(gateway.tell("version", &[]).starts_with("200 OK"), "a stale file is taken over");
    let second = crate::support::address().to_string();
    let err = refused(&args(&second).each_ref().map(String::as_str), "");
    assert!(err.contains(&format!("mi_fifo: {fifo} is in use: another program reads it")), "{err}");
    assert!(gateway.tell("version", &[]).starts_with("200 OK"), "the first is not harmed");
    let other = Managed::start();
    assert!(other.tell("version", &[]).starts_with("200 OK"), "other names work beside it");
    let Managed { folder: _folder, running, .. } = gateway;
    assert!(there());
    running.signal("TERM");
    assert_eq!(running.wait().code, Some(0));
    assert!(!there(), "it is removed at the end");
    let killed = other.fifo();
    other.running.signal("KILL");
    let Managed { folder, running, .. } = other;
    running.wait();
    assert!(fs::exists(&killed).unwrap(), "killed, it leaves its file");
    let script = folder.path("test.cfg");
    Running::gateway(&["-f", &script, "-l", &crate::support::address().to_string()]);
}

#[test]
fn it_belongs_to_the_user_that_the_program_becomes() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let folder = Folder::new();
    let (script, listen) = (script(&folder, ANSWERING), address().to_string());
    let running = Running::gateway(&["-f", &script, "-l", &listen, "-u", "nobody"]);
    assert_eq!(fs::metadata(folder.path("fifo")).unwrap().uid(), user.uid.as_raw());
    running.signal("TERM");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn kill_ends_the_program_after_its_answer() {
    for text in [false, true] {
        let gateway = Managed::start();
        if text {
            assert_eq!(gateway.tell("kill", &[]), "200 OK\n\n");
        } else {
            assert_eq!(gateway.call("core:kill", &json!([]))["result"], "OK");
        }
        let fifo = gateway.fifo();
        let Managed { folder: _folder, running, .. } = gateway;
        assert_eq!(running.wait().code, Some(0));
        assert!(!fs::exists(fifo).unwrap());
    }
}
