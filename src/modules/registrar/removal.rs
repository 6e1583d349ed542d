//! `remove()` and `remove_ip_port()`: contacts go at the script's word.

use std::any::Any;

use sluice_base::shards::Passed;
use sluice_engine::job::{Answer, Job};
use sluice_engine::module::{Then, Wait};
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_sip::same::same_texts;
use sluice_sip::uri::Uri;

use super::fetch::{Ask, again, ready};
use super::queries::{is_at, is_behind};
use super::{Worker, aor};
use crate::usrloc::api::{self, Contact, Edit, Sweep};

/// `remove(table, aor[, contact[, next hop[, instance]]])`
pub(super) fn remove(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let &[table, aor, contact, next_hop, instance] = args else { return Flow::FALSE };
    let [contact, next_hop, instance] = [contact, next_hop, instance].map(Value::text);
    let then: Then = |ctx, state, args, answer| again(ctx, state, args, answer, remove);
    drop_where(ctx, state, (table, aor), then, |ctx, of| {
        let fits = |text: Option<Text>, fits: &dyn Fn(&[u8]) -> bool| {
            text.is_none_or(|text| fits(ctx.bytes(text)))
        };
        // Once (2.x) the place of the contact was also that of a host.
        fits(contact, &|uri| match Uri::parse(uri) {
            Some(_) => same_texts(uri, of.uri),
            None => is_behind(of, uri),
        }) && fits(next_hop, &|host| is_behind(of, host))
            && fits(instance, &|wanted| is_instance(of, wanted))
    })
}

/// `remove_ip_port(ip, port, table[, aor])`
pub(super) fn remove_ip_port(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let &[ip, port, table, aor] = args else { return Flow::FALSE };
    let port = port.int().and_then(|port| u16::try_from(port).ok());
    let (Some(ip), Some(port)) = (ip.text(), port) else {
        return Flow::Fail("a port is a number from 0 to 65535");
    };
    let goes = |ctx: &Ctx<'_>, of: &Contact<'_>| is_at(of, ctx.bytes(ip), Some(port));
    let then: Then = |ctx, state, args, answer| again(ctx, state, args, answer, remove_ip_port);
    if aor.text().is_some() {
        return drop_where(ctx, state, (table, aor), then, goes);
    }
    let Some(worker) = state.downcast_mut::<Worker>() else { return Flow::FALSE };
    let name = table.text().map_or(&b""[..], |name| ctx.bytes(name));
    let Some(table) = worker.table(name) else { return Flow::Fail("there are too many tables") };
    if let Err(flow) = ready(ctx, &table, then) {
        return flow;
    }
    if table.is_only_in_database() {
        return Flow::Fail("of contacts that only the database has, it must be said whose");
    }
    let mut found: Vec<Vec<u8>> = Vec::new();
    for shard in 0..table.shards() {
        let mut at = Sweep::default();
        // A record that comes again is found twice, which does no harm.
        while Passed::All
            != table.pass(shard, &mut at, |record| {
                if record.contacts().any(|contact| goes(ctx, &contact)) {
                    found.push(record.aor().to_vec());
                }
            })
        {}
    }
    for aor in found {
        let locations = &worker.shared.locations;
        let ((), notes) = locations.edit(&table, &aor, ctx.shared, |edit| {
            edit.remove_if(|contact| goes(ctx, contact));
        });
        api::tell(ctx, locations, &table, &notes);
    }
    Flow::TRUE
}

/// Takes the contacts of a user away that `goes` says yes to.
fn drop_where(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    (table, aor): (Value, Value),
    then: Then,
    goes: impl Fn(&Ctx<'_>, &Contact<'_>) -> bool,
) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return Flow::FALSE };
    let name = table.text().map_or(&b""[..], |name| ctx.bytes(name));
    let Some(table) = worker.table(name) else { return Flow::Fail("there are too many tables") };
    if let Err(flow) = ready(ctx, &table, then) {
        return flow;
    }
    let user = aor.text().map_or(&b""[..], |aor| ctx.bytes(aor));
    if aor::of_uri(user, &worker.shared.options, &mut worker.aor).is_err() {
        return Flow::Fail("the address of record is no URI");
    }
    let Worker { shared, fetched, aor, .. } = worker;
    let locations = &shared.locations;
    if let Err(flow) = fetched.have(ctx, &Ask { locations, table: &table, then }, aor) {
        return flow;
    }
    let change = |edit: &mut Edit<'_>| edit.remove_if(|contact| goes(ctx, contact));
    let (notes, query) = match fetched.take() {
        None => (locations.edit(&table, aor, ctx.shared, change).1, None),
        Some(record) => {
            let heard = ctx.shared.hears_events();
            let ((), notes, batch) = locations.edit_apart(&table, &record, heard, change);
            let query = if batch.is_empty() { None } else { table.query(batch.statements) };
            (notes, query)
        }
    };
    api::tell(ctx, locations, &table, &notes);
    match query {
        None => Flow::TRUE,
        Some(query) => Flow::Suspend(Wait::Job(Job::Query(query)), written),
    }
}

/// The database has answered.
fn written(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    match answer {
        Answer::Rows(outcome) => match &**outcome {
            Ok(_) => Flow::TRUE,
            Err(error) => {
                ctx.complain(&error.to_string());
                Flow::Fail("the database did not remove them")
            }
        },
        _ => Flow::Fail("the database gave no answer"),
    }
}

/// An instance, with its angle brackets or without.
fn is_instance(contact: &Contact<'_>, wanted: &[u8]) -> bool {
    let bare = |text: &[u8]| {
        let inner = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">"));
        inner.unwrap_or(text).to_ascii_lowercase()
    };
    !contact.instance.is_empty() && bare(contact.instance) == bare(wanted)
}
