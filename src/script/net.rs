//! Address blocks: reading one, and what lies in it.

use std::net::IpAddr;
use std::str::FromStr;

use crate::ir::Net;
use crate::lex::number::{Numeric, read};

impl Net {
    /// Whether an address lies in it. IPv4 and IPv6 have nothing in common.
    pub fn contains(self, addr: IpAddr) -> bool {
        match (addr, self.addr) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                (a.to_bits() ^ b.to_bits()) & mask == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let mask =
                    u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                (a.to_bits() ^ b.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Net {
    type Err = String;

    /// `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, the same in IPv6.
    fn from_str(text: &str) -> Result<Self, String> {
        match read(text.as_bytes()) {
            Some((Numeric::Net(net), length)) if length == text.len() => Ok(net),
            Some((Numeric::Ip(addr), length)) if length == text.len() => {
                Ok(Self { addr, prefix: if addr.is_ipv4() { 32 } else { 128 } })
            }
            Some((Numeric::Bad(_, why), _)) => Err(format!("`{text}`: {why}")),
            _ => Err(format!("`{text}` is no address and no block of addresses")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_block() {
        for (net, addr, lies) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/255.0.0.0", "11.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("2001:db8::/32", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
        ] {
            assert_eq!(net.parse::<Net>().unwrap().contains(addr.parse().unwrap()), lies, "{net}");
        }
        for bad in ["", "example.org", "10.0.0.1:5060", "10.0.0.0/33", "10.0.0.256"] {
            assert!(bad.parse::<Net>().is_err(), "{bad}");
        }
    }
}
