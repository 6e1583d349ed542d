//! A world of workers without sockets and clocks: a script in, datagrams in, datagrams out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use sluice_base::counters::CellsReader;
use sluice_base::{Datagram, Now, OwnerSeed, SocketId};
use sluice_engine::counter::Counter;
use sluice_engine::db::{DbError, Open, Outcome, Source, Statement, Way};
use sluice_engine::files::{Files, InMemory};
use sluice_engine::job::{Answer, Job, Mail, Request};
use sluice_engine::module::SetupError;
use sluice_engine::program::{Environment, Program};
use sluice_engine::registry::Registry;
use sluice_engine::sockets::{Listen, Proto, Sockets};
use sluice_engine::sql::{Sql, SqlCounts, SqlOptions};
use sluice_engine::targets::{Located, Place};
use sluice_engine::worker::{Batch, Worker};
use sluice_engine::{Output, TimeZone};
use sluice_script::{Compiled, Loader, Options, SourceText, compile, recompile};

/// A datagram that a worker sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The socket it left by.
    pub socket: SocketId,
    /// Where to.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Sent {
    /// The bytes as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The first line.
    pub fn first_line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }
}

/// What a world is built from.
#[derive(Clone)]
pub struct Plan {
    /// Files that the script or its modules read, by path.
    pub files: HashMap<String, Vec<u8>>,
    /// Names that resolve, and to what.
    pub names: HashMap<String, Vec<std::net::IpAddr>>,
    /// How many workers; 0 means one.
    pub workers: u8,
    /// Listening addresses; none means 127.0.0.1:5060.
    pub listen: Vec<SocketAddr>,
    /// Sockets with names, tags and aliases, instead of `listen`.
    pub sockets: Option<Sockets>,
    /// The zone of local times; UTC.
    pub zone: TimeZone,
    /// SQL databases; some that are gone.
    pub sql: Arc<dyn Sql>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            files: HashMap::new(),
            names: HashMap::new(),
            workers: 1,
            listen: Vec::new(),
            sockets: None,
            zone: TimeZone::UTC,
            sql: Arc::new(GoneSql),
        }
    }
}

impl Plan {
    /// Adds a file.
    pub fn file(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.to_owned(), text.as_ref().to_vec());
        self
    }

    /// Adds a name.
    pub fn name(mut self, name: &str, address: &str) -> Self {
        let address = address.parse().expect("an address");
        self.names.entry(name.to_owned()).or_default().push(address);
        self
    }

    /// Builds the world around a script.
    ///
    /// # Panics
    /// When the script does not load or a module does not start.
    pub fn run(self, script: &str) -> World {
        match self.try_run(script) {
            Ok(world) => world,
            Err(why) => panic!("{why}"),
        }
    }

    /// Builds the world around a script; the error is the diagnostics or the modules' refusals.
    pub fn try_run(self, script: &str) -> Result<World, String> {
        let registry = registry();
        let files = Arc::new(in_memory(self.files));
        let compiled = compile_with(script, &registry, &files);
        let rendered = compiled.render(false);
        let script = compiled.script.ok_or(rendered)?;
        let names = self.names;
        let environment = Environment {
            files: Arc::clone(&files) as Arc<dyn Files>,
            resolve: Arc::new(move |name: &str| {
                names.get(name).cloned().ok_or_else(|| format!("{name}: no such name"))
            }),
            sql: self.sql,
            zone: self.zone,
        };
        let mut warnings = Vec::new();
        let sockets = self.sockets.unwrap_or_else(|| sockets(&self.listen));
        let program = Program::start(script, registry, sockets, &environment, &mut warnings)
            .map_err(|errors| refusals(&errors))?;
        let warnings = warnings.into_iter().map(|(_, text)| text).collect();
        let now = Now { mono_us: 1_000_000, wall_us: 1_800_000_000_000_000 };
        let made = program.workers(self.workers.max(1), OwnerSeed(0), 42, now);
        let (mut workers, mut counters) = (Vec::new(), Vec::new());
        for made in made {
            workers.push(made.worker);
            counters.push(made.counters);
        }
        Ok(World { program, workers, counters, now, warnings, jobs: Vec::new(), files })
    }
}

/// SQL databases that open, and then are gone.
struct GoneSql;

struct Gone(String);

impl Sql for GoneSql {
    fn opener(&self, options: SqlOptions, _: Arc<SqlCounts>) -> Open {
        let scheme = options.kind.scheme();
        Arc::new(move |_: &str| Ok(Arc::new(Gone(format!("{scheme}://")))))
    }
}

impl Source for Gone {
    fn name(&self) -> &str {
        &self.0
    }

    fn place(&self, table: &str) -> String {
        format!("{}, table {table}", self.0)
    }

    fn ask(&self, _: Vec<Statement>) -> Outcome {
        Err(DbError::Unreachable(format!("{}: there are no SQL databases here", self.0)))
    }

