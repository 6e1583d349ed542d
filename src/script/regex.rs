//! POSIX extended regular expressions, as scripts write them, on the `regex` crate (spec 1.6).

use regex::bytes::{Regex, RegexBuilder};

/// Compiles a pattern: extended, case-insensitive, searched anywhere.
///
/// # Errors
/// What is wrong with the pattern.
pub fn compile(pattern: &[u8]) -> Result<Regex, String> {
    let text = std::str::from_utf8(pattern).map_err(|_| "not UTF-8".to_owned())?;
    RegexBuilder::new(text)
        .case_insensitive(true)
        .unicode(false)
        .build()
        .map_err(|error| error.to_string())
}
