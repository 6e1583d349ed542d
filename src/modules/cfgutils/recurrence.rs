//! A time recurrence: `dtstart|dtend|duration|freq|until|interval|byday|bymday|byyday|byweekno|
//! bymonth` (RFC 2445 4.3.10), perhaps with a time zone in front.
//!
//! Takes the text and a moment, says whether the moment lies in it. An occurrence begins on a day
//! that the rule names, at the clock time of dtstart. Knows no clock; zones come from a table in
//! the program, never from a file.

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::limits;

/// What cannot be read; the log line.
pub(super) type Bad = &'static str;

/// Zones by name, as the program carries them.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whether a moment lies in a recurrence; `zone` is that of a recurrence that names none.
pub(super) fn holds(text: &str, moment: Timestamp, zone: &TimeZone) -> Result<bool, Bad> {
    let named = text.trim_start().starts_with(|first: char| first.is_ascii_alphabetic());
    let mut fields = text.split('|').map(str::trim);
    let zone = match named.then(|| fields.next()).flatten() {
        Some(name) => ZONES.get(name).map_err(|_| "there is no such time zone")?,
        None => zone.clone(),
    };
    let rule = Rule::read(fields, &zone)?;
    Ok(rule.holds(moment.to_zoned(zone).datetime()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A recurrence, on the clock of its zone.
struct Rule {
    start: DateTime,
    end: Option<DateTime>,
    duration: Option<SignedDuration>,
    frequency: Option<Frequency>,
    until: Option<DateTime>,
    interval: i64,
    /// The n-th one of the month or year, or each (0).
    by_day: Vec<(i16, Weekday)>,
    by_month_day: Vec<i16>,
    by_year_day: Vec<i16>,
    by_week: Vec<i16>,
    by_month: Vec<i16>,
}

impl Rule {
    fn read<'a>(mut fields: impl Iterator<Item = &'a str>, zone: &TimeZone) -> Result<Self, Bad> {
        let mut next = || fields.next().unwrap_or_default();
        let rule = Self {
            // Without a start it has always been so, from midnight to midnight.
            start: moment(next(), zone)?.unwrap_or(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)),
            end: moment(next(), zone)?,
            duration: duration(next())?,
            frequency: frequency(next())?,
            until: moment(next(), zone)?,
            interval: interval(next())?,
            by_day: list(next(), weekday)?,
            by_month_day: list(next(), |text| number(text, 31))?,
            by_year_day: list(next(), |text| number(text, 366))?,
            by_week: list(next(), |text| number(text, 53))?,
            by_month: list(next(), |text| number(text, 12).filter(|month| *month > 0))?,
        };
        if fields.next().is_some() {
            return Err("a recurrence has too many fields");
        }
        Ok(rule)
    }

    fn holds(&self, now: DateTime) -> bool {
        if now < self.start {
            return false;
        }
        let Some(frequency) = self.frequency else {
            let end = self.end.or(self.duration.and_then(|d| self.start.checked_add(d).ok()));
            return end.is_none_or(|end| now <= end);
        };
        let (length, last) = self.length();
        if self.until.is_some_and(|until| now > until) || last.is_some_and(|last| now >= last) {
            return false;
        }
        // An occurrence that began some days ago may still last.
        let mut date = now.date();
        for _ in 0..=limits::OCCURRENCE_DAYS {
            let begin = date.to_datetime(self.start.time());
            if begin < self.start || now.duration_since(begin) >= length.saturating_add(DAY) {
                return false;
            }
            let inside = begin <= now && now.duration_since(begin) < length;
            if inside && self.occurs(date, frequency) {
                return true;
            }
            let Ok(before) = date.yesterday() else { return false };
            date = before;
        }
        false
    }

    /// How long an occurrence lasts, and where the last one ends. An end more than a day after the
    /// start is meant as both: the clock time that ends each, and the last day.
    fn length(&self) -> (SignedDuration, Option<DateTime>) {
        match (self.end, self.duration) {
            (Some(end), _) if end.duration_since(self.start) <= DAY => {
                (end.duration_since(self.start), None)
            }
            (Some(end), _) => {
                let seconds = |time: Time| time.duration_since(Time::midnight());
                let length = seconds(end.time()) - seconds(self.start.time());
                let length = if length > SignedDuration::ZERO { length } else { length + DAY };
                (length, Some(end))
            }
            (None, Some(duration)) => (duration, None),
            // RFC 2445 4.6.1: a date alone lasts the day.
            (None, None) => (DAY - self.start.time().duration_since(Time::midnight()), None),
        }
    }

    /// Whether an occurrence begins on a day.
    fn occurs(&self, date: Date, frequency: Frequency) -> bool {
        let first = self.start.date();
        let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
        let weeks = |date: Date| {
            let days = date.duration_since(Date::constant(1970, 1, 5)).as_hours().div_euclid(24);
            days.div_euclid(7)
        };
        let passed = match frequency {
            Frequency::Daily => date.duration_since(first).as_hours() / 24,
            Frequency::Weekly => weeks(date) - weeks(first),
            Frequency::Monthly => months(date) - months(first),
            Frequency::Yearly => i64::from(date.year()) - i64::from(first.year()),
        };
        let fits = |list: &[i16], value: i16, count: i16| {
            list.is_empty() || list.iter().any(|n| *n == value || *n == value - count - 1)
        };
        let iso = date.iso_week_date();
        passed % self.interval == 0
            && fits(&self.by_month, i16::from(date.month()), 12)
            && fits(&self.by_month_day, i16::from(date.day()), i16::from(date.days_in_month()))
            && fits(&self.by_year_day, date.day_of_year(), date.days_in_year())
            && fits(&self.by_week, i16::from(iso.week()), i16::from(iso.weeks_in_year()))
            && self.fits_day(date, frequency)
            && self.fits_first(date, frequency)
    }

    /// byday: each such weekday, or the n-th one of the month or year.
    fn fits_day(&self, date: Date, frequency: Frequency) -> bool {
        let by_month = frequency == Frequency::Monthly || !self.by_month.is_empty();
        let (day, days) = match by_month {
            true => (i16::from(date.day()), i16::from(date.days_in_month())),
            false => (date.day_of_year(), date.days_in_year()),
        };
        let ordinal = (day - 1) / 7 + 1;
        let from_end = -((days - day) / 7 + 1);
        let counted = matches!(frequency, Frequency::Monthly | Frequency::Yearly);
        let fits = |(n, weekday): &(i16, Weekday)| {
            *weekday == date.weekday() && (*n == 0 || !counted || *n == ordinal || *n == from_end)
        };
        self.by_day.is_empty() || self.by_day.iter().any(fits)
    }

    /// What no by-field says is as on the first day.
    fn fits_first(&self, date: Date, frequency: Frequency) -> bool {
        let first = self.start.date();
        let no_day = self.by_day.is_empty();
        let no_day_at_all = no_day && self.by_month_day.is_empty() && self.by_year_day.is_empty();
        match frequency {
            Frequency::Daily => true,
            Frequency::Weekly => !no_day || date.weekday() == first.weekday(),
            Frequency::Yearly if !self.by_week.is_empty() => {
                !no_day_at_all || date.weekday() == first.weekday()
            }
            Frequency::Monthly => !no_day_at_all || date.day() == first.day(),
            Frequency::Yearly => {
                let same_month = !self.by_month.is_empty() || date.month() == first.month();
                !no_day_at_all || date.day() == first.day() && same_month
            }
        }
    }
}

/// `YYYYMMDD`, `YYYYMMDDTHHMMSS`, the latter with `Z` for UTC.
fn moment(text: &str, zone: &TimeZone) -> Result<Option<DateTime>, Bad> {
    const BAD: Bad = "a date is written YYYYMMDD or YYYYMMDDTHHMMSS";
    if text.is_empty() {
        return Ok(None);
    }
    let (date, time) = text.split_once(['T', 't']).unwrap_or((text, "000000"));
    let utc = time.strip_suffix(['Z', 'z']);
    let time = utc.unwrap_or(time);
    let digits = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(date, 8) || !digits(time, 6) {
        return Err(BAD);
    }
    let part = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let small = |text: &str, from: usize| part(text, from, from + 2).map(|n| n as i8);
    let read = || {
        let date = Date::new(part(date, 0, 4)?, small(date, 4)?, small(date, 6)?).ok()?;
        let time = Time::new(small(time, 0)?, small(time, 2)?, small(time, 4)?, 0).ok()?;
        Some(date.to_datetime(time))
    };
    let written = read().ok_or(BAD)?;
    if utc.is_none() {
        return Ok(Some(written));
    }
    let moment = written.to_zoned(TimeZone::UTC).map_err(|_| BAD)?;
    Ok(Some(moment.timestamp().to_zoned(zone.clone()).datetime()))
}

/// RFC 2445 4.3.6: `P1DT2H`, `P2W`; days are 24 hours.
fn duration(text: &str) -> Result<Option<SignedDuration>, Bad> {
    const BAD: Bad = "a duration is written P1DT2H3M4S or P2W";
    if text.is_empty() {
        return Ok(None);
    }
    let text = text.trim_start_matches('+').to_ascii_uppercase();
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(BAD)?;
    let (mut seconds, mut timed) = (0i64, false);
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('T') {
            (rest, timed) = (behind, true);
            continue;
        }
        let len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = rest.split_at(len);
        let unit_s = match (unit.bytes().next(), timed) {
            (Some(b'W'), false) => 7 * 86_400,
            (Some(b'D'), false) => 86_400,
            (Some(b'H'), true) => 3_600,
            (Some(b'M'), true) => 60,
            (Some(b'S'), true) => 1,
            _ => return Err(BAD),
        };
        let number: i64 = number.parse().map_err(|_| BAD)?;
        let part = number.checked_mul(unit_s).ok_or(BAD)?;
        seconds = seconds.checked_add(part).ok_or(BAD)?;
        rest = unit.get(1..).unwrap_or_default();
    }
    Ok(Some(SignedDuration::from_secs(seconds)))
}

