//! The seed's second script, `examples/registrar`: each of its branches, over UDP and TCP.

use std::net::SocketAddr;

use crate::digest::Login;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::stream::Line;
use crate::support::{Folder, Running, address};

/// Who talks to the example: a telephone of Alice and somebody who calls.
pub struct World {
    folder: Folder,
    _gateway: Running,
    at: SocketAddr,
    alice: Agent,
    caller: Agent,
}

/// `examples/registrar`, copied, at an address of its own, which is returned.
pub fn example(folder: &Folder) -> SocketAddr {
    let at = address();
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/registrar");
    std::fs::create_dir(folder.path("db")).unwrap();
    let tables = ["db/subscriber", "db/location", "db/aliases", "db/version"];
    for name in tables.iter().chain(&["register.xml", "answer.xml", "call.xml", "opensips.cfg"]) {
        let text = std::fs::read_to_string(format!("{from}/{name}")).unwrap();
        let text = text.replace("127.0.0.1:5060", &at.to_string());
        folder.write(name, &text.replace("/tmp/opensips_fifo", &folder.path("fifo")));
    }
    at
}

impl World {
    fn new() -> Self {
        Self::with(|script| script)
    }

    /// With another script than the example's.
    fn with(change: impl Fn(String) -> String) -> Self {
        let folder = Folder::new();
        let at = example(&folder);
        let path = folder.path("opensips.cfg");
        folder.write("opensips.cfg", &change(std::fs::read_to_string(&path).unwrap()));
        let _gateway = Running::gateway(&["-f", &path, "-n", "2"]);
        Self { folder, _gateway, at, alice: Agent::new(), caller: Agent::new() }
    }

    /// A request of the caller, and the first reply to it.
    fn ask(&self, request: Request<'_>) -> String {
        self.caller.send(self.at, self.text(request));
        self.caller.receive()
    }

    /// A request of the caller as it comes to one who answers it.
    fn arrives_at(&self, callee: &Agent, request: &str) -> String {
        self.caller.send(self.at, request);
        let arrived = callee.answer("200 OK");
        assert_eq!(first_line(&self.final_reply()), "SIP/2.0 200 OK");
        arrived
    }

    /// The text of a request of the caller.
    fn text(&self, request: Request<'_>) -> String {
        request.text(self.caller.address())
    }

    /// The same with a tag in To: it is one of a dialog.
    fn of_dialog(&self, request: Request<'_>, tag: &str) -> String {
        let to = format!("To: <{}>", request.to);
        self.text(request).replace(&to, &format!("{to};tag={tag}"))
    }

    fn final_reply(&self) -> String {
        loop {
            let reply = self.caller.receive();
            if !reply.starts_with("SIP/2.0 1") {
                return reply;
            }
        }
    }

    /// Registers Alice's telephone; the reply to the answer to the challenge.
    fn register(&self, user: &str, password: &str) -> String {
        let (to, phone) = ("sip:alice@example.com", self.alice.address());
        let contact = format!("Contact: <sip:alice@{phone}>\r\n");
        let send = |call_id: &str, more: &str| {
            let uri = "sip:example.com";
            let request =
                Request { method: "REGISTER", uri, from: to, to, call_id, more, max_forwards: 70 };
            self.alice.send(self.at, request.text(phone));
            self.alice.receive()
        };
        let challenge = send("first", &contact);
        assert_eq!(first_line(&challenge), "SIP/2.0 401 Unauthorized");
        assert!(!challenge.contains("qop="), "{challenge}");
        let login = Login { user, password, method: "REGISTER", uri: "sip:example.com" };
        send("second", &format!("{contact}{}", login.answer(&challenge)))
    }
}

fn p_hints(request: &str) -> Vec<&str> {
    headers(request, "P-hint")
}

