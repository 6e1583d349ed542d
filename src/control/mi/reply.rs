//! The reply FIFO of one request: found, opened, written, given up.
//!
//! Its name comes from whoever may write commands, and the program may have more rights than they:
//! only a FIFO directly in the folder of replies is opened, never a link, never a file.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tokio::net::unix::pipe::Sender;
use tokio::time::{Instant, sleep, timeout};

use super::fifo::{is_unread, without_waiting};
use crate::limits::{MI_REPLY_LOOK, MI_REPLY_TOTAL, MI_REPLY_WAIT};

/// Whether a name is one that [`open`] would take: a FIFO is there.
pub fn exists(folder: &Path, name: &str) -> bool {
    path(folder, name).is_ok_and(|path| check(&path).is_ok())
}

/// Opens a reply FIFO; waits a moment for its reader.
///
/// # Errors
/// Why it is refused or given up, for the log.
pub async fn open(folder: &Path, name: &str) -> Result<Sender, String> {
    let path = path(folder, name)?;
    let end = Instant::now() + MI_REPLY_WAIT;
    loop {
        check(&path)?;
        match without_waiting(OpenOptions::new().write(true)).open(&path) {
            Ok(file) => return Sender::from_file(file).map_err(|error| say(&path, &error)),
            Err(error) if is_unread(&error) && Instant::now() < end => sleep(MI_REPLY_LOOK).await,
            Err(error) if is_unread(&error) => return Err(unread(&path)),
            Err(error) => return Err(say(&path, &error)),
        }
    }
}

/// Writes the whole reply, as fast as it is read.
///
/// # Errors
/// Why it was given up.
pub async fn write(sender: &Sender, text: &[u8]) -> Result<(), String> {
    let whole = async {
        let mut left = text;
        while !left.is_empty() {
            timeout(MI_REPLY_WAIT, sender.writable())
                .await
                .map_err(|_| io::ErrorKind::TimedOut)??;
            match sender.try_write(left) {
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    match timeout(MI_REPLY_TOTAL, whole).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err("nobody reads it".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not read within {} s", MI_REPLY_TOTAL.as_secs())),
    }
}

/// The path of a name that stays within the folder.
fn path(folder: &Path, name: &str) -> Result<PathBuf, String> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(format!("`{}` is no name of a reply FIFO", name.escape_debug()));
    }
    Ok(folder.join(name))
}

fn check(path: &Path) -> Result<(), String> {
    let found = fs::symlink_metadata(path).map_err(|error| say(path, &error))?.file_type();
    match (found.is_fifo(), found.is_symlink()) {
        (true, _) => Ok(()),
        (_, true) => Err(format!("{} is a link", path.display())),
        _ => Err(format!("{} is no FIFO", path.display())),
    }
}

fn unread(path: &Path) -> String {
    format!("nobody reads {}", path.display())
}

fn say(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
