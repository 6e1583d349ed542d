//! The named pipe that commands come by: made, taken over, watched, removed.
//!
//! A file that a dead process left is replaced. One that somebody reads is not: two programs with
//! one name would share its commands at random.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// How the pipe is made and how replies are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Its path.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// Its owner, when it is not this process'.
    pub user: Option<u32>,
    /// Its group, likewise.
    pub group: Option<u32>,
    /// Folder of the reply FIFOs.
    pub reply_dir: PathBuf,
    /// Whether JSON is indented.
    pub pretty: bool,
    /// What stands before a child in the text of 1.x.
    pub indent: String,
}

/// Why there is no pipe.
#[derive(Debug, thiserror::Error)]
pub enum FifoError {
    /// The path holds something that is not ours to replace.
    #[error("{0} is there and is no FIFO")]
    NoFifo(PathBuf),
    /// Another process reads it.
    #[error("{0} is in use: another program reads it")]
    InUse(PathBuf),
    /// The system refuses.
    #[error("{0}: {1}")]
    System(PathBuf, io::Error),
}

/// The pipe; its file goes when this is dropped. To be dropped before its end for reading: while
/// that is open, no other file can have the same number.
pub struct Fifo {
    /// How it was made.
    pub options: Options,
    /// Device and number of its file.
    file: (u64, u64),
}

impl Fifo {
    /// Makes the pipe, and opens it for reading without waiting.
    ///
    /// # Errors
    /// When the path is taken, or the system refuses.
    pub fn create(mut options: Options) -> Result<(Self, File), FifoError> {
        let system = |error| FifoError::System(options.path.clone(), error);
        let path = std::path::absolute(&options.path).map_err(system)?;
        options.reply_dir = std::path::absolute(&options.reply_dir).map_err(system)?;
        options.path = path;
        let (file, pipe) = make(&options)?;
        Ok((Self { options, file }, pipe))
    }

    /// Whether the file is still there: whoever tidies folders may have taken it away.
    pub fn is_there(&self) -> bool {
        identity(&self.options.path).is_ok_and(|file| file == self.file)
    }

    /// Makes it once more, after it has been removed.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_again(&mut self) -> Result<File, FifoError> {
        let (file, pipe) = make(&self.options)?;
        self.file = file;
        Ok(pipe)
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        if self.is_there()
            && let Err(error) = fs::remove_file(&self.options.path)
        {
            tracing::warn!(target: "mi_fifo", "{} stays: {error}", self.options.path.display());
        }
    }
}

type Made = ((u64, u64), File);

fn make(options: &Options) -> Result<Made, FifoError> {
    let path = &options.path;
    clear(path)?;
    // Nobody else gets in before owner and permissions are as they shall be.
    let closed = Mode::S_IRUSR | Mode::S_IWUSR;
    mkfifo(path, closed).map_err(|error| FifoError::System(path.clone(), error.into()))?;
    open(options).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

fn open(options: &Options) -> Result<Made, FifoError> {
    let path = &options.path;
    let system = |error| FifoError::System(path.clone(), error);
    // For writing too: so it never ends when the last writer goes.
    let pipe = without_waiting(OpenOptions::new().read(true).write(true)).open(path);
    let pipe = pipe.map_err(system)?;
    let metadata = pipe.metadata().map_err(system)?;
    if !metadata.file_type().is_fifo() {
        return Err(FifoError::NoFifo(path.clone()));
    }
    fchown(&pipe, options.user, options.group).map_err(system)?;
    pipe.set_permissions(Permissions::from_mode(options.mode)).map_err(system)?;
    Ok(((metadata.dev(), metadata.ino()), pipe))
}

/// Removes what a dead process left.
fn clear(path: &Path) -> Result<(), FifoError> {
    let system = |error| FifoError::System(path.to_owned(), error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(error)),
        Ok(found) if !found.file_type().is_fifo() => {
            return Err(FifoError::NoFifo(path.to_owned()));
        }
        Ok(_) => {}
    }
    match without_waiting(OpenOptions::new().write(true)).open(path) {
        Ok(_) => Err(FifoError::InUse(path.to_owned())),
        Err(error) if is_unread(&error) => fs::remove_file(path).map_err(system),
        Err(error) => Err(system(error)),
    }
}

/// Opens neither wait for the other end nor follow a link.
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
}

/// Whether a FIFO could not be opened for writing because nobody has it open for reading.
pub fn is_unread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ENXIO as i32)
}

/// Device and number of a file.
pub(super) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A folder of one test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("mi-fifo-{}-{next}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn create(&self, name: &str) -> Result<(Fifo, File), FifoError> {
            Fifo::create(Options {
                path: self.0.join(name),
                mode: 0o640,
                user: None,
                group: None,
                reply_dir: self.0.clone(),
                pretty: false,
                indent: String::new(),
            })
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn it_is_there_until_it_is_dropped() {
        let folder = Folder::new();
        let (fifo, _pipe) = folder.create("fifo").unwrap();
        let made = fs::symlink_metadata(&fifo.options.path).unwrap();
        assert!(made.file_type().is_fifo() && fifo.is_there());
        assert_eq!(made.permissions().mode() & 0o777, 0o640);
        let path = fifo.options.path.clone();
        drop(fifo);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_is_read_is_left_alone_and_one_that_is_not_is_replaced() {
        let folder = Folder::new();
        let (fifo, pipe) = folder.create("fifo").unwrap();
        assert!(matches!(folder.create("fifo"), Err(FifoError::InUse(_))));
        assert!(fifo.is_there());
        // As a process that was killed leaves it: nobody reads it, and nobody removes it.
        drop(pipe);
        std::mem::forget(fifo);
        let (second, _pipe) = folder.create("fifo").unwrap();
        assert!(second.is_there());
    }

    #[test]
    fn what_is_no_fifo_is_never_replaced() {
        let folder = Folder::new();
        fs::write(folder.0.join("file"), "kept").unwrap();
        symlink(folder.0.join("file"), folder.0.join("link")).unwrap();
        for name in ["file", "link", "."] {
            assert!(matches!(folder.create(name), Err(FifoError::NoFifo(_))), "{name}");
        }
        assert_eq!(fs::read(folder.0.join("link")).unwrap(), b"kept");
        assert!(matches!(folder.create("none/fifo"), Err(FifoError::System(..))));
    }

    #[test]
    fn one_that_was_removed_is_made_again() {
        let folder = Folder::new();
        let (mut fifo, _old) = folder.create("fifo").unwrap();
        fs::remove_file(&fifo.options.path).unwrap();
        assert!(!fifo.is_there());
        let _pipe = fifo.create_again().unwrap();
        assert!(fifo.is_there());
        assert!(matches!(folder.create("fifo"), Err(FifoError::InUse(_))), "it is read again");
    }
}
