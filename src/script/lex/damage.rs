//! What web pages and word processors do to a script: recognised, so that it can be named.

use std::borrow::Cow;

/// A piece of damage at the beginning of the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Damage {
    /// A row of dashes, perhaps with text in it; it takes the line.
    Row,
    /// A typographic quote: length of the quote, length up to and with its closing one.
    Quote { glyph: usize, whole: usize, closed: bool },
    /// HTML tags: length.
    Tag(usize),
    /// An HTML entity: length, what it stood for.
    Entity(usize, &'static str),
}

/// Double and single typographic quotes.
const QUOTES: &[&str] = &["\u{201C}", "\u{201D}", "\u{201E}", "\u{201F}", "\u{2018}", "\u{2019}"];
const DASHES: &[&str] = &["\u{2013}", "\u{2014}", "\u{2015}", "\u{2212}", "\u{2012}", "\u{2010}"];
const TAGS: &[&str] = &[
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "div",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "table",
    "td",
    "tr",
    "tt",
    "ul",
];
const ENTITIES: &[(&str, &str)] = &[
    ("&quot;", "\""),
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&nbsp;", " "),
    ("&#39;", "'"),
    ("&#8220;", "\""),
    ("&#8221;", "\""),
];

/// Longest HTML tag that is looked for.
const LONGEST_TAG: usize = 256;

/// The damage at the beginning of the bytes. `first`: nothing stands before it on its line.
pub(crate) fn find(line: &[u8], first: bool) -> Option<Damage> {
    if first && is_row(line) {
        return Some(Damage::Row);
    }
    if let Some(glyph) = any_of(line, QUOTES) {
        return Some(quote(line, glyph));
    }
    if let Some(length) = tags(line) {
        return Some(Damage::Tag(length));
    }
    let (text, meant) = ENTITIES.iter().find(|(text, _)| line.starts_with(text.as_bytes()))?;
    Some(Damage::Entity(text.len(), meant))
}

/// Length of white space that is no ASCII: no-break space, zero-width space, byte order mark.
pub(crate) fn odd_blank(bytes: &[u8]) -> Option<usize> {
    any_of(bytes, &["\u{A0}", "\u{200B}", "\u{FEFF}", "\u{2003}", "\u{2002}", "\u{2009}"])
}

/// A short name of what an unknown character is.
pub(crate) fn character(bytes: &[u8]) -> Cow<'_, str> {
    let head = &bytes[..bytes.len().min(4)];
    match std::str::from_utf8(head) {
        Ok(text) => text.chars().next().map_or(Cow::Borrowed(""), |c| c.to_string().into()),
        Err(e) if e.valid_up_to() > 0 => {
            Cow::Owned(String::from_utf8_lossy(&head[..e.valid_up_to()]).chars().take(1).collect())
        }
        Err(_) => Cow::Owned(format!("byte 0x{:02x}", head.first().copied().unwrap_or(0))),
    }
}

fn any_of(bytes: &[u8], glyphs: &[&str]) -> Option<usize> {
    glyphs.iter().find(|glyph| bytes.starts_with(glyph.as_bytes())).map(|glyph| glyph.len())
}

/// Two ASCII dashes, three of another ruler character, or one typographic dash begin the line.
fn is_row(line: &[u8]) -> bool {
    let ruler = |c: u8, n: usize| line.len() >= n && line[..n].iter().all(|b| *b == c);
    any_of(line, DASHES).is_some()
        || ruler(b'-', 2)
        || ruler(b'=', 3)
        || ruler(b'*', 3)
        || ruler(b'~', 3)
}

/// Finds the quote that closes a typographic one on its line: a typographic or a plain one.
fn quote(rest: &[u8], glyph: usize) -> Damage {
    let mut at = glyph;
    while let Some(byte) = rest.get(at).filter(|byte| **byte != b'\n') {
        let closing = any_of(&rest[at..], QUOTES).or((*byte == b'"').then_some(1));
        if let Some(length) = closing {
            return Damage::Quote { glyph, whole: at + length, closed: true };
        }
        at += 1;
    }
    Damage::Quote { glyph, whole: at, closed: false }
}

/// Length of one or more HTML tags that follow each other.
fn tags(line: &[u8]) -> Option<usize> {
    let mut length = 0;
    while let Some(n) = tag(&line[length..]) {
        length += n;
    }
    (length > 0).then_some(length)
}

fn tag(line: &[u8]) -> Option<usize> {
    let inner = line.strip_prefix(b"<")?;
    let inner = inner.strip_prefix(b"/").unwrap_or(inner);
    let name = inner.iter().take(12).take_while(|b| b.is_ascii_alphanumeric()).count();
    let word = std::str::from_utf8(&inner[..name]).ok()?.to_ascii_lowercase();
    if !TAGS.contains(&word.as_str()) {
        return None;
    }
    // `<b && $x > 1` compares; `<a href="..">` does not: what follows a name is an attribute.
    let rest = inner.get(name..)?;
    let attribute = rest.first() == Some(&b' ')
        && rest.get(1).is_some_and(|b| b.is_ascii_alphabetic() || b"/>".contains(b));
    if !rest.starts_with(b">") && !rest.starts_with(b"/>") && !attribute {
        return None;
    }
    let close = line.iter().take(LONGEST_TAG).position(|b| *b == b'>' || *b == b'\n')?;
    (line[close] == b'>').then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tags_and_quotes_are_told_from_script() {
        assert_eq!(find("—————– params —————".as_bytes(), true), Some(Damage::Row));
        assert_eq!(find(b"-- mi_fifo params --", true), Some(Damage::Row));
        assert_eq!(find(b"--x", false), None);
        assert_eq!(find(b"<pre><code>// x", true), Some(Damage::Tag(11)));
        assert_eq!(find(b"<a href=\"x\">", false), Some(Damage::Tag(12)));
        assert_eq!(find(b"<b && $x > 1", false), None);
        assert_eq!(find(b"<= 5", false), None);
        assert_eq!(find(b"&amp;&amp;", false), Some(Damage::Entity(5, "&")));
        let text = "“db_text”, x";
        let whole = "“db_text”".len();
        assert_eq!(
            find(text.as_bytes(), false),
            Some(Damage::Quote { glyph: 3, whole, closed: true })
        );
    }

    #[test]
    fn characters_have_names() {
        assert_eq!(character("…x".as_bytes()), "…");
        assert_eq!(character(b"\xff\xfe"), "byte 0xff");
        assert_eq!(character(b""), "");
    }
}
