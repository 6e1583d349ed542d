//! The files that a script names and modules read or keep: from the folder that the program was
//! started in, else from beside the script.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use sluice_engine::files::{Claim, Files, Stamp};

/// What holds the claim on a folder.
const CLAIM: &str = ".sluice-writes-here";

/// See the file's head.
pub struct DiskFiles {
    /// Where a path that does not begin with `/` is looked for, in this order.
    folders: [PathBuf; 2],
}

impl DiskFiles {
    /// Files by paths that may be relative to one of the two folders.
    pub fn new(folders: [PathBuf; 2]) -> Self {
        Self { folders }
    }

    /// Where a path is; where nothing is, the first place of which the folder exists.
    fn place(&self, path: &str) -> PathBuf {
        let places = self.folders.each_ref().map(|folder| folder.join(path));
        let exists = places.iter().find(|place| place.exists());
        let has_folder = |place: &&PathBuf| place.parent().is_some_and(Path::exists);
        let place = exists.or_else(|| places.iter().find(has_folder)).unwrap_or(&places[0]);
        // A link stays one: what it leads to is replaced.
        fs::canonicalize(place).unwrap_or_else(|_| place.clone())
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.place(path))
    }

    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        let known = fs::metadata(self.place(path))?;
        let changed_ns = i128::from(known.mtime()) * 1_000_000_000 + i128::from(known.mtime_nsec());
        Ok(Stamp { changed_ns, size: known.size(), number: known.ino() })
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.place(path);
        let folder = place.parent().unwrap_or(Path::new("."));
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let new = folder.join(format!(".{name}.new"));
        let written = write(&new, bytes, &place).and_then(|()| fs::rename(&new, &place));
        if written.is_err() {
            // What is left of it is of no use; the error that matters is the first.
            let _ = fs::remove_file(&new);
        }
        written?;
        // The name is on the disk when the folder is.
        File::open(folder)?.sync_all()
    }

    fn claim(&self, folder: &str) -> io::Result<Claim> {
        let held = File::create(self.place(folder).join(CLAIM))?;
        match held.try_lock() {
            Ok(()) => Ok(Box::new(held)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Writes a new file, with the owner and the permissions of the one that it will replace.
fn write(new: &Path, bytes: &[u8], old: &Path) -> io::Result<()> {
    let mut file = File::create(new)?;
    if let Ok(known) = fs::metadata(old) {
        file.set_permissions(known.permissions())?;
        // Without the right to it the file is ours, as every file that we make.
        let _ = chown(new, Some(known.uid()), Some(known.gid()));
    }
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sluice-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_permissions() {
        let folder = folder("files");
        let (kept, link) = (folder.join("kept"), folder.join("link"));
        fs::write(&kept, "old").unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        let files = DiskFiles::new([folder.clone(), PathBuf::from("/nowhere")]);
        let before = files.stamp("kept").unwrap();
        files.replace("link", b"new one").unwrap();
        assert_eq!(files.read("kept").unwrap(), b"new one");
        assert_ne!(files.stamp("kept").unwrap(), before);
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(files.replace("absent/file", b"").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing else is left");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_path_is_looked_for_in_both_folders() {
        let (home, beside) = (folder("home"), folder("beside"));
        fs::create_dir_all(beside.join("db")).unwrap();
        fs::write(beside.join("list"), "b").unwrap();
        let files = DiskFiles::new([home.clone(), beside.clone()]);
        assert_eq!(files.read("list").unwrap(), b"b");
        fs::write(home.join("list"), "h").unwrap();
        assert_eq!(files.read("list").unwrap(), b"h");
        files.replace("db/table", b"t").unwrap();
        assert_eq!(fs::read(beside.join("db/table")).unwrap(), b"t");
        let claim = files.claim("db").unwrap();
        assert_eq!(files.claim("db").err().unwrap().kind(), io::ErrorKind::WouldBlock);
        drop(claim);
        files.claim("db").unwrap();
        for folder in [home, beside] {
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
