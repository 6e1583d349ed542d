//! Socket addresses as the kernel writes them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use libc::{AF_INET, AF_INET6, in_addr, in6_addr, sockaddr_in, sockaddr_in6, socklen_t};

/// A `sockaddr` of either family; 28 bytes instead of the 128 of `sockaddr_storage`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union Name {
    v4: sockaddr_in,
    v6: sockaddr_in6,
}

/// Room for either family.
pub(super) const NAME_LEN: socklen_t = size_of::<Name>() as socklen_t;

impl Name {
    /// No address.
    pub(super) fn empty() -> Self {
        // SAFETY: plain C structures of integers, for which zero bytes are a value.
        unsafe { std::mem::zeroed() }
    }

    /// Writes an address; gives its length.
    pub(super) fn set(&mut self, addr: SocketAddr) -> socklen_t {
        match addr {
            SocketAddr::V4(v4) => {
                self.v4 = sockaddr_in {
                    sin_family: AF_INET as u16,
                    sin_port: v4.port().to_be(),
                    sin_addr: in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                size_of::<sockaddr_in>() as socklen_t
            }
            SocketAddr::V6(v6) => {
                self.v6 = sockaddr_in6 {
                    sin6_family: AF_INET6 as u16,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                size_of::<sockaddr_in6>() as socklen_t
            }
        }
    }

    /// Reads what the kernel wrote; `None` for another family.
    pub(super) fn get(&self) -> Option<SocketAddr> {
        // SAFETY: all bytes of a Name are initialised from empty() on, and every bit pattern is a
        // value of these integers; both structures begin with the family.
        let (family, v4, v6) = unsafe { (self.v4.sin_family, self.v4, self.v6) };
        match i32::from(family) {
            AF_INET => {
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some((ip, u16::from_be(v4.sin_port)).into())
            }
            AF_INET6 => {
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Some(SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_round_trip() {
        let mut name = Name::empty();
        assert_eq!(name.get(), None);
        for text in ["192.0.2.1:5060", "[2001:db8::1]:65535", "[fe80::1%3]:1", "0.0.0.0:0"] {
            let addr: SocketAddr = text.parse().unwrap();
            name.set(addr);
            assert_eq!(name.get(), Some(addr));
        }
    }
}
