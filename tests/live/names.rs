//! Names as destinations, by a real name server: RFC 3263 from the record to the datagram.

use std::fmt::Write;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::live::Live;
use crate::manage::{refusal, run};
use crate::sip::{Agent, Request, first_line, first_of, headers, reply};
use crate::support::{Folder, PATIENCE};
use crate::unbound::{Unbound, ZONE};

const FORWARDING: &str = "loadmodule \"sl.so\"\nroute {\n\
    if (!forward()) sl_send_reply(478, \"Unresolvable Destination\");\n}\n";

/// A gateway that asks one name server, and a caller.
struct Scene {
    live: Live,
    caller: Agent,
}

impl Scene {
    fn asking(server: SocketAddr) -> Self {
        Self::of(&format!("dns_server = \"{server}\"\n{FORWARDING}"))
    }

    fn of(script: &str) -> Self {
        Self { live: Live::start(script, 1), caller: Agent::new() }
    }

    fn send(&self, host: &str, call_id: &str) {
        let uri = &format!("sip:bob@{host}");
        let request = Request { uri, call_id, ..Request::default() };
        self.caller.send(self.live.address, request.text(self.caller.address()));
    }

    /// Sends a request to a name that is nowhere.
    fn nowhere(&self, host: &str) {
        self.send(host, host);
        let answer = self.caller.receive();
        assert_eq!(headers(&answer, "Call-ID"), [host]);
        assert_eq!(first_line(&answer), "SIP/2.0 478 Unresolvable Destination", "{host}");
    }
}

#[test]
fn records_lead_to_the_destination() {
    let agent = Agent::new();
    let port = agent.address().port();
    let server = Unbound::serve(&format!(
        "gw A 127.0.0.1\nalias CNAME gw\n_sip._udp.service SRV 1 1 {port} alias\n\
         pointed NAPTR 10 1 \"s\" \"SIP+D2U\" \"\" _sip._udp.service\n\
         _sip._udp.pointed SRV 1 1 9 gw\nservice A 127.0.0.9\nround CNAME about\n\
         about CNAME round\n_sip._udp.closed SRV 0 0 0 .\nclosed A 127.0.0.1"
    ));
    let scene = Scene::asking(server.address);
    for host in [format!("gw:{port}"), format!("alias:{port}"), "service".into(), "pointed".into()]
    {
        let (name, port) = host.split_once(':').unwrap_or((&host, ""));
        let colon = if port.is_empty() { "" } else { ":" };
        scene.send(&format!("{name}.{ZONE}{colon}{port}"), name);
        assert_eq!(headers(&agent.answer("200 OK"), "Call-ID"), [name]);
        assert_eq!(first_line(&scene.caller.receive()), "SIP/2.0 200 OK");
    }
    // A loop of CNAMEs, a service that is not offered, a name that does not exist, another zone.
    for name in ["round", "closed", "none"] {
        scene.nowhere(&format!("{name}.{ZONE}"));
    }
    scene.nowhere("gw.other.example");
}

#[test]
fn an_answer_too_long_for_a_datagram_comes_by_tcp() {
    let agent = Agent::new();
    let port = agent.address().port();
    let mut records = String::new();
    for at in 0..64 {
        let name = format!("a-destination-with-a-name-as-long-as-they-come-{at}");
        let _ = writeln!(records, "_sip._udp.many SRV {at} 1 {port} {name}\n{name} A 127.0.0.1");
    }
    let server = Unbound::serve(&records);
    let scene = Scene::asking(server.address);
    scene.send(&format!("many.{ZONE}"), "many");
    agent.answer("200 OK");
    assert_eq!(first_line(&scene.caller.receive()), "SIP/2.0 200 OK");
    let shared = scene.live.shared();
    let [(_, kept)] = &shared.names.list()[..] else { panic!("one name") };
    assert_eq!(kept.located.as_ref().map(|located| located.hops().count()), Some(64));
}

