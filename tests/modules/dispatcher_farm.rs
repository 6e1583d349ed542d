//! Destinations that do as they are told, and calls to them, in virtual time.

use std::collections::HashSet;
use std::net::SocketAddr;

use sluice_engine::series::{Family, Figure, Series};
use sluice_tests::world::{Plan, Sent, World};

use crate::world::command_of;

pub const LIST: &str = "1 sip:10.0.0.1:5071\n1 sip:10.0.0.2:5072\n1 sip:10.0.0.3:5073\n";

/// By round robin, with failover on what shows that a destination is dead.
pub const SCRIPT: &str = "loadmodule \"tm\"\nloadmodule \"dispatcher\"\n\
    modparam(\"tm\", \"fr_timeout\", 2)\nmodparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
    PARAMS\n\
    route {\n  if (!ds_select_dst(1, 4, \"f\")) { t_reply(480, \"Nobody\"); exit; }\n\
      t_on_failure(\"next\");\n  t_relay();\n}\n\
    failure_route[next] {\n\
      if (t_check_status(\"408|503\") && ds_next_dst()) { t_on_failure(\"next\"); t_relay(); }\n\
    }\n";

/// A set of destinations that do as they are told, and calls to them.
pub struct Farm {
    pub world: World,
    calls: usize,
    /// By the last digit of the port, what each destination does.
    pub manners: [Manner; 3],
    /// How long each waits before it answers.
    pub delays_ms: [u64; 3],
    /// Whom calls are for.
    pub user: &'static str,
    /// INVITEs in their order, retransmissions left out: call and destination.
    pub tries: Vec<(usize, SocketAddr)>,
    /// The same, those included that were asked for.
    seen: HashSet<(usize, SocketAddr)>,
    /// Requests that are answered later: when in microseconds, by what.
    later: Vec<(u64, Sent, &'static str)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    Answers(&'static str),
    Silent,
    Refuses,
}

/// Between two looks at the clock.
const STEP_MS: u64 = 10;

pub const WELL: Manner = Manner::Answers("486 Busy Here");

impl Farm {
    pub fn new(params: &str) -> Self {
        Self::of(LIST, params, SCRIPT)
    }

    pub fn of(list: &str, params: &str, script: &str) -> Self {
        let set = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            format!("modparam(\"dispatcher\", \"{name}\", {value})\n")
        };
        let params: String = params.split_whitespace().map(set).collect();
        let world = Plan::default().file("d.list", list).run(&script.replace("PARAMS", &params));
        Self {
            world,
            calls: 0,
            manners: [WELL; 3],
            delays_ms: [0; 3],
            user: "bob",
            tries: Vec::new(),
            seen: HashSet::new(),
            later: Vec::new(),
        }
    }

    pub fn call(&mut self) {
        self.calls += 1;
        let (call, user) = (self.calls, self.user);
        let invite = format!(
            "INVITE sip:{user}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.1;branch=z9hG4bK{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n\
             Call-ID: c{call}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let sent = self.world.receive("10.9.9.1:5060", invite);
        self.serve(sent);
    }

    /// What the destinations do with what they get, and what follows.
    fn serve(&mut self, sent: Vec<Sent>) {
        let mut waiting = sent;
        while let Some(one) = waiting.pop() {
            let line = one.first_line();
            if !line.starts_with("INVITE") && !line.starts_with("OPTIONS") {
                continue;
            }
            let port = one.to.port();
            if line.starts_with("INVITE") {
                let text = one.text();
                let (_, call) = text.split_once("Call-ID: c").unwrap();
                let call = call.split("\r\n").next().unwrap().parse().unwrap();
                if self.seen.insert((call, one.to)) {
                    self.tries.push((call, one.to));
                }
            }
            let who = usize::from(port % 10) - 1;
            let delay_us = self.delays_ms[who] * 1_000;
            waiting.extend(match self.manners[who] {
                Manner::Answers(status) if delay_us > 0 => {
                    self.later.push((self.world.now.mono_us + delay_us, one, status));
                    Vec::new()
                }
                Manner::Answers(status) => self.answer(&one, status),
                Manner::Silent => Vec::new(),
                Manner::Refuses => self.world.lose_to(0, &one.bytes, Some(one.to)),
            });
        }
    }

    fn answer(&mut self, request: &Sent, status: &str) -> Vec<Sent> {
        let text = request.text();
        let (_, headers) = text.split_once("\r\n").unwrap();
        let reply = format!("SIP/2.0 {status}\r\n{headers}");
        self.world.receive(&request.to.to_string(), reply)
    }

    /// Time passes; modules are told of each second.
    pub fn pass(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            let sent = self.world.pass(STEP_MS);
            self.serve(sent);
            let now_us = self.world.now.mono_us;
            let due: Vec<_> = self.later.extract_if(.., |(due_us, ..)| *due_us <= now_us).collect();
            for (_, request, status) in due {
                let sent = self.answer(&request, status);
                self.serve(sent);
            }
            if self.world.now.mono_us.is_multiple_of(1_000_000) {
                self.world.program.tick(self.world.now);
                let sent = self.world.take_turn(0);
                self.serve(sent);
            }
        }
    }

    pub fn states(&self) -> Vec<String> {
        let list = command_of(&self.world, "dispatcher", "ds_list", &[]).unwrap();
        let all = list["PARTITIONS"][0]["SETS"][0]["Destinations"].as_array().unwrap().clone();
        all.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
    }

    /// How many calls reached a destination since the last question.
    pub fn reached(&mut self) -> [usize; 3] {
        let count = |port| self.tries.iter().filter(|(_, to)| to.port() == port).count();
        let counts = [count(5071), count(5072), count(5073)];
        self.tries.clear();
        counts
    }

    /// A figure of a destination of set 1.
    pub fn figure(&self, name: &'static str, destination: &'static str) -> String {
        let mut one = One { name, destination, figure: String::new() };
        self.world.program.series(&mut one);
        one.figure
    }
}

/// Picks one figure.
struct One {
    name: &'static str,
    destination: &'static str,
    figure: String,
}

impl Series for One {
    fn put(&mut self, family: &Family, labels: &[(&str, &str)], figure: Figure<'_>) {
        if family.name == self.name && labels == [("set", "1"), ("destination", self.destination)] {
            self.figure = format!("{figure:?}");
        }
    }
}
