//! Files that a module keeps: what the outside lends for them. The program has real ones; a test
//! has its own.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ahash::AHashMap;

/// Files by the path that the user wrote. Each call may block; none is for a worker.
pub trait Files: Send + Sync {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Those of the system.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// What changes when a file does.
    ///
    /// # Errors
    /// Those of the system.
    fn stamp(&self, path: &str) -> io::Result<Stamp>;

    /// Puts bytes in the place of a file, so that it is the old one or the new one whole, whenever
    /// the machine stops. On return they are on the disk.
    ///
    /// # Errors
    /// Those of the system; the old file is still there then.
    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Claims a folder for this process, as long as the claim is kept: another that claims it is
    /// refused with [`io::ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// That, and those of the system.
    fn claim(&self, folder: &str) -> io::Result<Claim>;
}

/// A folder is this process' until it is dropped.
pub type Claim = Box<dyn Send + Sync>;

/// See [`Files::stamp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamp {
    /// The time of the last change, nanoseconds since 1970.
    pub changed_ns: i128,
    /// Bytes.
    pub size: u64,
    /// The number of the file: a file that was replaced has another.
    pub number: u64,
}

/// Files that are nowhere but in memory: for tests, and for examples that are built in.
#[derive(Default)]
pub struct InMemory {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    files: AHashMap<String, (Vec<u8>, u64)>,
    /// Numbers given so far.
    numbers: u64,
    claimed: Vec<(String, Weak<()>)>,
}

impl InMemory {
    /// Puts a file there, or takes it away.
    pub fn set(&self, path: &str, bytes: Option<&[u8]>) {
        let mut held = self.held();
        held.numbers += 1;
        let number = held.numbers;
        match bytes {
            Some(bytes) => held.files.insert(path.to_owned(), (bytes.to_vec(), number)),
            None => held.files.remove(path),
        };
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for InMemory {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let held = self.held();
        held.files.get(path).map(|(bytes, _)| bytes.clone()).ok_or_else(not_found)
    }

    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        let held = self.held();
        if let Some((bytes, number)) = held.files.get(path) {
            return Ok(Stamp { size: bytes.len() as u64, number: *number, ..Stamp::default() });
        }
        let is_folder = |file: &String| file.strip_prefix(path).is_some_and(|f| f.starts_with('/'));
        held.files.keys().any(is_folder).then(Stamp::default).ok_or_else(not_found)
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.set(path, Some(bytes));
        Ok(())
    }

    fn claim(&self, folder: &str) -> io::Result<Claim> {
        let mut held = self.held();
        held.claimed.retain(|(_, claim)| claim.strong_count() > 0);
        if held.claimed.iter().any(|(claimed, _)| claimed == folder) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let claim = Arc::new(());
        held.claimed.push((folder.to_owned(), Arc::downgrade(&claim)));
        Ok(Box::new(claim))
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}
