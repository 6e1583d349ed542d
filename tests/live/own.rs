//! Requests that the gateway makes itself: `sluice mi t_uac_dlg` against an agent that answers.

use serde_json::{Value, json};

use crate::sip::{Agent, first_line, headers, reply};
use crate::support::{Ended, Folder, Running, address, sluice};

/// A gateway of two workers that makes requests.
struct Gateway {
    folder: Folder,
    running: Running,
}

impl Gateway {
    /// `patience`: seconds until an answer.
    fn start(patience: u32) -> Self {
        let folder = Folder::new();
        let text = format!(
            "loadmodule \"mi_fifo.so\"\nloadmodule \"tm.so\"\nloadmodule \"sipmsgops.so\"\n\
             modparam(\"mi_fifo\", \"fifo_name\", \"{}\")\n\
             modparam(\"mi_fifo\", \"reply_dir\", \"{}\")\nmodparam(\"tm\", \"fr_timeout\", {patience})\n\
             route {{ t_reply(404, \"Nobody\"); }}\n\
             local_route {{ append_hf(\"X-Seen: $rm $fU\\r\\n\"); }}\n",
            folder.path("fifo"),
            folder.path("")
        );
        let script = folder.write("test.cfg", &text);
        let listen = address().to_string();
        let running = Running::gateway(&["-f", &script, "-l", &listen, "-n", "2"]);
        Self { folder, running }
    }

    fn ask(&self, words: &[&str]) -> Ended {
        let (fifo, folder) = (self.folder.path("fifo"), self.folder.path(""));
        let command = ["mi", "--fifo", &fifo, "--reply-dir", &folder];
        sluice(&[&command[..], words].concat(), "")
    }

    /// Asks for a request by name; the answer of the command.
    fn request(&self, method: &str, uri: &str, headers: &str) -> Value {
        let method = format!("method={method}");
        let (uri, headers) = (format!("ruri={uri}"), format!("headers={headers}"));
        let ended = self.ask(&["t_uac_dlg", &method, &uri, &headers]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
        serde_json::from_str(&ended.out).unwrap()
    }
}

#[test]
fn a_request_by_hand_prints_its_final_reply() {
    let (gateway, agent) = (Gateway::start(1), Agent::new());
    let uri = format!("sip:bob@{}", agent.address());
    let heads = "From: <sip:ann@x>\\r\\nTo: <sip:bob@x>\\r\\nContact: <sip:!!>\\r\\n";
    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| gateway.request("INFO", &uri, heads));
        let request = agent.answer("200 Very well");
        assert_eq!(first_line(&request), format!("INFO {uri} SIP/2.0"));
        assert_eq!(headers(&request, "X-Seen"), ["INFO ann"]);
        assert!(headers(&request, "Contact")[0].starts_with("<sip:127.0.0.1:"));
        asked.join().unwrap()
    });
    assert_eq!(answer["Status"], json!("200 Very well"));
    assert!(answer["Message"].as_str().unwrap().contains("CSeq: 10 INFO\r\n"));
    // Nobody there; nobody at home; not a request.
    let silent = Agent::new();
    let uri = format!("sip:bob@{}", silent.address());
    let answer = gateway.request("OPTIONS", &uri, heads);
    assert_eq!(answer, json!({ "Status": "408 Request Timeout" }));
    let ended = gateway.ask(&["t_uac_dlg", "OPTIONS", "sip:bob@nowhere.invalid", ".", ".", heads]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("476 Unresolvable destination (476/MI/UAC)"), "{}", ended.err);
    let ended = gateway.ask(&["t_uac_dlg", "OPTIONS", "sip:bob@x"]);
    assert!(ended.err.contains("400 To missing"), "{}", ended.err);
}

#[test]
fn ten_at_once_wait_for_nobody_but_their_own() {
    let (gateway, agent) = (Gateway::start(30), Agent::new());
    let uri = format!("sip:bob@{}", agent.address());
    std::thread::scope(|scope| {
        let ask = |n: usize| {
            let (gateway, uri) = (&gateway, &uri);
            scope.spawn(move || {
                let heads = format!(
                    "From: <sip:n{n}@x>\\r\\nTo: <sip:bob@x>\\r\\nCall-ID: given-{n}\\r\\n\
                     CSeq: {n} MESSAGE\\r\\nContent-Type: text/plain\\r\\n"
                );
                gateway.request("MESSAGE", uri, &heads)
            })
        };
        let asked: Vec<_> = (1..=10).map(ask).collect();
        // All of them are on their way before the first is answered, and the last one is first.
        let mut requests = Vec::new();
        while requests.len() < 10 {
            let (_, request, from) = crate::sip::first_of(std::slice::from_ref(&agent));
            let known = |(other, _): &(String, _)| {
                headers(other, "Call-ID") == headers(&request, "Call-ID")
            };
            if !requests.iter().any(known) {
                requests.push((request, from));
            }
        }
        for (request, from) in requests.iter().rev() {
            let number = headers(request, "CSeq")[0].split(' ').next().unwrap();
            agent.send(*from, reply(request, &format!("200 Number {number}")));
        }
        for (n, asked) in (1..).zip(asked) {
            assert_eq!(asked.join().unwrap()["Status"], json!(format!("200 Number {n}")));
        }
    });
    assert_eq!(gateway.ask(&["kill"]).code, Some(0));
    assert_eq!(gateway.running.wait().code, Some(0));
}
