//! Patches: what shall be different when a message is sent. Received bytes never change.
//!
//! A patch cuts some bytes (maybe none) at an offset and puts text there. They are sorted by
//! (offset, place, order of arrival). Overlapping cuts unite; a text anchored inside another's cut
//! is dropped and counted, and so is that of a second cut of the same bytes. What knows that its
//! earlier edit stands there asks for it ([`Patches::replaced`]) and edits anew
//! ([`Patches::replace_anew`]).
//!
//! At one offset the texts stand in this order: `Before`, `Instead`, `After`; cut bytes of that
//! offset are gone, so that `After` is also where text goes behind a replacement.

use sluice_base::Span;

use crate::limits;

/// Where a text stands relative to the offset's byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Before it, in front of everything already there is decided by order of arrival.
    Before,
    /// Instead of the cut bytes.
    Instead,
    /// After the cut bytes.
    After,
}

/// The patches of one message; texts are kept in one buffer. Reused without allocation.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    /// Sorted by (at, place, order of arrival).
    patches: Vec<Patch>,
    texts: Vec<u8>,
    /// Patches refused because of the limits.
    refused: usize,
}

#[derive(Clone, Copy, Debug)]
struct Patch {
    at: u16,
    place: Place,
    cut: u16,
    /// `start .. end` in the texts.
    text: (u32, u32),
}

/// A state to go back to; see [`Patches::mark`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    text: u32,
    patches: usize,
    refused: usize,
}

impl Patches {
    /// Forgets all, keeps memory.
    pub fn clear(&mut self) {
        self.patches.clear();
        self.texts.clear();
        self.refused = 0;
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.patches.is_empty()
    }

    /// Puts `text` at `at`, which may be the message's length.
    pub fn insert(&mut self, at: u16, place: Place, text: &[u8]) {
        self.insert_with(at, place, |texts| texts.extend_from_slice(text));
    }

    /// Puts the text that `write` appends to the buffer at `at`.
    pub fn insert_with(&mut self, at: u16, place: Place, write: impl FnOnce(&mut Vec<u8>)) {
        self.add(Span::new(at, at), place, write);
    }

    /// Cuts the bytes of `span` and puts `text` in their place (empty: deletes).
    pub fn replace(&mut self, span: Span, text: &[u8]) {
        self.replace_with(span, |texts| texts.extend_from_slice(text));
    }

    /// Cuts the bytes of `span` and puts the text there that `write` appends to the buffer.
    pub fn replace_with(&mut self, span: Span, write: impl FnOnce(&mut Vec<u8>)) {
        self.add(span, Place::Instead, write);
    }

    /// The text that stands in place of exactly these bytes; `None` when they were not replaced.
    pub fn replaced(&self, span: Span) -> Option<&[u8]> {
        let (start, end) = self.patches.iter().find(|patch| patch.stands_for(span))?.text;
        self.texts.get(start as usize..end as usize)
    }

    /// As [`Patches::replace`]; an earlier replacement of exactly these bytes is forgotten.
    pub fn replace_anew(&mut self, span: Span, text: &[u8]) {
        self.patches.retain(|patch| !patch.stands_for(span));
        self.replace(span, text);
    }

    /// Cuts the bytes of `span` with all that was changed within them.
    pub fn remove(&mut self, span: Span) {
        let first = (span.start, Place::Instead);
        let end = |patch: &Patch| u32::from(patch.at) + u32::from(patch.cut);
        self.patches.retain(|patch| {
            let begins_inside = first <= (patch.at, patch.place) && patch.at < span.end;
            !begins_inside || end(patch) > u32::from(span.end)
        });
        self.replace(span, b"");
    }

    /// A mark that [`Patches::rewind`] goes back to.
    pub fn mark(&mut self) -> Mark {
        let mark = Mark {
            text: self.texts.len() as u32,
            patches: self.patches.len(),
            refused: self.refused,
        };
        // A byte of its own tells texts before the mark from those behind it, empty ones too.
        self.texts.push(0);
        mark
    }

    /// Forgets what was added since the mark: what one send needs, the next must not find.
    pub fn rewind(&mut self, mark: Mark) {
        match mark.patches {
            0 => self.patches.clear(),
            _ => self.patches.retain(|patch| patch.text.0 <= mark.text),
        }
        self.texts.truncate(mark.text as usize);
        self.refused = mark.refused;
    }

    /// Writes the patched message behind `out`. Returns how many texts were dropped because they
    /// were anchored inside another's cut or behind the message's end, or were over the limits.
    pub fn write(&self, original: &[u8], out: &mut Vec<u8>) -> usize {
        self.pieces(original, |_, piece, _| out.extend_from_slice(piece))
    }

    /// The length of what [`Patches::write`] would write.
    pub fn written_len(&self, original: &[u8]) -> usize {
        let mut len = 0;
        self.pieces(original, |_, piece, _| len += piece.len());
        len
    }

