//! The scripts that OpenSIPS ships, by its ages: they start as they are, users register, calls
//! find them, and what must be refused is.

use std::net::SocketAddr;

use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::support::{Folder, Running, address};

/// A script, what it says to strangers, and to a method that a telephone does not know.
const AGES: [(&str, &str, &str); 3] = [
    (include_str!("defaults/of_1x.cfg"), "403 Relay forbidden", "405 Method Not Allowed"),
    (include_str!("defaults/of_2x.cfg"), "403 Relay forbidden", "404 Not Found"),
    (include_str!("defaults/of_3x.cfg"), "403 Relay Forbidden", "404 Not Found"),
];

/// A gateway with a script, a telephone and a caller.
struct World {
    gateway: Running,
    _folder: Folder,
    at: SocketAddr,
    phone: Agent,
    caller: Agent,
}

impl World {
    fn new(script: &str) -> Self {
        let folder = Folder::new();
        let at = address();
        let script = script.replace("127.0.0.1:5060", &at.to_string());
        let script = ["/tmp", "/run/opensips"].iter().fold(script, |script, place| {
            script.replace(&format!("{place}/opensips_fifo"), &folder.path("fifo"))
        });
        let path = folder.write("opensips.cfg", &script);
        let gateway = Running::gateway(&["-f", &path, "-n", "2"]);
        Self { gateway, _folder: folder, at, phone: Agent::new(), caller: Agent::new() }
    }

    /// A user of ours.
    fn user(&self, name: &str) -> String {
        format!("sip:{name}@{}", self.at)
    }

    /// Registers the telephone for a user, with parameters in Contact.
    fn register(&self, name: &str, parameters: &str) {
        let (uri, user, phone) =
            (format!("sip:{}", self.at), self.user(name), self.phone.address());
        let more = format!("Contact: <sip:{name}@{phone}>{parameters}\r\nExpires: 600\r\n");
        let request = Request {
            method: "REGISTER",
            uri: &uri,
            from: &user,
            to: &user,
            call_id: name,
            more: &more,
            ..Request::default()
        };
        self.phone.send(self.at, request.text(phone));
        let accepted = self.phone.receive();
        assert_eq!(first_line(&accepted), "SIP/2.0 200 OK");
        assert!(headers(&accepted, "Contact")[0].contains(";expires=600"), "{accepted}");
    }

    /// A request of one of ours to another user of ours.
    fn send(&self, method: &str, to: &str, call_id: &str) -> String {
        let (from, uri) = (self.user("bob"), self.user(to));
        let to = &uri;
        let request = Request { method, uri: &uri, from: &from, to, call_id, ..Request::default() };
        let text = request.text(self.caller.address());
        self.caller.send(self.at, &text);
        text
    }

    /// A request as it is written, and the reply.
    fn ask(&self, text: &str) -> String {
        self.caller.send(self.at, text);
        self.final_reply()
    }

    fn final_reply(&self) -> String {
        loop {
            let reply = self.caller.receive();
            if !reply.starts_with("SIP/2.0 1") {
                return reply;
            }
        }
    }

    /// A call to Alice that rings; the INVITE as it was sent, and as it came.
    fn ring(&self, call_id: &str) -> (String, String) {
        let sent = self.send("INVITE", "alice", call_id);
        let arrived = self.phone.receive();
        let phone = self.phone.address();
        assert_eq!(first_line(&arrived), format!("INVITE sip:alice@{phone} SIP/2.0"));
        self.phone.send(self.at, reply(&arrived, "180 Ringing"));
        while !self.caller.receive().starts_with("SIP/2.0 180") {}
        (sent, arrived)
    }
}

/// The ACK to a refusal, or the CANCEL, of an INVITE.
fn beside(invite: &str, method: &str) -> String {
    invite.replace("INVITE", method)
}

fn each(test: impl Fn(&World, (&str, &str))) {
    for (script, stranger, unknown_method) in AGES {
        test(&World::new(script), (stranger, unknown_method));
    }
}

