//! Shell patterns of `ds_is_in_list`, `avp_check`, blacklists: `*`, `?`, `[a-z]`, `[!a]`, `\x`.
//!
//! A leading period is matched by a period only (spec 3.6). Never recurses.

/// Whether the whole text fits the pattern.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    if text.first() == Some(&b'.') && pattern.first() != Some(&b'.') && !pattern.starts_with(b"\\.")
    {
        return false;
    }
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: the pattern behind it, the text.
    let mut retry = None;
    loop {
        let rest = pattern.get(p..).unwrap_or_default();
        if rest.first() == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        match (text.get(t), rest.is_empty()) {
            (None, true) => return true,
            (Some(byte), false) => {
                if let Some(used) = one(rest, *byte) {
                    p += used;
                    t += 1;
                    continue;
                }
            }
            (None, false) => return false,
            (Some(_), true) => {}
        }
        match retry {
            Some((behind, from)) => {
                retry = Some((behind, from + 1));
                (p, t) = (behind, from + 1);
            }
            None => return false,
        }
    }
}

/// How many bytes of the pattern match this byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', rest @ ..] => match class(rest, byte) {
            Some((fits, len)) => fits.then_some(len + 1),
            None => (byte == b'[').then_some(1),
        },
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// Whether a class holds the byte, and the class's length with its closing bracket; `None` when it
/// is not closed.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let inverted = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(inverted);
    // A bracket in first place is a member.
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|b| *b == b']')?;
    let mut members = pattern.get(start..end)?;
    let mut found = false;
    while let Some((first, rest)) = members.split_first() {
        members = match rest {
            [b'-', last, behind @ ..] => {
                found |= (*first..=*last).contains(&byte);
                behind
            }
            _ => {
                found |= *first == byte;
                rest
            }
        };
    }
    Some((found != inverted, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abcabc", true),
            ("a*c", "abcab", false),
            ("*a*b*", "xxaxxbxx", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[a-]", "-", true),
            ("[x", "[x", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("gw=?", "gw=1", true),
            ("gw", "gw=1", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_ends_soon() {
        let pattern = "*a".repeat(200);
        assert!(!matches(pattern.as_bytes(), "a".repeat(199).as_bytes()));
    }
}
