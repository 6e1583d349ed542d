//! The error queue of a UDP socket: what ICMP says of datagrams that were sent, each error with the
//! beginning of the datagram that it is about.
//!
//! Asked only when the poll has told of an error, so that datagrams pay nothing for it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use libc::{c_int, cmsghdr, iovec, msghdr, sock_extended_err};

use super::name::{NAME_LEN, Name};
use crate::limits::QUOTE_BYTES;

/// Room for the control messages of one error: itself with the address of who sent it.
const CONTROL_WORDS: usize = 32;

/// The beginning of a datagram, and where it was to go.
pub(crate) type Quote<'a> = (&'a [u8], Option<SocketAddr>);

/// Reads error queues.
pub(crate) struct Errors {
    quote: [u8; QUOTE_BYTES],
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { quote: [0; QUOTE_BYTES] }
    }

    /// The next error of a socket: the beginning of a datagram that has not arrived, and where it
    /// was to go. `None`: the error says something else.
    ///
    /// # Errors
    /// What the system said; `WouldBlock` when the queue is empty.
    pub(crate) fn take(&mut self, fd: BorrowedFd<'_>) -> io::Result<Option<Quote<'_>>> {
        let mut control = [0u64; CONTROL_WORDS];
        let mut piece =
            iovec { iov_base: self.quote.as_mut_ptr().cast(), iov_len: self.quote.len() };
        // SAFETY: a C structure of integers and pointers, for which zero bytes are a value.
        let mut header: msghdr = unsafe { std::mem::zeroed() };
        let mut name = Name::empty();
        header.msg_name = (&raw mut name).cast();
        header.msg_namelen = NAME_LEN;
        header.msg_iov = &raw mut piece;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control) as _;
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the header points at a name, one piece and control words, all alive and ours
        // alone; the kernel writes within their lengths.
        let len = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
        let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
        let lost = error_of(&header).is_some_and(|error| {
            // Too large for the path: the kernel cuts the next one.
            error.ee_errno != 0 && error.ee_errno != libc::EMSGSIZE as u32
        });
        Ok(self.quote.get(..len).filter(|_| lost).map(|quote| (quote, name.get())))
    }
}

/// The error of a message from the queue.
fn error_of(header: &msghdr) -> Option<sock_extended_err> {
    // SAFETY: the header and its control words are as the kernel left them; CMSG_FIRSTHDR and
    // CMSG_NXTHDR stay within `msg_controllen`.
    let mut control: *const cmsghdr = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !control.is_null() {
        // SAFETY: not null, so it points at a whole control header, aligned as the words are.
        let cmsghdr { cmsg_level, cmsg_type, cmsg_len, .. } = unsafe { *control };
        let is_error = matches!(
            (cmsg_level, cmsg_type),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        );
        // SAFETY: only computes a length.
        let whole = unsafe { libc::CMSG_LEN(size_of::<sock_extended_err>() as u32) };
        if is_error && cmsg_len >= whole as _ {
            // SAFETY: the control message is long enough for it; any bits are a value of these
            // integers.
            return Some(unsafe { libc::CMSG_DATA(control).cast::<sock_extended_err>().read() });
        }
        // SAFETY: as for CMSG_FIRSTHDR.
        control = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
    None
}

/// Has the kernel keep errors of a socket for [`Errors::take`].
///
/// # Errors
/// What the system said.
pub(super) fn keep(fd: RawFd, is_ipv6: bool) -> io::Result<()> {
    let (level, option) = match is_ipv6 {
        true => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
        false => (libc::IPPROTO_IP, libc::IP_RECVERR),
    };
    let on: c_int = 1;
    let len = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes of `on`.
    let result = unsafe { libc::setsockopt(fd, level, option, (&raw const on).cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_closed_port_gives_back_what_was_sent_to_it() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(any).unwrap();
            keep(socket.as_raw_fd(), socket.local_addr().unwrap().is_ipv6()).unwrap();
            let nobody = UdpSocket::bind(any).unwrap().local_addr().unwrap();
            let mut errors = Errors::new();
            let empty = errors.take(socket.as_fd()).unwrap_err();
            assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
            let long = [b'x'; 3_000];
            for sent in [&b"hello"[..], &long] {
                socket.send_to(sent, nobody).unwrap();
                let (quote, to) = errors.take(socket.as_fd()).unwrap().unwrap();
                assert_eq!(to, Some(nobody));
                assert!(sent.starts_with(quote) && quote.len() >= sent.len().min(500), "{any}");
            }
            assert!(errors.take(socket.as_fd()).is_err());
        }
    }
}