#[test]
fn users_register_with_their_passwords_only() {
    let world = World::new();
    for (user, password) in [("alice", "Secret"), ("nobody", "secret")] {
        let refused = world.register(user, password);
        assert_eq!(first_line(&refused), "SIP/2.0 401 Unauthorized", "{user} {password}");
    }
    let call = Request { uri: "sip:alice@example.com", ..Request::default() };
    assert_eq!(first_line(&world.ask(call)), "SIP/2.0 404 Not Found");
    let accepted = world.register("alice", "secret");
    assert_eq!(first_line(&accepted), "SIP/2.0 200 OK");
    let contact = format!("<sip:alice@{}>;expires=3600", world.alice.address());
    assert_eq!(headers(&accepted, "Contact"), [contact]);
    let dump = std::fs::read_to_string(world.folder.path("db/location")).unwrap();
    assert_eq!(dump.lines().count(), 1, "written back later: {dump}");
}

#[test]
fn calls_find_users_by_name_and_by_alias() {
    let world = World::new();
    world.register("alice", "secret");
    for uri in ["sip:alice@example.com", "sip:operator@example.com"] {
        let call = Request { method: "INVITE", uri, call_id: uri, ..Request::default() };
        let arrived = world.arrives_at(&world.alice, &world.text(call));
        let phone = world.alice.address();
        assert_eq!(first_line(&arrived), format!("INVITE sip:alice@{phone} SIP/2.0"));
        assert_eq!(p_hints(&arrived), ["usrloc applied"]);
        assert_eq!(headers(&arrived, "Max-Forwards"), ["69"]);
        let route = format!("<sip:{};lr;ftag=1>", world.at);
        assert_eq!(headers(&arrived, "Record-Route"), [route]);
    }
}

#[test]
fn a_request_of_a_dialog_takes_its_route() {
    let world = World::new();
    let uri = &format!("sip:alice@{}", world.alice.address());
    let more = &format!("Route: <sip:{};lr>\r\n", world.at);
    let bye = Request { method: "BYE", uri, more, ..Request::default() };
    let arrived = world.arrives_at(&world.alice, &world.of_dialog(bye, "2"));
    assert_eq!(first_line(&arrived), format!("BYE {uri} SIP/2.0"));
    assert_eq!(p_hints(&arrived), ["rr-enforced"]);
    assert!(headers(&arrived, "Route").is_empty(), "{arrived}");
}

#[test]
fn what_is_not_ours_goes_out() {
    let elsewhere = Agent::on([127, 0, 0, 2].into());
    let world = World::new();
    let there = elsewhere.address();
    let outbound = Request { uri: &format!("sip:x@{there}"), ..Request::default() };
    let arrived = world.arrives_at(&elsewhere, &world.text(outbound));
    assert_eq!(p_hints(&arrived), ["outbound"]);
    assert_eq!(headers(&arrived, "Record-Route").len(), 1);
    let unresolvable = Request { uri: "sip:x@host.invalid", call_id: "lost", ..Request::default() };
    assert_eq!(
        first_line(&world.ask(unresolvable)),
        "SIP/2.0 476 Unresolvable destination (476/TM)"
    );
}

#[test]
fn an_alias_may_lead_elsewhere() {
    let elsewhere = Agent::on([127, 0, 0, 2].into());
    let there = elsewhere.address();
    let folder = Folder::new();
    let at = example(&folder);
    let aliases = std::fs::read_to_string(folder.path("db/aliases")).unwrap();
    let escaped = there.to_string().replace(':', "\\:");
    let row = format!("sales:sip\\:shop@{escaped}:0:1.0:an-alias:1\n");
    folder.write("db/aliases", &(aliases + &row));
    let _gateway = Running::gateway(&["-f", &folder.path("opensips.cfg"), "-n", "2"]);
    let world = World { folder, _gateway, at, alice: Agent::new(), caller: Agent::new() };
    let call = Request { uri: "sip:sales@example.com", ..Request::default() };
    let arrived = world.arrives_at(&elsewhere, &world.text(call));
    assert_eq!(first_line(&arrived), format!("OPTIONS sip:shop@{there} SIP/2.0"));
    assert_eq!(p_hints(&arrived), ["outbound alias"]);
}

