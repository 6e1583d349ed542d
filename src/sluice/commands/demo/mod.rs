//! `sluice demo [WHICH]`: the gateway on an example and those who talk to it, in one process.
//!
//! Of destinations: four that answer and a caller. In the middle of the run a destination goes away
//! and comes back; what is run, and what is expected then, is the scene of [`scene`]. Of users:
//! [`registrar`].

mod board;
mod registrar;
mod scene;
mod verdict;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use sluice_control::Dns;
use sluice_control::mi::Params;
use sluice_engine::files::InMemory;
use sluice_engine::registry::Registry;
use sluice_engine::sql::NoSql;
use sluice_script::{Compiled, Loader, SourceText, compile};
use sluice_traffic::agents;
use sluice_traffic::report::UasReport;
use sluice_traffic::uac::{Mode, Uac, UacConfig};
use sluice_traffic::uas::{Presence, Uas, UasConfig};

use crate::serve::dns::options as options_of;
use crate::serve::listen::sockets;
use crate::serve::script::Inputs;
use crate::serve::{Gateway, Tuning, log};
use board::Board;
use scene::{ABSENT, DESTINATIONS, DISPATCHER, LOOK_MS, PROXY, Scene};
use verdict::{Phases, Verdict};

/// The demos there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Stateless dispatching; a destination is taken out for maintenance and brought back
    Dispatcher,
    /// Transactions; a destination falls silent and its calls are answered by the next one
    Proxy,
    /// Users register with passwords and refresh; calls find them, and nobody else
    Registrar,
}

/// Arguments of `sluice demo`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// What is shown
    #[arg(value_enum, default_value = "dispatcher")]
    which: Which,
    /// How long calls are made
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(3..=86_400))]
    seconds: u64,
    /// Calls per second, each INVITE, ACK and BYE
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// The gateway's port; those who answer take the ports 11 to 14 above
    #[arg(long, default_value_t = 5060, value_parser = clap::value_parser!(u16).range(1..=65_521))]
    port: u16,
    /// Workers of the gateway; default: one per CPU
    #[arg(long)]
    workers: Option<u8>,
    /// Print only the summary, as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the demo. The exit code is 0 only if every call that was due was answered, once, and all
/// else went as it must.
///
/// # Errors
/// Ports that are taken, above all.
pub fn run(options: &Options) -> Result<ExitCode> {
    match options.which {
        Which::Dispatcher => play(options, &DISPATCHER),
        Which::Proxy => play(options, &PROXY),
        Which::Registrar => registrar::run(options),
    }
}

/// Runs a demo of destinations.
fn play(options: &Options, scene: &'static Scene) -> Result<ExitCode> {
    if options.seconds < scene.least_seconds() {
        bail!("this demo needs at least --seconds {}", scene.least_seconds());
    }
    let _guard = log::start(1);
    let mut gateway = start(options, scene)?;
    let uas = Uas::bind(UasConfig {
        listen: (1..=DESTINATIONS).map(|n| local(options.port + 10 + n)).collect(),
        ringing: scene.ringing,
        ..UasConfig::default()
    })
    .context(NO_DESTINATIONS)?;
    let mut config = UacConfig {
        target: local(options.port),
        mode: Mode::Call,
        rate: options.rate,
        observe_ms: LOOK_MS,
        ..UacConfig::default()
    };
    config.calls = Some(config.calls_in(options.seconds));
    let mut show = Show::new(&gateway, uas.presence(), options, scene);
    let uac = Uac::bind(config)?;
    show.board.begin(&gateway, options, scene);
    let stop = AtomicBool::new(false);
    let report = agents::run(uac, uas, &stop, |snapshot| show.look(&snapshot))?;
    let Show { board, phases, failure, .. } = show;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let verdict = Verdict::of(&report, phases, &mut gateway, scene);
    gateway.stop();
    if options.json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        board.end(&verdict);
    }
    Ok(if verdict.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why the demo ends before it has begun.
const NO_GATEWAY: &str = "the demo's gateway cannot start (another port: `sluice demo --port N`)";
const NO_DESTINATIONS: &str =
    "the demo's destinations cannot start (another port: `sluice demo --port N`)";

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The example's gateway, on another port when asked.
fn start(options: &Options, scene: &Scene) -> Result<Gateway> {
    struct NoFiles;
    impl Loader for NoFiles {
        fn read(&mut self, _: &str, _: &str) -> std::io::Result<SourceText> {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }
    let registry = crate::registry();
    let main = SourceText { name: scene.name.to_owned(), text: scene.script.into() };
    let compiled = compile(main, &mut NoFiles, registry.as_ref(), Default::default());
    let files = InMemory::default();
    files.set("dispatcher.list", Some(list(scene.list, options.port).as_bytes()));
    let inputs = Inputs { files: Arc::new(files), sql: Arc::new(NoSql), script: None };
    let given = [format!("udp:{}", local(options.port))];
    launch(compiled, registry, &given, inputs, options)
}

/// Starts a gateway; `given` are its sockets, unless they are those of the script.
fn launch(
    compiled: Compiled,
    registry: Arc<Registry>,
    given: &[String],
    inputs: Inputs,
    options: &Options,
) -> Result<Gateway> {
    let errors = compiled.render(false);
    let script = compiled.script.ok_or_else(|| anyhow!(errors))?;
    let dns = Arc::new(Dns::new(options_of(&script)));
    let sockets = sockets(&script, given, &|name| dns.addresses_now(name))?;
    let tuning = Tuning { workers: options.workers, ..Tuning::default() };
    Gateway::start(script, registry, sockets, dns, inputs, tuning).context(NO_GATEWAY)
}

/// The example's list, moved to the ports above `port`.
fn list(list: &str, port: u16) -> String {
    (1..=DESTINATIONS).fold(list.to_owned(), |list, n| {
        list.replace(&format!(":{}", 5070 + n), &format!(":{}", port + 10 + n))
    })
}

/// What happens while the agents run: the board, and the destination that goes and comes back.
struct Show<'a> {
    gateway: &'a Gateway,
    presence: Presence,
    address: String,
    third_us: u64,
    scene: &'static Scene,
    step: Step,
    board: Board,
    phases: Phases,
    failure: Option<anyhow::Error>,
}

/// How far the show is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    All,
    /// Told to the dispatcher; looks left before it is switched off.
    Leaving(u32),
    /// Switched off; looks left before calls are counted.
    Settling(u32),
    Absent,
    /// Switched on; looks left before calls are counted.
    Returning(u32),
    Back,
}

