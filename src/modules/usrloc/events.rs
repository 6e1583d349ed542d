//! The events of contacts and addresses of record (spec 6.7): their names and parameters.

use sluice_engine::context::{Ctx, Kept};
use sluice_engine::events::Raised;
use sluice_engine::module::Chore;
use sluice_engine::post::Letter;

use super::edit::{Note, What};
use super::locations::Locations;
use super::record::{Contact, Record};
use super::table::Table;

/// Tells what a run has done.
pub fn tell(ctx: &mut Ctx<'_>, locations: &Locations, table: &Table, notes: &[Note]) {
    let (now, shared) = (ctx.now, ctx.shared);
    tell_by(&mut Chore { local: ctx.local, shared, now }, locations, table, notes);
}

/// Tells what a sweep has done. Too many runs that wait to begin are counted by the engine.
pub fn tell_by(chore: &mut Chore<'_>, locations: &Locations, table: &Table, notes: &[Note]) {
    for note in notes {
        chore.raise(&raised(note, locations, table));
    }
}

/// Tells what management has done.
pub(super) fn post(locations: &Locations, table: &Table, notes: &[Note]) {
    for note in notes {
        let raised = raised(note, locations, table);
        if let Err(why) = locations.post.send(Letter::Event(raised)) {
            tracing::warn!(target: "usrloc", "an event is lost: {why}");
        }
    }
}

fn raised(note: &Note, locations: &Locations, table: &Table) -> Raised {
    let name = match note.what {
        What::AorInsert => "E_UL_AOR_INSERT",
        What::AorDelete => "E_UL_AOR_DELETE",
        What::Insert => "E_UL_CONTACT_INSERT",
        What::Delete => "E_UL_CONTACT_DELETE",
        What::Update => "E_UL_CONTACT_UPDATE",
        What::Latency => "E_UL_LATENCY_UPDATE",
    };
    let mut params = vec![
        ("domain", Kept::Text(table.name().into())),
        ("aor", Kept::Text(note.about.aor().to_vec())),
    ];
    if !matches!(note.what, What::AorInsert | What::AorDelete) {
        params.extend(of_contact(&note.about, locations));
    }
    let params = params.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Raised { name: name.into(), params }
}

/// The parameters about a contact.
fn of_contact(about: &Record, locations: &Locations) -> Vec<(&'static str, Kept)> {
    let contact = about.contacts().next().unwrap_or_default();
    let Contact { uri, call_id, received, path, attr, fixed, .. } = contact;
    let text = |text: &[u8]| Kept::Text(text.to_vec());
    let number = |number: u32| Kept::Int(number.into());
    let socket = fixed.socket.and_then(|socket| locations.sockets.get(socket));
    // From 0 to 10, and -1 when not given.
    let q = if fixed.q < 0 { -1 } else { i64::from(fixed.q) / 100 };
    vec![
        ("uri", text(uri)),
        ("received", text(received)),
        ("path", text(path)),
        ("qval", Kept::Int(q)),
        ("user_agent", locations.agent_of(&contact, text)),
        ("socket", text(socket.map_or(b"", |socket| socket.text.as_bytes()))),
        ("bflags", number(fixed.cflags)),
        ("expires", number(fixed.expires)),
        ("callid", text(call_id)),
        ("cseq", number(fixed.cseq)),
        ("attr", text(attr)),
        ("latency", number(fixed.latency_us)),
        ("shtag", text(b"")),
    ]
}
