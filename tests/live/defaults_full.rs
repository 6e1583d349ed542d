//! A script as OpenSIPS' generator writes it for a residential platform, over text tables that
//! `sluice db create` has made: passwords, aliases, domains, NAT.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;

use crate::digest::Login;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::support::{Folder, Running, address, sluice};

const SCRIPT: &str = include_str!("defaults/full_3x.cfg");

/// The platform, a telephone and a caller.
struct World {
    gateway: Running,
    folder: Folder,
    at: SocketAddr,
    phone: Agent,
    caller: Agent,
}

impl World {
    /// Alice and Bob are users; `shop` is Alice, too.
    fn new() -> Self {
        let folder = Folder::new();
        let db = format!("text://{}", folder.path("db"));
        std::fs::create_dir(folder.path("db")).unwrap();
        assert_eq!(sluice(&["db", "create", &db], "").code, Some(0));
        for user in ["alice@example.com", "bob@example.com"] {
            let added = sluice(&["user", "--db", &db, "add", "--plain", user], "secret\n");
            assert_eq!(added.code, Some(0), "{}", added.err);
        }
        for (table, row) in [
            ("domain", "1:example.com::0:0"),
            ("dbaliases", "1:shop:example.com:alice:example.com"),
        ] {
            let mut file =
                OpenOptions::new().append(true).open(folder.path(&format!("db/{table}"))).unwrap();
            writeln!(file, "{row}").unwrap();
        }
        let at = address();
        let script = SCRIPT
            .replace("127.0.0.1:5060", &at.to_string())
            .replace("8888", &address().port().to_string())
            .replace("/run/opensips/opensips_fifo", &folder.path("fifo"));
        let path = folder.write("opensips.cfg", &script);
        let gateway = Running::gateway(&["-f", &path, "-n", "2"]);
        Self { gateway, folder, at, phone: Agent::new(), caller: Agent::new() }
    }

    /// Alice's telephone registers, with lines of its own and the Via `sent_by`; the last reply.
    fn register(&self, user: &str, sent_by: &str, contact: &str) -> String {
        let send = |call_id: &str, more: &str| {
            let request = Request {
                method: "REGISTER",
                uri: "sip:example.com",
                from: "sip:alice@example.com",
                to: "sip:alice@example.com",
                call_id,
                more,
                ..Request::default()
            };
            let via = format!("SIP/2.0/UDP {sent_by};rport;branch=z9hG4bK-{call_id}");
            self.phone.send(self.at, request.with_via(&via));
            self.phone.receive()
        };
        let contact = format!("Contact: <sip:alice@{contact}>\r\n");
        let challenge = send(&format!("{user}-1"), &contact);
        assert_eq!(first_line(&challenge), "SIP/2.0 401 Unauthorized");
        let login = Login { user, password: "secret", method: "REGISTER", uri: "sip:example.com" };
        send(&format!("{user}-2"), &format!("{contact}{}", login.answer(&challenge)))
    }

    fn register_plainly(&self, user: &str) -> String {
        let phone = self.phone.address().to_string();
        self.register(user, &phone, &phone)
    }

    /// A call; the first reply that is final, or nothing more if the telephone has it.
    fn call(&self, from: &str, to: &str, call_id: &str, more: &str) {
        let request =
            Request { method: "INVITE", uri: to, from, to, call_id, more, ..Request::default() };
        self.caller.send(self.at, request.text(self.caller.address()));
    }

    fn final_reply(&self) -> String {
        loop {
            let reply = self.caller.receive();
            if !reply.starts_with("SIP/2.0 1") {
                return reply;
            }
        }
    }
}