    /// Writes what becomes of the bytes of `span` behind `out`: with the texts at both its ends.
    pub fn write_part(&self, original: &[u8], span: Span, out: &mut Vec<u8>) {
        self.pieces_of(original, span, |piece| out.extend_from_slice(piece));
    }

    /// The length of what [`Patches::write_part`] would write.
    pub fn part_len(&self, original: &[u8], span: Span) -> usize {
        // Patches are sorted; those that end before the span do not matter, and mostly all do.
        let end = |patch: &Patch| usize::from(patch.at) + usize::from(patch.cut);
        if self.patches.iter().all(|patch| end(patch) < usize::from(span.start)) {
            return span.len();
        }
        let mut len = 0;
        self.pieces_of(original, span, |piece| len += piece.len());
        len
    }

    fn add(&mut self, span: Span, place: Place, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.texts.len();
        write(&mut self.texts);
        let end = self.texts.len();
        if end > limits::PATCH_TEXT || self.patches.len() >= limits::PATCHES {
            self.texts.truncate(start);
            self.refused += 1;
            return;
        }
        let patch = Patch {
            at: span.start,
            place,
            cut: span.len() as u16,
            text: (start as u32, end as u32),
        };
        let key = (patch.at, place);
        let behind = self.patches.iter().rposition(|other| (other.at, other.place) <= key);
        self.patches.insert(behind.map_or(0, |last| last + 1), patch);
    }

    /// Gives the pieces of what becomes of a span to `emit`.
    fn pieces_of<'a>(&'a self, original: &'a [u8], span: Span, mut emit: impl FnMut(&'a [u8])) {
        let (first, last) = (usize::from(span.start), usize::from(span.end));
        self.pieces(original, |at, piece, kind| match kind {
            Piece::Text if at < first || last < at => {}
            Piece::Text => emit(piece),
            Piece::Original => {
                let from = first.saturating_sub(at).min(piece.len());
                let to = last.saturating_sub(at).min(piece.len());
                emit(piece.get(from..to).unwrap_or_default());
            }
        });
    }

    /// Gives every piece of the patched message to `emit`, with the offset where it stands or is
    /// anchored; returns how many texts were dropped.
    #[inline]
    fn pieces<'a>(
        &'a self,
        original: &'a [u8],
        mut emit: impl FnMut(usize, &'a [u8], Piece),
    ) -> usize {
        let mut dropped = self.refused;
        // `cut` is the united cut that reaches furthest so far; all before its end is done.
        let mut cut = 0..0;
        for patch in &self.patches {
            let at = usize::from(patch.at);
            let text = self.texts.get(patch.text.0 as usize..patch.text.1 as usize);
            let text = text.unwrap_or_default();
            if at > original.len() {
                dropped += usize::from(!text.is_empty());
                continue;
            }
            if at < cut.end && (cut.start < at || patch.cut > 0) {
                dropped += usize::from(!text.is_empty());
            } else {
                if at >= cut.end {
                    emit(cut.end, original.get(cut.end..at).unwrap_or_default(), Piece::Original);
                    cut = at..at;
                }
                emit(at, text, Piece::Text);
            }
            cut.end = cut.end.max((at + usize::from(patch.cut)).min(original.len()));
        }
        emit(cut.end, original.get(cut.end..).unwrap_or_default(), Piece::Original);
        dropped
    }
}

impl Patch {
    /// Whether it stands in place of exactly these bytes, or of none at that offset.
    fn stands_for(&self, span: Span) -> bool {
        let cut = Span::new(self.at, self.at.saturating_add(self.cut));
        self.place == Place::Instead && cut == span
    }
}

