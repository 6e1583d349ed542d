//! What the script says in JSON: the columns, the values and the conditions of a statement.

use std::sync::Arc;

use serde_json::Value as Json;
use sluice_engine::db::{Compare, Condition, Field};

/// `["password", "ha1"]`
///
/// # Errors
/// What it should be.
pub(super) fn columns(text: &[u8]) -> Result<Arc<[Arc<str>]>, String> {
    let wrong = || "columns are a list of names in JSON: [\"a\",\"b\"]".to_owned();
    let names = list(text).ok_or_else(wrong)?;
    let names = names.iter().map(|name| name.as_str().map(Arc::from));
    names.collect::<Option<_>>().ok_or_else(wrong)
}

/// `[{"password": "secret"}, {"since": 5}]`
///
/// # Errors
/// What it should be.
pub(super) fn values(text: &[u8]) -> Result<Vec<(Arc<str>, Field)>, String> {
    let wrong = || "values are a list in JSON: [{\"column\":\"value\"}]".to_owned();
    let pairs = pairs(text).ok_or_else(wrong)?;
    let fields = pairs.into_iter().map(|(column, value)| Some((column, field(&value)?)));
    fields.collect::<Option<_>>().ok_or_else(wrong)
}

/// `[{"username": "bob"}, {"since": {">": 5}}, {"domain": {"!=": null}}]`
///
/// # Errors
/// What it should be.
pub(super) fn conditions(text: &[u8]) -> Result<Vec<Condition>, String> {
    let wrong = "a filter is a list in JSON: [{\"column\":{\"=\":\"value\"}}]";
    let pairs = pairs(text).ok_or(wrong)?;
    let condition = |(column, value): (Arc<str>, Json)| {
        let (compare, value) = match &value {
            Json::Object(said) => {
                let (operator, value) = said.iter().next().ok_or(wrong)?;
                (compare(operator)?, field(value).ok_or(wrong)?)
            }
            value => (Compare::Equal, field(value).ok_or(wrong)?),
        };
        Ok(Condition { column, compare, value })
    };
    pairs.into_iter().map(condition).collect()
}

fn list(text: &[u8]) -> Option<Vec<Json>> {
    match serde_json::from_slice(text).ok()? {
        Json::Array(items) => Some(items),
        _ => None,
    }
}

fn pairs(text: &[u8]) -> Option<Vec<(Arc<str>, Json)>> {
    let mut pairs = Vec::new();
    for item in list(text)? {
        let Json::Object(item) = item else { return None };
        pairs.extend(item.into_iter().map(|(name, value)| (Arc::from(name), value)));
    }
    Some(pairs)
}

fn field(value: &Json) -> Option<Field> {
    match value {
        Json::Null => Some(Field::Null),
        Json::String(text) => Some(Field::text(text)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Some(Field::Int(whole)),
            None => number.as_f64().map(Field::Double),
        },
        _ => None,
    }
}

fn compare(operator: &str) -> Result<Compare, String> {
    match operator.trim() {
        "=" => Ok(Compare::Equal),
        "<" => Ok(Compare::Less),
        "<=" => Ok(Compare::AtMost),
        ">" => Ok(Compare::Greater),
        ">=" => Ok(Compare::AtLeast),
        "!=" | "<>" => Ok(Compare::Differs),
        other => Err(format!("a filter compares by = < > <= >= or !=, not by `{other}`")),
    }
}
