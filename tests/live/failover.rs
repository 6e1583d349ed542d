//! One of four destinations is silent, refuses by ICMP, or answers 503: every call is answered by
//! another one, and the caller hears one final reply.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sluice_engine::counter::Counter;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::support::Folder;

/// What is wrong with the first destination.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Wrong {
    /// It never answers.
    Silent,
    /// Its port is closed.
    Closed,
    /// It answers 503.
    Busy,
}

/// How long a silent destination is waited for, seconds.
const PATIENT: u64 = 1;
/// The same where nobody shall wait: longer than all calls together may take.
const NEVER: u64 = 40;
/// How many calls are under way at most.
const AT_ONCE: usize = 64;

fn script(fr_timeout: u64, list: &str) -> String {
    format!(
        "loadmodule \"proto_udp.so\"\nloadmodule \"tm.so\"\nloadmodule \"dispatcher.so\"\n\
         modparam(\"dispatcher\", \"list_file\", \"{list}\")\n\
         modparam(\"tm\", \"fr_timeout\", {fr_timeout})\n\
         route {{\n  ds_select_dst(1, 0, \"f\");\n  t_on_failure(\"next\");\n  t_relay();\n}}\n\
         failure_route[next] {{\n\
         if (t_check_status(\"(408)|(503)\") && ds_next_dst()) {{\n\
         t_on_failure(\"next\"); t_relay(); }}\n}}\n"
    )
}

/// The program, its destinations, and a caller.
struct Scene {
    live: Live,
    _folder: Folder,
    caller: Agent,
    destinations: Vec<Agent>,
}

impl Scene {
    fn new(wrong: Wrong) -> Self {
        let folder = Folder::new();
        let mut destinations: Vec<Agent> = (0..4).map(|_| Agent::new()).collect();
        let list = destinations.iter().map(|agent| format!("1 sip:{}\n", agent.address()));
        let list = folder.write("dispatcher.list", &list.collect::<String>());
        if wrong == Wrong::Closed {
            destinations.remove(0);
        }
        let wait = if wrong == Wrong::Silent { PATIENT } else { NEVER };
        let live = Live::start(&script(wait, &list), 2);
        Self { live, _folder: folder, caller: Agent::new(), destinations }
    }

    fn begin(&self, call: usize) {
        let call_id = format!("call-{call}");
        let invite = Request { method: "INVITE", call_id: &call_id, ..Request::default() };
        self.caller.send(self.live.address, invite.text(self.caller.address()));
    }

    /// Destinations answer what has come; which calls were begun at the one that is wrong.
    fn answer(&self, wrong: Wrong) -> usize {
        let mut met = 0;
        for (at, destination) in self.destinations.iter().enumerate() {
            let is_wrong = at == 0 && wrong != Wrong::Closed;
            while let Some((request, from)) = destination.try_receive() {
                if !request.starts_with("INVITE") {
                    continue;
                }
                met += usize::from(is_wrong);
                match (is_wrong, wrong) {
                    (true, Wrong::Silent) => {}
                    (true, _) => destination.send(from, reply(&request, "503 Full")),
                    (false, _) => destination.send(from, reply(&request, "200 OK")),
                }
            }
        }
        met
    }

    /// The Call-IDs of the final replies that the caller has got.
    fn finals(&self) -> Vec<String> {
        let mut finals = Vec::new();
        while let Some((text, _)) = self.caller.try_receive() {
            if first_line(&text).starts_with("SIP/2.0 1") {
                continue;
            }
            assert_eq!(first_line(&text), "SIP/2.0 200 OK");
            finals.push(headers(&text, "Call-ID")[0].to_owned());
        }
        finals
    }
}

fn calls() -> usize {
    std::env::var("SLUICE_CALLS").map_or(40, |calls| calls.parse().unwrap())
}

fn fail_over(wrong: Wrong) {
    let mut scene = Scene::new(wrong);
    let (calls, begin) = (calls(), Instant::now());
    let (mut begun, mut met) = (0, 0);
    let mut answered: HashMap<String, usize> = HashMap::new();
    while answered.len() < calls {
        while begun < calls && begun - answered.len() < AT_ONCE {
            scene.begin(begun);
            begun += 1;
        }
        met += scene.answer(wrong);
        scene.finals().into_iter().for_each(|call_id| *answered.entry(call_id).or_default() += 1);
        let patience = Duration::from_secs(NEVER - 5) + Duration::from_millis(calls as u64 * 20);
        assert!(begin.elapsed() < patience, "{wrong:?}: {} of {calls}", answered.len());
        std::thread::sleep(Duration::from_micros(200));
    }
    match wrong {
        Wrong::Silent => assert!(met > 0 && begin.elapsed() >= Duration::from_secs(PATIENT)),
        Wrong::Closed => assert!(scene.live.count(Counter::RequestsLost) > 0),
        Wrong::Busy => assert!(met > 0),
    }
    std::thread::sleep(Duration::from_millis(200));
    scene.finals().into_iter().for_each(|call_id| *answered.entry(call_id).or_default() += 1);
    assert!(answered.values().all(|count| *count == 1), "{wrong:?}: {answered:?}");
}

#[test]
fn failover_from_a_silent_destination() {
    fail_over(Wrong::Silent);
}

#[test]
fn failover_from_a_closed_port() {
    fail_over(Wrong::Closed);
}

#[test]
fn failover_from_one_that_answers_503() {
    fail_over(Wrong::Busy);
}
