//! Requests that a proxy refuses by itself, where our parameters `detect_loops` and
//! `check_require` want that (RFC 3261 16.3 items 4 and 5).

use sluice_base::slab::Key;
use sluice_engine::headers::named;
use sluice_engine::{Ctx, loops, relay};
use sluice_sip::Method;

/// Answers the request when it must not go on; whether it did.
pub(super) fn refused(ctx: &mut Ctx<'_>, key: Key) -> bool {
    let settings = &ctx.shared.settings;
    let (detects, checks) = (settings.detect_loops, settings.check_require);
    if detects && loops::is_loop(ctx) {
        relay::answer(ctx, key, 482, b"Loop Detected");
        return true;
    }
    if !checks || ctx.message.method() == Method::Cancel {
        return false;
    }
    let mut required = named(ctx.message, b"Proxy-Require").map(|field| field.value).peekable();
    if required.peek().is_none() {
        return false;
    }
    let mut lines = Vec::new();
    for tags in required {
        lines.extend_from_slice(b"Unsupported: ");
        lines.extend_from_slice(ctx.message.text(tags));
        lines.extend_from_slice(b"\r\n");
    }
    let before = ctx.run.reply_lines.len();
    ctx.run.reply_lines.extend_from_slice(&lines);
    relay::answer(ctx, key, 420, b"Bad Extension");
    ctx.run.reply_lines.truncate(before);
    true
}