/// What a piece of a patched message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece {
    /// Received bytes.
    Original,
    /// The text of a patch.
    Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewinding_forgets_only_what_came_later() {
        let mut patches = Patches::default();
        patches.replace(Span::new(0, 1), b"");
        patches.insert(3, Place::After, b"X");
        let mark = patches.mark();
        patches.replace(Span::new(1, 2), b"");
        patches.insert(3, Place::Before, b"Y");
        let mut out = Vec::new();
        patches.write(b"abcd", &mut out);
        patches.rewind(mark);
        patches.write(b"abcd", &mut out);
        assert_eq!(out, b"cYXdbcXd");
    }

    fn write(patches: &Patches, original: &[u8]) -> (String, usize) {
        let mut out = b"|".to_vec();
        let dropped = patches.write(original, &mut out);
        assert_eq!(out.len(), 1 + patches.written_len(original));
        (String::from_utf8(out).unwrap(), dropped)
    }

    #[test]
    fn order_at_one_offset() {
        let mut patches = Patches::default();
        patches.insert(2, Place::After, b"E");
        patches.replace(Span::new(2, 4), b"C");
        patches.insert(2, Place::Before, b"A");
        patches.insert(2, Place::Before, b"B");
        patches.insert(2, Place::Instead, b"D");
        patches.insert(6, Place::Before, b"end");
        patches.insert(0, Place::Before, b"begin");
        assert_eq!(write(&patches, b"012345"), ("|begin01ABCDE45end".into(), 0));
        patches.clear();
        assert!(patches.is_empty());
        assert_eq!(write(&patches, b"012345"), ("|012345".into(), 0));
    }

    #[test]
    fn overlapping_cuts_unite() {
        let mut patches = Patches::default();
        patches.replace(Span::new(1, 4), b"A");
        patches.replace(Span::new(3, 6), b"lost");
        patches.insert(5, Place::Before, b"lost too: inside the united cut");
        patches.insert(6, Place::Before, b"B");
        patches.replace(Span::new(6, 7), b"");
        patches.replace(Span::new(2, 3), b"");
        assert_eq!(write(&patches, b"0123456789"), ("|0AB789".into(), 2));
    }

    #[test]
    fn the_same_bytes_are_cut_once() {
        let mut patches = Patches::default();
        patches.replace(Span::new(2, 4), b"A");
        patches.replace(Span::new(2, 4), b"lost");
        patches.insert(4, Place::Before, b"B");
        assert_eq!(write(&patches, b"012345"), ("|01AB45".into(), 1));
        assert_eq!(patches.replaced(Span::new(2, 4)), Some(&b"A"[..]));
        patches.replace_anew(Span::new(2, 4), b"C");
        assert_eq!(patches.replaced(Span::new(2, 4)), Some(&b"C"[..]));
        assert_eq!(patches.replaced(Span::new(3, 4)), None);
        patches.replace_anew(Span::new(6, 6), b"lost");
        patches.replace_anew(Span::new(6, 6), b"D");
        assert_eq!(patches.replaced(Span::new(6, 6)), Some(&b"D"[..]));
        assert_eq!(write(&patches, b"012345"), ("|01CB45D".into(), 0));
        patches.replace(Span::new(2, 5), b"");
        assert_eq!(write(&patches, b"012345"), ("|01C5D".into(), 1), "B lies inside");
    }

    #[test]
    fn removing_takes_what_was_changed_inside() {
        let mut patches = Patches::default();
        patches.insert(1, Place::Before, b"A");
        patches.replace(Span::new(2, 4), b"gone");
        patches.insert(4, Place::Before, b"gone");
        patches.insert(5, Place::Before, b"B");
        patches.remove(Span::new(2, 5));
        assert_eq!(write(&patches, b"0123456"), ("|0A1B56".into(), 0));
        patches.replace(Span::new(5, 7), b"C");
        patches.remove(Span::new(5, 6));
        assert_eq!(write(&patches, b"0123456"), ("|0A1BC".into(), 0), "C reaches further");
    }

    #[test]
    fn a_part_is_written_with_the_texts_at_its_ends() {
        let mut patches = Patches::default();
        patches.insert(1, Place::Before, b"x");
        patches.insert(2, Place::Before, b"A");
        patches.replace(Span::new(3, 4), b"B");
        patches.insert(6, Place::After, b"C");
        patches.insert(7, Place::Before, b"y");
        for (from, to, expected) in
            [(2, 6, "A2B45C"), (3, 4, "B"), (4, 5, "4"), (6, 6, "C"), (0, 8, "0x1A2B45C6y7")]
        {
            let mut out = Vec::new();
            patches.write_part(b"01234567", Span::new(from, to), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{from}..{to}");
            assert_eq!(patches.part_len(b"01234567", Span::new(from, to)), expected.len());
        }
    }

    #[test]
    fn behind_the_end() {
        let mut patches = Patches::default();
        patches.replace(Span::new(3, 9), b"x");
        patches.insert(4, Place::Before, b"y");
        patches.insert(5, Place::Before, b"lost");
        assert_eq!(write(&patches, b"0123"), ("|012xy".into(), 1));
        patches.clear();
        patches.insert(5, Place::Before, b"lost");
        assert_eq!(write(&patches, b"0123"), ("|0123".into(), 1));
    }

    #[test]
    fn over_the_limits() {
        let mut patches = Patches::default();
        patches.insert(0, Place::Before, &vec![b'a'; limits::PATCH_TEXT + 1]);
        assert!(patches.is_empty());
        for _ in 0..=limits::PATCHES {
            patches.insert(1, Place::Before, b"b");
        }
        let (text, dropped) = write(&patches, b"01");
        assert_eq!((text.len(), dropped), (1 + 2 + limits::PATCHES, 2));
    }

    #[test]
    fn writing_allocates_nothing_where_there_is_room() {
        let mut patches = Patches::default();
        patches.replace(Span::new(0, 1), b"abc");
        let mut out = Vec::with_capacity(patches.written_len(b"012"));
        let before = out.as_ptr();
        patches.write(b"012", &mut out);
        assert_eq!((out.as_slice(), out.as_ptr()), (&b"abc12"[..], before));
    }
}