#[test]
fn users_register_as_themselves() {
    let world = World::new();
    assert_eq!(first_line(&world.register_plainly("bob")), "SIP/2.0 403 Forbidden auth ID");
    assert_eq!(first_line(&world.register_plainly("nobody")), "SIP/2.0 401 Unauthorized");
    assert_eq!(first_line(&world.register_plainly("alice")), "SIP/2.0 200 OK");
    // Contacts are in the table when the program has ended.
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.wait().code, Some(0));
    let table = std::fs::read_to_string(world.folder.path("db/location")).unwrap();
    assert!(table.contains(":alice:example.com:sip\\:alice@127.0.0.1\\:"), "{table}");
}

#[test]
fn ours_show_a_password_before_they_call() {
    let world = World::new();
    world.register_plainly("alice");
    let shop = "sip:shop@example.com";
    world.call("sip:bob@example.com", shop, "first", "");
    let challenge = world.final_reply();
    assert_eq!(first_line(&challenge), "SIP/2.0 407 Proxy Authentication Required");
    let login = Login { user: "bob", password: "secret", method: "INVITE", uri: shop };
    world.call("sip:bob@example.com", shop, "second", &login.answer(&challenge));
    let arrived = world.phone.answer("486 Busy Here");
    assert_eq!(first_line(&arrived), format!("INVITE sip:alice@{} SIP/2.0", world.phone.address()));
    assert!(headers(&arrived, "Proxy-Authorization").is_empty(), "{arrived}");
    assert_eq!(first_line(&world.final_reply()), "SIP/2.0 486 Busy Here");
    world.gateway.await_error("ACC: call missed");

    world.call("sip:alice@example.com", shop, "third", "");
    let challenge = world.final_reply();
    world.call("sip:alice@example.com", shop, "fourth", &login.answer(&challenge));
    assert_eq!(first_line(&world.final_reply()), "SIP/2.0 403 Forbidden auth ID");

    world.gateway.signal("TERM");
    let ended = world.gateway.wait();
    assert_eq!(ended.code, Some(0));
    let missed = std::fs::read_to_string(world.folder.path("db/missed_calls")).unwrap();
    assert!(missed.contains(":INVITE:1::second:486:Busy Here:"), "{missed}{}", ended.err);
}

#[test]
fn strangers_call_ours_only() {
    let world = World::new();
    world.register_plainly("alice");
    let stranger = "sip:x@a.example";
    world.call(stranger, "sip:y@b.example", "elsewhere", "");
    assert_eq!(first_line(&world.final_reply()), "SIP/2.0 403 Relay Forbidden");
    world.call(stranger, "sip:nobody@example.com", "nobody", "");
    assert_eq!(first_line(&world.final_reply()), "SIP/2.0 404 Not Found");
    world.call(stranger, "sip:alice@example.com", "alice", "");
    let invite = world.phone.receive();
    world.phone.send(world.at, reply(&invite, "302 Moved"));
    // No telephone sends a caller elsewhere.
    assert_eq!(first_line(&world.final_reply()), "SIP/2.0 404 Not found");
}

#[test]
fn a_telephone_behind_nat_is_called_where_it_came_from() {
    let world = World::new();
    let accepted = world.register("alice", "192.168.1.9:5060", "192.168.1.9:5060");
    assert_eq!(first_line(&accepted), "SIP/2.0 200 OK");
    let via = format!("rport={}", world.phone.address().port());
    assert!(headers(&accepted, "Via")[0].contains(&via), "{accepted}");
    let received = format!("received=\"sip:{}\"", world.phone.address());
    assert!(headers(&accepted, "Contact")[0].contains(&received), "{accepted}");
    world.call("sip:x@a.example", "sip:alice@example.com", "call", "");
    let arrived = world.phone.answer("486 Busy Here");
    assert_eq!(first_line(&arrived), "INVITE sip:alice@192.168.1.9:5060 SIP/2.0");
    let route = format!("<sip:{};lr;nat=yes>", world.at);
    assert_eq!(headers(&arrived, "Record-Route"), [route]);
    assert_eq!(first_line(&world.final_reply()), "SIP/2.0 486 Busy Here");
}
