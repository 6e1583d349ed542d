//! Cached registrations: `save()` in a reply route keeps the contacts of the REGISTER that the
//! reply answers, for as long as another registrar has granted them (spec 6.2 step 2, 6.5).
//!
//! Takes a reply of a transaction; gives the request, and what the reply grants. Changes nothing.

use sluice_base::SocketId;
use sluice_engine::Ctx;
use sluice_engine::run::AvpKey;
use sluice_sip::same::same_texts;
use sluice_sip::text::number;
use sluice_sip::{Index, Kind, Message};

/// The request, in memory that is used again.
#[derive(Default)]
pub(super) struct Cached {
    bytes: Vec<u8>,
    index: Index,
    /// The contact as the request was sent on with, where that was another one; else empty.
    changed: Vec<u8>,
}

/// What a reply grants to the contacts of its request.
#[derive(Clone, Copy)]
pub(super) struct Grants<'m> {
    reply: Message<'m>,
    changed: &'m [u8],
}

/// What `save()` is about.
pub(super) struct Subject<'m> {
    /// The REGISTER.
    pub message: Message<'m>,
    /// The socket that it came by.
    pub socket: SocketId,
    /// What was granted, if this is known by a reply.
    pub grants: Option<Grants<'m>>,
}

impl Cached {
    /// The message itself; in a reply route the request of its transaction. `changed` is the AVP
    /// with the contact that was sent on (`mcontact_avp`).
    pub fn subject<'m>(
        &'m mut self,
        ctx: &Ctx<'_>,
        own: Message<'m>,
        changed: Option<u32>,
    ) -> Subject<'m> {
        let itself = Subject { message: own, socket: ctx.packet.socket, grants: None };
        let transaction = ctx.run.branch.and_then(|branch| ctx.local.tm.get(branch.key));
        let Some(transaction) = transaction.filter(|_| own.status().is_some()) else {
            return itself;
        };
        self.bytes.clear();
        self.bytes.extend_from_slice(&transaction.request);
        self.changed.clear();
        let avp = changed.and_then(|slot| ctx.avp_newest(AvpKey::Slot(slot))?.text());
        self.changed.extend(avp.map(|text| ctx.bytes(text)).unwrap_or_default());
        match self.index.scan(&self.bytes) {
            Ok(()) => Subject {
                message: Message { bytes: &self.bytes, index: &self.index },
                socket: transaction.packet.socket,
                grants: Some(Grants { reply: own, changed: &self.changed }),
            },
            Err(_) => itself,
        }
    }
}

impl Grants<'_> {
    /// Seconds that a contact of the request is granted: 0 when the reply does not list it.
    pub fn seconds(&self, uri: &[u8]) -> u32 {
        let wanted = if self.changed.is_empty() { uri } else { self.changed };
        let mut listed = self.reply.name_addrs(Kind::Contact);
        let Some(contact) = listed.find(|listed| same_texts(listed.uri, wanted)) else { return 0 };
        let seconds = contact.param("expires").or_else(|| self.reply.value(Kind::Expires));
        seconds.and_then(number).unwrap_or(0)
    }
}
