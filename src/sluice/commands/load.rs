//! `sluice load uac|uas`: SIP load from the command line, with an honest report.

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
    let report = Uac::bind(config)?.run(stop, |_| {})?;
    if options.json {
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
