//! Commands of the group `evi`: events, and the routes that they run (spec 9.7).

use serde_json::{Value, json};
use sluice_engine::context::Kept;
use sluice_engine::events::{Raised, Subscription};
use sluice_engine::post::Letter;

use super::{Answer, Management, refuse};

/// How long a subscription lasts that names no time.
const SECONDS: u64 = 3_600;

/// Subscribes a route to an event.
pub(super) fn subscribe(management: &Management, params: &[Option<&str>]) -> Answer {
    let param = |at: usize| params.get(at).copied().flatten();
    let (event, socket) = (param(0).unwrap_or_default(), param(1).unwrap_or_default());
    let Ok(seconds) = param(2).map_or(Ok(SECONDS), str::parse) else {
        return refuse(400, "expire is a number of seconds");
    };
    let events = &management.events;
    match events.subscribe(event, socket, seconds, events.now_ms()) {
        Ok(()) => Ok(json!("OK")),
        Err(why) => refuse(500, why),
    }
}

/// The events that there are.
pub(super) fn list(management: &Management, _: &[Option<&str>]) -> Answer {
    let events = management.events.list().into_iter().enumerate();
    let events: Vec<Value> =
        events.map(|(id, (name, _))| json!({ "name": name, "id": id })).collect();
    Ok(json!({ "Events": events }))
}

/// Who is told of all events, of one, or one of those who are.
pub(super) fn subscribers(management: &Management, params: &[Option<&str>]) -> Answer {
    let param = |at: usize| params.get(at).copied().flatten();
    let now_ms = management.events.now_ms();
    let mut all = management.events.list().into_iter().enumerate().map(|(id, (name, of))| {
        let of: Vec<Value> = of.iter().map(|subscription| shown(subscription, now_ms)).collect();
        json!({ "name": name, "id": id, "subscribers": of })
    });
    let Some(name) = param(0) else {
        let told =
            all.filter(|event| event["subscribers"].as_array().is_some_and(|s| !s.is_empty()));
        return Ok(json!({ "Events": told.collect::<Vec<_>>() }));
    };
    let Some(mut event) = all.find(|event| event["name"] == name) else {
        return refuse(404, "Event not published");
    };
    if let Some(socket) = param(1) {
        let found = event["subscribers"].as_array().and_then(|subscribers| {
            subscribers.iter().find(|subscriber| subscriber["socket"] == socket).cloned()
        });
        let Some(found) = found else { return refuse(404, "Subscriber does not exist") };
        event = json!({ "name": name, "id": event["id"], "Subscriber": found });
    }
    Ok(json!({ "Event": event }))
}

/// Raises an event, with parameters in their order or as the members of a JSON object.
pub(super) fn raise(management: &Management, params: &[Option<&str>]) -> Answer {
    let name = params.first().copied().flatten().unwrap_or_default();
    let words = params.get(1..).unwrap_or_default().iter().copied().flatten();
    let words: Vec<&str> = words.collect();
    let params = match words.as_slice() {
        [object] if object.starts_with('{') => match serde_json::from_str(object) {
            Ok(Value::Object(members)) => members
                .into_iter()
                .map(|(name, value)| (name.into_boxed_str(), kept(&value)))
                .collect(),
            _ => return refuse(400, "the parameters are no JSON object"),
        },
        words => words.iter().map(|word| (Box::default(), text(word))).collect(),
    };
    match management.post.send(Letter::Event(Raised { name: name.into(), params })) {
        Ok(()) => Ok(json!("OK")),
        Err(refused) => refuse(500, refused.to_string()),
    }
}

fn shown(subscription: &Subscription, now_ms: u64) -> Value {
    let socket = format!("route:{}", subscription.route);
    match subscription.expires {
        None => json!({ "socket": socket, "expire": "never" }),
        Some((seconds, end)) => {
            let left = end.saturating_sub(now_ms).div_ceil(1_000);
            json!({ "socket": socket, "expire": seconds, "ttl": left })
        }
    }
}

fn text(word: &str) -> Kept {
    Kept::Text(word.as_bytes().to_vec())
}

fn kept(value: &Value) -> Kept {
    match value {
        Value::Null => Kept::Null,
        Value::Number(number) => {
            number.as_i64().map_or_else(|| text(&number.to_string()), Kept::Int)
        }
        Value::String(word) => text(word),
        other => text(&other.to_string()),
    }
}
