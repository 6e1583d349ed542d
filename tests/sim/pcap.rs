//! A pcap file (version 2.4, raw IPv4) of what Sluice received and sent.

use std::net::{IpAddr, SocketAddr};

use crate::trace::{Fate, Trace};

/// Packets that begin with their IPv4 header.
const LINK_RAW: u32 = 101;

/// The file's bytes.
pub fn write(trace: &Trace) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4, 0x0004_0002, 0, 0, 65_535, LINK_RAW] {
        file.extend_from_slice(&u32::to_le_bytes(word));
    }
    for entry in trace.entries.iter().filter(|entry| entry.fate == Fate::Seen) {
        let packet = packet(entry.from, entry.to, &entry.bytes);
        let (seconds, micros) = (entry.at_ms / 1_000, entry.at_ms % 1_000 * 1_000);
        let len = packet.len() as u32;
        for word in [seconds as u32, micros as u32, len, len] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

fn packet(from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let udp_len = 8 + bytes.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend_from_slice(&(20 + udp_len).to_be_bytes());
    // No fragments, 64 hops, UDP, no checksum.
    packet.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    for end in [from, to] {
        if let IpAddr::V4(ip) = end.ip() {
            packet.extend_from_slice(&ip.octets());
        }
    }
    for word in [from.port(), to.port(), udp_len, 0] {
        packet.extend_from_slice(&word.to_be_bytes());
    }
    packet.extend_from_slice(bytes);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_its_headers_in_front() {
        let mut trace = Trace::default();
        let (from, to) = ("10.0.0.1:5060", "192.0.2.1:5061");
        let [from, to] = [from, to].map(|end| end.parse().expect("an address"));
        trace.note(12_345, from, to, b"SIP", Fate::Seen);
        trace.note(12_346, from, to, b"SIP", Fate::Lost);
        let file = write(&trace);
        assert_eq!(file.len(), 24 + 16 + 20 + 8 + 3);
        assert_eq!(file[24..32], [12, 0, 0, 0, 0xA8, 0x43, 5, 0]);
        assert_eq!(file[40..44], [0x45, 0, 0, 31]);
        assert_eq!(file[52..60], [10, 0, 0, 1, 192, 0, 2, 1]);
        assert_eq!(file[60..64], [0x13, 0xC4, 0x13, 0xC5]);
    }
}
