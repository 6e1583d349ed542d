//! Destinations that fall silent, refuse, answer 503 and return, at real time: by probes alone, and
//! by what becomes of calls. `scripts/soak health` does it in full.

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use sluice_control::mi::Params;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::support::{Folder, PATIENCE};

/// What is the matter with a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Trouble {
    None,
    /// It takes everything and answers nothing.
    Silent,
    /// Nobody listens.
    Refuses,
    /// It answers 503.
    Sick,
}

const TROUBLES: [Trouble; 3] = [Trouble::Silent, Trouble::Refuses, Trouble::Sick];

/// How often the soak wants it; nothing for an ordinary run.
fn rounds() -> Option<usize> {
    std::env::var("SLUICE_ROUNDS").ok().map(|rounds| rounds.parse().unwrap())
}

/// All of them in a soak, else those given.
fn troubles(usual: &[Trouble]) -> &[Trouble] {
    if rounds().is_some() { &TROUBLES } else { usual }
}

/// A destination of its own thread.
struct Callee {
    address: SocketAddr,
    trouble: Arc<AtomicU8>,
    /// Requests in their order.
    heard: Arc<Mutex<Vec<Heard>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request that has come.
struct Heard {
    at: Instant,
    method: String,
    call_id: String,
    branch: String,
}

/// Its socket, while it has one.
enum Door {
    Udp(UdpSocket),
    Tcp(TcpListener, Vec<(TcpStream, Vec<u8>)>),
}

impl Door {
    fn open(address: SocketAddr, tcp: bool) -> Self {
        if tcp {
            let listener = TcpListener::bind(address).unwrap();
            listener.set_nonblocking(true).unwrap();
            return Self::Tcp(listener, Vec::new());
        }
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self::Udp(socket)
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(socket) => socket.local_addr().unwrap(),
            Self::Tcp(listener, _) => listener.local_addr().unwrap(),
        }
    }

    /// Answers what has come; a request stands alone, since none has a body.
    fn serve(&mut self, answer: impl Fn(&str) -> Option<String>) {
        match self {
            Self::Udp(socket) => {
                let mut bytes = [0; 65_535];
                while let Ok((count, from)) = socket.recv_from(&mut bytes) {
                    if let Some(reply) = answer(&String::from_utf8_lossy(&bytes[..count])) {
                        socket.send_to(reply.as_bytes(), from).unwrap();
                    }
                }
            }
            Self::Tcp(listener, streams) => {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    streams.push((stream, Vec::new()));
                }
                streams.retain_mut(|(stream, bytes)| {
                    let mut more = [0; 4_096];
                    let read = stream.read(&mut more);
                    bytes.extend_from_slice(&more[..*read.as_ref().unwrap_or(&0)]);
                    while let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                        let request: Vec<u8> = bytes.drain(..at + 4).collect();
                        if let Some(reply) = answer(&String::from_utf8_lossy(&request)) {
                            let _ = stream.write_all(reply.as_bytes());
                        }
                    }
                    read.map_or_else(|why| why.kind() == ErrorKind::WouldBlock, |count| count > 0)
                });
            }
        }
    }
}

impl Callee {
    fn new(tcp: bool) -> Self {
        let mut door = Some(Door::open("127.0.0.1:0".parse().unwrap(), tcp));
        let address = door.as_ref().unwrap().address();
        let (trouble, over) = (Arc::<AtomicU8>::default(), Arc::<AtomicBool>::default());
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let (has, notes, ends) = (Arc::clone(&trouble), Arc::clone(&heard), Arc::clone(&over));
        let thread = spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let trouble = has.load(Ordering::Relaxed);
                if trouble == Trouble::Refuses as u8 {
                    door = None;
                } else {
                    door.get_or_insert_with(|| Door::open(address, tcp)).serve(|request| {
                        notes.lock().unwrap().push(noted(request));
                        answer(request, trouble)
                    });
                }
                sleep(Duration::from_millis(1));
            }
        });
        Self { address, trouble, heard, over, thread: Some(thread) }
    }

    fn has(&self, trouble: Trouble) {
        self.trouble.store(trouble as u8, Ordering::Relaxed);
    }

    /// What it has heard since it was asked last.
    fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn noted(request: &str) -> Heard {
    let via = headers(request, "Via")[0];
    let (_, branch) = via.split_once("branch=").unwrap();
    Heard {
        at: Instant::now(),
        method: first_line(request).split(' ').next().unwrap().to_owned(),
        call_id: headers(request, "Call-ID")[0].to_owned(),
        branch: branch.to_owned(),
    }
}

