//! A world of one worker with named sockets, requests as texts, and expressions evaluated in it.

use std::collections::HashMap;
use std::net::SocketAddr;

use sluice_base::Now;
use sluice_engine::job::Answer;
use sluice_engine::module::CommandError;
use sluice_engine::sockets::{Alias, Listen, Proto, Sockets};
use sluice_modules::MODULES;
use sluice_script::Compiled;
use sluice_tests::world as shared;

/// Where requests come from.
pub const CALLER: &str = "198.51.100.7:5071";

/// A sent datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    pub to: String,
    pub by: u16,
    pub text: String,
}

impl Sent {
    /// The value of the first header with this name as written.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.text.split("\r\n");
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The first line.
    pub fn first_line(&self) -> &str {
        self.text.split("\r\n").next().unwrap_or_default()
    }
}

/// Compiles a script against all modules.
pub fn compiled(script: &str) -> Compiled {
    shared::compile_text(script, &shared::registry(), HashMap::new())
}

/// Two UDP sockets, the first one advertised under no other name, and an alias.
fn sockets() -> Sockets {
    let listen = |addr: &str, tag: Option<&str>, advertised: Option<&str>| {
        let addr: SocketAddr = addr.parse().unwrap();
        let host = advertised.map_or_else(|| addr.ip().to_string(), str::to_owned);
        let port = if addr.port() == 5060 { String::new() } else { format!(":{}", addr.port()) };
        Listen {
            proto: Proto::Udp,
            addr,
            name: addr.ip().to_string(),
            advertised: advertised.map(|host| (host.to_owned(), Some(5080))),
            tag: tag.map(str::to_owned),
            anycast: false,
            subdomains: false,
            text: format!("udp:{addr}"),
            sent_by: format!("{host}{port}"),
        }
    };
    Sockets {
        listen: vec![
            listen("192.0.2.1:5060", None, None),
            listen("192.0.2.1:5062", Some("inner"), Some("gate.example.org")),
        ],
        aliases: vec![Alias {
            proto: None,
            host: "example.org".to_owned(),
            port: 0,
            subdomains: true,
        }],
    }
}

/// The world.
pub struct World(shared::World);

impl World {
    /// Compiles and starts a script that must be good.
    pub fn new(script: &str) -> Self {
        let plan = shared::Plan { sockets: Some(sockets()), ..shared::Plan::default() };
        let mut world = plan.run(script);
        world.now = Now { mono_us: 5_000_000, wall_us: 1_795_392_000_250_000 };
        Self(world)
    }

    /// A figure that a module tells, by its name.
    pub fn gauge(&self, module: &str, name: &str) -> u64 {
        let gauges = self.0.program.state(module).unwrap().gauges();
        gauges.into_iter().find(|(of, _)| of == name).unwrap().1
    }

    /// One message from [`CALLER`] on the first socket, what is sent for it.
    pub fn feed(&mut self, message: &str) -> Vec<Sent> {
        plain(self.0.receive(CALLER, message))
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: u64) -> Vec<Sent> {
        plain(self.0.pass(ms))
    }

    /// Answers the oldest job; the job's text and what is sent then.
    pub fn answer(&mut self, answer: Answer) -> (String, Vec<Sent>) {
        let asked = format!("{:?}", self.0.asked().unwrap());
        (asked, plain(self.0.answer(answer)))
    }

    /// Tells the modules the moment a second later, as the control plane does.
    pub fn tick(&self) {
        let mono_us = self.0.now.mono_us + 1_000_000;
        self.0.program.tick(Now { mono_us, ..self.0.now });
    }

    /// Runs a management command of a module.
    pub fn command(
        &self,
        module: &str,
        name: &str,
        params: &[Option<&str>],
    ) -> Result<serde_json::Value, CommandError> {
        command_of(&self.0, module, name, params)
    }

    /// A statistic of a module, by its place in the table.
    pub fn statistic(&self, module: &str, name: &str) -> u64 {
        let base = self.0.program.statistics(module).unwrap();
        let table = MODULES.iter().find(|m| m.name == module).unwrap().statistics;
        let at = table.iter().position(|statistic| statistic.name == name).unwrap();
        self.0.cell(usize::from(base.0) + at)
    }
}

/// Runs a management command of a module in any world.
pub fn command_of(
    world: &shared::World,
    module: &str,
    name: &str,
    params: &[Option<&str>],
) -> Result<serde_json::Value, CommandError> {
    let table = MODULES.iter().find(|m| m.name == module).unwrap();
    let command = table.commands.iter().find(|command| command.name == name).unwrap();
    (command.run)(&**world.program.state(module).unwrap(), params)
}

fn plain(sent: Vec<shared::Sent>) -> Vec<Sent> {
    let sent = sent.into_iter().map(|sent| Sent {
        to: sent.to.to_string(),
        by: sent.socket.0,
        text: String::from_utf8(sent.bytes).unwrap(),
    });
    sent.collect()
}

/// A usual INVITE with a body; its Via asks for `rport`.
pub const INVITE: &str = "INVITE sip:bob@example.com:5090;transport=udp?x=y SIP/2.0\r\n\
    Via: SIP/2.0/UDP 198.51.100.7:5071;branch=z9hG4bKnashds8;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Alice\" <sip:alice:pw@atlanta.example:5070>;tag=1928\r\n\
    To: Bob <sip:bob@biloxi.example>\r\n\
    Call-ID: a84b4c76e66710@pc33.atlanta.example\r\n\
    CSeq: 314159 INVITE\r\n\
    Contact: <sip:alice@pc33.atlanta.example>;q=0.7;expires=60, \"Al\" <sip:al@h2>\r\n\
    s: compact subject\r\n\
    X-Empty:\r\n\
    X-Two: one \r\n\
    X-Two: two\r\n\
    User-Agent: test\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 6\r\n\
    \r\n\
    v=0\r\n\
    x";

/// What `expression` is worth in a request: a text of a function parameter, expanded.
pub fn text_in(script: &str, expression: &str, message: &str) -> String {
    let script = format!(
        "loadmodule \"sl.so\"\nloadmodule \"textops.so\"\nloadmodule \"cfgutils.so\"\n\
         route {{\n{script}\nsl_send_reply(200, \"={expression}\");\n}}"
    );
    let sent = World::new(&script).feed(message);
    let line = sent.first().unwrap_or_else(|| panic!("nothing sent by {script}")).first_line();
    line.strip_prefix("SIP/2.0 200 =").unwrap().to_owned()
}

/// What an expression is worth in [`INVITE`].
pub fn text(expression: &str) -> String {
    text_in("", expression, INVITE)
}
