//! Batches of datagrams in one system call: `recvmmsg` and `sendmmsg`.
//!
//! [`Receiver`] takes a socket and gives `(region, datagrams)`; [`Transmitter`] takes bytes with
//! their targets and a socket, and says how many it settled. Nothing is allocated after `new`,
//! nothing waits. Polling, and what to do with the unsettled, is the driver's.
//!
//! # Receiving
//!
//! The region is 64 dense slots of 2 KiB, then 64 spill slots of 64 KiB. Each message of a batch
//! has two pieces for the kernel to fill: slot `n`, then spill slot `n` from its 2 KiB on.
//!
//! ```text
//!   | slot 0 | slot 1 | ... | slot 63 | 2 KiB free, spill 0 | 2 KiB free, spill 1 | ...
//! ```
//!
//! A datagram of up to 2 KiB lies in its dense slot, so a batch of common ones touches 128 KiB
//! that stay in the cache. The rest of a longer one lies in the spill; its head is copied into the
//! free 2 KiB before it, and it is contiguous too. All pages are touched at the start.
//!
//! A short batch means that the socket is empty: the kernel stops filling at the first datagram
//! that is not there. Nobody calls again to hear EAGAIN; a datagram that arrives later makes a new
//! readiness event.
//!
//! # Sending
//!
//! One datagram goes by `sendto`, which costs less than `sendmmsg` of one. `sendmmsg` stops at the
//! first datagram that fails and says how many went; the error shows when that one is tried
//! alone. Then:
//!
//! * EAGAIN is a state, not an error: the send buffer is full. The rest is unsettled.
//! * An error that may be an ICMP answer to an earlier packet, to another peer, is delivered once
//!   to whoever sends next. So that send is repeated once.
//! * Any other error, or the same again: this datagram failed, is counted, and the next is tried.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{iovec, mmsghdr};
use sluice_base::{Datagram, SocketId};

use super::memory::Fixed;
use super::name::{NAME_LEN, Name};
use crate::limits::{BATCH, SLOT_BYTES, SPILL_BYTES};

/// Receives batches into its region.
pub(crate) struct Receiver {
    region: Fixed<u8>,
    frames: Frames,
    /// Messages of the last batch, whose headers the kernel changed.
    used: usize,
    datagrams: Vec<Datagram>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        // Ones, not zeros: zeros would be pages that do not exist until they are written.
        let region = Fixed::new(vec![1; BATCH * (SLOT_BYTES + SPILL_BYTES)]);
        let mut frames = Frames::new(2);
        for n in 0..BATCH {
            let slot = iovec { iov_base: region.at(slot_at(n)).cast(), iov_len: SLOT_BYTES };
            let rest = region.at(spill_at(n) + SLOT_BYTES).cast();
            let spill = iovec { iov_base: rest, iov_len: SPILL_BYTES - SLOT_BYTES };
            frames.pieces.as_mut_slice()[2 * n..2 * n + 2].copy_from_slice(&[slot, spill]);
        }
        Self { region, frames, used: BATCH, datagrams: Vec::with_capacity(BATCH) }
    }

    /// Receives up to [`BATCH`] datagrams; fewer mean that the socket is empty.
    ///
    /// # Errors
    /// What the system said, `WouldBlock` included.
    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>, socket: SocketId) -> io::Result<usize> {
        self.datagrams.clear();
        for header in &mut self.frames.headers.as_mut_slice()[..self.used] {
            header.msg_hdr.msg_namelen = NAME_LEN;
        }
        self.used = 0;
        let (headers, flags) = (self.frames.headers.at(0), libc::MSG_DONTWAIT);
        let no_timeout = std::ptr::null_mut();
        // SAFETY: BATCH headers whose names and pieces point into slices that live as long as
        // `self`; no reference to any of them exists, since we hold `&mut self`.
        let received = unsafe {
            libc::recvmmsg(fd.as_raw_fd(), headers, BATCH as u32, flags as _, no_timeout)
        };
        self.used = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for n in 0..self.used {
            self.describe(n, socket);
        }
        Ok(self.used)
    }

    /// The last batch.
    pub(crate) fn batch(&self) -> (&[u8], &[Datagram]) {
        (self.region.as_slice(), &self.datagrams)
    }

    fn describe(&mut self, n: usize, socket: SocketId) {
        let len = self.frames.headers.as_slice()[n].msg_len as usize;
        let Some(peer) = self.frames.names.as_slice()[n].get() else { return };
        let mut offset = slot_at(n);
        if len > SLOT_BYTES {
            let head = offset..offset + SLOT_BYTES;
            offset = spill_at(n);
            self.region.as_mut_slice().copy_within(head, offset);
        }
        self.datagrams.push(Datagram { socket, peer, offset: offset as u32, len: len as u16 });
    }
}

