//! The script functions that look at sets without selecting (spec 3.6), and the attributes that a
//! script gives to destinations.

use std::any::Any;
use std::net::IpAddr;

use sluice_engine::module::{Flow, Function};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::{ParamKind, Routes};

use super::functions::{
    NO_PARTITION, NOT_STARTED, PARTITION, REQUEST_FUNCTION, optional, required,
};
use super::params::Variable;
use super::state::State;
use super::{Worker, given, limits};
use sluice_base::glob;

/// `ds_is_in_list(ip, port[, set][, partition][, active_only][, pattern])`
pub(super) const IS_IN_LIST: Function = Function {
    name: "ds_is_in_list",
    doc: "Whether an address and port belong to a destination of a set, or of any.",
    params: &[
        required("ip", ParamKind::Text),
        required("port", ParamKind::Any),
        optional("set", ParamKind::Any),
        optional("partition", ParamKind::Word(partition_or_active)),
        optional("active_only", ParamKind::Int),
        optional("pattern", ParamKind::Text),
    ],
    routes: Routes::ANY,
    call: is_in_list,
    ..REQUEST_FUNCTION
};

/// `ds_count(set, filter, $result[, partition])`
pub(super) const COUNT: Function = Function {
    name: "ds_count",
    doc: "Counts a set's destinations by state: any of the letters a, i, p.",
    params: &[
        required("set", ParamKind::Int),
        required("filter", ParamKind::Word(filter)),
        required("result", ParamKind::Output),
        PARTITION,
    ],
    routes: Routes::ANY,
    call: count,
    ..REQUEST_FUNCTION
};

/// `ds_push_script_attrs(attrs, ip, port, set[, partition])`
pub(super) const PUSH_SCRIPT_ATTRS: Function = Function {
    name: "ds_push_script_attrs",
    doc: "Gives the destinations of an address and port attributes of the script's own.",
    params: &[
        required("attrs", ParamKind::Text),
        required("ip", ParamKind::Text),
        required("port", ParamKind::Any),
        required("set", ParamKind::Any),
        PARTITION,
    ],
    routes: Routes::ANY,
    call: push_script_attrs,
    ..REQUEST_FUNCTION
};

/// `ds_get_script_attrs(uri, set, [partition], $attrs)`
pub(super) const GET_SCRIPT_ATTRS: Function = Function {
    name: "ds_get_script_attrs",
    doc: "Reads what ds_push_script_attrs gave the destination of a URI.",
    params: &[
        required("uri", ParamKind::Text),
        required("set", ParamKind::Int),
        PARTITION,
        required("attrs", ParamKind::Output),
    ],
    routes: Routes::ANY,
    call: get_script_attrs,
    ..REQUEST_FUNCTION
};

const ACTIVE: i64 = 1;
const INACTIVE: i64 = 2;
const PROBING: i64 = 4;

/// 1.x had the active flag where 3.x has the partition.
fn partition_or_active(text: &str) -> Result<i64, String> {
    Ok(match text.trim() {
        "0" => 0,
        "1" => 1,
        name => given::key(name),
    })
}

/// The states that `ds_count` counts: letters, or the number of older releases.
fn filter(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let expected = || format!("a filter is made of the letters a, i, p, not `{text}`");
    if let Ok(bits) = text.parse::<i64>() {
        return if (1..=7).contains(&bits) { Ok(bits) } else { Err(expected()) };
    }
    text.chars().try_fold(0, |bits, letter| match letter {
        'a' | 'A' => Ok(bits | ACTIVE),
        'i' | 'I' => Ok(bits | INACTIVE),
        'p' | 'P' => Ok(bits | PROBING),
        _ => Err(expected()),
    })
}

fn is_in_list(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[ip, port, set, partition, active_only, pattern]) =
        (state.downcast_mut::<Worker>(), args)
    else {
        return NOT_STARTED;
    };
    let peer = ctx.packet.peer;
    let (Some(ip), Some(port), Some(set)) =
        (address(ctx, ip), number(ctx, port, peer.port().into()), number(ctx, set, -1))
    else {
        return Flow::FALSE;
    };
    let Ok(port) = u16::try_from(port) else { return Flow::FALSE };
    let set = (set != -1).then_some(set);
    let old_flag = partition.int() == Some(1);
    let active_only = old_flag || active_only.int().is_some_and(|n| n != 0);
    let params = worker.shared.params;
    let partition = if old_flag { Value::Omitted } else { partition };
    let Some((partition, part)) = worker.partition(partition) else { return NO_PARTITION };
    let fits = |d: &super::sets::Destination| {
        (!active_only || d.is_active())
            && pattern.text().is_none_or(|p| {
                !d.attrs.is_empty() && glob::matches(ctx.bytes(p), d.attrs.as_bytes())
            })
    };
    let found = part.sets.get().at(ip, port, set).find(|(_, destination)| fits(destination));
    let Some((found_in, destination)) = found else { return Flow::FALSE };
    if set.is_none()
        && let Some(variable) = params.setid
    {
        assign(ctx, variable, i64::from(found_in.id));
    }
    partition.avps.push_attrs(ctx, destination);
    Flow::TRUE
}

