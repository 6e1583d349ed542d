//! What is to be located: the host of a URI, with the port and transport that it names (RFC 3263
//! 4.1, 4.2).

use std::net::IpAddr;

use crate::limits;
use crate::sockets::{Proto, Remote};

/// See the file's head. Equal ones have one answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// A host name in lower case.
    pub host: Box<str>,
    /// The port, when one was given: then nothing but addresses is asked for.
    pub port: Option<u16>,
    /// The transport, when one was given.
    pub proto: Option<Proto>,
}

impl Place {
    /// `None` for what can be no host name: too long, or not ASCII.
    pub fn new(host: &[u8], port: Option<u16>, proto: Option<Proto>) -> Option<Self> {
        let host = host.strip_suffix(b".").unwrap_or(host);
        if host.is_empty() || host.len() > limits::HOST_BYTES || !host.is_ascii() {
            return None;
        }
        let host = std::str::from_utf8(host).ok()?.to_ascii_lowercase().into();
        Some(Self { host, port, proto })
    }

    /// An address, of which is to be found out how it is reached.
    pub fn of(remote: Remote) -> Self {
        let Remote { proto, addr } = remote;
        let host = addr.ip().to_string().into();
        Self { host, port: Some(addr.port()), proto: Some(proto) }
    }

    /// The address, when it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_one_place_however_it_is_written() {
        let place = Place::new(b"GW.Example.com.", Some(5070), None).unwrap();
        assert_eq!(Some(&place), Place::new(b"gw.example.COM", Some(5070), None).as_ref());
        assert_ne!(Some(&place), Place::new(b"gw.example.com", None, None).as_ref());
        for none in [&b""[..], b".", "gäste".as_bytes(), &[b'a'; 254]] {
            assert_eq!(Place::new(none, None, None), None);
        }
    }
}
