//! One step: Sluice and a callee are started, and a caller calls at one rate for some seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::ramp::report::Row;
use crate::ramp::statistics::{ResponseTimes, Totals};
use crate::subject::{LISTEN, LISTEN_PORT, Running};

/// The callee's port; its media ports, unused, follow at some distance, as do the caller's.
const CALLEE_PORT: u16 = 5071;
/// Milliseconds after which SIPp gives up a call to which nothing comes.
const PATIENCE_MS: u32 = 5_000;
/// Seconds that a caller may take beyond its step.
const END_SECONDS: u32 = 60;

/// Where things are.
pub struct Place {
    /// The program.
    pub program: PathBuf,
    /// Its script; the destinations are in `dispatcher.list` beside it.
    pub script: PathBuf,
    /// Where the script, lists, logs and statistics of a run are written.
    pub folder: PathBuf,
    /// Sluice's processors with one worker, and with two, as taskset(1) takes them.
    pub sluice_processors: [String; 2],
    /// SIPp's processors.
    pub sipp_processors: String,
}

/// Calls at `rate` a second for `seconds`.
///
/// # Errors
/// When a program does not start, or leaves no statistics.
pub fn run(place: &Place, workers: u32, rate: u32, seconds: u32) -> Result<Row> {
    let folder = &place.folder;
    let script = folder.join("opensips.cfg");
    fs::copy(&place.script, &script)
        .with_context(|| format!("cannot read {}", place.script.display()))?;
    fs::write(folder.join("dispatcher.list"), format!("1 sip:127.0.0.1:{CALLEE_PORT}\n"))?;
    let mut sluice = Command::new(&place.program);
    let workers_text = workers.to_string();
    sluice.arg("-f").arg(&script).args(["-l", &format!("udp:{LISTEN}"), "-n", &workers_text]);
    let processors = &place.sluice_processors[usize::from(workers > 1)];
    let log = folder.join("sluice.log");
    let _sluice = Running::launch(&sluice, processors, LISTEN_PORT, &log)?;
    let log = folder.join("callee.log");
    let callee = sipp(folder, &["-sn", "uas", "-p", &CALLEE_PORT.to_string(), "-mp", "21000"]);
    let _callee = Running::launch(&callee, &place.sipp_processors, CALLEE_PORT, &log)?;
    let (totals, times) = call(place, rate, seconds)?;
    Ok(Row {
        workers,
        asked: rate,
        totals,
        p50_ms: times.within(0.5),
        p90_ms: times.within(0.9),
        p99_ms: times.within(0.99),
    })
}

/// Runs the caller to its end and reads what it has written.
fn call(place: &Place, rate: u32, seconds: u32) -> Result<(Totals, ResponseTimes)> {
    let (calls, rate) = ((rate * seconds).to_string(), rate.to_string());
    let (patience, end) = (PATIENCE_MS.to_string(), format!("{}s", seconds + END_SECONDS));
    let mut caller = Command::new("taskset");
    let sipp = sipp(&place.folder, &["-sn", "uac", LISTEN, "-mp", "22000"]);
    caller
        .args(["-c", &place.sipp_processors, "setpriv", "--pdeathsig", "TERM"])
        .arg(sipp.get_program())
        .args(sipp.get_args())
        // As many calls at once as come: the rate must not follow the answers.
        .args(["-r", &rate, "-m", &calls, "-l", &calls, "-recv_timeout", &patience])
        .args(["-trace_stat", "-fd", "1", "-trace_rtt", "-rtt_freq", "1", "-timeout", &end])
        .current_dir(&place.folder)
        .stdin(Stdio::null())
        .stdout(fs::File::create(place.folder.join("caller.log"))?)
        .stderr(Stdio::null());
    let mut child = caller.spawn().context("cannot run taskset (util-linux)")?;
    let id = child.id();
    child.wait()?;
    let read = |kind: &str| taken(&place.folder.join(format!("uac_{id}_{kind}.csv")));
    let (totals, times) = (read("")?, read("rtt")?);
    Ok((Totals::read(&totals)?, ResponseTimes::read(&times)))
}

/// SIPp on this machine.
fn sipp(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sipp");
    command.args(["-i", "127.0.0.1", "-nostdin"]).args(arguments);
    command.current_dir(folder).env("TERM", "dumb");
    command
}

/// The text of a file, which is then removed: a run leaves many.
fn taken(path: &Path) -> Result<String> {
    let Ok(text) = fs::read_to_string(path) else {
        bail!("SIPp has left no {}; see caller.log beside it", path.display());
    };
    fs::remove_file(path)?;
    Ok(text)
}
