//! Datagrams by the batch: recvmmsg and sendmmsg over buffers that are made once.
//!
//! The forwarder and the load share it, and nothing of the program that they measure, so that a
//! fault there cannot hide on both sides. IPv4 only. Nothing is allocated once a batch is made.

use std::io::{Error, ErrorKind, Result};
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{from_mut, from_ref, null_mut};

/// Datagrams taken with one system call: the size that the floors were measured with.
pub const BATCH: usize = 64;
/// Bytes kept of a datagram: more than an Ethernet frame, and than any message of the load.
const SLOT: usize = 2_048;
/// Bytes asked for as receive and send buffer; the kernel cuts it to its own limit.
const SOCKET_BUFFER: libc::c_int = 4 * 1024 * 1024;

/// An address in the kernel's form.
#[derive(Clone, Copy)]
pub struct Address(libc::sockaddr_in);

impl From<SocketAddrV4> for Address {
    fn from(address: SocketAddrV4) -> Self {
        Self(libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: address.port().to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
            sin_zero: [0; 8],
        })
    }
}

/// Up to [`BATCH`] datagrams.
pub struct Batch(Box<Inner>);

/// What the kernel is handed. Pointers in `headers` lead to `parts` and `names`, those in `parts`
/// to `bytes`, those to control messages to `sources`: all within this struct, which is boxed and
/// so never moves.
struct Inner {
    bytes: [[u8; SLOT]; BATCH],
    parts: [libc::iovec; BATCH],
    names: [libc::sockaddr_in; BATCH],
    sources: [Source; BATCH],
    headers: [libc::mmsghdr; BATCH],
}

/// Tells the kernel to send from this address.
#[repr(C)]
struct Source {
    header: libc::cmsghdr,
    info: libc::in_pktinfo,
}

/// Tells the kernel to cut a payload into datagrams of this length.
#[repr(C)]
struct Cut {
    header: libc::cmsghdr,
    length: u16,
}

// SAFETY: the pointers lead into the same box and are followed by its owner's calls only.
unsafe impl Send for Batch {}

impl Batch {
    /// A batch whose memory has been touched.
    pub fn new() -> Self {
        // SAFETY: bytes, numbers, null pointers, zero lengths: all-zero is a value of every part.
        let mut inner: Box<Inner> = Box::new(unsafe { zeroed() });
        let Inner { bytes, parts, headers, .. } = &mut *inner;
        for ((slot, part), header) in bytes.iter_mut().zip(&mut *parts).zip(headers) {
            slot.fill(0xff);
            part.iov_base = slot.as_mut_ptr().cast();
            header.msg_hdr.msg_iov = from_mut(part);
            header.msg_hdr.msg_iovlen = 1;
        }
        Self(inner)
    }

    /// Takes what has arrived, up to [`BATCH`] datagrams; 0 when there is nothing.
    ///
    /// # Errors
    /// Those of the kernel, except that it has nothing yet.
    pub fn receive(&mut self, socket: &UdpSocket) -> Result<usize> {
        let Inner { parts, headers, .. } = &mut *self.0;
        for (part, header) in parts.iter_mut().zip(&mut *headers) {
            part.iov_len = SLOT;
            header.msg_hdr.msg_name = null_mut();
            header.msg_hdr.msg_namelen = 0;
            header.msg_hdr.msg_control = null_mut();
            header.msg_hdr.msg_controllen = 0;
        }
        // SAFETY: BATCH headers, whose pointers lead into the box, with the lengths of what they
        // lead to; the box is borrowed for the whole call.
        let received = unsafe {
            let first = headers.as_mut_ptr();
            libc::recvmmsg(socket.as_raw_fd(), first, BATCH as u32, libc::MSG_DONTWAIT, null_mut())
        };
        match usize::try_from(received) {
            Ok(received) => Ok(received),
            Err(_) => excuse(Error::last_os_error()).map(|()| 0),
        }
    }

    /// The length of a received datagram, in bytes.
    pub fn length(&self, at: usize) -> usize {
        (self.0.headers[at].msg_len as usize).min(SLOT)
    }

