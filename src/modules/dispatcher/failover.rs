//! The AVPs of a selection (spec 3.4): where the other destinations wait for `ds_next_dst`.
//!
//! AVPs are stacks, so what shall be taken last is pushed first. Texts are kept in the run, since a
//! reload may take the snapshot away before the script asks for the next destination.

use sluice_engine::run::AvpKey;
use sluice_engine::uses::Uses;
use sluice_engine::{Ctx, Value};

use super::flags::Flags;
use super::functions::Wanted;
use super::select::candidates;
use super::sets::{Destination, Set};

/// The functions that read what a selection has put into AVPs.
const READERS: [&str; 3] = ["ds_next_dst", "ds_next_domain", "ds_mark_dst"];

/// The slots of the AVPs.
#[derive(Clone, Copy, Debug)]
pub struct Avps {
    /// The destinations, the current one on top.
    pub destination: u32,
    /// The set they are of.
    pub group: u32,
    /// How many there are.
    pub count: u32,
    /// Attributes, one for each destination.
    pub attrs: Option<u32>,
    /// Attributes given by the script, one for each destination.
    pub script_attrs: Option<u32>,
}

impl Avps {
    /// Whether anything in an edition's routes may read one of them.
    pub fn are_read(&self, routes: &Uses<'_>) -> bool {
        self.attrs.is_some()
            || self.script_attrs.is_some()
            || READERS.iter().any(|reader| routes.calls(reader))
            || [self.destination, self.group, self.count].iter().any(|slot| routes.names_avp(*slot))
    }

    /// Fills them after `chosen` has been selected from `set`.
    pub fn fill(&self, ctx: &mut Ctx<'_>, set: &Set, chosen: usize, flags: Flags, results: usize) {
        if !flags.append {
            self.forget(ctx, flags.failover);
        }
        if flags.failover {
            self.push_others(ctx, set, chosen, flags, results);
        }
        if let Some(destination) = set.get(chosen) {
            if flags.failover {
                let uri = Value::Text(ctx.keep(destination.uri.as_bytes()));
                ctx.avp_push(AvpKey::Slot(self.destination), uri);
            }
            self.push_attrs(ctx, destination);
        }
        let count =
            if flags.failover { ctx.avp_count(AvpKey::Slot(self.destination)) as i64 } else { 0 };
        for (slot, number) in [(self.group, i64::from(set.id)), (self.count, count)] {
            ctx.avp_set(AvpKey::Slot(slot), Value::Int(number));
        }
    }

