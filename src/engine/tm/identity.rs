//! What tells a received request's transaction (RFC 3261 17.2.3), as hashes.
//!
//! The text of a request is not kept for comparing: two 64-bit hashes are. Who forged a collision
//! would need a caller's Call-ID and branch, and would hurt that call only.

use sluice_base::OwnerSeed;
use sluice_sip::via::{Known, Via};
use sluice_sip::{Message, Method};

use crate::forward::COOKIE;

const CALLS: OwnerSeed = OwnerSeed(0x746D_2D63_616C_6C73);
const OWN: u64 = 0x746D_2D6F_776E;
const PRINTS: OwnerSeed = OwnerSeed(0x746D_2D70_7269_6E74);

/// Two requests with equal identities belong to one transaction, as far as their methods allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Of Call-ID and CSeq number: by this the table is searched.
    pub call: u64,
    /// Of the topmost Via's branch and sent-by; of what RFC 2543 compared where the branch has no
    /// magic cookie.
    pub print: u64,
}

impl Identity {
    /// Of a request whose topmost Via is `via`.
    pub fn of(message: &Message<'_>, (via, known): &(Via<'_>, Known<'_>)) -> Self {
        let number = message.cseq().map_or(0, |(number, _)| number);
        let call = call(message.call_id(), number);
        let branch = known.branch.unwrap_or_default();
        let mix = |hash: u64, part: &[u8]| OwnerSeed(hash).hash(part);
        let print = if branch.len() > COOKIE.len() && branch.starts_with(COOKIE) {
            let port = u64::from(via.port.unwrap_or(5060));
            mix(mix(PRINTS.0 ^ port, via.host), branch)
        } else {
            // The To tag is left out, since an ACK has one that its INVITE has not.
            let from_tag = message.from().and_then(|from| from.tag()).unwrap_or_default();
            let uri = message.uri().map(|uri| message.text(uri)).unwrap_or_default();
            [from_tag, uri, via.text].into_iter().fold(PRINTS.0, mix)
        };
        Self { call, print }
    }

    /// Of a copy of this request for a destination: nothing that is received belongs to it.
    pub fn of_copy(self, uri: &[u8]) -> Self {
        Self { print: OwnerSeed(self.print ^ OWN).hash(uri), ..self }
    }

    /// Of a request of our own: nothing that is received belongs to it, not even itself.
    pub fn of_own(call_id: &[u8], cseq: u32) -> Self {
        Self { call: call(call_id, cseq), print: OWN }
    }

    /// Whether it is that of a request of our own.
    pub fn is_own(self) -> bool {
        self.print == OWN
    }
}

fn call(call_id: &[u8], cseq: u32) -> u64 {
    OwnerSeed(CALLS.0 ^ u64::from(cseq)).hash(call_id)
}

/// Which transactions a request of this method may belong to.
pub fn may_be(received: Method, of: Method) -> bool {
    match received {
        // RFC 3261 17.2.3: an ACK belongs to its INVITE, a CANCEL to anything but a CANCEL.
        Method::Ack => of == Method::Invite,
        other => other == of,
    }
}
