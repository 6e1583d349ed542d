//! Commands of the group `blacklists`: what requests may not be sent to (spec 9.7).

use std::net::IpAddr;

use serde_json::{Value, json};
use sluice_base::glob;
use sluice_engine::blacklist::{List, Place, Rule};
use sluice_engine::module::CommandError;

use super::{Answer, Management, refuse};

/// Lists the lists, or one.
pub(super) fn list(management: &Management, params: &[Option<&str>]) -> Answer {
    let name = params.first().copied().flatten();
    let wanted = |list: &&List| name.is_none_or(|name| list.name == name);
    let lists: Vec<Value> =
        management.blacklists.lists().filter(wanted).map(|l| shown(management, l)).collect();
    match name {
        Some(name) if lists.is_empty() => refuse(404, format!("no blacklist {name}")),
        _ => Ok(json!({ "Lists": lists })),
    }
}

/// The names of the lists that forbid a destination.
pub(super) fn check_all(management: &Management, params: &[Option<&str>]) -> Answer {
    let asked = Asked::read(params)?;
    let lists = management.blacklists.lists();
    let forbidding = lists.filter(|list| asked.rule_of(management, list).is_some());
    Ok(forbidding.map(|list| json!(list.name)).collect())
}

/// The rule of a list that forbids a destination.
pub(super) fn check(management: &Management, params: &[Option<&str>]) -> Answer {
    let list = find(management, params)?;
    let asked = Asked::read(params.get(1..).unwrap_or_default())?;
    match asked.rule_of(management, list) {
        Some(rule) => Ok(rule_shown(management, &rule)),
        None => refuse(404, "no rule of the blacklist matches"),
    }
}

/// Adds a rule.
pub(super) fn add(management: &Management, params: &[Option<&str>]) -> Answer {
    let (list, mut rule) = (find(management, params)?, rule(params)?);
    let now_ms = management.blacklists.now_ms();
    rule.until_ms = match params.get(2).copied().flatten().map(str::parse::<u64>) {
        None => None,
        Some(Ok(seconds)) => Some(now_ms.saturating_add(seconds.saturating_mul(1_000))),
        Some(Err(_)) => return refuse(400, "expire is a number of seconds"),
    };
    done(list.add(rule, now_ms))
}

/// Takes a rule away.
pub(super) fn remove(management: &Management, params: &[Option<&str>]) -> Answer {
    let (list, rule) = (find(management, params)?, rule(params)?);
    done(list.remove(&rule, management.blacklists.now_ms()))
}

/// A destination that a command asks about.
struct Asked<'p> {
    proto: Option<String>,
    ip: IpAddr,
    port: u16,
    request: &'p str,
}

impl<'p> Asked<'p> {
    /// By position a transport may stand first: `udp 127.0.0.1 5060`.
    fn read(params: &[Option<&'p str>]) -> Result<Self, CommandError> {
        let param = |at: usize| params.get(at).copied().flatten();
        let first = param(0).unwrap_or_default();
        let (proto, ip) = match first.parse::<IpAddr>() {
            Ok(ip) => (param(1), Some(ip)),
            Err(_) => (Some(first), param(1).and_then(|second| second.parse().ok())),
        };
        let Some(ip) = ip else { return refuse(400, format!("`{first}` is no address")) };
        let Ok(port) = param(2).unwrap_or("0").parse() else {
            return refuse(400, "a port is 0, which is any, to 65535");
        };
        let proto = proto.map(str::to_ascii_lowercase).filter(|proto| proto != "any");
        Ok(Self { proto, ip, port, request: param(3).unwrap_or_default() })
    }

    fn rule_of(&self, management: &Management, list: &List) -> Option<Rule> {
        let place = Place { proto: self.proto.as_deref(), ip: self.ip, port: self.port };
        let fits = |pattern: &str| glob::matches(pattern.as_bytes(), self.request.as_bytes());
        list.rule(place, management.blacklists.now_ms(), fits)
    }
}

fn find<'m>(management: &'m Management, params: &[Option<&str>]) -> Result<&'m List, CommandError> {
    let name = params.first().copied().flatten().unwrap_or_default();
    match management.blacklists.find(name.as_bytes()) {
        Some((_, list)) => Ok(list),
        None => refuse(404, format!("no blacklist {name}")),
    }
}

/// A rule as `dst_blacklist` writes it, with or without parentheses.
fn rule(params: &[Option<&str>]) -> Result<Rule, CommandError> {
    let text = params.get(1).copied().flatten().unwrap_or_default();
    let (not, inner) = text.strip_prefix('!').map_or(("", text), |inner| ("!", inner));
    let whole = if inner.starts_with('(') { text.to_owned() } else { format!("{not}({inner})") };
    whole.parse().or_else(|why: String| refuse(400, why))
}

fn done(result: Result<(), &'static str>) -> Answer {
    match result {
        Ok(()) => Ok(json!("OK")),
        Err(why) => refuse(500, why),
    }
}

fn shown(management: &Management, list: &List) -> Value {
    let now_ms = management.blacklists.now_ms();
    let flags = [
        (list.kind.expires, "expire"),
        (list.kind.default, "default"),
        (list.kind.read_only, "readonly"),
    ];
    let flags: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    let rules = list.rules();
    let rules = rules.iter().filter(|rule| rule.lasts(now_ms));
    let rules: Vec<Value> = rules.map(|rule| rule_shown(management, rule)).collect();
    json!({ "name": list.name, "flags": flags.join(","), "Rules": rules })
}

fn rule_shown(management: &Management, rule: &Rule) -> Value {
    let mut shown = json!({
        "flags": if rule.negated { "contrary" } else { "" },
        "IP": rule.net.addr.to_string(),
        "Mask": rule.net.prefix,
        "Proto": rule.proto.as_deref().unwrap_or("any"),
        "Port": rule.port,
    });
    if let Some(pattern) = &rule.pattern {
        shown["Match"] = json!(pattern);
    }
    if let Some(end) = rule.until_ms {
        let left = end.saturating_sub(management.blacklists.now_ms());
        shown["Expire"] = json!(left.div_ceil(1_000));
    }
    shown
}
