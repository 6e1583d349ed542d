//! Opening UDP sockets: one per worker on the same address, by SO_REUSEPORT.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use super::errors;
use crate::limits::{RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES};

/// How sockets are opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpOptions {
    /// Receive buffer to ask for, in bytes.
    pub receive_buffer: usize,
    /// Send buffer to ask for, in bytes.
    pub send_buffer: usize,
    /// TOS byte (IPv4) or traffic class (IPv6) of what is sent.
    pub tos: Option<u8>,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self { receive_buffer: RECEIVE_BUFFER_BYTES, send_buffer: SEND_BUFFER_BYTES, tos: None }
    }
}

/// The sockets of one listen address.
#[derive(Debug)]
pub struct Group {
    /// The address they share; its port is the real one when port 0 was asked for.
    pub addr: SocketAddr,
    /// One non-blocking socket per worker.
    pub sockets: Vec<UdpSocket>,
    /// Receive buffer that the kernel gave, in bytes of its own counting. Less than was asked for
    /// when `net.core.rmem_max` forbids it.
    pub receive_buffer: usize,
}

/// A listen address could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else listens there.
    #[error("address already in use: {0}")]
    InUse(SocketAddr),
    /// No interface has it.
    #[error("not an address of this machine: {0}")]
    NotLocal(SocketAddr),
    /// Not ours to open.
    #[error("not permitted: {0} (a port below 1024 needs CAP_NET_BIND_SERVICE)")]
    NotPermitted(SocketAddr),
    /// Anything else.
    #[error("cannot open socket {addr}: {source}")]
    Other {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens `count` sockets that share `addr`; the kernel spreads senders over them.
///
/// # Errors
/// [`OpenError`], also when another Sluice listens there, or another group that covers the address:
/// SO_REUSEPORT alone would let us in silently and give each a part of the calls.
pub fn open_group(
    addr: SocketAddr,
    count: usize,
    options: &UdpOptions,
) -> Result<Group, OpenError> {
    let failed = |source| OpenError::of(addr, source);
    // Without SO_REUSEPORT this bind fails on any other listener; it is closed before the rest. It
    // also chooses the port when 0 was asked for: with SO_REUSEPORT the system may choose one that
    // another group has.
    let alone = bind(addr, false).and_then(|socket| socket.local_addr()).map_err(failed)?;
    let addr = alone.as_socket().unwrap_or(addr);
    let mut group = Group { addr, sockets: Vec::with_capacity(count), receive_buffer: 0 };
    for _ in 0..count {
        let socket = bind(addr, true).map_err(failed)?;
        configure(&socket, addr, options).map_err(failed)?;
        group.receive_buffer = socket.recv_buffer_size().map_err(failed)?;
        group.sockets.push(UdpSocket::from_std(socket.into()));
    }
    Ok(group)
}

/// Datagrams that the kernel dropped because the socket's receive buffer was full, since it was
/// opened. A system call: to be sampled, never per packet.
///
/// # Errors
/// What the system said.
pub fn kernel_drops(socket: &UdpSocket) -> io::Result<u32> {
    // linux/sock_diag.h: SO_MEMINFO gives nine words, the last is SK_MEMINFO_DROPS.
    let mut words = [0u32; 9];
    let mut len = size_of_val(&words) as libc::socklen_t;
    let to = words.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` bytes to `words`.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, to, &raw mut len)
    };
    if result == 0 { Ok(words[8]) } else { Err(io::Error::last_os_error()) }
}

impl OpenError {
    pub(crate) fn of(addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(addr),
            io::ErrorKind::AddrNotAvailable => Self::NotLocal(addr),
            io::ErrorKind::PermissionDenied => Self::NotPermitted(addr),
            _ => Self::Other { addr, source },
        }
    }
}

fn bind(addr: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        // IPv4 has its own sockets; a mapped address would be a second name of the same peer.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(share)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn configure(socket: &Socket, addr: SocketAddr, options: &UdpOptions) -> io::Result<()> {
    if force_buffer(socket, libc::SO_RCVBUFFORCE, options.receive_buffer).is_err() {
        socket.set_recv_buffer_size(options.receive_buffer)?;
    }
    if force_buffer(socket, libc::SO_SNDBUFFORCE, options.send_buffer).is_err() {
        socket.set_send_buffer_size(options.send_buffer)?;
    }
    errors::keep(socket.as_raw_fd(), addr.is_ipv6())?;
    match options.tos {
        Some(tos) if addr.is_ipv4() => socket.set_tos_v4(tos.into()),
        Some(class) => socket.set_tclass_v6(class.into()),
        None => Ok(()),
    }
}

/// Sets a buffer size beyond the system's limit; needs CAP_NET_ADMIN.
fn force_buffer(socket: &Socket, option: libc::c_int, bytes: usize) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let len = size_of_val(&bytes) as libc::socklen_t;
    let from = (&raw const bytes).cast();
    // SAFETY: the kernel reads `len` bytes of `bytes`.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, from, len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn a_group_shares_one_address() {
        let group = open_group(local(0), 3, &UdpOptions::default()).unwrap();
        assert_ne!(group.addr.port(), 0);
        for socket in &group.sockets {
            assert_eq!(socket.local_addr().unwrap(), group.addr);
            assert_eq!(kernel_drops(socket).unwrap(), 0);
        }
        assert!(group.receive_buffer > 100_000);
    }

    #[test]
    fn groups_never_share_a_port_that_the_system_chose() {
        let open = || open_group(local(0), 1, &UdpOptions::default()).unwrap();
        let groups: Vec<Group> = (0..600).map(|_| open()).collect();
        let ports: std::collections::BTreeSet<u16> = groups.iter().map(|g| g.addr.port()).collect();
        assert_eq!(ports.len(), groups.len());
    }

    #[test]
    fn a_taken_address_is_named() {
        let group = open_group(local(0), 1, &UdpOptions::default()).unwrap();
        let error = open_group(group.addr, 1, &UdpOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("address already in use: {}", group.addr));
    }

    #[test]
    fn a_foreign_address_is_named() {
        let addr = "192.0.2.1:5060".parse().unwrap();
        let error = open_group(addr, 1, &UdpOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "not an address of this machine: 192.0.2.1:5060");
    }

    #[test]
    fn both_families_take_a_tos() {
        let options = UdpOptions { tos: Some(0x68), ..UdpOptions::default() };
        let v4 = open_group(local(0), 1, &options).unwrap();
        let socket = socket2::SockRef::from(&v4.sockets[0]);
        assert_eq!(socket.tos_v4().unwrap(), 0x68);
        let v6 = open_group("[::1]:0".parse().unwrap(), 1, &options).unwrap();
        let socket = socket2::SockRef::from(&v6.sockets[0]);
        assert_eq!(socket.tclass_v6().unwrap(), 0x68);
        assert!(socket.only_v6().unwrap());
    }

    #[test]
    fn what_the_kernel_drops_is_counted() {
        let options = UdpOptions { receive_buffer: 1, ..UdpOptions::default() };
        let group = open_group(local(0), 1, &options).unwrap();
        let sender = std::net::UdpSocket::bind(local(0)).unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1_000], group.addr).unwrap();
        }
        assert!(kernel_drops(&group.sockets[0]).unwrap() > 0);
    }
}
