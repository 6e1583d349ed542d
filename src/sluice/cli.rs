//! The command line: OpenSIPS' letters, and subcommands for the other tools.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

/// The program's arguments (spec 1.2).
#[derive(Parser, Debug)]
#[command(
    name = "sluice",
    about = "SIP gateway, dispatcher and registrar that runs OpenSIPS scripts",
    disable_version_flag = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// Another tool than the gateway.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The gateway's own options.
    #[command(flatten)]
    pub gateway: Gateway,
}

/// The gateway's options, by OpenSIPS' letters.
#[derive(clap::Args, Debug, Default)]
pub struct Gateway {
    /// Script; `-` is standard input
    #[arg(short = 'f', value_name = "FILE", default_value = "/etc/opensips/opensips.cfg")]
    pub script: String,
    /// Check the script and exit
    #[arg(short = 'c')]
    pub check: bool,
    /// Check the script and its routes and exit
    #[arg(short = 'C')]
    pub check_routes: bool,
    /// With -c or -C: findings as one JSON list on standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// What OpenSIPS merely lets through is an error
    #[arg(long)]
    pub strict: bool,
    /// Listen on `[proto:]host[:port]`; repeatable, in place of the script's
    #[arg(short = 'l', value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Number of workers, at most one per CPU
    #[arg(short = 'n', value_name = "WORKERS")]
    pub workers: Option<u8>,
    /// Stay in the foreground (Sluice always does)
    #[arg(short = 'D')]
    pub no_fork: bool,
    /// Log to standard error (Sluice always does)
    #[arg(short = 'E')]
    pub log_stderr: bool,
    /// Stay in the foreground (Sluice always does)
    #[arg(short = 'F')]
    pub foreground: bool,
    /// More log; repeatable
    #[arg(short = 'd', action = ArgAction::Count)]
    pub debug: u8,
    /// Drop replies whose top Via is not ours
    #[arg(short = 'v')]
    pub check_via: bool,
    /// Use DNS to judge a Via host (accepted, has no effect: addresses are compared as text)
    #[arg(short = 'r')]
    pub dns: bool,
    /// Use reverse DNS to judge a Via host (accepted, has no effect)
    #[arg(short = 'R')]
    pub rev_dns: bool,
    /// Print the version
    #[arg(short = 'V')]
    pub version: bool,
    /// Write the process id to a file
    #[arg(short = 'P', value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Write the process group id to a file
    #[arg(short = 'G', value_name = "FILE")]
    pub group_file: Option<PathBuf>,
    /// Change to this directory after start
    #[arg(short = 'w', value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Run as this user once sockets are open
    #[arg(short = 'u', value_name = "USER")]
    pub user: Option<String>,
    /// Run as this group once sockets are open
    #[arg(short = 'g', value_name = "GROUP")]
    pub group: Option<String>,
    /// Confine file access to this directory once sockets are open (chroot)
    #[arg(short = 't', value_name = "DIR")]
    pub chroot: Option<PathBuf>,
    /// Receive buffer of each socket, bytes
    #[arg(short = 'b', value_name = "BYTES")]
    pub buffer: Option<usize>,
    /// Pipe the script through this command first
    #[arg(short = 'p', value_name = "COMMAND")]
    pub preprocessor: Option<String>,
    /// Give a value to the script, which reads it as `$argv(NAME)`; repeatable
    #[arg(short = 'o', value_name = "NAME=VALUE")]
    pub options: Vec<String>,
    /// Shared memory pool, MB (accepted: there are no pools)
    #[arg(short = 'm', value_name = "MB")]
    pub shared_memory: Option<u32>,
    /// Private memory pool, MB (accepted: there are no pools)
    #[arg(short = 'M', value_name = "MB")]
    pub private_memory: Option<u32>,
}

/// The other tools.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show a gateway at work: caller, destinations and dispatcher in one process
    Demo(crate::commands::demo::Options),
    /// Generate or answer SIP load
    Load(crate::commands::load::Options),
    /// Print the functions, parameters and variables of a module
    Doc(crate::commands::doc::Options),
    /// Make, bring up to date, copy and check the tables of databases
    Db(crate::commands::db::Options),
    /// Ask a running gateway something, or tell it
    Mi(crate::commands::mi::Options),
    /// Add, change, remove and list users of a database
    User(crate::commands::user::Options),
    /// Tell what a list of destinations would change before it is loaded
    Plan(crate::commands::plan::Options),
}
