//! Recurrences joined by `&` (and), `/` (or), `!` (not) and parentheses; `&` binds tighter.
//!
//! Takes the text and a moment, says whether it holds. Depth is limited; every recurrence is read,
//! so that a mistake shows whatever the time is.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::limits;
use super::recurrence::{Bad, holds};

/// Whether a moment lies in a schedule; `zone` is that of recurrences that name none.
pub(super) fn is_open(text: &str, moment: Timestamp, zone: &TimeZone) -> Result<bool, Bad> {
    let mut reader = Reader { rest: text, depth: 0, moment, zone };
    let open = reader.any()?;
    if reader.peek().is_some() {
        Err("a parenthesis is closed that was not opened")
    } else {
        Ok(open)
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    moment: Timestamp,
    zone: &'a TimeZone,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = self.rest.get(wanted.len_utf8()..).unwrap_or_default();
        }
        found
    }

    fn any(&mut self) -> Result<bool, Bad> {
        let mut open = self.every()?;
        while self.take('/') {
            open |= self.every()?;
        }
        Ok(open)
    }

    fn every(&mut self) -> Result<bool, Bad> {
        let mut open = self.one()?;
        while self.take('&') {
            open &= self.one()?;
        }
        Ok(open)
    }

    fn one(&mut self) -> Result<bool, Bad> {
        let mut turned = false;
        while self.take('!') {
            turned = !turned;
        }
        if !self.take('(') {
            let (one, rest) = self.rest.split_at(end_of_recurrence(self.rest));
            self.rest = rest;
            return Ok(holds(one, self.moment, self.zone)? != turned);
        }
        self.depth += 1;
        if self.depth > limits::NESTING {
            return Err("the recurrences are nested too deep");
        }
        let open = self.any()?;
        self.depth -= 1;
        if self.take(')') { Ok(open != turned) } else { Err("a parenthesis is not closed") }
    }
}

/// Where a recurrence ends: before an operator. The `/` of `Europe/Berlin` is none.
fn end_of_recurrence(text: &str) -> usize {
    let zone =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'+' | b'-');
    let named = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let skipped = if named { text.bytes().take_while(zone).count() } else { 0 };
    let rest = text.get(skipped..).unwrap_or_default();
    skipped + rest.find(['&', '/', '!', '(', ')']).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<bool, Bad> {
        is_open(text, "2021-06-16T13:00:00Z".parse().unwrap(), &TimeZone::UTC)
    }

    #[test]
    fn operators() {
        for (text, open) in [
            ("20210101", true),
            ("!20210101", false),
            ("!!20210101", true),
            ("20210101 & 20220101", false),
            ("20210101 / 20220101", true),
            ("20220101 / 20210101 & 20210102", true),
            ("(20210101 / 20220101) & !20220101", true),
            ("20210101&!(20220101/20210102)", false),
            ("Europe/Berlin|20210616T150000 / Europe/London|20210616T150000", true),
            ("Europe/London|20210616T150000/Europe/London|20210616T150000", false),
            (
                "20210104T080000|20211231T180000||WEEKLY|||MO,TU,WE,TH,FR \
                 & !20210104T120000|20211231T140000||WEEKLY|||MO,TU,WE,TH,FR",
                false,
            ),
        ] {
            assert_eq!(at(text), Ok(open), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for text in
            ["(20210101", "20210101)", "20210101 & x", "20210101 / 2021", "20210101 (20210102)"]
        {
            assert!(at(text).is_err(), "{text}");
        }
        let deep = "(".repeat(10_000);
        assert_eq!(at(&deep), Err("the recurrences are nested too deep"));
    }
}
