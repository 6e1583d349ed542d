//! The script piped through a shell command (spec 1.1, `-p`): at the start, and at each reload.
//!
//! Takes the text, gives what the command prints. A command that hangs or never stops printing is
//! ended, with everything that it has started: a reload must come to an answer.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use sluice_script::limits::SOURCE_BYTES;

/// The longest that a command may take; m4 needs milliseconds for the largest template.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `command` in the folder `home`.
///
/// # Errors
/// When it cannot be run, fails, takes longer than `patience`, or prints more than a script may
/// have.
pub(super) fn preprocess(
    command: &str,
    home: &Path,
    text: Vec<u8>,
    patience: Duration,
) -> Result<Vec<u8>> {
    let name = || format!("preprocessor `{command}`");
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", command]).current_dir(home).process_group(0);
    let child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(name)?;
    let mut input = child.stdin.take().context("preprocessor's standard input")?;
    let output = child.stdout.take().context("preprocessor's standard output")?;
    let group = Pid::from_raw(i32::try_from(child.id())?);
    let end = move || killpg(group, Signal::SIGKILL);
    let mut printed = Vec::new();
    let (done, over) = channel::<()>();
    let (read, status, late) = std::thread::scope(|scope| {
        // From a thread of its own: the command may print before it has read everything.
        scope.spawn(move || input.write_all(&text));
        let watch = scope.spawn(move || {
            let late = over.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
            late && end().is_ok()
        });
        let read = output.take(SOURCE_BYTES as u64 + 1).read_to_end(&mut printed);
        if printed.len() > SOURCE_BYTES {
            // It may have ended by itself.
            let _ = end();
        }
        let status = child.wait();
        drop(done);
        (read, status, watch.join().unwrap_or_default())
    });
    read.with_context(name)?;
    let status = status.with_context(name)?;
    if late {
        bail!("{} is not done after {} s", name(), patience.as_secs_f32());
    }
    if printed.len() > SOURCE_BYTES {
        bail!("{} prints more than {SOURCE_BYTES} bytes", name());
    }
    if !status.success() {
        bail!("{} failed: {status}", name());
    }
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &str, patience: Duration) -> Result<String, String> {
        let text = b"route { exit; }\n".repeat(10_000);
        let printed = preprocess(command, Path::new("/"), text, patience);
        let printed = printed.map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    #[test]
    fn what_a_command_prints_is_the_script() {
        assert_eq!(run("head -n 1", PATIENCE).as_deref(), Ok("route { exit; }\n"));
        assert_eq!(run("cat", PATIENCE).map(|text| text.len()), Ok(160_000));
        assert_eq!(run("pwd", PATIENCE).as_deref(), Ok("/\n"));
        let why = run("cat; exit 3", PATIENCE).unwrap_err();
        assert_eq!(why, "preprocessor `cat; exit 3` failed: exit status: 3");
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let soon = Duration::from_millis(200);
        for command in ["sleep 1000", "sleep 1000 | cat", "sleep 1000 &", "exec >&-; sleep 1000"] {
            let why = run(command, soon).unwrap_err();
            assert_eq!(why, format!("preprocessor `{command}` is not done after 0.2 s"));
        }
        let why = run("yes", PATIENCE).unwrap_err();
        assert!(why.contains("prints more than"), "{why}");
    }
}
