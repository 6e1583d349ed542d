//! SQL databases under the program: the dispatcher's table in each kind, made and looked at by the
//! makers' own clients.

mod load;
mod mariadb;
mod postgres;
mod relay;
pub mod servers;
mod source;
pub mod sqlite;

use serde_json::Value;
use sluice_control::mi::Params;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, first_of};
use crate::support::{Folder, Running, address, refused};

/// A database of one kind.
pub trait Kind {
    /// The module that knows it.
    const MODULE: &'static str;
    /// Its URL.
    fn url(&self) -> String;
    /// Does statements by the maker's client; the fields of what they give, parted by `|`.
    fn sql(&self, text: &str) -> String;
}

/// The dispatcher's table as of version 9, and the table of versions.
const TABLES: &str = "CREATE TABLE version (table_name CHAR(32) NOT NULL, \
     table_version INT DEFAULT 0 NOT NULL);\n\
     INSERT INTO version VALUES ('dispatcher', 9);\n\
     CREATE TABLE dispatcher (id INT PRIMARY KEY, setid INT DEFAULT 0 NOT NULL, \
     destination CHAR(192) DEFAULT '' NOT NULL, socket CHAR(128) DEFAULT NULL, \
     state INT DEFAULT 0 NOT NULL, probe_mode INT DEFAULT 0 NOT NULL, \
     weight CHAR(64) DEFAULT '1' NOT NULL, priority INT DEFAULT 0 NOT NULL, \
     attrs CHAR(128) DEFAULT NULL, description CHAR(64) DEFAULT NULL);";

fn row(id: usize, agent: &Agent, state: u32) -> String {
    format!(
        "INSERT INTO dispatcher (id, setid, destination, state, attrs, description) \
         VALUES ({id}, 1, 'sip:{}', {state}, NULL, 'it''s one');",
        agent.address()
    )
}

fn script(module: &str, params: &str) -> String {
    format!(
        "loadmodule \"{module}.so\"\nloadmodule \"dispatcher.so\"\nloadmodule \"sl.so\"\n{params}\
         route {{\n  if (!ds_select_dst(1, 4)) {{ sl_send_reply(500, \"None\"); exit; }}\n  \
         forward();\n}}\n"
    )
}

fn url_of(kind: &impl Kind) -> String {
    format!("modparam(\"dispatcher\", \"db_url\", \"{}\")\n", kind.url())
}

fn destinations(gateway: &Live) -> Vec<(String, String)> {
    let list = gateway.management().run("ds_list", &Params::words(&[])).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = list["PARTITIONS"][0]["SETS"][0]["Destinations"].as_array().unwrap();
    all.iter().map(|one| (text(&one["URI"]), text(&one["state"]))).collect()
}

/// The dispatcher runs from a table, follows it, and writes states back.
fn dispatcher_runs<K: Kind>(kind: &K) {
    let agents: Vec<Agent> = (0..3).map(|_| Agent::new()).collect();
    kind.sql(TABLES);
    kind.sql(&row(1, &agents[0], 0));
    kind.sql(&row(2, &agents[1], 1));
    let gateway = Live::start(&script(K::MODULE, &url_of(kind)), 2);
    let uri = |at: usize| format!("sip:{}", agents[at].address());
    let listed = |states: &[&str]| -> Vec<(String, String)> {
        states.iter().enumerate().map(|(at, state)| (uri(at), (*state).to_owned())).collect()
    };
    assert_eq!(destinations(&gateway), listed(&["Active", "Inactive"]));
    let caller = Agent::new();
    let request = Request::default();
    caller.send(gateway.address, request.text(caller.address()));
    let (at, text, _) = first_of(&agents);
    assert_eq!((at, first_line(&text)), (0, "OPTIONS sip:bob@example.com SIP/2.0"));

    let run =
        |command: &str, words: &[&str]| gateway.management().run(command, &Params::words(words));
    kind.sql(&row(3, &agents[2], 0));
    run("ds_reload", &[]).unwrap();
    assert_eq!(destinations(&gateway).len(), 3);
    run("ds_set_state", &["i", "1", &uri(2)]).unwrap();
    let statistics = run("get_statistics", &[&format!("{}:", K::MODULE)]).unwrap();
    let count = |name: &str| statistics[format!("{}:{name}", K::MODULE)].as_u64().unwrap();
    assert!(count("queries") >= 4 && count("failed") == 0, "{statistics}");
    assert_eq!(count("connections"), 1, "one after another needs one");

    kind.sql("DROP TABLE version;");
    run("ds_reload", &[]).unwrap();
    kind.sql("ALTER TABLE dispatcher RENAME TO other;");
    let error = run("ds_reload", &[]).unwrap_err();
    assert_eq!(error.code, 500, "{error:?}");
    assert_eq!(destinations(&gateway).len(), 3, "the old ones stay");
    kind.sql("ALTER TABLE other RENAME TO dispatcher;");
    drop(gateway);
    let states = kind.sql("SELECT id, state FROM dispatcher ORDER BY id;");
    assert_eq!(states, "1|0\n2|1\n3|1\n", "they are written back at the end");
    starts_and_refusals(kind);
}

/// What a start says of tables that are not as they should be.
fn starts_and_refusals<K: Kind>(kind: &K) {
    let folder = Folder::new();
    let start = |params: &str| {
        let path = folder.write("test.cfg", &script(K::MODULE, params));
        (path, address().to_string())
    };
    let refusal = |params: &str| {
        let (path, listen) = start(params);
        refused(&["-f", &path, "-l", &listen, "-E"], "")
    };
    let table = |name: &str| {
        format!("{}modparam(\"dispatcher\", \"table_name\", \"{name}\")\n", url_of(kind))
    };
    let error = refusal(&table("gateways"));
    assert!(error.contains("table gateways: "), "{error}");
    kind.sql("CREATE TABLE gateways (id INT PRIMARY KEY, setid INT);");
    let error = refusal(&table("gateways"));
    assert!(error.contains("there is no column `destination`"), "{error}");

    kind.sql("CREATE TABLE version (table_name CHAR(32), table_version INT);");
    kind.sql("INSERT INTO version VALUES ('dispatcher', 12);");
    let default = format!("db_default_url = \"{}\"\n", kind.url());
    let (path, listen) = start(&default);
    let running = Running::gateway(&["-f", &path, "-l", &listen, "-E"]);
    let told = running.error_text();
    assert!(told.contains("version 12, not 3 to 9; its columns are read by their names"), "{told}");
}
