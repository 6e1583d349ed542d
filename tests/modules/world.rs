//! A world of one worker: a script, request bytes in, sent bytes out. Time stands still unless
//! moved.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sluice_base::counters::CellsReader;
use sluice_base::{Datagram, Now, OwnerSeed, SocketId};
use sluice_engine::Output;
use sluice_engine::job::{Answer, Mail};
use sluice_engine::program::{Environment, Program};
use sluice_engine::registry::Registry;
use sluice_engine::sockets::{Alias, Listen, Proto, Sockets};
use sluice_engine::worker::{Batch, Worker};
use sluice_modules::{CORE, KNOWN, MODULES};
use sluice_script::{Compiled, Loader, Options, SourceText, compile};

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

struct NoFiles;

impl Loader for NoFiles {
    fn read(&mut self, path: &str, _: &str) -> io::Result<SourceText> {
        Err(io::Error::new(io::ErrorKind::NotFound, path.to_owned()))
    }
}

/// The tables of all modules.
pub fn registry() -> Registry {
    Registry::new(CORE, MODULES, KNOWN)
}

/// Compiles a script against all modules.
pub fn compiled(script: &str) -> Compiled {
    let main = SourceText { name: "test.cfg".to_owned(), text: script.as_bytes().to_vec() };
    compile(main, &mut NoFiles, &registry(), Options::default())
}

/// Two UDP sockets, the first one advertised under no other name, and an alias.
pub fn sockets() -> Sockets {
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
            text: format!("udp:{addr}"),
            sent_by: format!("{host}{port}"),
        }
    };
    Sockets {
        listen: vec![
            listen("192.0.2.1:5060", None, None),
            listen("192.0.2.1:5062", Some("inner"), Some("gate.example.org")),
        ],
        aliases: vec![Alias { proto: None, host: "example.org".to_owned(), port: 0 }],
    }
}

/// The world.
pub struct World {
    program: Program,
    worker: Worker,
    counters: CellsReader,
    output: Output,
    now: Now,
}

impl World {
    /// Compiles and starts a script that must be good.
    pub fn new(script: &str) -> Self {
        Self::with_files(script, &[])
    }

    /// As [`World::new`], with files that modules read at start.
    pub fn with_files(script: &str, files: &[(&str, &str)]) -> Self {
        let compiled = compiled(script);
        let script = compiled.script.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        let files: HashMap<String, Vec<u8>> = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect();
        let environment = Environment {
            read_file: Arc::new(move |path| {
                files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
            }),
            resolve: Arc::new(|name| Err(format!("{name} does not resolve"))),
        };
        let mut warnings = Vec::new();
        let program =
            Program::start(script, Arc::new(registry()), sockets(), &environment, &mut warnings)
                .unwrap_or_else(|errors| panic!("{errors:?}"));
        let now = Now { mono_us: 5_000_000, wall_us: 1_795_392_000_250_000 };
        let made = program.workers(1, OwnerSeed(0), 7, now).pop().unwrap();
        let (worker, counters) = (made.worker, made.counters);
        Self { program, worker, counters, output: Output::default(), now }
    }

    /// One message from [`CALLER`] on the first socket, what is sent for it.
    pub fn feed(&mut self, message: &str) -> Vec<Sent> {
        self.feed_from(CALLER, 0, message)
    }

    /// One message.
    pub fn feed_from(&mut self, peer: &str, socket: u16, message: &str) -> Vec<Sent> {
        let datagram = Datagram {
            socket: SocketId(socket),
            peer: peer.parse().unwrap(),
            offset: 0,
            len: message.len() as u16,
        };
        self.turn(Batch { region: message.as_bytes(), datagrams: &[datagram] })
    }

    /// Lets time pass, then one turn.
    pub fn pass(&mut self, ms: u64) -> Vec<Sent> {
        self.now.mono_us += ms * 1_000;
        self.now.wall_us += ms * 1_000;
        self.turn(Batch::EMPTY)
    }

    /// Answers the jobs that lie in the output, then one turn; the jobs' texts.
    pub fn answer(&mut self, answer: &Answer) -> (Vec<String>, Vec<Sent>) {
        let jobs: Vec<_> = self.output.jobs.drain(..).collect();
        let asked = jobs.iter().map(|request| format!("{:?}", request.job)).collect();
        for request in jobs {
            let mail = Mail { key: request.key, answer: answer.clone() };
            let _asleep = request.reply.complete(mail);
        }
        (asked, self.turn(Batch::EMPTY))
    }

    /// A statistic of a module, by its place in the table.
    pub fn statistic(&self, module: &str, name: &str) -> u64 {
        let base = self.program.statistics(module).unwrap();
        let table = MODULES.iter().find(|m| m.name == module).unwrap().statistics;
        let at = table.iter().position(|statistic| statistic.name == name).unwrap();
        self.counters.get(usize::from(base.0) + at)
    }

    fn turn(&mut self, batch: Batch<'_>) -> Vec<Sent> {
        self.output.bytes.clear();
        self.output.sends.clear();
        let _woken = self.worker.turn(self.now, batch, &mut self.output);
        let bytes = &self.output.bytes;
        let sent = self.output.sends.iter().map(|send| Sent {
            to: send.target.addr.to_string(),
            by: send.target.socket.0,
            text: String::from_utf8(
                bytes[send.range.start as usize..send.range.end as usize].to_vec(),
            )
            .unwrap(),
        });
        sent.collect()
    }
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
