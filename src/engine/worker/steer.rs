//! Which messages may use the last quarter of a hop ring: those that end something or belong to
//! a call that is up. New calls are refused first.

use sluice_sip::{Message, Method, StartLine};

/// Whether a message goes before new calls: replies, ACK, BYE, CANCEL, in-dialog requests.
pub(super) fn privileged(message: &Message<'_>) -> bool {
    match message.start() {
        StartLine::Reply { .. } => true,
        StartLine::Request { method: Method::Ack | Method::Bye | Method::Cancel, .. } => true,
        StartLine::Request { .. } => message.to().is_some_and(|to| to.tag().is_some()),
    }
}
