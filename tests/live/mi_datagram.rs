//! Management by datagrams at a running program: both kinds of sockets, both forms, what is
//! refused, who does not read.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::time::Instant;

use serde_json::{Value, json};

use crate::mi::Managed;
use crate::support::{PATIENCE, address, refused};

const ANSWERING: &str = "route { sl_send_reply(\"200\", \"OK\"); }\n";

/// Lines of a script that serve datagrams at `name`.
fn lines(name: &str, more: &str) -> String {
    format!(
        "loadmodule \"mi_datagram.so\"\nmodparam(\"mi_datagram\", \"socket_name\", \"{name}\")\n\
         {more}\n{ANSWERING}"
    )
}

/// A gateway that takes commands at a UDP port, and the port.
fn by_udp() -> (Managed, SocketAddr) {
    let place = address();
    (Managed::with(&lines(&format!("udp:{place}"), "")), place)
}

struct Asker(UdpSocket);

impl Asker {
    fn at(place: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(place).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn ask(&self, request: &str) -> String {
        self.0.send(request.as_bytes()).unwrap();
        let mut bytes = vec![0; 65_536];
        let count = self.0.recv(&mut bytes).unwrap_or_else(|e| panic!("{request:.200}: {e}"));
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    fn json(&self, request: &str) -> Value {
        serde_json::from_str(&self.ask(request)).unwrap()
    }
}

fn call(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 7 }).to_string()
}

#[test]
fn commands_by_udp_in_both_forms() {
    let (_gateway, place) = by_udp();
    let asker = Asker::at(place);
    for name in ["ds_set_state", "dispatcher:set_state"] {
        let reply = asker.json(&call(name, &json!(["i", "1", "sip:127.0.0.1:5070"])));
        assert_eq!(reply, json!({ "jsonrpc": "2.0", "result": "OK", "id": 7 }));
    }
    assert!(asker.ask(":ds_list:\n").contains("\t\tURI:: sip:127.0.0.1:5070 state=Inactive"));
    assert!(asker.ask(":dispatcher:list:\n\n").contains("state=Inactive"));
    // As the documentation of the module there writes it.
    let statistics = asker.ask(":get_statistics:\nsl:\nrcv_requests\n");
    assert!(statistics.contains("sl:sent_replies = 0\n"), "{statistics}");
    assert!(statistics.ends_with("core:rcv_requests = 0\n\n"), "{statistics}");
    // A notification is run, and the next reply is that of the next request.
    let set = json!({ "jsonrpc": "2.0", "method": "ds_set_state",
        "params": { "state": "a", "group": 1, "address": "sip:127.0.0.1:5070" } });
    asker.0.send(set.to_string().as_bytes()).unwrap();
    let end = Instant::now() + PATIENCE;
    while asker.json(&call("ds_list", &json!([]))).to_string().contains("Inactive") {
        assert!(Instant::now() < end);
    }
    let batch = format!("[{},{set},{}]", call("pwd", &json!([])), call("nothing", &json!([])));
    let replies = asker.json(&batch);
    assert_eq!(replies.as_array().unwrap().len(), 2, "{replies}");
    assert_eq!(replies[1]["error"]["code"], -32601);
}

#[test]
fn refusals_by_datagram() {
    let (_gateway, place) = by_udp();
    let asker = Asker::at(place);
    for (request, code) in [
        ("", -32700),
        ("garbage", -32700),
        (&*format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000)), -32700),
        ("[]", -32600),
        ("{}", -32600),
        (&call("nothing", &json!([])), -32601),
        (&call("uptime", &json!(["x"])), -32602),
        (&call("ds_set_state", &json!({ "state": {}, "group": [], "address": null })), -32602),
        (&call("ds_set_state", &json!(["a", "9", "sip:a"])), 404),
    ] {
        assert_eq!(asker.json(request)["error"]["code"], code, "{request:.100}");
    }
    assert_eq!(asker.ask(":nothing:\n"), "500 command 'nothing' not available\n\n");
    assert!(asker.ask(":\n").starts_with("400 no request: "));
    let which = json!({ "jsonrpc": "2.0", "method": "which", "id": 1 });
    let large = asker.json(&json!(vec![which; 64]).to_string());
    assert_eq!(large["error"]["code"], -32603);
    let why = large["error"]["data"].as_str().unwrap();
    assert!(why.contains("65457 fit; ask by mi_fifo or mi_http"), "{why}");
    assert!(asker.ask(":version:\n").starts_with("200 OK\nServer:: Sluice"));
}

