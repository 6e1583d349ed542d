//! The functions that ask the table of addresses (spec 9.5), of all releases.

use std::any::Any;
use std::net::IpAddr;

use sluice_engine::module::{Flow, Function};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::uri::literal_addr;

use super::addresses::{ANY, Addresses, Found, Question, proto_of};
use super::{DEFAULT, Worker, allow, trusted};
use crate::table::{function, optional, param};

pub(super) const NOT_STARTED: Flow = Flow::Fail("permissions: the module was not started");
const NO_PARTITION: Flow = Flow::Fail("permissions: there is no such partition, or no db_url");

/// No row fits.
const NOTHING: Flow = Flow::FALSE;
/// There is no row of the group.
const NO_GROUP: Flow = Flow::Code(-2);

const GROUP: ParamDef = param("group", ParamKind::Any);
const INFO: ParamDef = optional("context_info", ParamKind::Output);
const PATTERN: ParamDef = optional("pattern", ParamKind::Text);
const PARTITION: ParamDef = optional("partition", ParamKind::Text);
const PROTO: ParamKind = ParamKind::Word(proto_word);

/// The table.
pub(super) static FUNCTIONS: &[Function] = &[
    function(
        "check_address",
        "Whether an address, port and transport are in a group of the table; -2: no such group.",
        &[
            GROUP,
            param("ip", ParamKind::Text),
            param("port", ParamKind::Int),
            param("proto", PROTO),
            INFO,
            PATTERN,
            PARTITION,
        ],
        Routes::ANY,
        check_address,
    ),
    function(
        "check_source_address",
        "Whether the sender is in a group of the table; -2: no such group.",
        &[GROUP, INFO, PATTERN, PARTITION],
        Routes::REQUESTS,
        check_source_address,
    ),
    function(
        "get_source_group",
        "Gives the group of the sender's address and port; false when it is in none.",
        &[param("group", ParamKind::Output), PARTITION],
        Routes::REQUESTS,
        get_source_group,
    ),
    function(
        "allow_address",
        "1.x: whether an address and port are in a group.",
        &[GROUP, param("ip", ParamKind::Text), param("port", ParamKind::Int)],
        Routes::REQUESTS,
        allow_address,
    ),
    function(
        "allow_source_address",
        "1.x: whether the sender's address and port are in a group.",
        &[GROUP],
        Routes::REQUESTS,
        allow_source_address,
    ),
    function(
        "allow_source_address_group",
        "1.x: returns the group of the sender's address and port, or -1.",
        &[],
        Routes::REQUESTS,
        allow_source_address_group,
    ),
    allow::ROUTING,
    allow::REGISTER,
    allow::FOR_URI,
    trusted::ALLOW_TRUSTED,
];

/// The number of a transport, for parameters.
pub(super) fn proto_word(name: &str) -> Result<i64, String> {
    let number = proto_of(name.trim().as_bytes()).map(i64::from);
    number
        .ok_or_else(|| format!("a transport is any, udp, tcp, tls, sctp, ws or wss, not `{name}`"))
}

fn check_address(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[group, ip, port, proto, info, text, partition]) =
        (state.downcast_mut::<Worker>(), args)
    else {
        return NOT_STARTED;
    };
    let Some(ip) = ip.text().and_then(|ip| literal_addr(ctx.bytes(ip))) else { return NOTHING };
    let (Some(port), Some(proto)) = (number(port), number(proto)) else { return NOTHING };
    let asked = Asked { group, partition, ip, port, proto };
    check(ctx, worker, &asked, text, info)
}

fn check_source_address(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[group, info, text, partition]) = (state.downcast_mut::<Worker>(), args)
    else {
        return NOT_STARTED;
    };
    let asked = Asked { proto: proto(ctx), ..Asked::sender(ctx, group, partition) };
    check(ctx, worker, &asked, text, info)
}

fn allow_address(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[group, ip, port]) = (state.downcast_mut::<Worker>(), args) else {
        return NOT_STARTED;
    };
    let Some(ip) = ip.text().and_then(|ip| literal_addr(ctx.bytes(ip))) else { return NOTHING };
    let Some(port) = number(port) else { return NOTHING };
    let asked = Asked { group, partition: Value::Omitted, ip, port, proto: 0 };
    without_group(check(ctx, worker, &asked, Value::Omitted, Value::Omitted))
}

