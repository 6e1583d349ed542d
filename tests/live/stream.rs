//! SIP endpoints of the tests' own over TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::sip::reply;
use crate::support::PATIENCE;

/// One end of a connection.
pub struct Line {
    stream: TcpStream,
    /// What has come and nobody has taken.
    input: Vec<u8>,
}

impl Line {
    pub fn to(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    /// The next connection to a listener.
    pub fn from(listener: &TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            match listener.accept() {
                Ok((stream, _)) => return Self::of(stream),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            assert!(Instant::now() < end, "nobody connects");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_nonblocking(false).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, input: Vec::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub fn peer(&self) -> SocketAddr {
        self.stream.peer_addr().unwrap()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends, also when the other side may have closed already.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next message; Content-Length is believed.
    pub fn receive(&mut self) -> String {
        loop {
            if let Some(message) = self.take() {
                return message;
            }
            assert!(self.read() > 0, "closed behind {:?}", self.input.escape_ascii().to_string());
        }
    }

    /// Receives a request and answers it; the request.
    pub fn answer(&mut self, status: &str) -> String {
        let request = self.receive();
        self.send(reply(&request, status));
        request
    }

    /// The next `count` bytes, whatever they are.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count {
            assert!(self.read() > 0, "closed");
        }
        self.input.drain(..count).collect()
    }

    /// Waits until the other side closes; what it sent before.
    pub fn closed(mut self) -> Vec<u8> {
        while self.read() > 0 {}
        self.input
    }

    /// Whether nothing comes for so long.
    pub fn is_silent(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        let silent = self.stream.peek(&mut byte).is_err();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        silent && self.input.is_empty()
    }

    /// Reads once; 0: it is closed.
    fn read(&mut self) -> usize {
        let mut bytes = [0; 65_536];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.input.extend_from_slice(&bytes[..count]);
                count
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            // The whole process was stopped for a while.
            Err(error) if error.kind() == ErrorKind::Interrupted => self.read(),
            Err(error) => panic!("nothing comes: {error}"),
        }
    }

    fn take(&mut self) -> Option<String> {
        let head = self.input.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&self.input[..head]).into_owned();
        let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let body: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if self.input.len() < head + body {
            return None;
        }
        let whole: Vec<u8> = self.input.drain(..head + body).collect();
        Some(String::from_utf8_lossy(&whole).into_owned())
    }
}

/// A listener on a free port.
pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}
