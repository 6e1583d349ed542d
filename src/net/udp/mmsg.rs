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
//! Datagrams that can travel together go as trains ([`super::train`]): one message of several
//! pieces that the kernel cuts again. A train that is refused - its datagrams do not fit the
//! network's packets, or the device cannot - is sent again one by one, and trains pause.
//!
//! One datagram goes by `sendto`, which costs less than `sendmmsg` of one. `sendmmsg` stops at the
//! first message that fails and says how many went; the error shows when that one is tried
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

use libc::{cmsghdr, iovec, mmsghdr};
use sluice_base::{Datagram, SocketId};

use super::memory::Fixed;
use super::name::{NAME_LEN, Name};
use super::train::{Coupler, Parcel};
use crate::limits::{BATCH, SLOT_BYTES, SPILL_BYTES, TRAIN_PAUSE};

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
    /// Their bytes.
    pub(crate) lost: Vec<Range<u32>>,
}

/// Sends batches.
pub(crate) struct Transmitter {
    frames: Frames,
    coupler: Coupler,
    /// Batches still to be sent without trains.
    pause: u32,
}

impl Transmitter {
    pub(crate) fn new() -> Self {
        Self { frames: Frames::new(1), coupler: Coupler::new(), pause: 0 }
    }

    /// Sends `batch`, ranges of `bytes`, until all is settled or the socket would block. Datagrams
    /// to one destination keep their order; otherwise `batch` is put in the order of sending.
    pub(crate) fn send(&mut self, fd: BorrowedFd<'_>, bytes: &[u8], batch: &mut [Parcel]) -> Sent {
        self.send_by(|headers| send_headers(fd, headers), bytes, batch)
    }

    /// As [`send`](Self::send), but in the order of the batch, without trains.
    pub(crate) fn send_in_order(
        &mut self,
        fd: BorrowedFd<'_>,
        bytes: &[u8],
        batch: &[Parcel],
    ) -> Sent {
        let mut sent = Sent::default();
        for part in batch.chunks(BATCH) {
            let before = sent.settled;
            self.send_singly(
                &mut |headers: &mut [_]| send_headers(fd, headers),
                bytes,
                part,
                &mut sent,
            );
            if sent.settled - before < part.len() {
                break;
            }
        }
        sent
    }

    /// As [`send`](Self::send), by a system call of the caller's choice: it sends messages from
    /// the front and says how many went, or why the first did not.
    fn send_by(
        &mut self,
        mut system: impl FnMut(&mut [mmsghdr]) -> io::Result<usize>,
        bytes: &[u8],
        batch: &mut [Parcel],
    ) -> Sent {
        let mut sent = Sent::default();
        for part in batch.chunks_mut(BATCH) {
            let before = sent.settled;
            if self.pause == 0 {
                let trains = self.coupler.couple(part);
                let refused = self.frames.send(&mut system, bytes, part, trains, &mut sent);
                self.pause = if refused { TRAIN_PAUSE } else { 0 };
            } else {
                self.pause -= 1;
            }
            let rest = &part[sent.settled - before..];
            if self.pause > 0 {
                self.send_singly(&mut system, bytes, rest, &mut sent);
            }
            if sent.settled - before < part.len() {
                break;
            }
        }
        sent
    }

