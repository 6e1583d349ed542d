//! Which socket of ours a message leaves by (spec 1.3): the one that the script forces; with
//! `mhomed` one of the address that the kernel would send from; else the one that the message came
//! by; else the first of transport and address family.
//!
//! Takes where it goes; gives the socket, or counts why there is none. Asks nobody: what the kernel
//! says is found out beforehand, on the control plane ([`crate::targets::Sources`]).

use sluice_base::SocketId;

use crate::context::Ctx;
use crate::counter::Counter;
use crate::sockets::Remote;
use crate::targets::Source;

impl Ctx<'_> {
    /// The socket for a message to `to`; `None`, counted by its reason, when none reaches it.
    pub fn socket_towards(&mut self, to: Remote) -> Option<SocketId> {
        self.choose(to, self.shared.sources.is_on())
    }

    /// The socket for a reply to the message, which leaves by where the message came (RFC 3581 4).
    pub(crate) fn socket_of_reply(&mut self, to: Remote) -> Option<SocketId> {
        self.choose(to, false)
    }

    #[inline]
    fn choose(&mut self, to: Remote, by_source: bool) -> Option<SocketId> {
        let (sockets, came) = (&self.shared.sockets, self.packet.socket);
        if let Some(forced) = self.run.send_socket {
            if let Some(socket) = sockets.forced(to, forced) {
                return Some(socket);
            }
            // As in OpenSIPS: another one is taken.
            self.local.add(Counter::SocketUnfit, 1);
        } else if by_source
            && let Source::Known(source) = self.shared.sources.look(to.addr.ip())
            && let Some(socket) = sockets.of_source(to, source, came)
        {
            return Some(socket);
        }
        let found = sockets.towards(to, came);
        if found.is_none() {
            self.unreachable(to);
        }
        found
    }

    /// Counts a message that no socket of ours could send.
    #[cold]
    pub(crate) fn unreachable(&mut self, to: Remote) {
        let of_transport = self.shared.sockets.listen.iter().any(|l| l.proto == to.proto);
        let (reason, text) = match of_transport {
            true => (Counter::NoSocketOfFamily, "no socket of the destination's address family"),
            false => (Counter::NoSocketOfTransport, "no socket of the destination's transport"),
        };
        self.local.add(reason, 1);
        self.complain(text);
    }

    /// Whether the kernel is to be asked by which address of ours `to` is reached, before anything
    /// is sent there.
    pub(crate) fn lacks_source(&self, to: Remote) -> bool {
        let sources = &self.shared.sources;
        sources.is_on()
            && self.run.send_socket.is_none()
            && sources.look(to.addr.ip()) == Source::Unknown
    }
}