fn count(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[set, filter, result, partition]) = (state.downcast_mut::<Worker>(), args)
    else {
        return NOT_STARTED;
    };
    let (Some(set), Some(filter)) = (set.int(), filter.int()) else { return Flow::FALSE };
    let Some((_, part)) = worker.partition(partition) else { return NO_PARTITION };
    let Some(set) = part.sets.get().get(set) else { return Flow::FALSE };
    let wanted = |state| match state {
        State::ACTIVE => filter & ACTIVE != 0,
        State::PROBING => filter & PROBING != 0,
        _ => filter & INACTIVE != 0,
    };
    let found = set.destinations.iter().filter(|d| wanted(d.live.state())).count();
    ctx.output(result, Value::Int(found as i64));
    Flow::TRUE
}

fn push_script_attrs(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[attrs, ip, port, set, partition]) = (state.downcast_mut::<Worker>(), args)
    else {
        return NOT_STARTED;
    };
    let peer = ctx.packet.peer;
    let (Some(attrs), Some(ip), Some(port), Some(set)) = (
        attrs.text(),
        address(ctx, ip),
        number(ctx, port, peer.port().into()),
        number(ctx, set, -1),
    ) else {
        return Flow::FALSE;
    };
    let Ok(port) = u16::try_from(port) else { return Flow::FALSE };
    if attrs.len as usize > limits::SCRIPT_ATTRS_BYTES {
        return Flow::Fail("dispatcher: script attributes are too long");
    }
    let Some((_, part)) = worker.partition(partition) else { return NO_PARTITION };
    let found = part.sets.get().at(ip, port, (set != -1).then_some(set));
    let found = found.inspect(|(_, destination)| {
        destination.live.set_script_attrs(ctx.bytes(attrs));
    });
    Flow::of(found.count() > 0)
}

fn get_script_attrs(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[uri, set, partition, result]) = (state.downcast_mut::<Worker>(), args)
    else {
        return NOT_STARTED;
    };
    let (Some(uri), Some(set)) = (uri.text(), set.int()) else { return Flow::FALSE };
    let Some((_, part)) = worker.partition(partition) else { return NO_PARTITION };
    let set = part.sets.get().get(set);
    let found = set.and_then(|set| set.find(ctx.bytes(uri)));
    let Some(attrs) = found.and_then(|d| d.live.script_attrs()) else { return Flow::FALSE };
    let attrs = ctx.keep(&attrs);
    ctx.output(result, Value::Text(attrs));
    Flow::TRUE
}

/// A literal address; the source's where the text is empty (1.x).
fn address(ctx: &Ctx<'_>, value: Value) -> Option<IpAddr> {
    match ctx.bytes(value.text()?) {
        b"" => Some(ctx.packet.peer.ip()),
        text => sluice_sip::uri::literal_addr(text),
    }
}

/// A number, or text of digits; the default where it is left out or empty.
fn number(ctx: &Ctx<'_>, value: Value, default: i64) -> Option<i64> {
    match value {
        Value::Omitted => Some(default),
        Value::Text(text) => match ctx.bytes(text) {
            b"" => Some(default),
            digits => std::str::from_utf8(digits).ok()?.trim().parse().ok(),
        },
        other => other.int(),
    }
}

fn assign(ctx: &mut Ctx<'_>, variable: Variable, number: i64) {
    match variable {
        Variable::Avp(slot) => ctx.avp_push(AvpKey::Slot(slot), Value::Int(number)),
        Variable::Var(slot) => {
            if let Some(place) = ctx.local.vars.get_mut(slot) {
                *place = sluice_engine::context::Kept::Int(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_letters_or_the_old_number() {
        assert_eq!(filter("aip"), Ok(ACTIVE | INACTIVE | PROBING));
        assert_eq!(filter("p"), Ok(PROBING));
        assert_eq!(filter("3"), Ok(ACTIVE | INACTIVE));
        assert!(filter("x").is_err() && filter("8").is_err());
    }

    #[test]
    fn the_active_flag_of_1_x_stands_in_place_of_the_partition() {
        assert_eq!(partition_or_active("1"), Ok(1));
        assert_eq!(partition_or_active(""), Ok(0));
        assert_eq!(partition_or_active("gold"), Ok(given::key("gold")));
    }
}