fn frequency(text: &str) -> Result<Option<Frequency>, Bad> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "daily" => Ok(Some(Frequency::Daily)),
        "weekly" => Ok(Some(Frequency::Weekly)),
        "monthly" => Ok(Some(Frequency::Monthly)),
        "yearly" => Ok(Some(Frequency::Yearly)),
        _ => Err("a frequency is daily, weekly, monthly or yearly"),
    }
}

fn interval(text: &str) -> Result<i64, Bad> {
    if text.is_empty() {
        return Ok(1);
    }
    let interval = text.parse().ok().filter(|interval| (1..=limits::INTERVAL).contains(interval));
    interval.ok_or("an interval is a number from 1")
}

/// Items between commas.
fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Bad> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let items = text.split(',').map(|item| read(item.trim()));
    items.collect::<Option<_>>().ok_or("an item of a list cannot be read")
}

/// A number from 1 or -1 to a limit.
fn number(text: &str, most: i16) -> Option<i16> {
    let number: i16 = text.parse().ok()?;
    (1..=most).contains(&number.abs()).then_some(number)
}

/// `MO`, `1MO`, `-1FR`.
fn weekday(text: &str) -> Option<(i16, Weekday)> {
    let (ordinal, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let ordinal = if ordinal.is_empty() { 0 } else { number(ordinal, 53)? };
    let weekday = match name.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    Some((ordinal, weekday))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, moment: &str) -> Result<bool, Bad> {
        holds(text, moment.parse().unwrap(), &TimeZone::UTC)
    }

    #[test]
    fn intervals_without_a_frequency() {
        for (text, moment, inside) in [
            ("20120101T000000|20121231T235959", "2012-06-01T00:00:00Z", true),
            ("20120101T000000|20121231T235959", "2012-12-31T23:59:59Z", true),
            ("20120101T000000|20121231T235959", "2013-01-01T00:00:00Z", false),
            ("20120101T000000|20121231T235959", "2011-12-31T23:59:59Z", false),
            ("20121101T000000||p30d", "2012-11-30T12:00:00Z", true),
            ("20121101T000000||P30D", "2012-12-02T00:00:00Z", false),
            ("20121101", "2026-01-01T00:00:00Z", true),
            ("", "2026-01-01T00:00:00Z", true),
            ("20120101T000000Z||P1DT2H3M4S", "2012-01-02T02:03:04Z", true),
            ("20120101T000000Z||P1DT2H3M4S", "2012-01-02T02:03:05Z", false),
        ] {
            assert_eq!(at(text, moment), Ok(inside), "{text} at {moment}");
        }
    }

    #[test]
    fn working_hours() {
        let work = "20210104T080000|20211231T180000||WEEKLY|||MO,TU,WE,TH,FR";
        for (moment, inside) in [
            ("2021-01-04T08:00:00Z", true),
            ("2021-06-16T17:59:59Z", true),
            ("2021-06-16T18:00:00Z", false),
            ("2021-06-16T07:59:59Z", false),
            ("2021-06-19T12:00:00Z", false), // a Saturday
            ("2021-01-01T12:00:00Z", false),
            ("2022-01-03T12:00:00Z", false),
        ] {
            assert_eq!(at(work, moment), Ok(inside), "{moment}");
        }
        let berlin = "Europe/Berlin|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR";
        assert_eq!(at(berlin, "2021-06-16T06:00:00Z"), Ok(true), "summer time");
        assert_eq!(at(berlin, "2021-12-15T06:00:00Z"), Ok(false));
        assert_eq!(at(berlin, "2031-12-15T07:00:00Z"), Ok(true), "no end is given");
    }

    #[test]
    fn rules_of_days() {
        for (text, moment, inside) in [
            ("20210101T220000||PT4H|DAILY", "2021-03-05T01:59:59Z", true), // past midnight
            ("20210101T220000||PT4H|DAILY", "2021-03-05T02:00:00Z", false),
            ("20210101T220000||PT4H|DAILY", "2021-01-01T01:00:00Z", false),
            ("20210101|||DAILY||3", "2021-01-04T12:00:00Z", true),
            ("20210101|||DAILY||3", "2021-01-05T12:00:00Z", false),
            ("20210101|||DAILY|20210103T120000", "2021-01-03T13:00:00Z", false),
            ("20210104|||WEEKLY||2", "2021-01-18T12:00:00Z", true),
            ("20210104|||WEEKLY||2", "2021-01-11T12:00:00Z", false),
            ("20210104|||WEEKLY||2|FR", "2021-01-22T12:00:00Z", true),
            ("20210104|||WEEKLY||2|FR", "2021-01-15T12:00:00Z", false),
            ("20210115|||MONTHLY", "2021-04-15T00:00:00Z", true),
            ("20210115|||MONTHLY", "2021-04-16T00:00:00Z", false),
            ("20210101|||MONTHLY||| -1FR", "2021-01-29T09:00:00Z", true),
            ("20210101|||MONTHLY|||1MO,-1FR", "2021-01-22T09:00:00Z", false),
            ("20210101|||MONTHLY|||1MO", "2021-02-01T09:00:00Z", true),
            ("20210101|||MONTHLY||||-1", "2024-02-29T09:00:00Z", true),
            ("20210101|||MONTHLY||||-1", "2024-02-28T09:00:00Z", false),
            ("20210427|||YEARLY", "2025-04-27T09:00:00Z", true),
            ("20210427|||YEARLY", "2025-05-27T09:00:00Z", false),
            ("20210101|||YEARLY||||||| 12,4", "2025-04-01T09:00:00Z", true),
            ("20210101|||YEARLY||||||| 12,4", "2025-05-01T09:00:00Z", false),
            ("20210101|||YEARLY|||||-1", "2024-12-31T09:00:00Z", true),
            ("20210101|||YEARLY||||| 60", "2024-02-29T09:00:00Z", true),
            ("20210104|||YEARLY||||||1", "2025-12-29T09:00:00Z", true), // Monday of week 1 of 2026
            ("20210104|||YEARLY|||MO|||1", "2025-12-30T09:00:00Z", false),
            ("20210104|||YEARLY|||-1SU||||3", "2025-03-30T09:00:00Z", true),
            ("20210104|||YEARLY|||20MO", "2025-05-19T09:00:00Z", true),
            ("||| weekly |||mo,TU", "2026-11-23T23:59:59Z", true),
        ] {
            assert_eq!(at(text, moment), Ok(inside), "{text} at {moment}");
        }
    }

    #[test]
    fn what_cannot_be_read() {
        for text in [
            "2012",
            "20121301",
            "20120101T250000",
            "20120101||30D",
            "20120101||P",
            "20120101||P1H",
            "20120101||PT9223372036854775807H",
            "20120101|||HOURLY",
            "20120101|||DAILY||0",
            "20120101|||WEEKLY|||XX",
            "20120101|||MONTHLY||||32",
            "20120101|||MONTHLY|||é",
            "20120101|||YEARLY||||||| -1",
            "20120101|||||||||||x",
            "Middle/Earth|20120101",
        ] {
            assert!(at(text, "2020-01-01T00:00:00Z").is_err(), "{text}");
        }
    }
}