#[test]
fn what_is_known_outlives_its_name_server() {
    let agent = Agent::new();
    let port = agent.address().port();
    // Two seconds, so that the answer ends while nobody answers.
    let server = Unbound::serve("gw 2 A 127.0.0.1");
    let scene = Scene::asking(server.address);
    let known = format!("gw.{ZONE}:{port}");
    scene.send(&known, "before");
    agent.answer("200 OK");
    scene.caller.receive();
    server.stop();
    let stopped = Instant::now();
    scene.send(&format!("new.{ZONE}"), "new");
    for call in 0.. {
        let call_id = format!("call-{call}");
        scene.send(&known, &call_id);
        assert_eq!(headers(&agent.answer("200 OK"), "Call-ID"), [call_id.as_str()]);
        let answer = scene.caller.receive();
        if headers(&answer, "Call-ID") == ["new"] {
            assert_eq!(first_line(&answer), "SIP/2.0 478 Unresolvable Destination");
            scene.caller.receive();
        }
        if stopped.elapsed().as_secs() >= 4 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    server.go_on();
    scene.send(&format!("gw.{ZONE}:{port}"), "after");
    agent.answer("200 OK");
}

/// A name server that answers each question twice: first with another id and another address,
/// then rightly.
#[test]
fn an_answer_with_a_wrong_id_is_not_believed() {
    let agent = Agent::new();
    let port = agent.address().port();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((count, from)) = socket.recv_from(&mut query) {
            let mut wrong = answer(&query[..count], [127, 0, 0, 9]);
            wrong[0] ^= 0x55;
            let _ = socket.send_to(&wrong, from);
            let _ = socket.send_to(&answer(&query[..count], [127, 0, 0, 1]), from);
        }
    });
    let scene = Scene::asking(server);
    scene.send(&format!("gw.{ZONE}:{port}"), "call");
    agent.answer("200 OK");
    assert_eq!(first_line(&scene.caller.receive()), "SIP/2.0 200 OK");
}

