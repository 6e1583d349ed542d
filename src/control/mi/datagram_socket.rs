//! The socket that commands come by as datagrams: made, taken over, removed.
//!
//! As with the FIFO, a unix socket that a dead process left is replaced, and one that somebody
//! serves is not. Nobody gets in before owner and permissions are as they shall be.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};
use nix::sys::stat::{Mode, fchmod};

use super::fifo::identity;

/// Where commands come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A UDP socket.
    Udp(SocketAddr),
    /// A unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Its owner, when it is not this process'.
        user: Option<u32>,
        /// Its group, likewise.
        group: Option<u32>,
    },
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The path holds something that is not ours to replace.
    #[error("{0} is there and is no socket")]
    NoSocket(PathBuf),
    /// Another process serves it.
    #[error("{0} is in use: another program serves it")]
    InUse(PathBuf),
    /// The system refuses.
    #[error("{0}: {1}")]
    System(String, io::Error),
}

/// An open socket.
pub(super) enum Opened {
    Udp(UdpSocket),
    Unix(UnixDatagram, SocketFile),
}

/// The file of a unix socket; goes when this is dropped.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and number.
    file: (u64, u64),
}

impl Place {
    pub(super) fn open(&self) -> Result<Opened, PlaceError> {
        match self {
            Self::Udp(address) => {
                let system = |error| PlaceError::System(format!("udp:{address}"), error);
                let socket = UdpSocket::bind(address).map_err(system)?;
                socket.set_nonblocking(true).map_err(system)?;
                Ok(Opened::Udp(socket))
            }
            Self::Unix { path, mode, user, group } => {
                let system = |error| PlaceError::System(path.display().to_string(), error);
                let path = &std::path::absolute(path).map_err(system)?;
                clear(path)?;
                let socket = bind(path).map_err(system)?;
                let file = identity(path).map_err(system)?;
                let file = SocketFile { path: path.clone(), file };
                chown(path, *user, *group).map_err(system)?;
                fs::set_permissions(path, Permissions::from_mode(*mode)).map_err(system)?;
                Ok(Opened::Unix(socket, file))
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(target: "mi_datagram", "{} stays: {error}", self.path.display());
        }
    }
}

/// A file takes its permissions from its socket (unix(7)): so it is closed to others from its
/// first moment.
fn bind(path: &Path) -> io::Result<UnixDatagram> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket::socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    fchmod(&fd, Mode::S_IRUSR | Mode::S_IWUSR)?;
    socket::bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(fd.into())
}

/// Removes what a dead process left.
fn clear(path: &Path) -> Result<(), PlaceError> {
    let system = |error| PlaceError::System(path.display().to_string(), error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(PlaceError::NoSocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    let asking = UnixDatagram::unbound().map_err(system)?;
    match asking.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(system)
        }
        // Served by this kind of socket, or by another.
        _ => Err(PlaceError::InUse(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("mi-dg-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn open(&self, name: &str) -> Result<Opened, PlaceError> {
            let path = self.0.join(name);
            Place::Unix { path, mode: 0o640, user: None, group: None }.open()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_there_until_it_is_dropped() {
        let folder = Folder::new("there");
        let opened = folder.open("socket").unwrap();
        let path = folder.0.join("socket");
        let made = fs::symlink_metadata(&path).unwrap();
        assert!(made.file_type().is_socket());
        assert_eq!(made.permissions().mode() & 0o777, 0o640);
        assert!(matches!(folder.open("socket"), Err(PlaceError::InUse(_))));
        drop(opened);
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_the_dead_is_replaced_and_no_other() {
        let folder = Folder::new("dead");
        drop(UnixDatagram::bind(folder.0.join("dead")).unwrap());
        folder.open("dead").map(drop).unwrap();
        fs::write(folder.0.join("file"), "kept").unwrap();
        assert!(matches!(folder.open("file"), Err(PlaceError::NoSocket(_))));
        assert_eq!(fs::read(folder.0.join("file")).unwrap(), b"kept");
        assert!(matches!(folder.open("none/socket"), Err(PlaceError::System(..))));
        let long = "x".repeat(200);
        assert!(matches!(folder.open(&long), Err(PlaceError::System(..))));
    }

    #[test]
    fn a_port_in_use_is_refused() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let place = Place::Udp(taken.local_addr().unwrap());
        let error = place.open().map(drop).unwrap_err().to_string();
        assert!(error.starts_with("udp:127.0.0.1:") && error.contains("in use"), "{error}");
    }
}
