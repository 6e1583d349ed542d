//! The Route headers of a request as one list, and taking entries out of it.

use sluice_base::Span;
use sluice_sip::nameaddr::{NameAddr, items};
use sluice_sip::{Field, Kind, Message, Patches};

/// One entry.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    field: &'a Field,
    /// The entry's bytes.
    span: Span,
    /// What it says.
    pub(super) addr: NameAddr<'a>,
}

/// All entries that can be read, topmost first.
pub(super) fn entries<'a>(message: &Message<'a>) -> Vec<Entry<'a>> {
    let message = *message;
    let all = message.fields(Kind::Route).flat_map(move |field| {
        items(message.text(field.value)).filter_map(move |item| {
            Some(Entry { field, span: message.span_of(item), addr: NameAddr::parse(item)? })
        })
    });
    all.collect()
}

/// Takes the entries that are `gone` out of the list, by their places.
pub(super) fn remove(entries: &[Entry<'_>], gone: impl Fn(usize) -> bool, patches: &mut Patches) {
    for (at, entry) in entries.iter().enumerate().filter(|(at, _)| gone(*at)) {
        let same = |other: &Entry<'_>| other.field.line == entry.field.line;
        let next = entries.get(at + 1).filter(|next| same(next));
        let kept_before = entries.iter().enumerate().take(at).rev();
        let kept_before = kept_before.take_while(|(_, e)| same(e)).find(|(at, _)| !gone(*at));
        let whole = entries.iter().enumerate().all(|(at, other)| !same(other) || gone(at));
        let cut = match (next, kept_before) {
            _ if whole => entry.field.line,
            // With the comma behind it.
            (Some(next), None) => Span::new(entry.span.start, next.span.start),
            // With the comma before it.
            _ => {
                let before = at.checked_sub(1).and_then(|at| entries.get(at));
                Span::new(before.map_or(entry.span.start, |b| b.span.end), entry.span.end)
            }
        };
        patches.remove(cut);
    }
}
