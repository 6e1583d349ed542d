//! Commands of the group `status_report`: whether each part of the program is ready (spec 9.7).

use serde_json::{Value, json};
use sluice_engine::reports::Identifier;

use super::{Answer, Management, refuse, unix_seconds};

/// The status of an identifier.
pub(super) fn get(management: &Management, params: &[Option<&str>]) -> Answer {
    let group = params.first().copied().flatten().unwrap_or_default();
    let name = params.get(1).copied().flatten();
    match management.reports.status(group, name) {
        Some((status, details)) => Ok(shown(status, &details)),
        None if management.reports.has_group(group) => refuse(404, "Identifier not found"),
        None => refuse(404, "Group not found"),
    }
}

/// All statuses, or those of a group.
pub(super) fn statuses(management: &Management, params: &[Option<&str>]) -> Answer {
    by_group(management, params, "Name", |identifier| {
        let mut status = shown(identifier.status, &identifier.details);
        status["Name"] = json!(identifier.name);
        status
    })
}

/// The latest lines of all identifiers, of those of a group, or of one.
pub(super) fn reports(management: &Management, params: &[Option<&str>]) -> Answer {
    management.reports.stamp(unix_seconds());
    by_group(management, params, "Name", |identifier| {
        let lines = identifier.lines.iter().map(
            |(at, line)| json!({ "Timestamp": at, "Date": management.host.date(*at), "Log": line }),
        );
        json!({ "Name": identifier.name, "Reports": lines.collect::<Vec<_>>() })
    })
}

/// The names of all identifiers, or of those of a group.
pub(super) fn identifiers(management: &Management, params: &[Option<&str>]) -> Answer {
    by_group(management, params, "Group", |identifier| json!(identifier.name))
}

fn shown(status: i32, details: &str) -> Value {
    json!({ "Readiness": status > 0, "Status": status, "Details": details })
}

/// Identifiers by group: all of them as a list, one group by itself.
fn by_group(
    management: &Management,
    params: &[Option<&str>],
    title: &str,
    show: impl Fn(&Identifier) -> Value,
) -> Answer {
    let (group, name) = (params.first().copied().flatten(), params.get(1).copied().flatten());
    let mut groups: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for identifier in management.reports.list() {
        let wanted = group.is_none_or(|group| identifier.group == group)
            && name.is_none_or(|name| identifier.name == name);
        if !wanted {
            continue;
        }
        match groups.last_mut() {
            Some((last, of)) if *last == identifier.group => of.push(show(&identifier)),
            _ => groups.push((identifier.group, vec![show(&identifier)])),
        }
    }
    let mut shown: Vec<Value> =
        groups.into_iter().map(|(group, of)| json!({ title: group, "Identifiers": of })).collect();
    match (group, shown.pop()) {
        (Some(_), Some(one)) => Ok(one),
        (Some(_), None) => refuse(404, "Group not found"),
        (None, last) => {
            shown.extend(last);
            Ok(shown.into())
        }
    }
}
