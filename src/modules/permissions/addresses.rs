//! Addresses and networks by which peers are known (spec 9.5): an immutable list, asked without
//! lock or allocation.
//!
//! Takes the rows of a table, gives the row that fits a question. Hosts are found by hash, networks
//! by one hash for each length of prefix in use, so that the cost does not grow with the rows.
//! Which of several rows that fit is given is OpenSIPS': of hosts the last one of the table, of
//! networks the first one of the lowest group.

use std::net::IpAddr;
use std::ops::Range;

use ahash::{AHashMap, AHashSet};
use sluice_base::glob;

/// Stands for every group, port and transport, on both sides.
pub const ANY: u32 = 0;

/// The transports that a row can name, by number from 1; 0 is every one.
const PROTOS: [&str; 6] = ["udp", "tcp", "tls", "sctp", "ws", "wss"];

/// The number of a transport; empty and `any` are 0.
pub fn proto_of(name: &[u8]) -> Option<u8> {
    if name.is_empty() || name.eq_ignore_ascii_case(b"any") {
        return Some(0);
    }
    let at = PROTOS.iter().position(|proto| name.eq_ignore_ascii_case(proto.as_bytes()))?;
    u8::try_from(at + 1).ok()
}

/// The name of a transport's number.
pub fn proto_name(number: u8) -> &'static str {
    let at = usize::from(number).checked_sub(1);
    at.and_then(|at| PROTOS.get(at).copied()).unwrap_or("any")
}

/// A row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its group; 0 is every one.
    pub group: u32,
    /// The address, of a network the first one.
    pub ip: IpAddr,
    /// Bits of the address that count.
    pub mask: u8,
    /// 0 is every port.
    pub port: u16,
    /// The number of its transport; 0 is every one.
    pub proto: u8,
    /// The shell pattern that the question's text must fit.
    pub pattern: Option<Box<[u8]>>,
    /// What the script is given.
    pub info: Box<[u8]>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The group, or [`ANY`].
    pub group: u32,
    /// The address.
    pub ip: IpAddr,
    /// The port, or 0.
    pub port: u16,
    /// The number of the transport, or 0.
    pub proto: u8,
    /// The text for patterns; without one, patterns do not count.
    pub text: Option<&'a [u8]>,
}

/// What comes of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'a> {
    /// The row.
    Entry(&'a Entry),
    /// No row of the group fits.
    Nothing,
    /// There is no row of the group.
    NoGroup,
}

/// All rows of a table.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Hosts by address, of each the last row first.
    hosts: Box<[Entry]>,
    by_host: AHashMap<IpAddr, Range<u32>>,
    /// Networks by group, then as in the table.
    nets: Box<[Entry]>,
    lengths: Box<[Length]>,
    groups: AHashSet<u32>,
}

/// The networks of one family and length.
#[derive(Debug)]
struct Length {
    is_v4: bool,
    mask: u128,
    /// Places in the list of networks, ascending.
    by_net: AHashMap<u128, Box<[u32]>>,
}

impl Addresses {
    /// From rows in the order of the table.
    pub fn new(rows: Vec<Entry>) -> Self {
        let groups = rows.iter().map(|entry| entry.group).collect();
        let (mut hosts, mut nets): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|entry| entry.mask == full_mask(entry.ip));
        hosts.reverse();
        hosts.sort_by_key(|entry| entry.ip);
        nets.sort_by_key(|entry| entry.group);
        let mut by_host: AHashMap<IpAddr, Range<u32>> = AHashMap::with_capacity(hosts.len());
        for (at, entry) in (0u32..).zip(&hosts) {
            by_host.entry(entry.ip).or_insert(at..at).end = at + 1;
        }
        Self { lengths: lengths(&nets), hosts: hosts.into(), by_host, nets: nets.into(), groups }
    }

    /// The row for a question.
    pub fn find(&self, question: Question<'_>) -> Found<'_> {
        if question.group != ANY && !self.groups.contains(&question.group) {
            return Found::NoGroup;
        }
        self.first(question.ip, |entry| entry.answers(&question))
            .map_or(Found::Nothing, Found::Entry)
    }

    /// The group of an address and port; transports and patterns do not count.
    pub fn group_of(&self, ip: IpAddr, port: u16) -> Option<u32> {
        let found = self.first(ip, |entry| entry.port == 0 || entry.port == port);
        found.map(|entry| entry.group)
    }

    /// The rows of single addresses.
    pub fn hosts(&self) -> &[Entry] {
        &self.hosts
    }

    /// The rows of networks.
    pub fn nets(&self) -> &[Entry] {
        &self.nets
    }

    /// The first row of an address that fits: a host, else a network.
    fn first(&self, ip: IpAddr, fits: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let hosts = self.by_host.get(&ip).map(|range| range.start as usize..range.end as usize);
        let hosts = hosts.and_then(|range| self.hosts.get(range)).unwrap_or_default();
        if let Some(host) = hosts.iter().find(|entry| fits(entry)) {
            return Some(host);
        }
        let (is_v4, bits) = (ip.is_ipv4(), bits(ip));
        let mut first: Option<(u32, &Entry)> = None;
        for length in self.lengths.iter().filter(|length| length.is_v4 == is_v4) {
            let places = length.by_net.get(&(bits & length.mask));
            let places = places.map(|places| &**places).unwrap_or_default();
            let better = places.iter().take_while(|at| first.is_none_or(|(best, _)| **at < best));
            let mut entries = better.filter_map(|at| Some((*at, self.nets.get(*at as usize)?)));
            first = entries.find(|(_, entry)| fits(entry)).or(first);
        }
        first.map(|(_, entry)| entry)
    }
}