fn allow_source_address(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[group]) = (state.downcast_mut::<Worker>(), args) else {
        return NOT_STARTED;
    };
    let asked = Asked::sender(ctx, group, Value::Omitted);
    without_group(check(ctx, worker, &asked, Value::Omitted, Value::Omitted))
}

/// 1.x says no more than "not allowed".
fn without_group(flow: Flow) -> Flow {
    if matches!(flow, Flow::Code(-2)) { NOTHING } else { flow }
}

fn get_source_group(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[result, partition]) = (state.downcast_mut::<Worker>(), args) else {
        return NOT_STARTED;
    };
    let partition = partition.text().map_or(DEFAULT.as_bytes(), |name| ctx.bytes(name));
    let Some(addresses) = addresses(worker, partition) else { return NO_PARTITION };
    let peer = ctx.packet.peer;
    let Some(group) = addresses.group_of(peer.ip(), peer.port()) else { return NOTHING };
    ctx.output(result, Value::Int(group.into()));
    Flow::TRUE
}

fn allow_source_address_group(ctx: &mut Ctx<'_>, state: &mut dyn Any, _: &[Value]) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return NOT_STARTED };
    let Some(addresses) = addresses(worker, DEFAULT.as_bytes()) else { return NO_PARTITION };
    let peer = ctx.packet.peer;
    let group = addresses.group_of(peer.ip(), peer.port());
    Flow::Number(group.and_then(|group| i32::try_from(group).ok()).unwrap_or(-1))
}

/// A question as the script asks it.
struct Asked {
    /// A number, or `partition:number` (2.x).
    group: Value,
    partition: Value,
    ip: IpAddr,
    port: u16,
    proto: u8,
}

impl Asked {
    /// About the sender, by any transport.
    fn sender(ctx: &Ctx<'_>, group: Value, partition: Value) -> Self {
        let peer = ctx.packet.peer;
        Self { group, partition, ip: peer.ip(), port: peer.port(), proto: 0 }
    }
}

fn check(ctx: &mut Ctx<'_>, worker: &mut Worker, asked: &Asked, text: Value, info: Value) -> Flow {
    let Some((group, within)) = group(ctx, asked.group) else { return NOTHING };
    let partition = match asked.partition.text() {
        Some(name) => ctx.bytes(name),
        None => within.unwrap_or(DEFAULT.as_bytes()),
    };
    let Some(addresses) = addresses(worker, partition) else { return NO_PARTITION };
    // A number that no group can have is no group.
    let Ok(group) = u32::try_from(group) else { return NO_GROUP };
    let text = text.text().map(|text| ctx.bytes(text));
    let Asked { ip, port, proto, .. } = *asked;
    match addresses.find(Question { group, ip, port, proto, text }) {
        Found::Entry(entry) => {
            let found = Value::Text(ctx.keep(&entry.info));
            ctx.output(info, found);
            Flow::TRUE
        }
        Found::Nothing => NOTHING,
        Found::NoGroup => NO_GROUP,
    }
}

/// The number of a group, and the partition named with it.
fn group<'a>(ctx: &'a Ctx<'_>, value: Value) -> Option<(i64, Option<&'a [u8]>)> {
    if let Some(number) = value.int() {
        return Some((number, None));
    }
    let text = std::str::from_utf8(ctx.bytes(value.text()?)).ok()?;
    let (partition, number) = match text.split_once(':') {
        Some((partition, number)) => (Some(partition.trim().as_bytes()), number),
        None => (None, text),
    };
    Some((number.trim().parse().ok()?, partition))
}

fn addresses<'a>(worker: &'a mut Worker, partition: &[u8]) -> Option<&'a Addresses> {
    let partitions = &worker.shared.partitions;
    let at = partitions.iter().position(|known| known.name.as_bytes() == partition)?;
    worker.addresses.get_mut(at).map(|reader| reader.get())
}

/// The transport that the message came by.
pub(super) fn proto(ctx: &Ctx<'_>) -> u8 {
    let listen = ctx.shared.sockets.get(ctx.packet.socket);
    listen.and_then(|listen| proto_of(listen.proto.lower().as_bytes())).unwrap_or(ANY as u8)
}

/// A small number.
fn number<N: TryFrom<i64>>(value: Value) -> Option<N> {
    N::try_from(value.int()?).ok()
}
