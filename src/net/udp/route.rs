//! What the kernel's routing says: by which of the machine's addresses another one is reached.
//!
//! Takes an address; gives the one that a datagram there would come from. Sends nothing and waits
//! for nobody. A few system calls each time: not for the way of a message.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The port is of no matter: no datagram is sent.
const PORT: u16 = 5060;

/// The address that the kernel would send from.
///
/// # Errors
/// There is no route, or no socket could be had.
pub fn source_towards(to: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match to {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(to, PORT))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_asked() {
        let lo: IpAddr = Ipv4Addr::LOCALHOST.into();
        assert_eq!(source_towards(lo).unwrap(), lo);
        // All of 127.0.0.0/8 is reached from its first address.
        assert_eq!(source_towards(Ipv4Addr::new(127, 0, 0, 9).into()).unwrap(), lo);
        assert!(source_towards(Ipv4Addr::BROADCAST.into()).is_err(), "it is refused");
    }
}
