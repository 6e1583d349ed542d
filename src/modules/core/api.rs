//! What other modules use of the core.

use sluice_engine::{Ctx, Text, TimeZone};

use super::calendar::Civil;
use super::uri::Pieces;

/// Appends a `Date` line (RFC 3261 20.17) with its line end.
pub fn date_line(seconds: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Date: ");
    Civil::of(seconds).format(b"%a, %d %b %Y %H:%M:%S GMT\r\n", out);
}

/// A moment as C writes it, `Mon Nov 23 13:05:09 2026`, in UTC.
pub fn date_text(seconds: u64) -> String {
    let mut text = Vec::new();
    Civil::of(seconds).format(b"%c", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A part of the local calendar time as a number: sec, min, hour, mday, mon (0 to 11), year (since
/// 1900), wday (0 is Sunday), yday (0 to 365); `None` for another name.
pub fn time_part(seconds: u64, zone: &TimeZone, name: &[u8]) -> Option<i64> {
    let (pattern, less): (&[u8], i64) = match name {
        b"sec" => (b"%S", 0),
        b"min" => (b"%M", 0),
        b"hour" => (b"%H", 0),
        b"mday" => (b"%d", 0),
        b"mon" => (b"%m", 1),
        b"year" => (b"%Y", 1900),
        b"wday" => (b"%w", 0),
        b"yday" => (b"%j", 1),
        _ => return None,
    };
    let mut text = Vec::with_capacity(4);
    Civil::local(seconds, zone).format(pattern, &mut text);
    let number: i64 = std::str::from_utf8(&text).ok()?.parse().ok()?;
    Some(number - less)
}

/// Sets the user of the present Request-URI; false when that is no SIP URI.
pub fn set_user(ctx: &mut Ctx<'_>, user: Text) -> bool {
    let Some(mut pieces) = ctx.ruri().and_then(|uri| Pieces::of(ctx, uri)) else { return false };
    pieces.user = Some(user);
    ctx.run.ruri = Some(pieces.join(ctx));
    true
}
