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
use sluice_perf::load::{Load, Shot};
use sluice_perf::measure::{Times, hold, measure};
use sluice_perf::picture;
use sluice_perf::report::{Row, csv, median_of, table};
use sluice_perf::subject::{DESTINATION_PORTS, LISTEN, Place, Subject};

/// Multiples of Kamailio's highest rate: what Sluice has to hold, and what the generator has to
/// have shown on the reference forwarder for that to mean something.
const HOLD: (f64, f64) = (1.5, 1.8);

/// Compares what a message costs.
#[derive(Parser)]
struct Options {
    /// Rounds; each measures every subject once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of saturation, and of each latency.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds of one probe of the search for the highest rate.
    #[arg(long, default_value_t = 2.0)]
    probe_seconds: f64,
    /// Seconds for which Sluice has to hold 1.5 times Kamailio's highest rate; 0 leaves it out.
    #[arg(long, default_value_t = 30.0)]
    hold_seconds: f64,
    /// Only these, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Subject>,
    /// The processor that the subjects run on.
    #[arg(long, default_value_t = 0)]
    processor: usize,
    /// Where the scripts, lists and logs of the run go.
    #[arg(long)]
    work: PathBuf,
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
        work: options.work.clone(),
        processor: options.processor,
    };
    fs::create_dir_all(&place.work)?;
    let mut load = Load::open(LISTEN.parse()?, &DESTINATION_PORTS)?;
    let rows = rounds(&options, &place, &mut load)?;
    println!("{}", table(&rows));
    record(&options, &rows)?;
    holds(&options, &place, &mut load, &rows)
}

/// Every subject in every round; each round begins with another one.
fn rounds(options: &Options, place: &Place, load: &mut Load) -> Result<Vec<Row>> {
    use Subject::{Kamailio, Reference, ReferenceC, Sluice};
    let mut subjects = match options.only.as_slice() {
        [] => vec![Reference, ReferenceC, Kamailio, Sluice],
        only => only.to_vec(),
    };
    let times = Times {
        probe: Duration::try_from_secs_f64(options.probe_seconds)?,
        shot: Duration::try_from_secs_f64(options.seconds)?,
    };
    let mut rates = BTreeMap::new();
    let mut rows = Vec::new();
    for round in 1..=options.rounds {
        for subject in &subjects {
            let last = rates.get(subject).copied();
            let row = measure(round, *subject, place, load, times, last)
                .with_context(|| format!("round {round}, {}", subject.name()))?;
            println!(
                "round {round}: {:<12} {:.2} us a message, {} messages/s without loss",
                subject.name(),
                row.cpu_us(),
                row.rate
            );
            rates.insert(*subject, row.rate);
            rows.push(row);
        }
        subjects.rotate_left(1);
    }
    Ok(rows)
}

fn record(options: &Options, rows: &[Row]) -> Result<()> {
    if let Some(folder) = options.output.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = [("csv", csv(&options.machine, rows)), ("svg", picture::draw(rows)?)];
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