impl<'a> Show<'a> {
    fn new(
        gateway: &'a Gateway,
        presence: Presence,
        options: &Options,
        scene: &'static Scene,
    ) -> Self {
        Self {
            gateway,
            presence,
            address: format!("sip:{}", local(options.port + 11 + ABSENT as u16)),
            third_us: options.seconds * 1_000_000 / 3,
            scene,
            step: Step::All,
            board: Board::new(!options.json),
            phases: Phases::default(),
            failure: None,
        }
    }

    fn look(&mut self, snapshot: &agents::Snapshot) {
        let now_us = snapshot.caller.elapsed_us;
        self.board.look(snapshot);
        let Some(destinations) = &snapshot.destinations else { return };
        self.step = match self.step {
            Step::All if now_us >= self.third_us => {
                self.phases.all = counts(destinations);
                self.leave(now_us)
            }
            Step::Leaving(0) => self.switch_off(now_us),
            Step::Leaving(looks) => Step::Leaving(looks - 1),
            Step::Settling(0) => {
                self.phases.begin_absence = counts(destinations);
                Step::Absent
            }
            Step::Settling(looks) => Step::Settling(looks - 1),
            Step::Absent if now_us >= 2 * self.third_us => {
                self.phases.end_absence = counts(destinations);
                self.come_back(now_us)
            }
            Step::Returning(0) => {
                self.phases.begin_back = counts(destinations);
                Step::Back
            }
            Step::Returning(looks) => Step::Returning(looks - 1),
            step => step,
        };
    }

    fn leave(&mut self, now_us: u64) -> Step {
        if !self.scene.told {
            return self.switch_off(now_us);
        }
        self.tell("i");
        self.board.say(now_us, &format!("{} is taken out of the set", self.address));
        Step::Leaving(self.scene.settle)
    }

    fn switch_off(&mut self, now_us: u64) -> Step {
        self.presence.set(ABSENT, false);
        let who = if self.scene.told { "and" } else { &self.address };
        self.board.say(now_us, &format!("{who} {}", self.scene.switched_off));
        Step::Settling(if self.scene.told { 0 } else { self.scene.settle })
    }

    fn come_back(&mut self, now_us: u64) -> Step {
        self.presence.set(ABSENT, true);
        if self.scene.told {
            self.tell("a");
        }
        self.board.say(now_us, &format!("{} is back", self.address));
        Step::Returning(self.scene.settle)
    }

    fn tell(&mut self, state: &str) {
        let params = Params::words(&[state, "1", &self.address]);
        if let Err(error) = self.gateway.management().run("ds_set_state", &params) {
            self.failure = Some(error.into());
        }
    }
}

/// First requests of each destination.
fn counts(report: &UasReport) -> Vec<u64> {
    report.destinations.iter().map(|d| d.counts.first_requests()).collect()
}