    fn now(&self, _: &Statement) -> Option<Outcome> {
        None
    }

    fn run(&self, statements: Vec<Statement>) -> Way<'_> {
        Way::Waiting(Box::pin(async move { self.ask(statements) }))
    }

    fn each(&self, statements: Vec<Statement>) -> Way<'_, Vec<Outcome>> {
        Way::Waiting(Box::pin(async move {
            statements.into_iter().map(|statement| self.ask(vec![statement])).collect()
        }))
    }
}

/// All tables as the program has them.
pub fn registry() -> Arc<Registry> {
    static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| {
        let (core, modules) = (sluice_modules::CORE, sluice_modules::MODULES);
        Arc::new(Registry::new(core, modules, sluice_modules::KNOWN))
    });
    Arc::clone(&REGISTRY)
}

/// Compiles a script against the real tables; includes come from `files`.
pub fn compile_text(
    script: impl AsRef<[u8]>,
    registry: &Registry,
    files: HashMap<String, Vec<u8>>,
) -> Compiled {
    compile_with(script, registry, &in_memory(files))
}

fn compile_with(script: impl AsRef<[u8]>, registry: &Registry, files: &InMemory) -> Compiled {
    compile(main(script), &mut Includes(files), registry, Options { strict: false })
}

fn in_memory(files: HashMap<String, Vec<u8>>) -> InMemory {
    let kept = InMemory::default();
    for (path, text) in &files {
        kept.set(path, Some(text));
    }
    kept
}

fn main(script: impl AsRef<[u8]>) -> SourceText {
    SourceText { name: "test.cfg".to_owned(), text: script.as_ref().to_vec() }
}

struct Includes<'a>(&'a InMemory);

impl Loader for Includes<'_> {
    fn read(&mut self, path: &str, _: &str) -> std::io::Result<SourceText> {
        Ok(SourceText { name: path.to_owned(), text: self.0.read(path)? })
    }
}