impl Entry {
    /// Whether it answers a question, its address apart.
    fn answers(&self, question: &Question<'_>) -> bool {
        let either = |own: u32, asked: u32| own == ANY || asked == ANY || own == asked;
        either(self.group, question.group)
            && either(self.port.into(), question.port.into())
            && either(self.proto.into(), question.proto.into())
            && match (&self.pattern, question.text) {
                (Some(pattern), Some(text)) => glob::matches(pattern, text),
                _ => true,
            }
    }

    /// The bits of its mask, as an address.
    pub fn mask_addr(&self) -> IpAddr {
        let mask = mask_of(self.ip, self.mask);
        match self.ip {
            IpAddr::V4(_) => IpAddr::V4((mask as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(mask.into()),
        }
    }
}

/// How many bits an address has.
pub const fn full_mask(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The first address of the network that an address is in.
pub fn first_of_net(ip: IpAddr, mask: u8) -> IpAddr {
    let first = bits(ip) & mask_of(ip, mask);
    match ip {
        IpAddr::V4(_) => IpAddr::V4((first as u32).into()),
        IpAddr::V6(_) => IpAddr::V6(first.into()),
    }
}

fn lengths(nets: &[Entry]) -> Box<[Length]> {
    let mut by_length: AHashMap<(bool, u8), AHashMap<u128, Vec<u32>>> = AHashMap::new();
    for (at, entry) in (0u32..).zip(nets) {
        let of_length = by_length.entry((entry.ip.is_ipv4(), entry.mask)).or_default();
        of_length.entry(bits(entry.ip)).or_default().push(at);
    }
    let length = |((is_v4, mask), by_net): ((bool, u8), AHashMap<u128, Vec<u32>>)| Length {
        is_v4,
        mask: prefix(mask, if is_v4 { 32 } else { 128 }),
        by_net: by_net.into_iter().map(|(net, places)| (net, places.into())).collect(),
    };
    by_length.into_iter().map(length).collect()
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => ip.into(),
    }
}

fn mask_of(ip: IpAddr, mask: u8) -> u128 {
    prefix(mask, full_mask(ip))
}

/// The upper `mask` of `all` bits.
fn prefix(mask: u8, all: u8) -> u128 {
    let low = u32::from(all.saturating_sub(mask));
    let whole = if all == 128 { u128::MAX } else { (1 << all) - 1 };
    whole & u128::MAX.checked_shl(low).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(group: u32, net: &str) -> Entry {
        let (ip, mask) = net.split_once('/').unwrap();
        let (ip, mask) = (ip.parse().unwrap(), mask.parse().unwrap());
        let ip = first_of_net(ip, mask);
        let info = net.as_bytes().into();
        Entry { group, ip, mask, port: 0, proto: 0, pattern: None, info }
    }

    fn ask(addresses: &Addresses, group: u32, ip: &str) -> Option<String> {
        let ip = ip.parse().unwrap();
        match addresses.find(Question { group, ip, port: 0, proto: 0, text: None }) {
            Found::Entry(entry) => Some(String::from_utf8_lossy(&entry.info).into_owned()),
            Found::Nothing => None,
            Found::NoGroup => Some("no group".to_owned()),
        }
    }

    #[test]
    fn the_lowest_group_and_then_the_first_row_of_networks_wins() {
        let rows = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"];
        let addresses = Addresses::new(vec![
            entry(3, rows[2]),
            entry(2, rows[1]),
            entry(2, rows[0]),
            entry(1, "2001:db8::/32"),
            entry(1, "0.0.0.0/0"),
        ]);
        assert_eq!(ask(&addresses, 0, "10.1.2.3").as_deref(), Some("0.0.0.0/0"));
        assert_eq!(ask(&addresses, 2, "10.1.2.3").as_deref(), Some(rows[1]));
        assert_eq!(ask(&addresses, 2, "10.2.2.3").as_deref(), Some(rows[0]));
        assert_eq!(ask(&addresses, 3, "10.1.2.3").as_deref(), Some(rows[2]));
        assert_eq!(ask(&addresses, 3, "10.1.3.3"), None);
        assert_eq!(ask(&addresses, 1, "2001:db8::1").as_deref(), Some("2001:db8::/32"));
        assert_eq!(ask(&addresses, 4, "10.1.2.3").as_deref(), Some("no group"));
    }

    #[test]
    fn masks_of_both_families() {
        let mask = |net: &str| entry(1, net).mask_addr().to_string();
        assert_eq!(mask("10.0.0.0/8"), "255.0.0.0");
        assert_eq!(mask("0.0.0.0/0"), "0.0.0.0");
        assert_eq!(mask("2001:db8::/33"), "ffff:ffff:8000::");
        assert_eq!(entry(1, "10.1.2.3/20").ip.to_string(), "10.1.0.0");
        assert_eq!(entry(1, "2001:db8::1/128").mask_addr(), IpAddr::V6(u128::MAX.into()));
    }

    #[test]
    fn names_of_transports() {
        assert_eq!(
            (proto_of(b"ANY"), proto_of(b""), proto_of(b"Tcp")),
            (Some(0), Some(0), Some(2))
        );
        assert_eq!((proto_of(b"none"), proto_name(0), proto_name(1)), (None, "any", "udp"));
    }
}
