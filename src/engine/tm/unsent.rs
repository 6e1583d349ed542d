//! Requests that did not go out or did not arrive, as the transport says (RFC 3261 17.1.4, 16.9).
//!
//! Takes such a request, or only its beginning, as ICMP errors quote it. Its branch ends at once as
//! if a 503 had come, so that the next destination is tried without waiting.

use sluice_base::WorkerId;
use sluice_sip::Method;
use sluice_sip::via::Via;

use super::client::Event;
use super::downstream::Side;
use super::effects::Effects;
use super::{Scene, Tm};

/// Who sent a request that was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// This worker; its branch, if there is one, has been told.
    This,
    /// Another one.
    Other(WorkerId),
}

impl Tm {
    /// A request of ours was lost. `None`: it belongs to no branch.
    pub fn lost(&mut self, scene: &mut Scene<'_>, quote: &[u8]) -> Option<Sender> {
        let (method, branch) = method_and_branch(quote)?;
        // Whoever forges an ICMP error does not know the check, and costs nobody anything.
        let id = self.secret.read(branch)?;
        if id.worker != self.id {
            return Some(Sender::Other(id.worker));
        }
        // RFC 3261 17.1.1.3: nobody waits for an answer to an ACK.
        let side = match method {
            Method::Ack => return None,
            Method::Cancel => Side::Cancel,
            _ => Side::Request,
        };
        let effects = self.happen(scene, id.key, id.branch, side, Event::SendFailed);
        if side == Side::Request && effects.is_some_and(|effects| effects.has(Effects::LOST)) {
            let failed = self.give_up(scene, id.key, id.branch, 503);
            self.failed.extend(failed);
        }
        Some(Sender::This)
    }
}

/// The method of a request, and the branch of its topmost Via; the rest may be missing. Our Via has
/// a line of its own, written as here.
fn method_and_branch(quote: &[u8]) -> Option<(Method, &[u8])> {
    let mut lines = quote.split(|byte| *byte == b'\n');
    let first = lines.next().filter(|first| !first.starts_with(b"SIP/"))?;
    let method = first.split(|byte| *byte == b' ').next()?;
    let via = lines.find_map(|line| line.strip_prefix(b"Via: "))?;
    let (_, known) = Via::first(via.strip_suffix(b"\r")?)?;
    Some((Method::of(method), known.branch?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_ends_anywhere() {
        let whole = b"INVITE sip:b@x SIP/2.0\r\nMax-Forwards: 9\r\n\
            Via: SIP/2.0/UDP h;branch=z9hG4bKa1\r\nVia: SIP/2.0/UDP i;branch=z9hG4bKb\r\n";
        let end = whole.windows(5).position(|window| window == b"\r\nVia").unwrap();
        let end = end + whole[end + 2..].iter().position(|byte| *byte == b'\n').unwrap() + 3;
        for len in 0..whole.len() {
            let found = method_and_branch(&whole[..len]);
            let expected = (len >= end - 1).then_some((Method::Invite, &b"z9hG4bKa1"[..]));
            assert_eq!(found, expected, "{len} bytes");
        }
        let reply = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa1\r\n";
        assert_eq!(method_and_branch(reply), None);
    }
}
