//! Sluice, Kamailio and the reference forwarder by turns, in rounds; started by `perf/compare`.
//!
//! Prints what it does and what it found, writes a CSV and an SVG. It changes nothing of the
//! machine: the idle loop is the script's business.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use sluice_perf::call::load::{Calls, Fire};
use sluice_perf::load::{Load, Shot};
use sluice_perf::measure::{Times, hold, measure};
use sluice_perf::report::{COLUMNS, Column, Cost, Row, csv, median_of, table};
use sluice_perf::subject::{DESTINATION_PORTS, LISTEN, Place, Subject, Work};
use sluice_perf::users::USERS;
use sluice_perf::users::load::Users;
use sluice_perf::{call, picture};

/// Multiples of Kamailio's highest rate: what Sluice has to hold, and what the generator has to
/// have shown on the reference forwarder for that to mean something.
const HOLD: (f64, f64) = (1.5, 1.8);

/// Compares what a message costs.
#[derive(Parser)]
struct Options {
    /// What the subjects do.
    #[arg(long, value_enum, default_value = "dispatch")]
    work: Work,
    /// Rounds; each measures every subject once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of saturation, and of each latency or of the common rate.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only these, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Subject>,
    /// dispatch: seconds of one probe of the search for the highest rate.
    #[arg(long, default_value_t = 2.0)]
    probe_seconds: f64,
    /// dispatch: seconds for which Sluice has to hold 1.5 times Kamailio's highest rate; 0 leaves
    /// it out.
    #[arg(long, default_value_t = 30.0)]
    hold_seconds: f64,
    /// call, lookup: calls a second at which all subjects are compared.
    #[arg(long, default_value_t = 5_000)]
    calls_per_second: u32,
    /// register, refresh: the same of registrations.
    #[arg(long, default_value_t = 20_000)]
    registrations_per_second: u32,
    /// register, refresh, lookup: users; to register all of them takes more settling.
    #[arg(long, default_value_t = USERS, value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// register, refresh: addresses that the users send from; at most one each.
    #[arg(long, default_value_t = USERS, value_parser = clap::value_parser!(u64).range(1..=USERS))]
    addresses: u64,
    /// All but dispatch: seconds of load before each shot; finished transactions are kept for 5.
    #[arg(long, default_value_t = 6.0)]
    settle_seconds: f64,
    /// The processor that the subjects run on.
    #[arg(long, default_value_t = 0)]
    processor: usize,
    /// Where the scripts, lists and logs of the run go.
    #[arg(long)]
    folder: PathBuf,
    /// The folder with the peers' scripts.
    #[arg(long)]
    sources: PathBuf,
    /// Path of the record, without suffix: `.csv` and `.svg` are added.
    #[arg(long)]
    output: PathBuf,
    /// A line about the machine for the record; may be repeated.
    #[arg(long)]
    machine: Vec<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let own = std::env::current_exe()?;
    let place = Place {
        sources: options.sources.clone(),
        programs: own.parent().context("a folder")?.to_owned(),
        folder: options.folder.clone(),
        processor: options.processor,
        work: options.work,
        users: options.users,
    };
    fs::create_dir_all(&place.folder)?;
    match options.work {
        Work::Dispatch => dispatch(&options, &place),
        Work::Call => calls(&options, &place, "Complete calls"),
        Work::Lookup => calls(&options, &place, "Complete calls to registered users"),
        Work::Register => registrations(&options, &place, "Registrations with a password"),
        Work::Refresh => registrations(&options, &place, "Registrations again"),
    }
}

/// Messages without state: the highest rate, time a message above it, latency below.
fn dispatch(options: &Options, place: &Place) -> Result<()> {
    let mut load = Load::open(LISTEN.parse()?, &DESTINATION_PORTS)?;
    let times = Times {
        probe: Duration::try_from_secs_f64(options.probe_seconds)?,
        shot: Duration::try_from_secs_f64(options.seconds)?,
    };
    let mut rates = BTreeMap::new();
    let rows = rounds(options, |round, subject| {
        let last = rates.get(&subject).copied();
        let row = measure(round, subject, place, &mut load, times, last)?;
        rates.insert(subject, row.rate);
        Ok((row, format!("{} messages/s without loss", row.rate)))
    })?;
    println!("{}", table(&rows, COLUMNS));
    record(options, &rows, COLUMNS, "Stateless dispatch")?;
    holds(options, place, &mut load, &rows)
}

