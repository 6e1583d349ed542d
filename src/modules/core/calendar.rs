//! Calendar time without a clock, in UTC or in a zone that the caller knows.
//!
//! Takes seconds since 1970, gives text. Known patterns are those of strftime that need no locale.

use jiff::Timestamp;
use sluice_engine::TimeZone;
use sluice_sip::digits::push_u64;

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A moment, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Civil {
    /// Since 1970-01-01 UTC.
    unix: u64,
    /// By how many seconds the zone is before UTC.
    offset: i32,
    /// Its short name, `CET`.
    zone: String,
    /// As `unix`, on the zone's clock.
    seconds: u64,
    year: u64,
    /// 0 to 11.
    month: usize,
    /// 1 to 31.
    day: u64,
    /// 0 is Sunday.
    weekday: usize,
    /// 1 to 366.
    day_of_year: u64,
}

impl Civil {
    /// The moment `unix` seconds after 1970-01-01, in UTC.
    pub fn of(unix: u64) -> Self {
        Self::at(unix, 0, "UTC")
    }

    /// The same in a zone.
    pub fn local(unix: u64, zone: &TimeZone) -> Self {
        let moment = i64::try_from(unix).ok().and_then(|s| Timestamp::from_second(s).ok());
        let Some(moment) = moment else { return Self::of(unix) };
        let info = zone.to_offset_info(moment);
        Self::at(unix, info.offset().seconds(), info.abbreviation())
    }

    fn at(unix: u64, offset: i32, zone: &str) -> Self {
        let seconds = unix.saturating_add_signed(i64::from(offset));
        let days = seconds / 86_400;
        // Years that begin in March make the leap day the last day.
        let shifted = days + 719_468;
        let (era, in_era) = (shifted / 146_097, shifted % 146_097);
        let in_era_years = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let from_march = in_era - (365 * in_era_years + in_era_years / 4 - in_era_years / 100);
        let march_month = (5 * from_march + 2) / 153;
        let day = from_march - (153 * march_month + 2) / 5 + 1;
        let month = ((march_month + 2) % 12) as usize;
        let year = era * 400 + in_era_years + u64::from(month < 2);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let day_of_year =
            if month < 2 { from_march - 305 } else { from_march + 60 + u64::from(leap) };
        let weekday = ((days + 4) % 7) as usize;
        let zone = zone.to_owned();
        Self { unix, offset, zone, seconds, year, month, day, weekday, day_of_year }
    }

    /// Appends the text of a pattern; letters that are not known stay as they are.
    pub fn format(&self, pattern: &[u8], out: &mut Vec<u8>) {
        let mut bytes = pattern.iter();
        while let Some(byte) = bytes.next() {
            if *byte != b'%' {
                out.push(*byte);
                continue;
            }
            match bytes.next() {
                Some(letter) => self.letter(*letter, out),
                None => out.push(b'%'),
            }
        }
    }

    fn letter(&self, letter: u8, out: &mut Vec<u8>) {
        let (weekday, month) = (DAYS[self.weekday], MONTHS[self.month]);
        let hour = self.seconds / 3_600 % 24;
        let hour12 = (hour + 11) % 12 + 1;
        match letter {
            b'a' => out.extend_from_slice(&weekday.as_bytes()[..3]),
            b'A' => out.extend_from_slice(weekday.as_bytes()),
            b'b' | b'h' => out.extend_from_slice(&month.as_bytes()[..3]),
            b'B' => out.extend_from_slice(month.as_bytes()),
            b'c' => self.format(b"%a %b %e %H:%M:%S %Y", out),
            b'C' => padded(out, self.year / 100, 2, b'0'),
            b'd' => padded(out, self.day, 2, b'0'),
            b'D' | b'x' => self.format(b"%m/%d/%y", out),
            b'e' => padded(out, self.day, 2, b' '),
            b'F' => self.format(b"%Y-%m-%d", out),
            b'H' => padded(out, hour, 2, b'0'),
            b'I' => padded(out, hour12, 2, b'0'),
            b'j' => padded(out, self.day_of_year, 3, b'0'),
            b'k' => padded(out, hour, 2, b' '),
            b'l' => padded(out, hour12, 2, b' '),
            b'm' => padded(out, self.month as u64 + 1, 2, b'0'),
            b'M' => padded(out, self.seconds / 60 % 60, 2, b'0'),
            b'n' => out.push(b'\n'),
            b'p' => out.extend_from_slice(if hour < 12 { b"AM" } else { b"PM" }),
            b'r' => self.format(b"%I:%M:%S %p", out),
            b'R' => self.format(b"%H:%M", out),
            b's' => push_u64(out, self.unix),
            b'S' => padded(out, self.seconds % 60, 2, b'0'),
            b't' => out.push(b'\t'),
            b'T' | b'X' => self.format(b"%H:%M:%S", out),
            b'u' => push_u64(out, (self.weekday as u64 + 6) % 7 + 1),
            b'w' => push_u64(out, self.weekday as u64),
            b'y' => padded(out, self.year % 100, 2, b'0'),
            b'Y' => push_u64(out, self.year),
            b'z' => {
                out.push(if self.offset < 0 { b'-' } else { b'+' });
                let minutes = u64::from(self.offset.unsigned_abs() / 60);
                padded(out, minutes / 60 * 100 + minutes % 60, 4, b'0');
            }
            b'Z' => out.extend_from_slice(self.zone.as_bytes()),
            b'%' => out.push(b'%'),
            other => out.extend_from_slice(&[b'%', other]),
        }
    }
}

