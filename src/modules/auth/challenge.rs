//! `www_challenge()` and `proxy_challenge()`: a 401 or 407 with a challenge for each algorithm (RFC
//! 3261 22, RFC 8760 2.3, spec 7.4).

use sluice_engine::{Ctx, Flow, Value};

use super::api::{Auth, answer, refuse};
use super::claim::{Side, realm};
use super::nonce::{Asked, Offer};
use super::state::CHALLENGES;
use sluice_sip::digest::{Algorithm, Function, strongest_first};

/// Reads the qualities of protection that a call offers; also the numbers of 1.x and 2.x.
///
/// # Errors
/// What was expected.
pub(super) fn offer(text: &str) -> Result<i64, String> {
    let mut bits = 0;
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        bits |= match word {
            "0" => 0,
            "1" | "auth" => Offer::Auth as i64,
            "auth-int" => Offer::AuthInt as i64,
            _ => return Err(format!("qop is auth, auth-int or both, or empty, not `{word}`")),
        };
    }
    Ok(bits)
}

/// Answers the request with challenges; the script ends there (spec 7.1).
pub(super) fn challenge(ctx: &mut Ctx<'_>, auth: &Auth, side: Side, args: &[Value]) -> Flow {
    let [given, offered, algorithms, ..] = args else { return Flow::FALSE };
    let Some(realm) = realm(ctx, *given, &auth.0.realm_prefix) else { return refuse(ctx) };
    let offer = match offered.int() {
        Some(1) => Offer::Auth,
        Some(2) => Offer::AuthInt,
        Some(3) => Offer::Both,
        _ => Offer::None,
    };
    let named = algorithms.int().filter(|bits| *bits != 0);
    let bits = named.unwrap_or(i64::from(Algorithm::DEFAULT.bit()));
    let before = ctx.run.reply_lines.len();
    let mut lines = std::mem::take(&mut ctx.run.reply_lines);
    for algorithm in strongest_first(bits) {
        let plain = algorithm.function == Function::Md5 && !algorithm.session;
        // RFC 8760 2.6: only MD5 was ever used without.
        let offer = if plain || offer != Offer::None { offer } else { Offer::Auth };
        let asked = Asked { algorithm, offer };
        let nonce = auth.0.nonces.make(asked, ctx.now.wall_us / 1_000);
        let name = named.map(|_| algorithm.name());
        line(&mut lines, side, ctx.bytes(realm), &nonce, offer, ctx.run.stale, name);
    }
    ctx.run.reply_lines = lines;
    auth.0.count(ctx, CHALLENGES);
    let sent = match side {
        Side::Www => answer(ctx, 401, b"Unauthorized"),
        Side::Proxy => answer(ctx, 407, b"Proxy Authentication Required"),
    };
    // What could not be sent is not for another reply.
    ctx.run.reply_lines.truncate(before);
    match sent {
        Flow::Code(1..) => Flow::STOP,
        _ => Flow::FALSE,
    }
}

fn line(
    out: &mut Vec<u8>,
    side: Side,
    realm: &[u8],
    nonce: &[u8],
    offer: Offer,
    stale: bool,
    algorithm: Option<&str>,
) {
    let mut put = |text: &[u8]| out.extend_from_slice(text);
    put(match side {
        Side::Www => b"WWW-Authenticate: Digest realm=\"",
        Side::Proxy => b"Proxy-Authenticate: Digest realm=\"",
    });
    put(realm);
    put(b"\", nonce=\"");
    put(nonce);
    put(match offer {
        Offer::None => b"\"",
        Offer::Auth => b"\", qop=\"auth\"",
        Offer::AuthInt => b"\", qop=\"auth-int\"",
        Offer::Both => b"\", qop=\"auth,auth-int\"",
    });
    if stale {
        put(b", stale=true");
    }
    if let Some(name) = algorithm {
        put(b", algorithm=");
        put(name.as_bytes());
    }
    put(b"\r\n");
}
