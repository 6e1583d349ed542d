//! Includes of a script that goes through a preprocessor (spec 1.1): the preprocessor gets all
//! files as one text, as in OpenSIPS, so that what one file defines holds in the others.
//!
//! [`flatten`] puts each included file between two marks, which are comments of the script and of
//! m4. [`apart`] takes what the preprocessor has made of the text apart at the marks, so that
//! findings name the file that they are in. A preprocessor that removes comments leaves one file.
//! What cannot be read stays as it is, for the compiler to tell.

use std::io;

use sluice_script::SourceText;
use sluice_script::limits::{INCLUDE_DEPTH, INCLUDE_FILES, SOURCE_BYTES};

const BEGIN: &[u8] = b"#@ sluice begin ";
const END: &[u8] = b"#@ sluice end\n";
/// Begins the name by which one part includes another. No file is called so.
const PART: char = '\u{1}';

/// Reads a file by its path and the name of the file that includes it; gives its own name, too.
pub type Read<'a> = &'a dyn Fn(&str, &str) -> io::Result<(String, Vec<u8>)>;

/// A script and all that it includes as one text.
pub fn flatten(script: &SourceText, read: Read<'_>) -> Vec<u8> {
    let mut whole = Whole { text: Vec::new(), files: 0, read };
    whole.put(&script.text, &script.name, 0);
    whole.text
}

struct Whole<'a> {
    text: Vec<u8>,
    files: usize,
    read: Read<'a>,
}

impl Whole<'_> {
    fn put(&mut self, from: &[u8], name: &str, depth: usize) {
        for line in from.split_inclusive(|byte| *byte == b'\n') {
            let room = depth < INCLUDE_DEPTH && self.files < INCLUDE_FILES;
            let included = included(line).filter(|_| room && self.text.len() < SOURCE_BYTES);
            let found = included.and_then(|(path, rest)| {
                let (name, bytes) = (self.read)(path, name).ok()?;
                Some((name, bytes, rest))
            });
            let Some((name, bytes, rest)) = found else {
                self.text.extend_from_slice(line);
                continue;
            };
            self.files += 1;
            self.text.extend_from_slice(BEGIN);
            self.text.extend_from_slice(name.as_bytes());
            self.text.push(b'\n');
            self.put(&bytes, &name, depth + 1);
            self.text.push(b'\n');
            self.text.extend_from_slice(END);
            self.text.extend_from_slice(rest);
        }
    }
}

/// The path that a line includes, and what stands behind it.
fn included(line: &[u8]) -> Option<(&str, &[u8])> {
    let line = line.trim_ascii_start();
    let rest = line.strip_prefix(b"include_file").or_else(|| line.strip_prefix(b"import_file"))?;
    let (quote, rest) = rest.trim_ascii_start().split_first()?;
    let end = rest.iter().position(|byte| byte == quote).filter(|_| b"\"'".contains(quote))?;
    Some((std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]))
}

/// The parts of a preprocessed text; the last is the script itself, which includes the others by
/// names that [`part`] understands.
pub fn apart(script: &str, text: &[u8]) -> Vec<SourceText> {
    let new = |name: String| SourceText { name, text: Vec::new() };
    let (mut parts, mut open) = (Vec::new(), vec![new(script.to_owned())]);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(BEGIN) {
            open.push(new(String::from_utf8_lossy(name.trim_ascii_end()).into_owned()));
        } else if line == END && open.len() > 1 {
            close(&mut open, &mut parts);
        } else if let Some(part) = open.last_mut() {
            part.text.extend_from_slice(line);
        }
    }
    while open.len() > 1 {
        close(&mut open, &mut parts);
    }
    parts.append(&mut open);
    parts
}

/// The innermost part is whole: the one around includes it.
fn close(open: &mut Vec<SourceText>, parts: &mut Vec<SourceText>) {
    let Some(part) = open.pop() else { return };
    if let Some(around) = open.last_mut() {
        let line = format!("include_file \"{PART}{}\"", parts.len());
        around.text.extend_from_slice(line.as_bytes());
    }
    parts.push(part);
}

/// The number of the part that a path stands for.
pub fn part(path: &str) -> Option<usize> {
    path.strip_prefix(PART)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, from: &str) -> io::Result<(String, Vec<u8>)> {
        match path {
            "one" => Ok(("one".into(), b"first\n import_file 'two'\nlast".to_vec())),
            "two" => Ok((format!("two of {from}"), b"second\n".to_vec())),
            "twice" => {
                Ok(("twice".into(), b"include_file 'twice'\n include_file 'twice'".to_vec()))
            }
            "self" => Ok(("self".into(), b"include_file \"self\"\n".to_vec())),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn script(text: &str) -> SourceText {
        SourceText { name: "main".into(), text: text.into() }
    }

    #[test]
    fn what_was_put_together_comes_apart_again() {
        let main =
            script("a\n\tinclude_file \"one\"; # rest\nimport_file \"none\"\n# include_file 'one'");
        let whole = flatten(&main, &read);
        let text = String::from_utf8_lossy(&whole);
        assert!(text.contains("\nsecond\n") && text.contains("\nlast\n"), "{text}");
        let parts: Vec<(String, String)> = apart("main", &whole)
            .into_iter()
            .map(|part| (part.name, String::from_utf8_lossy(&part.text).into_owned()))
            .collect();
        let named = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(
            parts,
            [
                named("two of one", "second\n\n"),
                named("one", "first\ninclude_file \"\u{1}0\"\nlast\n"),
                named(
                    "main",
                    "a\ninclude_file \"\u{1}1\"; # rest\nimport_file \"none\"\n# include_file 'one'"
                ),
            ]
        );
        assert_eq!((part("\u{1}1"), part("1"), part("\u{1}x")), (Some(1), None, None));
    }

    #[test]
    fn lost_marks_and_loops_do_no_harm() {
        let parts = apart("main", b"#@ sluice end\n#@ sluice begin a\nx");
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].text, b"#@ sluice end\ninclude_file \"\x010\"");
        let whole = flatten(&script("include_file \"self\""), &read);
        let left = String::from_utf8_lossy(&whole).matches("include_file").count();
        assert_eq!(left, 1, "the one too deep is for the compiler to tell");
        let whole = flatten(&script("include_file \"twice\""), &read);
        assert!(whole.len() < 100_000, "{}", whole.len());
    }
}
