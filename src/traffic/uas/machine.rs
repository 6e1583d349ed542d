//! The answering agent as a machine without I/O: a request comes in, its replies go out.
//!
//! It keeps no transaction: a reply follows from the request alone, so a repeated request gets the
//! same reply, tag included. Replies carry no body.

use std::net::SocketAddr;

use sluice_base::{OwnerSeed, SocketId, Target};
use sluice_sip::write::{Reply, ViaMarks};
use sluice_sip::{Index, Message, Method};

use super::config::UasConfig;
use crate::glance::{First, Glance};
use crate::order::Order;
use crate::outbox::Outbox;
use crate::report::{DestinationCounts, DestinationReport, OrderReport, shares};
use crate::template::put;

/// One address that answers.
struct Destination {
    address: SocketAddr,
    /// Makes the tags of this address unlike those of the others.
    tags: OwnerSeed,
    /// The Contact line of its replies to INVITE.
    contact: Vec<u8>,
    counts: DestinationCounts,
}

/// All addresses of one agent.
pub struct Answerer {
    answer: bool,
    ringing: bool,
    invite_status: u16,
    destinations: Vec<Destination>,
    order: Option<Order>,
    index: Index,
}

impl Answerer {
    /// An agent that answers on `addresses`, which are by [`SocketId`].
    pub fn new(config: &UasConfig, addresses: &[SocketAddr]) -> Self {
        let destination = |address: &SocketAddr| Destination {
            address: *address,
            tags: OwnerSeed(OwnerSeed(0).hash(address.to_string().as_bytes())),
            contact: format!("Contact: <sip:{address}>\r\n").into_bytes(),
            counts: DestinationCounts::default(),
        };
        Self {
            answer: config.answer,
            ringing: config.ringing,
            invite_status: config.invite_status,
            destinations: addresses.iter().map(destination).collect(),
            order: (config.order_entries > 0).then(|| Order::new(config.order_entries)),
            index: Index::new(),
        }
    }

    /// A datagram came to the address `socket` from `peer`; an address that is not `present`
    /// drops it.
    pub fn receive(
        &mut self,
        socket: SocketId,
        peer: SocketAddr,
        bytes: &[u8],
        present: bool,
        out: &mut Outbox,
    ) {
        let Some(destination) = self.destinations.get_mut(usize::from(socket.0)) else { return };
        if !present {
            destination.counts.dropped += 1;
            return;
        }
        let seen = Glance::at(bytes);
        let Some(Glance { first: First::Request(method), call_id, cseq, .. }) = seen else {
            destination.counts.unreadable += 1;
            return;
        };
        *counter(&mut destination.counts, method) += 1;
        if let Some(order) = &mut self.order {
            order.note(call_id, cseq, method);
        }
        if !self.answer || method == Method::Ack {
            return;
        }
        if self.index.scan(bytes).is_err() {
            destination.counts.unreadable += 1;
            return;
        }
        let request = Message { bytes, index: &self.index };
        if method != Method::Invite {
            destination.reply(200, &request, socket, peer, out);
            return;
        }
        if self.ringing {
            destination.reply(180, &request, socket, peer, out);
        }
        destination.reply(self.invite_status, &request, socket, peer, out);
    }

    /// The numbers of each address.
    pub fn destinations(&self) -> Vec<DestinationReport> {
        let firsts = self.destinations.iter().map(|d| d.counts.first_requests());
        let all = self.destinations.iter().zip(shares(firsts));
        all.map(|(d, share)| DestinationReport { address: d.address, counts: d.counts, share })
            .collect()
    }

    /// What is known about the order.
    pub fn order(&self) -> OrderReport {
        self.order.as_ref().map(Order::report).unwrap_or_default()
    }
}

impl Destination {
    fn reply(
        &mut self,
        status: u16,
        request: &Message,
        socket: SocketId,
        peer: SocketAddr,
        out: &mut Outbox,
    ) {
        let Some(via) = request.top_via() else {
            self.counts.unreadable += 1;
            return;
        };
        let marks = ViaMarks::of(request, &via, &via.known(), peer, false);
        let mut tag = [0; 16];
        put(&mut tag, self.tags.hash(request.call_id()), 16);
        let invite = request.method() == Method::Invite && status < 300;
        let reply = Reply {
            status,
            phrase: phrase(status),
            to_tag: Some(&tag),
            via: marks,
            lines: if invite { &self.contact } else { b"" },
            server: b"Server: Sluice load\r\n",
            body: b"",
        };
        // RFC 3261 18.2.2, RFC 3581 4: back to the source address, to its port only with rport.
        let port = if marks.has_rport() { peer.port() } else { via.reply_to().1 };
        let addr = SocketAddr::new(peer.ip(), port);
        out.send(Target { socket, addr }, |out| reply.write(request, out));
        self.counts.replies += 1;
    }
}

fn counter(counts: &mut DestinationCounts, method: Method) -> &mut u64 {
    match method {
        Method::Invite => &mut counts.invite,
        Method::Ack => &mut counts.ack,
        Method::Bye => &mut counts.bye,
        Method::Cancel => &mut counts.cancel,
        Method::Options => &mut counts.options,
        _ => &mut counts.other,
    }
}

fn phrase(status: u16) -> &'static [u8] {
    match status {
        180 => b"Ringing",
        200..300 => b"OK",
        300..400 => b"Moved",
        _ => b"Refused",
    }
}