const fn slot_at(n: usize) -> usize {
    n * SLOT_BYTES
}

const fn spill_at(n: usize) -> usize {
    BATCH * SLOT_BYTES + n * SPILL_BYTES
}

/// A send that failed.
#[derive(Debug)]
pub struct SendFailure {
    /// To whom.
    pub to: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Datagrams from the front of the batch that went or failed. The rest would block.
    pub(crate) settled: usize,
    /// How many of them failed.
    pub(crate) failed: usize,
    /// The last of these.
    pub(crate) failure: Option<SendFailure>,
}

/// Sends batches.
pub(crate) struct Transmitter {
    frames: Frames,
}

impl Transmitter {
    pub(crate) fn new() -> Self {
        Self { frames: Frames::new(1) }
    }

    /// Sends `batch`, ranges of `bytes`, in order, until all is settled or the socket would block.
    pub(crate) fn send(
        &mut self,
        fd: BorrowedFd<'_>,
        bytes: &[u8],
        batch: &[(SocketAddr, Range<u32>)],
    ) -> Sent {
        self.send_by(|headers| send_headers(fd, headers), bytes, batch)
    }

    /// As [`send`](Self::send), by a system call of the caller's choice: it sends datagrams from
    /// the front and says how many went, or why the first did not.
    fn send_by(
        &mut self,
        mut system: impl FnMut(&mut [mmsghdr]) -> io::Result<usize>,
        bytes: &[u8],
        batch: &[(SocketAddr, Range<u32>)],
    ) -> Sent {
        let mut sent = Sent::default();
        let mut repeated = false;
        for part in batch.chunks(BATCH) {
            let headers = self.frames.fill(bytes, part);
            let mut at = 0;
            while at < part.len() {
                match system(&mut headers[at..]) {
                    Ok(went) => {
                        at += went;
                        sent.settled += went;
                        repeated = false;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return sent,
                    Err(error) if is_asynchronous(&error) && !repeated => repeated = true,
                    Err(error) => {
                        sent.failure = Some(SendFailure { to: part[at].0, error });
                        at += 1;
                        sent.settled += 1;
                        sent.failed += 1;
                        repeated = false;
                    }
                }
            }
        }
        sent
    }
}

/// Whether the error may be the answer to an earlier packet on the same socket.
pub(crate) fn is_asynchronous(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EHOSTDOWN)
    )
}

fn send_headers(fd: BorrowedFd<'_>, headers: &mut [mmsghdr]) -> io::Result<usize> {
    let (fd, flags) = (fd.as_raw_fd(), libc::MSG_DONTWAIT);
    if let [mmsghdr { msg_hdr: one, .. }] = headers {
        // SAFETY: fill() pointed the header at one piece, borrowed from the caller of send(), and
        // at a name of ours.
        let result = unsafe {
            let iovec { iov_base, iov_len } = *one.msg_iov;
            libc::sendto(fd, iov_base, iov_len, flags, one.msg_name.cast(), one.msg_namelen)
        };
        return usize::try_from(result).map(|_| 1).map_err(|_| io::Error::last_os_error());
    }
    // SAFETY: as above, for each header; the kernel reads the pieces and writes only `msg_len`.
    let result =
        unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), headers.len() as u32, flags as _) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The structures of one system call, made once: headers that point at names and pieces.
struct Frames {
    headers: Fixed<mmsghdr>,
    names: Fixed<Name>,
    pieces: Fixed<iovec>,
}

impl Frames {
    /// For messages of so many pieces, which point nowhere yet.
    fn new(pieces_each: usize) -> Self {
        let names = Fixed::new(vec![Name::empty(); BATCH]);
        let nowhere = iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let pieces = Fixed::new(vec![nowhere; BATCH * pieces_each]);
        let header = |n| {
            // SAFETY: a C structure of integers and pointers, for which zero bytes are a value.
            let mut header: mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_name = names.at(n).cast();
            header.msg_hdr.msg_namelen = NAME_LEN;
            header.msg_hdr.msg_iov = pieces.at(n * pieces_each);
            header.msg_hdr.msg_iovlen = pieces_each as _;
            header
        };
        let headers = Fixed::new((0..BATCH).map(header).collect());
        Self { headers, names, pieces }
    }