/// A name server that is silent about all names but one, whose answer lasts for a moment.
#[test]
fn strangers_names_hold_up_none_that_is_in_use() {
    let agent = Agent::new();
    let port = agent.address().port();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut query) {
            if query[12..].starts_with(b"\x02gw") {
                count.fetch_add(1, Ordering::Relaxed);
                let mut answer = answer(&query[..len], [127, 0, 0, 1]);
                // Two seconds to live, so that it is asked for anew each second.
                let ttl = answer.len() - 7;
                answer[ttl] = 2;
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    // Each look-up of a silent name takes its two seconds, 128 at a time.
    let script = format!("dns_server = \"{server}\"\ndns_try_ipv6 = no\n{FORWARDING}");
    let scene = Scene::of(&script);
    let known = format!("gw.{ZONE}:{port}");
    scene.send(&known, "first");
    agent.answer("200 OK");
    for number in 0..800 {
        scene.send(&format!("n{number}.{ZONE}:5060"), &format!("strange-{number}"));
    }
    let (before, begin) = (asked.load(Ordering::Relaxed), Instant::now());
    while asked.load(Ordering::Relaxed) < before + 3 {
        assert!(begin.elapsed() < Duration::from_secs(6), "it is asked for in time");
        scene.send(&known, &format!("call-{}", begin.elapsed().as_millis()));
        agent.answer("200 OK");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// RFC 1035 4.1: an A record, for a question of any type.
fn answer(query: &[u8], ip: [u8; 4]) -> Vec<u8> {
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let question = &query[12..12 + name + 4];
    let mut out = query[..2].to_vec();
    out.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    out.extend(question);
    out.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    out.extend(ip);
    out
}

/// Relays with transactions; nothing is heard for a second: given up.
const RELAYING: &str = "loadmodule \"tm.so\"\nmodparam(\"tm\", \"fr_timeout\", 2)\n\
    route { t_relay(); }\n";

#[test]
fn of_three_addresses_the_dead_one_is_tried_by_one_call() {
    let alive = [Agent::on([127, 0, 0, 2].into()), Agent::on([127, 0, 0, 3].into())];
    // It is there, and never answers.
    let dead = Agent::new();
    let mut ports: Vec<u16> = vec![dead.address().port()];
    ports.extend(alive.iter().map(|agent| agent.address().port()));
    let records: String =
        ports.iter().enumerate().fold(String::new(), |mut records, (at, port)| {
            let ip = at + 1;
            let _ = writeln!(records, "_sip._udp.gw SRV {at} 1 {port} h{ip}\nh{ip} A 127.0.0.{ip}");
            records
        });
    let server = Unbound::serve(&records);
    let scene = Scene::of(&format!("dns_server = \"{}\"\n{RELAYING}", server.address));
    let call = |call_id: &str| {
        scene.send(&format!("gw.{ZONE}"), call_id);
        let (at, request, from) = first_of(&alive);
        alive[at].send(from, reply(&request, "200 OK"));
        assert_eq!(first_line(&scene.caller.receive()), "SIP/2.0 200 OK", "{call_id}");
        at
    };
    assert_eq!(call("first"), 0, "the next one by priority");
    let tried = std::iter::from_fn(|| dead.try_receive()).count();
    assert!(tried > 1, "it was asked again before it was given up");
    for number in 0..100 {
        assert_eq!(call(&format!("call-{number}")), 0);
    }
    assert!(dead.try_receive().is_none(), "no other call tried it");
    let listed = run(&scene.live.management(), "targets_list", &["full"]);
    let failed = &listed["Failed"][0];
    assert_eq!(failed["Target"], format!("udp:{}", dead.address()));
    assert_eq!(failed["Reason"], "no answer");
    assert!((20..=30).contains(&failed["Again"].as_u64().unwrap()), "{failed}");
    assert_eq!(listed["Names"][0]["Name"], format!("gw.{ZONE}"));
    assert_eq!(listed["Names"][0]["Targets"].as_array().map(Vec::len), Some(3));
    assert_eq!(refusal(&scene.live.management(), "targets:list", &["all"]).0, 400);
}

/// The destinations of the only set, as `ds_list full` has them.
fn destinations(live: &Live) -> serde_json::Value {
    let listed = run(&live.management(), "ds_list", &["full"]);
    listed["PARTITIONS"][0]["SETS"][0]["Destinations"].clone()
}

#[test]
fn destinations_by_name_follow_their_records() {
    let old = Agent::on([127, 0, 0, 2].into());
    let port = old.address().port();
    let new = Agent::at(([127, 0, 0, 3], port).into());
    let server = Unbound::serve("gw 1 A 127.0.0.2");
    let folder = Folder::new();
    let list = format!("1 sip:gw.{ZONE}:{port} 0 2\n1 sip:later.{ZONE}:{port}\n");
    let list = folder.write("dispatcher.list", &list);
    let scene = Scene::of(&format!(
        "dns_server = \"{}\"\nloadmodule \"dispatcher.so\"\n\
         modparam(\"dispatcher\", \"list_file\", \"{list}\")\n\
         route {{ ds_select_dst(1, 8); forward(); }}\n",
        server.address
    ));
    let agents = [old, new];
    let call = |number: usize| {
        scene.send("example.com", &format!("call-{number}"));
        let (at, request, from) = first_of(&agents);
        agents[at].send(from, reply(&request, "200 OK"));
        assert_eq!(first_line(&scene.caller.receive()), "SIP/2.0 200 OK");
        at
    };
    assert_eq!(call(0), 0);
    let before = destinations(&scene.live);
    assert_eq!((&before[0]["state"], &before[1]["state"]), (&"Active".into(), &"Inactive".into()));
    assert!(before[1]["reason"].as_str().unwrap().contains("later."), "{before}");
    server.change("gw 1 A 127.0.0.3\nlater A 127.0.0.3");
    let calls = (1..).find(|number| {
        std::thread::sleep(Duration::from_millis(20));
        call(*number) == 1
    });
    let end = Instant::now() + PATIENCE;
    let after = loop {
        let after = destinations(&scene.live);
        if after[1]["state"] == "Active" && after[0]["resolved_addresses"][0] == "127.0.0.3" {
            break after;
        }
        assert!(Instant::now() < end, "{after}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let hits = |list: &serde_json::Value| list[0]["first_hit_counter"].as_u64().unwrap();
    assert_eq!(hits(&after), hits(&before) + calls.unwrap() as u64, "counts go on");
    assert_eq!(after[1].get("reason"), None);
}
