//! Writes numbers and addresses without the formatting machinery and without allocation (beyond
//! the growth of the buffer it is given).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Appends a number in decimal digits.
#[inline]
pub fn push_u64(out: &mut Vec<u8>, number: u64) {
    match usize::try_from(number).ok().and_then(|number| OCTETS.get(number)) {
        Some((digits, count)) => push_short::<4>(out, digits, usize::from(*count) - 1),
        None => push_long(out, number),
    }
}

/// Appends a port in decimal digits.
#[inline]
pub fn push_u16(out: &mut Vec<u8>, number: u16) {
    let digit = |unit: u16| b'0' + (number / unit % 10) as u8;
    // Five digits, and as many bytes behind them as may be copied beyond.
    let text = [digit(10_000), digit(1_000), digit(100), digit(10), digit(1), 0, 0, 0, 0];
    let zeros = [10, 100, 1_000, 10_000].iter().filter(|more| number < **more).count();
    push_short::<5>(out, &text[zeros..], 5 - zeros);
}

fn push_long(out: &mut Vec<u8>, mut number: u64) {
    const MOST: usize = 20; // u64::MAX has 20 digits
    let mut digits = [0; 2 * MOST];
    let mut at = MOST;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    push_short::<MOST>(out, &digits[at..], MOST - at);
}

/// Appends the first `len` of the first `N` bytes: a copy of fixed length and a cut, where one of
/// so few bytes would be a call.
#[inline(always)]
fn push_short<const N: usize>(out: &mut Vec<u8>, bytes: &[u8], len: usize) {
    if let Some(bytes) = bytes.first_chunk::<N>() {
        let end = out.len() + len.min(N);
        out.extend_from_slice(bytes);
        out.truncate(end);
    }
}

/// Appends an address; an IPv6 one without brackets, in the form of RFC 5952.
#[inline]
pub fn push_addr(out: &mut Vec<u8>, addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => push_v4(out, addr),
        IpAddr::V6(addr) => push_v6(out, addr),
    }
}

/// Appends an address as a host of a URI or Via: an IPv6 one in brackets.
pub fn push_host(out: &mut Vec<u8>, addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => push_v4(out, addr),
        IpAddr::V6(addr) => {
            out.push(b'[');
            push_v6(out, addr);
            out.push(b']');
        }
    }
}

#[inline(always)]
fn push_v4(out: &mut Vec<u8>, addr: Ipv4Addr) {
    // Four bytes more than the longest address, since each octet is copied as four.
    let mut text = [0; 20];
    let mut len = 0;
    for octet in addr.octets() {
        let (digits, count) = &OCTETS[usize::from(octet)];
        if let Some(place) = text.get_mut(len..len + 4) {
            place.copy_from_slice(digits);
        }
        len += usize::from(*count);
    }
    // The last octet has its dot too.
    push_short::<16>(out, &text, len - 1);
}

/// Each octet's digits and a dot, with how many bytes these are.
static OCTETS: [([u8; 4], u8); 256] = octets();

const fn octets() -> [([u8; 4], u8); 256] {
    let mut all = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let [hundreds, tens, ones] = [octet / 100, octet / 10 % 10, octet % 10];
        let [hundreds, tens, ones] = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        all[octet] = match octet {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        octet += 1;
    }
    all
}

fn push_v6(out: &mut Vec<u8>, addr: Ipv6Addr) {
    if let Some(mapped) = addr.to_ipv4_mapped() {
        out.extend_from_slice(b"::ffff:");
        return push_v4(out, mapped);
    }
    let groups = addr.segments();
    let (start, len) = longest_zeros(&groups);
    // RFC 5952 4.2.2: a single zero group is not shortened.
    if len < 2 {
        return push_groups(out, &groups);
    }
    push_groups(out, &groups[..start]);
    out.extend_from_slice(b"::");
    push_groups(out, &groups[start + len..]);
}

/// Start and length of the first longest run of zero groups (RFC 5952 4.2.3).
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), (0, 0));
    for (at, group) in groups.iter().enumerate() {
        run = if *group == 0 { (run.0, run.1 + 1) } else { (at + 1, 0) };
        if run.1 > best.1 {
            best = run;
        }
    }
    best
}

fn push_groups(out: &mut Vec<u8>, groups: &[u16]) {
    for (n, group) in groups.iter().enumerate() {
        if n > 0 {
            out.push(b':');
        }
        push_hex(out, *group);
    }
}

fn push_hex(out: &mut Vec<u8>, group: u16) {
    let digits = (u16::BITS - group.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        let value = (group >> (digit * 4)) & 0xF;
        out.push(b"0123456789abcdef"[usize::from(value)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_the_formatter_writes_them() {
        for number in [0, 9, 10, 99, 100, 65_535, u64::MAX] {
            let mut out = b"x".to_vec();
            push_u64(&mut out, number);
            assert_eq!(out, format!("x{number}").into_bytes());
        }
    }

    #[test]
    fn ports_as_the_formatter_writes_them() {
        for port in 0..=u16::MAX {
            let mut out = Vec::new();
            push_u16(&mut out, port);
            assert_eq!(out, port.to_string().into_bytes());
        }
    }

    #[test]
    fn addresses_as_the_formatter_writes_them() {
        let addrs = [
            "0.0.0.0",
            "255.10.1.200",
            "::",
            "::1",
            "1::",
            "2001:db8::8:800:200c:417a",
            "2001:db8:0:1:1:1:1:1",
            "2001:0:0:1::1",
            "fe80::1:0:0:1",
            "1:2:3:4:5:6:7:8",
            "::ffff:192.0.2.1",
        ];
        for text in addrs {
            let addr: IpAddr = text.parse().unwrap();
            let mut out = Vec::new();
            push_addr(&mut out, addr);
            assert_eq!(String::from_utf8(out).unwrap(), addr.to_string());
            let mut host = Vec::new();
            push_host(&mut host, addr);
            assert_eq!(host.starts_with(b"["), addr.is_ipv6());
        }
    }
}
