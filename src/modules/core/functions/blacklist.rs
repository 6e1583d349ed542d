//! Blacklists: turning them on and off for the message, asking and changing them (spec 1.9).

use std::str::FromStr;

use sluice_base::glob;
use sluice_engine::blacklist::{List, Place, Rule};
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::table::{function, optional, param};

const NAME: ParamDef = param("name", ParamKind::Text);
const IP: ParamDef = param("ip", ParamKind::Text);
const PORT: ParamDef = optional("port", ParamKind::Int);
const PROTO: ParamDef = optional("proto", ParamKind::Text);
const PATTERN: ParamDef = optional("pattern", ParamKind::Text);

const LIST_NAME: &[ParamDef] = &[NAME];
const PLACE: &[ParamDef] = &[optional("name", ParamKind::Text), IP, PORT, PROTO, PATTERN];
const RULE: &[ParamDef] = &[NAME, IP, PORT, PROTO, PATTERN];
const NEW_RULE: &[ParamDef] =
    &[NAME, IP, PORT, PROTO, PATTERN, optional("seconds", ParamKind::Int)];

const NO_LIST: Flow = Flow::Fail("there is no blacklist of that name; dst_blacklist makes one");

pub(super) const LIST: &[Function] = &[
    function(
        "use_blacklist",
        "Has this message not sent where a blacklist forbids it.",
        LIST_NAME,
        Routes::ANY,
        |ctx, _, args| mark(ctx, args, true),
    ),
    function(
        "unuse_blacklist",
        "Has a blacklist not looked at for this message.",
        LIST_NAME,
        Routes::ANY,
        |ctx, _, args| mark(ctx, args, false),
    ),
    function(
        "check_blacklist_rule",
        "True when a blacklist, or without a name one that is used, forbids a destination.",
        PLACE,
        Routes::ANY,
        |ctx, _, args| check(ctx, args),
    ),
    function(
        "add_blacklist_rule",
        "Adds a rule to a blacklist that may change, for some seconds or for ever.",
        NEW_RULE,
        Routes::ANY,
        |ctx, _, args| change(ctx, args, List::add),
    ),
    function(
        "del_blacklist_rule",
        "Takes a rule away from a blacklist that may change.",
        RULE,
        Routes::ANY,
        |ctx, _, args| change(ctx, args, |list, rule, now_ms| list.remove(&rule, now_ms)),
    ),
];

fn text<'c>(ctx: &'c Ctx<'_>, value: Value) -> Option<&'c str> {
    std::str::from_utf8(ctx.bytes(value.text()?)).ok()
}

fn mark(ctx: &mut Ctx<'_>, args: &[Value], on: bool) -> Flow {
    let name = args.first().and_then(|name| name.text());
    let lists = &ctx.shared.blacklists;
    let found = name.and_then(|name| lists.find(ctx.bytes(name)));
    let Some((number, _)) = found else { return NO_LIST };
    ctx.run.blacklists.set(number, on);
    Flow::TRUE
}

fn check(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let &[name, ip, port, proto, request] = args else { return Flow::FALSE };
    let Some(Ok(ip)) = text(ctx, ip).map(FromStr::from_str) else {
        return Flow::Fail("an address was expected");
    };
    let port = port.int().and_then(|port| port.try_into().ok()).unwrap_or_default();
    let proto = text(ctx, proto).map(str::to_ascii_lowercase).filter(|proto| proto != "any");
    let place = Place { proto: proto.as_deref(), ip, port };
    let request = request.text().map(|request| ctx.bytes(request)).unwrap_or_default();
    let fits = |pattern: &str| glob::matches(pattern.as_bytes(), request);
    let (lists, now_ms) = (&ctx.shared.blacklists, ctx.now.mono_ms());
    let Some(name) = name.text() else {
        return Flow::of(lists.forbid(ctx.run.blacklists, place, now_ms, fits));
    };
    match lists.find(ctx.bytes(name)) {
        Some((_, list)) => Flow::of(list.rule(place, now_ms, fits).is_some()),
        None => NO_LIST,
    }
}

fn change(
    ctx: &mut Ctx<'_>,
    args: &[Value],
    change: fn(&List, Rule, u64) -> Result<(), &'static str>,
) -> Flow {
    let arg = |at: usize| args.get(at).copied().unwrap_or_default();
    let Some((_, list)) =
        arg(0).text().and_then(|name| ctx.shared.blacklists.find(ctx.bytes(name)))
    else {
        return NO_LIST;
    };
    let Some(Ok(mut rule)) = text(ctx, arg(1)).map(Rule::from_str) else {
        return Flow::Fail("an address or a block of addresses was expected");
    };
    let now_ms = ctx.now.mono_ms();
    rule.port = match arg(2).int().map(u16::try_from) {
        None => 0,
        Some(Ok(port)) => port,
        Some(Err(_)) => return Flow::Fail("a port is 0, which is any, to 65535"),
    };
    let proto = text(ctx, arg(3)).map(str::to_ascii_lowercase);
    rule.proto = proto.filter(|proto| !proto.is_empty() && proto != "any").map(Into::into);
    rule.pattern = text(ctx, arg(4)).filter(|pattern| !pattern.is_empty()).map(Into::into);
    let seconds = arg(5).int().and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default();
    rule.until_ms = (seconds > 0).then(|| now_ms.saturating_add(seconds.saturating_mul(1_000)));
    match change(list, rule, now_ms) {
        Ok(()) => Flow::TRUE,
        Err(why) => Flow::Fail(why),
    }
}
