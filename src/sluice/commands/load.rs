//! `sluice load uac|register|lookup|uas`: SIP load from the command line, with an honest report.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use signal_hook::consts::{SIGINT, SIGTERM};
use sluice_traffic::report::{Percentiles, UacReport, UasReport};
use sluice_traffic::uac::{Mode, Uac, UacConfig};
use sluice_traffic::uas::{Uas, UasConfig};

/// Arguments of `sluice load`.
#[derive(clap::Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    agent: Agent,
}

#[derive(Subcommand, Debug)]
enum Agent {
    /// Make calls at a fixed rate, whatever becomes of them
    Uac(UacOptions),
    /// Register users at a fixed rate, by turns, and answer challenges
    Register(RegisterOptions),
    /// Call the users that `register` has registered, each call INVITE, ACK and BYE
    Lookup(LookupOptions),
    /// Answer requests until told to end
    Uas(UasOptions),
}

#[derive(clap::Args, Debug)]
struct UacOptions {
    /// Where every request is sent
    target: SocketAddr,
    /// What one call is
    #[arg(long, value_enum, default_value = "invite")]
    mode: ModeName,
    /// Calls due per second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// For how many seconds calls are begun
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Source address; repeatable, taken by turns; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS")]
    source: Vec<SocketAddr>,
    /// Exact size of the first request in bytes
    #[arg(long, default_value_t = 900)]
    size: usize,
    /// After how many milliseconds a call is given up
    #[arg(long, default_value_t = 4_000)]
    timeout_ms: u64,
    /// Part of every Call-ID
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Never sleep: takes a core
    #[arg(long)]
    spin: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// What all callers of users have in common.
#[derive(clap::Args, Debug)]
struct UserOptions {
    /// Where every request is sent
    target: SocketAddr,
    /// How many users: callee000000 and on
    #[arg(long, default_value_t = 1_000)]
    users: u64,
    /// Host part of their addresses; default is the target
    #[arg(long)]
    domain: Option<String>,
    /// Requests due per second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// For how many seconds; default: until each user had a turn
    #[arg(long)]
    seconds: Option<u64>,
    /// Source address; repeatable, taken by turns; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS")]
    source: Vec<SocketAddr>,
    /// After how many milliseconds a request is given up
    #[arg(long, default_value_t = 4_000)]
    timeout_ms: u64,
    /// Part of every Call-ID
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
struct RegisterOptions {
    #[command(flatten)]
    users: UserOptions,
    /// The password of all users; without one no challenge is answered
    #[arg(long)]
    password: Option<String>,
    /// Host and port of what is registered, where calls shall go; default is the source
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<SocketAddr>,
    /// Seconds that registrations ask for
    #[arg(long, default_value_t = 3_600)]
    expires: u32,
}

#[derive(clap::Args, Debug)]
struct LookupOptions {
    #[command(flatten)]
    users: UserOptions,
}

#[derive(clap::Args, Debug)]
struct UasOptions {
    /// Where it answers; repeatable
    #[arg(required = true)]
    listen: Vec<SocketAddr>,
    /// Only count, answer nothing
    #[arg(long)]
    silent: bool,
    /// Send 180 before the final reply to INVITE
    #[arg(long)]
    ringing: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// INVITE to its final reply
    Invite,
    /// INVITE to its final reply, then ACK
    InviteAck,
    /// OPTIONS to its final reply
    Options,
    /// INVITE, ACK, BYE
    Call,
    /// INVITE, nothing is awaited
    Fire,
}

/// Runs an agent and prints its report. The exit code of `uac` is 0 only if every call that was
/// due has been answered.
///
/// # Errors
/// Settings that do not fit, sockets that cannot be had.
pub fn run(options: &Options) -> Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    match &options.agent {
        Agent::Uac(options) => call(options, &stop),
        Agent::Register(options) => register(options, &stop),
        Agent::Lookup(options) => {
            run_callers(users(&options.users, Mode::Call), options.users.json, &stop)
        }
        Agent::Uas(options) => answer(options, &stop),
    }
}

fn call(options: &UacOptions, stop: &AtomicBool) -> Result<ExitCode> {
    if options.seconds == 0 {
        bail!("--seconds must be at least 1");
    }
    let mut config = UacConfig {
        target: options.target,
        mode: match options.mode {
            ModeName::Invite => Mode::Invite,
            ModeName::InviteAck => Mode::InviteAck,
            ModeName::Options => Mode::Options,
            ModeName::Call => Mode::Call,
            ModeName::Fire => Mode::Fire,
        },
        rate: options.rate,
        size: Some(options.size),
        timeout_ms: options.timeout_ms,
        seed: options.seed,
        spin: options.spin,
        ..UacConfig::default()
    };
    config.calls = Some(config.calls_in(options.seconds));
    if !options.source.is_empty() {
        config.sources.clone_from(&options.source);
    }
    run_callers(config, options.json, stop)
}

fn register(options: &RegisterOptions, stop: &AtomicBool) -> Result<ExitCode> {
    let config = UacConfig {
        password: options.password.clone(),
        contact: options.contact,
        expires: options.expires,
        ..users(&options.users, Mode::Register)
    };
    run_callers(config, options.users.json, stop)
}

fn users(options: &UserOptions, mode: Mode) -> UacConfig {
    let mut config = UacConfig {
        target: options.target,
        mode,
        rate: options.rate,
        users: options.users,
        domain: options.domain.clone(),
        size: None,
        timeout_ms: options.timeout_ms,
        seed: options.seed,
        ..UacConfig::default()
    };
    config.calls = Some(options.seconds.map_or(options.users, |seconds| config.calls_in(seconds)));
    if !options.source.is_empty() {
        config.sources.clone_from(&options.source);
    }
    config
}

fn run_callers(config: UacConfig, json: bool, stop: &AtomicBool) -> Result<ExitCode> {
    let report = Uac::bind(config)?.run(stop, |_| {})?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_calls(&report);
    }
    let good = report.mode == Mode::Fire || report.all_answered();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_calls(report: &UacReport) {
    let counts = &report.counts;
    println!(
        "{} calls due, {} sent, {} answered, {} timed out, {} not begun, {} send errors",
        counts.due,
        counts.sent,
        counts.answered_all(),
        counts.timed_out,
        counts.unsent,
        counts.send_errors
    );
    println!("{:.0} calls/s sent, {:.0} answered/s", report.sent_per_s, report.answered_per_s);
    let done = (counts.completed, counts.bye_refused);
    match report.mode {
        Mode::Call => println!("{} calls ended, {} BYE refused", done.0, done.1),
        Mode::Register => println!(
            "{} registered at once, {} after a challenge, {} refused after it",
            counts.answered[0], done.0, done.1
        ),
        _ => {}
    }
    println!("latency  {}", line(&report.latency));
    println!("lag      {}", line(&report.lag));
    if report.limited {
        println!("the generator itself was the limit: do not trust these figures");
    }
}

/// Percentiles in microseconds, in a line.
fn line(p: &Percentiles) -> String {
    format!("p50 {} us, p90 {} us, p99 {} us, max {} us", p.p50_us, p.p90_us, p.p99_us, p.max_us)
}

fn answer(options: &UasOptions, stop: &AtomicBool) -> Result<ExitCode> {
    let config = UasConfig {
        listen: options.listen.clone(),
        answer: !options.silent,
        ringing: options.ringing,
        ..UasConfig::default()
    };
    let uas = Uas::bind(config)?;
    for address in uas.addresses() {
        eprintln!("answering on {address}");
    }
    let report = uas.run(stop, |_| {})?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_answers(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_answers(report: &UasReport) {
    for destination in &report.destinations {
        let (counts, share) = (&destination.counts, destination.share * 100.0);
        println!(
            "{}  {} INVITE, {} ACK, {} BYE, {} OPTIONS, {} replies, share {share:.1} %",
            destination.address,
            counts.invite,
            counts.ack,
            counts.bye,
            counts.options,
            counts.replies
        );
    }
    let order = &report.order;
    println!("order    {} compared, {} out of order", order.compared, order.out_of_order);
}