#[test]
fn a_unix_socket_with_its_permissions() {
    let folder = crate::support::Folder::new();
    let (path, group) = (folder.path("mi.sock"), nix::unistd::getgid());
    // One that a dead process left is replaced.
    drop(UnixDatagram::bind(&path).unwrap());
    let more = format!(
        "modparam(\"mi_datagram\", \"unix_socket_mode\", 0606)\n\
         modparam(\"mi_datagram\", \"unix_socket_group\", {group})\n\
         modparam(\"mi_datagram\", \"pretty_printing\", 1)\n\
         modparam(\"mi_datagram\", \"reply_indent\", \"..\")"
    );
    let gateway = Managed::with(&lines(&path, &more));
    let made = std::fs::metadata(&path).unwrap();
    assert!(made.file_type().is_socket());
    assert_eq!(made.permissions().mode() & 0o777, 0o606);
    let asker = UnixDatagram::bind(folder.path("asker")).unwrap();
    asker.set_read_timeout(Some(PATIENCE)).unwrap();
    let ask = |request: &str| {
        asker.send_to(request.as_bytes(), &path).unwrap();
        let mut bytes = vec![0; 65_536];
        let count = asker.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    };
    let pwd = ask(&call("pwd", &json!([])));
    assert!(pwd.starts_with("{\n  \"jsonrpc\": \"2.0\",\n  \"result\": {\n"), "{pwd}");
    assert!(ask(":ds_list:\n").contains("\n..SET:: 1\n....URI:: "));
    let long: Value = serde_json::from_str(&ask(&"x".repeat(70_000))).unwrap();
    assert_eq!(long["error"]["data"], "more than 65536 bytes");
    let err = refused(&["-f", &gateway.folder.path("test.cfg"), "-l", &address().to_string()], "");
    // The FIFO of the same script is refused first.
    assert!(err.contains("in use"), "{err}");
    let Managed { folder: _folder, running, .. } = gateway;
    running.signal("TERM");
    assert_eq!(running.wait().code, Some(0));
    assert!(!std::fs::exists(&path).unwrap(), "it goes with the program");
}

#[test]
fn who_does_not_read_datagrams_holds_up_nobody() {
    let folder = crate::support::Folder::new();
    let path = folder.path("mi.sock");
    let more = "modparam(\"mi_datagram\", \"socket_timeout\", 100)";
    let gateway = Managed::with(&lines(&path, more));
    let deaf = UnixDatagram::bind(folder.path("deaf")).unwrap();
    deaf.set_write_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..600 {
        deaf.send_to(b":which:\n", &path).unwrap();
    }
    // A sender without a path gets no reply, and is served.
    UnixDatagram::unbound().unwrap().send_to(b":version:\n", &path).unwrap();
    let asker = UnixDatagram::bind(folder.path("asker")).unwrap();
    asker.set_read_timeout(Some(PATIENCE)).unwrap();
    asker.send_to(b":version:\n", &path).unwrap();
    let mut bytes = [0; 512];
    let count = asker.recv(&mut bytes).unwrap();
    assert!(bytes[..count].starts_with(b"200 OK\nServer:: Sluice"));
    gateway.running.await_error("is given up: nobody reads it");
}

#[test]
fn sockets_that_cannot_be_are_refused_with_their_line() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = crate::support::Folder::new();
    let file = folder.write("file", "kept");
    for (name, more, why) in [
        (format!("udp:{}", taken.local_addr().unwrap()), "", "in use"),
        (file.clone(), "", "is there and is no socket"),
        ("/nowhere/socket".to_owned(), "", "/nowhere/socket: No such file"),
        ("/tmp/x".to_owned(), "unix_socket_user", "no such user"),
        ("/tmp/x".to_owned(), "unix_socket_group", "no such group"),
    ] {
        let more = match more {
            "" => String::new(),
            param => format!("modparam(\"mi_datagram\", \"{param}\", \"nobody-here\")"),
        };
        let script = format!("loadmodule \"sl\"\n{}", lines(&name, &more));
        let script = folder.write("bad.cfg", &script);
        let err = refused(&["-f", &script, "-l", &address().to_string()], "");
        assert!(err.contains("bad.cfg:3:") && err.contains(why), "{name}: {err}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
}