    /// Fills them with destinations in this order, the chosen one first. Of a list of `several`
    /// sets each destination has the number of its own, and a set comes `behind` the one before.
    pub fn fill_in_order(
        &self,
        ctx: &mut Ctx<'_>,
        set: &Set,
        order: &[usize],
        wanted: &Wanted,
        (several, behind): (bool, bool),
    ) {
        let failover = wanted.flags.failover;
        if !behind && !wanted.flags.append {
            self.forget(ctx, failover);
            ctx.avp_remove(AvpKey::Slot(self.group));
        }
        let kept = order.len().min(wanted.results.max(1));
        let kept = order.get(..if failover { kept } else { 1 }).unwrap_or_default();
        let all = kept.iter().enumerate().filter_map(|(at, index)| Some((at, set.get(*index)?)));
        let put = |ctx: &mut Ctx<'_>, (at, destination): (usize, &Destination)| {
            let uri = if at == 0 { &destination.uri } else { &destination.bare_uri };
            if failover {
                let uri = Value::Text(ctx.keep(uri.as_bytes()));
                put(ctx, self.destination, uri, behind);
            }
            if several {
                put(ctx, self.group, Value::Int(i64::from(set.id)), behind);
            }
            self.put_attrs(ctx, destination, behind);
        };
        // What is on top is taken first.
        match behind {
            true => all.for_each(|one| put(ctx, one)),
            false => all.rev().for_each(|one| put(ctx, one)),
        }
        if !several {
            ctx.avp_set(AvpKey::Slot(self.group), Value::Int(i64::from(set.id)));
        }
        let count = if failover { ctx.avp_count(AvpKey::Slot(self.destination)) } else { 0 };
        ctx.avp_set(AvpKey::Slot(self.count), Value::Int(count as i64));
    }

    /// Takes the current destination away and gives the next one's URI.
    pub fn next(&self, ctx: &mut Ctx<'_>) -> Option<Value> {
        ctx.avp_pop(AvpKey::Slot(self.destination))?;
        for slot in [self.attrs, self.script_attrs].into_iter().flatten() {
            ctx.avp_pop(AvpKey::Slot(slot));
        }
        // Of a list of sets each destination has its own.
        let left = ctx.avp_count(AvpKey::Slot(self.destination));
        if ctx.avp_count(AvpKey::Slot(self.group)) > left.max(1) {
            ctx.avp_pop(AvpKey::Slot(self.group));
        }
        self.current(ctx)
    }

    /// The current destination's URI.
    pub fn current(&self, ctx: &Ctx<'_>) -> Option<Value> {
        ctx.avp_newest(AvpKey::Slot(self.destination))
    }

    /// The set of the current destination.
    pub fn set(&self, ctx: &Ctx<'_>) -> Option<i64> {
        ctx.avp_newest(AvpKey::Slot(self.group))?.int()
    }

    /// Pushes a destination's attributes where the script wants them, empty ones too: each
    /// destination has its own.
    pub fn push_attrs(&self, ctx: &mut Ctx<'_>, destination: &Destination) {
        self.put_attrs(ctx, destination, false);
    }

    fn put_attrs(&self, ctx: &mut Ctx<'_>, destination: &Destination, behind: bool) {
        if let Some(slot) = self.attrs {
            let attrs = Value::Text(ctx.keep(destination.attrs.as_bytes()));
            put(ctx, slot, attrs, behind);
        }
        if let Some(slot) = self.script_attrs {
            let attrs = destination.live.script_attrs();
            let attrs = ctx.keep(attrs.as_deref().map_or(&b""[..], |attrs| attrs.as_slice()));
            put(ctx, slot, Value::Text(attrs), behind);
        }
    }

    fn forget(&self, ctx: &mut Ctx<'_>, failover: bool) {
        let destination = failover.then_some(self.destination);
        for slot in [destination, self.attrs, self.script_attrs].into_iter().flatten() {
            ctx.avp_remove(AvpKey::Slot(slot));
        }
    }

    /// The default one first, then from the one before the chosen backwards round to the one behind
    /// it; what `results` leaves out are those nearest before the chosen.
    fn push_others(
        &self,
        ctx: &mut Ctx<'_>,
        set: &Set,
        chosen: usize,
        flags: Flags,
        results: usize,
    ) {
        let all = set.destinations.len();
        let size = candidates(set, flags.default_last);
        if size < all && chosen != size {
            self.push(ctx, set, size);
        }
        // One that is not active is chosen when all are down (passive health), or on trial.
        let all_down = !set.is_active(chosen) && !set.destinations.iter().any(|d| d.is_active());
        let serves = |at: usize| match set.get(at) {
            Some(one) if all_down => one.may_be_tried(),
            _ => set.is_active(at),
        };
        let serving = (0..size).filter(|at| serves(*at)).count();
        let mut left_out = serving.saturating_sub(results);
        for at in (1..all).map(|back| (chosen + all - back) % all) {
            if at >= size || !serves(at) {
                continue;
            }
            if left_out > 0 {
                left_out -= 1;
            } else {
                self.push(ctx, set, at);
            }
        }
    }

    fn push(&self, ctx: &mut Ctx<'_>, set: &Set, at: usize) {
        if let Some(destination) = set.get(at) {
            let uri = Value::Text(ctx.keep(destination.bare_uri.as_bytes()));
            ctx.avp_push(AvpKey::Slot(self.destination), uri);
            self.push_attrs(ctx, destination);
        }
    }
}

/// Puts a value on top, or behind all others.
fn put(ctx: &mut Ctx<'_>, slot: u32, value: Value, behind: bool) {
    match behind {
        true => ctx.avp_append(AvpKey::Slot(slot), value),
        false => ctx.avp_push(AvpKey::Slot(slot), value),
    }
}
