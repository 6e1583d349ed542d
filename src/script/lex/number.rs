//! Numbers and addresses (spec 1.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ir::Net;

/// What stands at a place that may begin a number or an address, with its length.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Numeric {
    Number(i64),
    Ip(IpAddr),
    Net(Net),
    /// Digits that make no number or address: the finding's code and the reason.
    Bad(&'static str, &'static str),
}

/// Reads an address or, when the first byte is a digit, a number.
pub(crate) fn read(bytes: &[u8]) -> Option<(Numeric, usize)> {
    address(bytes).or_else(|| number(bytes))
}

fn address(bytes: &[u8]) -> Option<(Numeric, usize)> {
    let digits = bytes.iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let (ip, length) = match parse::<Ipv4Addr>(bytes, digits) {
        Some(ip) => (IpAddr::V4(ip), digits),
        None => {
            if let Some(length) = dotted(bytes, digits) {
                let why = "no IPv4 address: it has four numbers from 0 to 255";
                return Some((Numeric::Bad("bad-address", why), length));
            }
            let length = bytes
                .iter()
                .take(48)
                .take_while(|b| b.is_ascii_hexdigit() || b":.".contains(b))
                .count();
            (IpAddr::V6(parse::<Ipv6Addr>(bytes, length)?), length)
        }
    };
    let rest = bytes.get(length..).unwrap_or_default();
    match (mask(rest, ip), rest) {
        (Some((prefix, more)), _) => Some((Numeric::Net(Net { addr: ip, prefix }), length + more)),
        (None, [b'/', digit, ..]) if digit.is_ascii_digit() => {
            let more = rest[1..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
            let why =
                "impossible network: behind the / stands a length or a mask such as 255.0.0.0";
            Some((Numeric::Bad("bad-mask", why), length + 1 + more))
        }
        (None, _) => Some((Numeric::Ip(ip), length)),
    }
}

/// Length of what looks like an IPv4 address and is none.
fn dotted(bytes: &[u8], length: usize) -> Option<usize> {
    let text = bytes.get(..length)?.strip_suffix(b".").unwrap_or(&bytes[..length]);
    let dots = text.iter().filter(|b| **b == b'.').count();
    let ends = bytes.get(length).is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_');
    (dots == 3 && ends && !text.windows(2).any(|pair| pair == b"..")).then_some(text.len())
}

/// `/len` or `/mask` directly behind an address.
fn mask(rest: &[u8], ip: IpAddr) -> Option<(u8, usize)> {
    let rest = rest.strip_prefix(b"/")?;
    let length = rest.iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    if let Some(mask) = parse::<Ipv4Addr>(rest, length) {
        let bits = u32::from(mask);
        let straight = bits.leading_ones() + bits.trailing_zeros() >= 32;
        return (ip.is_ipv4() && straight).then_some((bits.leading_ones() as u8, length + 1));
    }
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = parse::<u8>(rest, length).filter(|prefix| *prefix <= most)?;
    Some((prefix, length + 1))
}

fn parse<T: std::str::FromStr>(bytes: &[u8], length: usize) -> Option<T> {
    std::str::from_utf8(bytes.get(..length)?).ok()?.parse().ok()
}

fn number(bytes: &[u8]) -> Option<(Numeric, usize)> {
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    let (base, skip) = match bytes {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, 2),
        [b'0', digit, ..] if digit.is_ascii_digit() => (8, 1),
        _ => (10, 0),
    };
    let digits = bytes[skip..].iter().take_while(|b| match base {
        16 => b.is_ascii_hexdigit(),
        _ => b.is_ascii_digit(),
    });
    let length = skip + digits.count();
    let text = std::str::from_utf8(&bytes[skip..length]).unwrap_or_default();
    let value = match i64::from_str_radix(text, base) {
        Ok(value) => Numeric::Number(value),
        Err(_) if base == 8 && text.bytes().any(|b| b > b'7') => Numeric::Bad(
            "bad-octal",
            "a number with a leading 0 is octal: it has the digits 0 to 7",
        ),
        Err(_) => Numeric::Bad("bad-number", "the number is too large"),
    };
    Some((value, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(addr: &str, prefix: u8) -> Numeric {
        Numeric::Net(Net { addr: addr.parse().unwrap(), prefix })
    }

    #[test]
    fn numbers_and_addresses() {
        let cases = [
            ("0666;", Some((Numeric::Number(438), 4))),
            ("0x1F ", Some((Numeric::Number(31), 4))),
            ("0", Some((Numeric::Number(0), 1))),
            ("10.0.0.0/8", Some((net("10.0.0.0", 8), 10))),
            ("10.0.0.0/255.255.0.0", Some((net("10.0.0.0", 16), 20))),
            ("1.2.3.4)", Some((Numeric::Ip("1.2.3.4".parse().unwrap()), 7))),
            ("2001:db8::1;", Some((Numeric::Ip("2001:db8::1".parse().unwrap()), 11))),
            ("2001:db8::/32", Some((net("2001:db8::", 32), 13))),
            ("5:", Some((Numeric::Number(5), 1))),
            ("::1", Some((Numeric::Ip("::1".parse().unwrap()), 3))),
            ("abc", None),
        ];
        for (text, meant) in cases {
            assert_eq!(read(text.as_bytes()), meant, "{text}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        let cases = [
            ("089", "bad-octal", 3),
            ("99999999999999999999", "bad-number", 20),
            ("10.0.0.256;", "bad-address", 10),
            ("1234.5.6.7 ", "bad-address", 10),
            ("10.0.0.0/33)", "bad-mask", 11),
            ("10.0.0.0/255.0.255.0", "bad-mask", 20),
            ("2001:db8::/129", "bad-mask", 14),
        ];
        for (text, code, length) in cases {
            match read(text.as_bytes()) {
                Some((Numeric::Bad(found, _), len)) => assert_eq!((found, len), (code, length)),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