fn answer(request: &str, trouble: u8) -> Option<String> {
    let status = if trouble == Trouble::Sick as u8 { "503 Overloaded" } else { "200 OK" };
    (trouble != Trouble::Silent as u8).then(|| reply(request, status))
}

/// A gateway in front of destinations.
fn gateway(callees: &[&Callee], tcp: bool, fr_timeout: u32, params: &str) -> (Live, Folder) {
    let folder = Folder::new();
    let transport = if tcp { ";transport=tcp" } else { "" };
    let line = |callee: &&Callee| format!("1 sip:{}{transport}\n", callee.address);
    let list: String = callees.iter().map(line).collect();
    let list = folder.write("d.list", &list);
    let param = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        format!("modparam(\"dispatcher\", \"{name}\", {value})\n")
    };
    let params: String = params.split_whitespace().map(param).collect();
    let script = format!(
        "loadmodule \"tm\"\nloadmodule \"dispatcher\"\nmodparam(\"tm\", \"fr_timeout\", {fr_timeout})\n\
         modparam(\"dispatcher\", \"list_file\", \"{list}\")\n{params}\
         route {{\n  if (!ds_select_dst(1, 4, \"f\")) {{ t_reply(480, \"Nobody\"); exit; }}\n\
         t_on_failure(\"next\");\n  t_relay();\n}}\n\
         failure_route[next] {{\n  if (t_check_status(\"408|503\") && ds_next_dst()) {{\n\
         t_on_failure(\"next\");\n    t_relay();\n  }}\n}}\n"
    );
    let live = if tcp { Live::start_both(&script, 2) } else { Live::start(&script, 2) };
    (live, folder)
}

/// The state of the first destination.
fn state(gateway: &Live) -> String {
    let list = gateway.management().run("ds_list", &Params::words(&[])).unwrap();
    let destination = &list["PARTITIONS"][0]["SETS"][0]["Destinations"][0];
    destination["state"].as_str().unwrap().to_owned()
}

/// Waits for a state of the first destination; how long that took.
fn wait_for(gateway: &Live, wanted: &str) -> Duration {
    let begun = Instant::now();
    while state(gateway) != wanted {
        assert!(begun.elapsed() < PATIENCE, "it is not {wanted}");
        sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// How many probes, retransmissions left out, came so long ago at least.
fn probes(heard: &[Heard], age: Duration) -> usize {
    let old = heard.iter().filter(|one| one.at.elapsed() >= age);
    old.map(|one| &one.call_id).collect::<HashSet<_>>().len()
}

/// Nearly `fr_timeout`.
const GIVEN_UP: Duration = Duration::from_millis(900);

fn probing(tcp: bool, usual: &[Trouble]) {
    let callee = Callee::new(tcp);
    let params = "ds_ping_interval=1 ds_probing_mode=1 ds_probing_threshold=3";
    let (gateway, _folder) = gateway(&[&callee], tcp, 1, params);
    let again = rounds().unwrap_or(1);
    for trouble in troubles(usual).repeat(again) {
        // A probe that is well, so that the count begins at nothing.
        callee.heard();
        while callee.heard().is_empty() {
            sleep(Duration::from_millis(5));
        }
        sleep(Duration::from_millis(50));
        callee.heard();
        callee.has(trouble);
        let took = wait_for(&gateway, "Probing");
        // The next probe may be on its way by the time that the state is seen.
        let over = if trouble == Trouble::Silent { GIVEN_UP } else { Duration::ZERO };
        let asked = probes(&callee.heard(), over);
        match trouble {
            Trouble::Refuses => assert!(took > Duration::from_millis(1_700), "{took:?}"),
            _ => assert_eq!(asked, 3, "{trouble:?}: it is out after {asked} probes"),
        }
        assert!(took < Duration::from_secs(12), "{trouble:?}: {took:?}");
        callee.has(Trouble::None);
        let took = wait_for(&gateway, "Active");
        println!("{trouble:?}: after {asked} probes out, {took:?} later back");
    }
}

#[test]
fn probes_change_states_as_the_threshold_says() {
    probing(false, &[Trouble::Silent]);
}

#[test]
fn probes_by_tcp_change_states_as_the_threshold_says() {
    probing(true, &[Trouble::Refuses]);
}

/// Calls, so many a second.
struct Traffic {
    agent: Agent,
    to: SocketAddr,
    next: Instant,
    sent: usize,
    /// The last status of each call.
    ended: HashMap<String, String>,
}

/// Between two calls.
const PACE: Duration = Duration::from_millis(10);

impl Traffic {
    fn new(to: SocketAddr) -> Self {
        let (agent, next) = (Agent::new(), Instant::now());
        Self { agent, to, next, sent: 0, ended: HashMap::new() }
    }

    fn go_on(&mut self) {
        while self.next <= Instant::now() {
            self.next += PACE;
            self.sent += 1;
            let call_id = format!("call-{}", self.sent);
            let request = Request { method: "MESSAGE", call_id: &call_id, ..Request::default() };
            self.agent.send(self.to, request.text(self.agent.address()));
        }
        self.listen();
        sleep(Duration::from_millis(2));
    }

    fn listen(&mut self) {
        while let Some((reply, _)) = self.agent.try_receive() {
            let call_id = headers(&reply, "Call-ID")[0].to_owned();
            self.ended.insert(call_id, first_line(&reply).to_owned());
        }
    }

    fn go_on_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.go_on();
        }
    }

    /// Sends until the first destination has a state; how long that took.
    fn go_on_until(&mut self, gateway: &Live, wanted: &str) -> Duration {
        let begun = Instant::now();
        while state(gateway) != wanted {
            self.go_on();
            assert!(begun.elapsed() < PATIENCE, "it is not {wanted}");
        }
        begun.elapsed()
    }

    /// Waits for the last calls; each must have ended well.
    fn end(&mut self) {
        let begun = Instant::now();
        while self.ended.len() < self.sent {
            self.listen();
            assert!(begun.elapsed() < PATIENCE, "{} of {}", self.ended.len(), self.sent);
            sleep(Duration::from_millis(5));
        }
        let bad = self.ended.iter().filter(|(_, status)| *status != "SIP/2.0 200 OK");
        assert_eq!(bad.collect::<Vec<_>>(), Vec::<(&String, &String)>::new());
    }
}

