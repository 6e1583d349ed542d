//! Where a place is: addresses in groups of one priority, and the order in which one call tries
//! them (RFC 2782, RFC 3263 4.3).

use std::net::{IpAddr, SocketAddr};

use crate::sockets::{Proto, Remote};

/// All addresses of a place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Located {
    /// In the order in which they are to be tried.
    pub groups: Box<[Group]>,
}

/// Hosts of one priority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Their transport.
    pub proto: Proto,
    /// They share the calls by their weights.
    pub hosts: Box<[Host]>,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// Its share (RFC 2782).
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its addresses, in the order in which they are to be tried.
    pub addresses: Box<[IpAddr]>,
}

impl Located {
    /// One host.
    pub fn host(proto: Proto, port: u16, addresses: impl Into<Box<[IpAddr]>>) -> Self {
        let host = Host { weight: 0, port, addresses: addresses.into() };
        Self { groups: [Group { proto, hosts: [host].into() }].into() }
    }

    /// All addresses, by priority, and in a group as they came.
    pub fn hops(&self) -> impl Iterator<Item = Remote> {
        self.groups.iter().flat_map(|group| group.hosts.iter().flat_map(|host| group.hops(host)))
    }

    /// The order for one call, appended to `order`: by priority; hosts of one priority by chance,
    /// with their weights; all addresses of a host one after another.
    pub fn draw(&self, mut random: impl FnMut() -> u64, order: &mut Vec<Remote>) {
        for group in &self.groups {
            if let [host] = &*group.hosts {
                order.extend(group.hops(host));
                continue;
            }
            let mut left: Vec<&Host> = group.hosts.iter().collect();
            // RFC 2782: those of weight 0 stand first, so that they have a small chance.
            left.sort_by_key(|host| host.weight != 0);
            while !left.is_empty() {
                let host = left.remove(pick(&left, random()));
                order.extend(group.hops(host));
            }
        }
    }
}

impl Group {
    fn hops(&self, host: &Host) -> impl Iterator<Item = Remote> {
        let (proto, port) = (self.proto, host.port);
        host.addresses.iter().map(move |ip| Remote { proto, addr: SocketAddr::new(*ip, port) })
    }
}

/// RFC 2782: the first whose weight, added to those before, is no less than a number between 0 and
/// the sum of all weights.
fn pick(hosts: &[&Host], random: u64) -> usize {
    let total: u64 = hosts.iter().map(|host| u64::from(host.weight)).sum();
    let mut wanted = random % (total + 1);
    for (at, host) in hosts.iter().enumerate() {
        match wanted.checked_sub(u64::from(host.weight)) {
            Some(0) | None => return at,
            Some(rest) => wanted = rest,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(weight: u16, last: u8) -> Host {
        let second = [IpAddr::from([10, 0, 1, last])];
        let addresses = [IpAddr::from([10, 0, 0, last])].into_iter().chain(second);
        Host { weight, port: 5060, addresses: addresses.collect() }
    }

    fn located(groups: &[&[(u16, u8)]]) -> Located {
        let group = |hosts: &&[(u16, u8)]| Group {
            proto: Proto::Udp,
            hosts: hosts.iter().map(|(weight, last)| host(*weight, *last)).collect(),
        };
        Located { groups: groups.iter().map(group).collect() }
    }

    /// The last octets, in the order of a call.
    fn order(located: &Located, random: &mut impl FnMut() -> u64) -> Vec<u8> {
        let mut order = Vec::new();
        located.draw(random, &mut order);
        let last = |hop: &Remote| match hop.addr.ip() {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(_) => 0,
        };
        order.iter().map(last).collect()
    }

    #[test]
    fn priorities_go_before_chance_and_addresses_of_a_host_stay_together() {
        let place = located(&[&[(1, 1)], &[(1, 2), (1, 3)]]);
        let mut number = 0;
        for _ in 0..20 {
            let order = order(&place, &mut || {
                number += 1;
                number
            });
            assert!(
                [[1, 1, 2, 2, 3, 3], [1, 1, 3, 3, 2, 2]].contains(&order[..].try_into().unwrap())
            );
        }
    }

    #[test]
    fn hosts_come_first_as_often_as_they_weigh() {
        let place = located(&[&[(60, 1), (30, 2), (10, 3), (0, 4)]]);
        let (mut random, mut first) = (1_u64, [0_u32; 5]);
        for _ in 0..10_000 {
            let order = order(&place, &mut || {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                random >> 33
            });
            assert_eq!(order.len(), 8, "each is tried");
            first[usize::from(order[0])] += 1;
        }
        let near = |count: u32, expected: u32| count.abs_diff(expected) < 300;
        assert!(near(first[1], 6_000) && near(first[2], 3_000) && near(first[3], 1_000));
        assert!(first[4] > 0 && first[4] < 300, "a small chance: {first:?}");
    }
}