fn refusals(errors: &[(&'static str, SetupError)]) -> String {
    errors.iter().map(|(module, error)| format!("{module}: {error}\n")).collect()
}

fn sockets(listen: &[SocketAddr]) -> Sockets {
    let default = [SocketAddr::from(([127, 0, 0, 1], 5060))];
    let listen = if listen.is_empty() { &default[..] } else { listen };
    let listen = listen.iter().map(|addr| socket(Proto::Udp, *addr)).collect();
    Sockets { listen, aliases: Vec::new() }
}

/// A socket that is advertised as it is.
pub fn socket(proto: Proto, addr: SocketAddr) -> Listen {
    Listen {
        proto,
        addr,
        name: addr.ip().to_string(),
        advertised: None,
        tag: None,
        anycast: false,
        subdomains: false,
        text: format!("{}:{addr}", proto.lower()),
        sent_by: match addr.port() {
            5060 => addr.to_string().trim_end_matches(":5060").to_owned(),
            _ => addr.to_string(),
        },
    }
}

/// Workers under virtual time.
pub struct World {
    /// The started program.
    pub program: Program,
    /// Its workers.
    pub workers: Vec<Worker>,
    /// The workers' counters.
    pub counters: Vec<CellsReader>,
    /// The moment; moves only by [`World::pass`].
    pub now: Now,
    /// What modules warned of at start.
    pub warnings: Vec<String>,
    /// Jobs that nobody has answered yet.
    pub jobs: Vec<Request>,
    /// The files, as modules see them.
    pub files: Arc<InMemory>,
}

impl World {
    /// A world of one worker that listens on 127.0.0.1:5060.
    pub fn of(script: &str) -> Self {
        Plan::default().run(script)
    }

    /// A datagram from `peer` arrives at worker 0; everything that follows at once is returned.
    pub fn receive(&mut self, peer: &str, bytes: impl AsRef<[u8]>) -> Vec<Sent> {
        self.receive_at(0, peer, bytes)
    }

    /// As [`World::receive`], at a given worker.
    pub fn receive_at(&mut self, worker: usize, peer: &str, bytes: impl AsRef<[u8]>) -> Vec<Sent> {
        let mut sent = self.land(worker, peer, bytes);
        for other in 0..self.workers.len() {
            sent.extend(self.take_turn(other));
        }
        sent
    }

    /// A datagram arrives at a worker, and only this worker takes a turn.
    pub fn land(&mut self, worker: usize, peer: &str, bytes: impl AsRef<[u8]>) -> Vec<Sent> {
        let bytes = bytes.as_ref();
        let datagram = Datagram {
            socket: SocketId(0),
            peer: peer.parse().expect("an address"),
            offset: 0,
            len: u16::try_from(bytes.len()).expect("a datagram"),
        };
        self.turn(worker, Batch { region: bytes, datagrams: &[datagram] })
    }

    /// One worker takes a turn without datagrams: mail, timers, what others passed on.
    pub fn take_turn(&mut self, worker: usize) -> Vec<Sent> {
        self.turn(worker, Batch::EMPTY)
    }

    /// The transport says of a request that it has not arrived, to one worker; everything that
    /// follows at once is returned.
    pub fn lose(&mut self, worker: usize, request: &[u8]) -> Vec<Sent> {
        self.lose_to(worker, request, None)
    }

    /// As [`World::lose`]; the network says where it was to go.
    pub fn lose_to(&mut self, worker: usize, request: &[u8], to: Option<SocketAddr>) -> Vec<Sent> {
        let mut output = Output::default();
        self.workers[worker].turn_lost(self.now, request, to, &mut output);
        let mut sent = self.taken(output);
        for other in 0..self.workers.len() {
            sent.extend(self.take_turn(other));
        }
        sent
    }

    /// Time passes, in steps of a millisecond; what is sent meanwhile is returned.
    pub fn pass(&mut self, millis: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        for _ in 0..millis {
            self.now.mono_us += 1_000;
            self.now.wall_us += 1_000;
            for worker in 0..self.workers.len() {
                sent.extend(self.turn(worker, Batch::EMPTY));
            }
        }
        sent
    }

    /// Answers the oldest job.
    pub fn answer(&mut self, answer: Answer) -> Vec<Sent> {
        let request = self.jobs.remove(0);
        let worker = usize::from(request.worker.0);
        let _asleep = request.reply.complete(Mail { key: request.key, answer });
        self.turn(worker, Batch::EMPTY)
    }

    /// Has the database answer the oldest job, which must be a query.
    ///
    /// # Panics
    /// When it is none.
    pub fn query(&mut self) -> Vec<Sent> {
        let Some(Job::Query(query)) = self.asked().cloned() else { panic!("nothing is queried") };
        self.answer(Answer::Rows(Arc::new(query.source.ask(query.statements))))
    }

    /// What the oldest unanswered job asks.
    pub fn asked(&self) -> Option<&Job> {
        self.jobs.first().map(|request| &request.job)
    }

    /// A counter, summed over the workers.
    pub fn count(&self, counter: Counter) -> u64 {
        self.counters.iter().map(|cells| cells.get(counter.cell())).sum()
    }

    /// A cell by its number, summed over the workers: refusals and modules' statistics.
    pub fn cell(&self, cell: usize) -> u64 {
        self.counters.iter().map(|cells| cells.get(cell)).sum()
    }

    /// Changes a file, or removes it, for a reload to find.
    pub fn write(&self, path: &str, text: Option<&str>) {
        self.files.set(path, text.map(str::as_bytes));
    }

    /// Puts the routes of another script in force; the error is the diagnostics.
    pub fn reload(&self, script: &str) -> Result<(), String> {
        self.program.reload(|running| {
            let (files, options) = (&mut Includes(&self.files), Options { strict: false });
            let registry = self.program.registry().as_ref();
            let compiled = recompile(running, main(script), files, registry, options);
            let rendered = compiled.render(false);
            compiled.script.ok_or(rendered)
        })
    }

    fn turn(&mut self, worker: usize, batch: Batch<'_>) -> Vec<Sent> {
        let mut output = Output::default();
        self.workers[worker].turn(self.now, batch, &mut output);
        self.taken(output)
    }

    /// What a turn has left: what was sent, while jobs wait for their answers.
    fn taken(&mut self, mut output: Output) -> Vec<Sent> {
        self.jobs.append(&mut output.jobs);
        let bytes = &output.bytes;
        let sent = output.sends.iter().map(|send| Sent {
            socket: send.target.socket,
            to: send.target.addr,
            bytes: bytes[send.range.start as usize..send.range.end as usize].to_vec(),
        });
        sent.collect()
    }
}

/// The answer to "where is this place": one host with these addresses.
///
/// # Panics
/// When one is no address.
pub fn located(port: u16, addresses: &[&str]) -> Answer {
    let addresses: Vec<_> = addresses.iter().map(|ip| ip.parse().expect("an address")).collect();
    Answer::Located(Arc::new(Located::host(Proto::Udp, port, addresses)))
}

/// A place without transport.
///
/// # Panics
/// When it is no host name.
pub fn place(host: &str, port: Option<u16>) -> Job {
    Job::Locate(Place::new(host.as_bytes(), port, None).expect("a host name"))
}

/// A request for tests: `first` is its first line, `more` further header lines with line ends. Each
/// has a branch of its own.
pub fn request(first: &str, more: &str) -> String {
    static BRANCHES: AtomicU32 = AtomicU32::new(1);
    let branch = BRANCHES.fetch_add(1, Ordering::Relaxed);
    let method = first.split(' ').next().unwrap_or_default();
    format!(
        "{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK-{branch}\r\n\
         From: <sip:caller@example.com>;tag=f1\r\nTo: <sip:callee@example.com>\r\n\
         Call-ID: 1-2345@127.0.0.1\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}\
         Content-Length: 0\r\n\r\n"
    )
}
