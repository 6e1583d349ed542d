//! Management by HTTP at a running program: what is answered, what is refused, and who is slow.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mi::Managed;
use crate::sip::{Agent, Request, first_line};
use crate::support::{Folder, PATIENCE, address, refused};

const ANSWERING: &str = "route { sl_send_reply(\"200\", \"OK\"); }\n";

/// A gateway with pages, and where these are.
pub struct Pages {
    pub gateway: Managed,
    pub at: SocketAddr,
}

impl Pages {
    /// With these lines about its modules.
    pub fn with(more: &str) -> Self {
        let at = address();
        let gateway = Managed::with(&script(at, more));
        Self { gateway, at }
    }

    pub fn start() -> Self {
        Self::with("")
    }

    pub fn open(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A request on a connection of its own; the whole answer.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.open();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n",
            self.at,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        Answer::read(stream)
    }

    fn post(&self, body: &str) -> Answer {
        self.ask("POST", "/mi", "Content-Type: application/json\r\n", body.as_bytes())
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        let answer = self.post(&call(method, params));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// A SIP request is answered, and so is a command.
    fn serves(&self) {
        let caller = Agent::new();
        caller.send(self.gateway.address, Request::default().text(caller.address()));
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
        assert!(self.call("version", &json!([]))["result"]["Server"].is_string());
    }
}

fn script(at: SocketAddr, more: &str) -> String {
    let port = at.port();
    format!(
        "loadmodule \"httpd.so\"\nloadmodule \"mi_http.so\"\n\
         modparam(\"httpd\", \"port\", {port})\n{more}\n{ANSWERING}"
    )
}

fn call(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 7 }).to_string()
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }
}

#[test]
fn commands_are_posted() {
    let pages = Pages::start();
    for name in ["ds_set_state", "dispatcher:set_state"] {
        let reply = pages.call(name, &json!(["i", "1", "sip:127.0.0.1:5070"]));
        assert_eq!(reply, json!({ "jsonrpc": "2.0", "result": "OK", "id": 7 }));
    }
    assert!(pages.call("ds_list", &json!([])).to_string().contains("Inactive"));
    for name in ["httpd_list_root_path", "httpd:list_root_path"] {
        let listed = pages.call(name, &json!([]))["result"].clone();
        assert_eq!(listed, json!([{ "http_root": "mi", "module": "mi_http" }]));
    }
    let notification = json!({ "jsonrpc": "2.0", "method": "ds_set_state",
        "params": { "state": "a", "group": 1, "address": "sip:127.0.0.1:5070" } });
    let answer = pages.post(&notification.to_string());
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert!(!pages.call("ds_list", &json!([])).to_string().contains("Inactive"), "it was run");
    let batch = format!("[{},{notification},1]", call("pwd", &json!([])));
    let replies = pages.post(&batch).json();
    assert_eq!(replies.as_array().unwrap().len(), 2, "{replies}");
    assert_eq!((&replies[0]["id"], &replies[1]["error"]["code"]), (&json!(7), &json!(-32600)));
    // Two requests on one connection.
    let mut stream = pages.open();
    for last in [false, true] {
        let (body, end) = (call("uptime", &json!([])), if last { "close" } else { "keep-alive" });
        let length = body.len();
        write!(
            stream,
            "POST /mi HTTP/1.1\r\nHost: x\r\nConnection: {end}\r\nContent-Length: {length}\r\n\r\n\
             {body}"
        )
        .unwrap();
    }
    assert_eq!(Answer::read(stream).body.matches("Up since").count(), 2);
}

#[test]
fn what_is_no_command_is_refused_as_http_does() {
    let pages = Pages::start();
    let told = |method: &str, path: &str, headers: &str, body: &str| {
        let answer = pages.ask(method, path, headers, body.as_bytes());
        (answer.status, format!("{}\n{}", answer.head, answer.body))
    };
    let (status, text) = told("GET", "/mi", "", "");
    assert_eq!(status, 405);
    assert!(text.contains("allow: post") && text.contains("commands are JSON-RPC"), "{text}");
    assert_eq!(told("POST", "/mi", "", "").0, 400);
    let (status, text) = told("GET", "/other", "", "");
    assert!(status == 404 && text.contains("POST /mi"), "{text}");
    let (status, text) = told("POST", "/mi", "Origin: http://evil\r\n", &call("kill", &json!([])));
    assert!(status == 403 && text.contains("web pages"), "{text}");
    assert_eq!(told("POST", "/metrics", "", "{}").0, 404, "prometheus is not loaded");
    let long = format!("X-Long: {}\r\n", "x".repeat(20_000));
    assert_eq!(told("GET", "/mi", &long, "").0, 431);
    let mut stream = pages.open();
    stream.write_all(b"hello\r\n\r\n").unwrap();
    assert_eq!(Answer::read(stream).status, 400);
    pages.serves();
}

