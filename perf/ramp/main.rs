//! SIPp's calls through Sluice, faster and faster; started by `perf/sipp`.
//!
//! Prints what it does and what it found, writes a CSV and an SVG. It changes nothing of the
//! machine: the idle loop is the script's business.
#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use sluice_perf::ramp::report::{Row, csv, said};
use sluice_perf::ramp::{picture, step};

/// A rate that fails is tried so often: a machine that is held up once fails for everybody.
const TRIES: u32 = 2;

/// Calls through Sluice by SIPp's own caller and callee, faster and faster until calls fail.
#[derive(Parser)]
struct Options {
    /// Numbers of workers, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    workers: Vec<u32>,
    /// Calls a second of the first step.
    #[arg(long, default_value_t = 500)]
    first: u32,
    /// How many times faster each step is.
    #[arg(long, default_value_t = 1.4)]
    faster: f64,
    /// No step is faster, calls a second.
    #[arg(long, default_value_t = 20_000)]
    last: u32,
    /// Seconds of a step.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Processors of Sluice with one worker; with two it has all.
    #[arg(long, default_value = "0")]
    processor: String,
    /// Processors of SIPp, as taskset takes them.
    #[arg(long, default_value = "1")]
    sipp_processors: String,
    /// The script that Sluice runs.
    #[arg(long)]
    script: PathBuf,
    /// Where the logs and statistics of the run go.
    #[arg(long)]
    folder: PathBuf,
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
    let count = std::thread::available_parallelism()?.get();
    let place = step::Place {
        program: own.parent().context("a folder")?.join("sluice"),
        script: options.script.clone(),
        folder: options.folder.clone(),
        sluice_processors: [options.processor.clone(), format!("0-{}", count - 1)],
        sipp_processors: options.sipp_processors.clone(),
    };
    fs::create_dir_all(&place.folder)?;
    let mut rows = Vec::new();
    for workers in &options.workers {
        ramp(&options, &place, *workers, &mut rows)?;
    }
    if let Some(folder) = options.output.parent() {
        fs::create_dir_all(folder)?;
    }
    for (suffix, text) in [("csv", csv(&options.machine, &rows)), ("svg", picture::draw(&rows)?)] {
        let path = options.output.with_extension(suffix);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// Steps until calls fail, or SIPp cannot call faster.
fn ramp(options: &Options, place: &step::Place, workers: u32, rows: &mut Vec<Row>) -> Result<()> {
    let mut rate = options.first.max(1);
    let mut best = 0;
    while rate <= options.last {
        let mut row = step::run(place, workers, rate, options.seconds)?;
        println!("{}", said(&row));
        for _ in 1..TRIES {
            if row.is_good() {
                break;
            }
            row = step::run(place, workers, rate, options.seconds)?;
            println!("again: {}", said(&row));
        }
        rows.push(row);
        if !row.is_good() || row.sipp_bound() {
            break;
        }
        best = rate;
        rate = (f64::from(rate) * options.faster).ceil() as u32;
    }
    println!("with {workers}: no failed call up to {best} calls/s");
    Ok(())
}
