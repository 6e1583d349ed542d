//! "Did you mean": the nearest of some names by edit distance.

/// Longest name that is compared; longer ones are no misspellings.
const LONGEST: usize = 64;

/// The name nearest to `written`, when it is near enough to be meant: at most a third of its
/// letters differ, ignoring case. Of two letters both must fit: `$rx` could be anything.
pub(crate) fn nearest<'n>(written: &str, names: &[&'n str]) -> Option<&'n str> {
    if written.is_empty() || written.len() > LONGEST {
        return None;
    }
    let allowed = (written.len() / 3).min(3);
    names
        .iter()
        .filter(|name| name.len().abs_diff(written.len()) <= allowed)
        .map(|name| (distance(written.as_bytes(), name.as_bytes()), *name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let width = b.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let same = x.eq_ignore_ascii_case(y);
            let mut best = (last[j] + usize::from(!same)).min(last[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y;
            if swapped {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_found_and_strangers_are_not() {
        let names = ["sl_send_reply", "send_reply", "forward", "xlog"];
        assert_eq!(nearest("sl_send_replay", &names), Some("sl_send_reply"));
        assert_eq!(nearest("foward", &names), Some("forward"));
        assert_eq!(nearest("xlgo", &names), Some("xlog"));
        assert_eq!(nearest("dialog", &names), None);
        assert_eq!(nearest("", &names), None);
        assert_eq!(nearest("RU", &["rd", "ru"]), Some("ru"));
        assert_eq!(nearest("rw", &["rd", "ru"]), None);
    }

    #[test]
    fn counts_each_edit_once() {
        assert_eq!(distance(b"abc", b"abc"), 0);
        assert_eq!(distance(b"abc", b"acb"), 1);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }
}
