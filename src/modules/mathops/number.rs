//! Numbers as scripts write them: read, rounded, printed.

/// Why there is no result; the log line.
pub(super) type Refused = &'static str;

const NOT_FINITE: Refused = "the result is not a finite number";

/// Reads a whole text as a decimal number.
pub(super) fn parse(text: &[u8]) -> Result<f64, Refused> {
    let text = std::str::from_utf8(text).unwrap_or_default().trim();
    // The library would read words such as `inf` and `nan`.
    let digits =
        !text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E'));
    let number = text.parse::<f64>().ok().filter(|number| digits && number.is_finite());
    number.ok_or("a number was expected")
}

/// A finite number without the sign of a zero.
pub(super) fn finite(number: f64) -> Result<f64, Refused> {
    if number.is_finite() { Ok(number + 0.0) } else { Err(NOT_FINITE) }
}

/// A whole number as the language has them.
pub(super) fn whole(number: f64) -> Result<i64, Refused> {
    // The bounds are exact: the upper one is 2^63.
    let fits = number >= i64::MIN as f64 && number < i64::MAX as f64;
    if fits { Ok(number as i64) } else { Err("the result does not fit a number") }
}

/// The number with some decimals.
pub(super) fn print(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    // Rounding may leave a zero with a sign.
    let zero = text.starts_with('-') && text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    if zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// The number rounded to some decimals, ties away from zero.
pub(super) fn rounded(number: f64, decimals: usize) -> Result<String, Refused> {
    let scale = 10f64.powi(decimals as i32);
    let scaled = number * scale;
    // A number too large to have such decimals is rounded already.
    let rounded = if scaled.is_finite() { scaled.round() / scale } else { number };
    Ok(print(finite(rounded)?, decimals))
}

/// The number rounded to some significant figures, from 1.
pub(super) fn significant(number: f64, figures: usize) -> Result<String, Refused> {
    let text = format!("{number:.*e}", figures.saturating_sub(1));
    let (_, exponent) = text.split_once('e').ok_or(NOT_FINITE)?;
    let exponent: i64 = exponent.parse().map_err(|_| NOT_FINITE)?;
    let decimals = (figures as i64 - 1 - exponent).max(0) as usize;
    Ok(print(finite(text.parse().map_err(|_| NOT_FINITE)?)?, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_text() {
        for (text, number) in [(" 3.5 ", 3.5), ("-2", -2.0), ("1e3", 1e3), (".5", 0.5), ("+7", 7.0)]
        {
            assert_eq!(parse(text.as_bytes()), Ok(number), "{text}");
        }
        for text in ["", "x", "1x", "inf", "nan", "-infinity", "1e999", "1 2", "\u{FF}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(whole(-9.3e18), Err("the result does not fit a number"));
        assert_eq!(whole(9_223_372_036_854_775_807.0), Err("the result does not fit a number"));
        assert_eq!(whole(-9_223_372_036_854_775_808.0), Ok(i64::MIN));
        assert_eq!(whole(f64::NAN), Err("the result does not fit a number"));
    }

    #[test]
    fn rounding() {
        for (number, decimals, text) in
            [(3.141_492, 4, "3.1415"), (-0.5, 0, "-1"), (0.5, 0, "1"), (-0.04, 1, "0.0")]
        {
            assert_eq!(rounded(number, decimals).unwrap(), text);
        }
        let large = rounded(1e300, 15).unwrap();
        assert_eq!((large.len(), &large[..8]), (317, "10000000"));
        for (figures, text) in [
            (1, "20000"),
            (2, "18000"),
            (3, "17900"),
            (4, "17890"),
            (5, "17893"),
            (6, "17893.0"),
            (7, "17892.99"),
        ] {
            assert_eq!(significant(17_892.987, figures).unwrap(), text);
        }
        assert_eq!(significant(0.0, 3).unwrap(), "0.00");
        assert_eq!(significant(-9.99, 2).unwrap(), "-10");
        assert_eq!(significant(0.001_234, 2).unwrap(), "0.0012");
    }
}
