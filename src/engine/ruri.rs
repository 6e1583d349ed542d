//! The request's present Request-URI and next hop, and pieces of texts.
//!
//! The Request-URI and `$du` are fields of the run, not patches: reading them shows changes at
//! once (spec 2.4). Never looks a name up.

use sluice_sip::text::has_blank;
use sluice_sip::uri::Uri;

use crate::context::Ctx;
use crate::value::{Source, Text};

impl Ctx<'_> {
    /// The present Request-URI; `None` on a reply.
    #[inline]
    pub fn ruri(&self) -> Option<Text> {
        match self.run.ruri {
            Some(text) => Some(text),
            None => self.original_ruri(),
        }
    }

    /// The Request-URI as received; `None` on a reply.
    #[inline]
    pub fn original_ruri(&self) -> Option<Text> {
        let span = self.message.uri()?;
        let len = span.len() as u32;
        Some(Text { source: Source::Message, start: u32::from(span.start), len })
    }

    /// Whether the present Request-URI can stand in a first line: a script may have made it empty,
    /// or put blanks or a folded header value into it.
    #[inline]
    pub fn ruri_fits(&self) -> bool {
        self.run.ruri.is_none_or(|text| {
            let text = self.bytes(text);
            !text.is_empty() && !has_blank(text)
        })
    }

    /// Where the request goes: `$du`, else the Request-URI.
    #[inline]
    pub fn next_hop(&self) -> Option<Text> {
        self.run.destination.or_else(|| self.ruri())
    }

    /// A text read as a URI.
    #[inline]
    pub fn uri(&self, text: Text) -> Option<Uri<'_>> {
        Uri::parse(self.bytes(text))
    }

    /// The text of a piece of `whole`, which must lie within its bytes (else: the empty text).
    #[inline]
    pub fn piece(&self, whole: Text, piece: &[u8]) -> Text {
        let at = (piece.as_ptr() as usize).wrapping_sub(self.bytes(whole).as_ptr() as usize);
        match u32::try_from(at) {
            Ok(at) if at as usize + piece.len() <= whole.len as usize => {
                Text { source: whole.source, start: whole.start + at, len: piece.len() as u32 }
            }
            _ => Text { len: 0, ..whole },
        }
    }
}
