//! A command by FIFO: written in one piece, answered through a FIFO of our own.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::stat::Mode;
use sluice_control::mi::fifo::{is_unread, without_waiting};

use super::Patience;

/// A request in one piece: more than this may be mixed with another writer's (pipe(7), PIPE_BUF).
const REQUEST_MAX: usize = 4_096;

/// How often a full pipe is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// Sends a request; the text of its reply. `name` is that of the reply FIFO.
pub(super) fn ask(
    path: &Path,
    reply_dir: &Path,
    name: &str,
    request: &str,
    patience: Patience,
) -> Result<Vec<u8>> {
    let fifo = open(path)?;
    let reply = ReplyFifo::make(reply_dir.join(name))?;
    let request = format!(":{name}:{request}\n");
    if request.len() > REQUEST_MAX {
        bail!("the command has more than {REQUEST_MAX} bytes");
    }
    let (whole, answer) = channel();
    let own = reply.0.clone();
    // Opening and reading wait for the gateway; an answer that never comes is left to this thread.
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = File::open(own).and_then(|mut file| file.read_to_end(&mut text));
        let _ = whole.send(read.map(|_| text));
    });
    write(fifo, request.as_bytes(), patience).with_context(|| path.display().to_string())?;
    answer.recv_timeout(patience.left()?).map_err(|_| patience.over())?.context("reply")
}

fn open(path: &Path) -> Result<File> {
    let name = path.display();
    match without_waiting(OpenOptions::new().write(true)).open(path) {
        Err(error) if is_unread(&error) => bail!("nothing listens at {name}"),
        Err(error) => Err(error).context(name.to_string()),
        // It may have been replaced since it was looked at.
        Ok(file) if !is_fifo(&file) => bail!("{name} is no FIFO"),
        Ok(file) => Ok(file),
    }
}

fn is_fifo(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// Writes the request, all at once or not at all.
fn write(mut fifo: File, request: &[u8], patience: Patience) -> Result<()> {
    loop {
        match fifo.write_all(request) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                patience.left().context("the FIFO is full")?;
                std::thread::sleep(PAUSE);
            }
            other => return Ok(other?),
        }
    }
}

/// Our reply FIFO; removed when dropped.
struct ReplyFifo(PathBuf);

impl ReplyFifo {
    fn make(path: PathBuf) -> Result<Self> {
        let made = nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR);
        made.with_context(|| format!("reply FIFO {}", path.display()))?;
        let fifo = Self(path);
        // The gateway may be another user; it only writes, and only we read.
        fs::set_permissions(&fifo.0, Permissions::from_mode(0o622))?;
        Ok(fifo)
    }
}

impl Drop for ReplyFifo {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
