//! What a request was sent on with in place of the caller's own From, To or CSeq, and how replies
//! get the caller's back (spec 9.8): a caller matches a reply by what he has sent (RFC 3261 8.2.6).
//!
//! Whoever replaces one of them in a request does it here; the first branch that leaves so has the
//! transaction remember the caller's. Only replies that go upstream are changed.

use sluice_base::Span;
use sluice_base::slab::Key;
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::text::{self, leading_digits, trim_end};
use sluice_sip::{Kind, Message};

use crate::context::Ctx;
use crate::digits::Digits;
use crate::tm::cookie::BranchId;

/// Which of them, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Replaced(u8);

impl Replaced {
    /// None.
    pub const NONE: Self = Self(0);
    /// From.
    pub const FROM: Self = Self(1);
    /// To.
    pub const TO: Self = Self(2);
    /// CSeq.
    pub const CSEQ: Self = Self(4);

    /// Adds others.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What replies get back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Originals {
    /// The value of From.
    from: Option<Box<[u8]>>,
    /// The value of To, without parameters: the tag is the callee's.
    to: Option<Box<[u8]>>,
    /// The digits of CSeq.
    cseq: Option<Box<[u8]>>,
}

impl Originals {
    fn add(&mut self, message: &Message<'_>, replaced: Replaced) {
        if replaced.has(Replaced::FROM) {
            self.from = message.value(Kind::From).map(Box::from);
        }
        if replaced.has(Replaced::TO) {
            self.to = message.value(Kind::To).and_then(head).map(Box::from);
        }
        if replaced.has(Replaced::CSEQ) {
            self.cseq = number(message).map(|span| message.text(span).into());
        }
    }
}

/// A branch goes out: its transaction remembers what it was sent without.
pub(crate) fn keep(ctx: &mut Ctx<'_>, key: Key) {
    let replaced = ctx.run.replaced;
    if replaced == Replaced::NONE {
        return;
    }
    if let Some(transaction) = ctx.local.tm.get_mut(key) {
        let originals = transaction.script.originals.get_or_insert_default();
        originals.add(&ctx.message, replaced);
    }
}

/// A reply goes up: it gets the caller's own back.
pub(crate) fn restore(ctx: &mut Ctx<'_>, id: BranchId) {
    let tm = &ctx.local.tm;
    let of_remnant = || tm.seen(id.key).map(|seen| &seen.script);
    let script = tm.get(id.key).map(|transaction| &transaction.script).or_else(of_remnant);
    let Some(originals) = script.and_then(|script| script.originals.as_deref()) else { return };
    let message = ctx.message;
    let patches = &mut ctx.run.patches;
    if let (Some(from), Some(field)) = (&originals.from, message.field(Kind::From)) {
        patches.replace_anew(field.value, from);
    }
    if let (Some(to), Some(now)) = (&originals.to, message.value(Kind::To).and_then(head)) {
        patches.replace_anew(message.span_of(now), to);
    }
    if let (Some(cseq), Some(now)) = (&originals.cseq, number(&message)) {
        patches.replace_anew(now, cseq);
    }
}

impl Ctx<'_> {
    /// The CSeq number that the request is sent on with.
    pub fn cseq_sent(&self) -> Option<u32> {
        let span = number(&self.message)?;
        let digits = self.run.patches.replaced(span).unwrap_or(self.message.text(span));
        text::number(digits)
    }

    /// Sends the request on with another CSeq number; false when it has none.
    pub fn replace_cseq(&mut self, to: u32) -> bool {
        let Some(span) = number(&self.message) else { return false };
        self.run.patches.replace_anew(span, Digits::of(i64::from(to)).as_bytes());
        self.run.replaced = self.run.replaced.and(Replaced::CSEQ);
        true
    }
}

/// A name-addr or addr-spec with its display name and brackets, without header parameters.
fn head(value: &[u8]) -> Option<&[u8]> {
    let party = NameAddr::parse(value)?;
    let start = party.uri.as_ptr() as usize - value.as_ptr() as usize;
    let end = start + party.uri.len();
    let behind = value.get(end..)?.iter().position(|byte| *byte == b'>');
    let bracketed = trim_end(value.get(..start)?).ends_with(b"<");
    value.get(..behind.filter(|_| bracketed).map_or(end, |at| end + at + 1))
}

/// Where the digits of CSeq are.
fn number(message: &Message<'_>) -> Option<Span> {
    let value = message.value(Kind::CSeq)?;
    let digits = value.get(..leading_digits(value)).filter(|digits| !digits.is_empty())?;
    Some(message.span_of(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_party_is_what_stands_before_its_parameters() {
        for (value, expected) in [
            ("\"A, <b>\" <sip:a@x;lr>;tag=1", "\"A, <b>\" <sip:a@x;lr>"),
            ("<sip:a@x>", "<sip:a@x>"),
            ("sip:a@x;tag=1", "sip:a@x"),
            ("sip:a@x", "sip:a@x"),
            ("A < sip:a@x > ;tag=1", "A < sip:a@x >"),
        ] {
            assert_eq!(head(value.as_bytes()), Some(expected.as_bytes()));
        }
        assert_eq!(head(b"<sip:a@x"), None);
    }
}
