//! The first script of the seed over real sockets: its list, each row of its algorithm table, the
//! states of destinations, and the way back.

use std::net::SocketAddr;

use crate::sip::{Agent, Request, first_line, first_of, headers, reply};
use crate::support::{Folder, Running, address, sluice};

const SCRIPT: &str = include_str!("../../examples/dispatcher/seed.cfg");
const LIST: &str = include_str!("../../examples/dispatcher/seed.list");

/// The line of the script that chooses.
const CHOICE: &str = "ds_select_dst(\"2\", \"0\");";

/// The gateway, a caller, and the destinations of the list by their order.
struct Scene {
    _program: Running,
    _folder: Folder,
    gateway: SocketAddr,
    caller: Agent,
    destinations: Vec<Agent>,
}

impl Scene {
    /// Runs a script with a list that names its destinations as `127.0.0.1:5071` and so on.
    fn new(script: &str, list: &str) -> Self {
        let folder = Folder::new();
        let destinations: Vec<Agent> = (0..5).map(|_| Agent::new()).collect();
        // By way of marks: a port that the system gave may begin with one of these.
        let list = (0..5).fold(list.to_owned(), |list, at| {
            list.replace(&format!("127.0.0.1:{}", 5071 + at), &format!("@{at}@"))
        });
        let list = destinations.iter().enumerate().fold(list, |list, (at, agent)| {
            list.replace(&format!("@{at}@"), &agent.address().to_string())
        });
        folder.write("seed.list", &list);
        let script = folder.write("seed.cfg", script);
        let gateway = address();
        let listen = format!("udp:{gateway}");
        let program = Running::gateway(&["-f", &script, "-l", &listen, "-E"]);
        Self { _program: program, _folder: folder, gateway, caller: Agent::new(), destinations }
    }

    /// The script with another choice, and the list of the seed.
    fn choosing(set: &str, algorithm: &str, params: &str) -> Self {
        assert!(SCRIPT.contains(CHOICE));
        let choice = format!("ds_select_dst(\"{set}\", \"{algorithm}\");");
        let script = SCRIPT.replace(CHOICE, &choice);
        Self::new(&script.replace("\nroute {", &format!("\n{params}\nroute {{")), LIST)
    }

    /// The port, as the seed's list has it, of the destination that a request goes to.
    fn port(&self, request: Request<'_>) -> usize {
        self.caller.send(self.gateway, request.text(self.caller.address()));
        let (at, text, _) = first_of(&self.destinations);
        assert_eq!(first_line(&text), format!("{} {} SIP/2.0", request.method, request.uri));
        5071 + at
    }

    fn ports(&self, requests: &[Request<'_>]) -> Vec<usize> {
        requests.iter().map(|request| self.port(*request)).collect()
    }
}

fn call_id(call_id: &str) -> Request<'_> {
    Request { call_id, ..Request::default() }
}

fn with(more: &str) -> Request<'_> {
    Request { more, ..Request::default() }
}

#[test]
fn a_call_goes_through_the_seeds_script() {
    let Scene { gateway, caller, destinations, .. } = &Scene::new(SCRIPT, LIST);
    // Set 2 has two destinations; spec 3.2: the hashes are 0, 0 and 1 modulo 2.
    for (call_id, at) in [("1-2345@127.0.0.1", 0), ("abc", 0), ("alice", 1)] {
        let method = "INVITE";
        let invite = Request { method, call_id, ..Request::default() }.text(caller.address());
        caller.send(*gateway, &invite);
        let (chosen, received, from) = first_of(destinations);
        assert_eq!((chosen, from), (at, *gateway));
        let vias = headers(&received, "Via");
        assert!(vias[0].starts_with(&format!("SIP/2.0/UDP {gateway};branch=z9hG4bK")), "{vias:?}");
        assert_eq!(vias[1..], headers(&invite, "Via"));
        assert_eq!(headers(&received, "Max-Forwards"), ["69"]);
        for status in ["180 Ringing", "200 OK"] {
            destinations[at].send(from, reply(&received, status));
            let back = caller.receive();
            assert_eq!(first_line(&back), format!("SIP/2.0 {status}"));
            assert_eq!(headers(&back, "Via"), headers(&invite, "Via"));
            assert_eq!(headers(&back, "Call-ID"), [call_id]);
        }
    }
}

#[test]
fn a_request_without_hops_left_is_refused() {
    let Scene { gateway, caller, destinations, .. } = &Scene::new(SCRIPT, LIST);
    let looping = Request { max_forwards: 0, ..Request::default() };
    caller.send(*gateway, looping.text(caller.address()));
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 483 To Many Hops");
    assert!(destinations.iter().all(|agent| agent.try_receive().is_none()));
}

#[test]
fn row_0_is_a_hash_over_the_call_id() {
    let scene = Scene::choosing("1", "0", "");
    let calls = ["a84b4c76e66710@pc33.atlanta.com", "1-2345@127.0.0.1", "abc", "alice"];
    assert_eq!(scene.ports(&calls.map(call_id)), [5074, 5075, 5073, 5075]);
    assert_eq!(scene.ports(&calls.map(call_id)), [5074, 5075, 5073, 5075], "and stays");
}