#[test]
fn messages_that_have_been_forwarded_too_often_are_refused() {
    let world = World::new();
    for method in ["INVITE", "OPTIONS", "REGISTER", "BYE"] {
        let call_id = method;
        let last = Request { method, max_forwards: 0, call_id, ..Request::default() };
        assert_eq!(first_line(&world.ask(last)), "SIP/2.0 483 Too Many Hops", "{method}");
    }
    // The ACK to such a reply is nobody's business any more.
    let refused = world.ask(Request { method: "INVITE", max_forwards: 0, ..Request::default() });
    let (_, tag) = headers(&refused, "To")[0].split_once(";tag=").unwrap();
    let ack = Request { method: "ACK", max_forwards: 0, ..Request::default() };
    world.caller.send(world.at, world.of_dialog(ack, tag));
    let next = world.ask(Request { call_id: "next", ..Request::default() });
    assert_eq!(first_line(&next), "SIP/2.0 404 Not Found");
    // Without the header there are ten hops.
    let sender = world.alice.address();
    world.register("alice", "secret");
    let call = Request { uri: "sip:alice@example.com", ..Request::default() }.text(sender);
    world.alice.send(world.at, call.replace("Max-Forwards: 70\r\n", ""));
    assert_eq!(headers(&world.alice.receive(), "Max-Forwards"), ["10"]);
}

/// A request over TCP of so many bytes.
fn of_size(size: usize, sender: SocketAddr) -> String {
    let via = format!("SIP/2.0/TCP {sender};branch=z9hG4bK-{size}");
    let text = Request { uri: "sip:nobody@example.com", ..Request::default() }.with_via(&via);
    let head = text.replace("Content-Length: 0", "Content-Length: 00000");
    let body = size - head.len();
    head.replace("00000", &format!("{body:05}")) + &"x".repeat(body)
}

#[test]
fn a_message_of_65535_bytes_is_too_big() {
    let world = World::new();
    let mut line = Line::to(world.at);
    for (size, status) in [
        (65_534, "404 Not Found"),
        (65_535, "513 Message too big"),
        (1_000, "404 Not Found"),
        (65_535, "513 Message too big"),
    ] {
        let request = of_size(size, line.address());
        assert_eq!(request.len(), size);
        line.send(request);
        assert_eq!(first_line(&line.receive()), format!("SIP/2.0 {status}"), "{size}");
    }
}

#[test]
fn over_udp_too_when_the_script_says_less() {
    let world = World::with(|script| script.replace("65535", "1500"));
    for (size, status) in [(1_499, "404 Not Found"), (1_500, "513 Message too big")] {
        let request = of_size(size, world.caller.address()).replace("/TCP", "/UDP");
        assert_eq!(request.len(), size);
        world.caller.send(world.at, request);
        assert_eq!(first_line(&world.caller.receive()), format!("SIP/2.0 {status}"));
    }
}

#[test]
fn a_call_is_set_up_answered_and_ended() {
    let world = World::new();
    world.register("alice", "secret");
    let uri = "sip:operator@example.com";
    let invite = Request { method: "INVITE", uri, to: uri, ..Request::default() };
    world.caller.send(world.at, world.text(invite));
    let arrived = world.alice.receive();
    let contact = format!("Contact: <sip:alice@{}>\r\n", world.alice.address());
    let routes = headers(&arrived, "Record-Route").join(", ");
    let answer = reply(&arrived, "200 OK")
        .replace("Content-Length", &format!("Record-Route: {routes}\r\n{contact}Content-Length"));
    world.alice.send(world.at, answer);
    let ok = world.final_reply();
    assert_eq!(headers(&ok, "Record-Route"), [routes.as_str()]);
    for (method, call_id) in [("ACK", "its-ack"), ("BYE", "its-end")] {
        let uri = &format!("sip:alice@{}", world.alice.address());
        let more = &format!("Route: {routes}\r\n");
        let within = Request { method, uri, more, call_id, ..Request::default() };
        world.caller.send(world.at, world.of_dialog(within, "2"));
        let arrived = world.alice.receive();
        assert_eq!(first_line(&arrived), format!("{method} {uri} SIP/2.0"));
        assert_eq!(p_hints(&arrived), ["rr-enforced"]);
        if method == "BYE" {
            world.alice.send(world.at, reply(&arrived, "200 OK"));
        }
    }
    assert_eq!(first_line(&world.final_reply()), "SIP/2.0 200 OK");
}