/// Complete calls: time a message at one rate for all, and when saturated. They go to destinations,
/// or to users who have registered.
fn calls(options: &Options, place: &Place, title: &str) -> Result<()> {
    let to = LISTEN.parse()?;
    let mut load = Calls::open(to, &DESTINATION_PORTS)?;
    let mut callees = None;
    if options.work == Work::Lookup {
        load.call_users(options.users);
        callees = Some(Users::callees(to, &DESTINATION_PORTS, options.users)?);
    }
    let rows = exchanges(options, place, &mut load, options.calls_per_second, &mut callees)?;
    println!("{}", table(&rows, call::report::CALLS));
    record(options, &rows, call::report::CALLS, title)
}

/// Registrations: the same.
fn registrations(options: &Options, place: &Place, title: &str) -> Result<()> {
    let (to, asks) = (LISTEN.parse()?, options.work == Work::Register);
    let users = (options.users, options.addresses.min(options.users));
    let mut load = Users::open(to, &DESTINATION_PORTS, users, asks)?;
    let rows = exchanges(options, place, &mut load, options.registrations_per_second, &mut None)?;
    println!("{}", table(&rows, call::report::REGISTRATIONS));
    record(options, &rows, call::report::REGISTRATIONS, title)
}

/// All rounds of a load; `callees` register first with a subject that can tell.
fn exchanges(
    options: &Options,
    place: &Place,
    load: &mut impl Fire,
    rate: u32,
    callees: &mut Option<Users>,
) -> Result<Vec<call::report::Row>> {
    let times = call::measure::Times {
        settle: Duration::try_from_secs_f64(options.settle_seconds)?,
        shot: Duration::try_from_secs_f64(options.seconds)?,
        rate,
    };
    rounds(options, |round, subject| {
        let prepare = || match (subject, callees.as_mut()) {
            (Subject::Kamailio | Subject::Sluice, Some(callees)) => callees.register_all(),
            _ => Ok(()),
        };
        let row = call::measure::measure(round, subject, place, load, times, prepare)?;
        Ok((row, format!("{:.0} a second, {:?}", row.rate, row.troubles)))
    })
}

/// Every subject in every round; each round begins with another one. `one` measures and says in
/// words what else it found.
fn rounds<R: Cost>(
    options: &Options,
    mut one: impl FnMut(u32, Subject) -> Result<(R, String)>,
) -> Result<Vec<R>> {
    use Subject::{Kamailio, Reference, ReferenceC, Sluice};
    let mut subjects = match options.only.as_slice() {
        [] => vec![Reference, ReferenceC, Kamailio, Sluice],
        only => only.to_vec(),
    };
    let mut rows = Vec::new();
    for round in 1..=options.rounds {
        for subject in &subjects {
            let name = subject.name();
            let (row, found) =
                one(round, *subject).with_context(|| format!("round {round}, {name}"))?;
            println!("round {round}: {name:<16} {:.2} us a message, {found}", row.cpu_us());
            rows.push(row);
        }
        subjects.rotate_left(1);
    }
    Ok(rows)
}

fn record<R: Cost>(
    options: &Options,
    rows: &[R],
    columns: &[Column<R>],
    title: &str,
) -> Result<()> {
    if let Some(folder) = options.output.parent() {
        fs::create_dir_all(folder)?;
    }
    let title = format!("{title}: CPU time a message, saturated, median and rounds");
    let text =
        [("csv", csv(&options.machine, rows, columns)), ("svg", picture::draw(rows, &title)?)];
    for (suffix, text) in text {
        let path = options.output.with_extension(suffix);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// Sluice for long at a multiple of Kamailio's rate, once the generator has shown that it can.
fn holds(options: &Options, place: &Place, load: &mut Load, rows: &[Row]) -> Result<()> {
    let duration = Duration::try_from_secs_f64(options.hold_seconds)?;
    let has = |subject| rows.iter().any(|row| row.subject == subject);
    if duration.is_zero() || !has(Subject::Kamailio) || !has(Subject::Sluice) {
        return Ok(());
    }
    let kamailio = median_of(rows, Subject::Kamailio, |row| f64::from(row.rate));
    let proof = (kamailio * HOLD.1) as u32;
    let shot = hold(Subject::Reference, place, load, proof, duration.min(Duration::from_secs(5)))?;
    println!("generator at {} x Kamailio's rate on the reference: {}", HOLD.1, said(proof, &shot));
    let rate = (kamailio * HOLD.0) as u32;
    let shot = hold(Subject::Sluice, place, load, rate, duration)?;
    println!("Sluice at {} x Kamailio's rate: {}", HOLD.0, said(rate, &shot));
    Ok(())
}

/// A shot in words.
fn said(rate: u32, shot: &Shot) -> String {
    let bound = if shot.generator_bound { "; the generator was the limit" } else { "" };
    format!("{rate}/s, {} sent, {} lost{bound}", shot.sent, shot.lost())
}