/// Users at a host, and the destination of set 1 that the vectors of spec 3.2 give them: a port
/// counts only when it is not the default.
const URIS: [(&str, usize); 3] = [
    ("sip:alice@example.com", 5073),
    ("sip:alice@example.com:5060", 5073),
    ("sip:alice@example.com:5070", 5074),
];

#[test]
fn rows_1_to_3_are_hashes_over_the_uris() {
    let asked = |algorithm: &str, uri: &'static str| match algorithm {
        "1" => Request { from: uri, ..Request::default() },
        "2" => Request { to: uri, ..Request::default() },
        _ => Request { uri, ..Request::default() },
    };
    for algorithm in ["1", "2", "3"] {
        let scene = Scene::choosing("1", algorithm, "");
        for (uri, expected) in URIS {
            assert_eq!(scene.port(asked(algorithm, uri)), expected, "{algorithm} {uri}");
        }
    }
}

#[test]
fn row_4_goes_round() {
    let scene = Scene::choosing("1", "4", "");
    let ports = scene.ports(&[Request::default(); 7]);
    assert_eq!(ports, [5073, 5074, 5075, 5073, 5074, 5075, 5073]);
}

#[test]
fn row_5_is_a_hash_over_the_authorization_user() {
    let scene = Scene::choosing("1", "5", "");
    let line = |name: &str, user: &str| {
        format!(
            "{name}: Digest username=\"{user}\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", \
             response=\"00000000000000000000000000000000\"\r\n"
        )
    };
    assert_eq!(scene.port(with(&line("Authorization", "abc"))), 5073);
    assert_eq!(scene.port(with(&line("Authorization", "alice"))), 5075);
    assert_eq!(scene.ports(&[Request::default(); 3]), [5075; 3], "the last one again");
    let both = line("Authorization", "alice") + &line("Proxy-Authorization", "abc");
    assert_eq!(scene.port(with(&both)), 5073, "the proxy's own comes first");
}

#[test]
fn row_6_is_random() {
    let scene = Scene::choosing("1", "6", "");
    let mut ports = scene.ports(&[Request::default(); 100]);
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports, [5073, 5074, 5075]);
}

#[test]
fn row_7_is_a_hash_over_a_variable() {
    let param = "modparam(\"dispatcher\", \"hash_pvar\", \"$hdr(X-Key)\")";
    let scene = Scene::choosing("1", "7", param);
    assert_eq!(scene.port(with("X-Key: alice\r\n")), 5075);
    assert_eq!(scene.port(with("X-Key: abc\r\n")), 5073);
    // Without a key nothing is selected, and the script forwards by the Request-URI.
    let elsewhere = Agent::new();
    let uri = format!("sip:bob@{}", elsewhere.address());
    let keyless = Request { uri: &uri, ..Request::default() };
    scene.caller.send(scene.gateway, keyless.text(scene.caller.address()));
    assert!(elsewhere.receive().starts_with(&format!("OPTIONS {uri} SIP/2.0\r\n")));
}

#[test]
fn row_x_is_the_first_of_the_set() {
    let scene = Scene::choosing("1", "X", "");
    let calls = ["abc", "alice", "1-2345@127.0.0.1", "a84b4c76e66710@pc33.atlanta.com"];
    assert_eq!(scene.ports(&calls.map(call_id)), [5073; 4]);
}

#[test]
fn destinations_in_the_list_are_active_inactive_or_probing() {
    let script = SCRIPT.replace(CHOICE, "ds_select_dst(\"1\", \"4\");");
    for states in [["i", "a", "p", "a"], ["1", "0", "2", "0"]] {
        let line = |(at, state)| format!("1 sip:127.0.0.1:{} {state}\n", 5071 + at);
        let list: String = states.into_iter().enumerate().map(line).collect();
        let scene = Scene::new(&script, &list);
        assert_eq!(scene.ports(&[Request::default(); 4]), [5072, 5074, 5072, 5074]);
    }
}

#[test]
fn a_malformed_line_of_the_list_stops_the_start_with_its_place() {
    let folder = Folder::new();
    let script = folder.write("seed.cfg", SCRIPT);
    let listen = address().to_string();
    for (list, place) in [
        ("2 sip:127.0.0.1:5071\n2\n", ":2"),
        ("two sip:127.0.0.1:5071\n", ":1"),
        ("\n# sets\n\n2 127.0.0.1:5071\n", ":4"),
        ("2 sip:127.0.0.1:5071 x\n", ":1"),
    ] {
        folder.write("seed.list", list);
        let ended = sluice(&["-f", &script, "-l", &listen], "");
        assert_eq!(ended.code, Some(255), "{ended:?}");
        assert!(ended.err.contains(&format!("seed.list{place}")), "{list:?}: {}", ended.err);
    }
}

#[test]
fn a_destination_whose_name_does_not_resolve_is_left_out() {
    let list = "2 sip:sluice.invalid\n2 sip:127.0.0.1:5071\n2 sip:127.0.0.1:5072\n";
    let scene = Scene::new(&SCRIPT.replace(CHOICE, "ds_select_dst(\"2\", \"4\");"), list);
    assert_eq!(scene.ports(&[Request::default(); 4]), [5071, 5072, 5071, 5072]);
}
