//! `fix_nated_sdp()`: addresses of session descriptions replaced, and lines added.

use std::net::IpAddr;

use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::patch::Place;
use sluice_sip::sdp::{Line, Sdp, lines};
use sluice_sip::uri::literal_addr;

use super::nat::bits;
use super::state::State;
use crate::sipmsgops::api::descriptions;

/// The changes by name and bit.
const CHANGES: [(&str, i64); 5] = [
    ("add-dir-active", ADD_ACTIVE),
    ("rewrite-media-ip", MEDIA),
    ("add-no-rtpproxy", ADD_MARK),
    ("rewrite-origin-ip", ORIGIN),
    ("rewrite-null-ips", NULL),
];
const ADD_ACTIVE: i64 = 1;
const MEDIA: i64 = 2;
const ADD_MARK: i64 = 4;
const ORIGIN: i64 = 8;
/// Also where a stream is on hold by a null address (RFC 2543).
const NULL: i64 = 16;

/// Reads the changes: words, or the number of their bits.
///
/// # Errors
/// What was expected.
pub(super) fn changes(text: &str) -> Result<i64, String> {
    bits(text, &CHANGES)
}

/// Changes each description; false when there is none, or the address is none.
pub(super) fn fix(ctx: &mut Ctx<'_>, state: &State, args: &[Value]) -> Flow {
    let [wanted, address, more] = args else { return Flow::FALSE };
    let wanted = wanted.int().unwrap_or_default();
    let addr = match address.text().map(|text| ctx.bytes(text)).filter(|text| !text.is_empty()) {
        None => ctx.packet.peer.ip(),
        Some(text) => match literal_addr(text) {
            Some(addr) => addr,
            None => return Flow::Fail("fix_nated_sdp(): the address is none"),
        },
    };
    let more = more.text().map_or_else(Vec::new, |text| ctx.bytes(text).to_vec());
    let mut found = false;
    for sdp in descriptions(ctx) {
        found = true;
        let mut added: Vec<u8> = Vec::new();
        if wanted & ADD_ACTIVE != 0 {
            added.extend_from_slice(b"a=direction:active\r\n");
        }
        for line in lines(sdp.text) {
            if line.kind == b'c' && wanted & MEDIA != 0 {
                rewrite(ctx, &line, 2, addr, wanted, state.keeps_media, b"a=oldcip:", &mut added);
            } else if line.kind == b'o' && wanted & ORIGIN != 0 {
                rewrite(ctx, &line, 5, addr, wanted, state.keeps_origin, b"a=oldoip:", &mut added);
            }
        }
        if wanted & ADD_MARK != 0 {
            added.extend_from_slice(&state.mark);
        }
        add(ctx, &sdp, &added, &more);
    }
    Flow::of(found)
}

/// Replaces the address that is the last of so many words before it, `IN IP4 192.0.2.1`.
#[expect(clippy::too_many_arguments, reason = "the two lines differ in each of them")]
fn rewrite(
    ctx: &mut Ctx<'_>,
    line: &Line<'_>,
    before: usize,
    addr: IpAddr,
    wanted: i64,
    keeps_old: bool,
    old: &[u8],
    added: &mut Vec<u8>,
) {
    let mut words = line.value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (Some(family), Some(word)) = (words.nth(before - 1), words.next()) else { return };
    let host = word.split(|byte| *byte == b'/').next().unwrap_or_default();
    let Some(known) = literal_addr(host) else { return };
    let is_null = known.is_unspecified();
    if known == addr || is_null && wanted & NULL == 0 {
        return;
    }
    if keeps_old && !is_null {
        added.extend_from_slice(old);
        added.extend_from_slice(host);
        added.extend_from_slice(b"\r\n");
    }
    let word = if addr.is_ipv4() { b"IP4" } else { b"IP6" };
    let (family, host) = (ctx.message.span_of(family), ctx.message.span_of(host));
    ctx.run.patches.replace_anew(family, word);
    ctx.run.patches.replace_anew(host, addr.to_string().as_bytes());
}

/// Adds whole lines behind the description, then those of the script, each of which begins with its
/// own line end.
fn add(ctx: &mut Ctx<'_>, sdp: &Sdp<'_>, added: &[u8], more: &[u8]) {
    let more = more.strip_prefix(b"\r\n").unwrap_or(more);
    let mut text = Vec::with_capacity(added.len() + more.len() + 4);
    if !sdp.text.ends_with(b"\n") {
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(added);
    if !more.is_empty() {
        text.extend_from_slice(more);
        text.extend_from_slice(if more.ends_with(b"\r\n") { b"" } else { b"\r\n" });
    }
    if text.len() > 2 {
        let end = ctx.message.span_of(sdp.text).end;
        ctx.run.patches.insert(end, Place::After, &text);
    }
}