/// No call went to a destination by two branches.
fn once(heard: &[Heard]) {
    let mut branches: HashMap<&str, HashSet<&str>> = HashMap::new();
    for one in heard.iter().filter(|one| one.method == "MESSAGE") {
        branches.entry(&one.call_id).or_default().insert(&one.branch);
    }
    let twice = branches.iter().find(|(_, branches)| branches.len() > 1);
    assert_eq!(twice, None, "a call came twice");
}

fn passive(tcp: bool, usual: &[Trouble]) {
    let (callee, other) = (Callee::new(tcp), Callee::new(tcp));
    let params = "passive_health=1 ds_ping_interval=1 passive_back_off=1";
    let (gateway, _folder) = gateway(&[&callee, &other], tcp, 2, params);
    let mut traffic = Traffic::new(gateway.address);
    traffic.go_on_for(Duration::from_millis(200));
    for trouble in troubles(usual).iter().copied() {
        callee.has(trouble);
        let took = traffic.go_on_until(&gateway, "Probing");
        assert!(took < Duration::from_secs(1), "{trouble:?} was seen after {took:?}");
        once(&callee.heard());
        traffic.go_on_for(Duration::from_millis(300));
        let heard = callee.heard();
        let calls = heard.iter().filter(|one| one.method == "MESSAGE");
        let calls: HashSet<&str> = calls.map(|one| &*one.call_id).collect();
        // What was on its way before is sent again, half a second of it; and one call may try it.
        let most = if trouble == Trouble::Silent { 60 } else { 1 };
        assert!(calls.len() <= most, "{trouble:?}: {} more calls", calls.len());
        callee.has(Trouble::None);
        let back = traffic.go_on_until(&gateway, "Active");
        println!("{trouble:?}: seen after {took:?}, back after {back:?}");
        traffic.go_on_for(Duration::from_millis(200));
        once(&callee.heard());
    }
    traffic.end();
    once(&other.heard());
}

#[test]
fn calls_show_within_a_second_that_a_destination_is_dead() {
    (0..rounds().unwrap_or(1)).for_each(|_| passive(false, &[Trouble::Silent, Trouble::Refuses]));
}

#[test]
fn calls_by_tcp_show_it_too() {
    (0..rounds().unwrap_or(1)).for_each(|_| passive(true, &[Trouble::Refuses, Trouble::Sick]));
}