    /// Points the headers, of one piece each, at up to [`BATCH`] datagrams of `bytes`.
    fn fill(&mut self, bytes: &[u8], part: &[(SocketAddr, Range<u32>)]) -> &mut [mmsghdr] {
        let headers = self.headers.as_mut_slice();
        let names = self.names.as_mut_slice();
        let pieces = self.pieces.as_mut_slice();
        let frames = headers.iter_mut().zip(names).zip(pieces);
        for (((header, name), piece), (to, range)) in frames.zip(part) {
            let data = bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
            // The kernel only reads what it sends.
            piece.iov_base = data.as_ptr().cast_mut().cast();
            piece.iov_len = data.len();
            header.msg_hdr.msg_namelen = name.set(*to);
        }
        &mut headers[..part.len()]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::os::fd::AsFd;

    use super::*;

    fn batch(count: u32) -> Vec<(SocketAddr, Range<u32>)> {
        (0..count).map(|n| (([127, 0, 0, 1], n as u16 + 1).into(), n..n + 1)).collect()
    }

    /// Sends 70 one-byte datagrams by a kernel that answers as told, then takes all. Gives the
    /// bytes in the order in which they went.
    fn send(answers: &[Result<usize, i32>]) -> (Vec<u8>, Sent) {
        let bytes: Vec<u8> = (0..70).collect();
        let mut answers = VecDeque::from(answers.to_vec());
        let mut went = Vec::new();
        let sent = Transmitter::new().send_by(
            |headers| {
                let count = match answers.pop_front() {
                    Some(Ok(count)) => count.min(headers.len()),
                    Some(Err(code)) => return Err(io::Error::from_raw_os_error(code)),
                    None => headers.len(),
                };
                for header in &headers[..count] {
                    // SAFETY: fill() pointed it at one byte of `bytes`.
                    went.push(unsafe { *(*header.msg_hdr.msg_iov).iov_base.cast::<u8>() });
                }
                Ok(count)
            },
            &bytes,
            &batch(70),
        );
        (went, sent)
    }

    #[test]
    fn a_partial_send_goes_on_where_it_stopped() {
        let (went, sent) = send(&[Ok(3), Ok(1)]);
        assert!(went.into_iter().eq(0..70));
        assert_eq!((sent.settled, sent.failed), (70, 0));
    }

    #[test]
    fn a_full_buffer_leaves_the_rest_unsettled() {
        let (went, sent) = send(&[Ok(64), Ok(2), Err(libc::EAGAIN)]);
        assert!(went.into_iter().eq(0..66));
        assert_eq!((sent.settled, sent.failed), (66, 0));
    }

    #[test]
    fn anothers_error_is_repeated_once() {
        let (went, sent) = send(&[Ok(3), Err(libc::ECONNREFUSED)]);
        assert!(went.into_iter().eq(0..70));
        assert_eq!((sent.settled, sent.failed), (70, 0));

        let refused = Err(libc::ECONNREFUSED);
        let (went, sent) = send(&[Ok(3), refused, refused, refused]);
        assert!(went.into_iter().eq((0..70).filter(|n| *n != 3)));
        assert_eq!((sent.settled, sent.failed), (70, 1));
        assert_eq!(sent.failure.unwrap().to.port(), 4);
    }

    #[test]
    fn an_own_error_fails_that_datagram_only() {
        let (went, sent) = send(&[Err(libc::EMSGSIZE), Ok(1), Err(libc::EPERM)]);
        assert!(went.into_iter().eq((0..70).filter(|n| *n != 0 && *n != 2)));
        assert_eq!((sent.settled, sent.failed), (70, 2));
    }

    #[test]
    fn an_error_that_the_kernel_kept_from_an_earlier_packet_costs_nothing() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let on = 1i32;
        let (level, option) = (libc::IPPROTO_IP, libc::IP_RECVERR);
        // SAFETY: the kernel reads four bytes of `on`.
        let set = unsafe {
            libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), 4)
        };
        assert_eq!(set, 0);
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"refused", nobody).unwrap();
        let to = [(peer.local_addr().unwrap(), 0..5)];
        let sent = Transmitter::new().send(socket.as_fd(), b"hello", &to);
        assert_eq!((sent.settled, sent.failed), (1, 0));
        let mut bytes = [0; 9];
        assert_eq!(peer.recv(&mut bytes).unwrap(), 5);
    }
}