#[test]
fn deep_json_a_megabyte_unknown_commands_and_wrong_types_are_clear_errors() {
    let pages = Pages::start();
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    let deep_params = format!("{{\"a\":{}1{}}}", "{\"b\":".repeat(9_000), "}".repeat(9_000));
    for (body, code, why) in [
        (deep.as_str(), -32700, "recursion limit"),
        (&deep_params, -32700, "recursion limit"),
        ("{\"half\":", -32700, "EOF"),
        ("\u{0}", -32700, "expected value"),
        ("7", -32600, "not an object"),
        (&call("nothing", &json!([])), -32601, "no command nothing"),
        (&call("uptime", &json!(["x"])), -32602, "too many parameters"),
        (&call("uptime", &json!("x")), -32600, "params is no array or object"),
        (&call("log_level", &json!({ "level": { "a": 1 } })), -32602, "a parameter cannot be"),
        (&call("log_level", &json!({ "level": null })), -32602, "a parameter cannot be null"),
        (&call("log_level", &json!(["high"])), 400, "`high` is no level"),
        (&json!({ "jsonrpc": "2.0", "method": ["x"], "id": 1 }).to_string(), -32600, "no string"),
        (&json!({ "jsonrpc": "2.0", "method": "ps", "id": {} }).to_string(), -32600, "the id is"),
    ] {
        let answer = pages.post(body);
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (200, &json!(code)), "{body:.100}: {error}");
        assert!(error.to_string().contains(why), "{body:.100}: {error}");
    }
    let large = pages.post(&call("ds_list", &json!(["x".repeat(1_048_576)])));
    assert_eq!(large.status, 413);
    assert_eq!(large.json()["error"]["data"], "more than 65536 bytes");
    pages.serves();
}

#[test]
fn sizes_and_passwords_as_the_script_says() {
    let pages = Pages::with(
        "modparam(\"httpd\", \"post_buf_size\", 200000)\nmodparam(\"httpd\", \"buf_size\", 3000)\n\
         modparam(\"httpd\", \"auth_username\", \"ann\")\n\
         modparam(\"httpd\", \"auth_password\", \"s:ecret\")\n\
         modparam(\"httpd\", \"auth_realm\", \"here\")\n\
         modparam(\"mi_http\", \"mi_http_root\", \"opensips_mi\")\n\
         modparam(\"mi_http\", \"pretty_printing\", 1)",
    );
    let body = call("version", &json!([]));
    let ask =
        |headers: &str, body: &str| pages.ask("POST", "/opensips_mi", headers, body.as_bytes());
    for headers in ["", "Authorization: Basic YW5uOnM6ZWNyZXg=\r\n", "Authorization: x\r\n"] {
        let answer = ask(headers, &body);
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.head.contains("www-authenticate: basic realm=\"here\""), "{answer:?}");
    }
    let known = "Authorization: Basic YW5uOnM6ZWNyZXQ=\r\n";
    assert!(ask(known, &body).body.starts_with("{\n  \"jsonrpc\""));
    let long = call("help", &json!(["x".repeat(100_000)]));
    let answer = ask(known, &long);
    assert_eq!(answer.status, 500, "the reply has all of it: {answer:?}");
    assert!(answer.body.contains("bytes, and buf_size is 3000"), "{answer:?}");
    assert_eq!(ask(known, &call("help", &json!(["x".repeat(300_000)]))).status, 413);
}

