//! A command by datagram: one there, one back. It is not sent again, since a command may do
//! something.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Patience;

/// The longest datagram.
const DATAGRAM: usize = 65_536;

/// Sends a request to `HOST:PORT`; the text of its reply.
pub(super) fn ask_udp(place: &str, request: &str, patience: Patience) -> Result<Vec<u8>> {
    let within = || format!("udp:{place}");
    let addresses = std::net::ToSocketAddrs::to_socket_addrs(place).with_context(within)?;
    let Some(address) = addresses.into_iter().next() else { bail!("udp:{place}: no address") };
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).with_context(within)?;
    socket.connect(address).with_context(within)?;
    socket.send(request.as_bytes()).with_context(within)?;
    socket.set_read_timeout(Some(patience.left()?))?;
    let mut bytes = vec![0; DATAGRAM];
    match socket.recv(&mut bytes) {
        Ok(count) => Ok(bytes.get(..count).unwrap_or_default().to_vec()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            bail!("nothing listens at udp:{place}")
        }
        Err(error) => Err(patience.explain(error)),
    }
}

/// The same to a unix socket; `own` is the path of ours.
pub(super) fn ask_unix(
    path: &Path,
    own: &Path,
    request: &str,
    patience: Patience,
) -> Result<Vec<u8>> {
    let within = || path.display().to_string();
    let socket = UnixDatagram::bind(own).with_context(|| format!("socket {}", own.display()))?;
    let _own = OwnFile(own.to_owned());
    // The gateway may be another user; it only sends.
    fs::set_permissions(own, Permissions::from_mode(0o622))?;
    socket.set_write_timeout(Some(patience.left()?))?;
    match socket.send_to(request.as_bytes(), path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            bail!("nothing listens at {}", path.display())
        }
        sent => sent.map_err(|error| patience.explain(error)).with_context(within)?,
    };
    socket.set_read_timeout(Some(patience.left()?))?;
    let mut bytes = vec![0; DATAGRAM];
    let count = socket.recv(&mut bytes).map_err(|error| patience.explain(error))?;
    Ok(bytes.get(..count).unwrap_or_default().to_vec())
}

/// The file of our socket; removed when dropped.
struct OwnFile(PathBuf);

impl Drop for OwnFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
