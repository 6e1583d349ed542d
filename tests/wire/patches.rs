//! Patches against naive editing: every byte of the original is a cell with texts around it.

use proptest::prelude::*;
use sluice_base::Span;
use sluice_sip::{Patches, Place};

#[derive(Clone, Debug)]
struct Edit {
    at: u16,
    cut: u16,
    place: Place,
    text: String,
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = prop::sample::select(&[Place::Before, Place::Instead, Place::After][..]);
    (0..44u16, 0..9u16, place, "[A-Z]{0,3}").prop_map(|(at, cut, place, text)| {
        let cut = if place == Place::Instead { cut } else { 0 };
        Edit { at, cut, place, text }
    })
}

/// Marks the cut bytes, then puts each text at its offset unless the byte before it and the byte at
/// it are cut by one united cut, or it belongs to a second cut from that offset.
fn naive(original: &str, edits: &[Edit]) -> (String, usize) {
    let len = original.len();
    // A boundary is inside when some cut, or chain of overlapping cuts, spans it.
    let mut cuts: Vec<(usize, usize)> = edits
        .iter()
        .filter(|edit| edit.cut > 0 && usize::from(edit.at) < len)
        .map(|edit| (usize::from(edit.at), (usize::from(edit.at) + usize::from(edit.cut)).min(len)))
        .collect();
    cuts.sort_unstable();
    let mut united: Vec<(usize, usize)> = Vec::new();
    for (start, end) in cuts {
        match united.last_mut() {
            Some(last) if start < last.1 => last.1 = last.1.max(end),
            _ => united.push((start, end)),
        }
    }
    let (mut out, mut dropped) = (String::new(), 0);
    for at in 0..=44 {
        let inside = united.iter().any(|(start, end)| *start < at && at < *end) || at > len;
        let mut cuts_here = 0;
        for place in [Place::Before, Place::Instead, Place::After] {
            for edit in edits.iter().filter(|e| usize::from(e.at) == at && e.place == place) {
                cuts_here += usize::from(edit.cut > 0 && at < len);
                if inside || edit.cut > 0 && cuts_here > 1 {
                    dropped += usize::from(!edit.text.is_empty());
                } else {
                    out.push_str(&edit.text);
                }
            }
        }
        let cut = united.iter().any(|(start, end)| (*start..*end).contains(&at));
        out.extend(original.chars().nth(at).filter(|_| !cut));
    }
    (out, dropped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn as_naive_editing(len in 0..40usize, edits in prop::collection::vec(edit(), 0..8)) {
        let original = &"abcdefghijklmnopqrstuvwxyz0123456789-._~"[..len];
        let mut patches = Patches::default();
        for Edit { at, cut, place, text } in &edits {
            match place {
                Place::Instead => patches.replace(Span::new(*at, at + cut), text.as_bytes()),
                _ => patches.insert(*at, *place, text.as_bytes()),
            }
        }
        let mut out = b"kept".to_vec();
        let dropped = patches.write(original.as_bytes(), &mut out);
        let (expected, expected_dropped) = naive(original, &edits);
        prop_assert_eq!(String::from_utf8(out).unwrap(), format!("kept{expected}"));
        prop_assert_eq!(dropped, expected_dropped);
        prop_assert_eq!(patches.written_len(original.as_bytes()), expected.len());
    }
}