/// Seconds since 1970 of a SIP date, `Sat, 13 Nov 2010 23:29:00 GMT` (RFC 3261 20.17).
pub fn sip_date(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split_ascii_whitespace();
    let weekday = words.next()?.strip_suffix(',')?;
    DAYS.iter().find(|day| weekday.eq_ignore_ascii_case(&day[..3]))?;
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(&name[..3]))? as u64;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let whole = clock.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
    let fits = (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    (whole && fits).then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a day; the month from 0.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Years that begin in March make the leap day the last day.
    let (year, from_march) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let leaps = year / 4 - year / 100 + year / 400;
    year * 365 + leaps + (153 * from_march + 2) / 5 + day - 1 - 719_468
}

fn padded(out: &mut Vec<u8>, number: u64, width: usize, pad: u8) {
    let start = out.len();
    push_u64(out, number);
    let missing = width.saturating_sub(out.len() - start);
    out.splice(start..start, std::iter::repeat_n(pad, missing));
}

#[cfg(test)]
mod tests {
    use sluice_engine::TimeZone;

    use super::{Civil, sip_date};

    fn format(seconds: u64, pattern: &str) -> String {
        let mut out = Vec::new();
        Civil::of(seconds).format(pattern.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn days_that_calendars_get_wrong() {
        for (seconds, text) in [
            (0, "1970-01-01 Thu 001"),
            (951_782_400, "2000-02-29 Tue 060"),
            (951_868_800, "2000-03-01 Wed 061"),
            (978_220_800, "2000-12-31 Sun 366"),
            (4_107_542_400, "2100-03-01 Mon 060"),
            (1_795_392_000, "2026-11-23 Mon 327"),
        ] {
            assert_eq!(format(seconds, "%F %a %j"), text);
        }
    }

    #[test]
    fn zones() {
        let local = |zone: &TimeZone, seconds: u64| {
            let mut out = Vec::new();
            Civil::local(seconds, zone).format(b"%F %T %z %Z %s", &mut out);
            String::from_utf8(out).unwrap()
        };
        // The rule of central Europe: summer time from the last Sunday of March.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(local(&zone, 1_711_846_799), "2024-03-31 01:59:59 +0100 CET 1711846799");
        assert_eq!(local(&zone, 1_711_846_800), "2024-03-31 03:00:00 +0200 CEST 1711846800");
        let zone = TimeZone::posix("NST3:30").unwrap();
        assert_eq!(local(&zone, 1_709_171_400), "2024-02-28 22:20:00 -0330 NST 1709171400");
        assert_eq!(local(&TimeZone::UTC, 0), "1970-01-01 00:00:00 +0000 UTC 0");
    }

    #[test]
    fn sip_dates() {
        for seconds in [0, 951_782_400, 951_868_800, 978_220_800, 1_718_282_880, 4_107_542_400] {
            let text = format(seconds, "%a, %d %b %Y %H:%M:%S GMT");
            assert_eq!(sip_date(text.as_bytes()), Some(seconds), "{text}");
        }
        for text in [
            "",
            "Thu, 13 Jun 2024",
            "Thu 13 Jun 2024 12:48:00 GMT",
            "Thu, 13 Jun 2024 12:48:00 CET",
            "Thu, 13 Jun 2024 24:48:00 GMT",
            "Thu, 32 Jun 2024 12:48:00 GMT",
            "Thu, 13 Jun 0024 12:48:00 GMT",
            "Thu, 13 Jun 2024 12:48:00:00 GMT",
            "Thu, 13 Jun 2024 12:48:00 GMT+1",
        ] {
            assert_eq!(sip_date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_letter() {
        let seen = format(
            1_795_392_000 + 13 * 3_600 + 5 * 60 + 9,
            "%A %B %c|%C%y %D %e %I %k %l %M %p %r %R %T %u %w %Y %z %Z %% %Q %h%n%t%s%",
        );
        assert_eq!(
            seen,
            "Monday November Mon Nov 23 13:05:09 2026|2026 11/23/26 23 01 13  1 05 PM \
             01:05:09 PM 13:05 13:05:09 1 1 2026 +0000 UTC % %Q Nov\n\t1795439109%"
        );
    }
}
