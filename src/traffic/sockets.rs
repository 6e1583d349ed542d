//! Opens the sockets of an agent: one driver, one socket per address.

use std::net::SocketAddr;

use sluice_net::Driver;
use sluice_net::udp::{UdpOptions, open_group};

use crate::error::TrafficError;

/// The real addresses (a port 0 is replaced) and their driver; a socket's place is its id.
pub(crate) fn open(addresses: &[SocketAddr]) -> Result<(Vec<SocketAddr>, Driver), TrafficError> {
    let mut real = Vec::with_capacity(addresses.len());
    let mut sockets = Vec::with_capacity(addresses.len());
    for address in addresses {
        let group = open_group(*address, 1, &UdpOptions::default())?;
        real.push(group.addr);
        sockets.extend(group.sockets);
    }
    Ok((real, Driver::new(sockets)?))
}
