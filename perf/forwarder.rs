//! The reference forwarder: what a proxy on this kernel costs when it does no SIP at all.
//!
//! Takes datagrams on one socket and sends each one's unchanged bytes to one of several
//! destinations in turn: recvmmsg and sendmmsg with batches of 64, no copy, epoll. `reference.c`
//! is the same in C; its time a message must be reached within 5 %. It never looks into a message.

use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddrV4, UdpSocket};

use crate::batch::{Address, BATCH, Batch, Poll, open};

/// One socket, its buffers and its destinations.
pub struct Forwarder {
    socket: UdpSocket,
    poll: Poll,
    destinations: Vec<Address>,
    next: usize,
    batch: Batch,
}

impl Forwarder {
    /// Listens on `listen` and sends to `destinations` in turn; there must be one at least.
    ///
    /// # Errors
    /// When the socket cannot be opened, or no destination is given.
    pub fn open(listen: SocketAddrV4, destinations: &[SocketAddrV4]) -> Result<Self> {
        if destinations.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "no destination"));
        }
        let socket = open(listen)?;
        let poll = Poll::of(&socket)?;
        let destinations = destinations.iter().map(|address| (*address).into()).collect();
        Ok(Self { socket, poll, destinations, next: 0, batch: Batch::new() })
    }

    /// Forwards until the process ends.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than that it has to wait.
    pub fn run(&mut self) -> Result<()> {
        loop {
            let received = self.turn()?;
            // A short batch means that the queue is empty: no call only to be told so.
            if received < BATCH {
                self.poll.wait()?;
            }
        }
    }

    /// Forwards one batch and says how many it held.
    fn turn(&mut self) -> Result<usize> {
        let received = self.batch.receive(&self.socket)?;
        for at in 0..received {
            self.batch.address(at, self.batch.length(at), self.destinations[self.next]);
            self.next = (self.next + 1) % self.destinations.len();
        }
        self.batch.send(&self.socket, received)?;
        Ok(received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};

    fn local() -> (UdpSocket, SocketAddrV4) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let SocketAddr::V4(address) = socket.local_addr().expect("an address") else {
            panic!("bound to IPv4");
        };
        (socket, address)
    }

    #[test]
    fn bytes_go_unchanged_to_each_in_turn() {
        let sinks = [local(), local()];
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let mut forwarder = Forwarder::open(any, &[sinks[0].1, sinks[1].1]).expect("a forwarder");
        let (source, _) = local();
        let to = forwarder.socket.local_addr().expect("an address");
        for text in ["a", "bb", "ccc", "dddd"] {
            source.send_to(text.as_bytes(), to).expect("sent");
        }
        assert_eq!(forwarder.turn().expect("a turn"), 4);
        for ((sink, _), texts) in sinks.iter().zip([["a", "ccc"], ["bb", "dddd"]]) {
            for text in texts {
                let mut bytes = [0; 16];
                let length = sink.recv(&mut bytes).expect("received");
                assert_eq!(&bytes[..length], text.as_bytes());
            }
        }
    }

    #[test]
    fn it_needs_a_destination() {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        assert!(Forwarder::open(any, &[]).is_err());
    }
}