    /// A received datagram.
    pub fn datagram(&self, at: usize) -> &[u8] {
        &self.0.bytes[at][..self.length(at)]
    }

    /// The bytes of a place, to be filled.
    pub fn slot(&mut self, at: usize) -> &mut [u8] {
        &mut self.0.bytes[at]
    }

    /// Makes the first `length` bytes of a place a datagram for `to`.
    pub fn address(&mut self, at: usize, length: usize, to: Address) {
        let Inner { parts, names, headers, .. } = &mut *self.0;
        parts[at].iov_len = length.min(SLOT);
        names[at] = to.0;
        headers[at].msg_hdr.msg_name = from_mut(&mut names[at]).cast();
        headers[at].msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
        headers[at].msg_hdr.msg_control = null_mut();
        headers[at].msg_hdr.msg_controllen = 0;
    }

    /// Makes a place's datagram, which has an address, leave from `ip`; the socket must be open on
    /// all addresses.
    pub fn leave_from(&mut self, at: usize, ip: Ipv4Addr) {
        let Inner { sources, headers, .. } = &mut *self.0;
        let from = libc::in_addr { s_addr: u32::from(ip).to_be() };
        sources[at] = Source {
            header: libc::cmsghdr {
                cmsg_len: size_of::<libc::cmsghdr>() + size_of::<libc::in_pktinfo>(),
                cmsg_level: libc::IPPROTO_IP,
                cmsg_type: libc::IP_PKTINFO,
            },
            info: libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: from, ipi_addr: from },
        };
        headers[at].msg_hdr.msg_control = from_mut(&mut sources[at]).cast();
        headers[at].msg_hdr.msg_controllen = size_of::<Source>();
    }

    /// Sends the first `count` datagrams, all addressed alike and of one length, in one trip down
    /// the stack (UDP_SEGMENT): they arrive as `count` datagrams. What the kernel cannot take now
    /// is lost, as on any wire.
    ///
    /// # Errors
    /// Those of the kernel, except that it must wait.
    pub fn send_train(&mut self, socket: &UdpSocket, count: usize) -> Result<()> {
        if count < 2 {
            return self.send(socket, count);
        }
        let Inner { parts, headers, .. } = &mut *self.0;
        let mut cut = Cut {
            header: libc::cmsghdr {
                cmsg_len: std::mem::offset_of!(Cut, length) + size_of::<u16>(),
                cmsg_level: libc::SOL_UDP,
                cmsg_type: libc::UDP_SEGMENT,
            },
            length: parts[0].iov_len as u16,
        };
        let mut train = headers[0].msg_hdr;
        train.msg_iov = parts.as_mut_ptr();
        train.msg_iovlen = count;
        train.msg_control = from_mut(&mut cut).cast();
        train.msg_controllen = size_of::<Cut>();
        // SAFETY: `count` parts and the first name, filled by `address`, and `cut`, which outlives
        // the call.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const train, 0) };
        if sent < 0 { excuse(Error::last_os_error()) } else { Ok(()) }
    }

    /// Sends the first `count` datagrams, each to where it was addressed. One that the kernel
    /// cannot take now is lost, as on any wire.
    ///
    /// # Errors
    /// Those of the kernel, except that it must wait.
    pub fn send(&mut self, socket: &UdpSocket, count: usize) -> Result<()> {
        let mut sent = 0;
        while sent < count {
            let rest = &mut self.0.headers[sent..count];
            // SAFETY: as in `receive`; names and parts were filled by `address`.
            let now = unsafe {
                libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, 0)
            };
            match usize::try_from(now) {
                Ok(now) => sent += now,
                Err(_) => excuse(Error::last_os_error()).map(|()| sent += 1)?,
            }
        }
        Ok(())
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens a socket with large buffers that never makes its caller wait.
///
/// # Errors
/// When the address is taken or not ours.
pub fn open(address: SocketAddrV4) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        let size = size_of::<libc::c_int>() as u32;
        let value = from_ref(&SOCKET_BUFFER).cast();
        // SAFETY: `value` points at an int of that size.
        let done =
            unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, size) };
        if done != 0 {
            return Err(Error::last_os_error());
        }
    }
    Ok(socket)
}