    fn send_singly(
        &mut self,
        system: &mut impl FnMut(&mut [mmsghdr]) -> io::Result<usize>,
        bytes: &[u8],
        part: &[Parcel],
        sent: &mut Sent,
    ) {
        let singles = self.coupler.singles(part.len());
        self.frames.send(system, bytes, part, singles, sent);
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
    if let [mmsghdr { msg_hdr: one, .. }] = headers
        && one.msg_iovlen == 1
    {
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

/// Tells the kernel to cut a message into datagrams of this size.
#[derive(Clone, Copy)]
#[repr(C)]
struct Cut {
    header: cmsghdr,
    size: u16,
}

/// The structures of one system call, made once: headers that point at names and pieces.
struct Frames {
    headers: Fixed<mmsghdr>,
    names: Fixed<Name>,
    pieces: Fixed<iovec>,
    cuts: Fixed<Cut>,
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
        let len = (std::mem::offset_of!(Cut, size) + size_of::<u16>()) as _;
        let kind = (libc::SOL_UDP, libc::UDP_SEGMENT);
        let header = cmsghdr { cmsg_len: len, cmsg_level: kind.0, cmsg_type: kind.1 };
        let cuts = Fixed::new(vec![Cut { header, size: 0 }; BATCH]);
        Self { headers, names, pieces, cuts }
    }

    /// Sends datagrams of `bytes` that lie in the order of their `trains`, until all is settled or
    /// the socket would block. True: a train was refused, and the rest is unsettled.
    fn send(
        &mut self,
        system: &mut impl FnMut(&mut [mmsghdr]) -> io::Result<usize>,
        bytes: &[u8],
        part: &[Parcel],
        trains: &[usize],
        sent: &mut Sent,
    ) -> bool {
        let headers = self.fill(bytes, part, trains);
        let (mut at, mut datagram) = (0, 0);
        let mut repeated = false;
        while at < trains.len() {
            match system(&mut headers[at..]) {
                Ok(went) => {
                    let settled: usize = trains[at..at + went].iter().sum();
                    at += went;
                    datagram += settled;
                    sent.settled += settled;
                    repeated = false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if is_asynchronous(&error) && !repeated => repeated = true,
                Err(_) if trains[at] > 1 => return true,
                Err(error) => {
                    sent.failure = Some(SendFailure { to: part[datagram].0, error });
                    sent.lost.push(part[datagram].1.clone());
                    at += 1;
                    datagram += 1;
                    sent.settled += 1;
                    sent.failed += 1;
                    repeated = false;
                }
            }
        }
        false
    }

    /// Points a header at each train.
    fn fill(&mut self, bytes: &[u8], part: &[Parcel], trains: &[usize]) -> &mut [mmsghdr] {
        let names = self.names.as_mut_slice();
        let pieces = self.pieces.as_mut_slice();
        for (piece, (_, range)) in pieces.iter_mut().zip(part) {
            let data = bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
            // The kernel only reads what it sends.
            piece.iov_base = data.as_ptr().cast_mut().cast();
            piece.iov_len = data.len();
        }
        let headers = &mut self.headers.as_mut_slice()[..trains.len()];
        let mut first = 0;
        for (n, (header, datagrams)) in headers.iter_mut().zip(trains).enumerate() {
            let header = &mut header.msg_hdr;
            header.msg_namelen = names[n].set(part[first].0);
            header.msg_iov = self.pieces.at(first);
            header.msg_iovlen = *datagrams as _;
            header.msg_control = std::ptr::null_mut();
            header.msg_controllen = 0;
            if *datagrams > 1 {
                let size = part[first].1.len() as u16;
                self.cuts.as_mut_slice()[n].size = size;
                header.msg_control = self.cuts.at(n).cast();
                header.msg_controllen = size_of::<Cut>() as _;
            }
            first += datagrams;
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::os::fd::AsFd;

    use super::*;

    fn batch(count: u32) -> Vec<Parcel> {
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
            &mut batch(70),
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
        assert!(sent.lost.into_iter().flatten().eq([3]));
    }

    #[test]
    fn an_own_error_fails_that_datagram_only() {
        let (went, sent) = send(&[Err(libc::EMSGSIZE), Ok(1), Err(libc::EPERM)]);
        assert!(went.into_iter().eq((0..70).filter(|n| *n != 0 && *n != 2)));
        assert_eq!((sent.settled, sent.failed), (70, 2));
    }

    /// Sends 64 two-byte datagrams to each of two peers, alternating, by a real socket.
    fn send_pairs(transmitter: &mut Transmitter, sizes: impl Fn(u32) -> u32) -> [Vec<Vec<u8>>; 2] {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let peers = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let bytes: Vec<u8> = (0..=255).cycle().take(40_000).collect();
        let mut batch: Vec<Parcel> = (0..64)
            .map(|n| {
                let to = peers[n as usize % 2].local_addr().unwrap();
                (to, n * 3..n * 3 + sizes(n))
            })
            .collect();
        let sent = transmitter.send(socket.as_fd(), &bytes, &mut batch);
        assert_eq!((sent.settled, sent.failed), (64, 0));
        peers.map(|peer| {
            let mut buffer = [0; 65_535];
            (0..32)
                .map(|_| peer.recv(&mut buffer).map(|len| buffer[..len].to_vec()).unwrap())
                .collect()
        })
    }

    #[test]
    fn trains_arrive_as_the_datagrams_that_they_were() {
        for (at, received) in
            send_pairs(&mut Transmitter::new(), |n| 2 + n % 5 / 4).into_iter().enumerate()
        {
            for (n, datagram) in received.into_iter().enumerate() {
                let number = (2 * n + at) as u32;
                let begin = (number * 3) as u8;
                let expected: Vec<u8> =
                    (0..2 + number % 5 / 4).map(|byte| begin.wrapping_add(byte as u8)).collect();
                assert_eq!(datagram, expected);
            }
        }
    }

    #[test]
    fn a_refused_train_goes_datagram_by_datagram_and_trains_pause() {
        let bytes = [7; 8];
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut transmitter = Transmitter::new();
        let mut lengths = Vec::new();
        for _ in 0..2 {
            let mut batch: Vec<Parcel> = (0..4).map(|n| (to, 2 * n..2 * n + 2)).collect();
            let sent = transmitter.send_by(
                |headers| {
                    let pieces = headers[0].msg_hdr.msg_iovlen;
                    lengths.push(pieces);
                    if pieces > 1 { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(1) }
                },
                &bytes,
                &mut batch,
            );
            assert_eq!((sent.settled, sent.failed), (4, 0));
        }
        assert_eq!(lengths, [4, 1, 1, 1, 1, 1, 1, 1, 1]);
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
        let mut to = [(peer.local_addr().unwrap(), 0..5)];
        let sent = Transmitter::new().send(socket.as_fd(), b"hello", &mut to);
        assert_eq!((sent.settled, sent.failed), (1, 0));
        let mut bytes = [0; 9];
        assert_eq!(peer.recv(&mut bytes).unwrap(), 5);
    }
}
