//! OpenSIPS' own command line, as PyPI has it, against the program: over FIFO, datagram and HTTP.
//!
//! Installed by pip into a virtual environment of the test's folder, with the reference reader of
//! Prometheus' format. The environment is Debian's package `python3-venv`; `scripts/test` installs
//! it.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::mi::Managed;
use crate::support::{Folder, address};

/// The newest releases when this was written.
const PACKAGES: [&str; 3] = ["opensipscli==0.4.1", "opensips==0.1.11", "prometheus-client==0.26.0"];

/// Reads a page as Prometheus' own Python client does; prints how many names and samples it has.
const READER: &str = "import sys, urllib.request\n\
    from prometheus_client.parser import text_string_to_metric_families as read\n\
    page = urllib.request.urlopen(sys.argv[1]).read().decode()\n\
    names = list(read(page))\n\
    print(len(names), sum(len(name.samples) for name in names))\n";

/// Python with the packages.
struct Python(Folder);

impl Python {
    fn new() -> Self {
        let folder = Folder::new();
        let made = Command::new("python3").args(["-m", "venv", &folder.path("")]).output();
        let good = made.as_ref().is_ok_and(|made| made.status.success());
        assert!(good, "install Debian's packages python3 and python3-venv: {made:?}");
        let python = Self(folder);
        let options = ["install", "--quiet", "--disable-pip-version-check"];
        let installed = python.run("pip", &[&options[..], &PACKAGES].concat());
        assert!(installed.status.success(), "{installed:?}");
        python
    }

    fn run(&self, program: &str, words: &[&str]) -> Output {
        let mut command = Command::new(self.0.path(&format!("bin/{program}")));
        // Nobody's own configuration counts.
        command.args(words).env("HOME", self.0.path("")).output().unwrap()
    }

    /// `opensips-cli -x mi`; its exit code and what it prints.
    fn mi(&self, way: &[String], words: &[&str]) -> (Option<i32>, String) {
        let options = way.iter().flat_map(|option| ["-o", option]);
        let line: Vec<&str> = options.chain(["-x", "mi"]).chain(words.iter().copied()).collect();
        let output = self.run("opensips-cli", &line);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    fn json(&self, way: &[String], words: &[&str]) -> Value {
        let (code, text) = self.mi(way, words);
        assert_eq!(code, Some(0), "{way:?} {words:?}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
    }
}

/// Everything that its users do with a gateway, by one way.
fn commands(python: &Python, way: &[String]) {
    let states = |listed: &Value| {
        let set = &listed["PARTITIONS"][0]["SETS"][0];
        let all = set["Destinations"].as_array().unwrap_or_else(|| panic!("{listed}"));
        all.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ask = |words: &[&str]| python.json(way, words);
    assert_eq!(states(&ask(&["ds_list"])), ["Active", "Active"]);
    assert_eq!(ask(&["ds_set_state", "i", "1", "sip:127.0.0.1:5070"]), "OK");
    assert_eq!(states(&ask(&["dispatcher:list"])), ["Inactive", "Active"]);
    let named = ["ds_set_state", "state=a", "group=1", "address=sip:127.0.0.1:5070"];
    assert_eq!(ask(&named), "OK");
    assert_eq!(ask(&["ds_reload"]), "OK");
    assert_eq!(states(&ask(&["ds_list"])), ["Active", "Active"]);
    let all = ask(&["get_statistics", "all"]);
    assert!(all["core:rcv_requests"].is_u64() && all["sl:sent_replies"].is_u64(), "{all}");
    let group = ask(&["get_statistics", "sl:"]);
    assert!(group.as_object().unwrap().keys().all(|name| name.starts_with("sl:")), "{group}");
    // What its completion of parameters asks for.
    let sets = ask(&["which", "ds_set_state"]);
    assert_eq!(sets, json!([["state", "group", "address"]]));
    assert!(ask(&["ps"])["Processes"][0]["PID"].is_u64());
    let (code, text) = python.mi(way, &["ds_set_state", "i", "9", "sip:nobody"]);
    assert!(code != Some(0) && text.contains("404"), "{text}");
    let (code, text) = python.mi(way, &["nothing"]);
    assert!(code != Some(0) && text.contains("no command 'nothing'"), "{text}");
}

#[test]
fn opensips_cli_works_unchanged_over_fifo_datagram_and_http() {
    let python = Python::new();
    let (http, datagram) = (address(), address());
    let port = http.port();
    let gateway = Managed::with(&format!(
        "loadmodule \"httpd\"\nloadmodule \"mi_http\"\nloadmodule \"prometheus\"\n\
         loadmodule \"mi_datagram\"\nloadmodule \"tm\"\nmodparam(\"httpd\", \"port\", {port})\n\
         modparam(\"mi_datagram\", \"socket_name\", \"udp:{datagram}\")\n\
         modparam(\"prometheus\", \"statistics\", \"all\")\n\
         route {{ sl_send_reply(\"200\", \"OK\"); }}"
    ));
    let ways = [
        vec![
            format!("fifo_file={}", gateway.fifo()),
            format!("fifo_reply_dir={}", gateway.folder.path("")),
        ],
        vec![
            "communication_type=datagram".to_owned(),
            format!("datagram_ip={}", datagram.ip()),
            format!("datagram_port={}", datagram.port()),
            "datagram_timeout=30".to_owned(),
        ],
        vec!["communication_type=http".to_owned(), format!("url=http://{http}/mi")],
    ];
    for way in &ways {
        commands(&python, way);
    }
    let read = python.run("python", &["-c", READER, &format!("http://{http}/metrics")]);
    let counts = String::from_utf8(read.stdout).unwrap();
    let counts: Vec<usize> = counts.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert!(counts.len() == 2 && counts[0] > 50 && counts[1] >= counts[0], "{counts:?}");
}
