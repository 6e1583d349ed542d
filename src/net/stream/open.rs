//! Opening stream sockets: listeners that workers share by SO_REUSEPORT, and connections.

use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use sluice_base::SocketId;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::options::{KeepAlive, StreamOptions};
use crate::udp::OpenError;

/// Listeners of one worker, with the ids of their sockets.
pub type Listeners = Vec<(SocketId, TcpListener)>;

/// Opens `count` listeners that share `addr`; the kernel spreads connections over them.
///
/// # Errors
/// [`OpenError`], also when another program listens there, which SO_REUSEPORT alone would let in.
pub fn open_listeners(
    addr: SocketAddr,
    count: usize,
    options: &StreamOptions,
) -> Result<Vec<TcpListener>, OpenError> {
    let failed = |source| OpenError::of(addr, source);
    let alone = bind(addr, false).and_then(|socket| {
        // Only listening tells whether another program does.
        socket.listen(1)?;
        Ok(socket)
    });
    drop(alone.map_err(failed)?);
    let open = |_| {
        let socket = bind(addr, true)?;
        socket.listen(options.backlog)?;
        Ok(TcpListener::from_std(socket.into()))
    };
    (0..count).map(open).collect::<io::Result<_>>().map_err(failed)
}

/// A socket for a connection from the address of one of our listeners, not yet connected.
pub(super) fn unconnected(from: SocketAddr, options: &StreamOptions) -> io::Result<TcpStream> {
    let socket = stream(from)?;
    // The port is the system's choice; ours is the listener's.
    socket.bind(&SocketAddr::new(from.ip(), 0).into())?;
    configure(&SockRef::from(&socket), options)?;
    Ok(TcpStream::from_std(socket.into()))
}

/// Begins to connect.
pub(super) fn connect(socket: &TcpStream, to: SocketAddr) -> io::Result<()> {
    match SockRef::from(socket).connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}

/// What every connection has: no waiting for more to send, and the system's probes.
pub(super) fn configure(socket: &SockRef<'_>, options: &StreamOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let KeepAlive { on, idle, interval, count } = options.keepalive;
    if !on {
        return socket.set_keepalive(false);
    }
    let mut probes = TcpKeepalive::new();
    if let Some(idle) = idle {
        probes = probes.with_time(idle);
    }
    if let Some(interval) = interval {
        probes = probes.with_interval(interval);
    }
    if let Some(count) = count {
        probes = probes.with_retries(count);
    }
    socket.set_keepalive(true)?;
    socket.set_tcp_keepalive(&probes)
}

fn bind(addr: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = stream(addr)?;
    // Else connections of a program that has ended would keep its port for a minute.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn stream(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        // IPv4 has its own sockets; a mapped address would be a second name of the same peer.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_share_an_address_that_nobody_else_has() {
        let addr = free();
        let options = StreamOptions::default();
        let listeners = open_listeners(addr, 3, &options).unwrap();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == addr));
        let refused = open_listeners(addr, 1, &options).unwrap_err();
        assert_eq!(refused.to_string(), format!("address already in use: {addr}"));
    }

    fn free() -> SocketAddr {
        let found = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        found.local_addr().unwrap()
    }
}
