//! Commands of the group `targets`: names of next hops, and addresses that failed. Ours; OpenSIPS
//! has none such.

use serde_json::{Value, json};
use sluice_engine::sockets::Remote;
use sluice_engine::targets::{Kept, Place};

use super::{Answer, Management, refuse};

/// Lists the addresses that failed; with `full` also the names that are kept.
pub(super) fn list(management: &Management, params: &[Option<&str>]) -> Answer {
    let full = match params.first().copied().flatten() {
        None | Some("0") => false,
        Some("full" | "1") => true,
        Some(word) => return refuse(400, format!("`{word}` is not `full`")),
    };
    let names = &management.names;
    let now_ms = names.now_ms();
    let mut failed = names.failed.list();
    failed.sort_by_key(|(remote, _)| (remote.addr, remote.proto.lower()));
    let failed = failed.iter().map(|(remote, mark)| {
        let again = seconds_until(mark.again_ms, now_ms);
        json!({ "Target": text(remote), "Reason": mark.failure.word(), "Again": again })
    });
    let mut shown = json!({ "Failed": failed.collect::<Vec<_>>() });
    if full {
        let mut kept = names.list();
        kept.sort_by(|(a, _), (b, _)| (&a.host, a.port).cmp(&(&b.host, b.port)));
        shown["Names"] = kept.iter().map(|(place, kept)| name(place, kept, now_ms)).collect();
    }
    Ok(shown)
}

fn name(place: &Place, kept: &Kept, now_ms: u64) -> Value {
    let hops = kept.located.iter().flat_map(|located| located.hops());
    let mut shown = json!({
        "Name": place.host,
        "Expire": seconds_until(kept.until_ms, now_ms),
        "Targets": hops.map(|remote| text(&remote)).collect::<Vec<_>>(),
    });
    if let Some(port) = place.port {
        shown["Port"] = json!(port);
    }
    if let Some(proto) = place.proto {
        shown["Proto"] = json!(proto.lower());
    }
    if let Some(why) = &kept.why {
        shown["Reason"] = json!(**why);
    }
    shown
}

fn text(remote: &Remote) -> String {
    format!("{}:{}", remote.proto.lower(), remote.addr)
}

fn seconds_until(end_ms: u64, now_ms: u64) -> u64 {
    end_ms.saturating_sub(now_ms).div_ceil(1_000)
}
