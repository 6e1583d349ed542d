//! Values on their way to a database and back: what a column holds, what is bound for it, and local
//! times as texts. Knows no database.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sluice_engine::db::Field;

/// What a column holds, as far as the way of its values goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Whole numbers and booleans.
    Int,
    /// Numbers with a fraction.
    Double,
    /// Texts.
    Text,
    /// Bytes that need not be a text.
    Bytes,
    /// Local times (`DATETIME`, `TIMESTAMP`), as OpenSIPS writes them.
    Time,
    /// Whatever the value is.
    Any,
}

/// A column of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Column {
    /// Its name, as the database has it.
    pub name: Arc<str>,
    /// What it holds.
    pub class: Class,
    /// The type that a bound text is cast to, where the database does not do so itself.
    pub cast: Option<Box<str>>,
}

/// A value as it is bound.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Bound {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A value for a column of a class.
///
/// # Errors
/// Why it does not fit.
pub(crate) fn fit(field: &Field, class: Class, zone: &TimeZone) -> Result<Bound, String> {
    let text = |bytes: &[u8]| match String::from_utf8(bytes.to_vec()) {
        Ok(text) => Bound::Text(text),
        Err(error) => Bound::Bytes(error.into_bytes()),
    };
    Ok(match (field, class) {
        (Field::Null, _) => Bound::Null,
        (Field::Text(bytes), Class::Bytes) => Bound::Bytes(bytes.to_vec()),
        (Field::Text(bytes), Class::Text | Class::Time | Class::Any) => text(bytes),
        (Field::Text(bytes), Class::Int) => Bound::Int(number(bytes)?),
        (Field::Text(bytes), Class::Double) => Bound::Double(number(bytes)?),
        (Field::Time(seconds), Class::Time | Class::Text | Class::Bytes) => {
            Bound::Text(local_text(*seconds, zone)?)
        }
        (Field::Int(seconds), Class::Time) => Bound::Text(local_text(*seconds, zone)?),
        (Field::Int(number) | Field::Time(number), Class::Int | Class::Any) => Bound::Int(*number),
        (Field::Int(number) | Field::Time(number), Class::Double) => Bound::Double(*number as f64),
        (Field::Int(number), Class::Text | Class::Bytes) => Bound::Text(number.to_string()),
        (Field::Double(number), Class::Double | Class::Any) => Bound::Double(*number),
        (Field::Double(number), Class::Text | Class::Bytes) => Bound::Text(number.to_string()),
        (Field::Double(number), Class::Int | Class::Time) => {
            return Err(format!("{number} is no whole number"));
        }
    })
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Result<T, String> {
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| format!("`{}` is no number", String::from_utf8_lossy(bytes)))
}

/// A moment as `YYYY-MM-DD HH:MM:SS` of a zone.
fn local_text(seconds: i64, zone: &TimeZone) -> Result<String, String> {
    let moment = Timestamp::from_second(seconds).map_err(|error| error.to_string())?;
    Ok(zone.to_datetime(moment).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// The moment of a text that begins with `YYYY-MM-DD HH:MM:SS`, or with a date alone; other texts
/// stay texts, and the year 0, which MariaDB has for "none", is NULL.
pub(crate) fn local_time(text: &str, zone: &TimeZone) -> Field {
    if text.starts_with("0000-00-00") {
        return Field::Null;
    }
    match text.parse::<DateTime>() {
        Ok(moment) => moment_of(moment, zone),
        Err(_) => Field::text(text),
    }
}

/// The moment at which a clock of the zone shows a time; the first, where it does so twice.
pub(crate) fn moment_of(shown: DateTime, zone: &TimeZone) -> Field {
    match zone.to_timestamp(shown) {
        Ok(moment) => Field::Time(moment.as_second()),
        Err(_) => Field::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[test]
    fn values_take_the_shape_of_their_column() {
        let zone = TimeZone::UTC;
        for (field, class, expected) in [
            (Field::Null, Class::Int, Bound::Null),
            (Field::text("5"), Class::Int, Bound::Int(5)),
            (Field::text(" 0.5 "), Class::Double, Bound::Double(0.5)),
            (Field::Int(7), Class::Text, Bound::Text("7".into())),
            (Field::Int(7), Class::Double, Bound::Double(7.0)),
            (Field::Double(0.5), Class::Text, Bound::Text("0.5".into())),
            (Field::Time(0), Class::Int, Bound::Int(0)),
            (Field::Time(0), Class::Time, Bound::Text("1970-01-01 00:00:00".into())),
            (Field::Int(60), Class::Time, Bound::Text("1970-01-01 00:01:00".into())),
            (Field::Time(0), Class::Text, Bound::Text("1970-01-01 00:00:00".into())),
            (Field::text("a"), Class::Bytes, Bound::Bytes(b"a".to_vec())),
            (Field::text([0xff]), Class::Text, Bound::Bytes(vec![0xff])),
        ] {
            assert_eq!(fit(&field, class, &zone), Ok(expected), "{field:?} {class:?}");
        }
        assert_eq!(fit(&Field::text("x"), Class::Int, &zone).unwrap_err(), "`x` is no number");
        let error = fit(&Field::Double(0.5), Class::Int, &zone).unwrap_err();
        assert_eq!(error, "0.5 is no whole number");
    }

    #[test]
    fn times_are_local_ones() {
        let text = local_text(1_700_000_000, &berlin()).unwrap();
        assert_eq!(text, "2023-11-14 23:13:20");
        assert_eq!(local_time(&text, &berlin()), Field::Time(1_700_000_000));
        assert_eq!(local_time("2023-11-14", &TimeZone::UTC), Field::Time(1_699_920_000));
        assert_eq!(local_time("0000-00-00 00:00:00", &berlin()), Field::Null);
        assert_eq!(local_time("soon", &berlin()), Field::text("soon"));
    }
}
