//! Management: the commands of the core and of the running modules, by old and new names
//! (spec 9.7).
//!
//! Takes a name and parameters, gives JSON or a refusal. Runs on the control plane, where a
//! command may block; a worker is never asked and never waits. Knows no transport.

mod blacklists;
mod command;
mod core;
pub mod datagram;
mod datagram_socket;
mod events;
pub mod fifo;
pub mod frames;
pub mod jsonrpc;
mod load;
pub mod metrics;
mod reply;
mod reports;
mod server;
mod statistics;
mod targets;
pub mod text;
mod threads;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sluice_base::counters::CellsReader;
use sluice_engine::blacklist::Blacklists;
use sluice_engine::events::Events;
use sluice_engine::module::CommandError;
use sluice_engine::post::Post;
use sluice_engine::program::Program;
use sluice_engine::reports::Reports;
use sluice_engine::targets::Names;

use command::Run;
pub use command::{Known, Params};
pub use core::{CORE, CoreCommand};
pub use server::FifoService;
use statistics::Statistics;
pub use statistics::{CORE_STATISTICS, CoreStatistic};

/// JSON-RPC 2.0, 5.1: there is no such command.
pub const NO_COMMAND: i32 = -32_601;
/// JSON-RPC 2.0, 5.1: the parameters do not fit the command.
pub const BAD_PARAMS: i32 = -32_602;

/// What a command answers.
pub type Answer = Result<Value, CommandError>;

/// What the program lends to the core's commands.
pub trait Host: Send + Sync {
    /// The threshold of the log, -3 to 4.
    fn log_level(&self) -> i8;
    /// Sets the threshold of the log.
    fn set_log_level(&self, level: i8);
    /// The threshold of `xlog()`, -3 to 4.
    fn xlog_level(&self) -> i8;
    /// Sets the threshold of `xlog()`.
    fn set_xlog_level(&self, level: i8);
    /// A moment as text, from seconds since 1970: `Mon Nov 23 13:05:09 2026`.
    fn date(&self, seconds: u64) -> String;
    /// Reads the script again and puts its routes in force. The refusal's text is the first
    /// mistake, its data all of them.
    fn reload_routes(&self) -> Answer;
    /// The connections of all workers.
    fn connections(&self) -> Vec<Connection>;
    /// Ends the program, as SIGTERM does; returns at once.
    fn stop(&self);
}

/// A connection, as `list_tcp_conns` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// Its number, among those of all workers.
    pub id: u64,
    /// The transport.
    pub proto: &'static str,
    /// The other side.
    pub peer: SocketAddr,
    /// Our side: the socket that it belongs to.
    pub local: SocketAddr,
    /// Whether we opened it.
    pub outgoing: bool,
    /// When it ends unless it carries something, in seconds since 1970.
    pub until_s: u64,
    /// Other ports of the peer that it is used for.
    pub aliases: Vec<u16>,
}

/// All commands of a running program.
pub struct Management {
    commands: Vec<Known>,
    host: Box<dyn Host>,
    statistics: Statistics,
    blacklists: Arc<Blacklists>,
    events: Arc<Events>,
    reports: Arc<Reports>,
    post: Arc<Post>,
    names: Arc<Names>,
    begun: (Instant, u64),
}

impl Management {
    /// The commands of the core and of the modules that `program` runs; `workers` are the counters
    /// of its workers.
    pub fn new(program: &Program, workers: Vec<CellsReader>, host: Box<dyn Host>) -> Self {
        let core = CORE
            .iter()
            .map(|c| Known::new(c.group, c.short, c.name, c.doc, c.params, Run::Core(c.run)));
        let mut commands: Vec<Known> = core.collect();
        for module in program.registry().modules() {
            let Some(state) = program.state(module.name) else { continue };
            commands.extend(module.commands.iter().map(|c| {
                let run = Run::Module(c, Arc::clone(state));
                let (group, short) = c.group_and_short(module.name);
                Known::new(group, short, c.name, c.doc, c.params, run)
            }));
        }
        let statistics = Statistics::new(program, workers);
        let shared = program.shared();
        let blacklists = Arc::clone(&shared.blacklists);
        let (events, reports) = (Arc::clone(&shared.events), Arc::clone(&shared.reports));
        let names = Arc::clone(&shared.names);
        let post = Arc::clone(program.post());
        Self {
            commands,
            host,
            statistics,
            blacklists,
            events,
            reports,
            post,
            names,
            begun: (Instant::now(), unix_seconds()),
        }
    }

    /// Every command, the core's first.
    pub fn commands(&self) -> &[Known] {
        &self.commands
    }

    /// The command of an old (`ds_list`) or new name (`dispatcher:list`).
    pub fn find(&self, name: &str) -> Option<&Known> {
        let of_new = name.split_once(':');
        self.commands.iter().find(|c| c.name == name || of_new == Some((c.group, c.short)))
    }

    /// Runs a command. May block for as long as the command does: for files, for host names.
    ///
    /// # Errors
    /// [`NO_COMMAND`], [`BAD_PARAMS`], or the command's own refusal.
    pub fn run(&self, command: &str, params: &Params) -> Answer {
        let Some(known) = self.find(command) else {
            return refuse(NO_COMMAND, format!("no command {command}"));
        };
        let params = known.arrange(params)?;
        // A panic of an earlier call left nothing behind here.
        let lock = || known.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let _alone = match &known.run {
            Run::Module(command, state) if state.waits(command.name) => None,
            _ => Some(lock()),
        };
        match &known.run {
            Run::Core(run) => run(self, &params),
            Run::Module(command, state) => (command.run)(state.as_ref(), &params),
        }
    }

    /// Looks how busy the workers are; to be called about once a second.
    pub fn sample(&self) {
        self.statistics.sample();
    }

    /// How long the program runs.
    fn up(&self) -> Duration {
        self.begun.0.elapsed()
    }

    /// When it was started, seconds since 1970.
    fn since(&self) -> u64 {
        self.begun.1
    }
}

fn refuse<T>(code: i32, text: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
