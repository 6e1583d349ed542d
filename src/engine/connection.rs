//! The connection that a request came by, in our Via: a forwarder without a transaction finds it
//! there again when the reply comes (RFC 3261 18.2.2, spec 11: `;i=`).
//!
//! It is our socket and the peer's port; the address is in the peer's own Via. One that is forged
//! leads to another connection of the same address, which a forged Via could name as well.

use sluice_base::SocketId;
use sluice_sip::via::Via;

use crate::forward::hex;

/// See the file's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Connection {
    /// Our socket.
    pub socket: SocketId,
    /// The peer's port.
    pub port: u16,
}

impl Connection {
    /// The one that our Via names.
    pub fn of(via: &Via<'_>) -> Option<Self> {
        let is_ours =
            |digits: &&[u8]| digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
        let digits = via.param("i").filter(is_ours)?;
        let bits = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        Some(Self { socket: SocketId((bits >> 16) as u16), port: bits as u16 })
    }

    /// Appends the parameter.
    pub fn write(self, out: &mut Vec<u8>) {
        let digits = hex(u64::from(self.socket.0) << 16 | u64::from(self.port));
        out.extend_from_slice(b";i=");
        out.extend_from_slice(digits.get(digits.len() - DIGITS..).unwrap_or_default());
    }
}

const DIGITS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(via: &str) -> Option<Connection> {
        Connection::of(&Via::parse(via.as_bytes())?)
    }

    #[test]
    fn what_is_written_is_read() {
        let connection = Connection { socket: SocketId(2), port: 50_123 };
        let mut via = b"SIP/2.0/TCP h;branch=z9hG4bK1".to_vec();
        connection.write(&mut via);
        assert!(via.ends_with(b";i=0002c3cb"));
        assert_eq!(read(std::str::from_utf8(&via).unwrap()), Some(connection));
    }

    #[test]
    fn anything_else_is_none() {
        for via in ["SIP/2.0/TCP h", "SIP/2.0/TCP h;i=1", "SIP/2.0/TCP h;i=+002c3cb"] {
            assert_eq!(read(via), None, "{via}");
        }
    }
}
