//! The reply to a REGISTER (spec 6.2, 6.4): its header lines and the sending.

use sluice_engine::{Ctx, relay, reply};
use sluice_sip::digits::push_u64;

use super::params::Options;
use super::refusal::{Refusal, phrase};
use crate::usrloc::api::{Contact, Fixed};

/// Answers with what lies in the reply's lines behind `before`; false when nothing was sent.
pub(super) fn send(ctx: &mut Ctx<'_>, code: u16, before: usize) -> bool {
    let sent = match ctx.run.transaction {
        Some(key) => {
            relay::answer(ctx, key, code, phrase(code).as_bytes());
            true
        }
        None => {
            let phrase = ctx.keep(phrase(code).as_bytes());
            matches!(reply::send(ctx, code, phrase), reply::Sent::Sent)
        }
    };
    ctx.run.reply_lines.truncate(before);
    sent
}

/// Answers why it was refused; false when nothing was sent.
pub(super) fn refuse(ctx: &mut Ctx<'_>, refusal: Refusal, options: &Options) -> bool {
    let before = ctx.run.reply_lines.len();
    let lines = &mut ctx.run.reply_lines;
    if refusal == Refusal::PathUnsupported {
        lines.extend_from_slice(b"Unsupported: path\r\n");
    }
    for piece in ["P-Registrar-Error: ", refusal.text(), "\r\n"] {
        lines.extend_from_slice(piece.as_bytes());
    }
    let seconds = match refusal {
        // The contacts are still being read.
        Refusal::NotReady => options.retry_after.max(1),
        refusal if refusal.code() >= 500 => options.retry_after,
        _ => 0,
    };
    if seconds > 0 {
        lines.extend_from_slice(b"Retry-After: ");
        push_u64(lines, seconds.into());
        lines.extend_from_slice(b"\r\n");
    }
    send(ctx, refusal.code(), before)
}

/// `Contact: <uri>;q=0.5;expires=60;received="..", <..>` of those that have not expired, with its
/// line end; nothing when there is none.
pub(super) fn push_contacts<'c>(
    lines: &mut Vec<u8>,
    contacts: impl Iterator<Item = Contact<'c>>,
    now_s: u32,
    received_param: &str,
) {
    let mut lead: &[u8] = b"Contact: <";
    for contact in contacts.filter(|contact| contact.fixed.lives(now_s)) {
        lines.extend_from_slice(lead);
        lead = b", <";
        lines.extend_from_slice(contact.uri);
        lines.push(b'>');
        if let Ok(q) = u16::try_from(contact.fixed.q) {
            lines.extend_from_slice(b";q=");
            reply::push_q(lines, q);
        }
        lines.extend_from_slice(b";expires=");
        push_u64(lines, remaining(&contact.fixed, now_s).into());
        if !contact.received.is_empty() {
            for piece in [b";", received_param.as_bytes(), b"=\"", contact.received, b"\""] {
                lines.extend_from_slice(piece);
            }
        }
    }
    if lead == b", <" {
        lines.extend_from_slice(b"\r\n");
    }
}

/// Seconds that are left; of one that does not expire, as many as OpenSIPS says.
const fn remaining(fixed: &Fixed, now_s: u32) -> u32 {
    match fixed.expires {
        0 => i32::MAX as u32,
        expires => expires.saturating_sub(now_s),
    }
}