#[test]
fn a_call_is_answered_and_ended() {
    each(|world, _| {
        world.register("alice", "");
        let (_, arrived) = world.ring("call");
        let route = format!("<sip:{};lr>", world.at);
        assert_eq!(headers(&arrived, "Record-Route"), [route.as_str()]);
        let uri = format!("sip:alice@{}", world.phone.address());
        let contact = format!("Record-Route: {route}\r\nContact: <{uri}>\r\nContent-Length");
        let answer = reply(&arrived, "200 OK").replace("Content-Length", &contact);
        world.phone.send(world.at, answer.replace("\r\nCall-ID", ";tag=2\r\nCall-ID"));
        assert_eq!(first_line(&world.final_reply()), "SIP/2.0 200 OK");
        let (from, to) = (world.user("bob"), world.user("alice"));
        let more = format!("Route: {route}\r\n");
        for (method, call_id) in [("ACK", "ack"), ("BYE", "bye")] {
            let within = Request {
                method,
                uri: &uri,
                from: &from,
                to: &to,
                call_id,
                more: &more,
                ..Request::default()
            };
            let text = within
                .text(world.caller.address())
                .replace(&format!("To: <{to}>"), &format!("To: <{to}>;tag=2"));
            world.caller.send(world.at, text);
            let arrived = world.phone.receive();
            assert_eq!(first_line(&arrived), format!("{method} {uri} SIP/2.0"));
            assert!(headers(&arrived, "Route").is_empty(), "{arrived}");
            if method == "BYE" {
                world.phone.send(world.at, reply(&arrived, "200 OK"));
            }
        }
        assert_eq!(first_line(&world.final_reply()), "SIP/2.0 200 OK");
        world.gateway.await_error("a branch to sip:alice@");
        world.gateway.await_error("a reply from 127.0.0.1");
        world.gateway.await_error("ACC: transaction answered");
    });
}

#[test]
fn a_call_is_cancelled() {
    each(|world, _| {
        world.register("alice", "");
        let (invite, arrived) = world.ring("call");
        world.caller.send(world.at, beside(&invite, "CANCEL"));
        assert_eq!(first_line(&world.caller.receive()), "SIP/2.0 200 canceling");
        let cancel = world.phone.answer("200 OK");
        assert!(cancel.starts_with("CANCEL "), "{cancel}");
        world.phone.send(world.at, reply(&arrived, "487 Request Terminated"));
        assert!(world.phone.receive().starts_with("ACK "));
        assert_eq!(first_line(&world.final_reply()), "SIP/2.0 487 Request Terminated");
    });
}

#[test]
fn a_call_that_is_missed_is_accounted() {
    each(|world, _| {
        world.register("alice", "");
        let (invite, arrived) = world.ring("call");
        world.phone.send(world.at, reply(&arrived, "486 Busy Here"));
        assert!(world.phone.receive().starts_with("ACK "));
        assert_eq!(first_line(&world.final_reply()), "SIP/2.0 486 Busy Here");
        world.caller.send(world.at, beside(&invite, "ACK"));
        world.gateway.await_error("ACC: call missed");
    });
}

#[test]
fn what_must_be_refused_is() {
    each(|world, (stranger, unknown_method)| {
        world.register("alice", ";methods=\"INVITE, ACK, BYE, CANCEL\"");
        let status = |reply: String| first_line(&reply)["SIP/2.0 ".len()..].to_owned();
        for (method, to, expected) in [
            ("INVITE", "nobody", "404 Not Found"),
            ("MESSAGE", "alice", unknown_method),
            ("PUBLISH", "alice", "503 Service Unavailable"),
        ] {
            world.send(method, to, method);
            assert_eq!(status(world.final_reply()), expected, "{method} {to}");
        }
        let sender = world.caller.address();
        let other =
            Request { from: "sip:x@a.example", uri: "sip:y@b.example", ..Request::default() };
        assert_eq!(status(world.ask(&other.text(sender))), stranger);
        let uri = &format!("sip:{}", world.at);
        let nobody = Request { uri, call_id: "no-user", ..Request::default() };
        assert_eq!(status(world.ask(&nobody.text(sender))), "484 Address Incomplete");
        let (uri, call_id) = (&world.user("alice"), "preloaded");
        let more = &format!("Route: <sip:{};lr>, <sip:192.0.2.1;lr>\r\n", world.at);
        let preloaded = Request { uri, call_id, more, ..Request::default() };
        assert_eq!(status(world.ask(&preloaded.text(sender))), "403 Preload Route denied");
        let astray = Request { method: "BYE", uri, call_id: "astray", ..Request::default() };
        let astray = astray.text(sender).replace("\r\nCall-ID", ";tag=2\r\nCall-ID");
        assert_eq!(status(world.ask(&astray)), "404 Not here");
        let last = Request { uri, call_id: "last", max_forwards: 0, ..Request::default() };
        assert_eq!(status(world.ask(&last.text(sender))), "483 Too Many Hops");
    });
}

#[test]
fn ours_may_call_elsewhere() {
    let elsewhere = Agent::on([127, 0, 0, 2].into());
    each(|world, _| {
        let (from, uri) = (&world.user("bob"), &format!("sip:x@{}", elsewhere.address()));
        let request = Request { from, uri, ..Request::default() };
        world.caller.send(world.at, request.text(world.caller.address()));
        let arrived = elsewhere.answer("200 OK");
        assert_eq!(headers(&arrived, "P-hint"), ["outbound"]);
        assert_eq!(first_line(&world.final_reply()), "SIP/2.0 200 OK");
    });
}
