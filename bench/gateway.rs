//! One worker without sockets and clocks: the dispatcher example's, or one with another script.

use std::sync::Arc;

use sluice_base::{Datagram, Now, OwnerSeed, SocketId};
use sluice_engine::Output;
use sluice_engine::files::InMemory;
use sluice_engine::program::{Environment, Program};
use sluice_engine::registry::Registry;
use sluice_engine::sockets::{Listen, Proto, Sockets};
use sluice_engine::worker::{Batch, Worker};
use sluice_script::{Loader, Options, SourceText, compile};

/// The 900-byte INVITE that the figures are about.
pub const INVITE: &[u8] = include_bytes!("data/invite.sip");

const SCRIPT: &[u8] = include_bytes!("../examples/dispatcher/opensips.cfg");
const LIST: &[u8] = include_bytes!("../examples/dispatcher/dispatcher.list");
pub(crate) const NOW: Now = Now { mono_us: 1_000_000, wall_us: 1_800_000_000_000_000 };

/// A worker and the batch that it gets turn after turn.
pub struct Gateway {
    worker: Worker,
    region: Vec<u8>,
    datagrams: Vec<Datagram>,
    output: Output,
}

impl Gateway {
    /// The dispatcher example, for a batch of `messages` times the INVITE.
    pub fn dispatcher(messages: usize) -> Self {
        Self::new(SCRIPT, messages)
    }

    /// A script over the example's list, for a batch of `messages` times the INVITE.
    ///
    /// # Panics
    /// When the script does not compile or a module does not start.
    pub fn new(script: &[u8], messages: usize) -> Self {
        let len = INVITE.len();
        let datagram = |at: usize| Datagram {
            socket: SocketId(0),
            peer: ([192, 0, 2, 101], 5060).into(),
            offset: (at * len) as u32,
            len: len as u16,
        };
        Self {
            worker: worker(script),
            region: INVITE.repeat(messages),
            datagrams: (0..messages).map(datagram).collect(),
            output: Output::with_capacity(messages * 2 * len, messages),
        }
    }

    /// Takes one turn; how many datagrams are to be sent.
    pub fn turn(&mut self) -> usize {
        self.output.clear();
        let batch = Batch { region: &self.region, datagrams: &self.datagrams };
        self.worker.turn(NOW, batch, &mut self.output);
        self.output.sends.len()
    }
}

/// A single worker that runs a script.
pub(crate) fn worker(script: &[u8]) -> Worker {
    let (core, modules) = (sluice_modules::CORE, sluice_modules::MODULES);
    let registry = Arc::new(Registry::new(core, modules, sluice_modules::KNOWN));
    let main = SourceText { name: "opensips.cfg".to_owned(), text: script.to_vec() };
    let compiled = compile(main, &mut NoFiles, &*registry, Options { strict: false });
    let files = InMemory::default();
    files.set("dispatcher.list", Some(LIST));
    let environment = Environment {
        files: Arc::new(files),
        resolve: Arc::new(|name| Err(format!("{name}: no names here"))),
        sql: Arc::new(sluice_engine::sql::NoSql),
        zone: sluice_engine::TimeZone::UTC,
    };
    let script = compiled.script.expect("the script compiles");
    let program = Program::start(script, registry, sockets(), &environment, &mut Vec::new());
    let Ok(program) = program else { panic!("the modules start") };
    program.workers(1, OwnerSeed(0), 42, NOW).pop().expect("one worker").worker
}

struct NoFiles;

impl Loader for NoFiles {
    fn read(&mut self, path: &str, _: &str) -> std::io::Result<SourceText> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, path))
    }
}

fn sockets() -> Sockets {
    let listen = Listen {
        proto: Proto::Udp,
        addr: ([127, 0, 0, 1], 5060).into(),
        name: "127.0.0.1".to_owned(),
        advertised: None,
        tag: None,
        anycast: false,
        subdomains: false,
        text: "udp:127.0.0.1:5060".to_owned(),
        sent_by: "127.0.0.1".to_owned(),
    };
    Sockets { listen: vec![listen], aliases: Vec::new() }
}