#[test]
fn a_client_that_writes_a_byte_a_second_is_given_up_and_holds_up_nobody() {
    let pages = Pages::with("modparam(\"httpd\", \"conn_timeout\", 1)");
    let slow_head = || {
        let mut stream = pages.open();
        stream.write_all(b"POST /mi HT").unwrap();
        stream
    };
    let slow_body = || {
        let mut stream = pages.open();
        stream.write_all(b"POST /mi HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{").unwrap();
        stream
    };
    let mut streams: Vec<TcpStream> = Vec::new();
    // More of each than connections are kept.
    for _ in 0..100 {
        streams.extend([slow_head(), slow_body(), pages.open()]);
    }
    pages.serves();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        for stream in &mut streams {
            // It may have been closed.
            let _ = stream.write(b"1");
        }
        pages.serves();
        std::thread::sleep(Duration::from_millis(500));
    }
    for (at, mut stream) in streams.into_iter().enumerate() {
        let mut answer = Vec::new();
        // A reset is an end too, where bytes came after it.
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        if at % 3 == 1 && !text.is_empty() {
            assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("too slowly"), "{text}");
        }
        assert!(!text.contains("result"), "{text}");
    }
}

#[test]
fn a_client_that_reads_a_byte_a_second_holds_up_nobody() {
    let pages = Pages::start();
    let which = json!({ "jsonrpc": "2.0", "method": "which", "id": 1 });
    let body = json!(vec![which; 64]).to_string();
    let mut slow: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = pages.open();
            let length = body.len();
            // As many as there are in one go: their replies do not fit into the system's buffers.
            for _ in 0..40 {
                let head =
                    format!("POST /mi HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
                stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
                if stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).is_err() {
                    break;
                }
            }
            stream
        })
        .collect();
    for _ in 0..3 {
        for stream in &mut slow {
            assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        }
        pages.serves();
    }
}

#[test]
fn idle_connections_keep_nobody_out() {
    // More than are kept; `scripts/soak management` has 1,000.
    let count = std::env::var("SLUICE_HTTP_IDLE").map_or(300, |text| text.parse().unwrap());
    let pages = Pages::start();
    let descriptors = || {
        let folder = format!("/proc/{}/fd", pages.gateway.running.id());
        std::fs::read_dir(folder).unwrap().count()
    };
    let before = descriptors();
    let body = call("pwd", &json!([]));
    let request = |end: &str| {
        let length = body.len();
        format!(
            "POST /mi HTTP/1.1\r\nHost: x\r\nConnection: {end}\r\nContent-Length: {length}\r\n\r\n\
             {body}"
        )
    };
    let asked = pages.open();
    (&asked).write_all(request("keep-alive").as_bytes()).unwrap();
    assert!((&asked).read(&mut [0; 12]).unwrap() == 12);
    let mut idle = Vec::new();
    for at in 0..count {
        idle.push(pages.open());
        if at % 50 == 0 {
            pages.serves();
        }
    }
    let begun = Instant::now();
    for _ in 0..20 {
        pages.serves();
    }
    println!("{count} idle connections: 20 requests and commands in {:?}", begun.elapsed());
    assert!(descriptors() <= before + 257, "{} of them", descriptors());
    // One that has asked is kept longer than those that never did.
    (&asked).write_all(request("close").as_bytes()).unwrap();
    let mut rest = String::new();
    (&asked).read_to_string(&mut rest).unwrap();
    assert_eq!(rest.matches("HTTP/1.1 200").count(), 1, "the second answer: {rest}");
}

#[test]
fn addresses_that_cannot_be_are_refused_with_their_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = std::net::TcpListener::bind(taken).unwrap();
    let folder = Folder::new();
    let path = folder.write("bad.cfg", &format!("loadmodule \"sl\"\n{}", script(taken, "")));
    let err = refused(&["-f", &path, "-l", &address().to_string()], "");
    assert!(err.contains("bad.cfg:4:") && err.contains("in use"), "{err}");
    drop(listener);
    let alone =
        folder.write("bad.cfg", &format!("loadmodule \"sl\"\nloadmodule \"mi_http\"\n{ANSWERING}"));
    let err = refused(&["-f", &alone, "-l", &address().to_string()], "");
    assert!(err.contains("bad.cfg:2:") && err.contains("module httpd must be loaded too"), "{err}");
}

#[test]
fn the_program_ends_with_its_answer_sent() {
    let pages = Pages::start();
    let _idle = pages.open();
    assert_eq!(pages.call("kill", &json!([]))["result"], "OK");
    let Managed { folder: _folder, running, .. } = pages.gateway;
    assert_eq!(running.wait().code, Some(0));
}