/// Waits until a socket is readable.
pub struct Poll(OwnedFd);

impl Poll {
    /// A poll of one socket.
    ///
    /// # Errors
    /// When the kernel has no room for one.
    pub fn of(socket: &UdpSocket) -> Result<Self> {
        // SAFETY: no pointer is passed.
        let poll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if poll < 0 {
            return Err(Error::last_os_error());
        }
        // SAFETY: the descriptor was opened just now and belongs to nobody else.
        let poll = unsafe { OwnedFd::from_raw_fd(poll) };
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        let watched = socket.as_raw_fd();
        // SAFETY: both descriptors are open, and `event` outlives the call.
        let done = unsafe {
            libc::epoll_ctl(poll.as_raw_fd(), libc::EPOLL_CTL_ADD, watched, &raw mut event)
        };
        if done == 0 { Ok(Self(poll)) } else { Err(Error::last_os_error()) }
    }

    /// Waits.
    ///
    /// # Errors
    /// Those of the kernel, except that it was interrupted.
    pub fn wait(&self) -> Result<()> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: room for one event is given and one is asked for.
        let ready = unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, -1) };
        if ready < 0 { excuse(Error::last_os_error()) } else { Ok(()) }
    }
}

/// Passes over what only says "wait", or that a peer refused an earlier datagram.
fn excuse(error: Error) -> Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionRefused => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn local() -> (UdpSocket, Address) {
        let socket = open(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let SocketAddr::V4(address) = socket.local_addr().expect("an address") else {
            panic!("bound to IPv4");
        };
        (socket, address.into())
    }

    #[test]
    fn a_batch_goes_to_several_and_comes_back_whole() {
        let ((one, to_one), (other, to_other)) = (local(), local());
        let mut batch = Batch::new();
        for at in 0..BATCH {
            batch.slot(at)[..900].fill(at as u8);
            batch.address(at, 900 + at, if at % 2 == 0 { to_one } else { to_other });
        }
        batch.send(&one, BATCH).expect("sent");
        let mut received = Batch::new();
        assert_eq!(received.receive(&one).expect("received"), BATCH / 2);
        assert_eq!(received.length(3), 906);
        assert_eq!(received.datagram(3)[..900], [6; 900]);
        assert_eq!(received.receive(&one).expect("nothing"), 0);
        assert_eq!(received.receive(&other).expect("received"), BATCH / 2);
        assert_eq!(received.datagram(0)[..900], [1; 900]);
    }

    #[test]
    fn a_train_arrives_as_datagrams() {
        let ((one, to), (from, _)) = (local(), local());
        let mut batch = Batch::new();
        for at in 0..BATCH {
            batch.slot(at)[..900].fill(at as u8);
            batch.address(at, 900, to);
        }
        batch.send_train(&from, BATCH).expect("sent");
        let mut received = Batch::new();
        assert_eq!(received.receive(&one).expect("received"), BATCH);
        assert!((0..BATCH).all(|at| *received.datagram(at) == [at as u8; 900]));
    }

    #[test]
    fn a_datagram_leaves_from_the_address_it_was_given() {
        let (to, address) = local();
        let from = open(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
        let mut batch = Batch::new();
        for at in 0..2 {
            batch.address(at, 4, address);
            batch.leave_from(at, Ipv4Addr::new(127, 100, 101, 102 + at as u8));
        }
        batch.send(&from, 2).expect("sent");
        let mut bytes = [0; 16];
        for last in [102, 103] {
            let (length, peer) = to.recv_from(&mut bytes).expect("received");
            assert_eq!((length, peer.ip()), (4, Ipv4Addr::new(127, 100, 101, last).into()));
        }
    }

    #[test]
    fn a_poll_sees_what_arrived() {
        let (socket, to) = local();
        let poll = Poll::of(&socket).expect("a poll");
        let mut batch = Batch::new();
        batch.address(0, 1, to);
        batch.send(&socket, 1).expect("sent");
        poll.wait().expect("ready");
        assert_eq!(batch.receive(&socket).expect("received"), 1);
    }
}
