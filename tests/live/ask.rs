//! `sluice mi COMMAND` at a running gateway, and where none runs.

use std::fs::OpenOptions;
use std::net::UdpSocket;
use std::time::Instant;

use serde_json::{Value, json};
use sluice_control::Dns;

use crate::live::Live;
use crate::mi::{Managed, mkfifo};
use crate::sip::{Agent, Request, first_line};
use crate::support::{Ended, Folder, address, sluice};

/// Asks through a FIFO; replies come by the same folder.
fn ask_at(fifo: &str, words: &[&str]) -> Ended {
    let (folder, _) = fifo.rsplit_once('/').unwrap();
    sluice(&[&["mi", "--fifo", fifo, "--reply-dir", folder], words].concat(), "")
}

fn ask(gateway: &Managed, words: &[&str]) -> Value {
    let ended = ask_at(&gateway.fifo(), words);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{words:?}: {ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

/// The reason of a refusal, which has exit code 1.
fn refusal(fifo: &str, words: &[&str]) -> String {
    let ended = ask_at(fifo, words);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{words:?}: {ended:?}");
    ended.err
}

#[test]
fn commands_are_asked_and_answered() {
    let gateway = Managed::start();
    let out = ask_at(&gateway.fifo(), &["pwd"]).out;
    assert!(out.starts_with("{\n  \"WD\": \"/"), "it is indented: {out}");
    let listed = ask(&gateway, &["ds_list", "full"]).to_string();
    assert!(listed.contains("\"weight\":1"), "{listed}");
    let set = &["dispatcher:set_state", "i", "1", "sip:127.0.0.1:5070"];
    assert_eq!(ask(&gateway, set), "OK");
    let named = &["ds_set_state", "address=sip:127.0.0.1:5072", "group=1", "state=p"];
    assert_eq!(ask(&gateway, named), "OK");
    let listed = ask(&gateway, &["ds_list"]).to_string();
    assert!(listed.contains("Inactive") && listed.contains("Probing"), "{listed}");
    let both = json!({ "core:rcv_requests": 0, "sl:sent_replies": 0 });
    let names = ["rcv_requests", "sent_replies"];
    assert_eq!(ask(&gateway, &["get_statistics", names[0], names[1]]), both);
    let named = names.map(|name| format!("statistics={name}"));
    assert_eq!(ask(&gateway, &["get_statistics", &named[0], &named[1]]), both);
    let as_json = &["--json", "{\"statistics\":[\"rcv_requests\",\"sent_replies\"]}"];
    assert_eq!(ask(&gateway, &[as_json, &["statistics:get"][..]].concat()), both);
    assert_eq!(ask(&gateway, &["log_level", "-1"]), json!({ "New global log level": -1 }));
    assert_eq!(ask(&gateway, &["kill"]), "OK");
    let Managed { folder: _folder, running, .. } = gateway;
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn refusals_say_why() {
    let gateway = Managed::start();
    for (words, why) in [
        (&["nothing"][..], "-32601 Method not found: no command nothing"),
        (&["ds_set_state", "a"], "-32602 Invalid params: group is missing; usage: ds_set_state "),
        (&["ds_set_state", "a", "1", "sip:x"], "404 destination not found"),
        (&["ds_set_state", "a", "group=1", "sip:x"], "all in order or all as name=value"),
        (&["--json", "5", "ps"], "--json: parameters are an array or an object"),
        (&["help", &"x".repeat(5_000)], "the command has more than 4096 bytes"),
    ] {
        let err = refusal(&gateway.fifo(), words);
        assert!(err.starts_with("sluice: ") && err.contains(why), "{words:?}: {err}");
    }
    let nowhere = ["--reply-dir", "/nowhere", "ps"];
    let ended = sluice(&[&["mi", "--fifo", &gateway.fifo()], &nowhere[..]].concat(), "");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("reply FIFO /nowhere/"), "{}", ended.err);
}

#[test]
fn commands_by_datagram_and_by_http() {
    let (udp, http) = (address(), address());
    let folder = Folder::new();
    let sockets = [format!("udp:{udp}"), folder.path("mi.sock")];
    for socket in &sockets {
        let gateway = Managed::with(&format!(
            "loadmodule \"mi_datagram\"\nmodparam(\"mi_datagram\", \"socket_name\", \"{socket}\")\n\
             loadmodule \"httpd\"\nloadmodule \"mi_http\"\nmodparam(\"httpd\", \"port\", {})\n\
             modparam(\"httpd\", \"auth_username\", \"ann\")\n\
             modparam(\"httpd\", \"auth_password\", \"secret\")\n\
             route {{ exit; }}",
            http.port()
        ));
        let at = |place: &str, words: &[&str]| {
            // A FIFO's reply comes where its script says.
            let (of_fifo, _) = place.rsplit_once("/fifo").unwrap_or_default();
            let own = if of_fifo.is_empty() { folder.path("") } else { of_fifo.to_owned() };
            sluice(&[&["mi", "--at", place, "--reply-dir", &own], words].concat(), "")
        };
        let page = format!("http://ann:secret@{http}/mi");
        for place in [socket.as_str(), &page, &gateway.fifo()] {
            let set = at(place, &["ds_set_state", "i", "1", "sip:127.0.0.1:5070"]);
            assert_eq!((set.code, set.out.as_str()), (Some(0), "\"OK\"\n"), "{place}: {set:?}");
            assert!(at(place, &["ds_list"]).out.contains("\"state\": \"Inactive\""), "{place}");
            let refused = at(place, &["ds_set_state", "i", "9", "sip:x"]);
            assert!(refused.err.contains("404 destination not found"), "{place}: {refused:?}");
        }
        let unknown = at(&format!("http://{http}/mi"), &["ps"]);
        assert!(unknown.err.contains("401 Unauthorized: name and password"), "{unknown:?}");
        let elsewhere = at(&format!("http://ann:secret@{http}/other"), &["ps"]);
        assert!(elsewhere.err.contains("404 Not Found"), "{elsewhere:?}");
        drop(gateway);
        for (place, why) in [
            (&format!("udp:{udp}"), "nothing listens at udp:127.0.0.1:"),
            (&page, "onnection refused"),
            (&"https://x/mi".to_owned(), "https is not spoken here"),
            (&"udp:127.0.0.1".to_owned(), "udp:127.0.0.1: "),
        ] {
            let none = at(place, &["ps"]);
            assert!(none.code == Some(1) && none.err.contains(why), "{place}: {none:?}");
        }
    }
    // A killed gateway leaves its socket; nothing of ours is left beside it.
    assert!(refusal(&sockets[1], &["ps"]).contains("nothing listens at "), "of the dead");
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 1);
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = format!("udp:{}", deaf.local_addr().unwrap());
    let late = sluice(&["mi", "--at", &place, "--timeout", "1", "ps"], "");
    assert!(late.err.contains("no answer within 1 s"), "{late:?}");
}

#[test]
fn where_nothing_listens_it_says_so() {
    let folder = Folder::new();
    let none = folder.path("none");
    assert!(refusal(&none, &["ps"]).contains(&format!("there is no FIFO {none}: does a gateway")));
    let stale = folder.path("stale");
    mkfifo(&stale);
    assert!(refusal(&stale, &["ps"]).contains(&format!("nothing listens at {stale}")));
    let file = folder.write("file", "");
    assert!(refusal(&file, &["ps"]).contains(&format!("{file} is no FIFO")));
    let deaf = folder.path("deaf");
    mkfifo(&deaf);
    let _reader = OpenOptions::new().read(true).write(true).open(&deaf).unwrap();
    let late = refusal(&deaf, &["--timeout", "1", "ps"]);
    assert!(late.contains("no answer within 1 s"), "{late}");
    let left = std::fs::read_dir(folder.path("")).unwrap().count();
    assert_eq!(left, 3, "no reply FIFO is left behind");
}

#[test]
fn a_command_that_waits_holds_up_nobody() {
    let names = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let (fifo, list) = (folder.path("fifo"), folder.write("list", "1 sip:127.0.0.1:5070\n"));
    let script = format!(
        "loadmodule \"mi_fifo\"\nmodparam(\"mi_fifo\", \"fifo_name\", \"{fifo}\")\n\
         modparam(\"mi_fifo\", \"reply_dir\", \"{}\")\nloadmodule \"dispatcher\"\n\
         modparam(\"dispatcher\", \"list_file\", \"{list}\")\nloadmodule \"sl\"\n\
         route {{ sl_send_reply(200, \"OK\"); }}\n",
        folder.path("")
    );
    let live = Live::asking(Dns::asking(names.local_addr().unwrap()), &script, 1);
    folder.write("list", "1 sip:127.0.0.1:5070\n1 sip:silent.example\n1 sip:mute.example\n");
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| (ask_at(&fifo, &["ds_reload"]), Instant::now()));
        // The name is asked for, and never answered.
        names.recv_from(&mut [0; 512]).unwrap();
        assert_eq!(ask_at(&fifo, &["version"]).code, Some(0));
        let caller = Agent::new();
        caller.send(live.address, Request::default().text(caller.address()));
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
        let answered = Instant::now();
        let (ended, reloaded) = reload.join().unwrap();
        assert!(answered < reloaded, "they waited for the name");
        assert!(ended.code == Some(0) && ended.out.contains("silent.example"), "{ended:?}");
    });
}
