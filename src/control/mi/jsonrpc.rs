//! JSON-RPC 2.0 as OpenSIPS speaks it. Pure: the text of a request in, the reply out.
//!
//! A notification (no id) is run and never answered. The requests of a batch are run one after
//! the other (JSON-RPC 2.0, 6).

use serde_json::{Map, Value, json};
use sluice_engine::module::CommandError;

use super::{Answer, BAD_PARAMS, NO_COMMAND, Params};
use crate::limits::MI_BATCH;

/// JSON-RPC 2.0, 5.1: no JSON.
const PARSE_ERROR: i32 = -32_700;
/// JSON-RPC 2.0, 5.1: JSON, but no request.
const INVALID_REQUEST: i32 = -32_600;
/// JSON-RPC 2.0, 5.1: it went wrong here.
const INTERNAL_ERROR: i32 = -32_603;

/// The reply to a request or a batch of them, if it gets one; `run` executes a command.
pub fn reply(body: &[u8], mut run: impl FnMut(&str, &Params) -> Answer) -> Option<Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(requests)) => batch(&requests, &mut run),
        Ok(request) => one(&request, &mut run),
        Err(why) => {
            let why = Some(why.to_string().into());
            Some(error(Value::Null, PARSE_ERROR, "Parse error", why))
        }
    }
}

/// JSON-RPC 2.0, 6: a reply for each request that gets one; without any, nothing.
fn batch(requests: &[Value], run: &mut impl FnMut(&str, &Params) -> Answer) -> Option<Value> {
    match requests.len() {
        0 => Some(invalid(Value::Null, "an empty batch")),
        1..=MI_BATCH => {
            let replies: Vec<Value> =
                requests.iter().filter_map(|request| one(request, run)).collect();
            (!replies.is_empty()).then(|| replies.into())
        }
        _ => Some(invalid(Value::Null, &format!("a batch of more than {MI_BATCH} requests"))),
    }
}

fn one(request: &Value, run: &mut impl FnMut(&str, &Params) -> Answer) -> Option<Value> {
    let Some(request) = request.as_object() else {
        return Some(invalid(Value::Null, "not an object"));
    };
    let id = match request.get("id") {
        Some(id @ (Value::String(_) | Value::Number(_) | Value::Null)) => Some(id.clone()),
        None => None,
        Some(_) => return Some(invalid(Value::Null, "the id is no string or number")),
    };
    match call(request) {
        // 5.1: that a request is none is said even to who sent no id.
        Err(why) => Some(invalid(id.unwrap_or_default(), &why)),
        Ok((method, params)) => {
            let answer = params
                .map_err(|text| CommandError::new(BAD_PARAMS, text))
                .and_then(|params| run(method, &params));
            Some(of_answer(id?, answer))
        }
    }
}

/// The reply to a request that was too long to be read.
pub fn too_long(limit: usize) -> Value {
    invalid(Value::Null, &format!("more than {limit} bytes"))
}

/// What is sent instead of a reply that is too long for its way back.
pub fn too_large(reply: &Value, bytes: usize, limit: usize) -> Value {
    let id = reply.get("id").cloned().unwrap_or_default();
    let why = format!("the reply has {bytes} bytes, and {limit} fit; ask by mi_fifo or mi_http");
    error(id, INTERNAL_ERROR, "Internal error", Some(why.into()))
}

/// The reply to a request whose command panicked.
pub fn broken() -> Value {
    error(Value::Null, INTERNAL_ERROR, "Internal error", Some("the command panicked".into()))
}

/// A reply as it is written: one line, or with `pretty` indented.
pub fn text(reply: &Value, pretty: bool) -> String {
    if pretty { format!("{reply:#}\n") } else { format!("{reply}\n") }
}

type Call<'r> = (&'r str, Result<Params, String>);

/// Method and parameters; the error says why it is no request.
fn call(request: &Map<String, Value>) -> Result<Call<'_>, String> {
    if request.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err("jsonrpc is not \"2.0\"".to_owned());
    }
    let Some(method) = request.get("method").and_then(Value::as_str) else {
        return Err("the method is no string".to_owned());
    };
    let params = match request.get("params") {
        None => Ok(Params::NONE),
        Some(Value::Array(values)) => {
            let mut words = Vec::new();
            let read: Result<(), String> =
                values.iter().try_for_each(|value| scalars(value, &mut |word| words.push(word)));
            read.map(|()| Params::Positional(words))
        }
        Some(Value::Object(members)) => {
            let mut named = Vec::new();
            let read = members.iter().try_for_each(|(name, value)| {
                scalars(value, &mut |word| named.push((name.clone(), word)))
            });
            read.map(|()| Params::Named(named))
        }
        Some(_) => return Err("params is no array or object".to_owned()),
    };
    Ok((method, params))
}

/// A parameter, or the members of a list of them, as text.
fn scalars(value: &Value, push: &mut impl FnMut(String)) -> Result<(), String> {
    match value {
        Value::String(text) => push(text.clone()),
        Value::Number(number) => push(number.to_string()),
        Value::Bool(truth) => push(u8::from(*truth).to_string()),
        Value::Array(values) if values.iter().all(|v| !v.is_array()) => {
            return values.iter().try_for_each(|value| scalars(value, push));
        }
        other => return Err(format!("a parameter cannot be {other}")),
    }
    Ok(())
}

fn of_answer(id: Value, answer: Answer) -> Value {
    match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "result": result, "id": id }),
        Err(CommandError { code: code @ NO_COMMAND, text, .. }) => {
            error(id, code, "Method not found", Some(text.into()))
        }
        Err(CommandError { code: code @ BAD_PARAMS, text, .. }) => {
            error(id, code, "Invalid params", Some(text.into()))
        }
        Err(CommandError { code, text, data }) => error(id, code, &text, data),
    }
}

fn invalid(id: Value, why: &str) -> Value {
    error(id, INVALID_REQUEST, "Invalid Request", Some(why.into()))
}

fn error(id: Value, code: i32, message: &str, data: Option<Value>) -> Value {
    let mut error = json!({ "code": code, "message": message });
    if let Some(data) = data {
        error["data"] = data;
    }
    json!({ "jsonrpc": "2.0", "error": error, "id": id })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with what it was asked.
    fn echo(method: &str, params: &Params) -> Answer {
        let params = match params {
            Params::Positional(words) => json!(words),
            Params::Named(pairs) => json!(pairs),
        };
        match method {
            "refuse" => Err(CommandError::new(404, "destination not found")),
            "nothing" => Err(CommandError::new(NO_COMMAND, "no command")),
            _ => Ok(json!({ "method": method, "params": params })),
        }
    }

    fn result(members: &str) -> Value {
        let body = format!(r#"{{"jsonrpc":"2.0","id":7,{members}}}"#);
        let reply = reply(body.as_bytes(), echo).unwrap();
        assert_eq!((&reply["jsonrpc"], &reply["id"]), (&json!("2.0"), &json!(7)), "{reply}");
        reply["result"].clone()
    }

    fn code(body: &str) -> (i64, Value) {
        let reply = reply(body.as_bytes(), echo).unwrap();
        assert!(reply.get("result").is_none() && reply["error"]["message"].is_string(), "{reply}");
        (reply["error"]["code"].as_i64().unwrap(), reply["id"].clone())
    }

    #[test]
    fn parameters_of_all_forms() {
        for (params, expected) in [
            ("", json!([])),
            (r#","params":[]"#, json!([])),
            (r#","params":["a",1,true,-2.5]"#, json!(["a", "1", "1", "-2.5"])),
            (r#","params":[["core:","sl:"],"x"]"#, json!(["core:", "sl:", "x"])),
            (r#","params":{"level":4}"#, json!([["level", "4"]])),
            (
                r#","params":{"statistics":["a","b"]}"#,
                json!([["statistics", "a"], ["statistics", "b"]]),
            ),
        ] {
            let seen = result(&format!(r#""method":"m"{params}"#));
            assert_eq!(seen, json!({ "method": "m", "params": expected }));
        }
    }

    #[test]
    fn ids_come_back_as_they_were() {
        for id in ["1", "-3", "\"x\"", "null", "1.5"] {
            let body = format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#);
            let reply = reply(body.as_bytes(), echo).unwrap();
            assert_eq!(reply["id"].to_string(), id);
        }
    }

    #[test]
    fn errors_have_the_codes_of_the_protocol() {
        let request = |rest: &str| format!(r#"{{"jsonrpc":"2.0","id":7,{rest}}}"#);
        for (body, expected) in [
            ("", -32700),
            ("{", -32700),
            ("hello", -32700),
            ("{} {}", -32700),
            (&format!("{}1{}", "[".repeat(500), "]".repeat(500)), -32700),
            ("[]", -32600),
            ("1", -32600),
            (&format!("[{}]", vec!["1"; MI_BATCH + 1].join(",")), -32600),
            ("{}", -32600),
            (r#"{"jsonrpc":"2.0","method":"m","id":{}}"#, -32600),
            (r#"{"jsonrpc":"2.0","method":"m","params":"x"}"#, -32600),
            (r#"{"jsonrpc":"2.0","method":1}"#, -32600),
        ] {
            assert_eq!(code(body), (expected, Value::Null), "{body}");
        }
        for (rest, expected) in [
            (r#""method":1"#, -32600),
            (r#""method":"m","params":3"#, -32600),
            (r#""method":"nothing""#, -32601),
            (r#""method":"m","params":[null]"#, -32602),
            (r#""method":"m","params":{"a":{}}"#, -32602),
            (r#""method":"m","params":[[["x"]]]"#, -32602),
            (r#""method":"refuse""#, 404),
        ] {
            assert_eq!(code(&request(rest)), (expected, json!(7)), "{rest}");
        }
        assert_eq!(code(r#"{"jsonrpc":"1.0","method":"m","id":7}"#), (-32600, json!(7)));
    }

    #[test]
    fn a_batch_gets_a_reply_for_each_that_has_an_id() {
        let request = |rest: &str| format!(r#"{{"jsonrpc":"2.0","method":"m"{rest}}}"#);
        let body = format!("[{},{},7,{}]", request(r#","id":1"#), request(""), "{}");
        let mut runs = 0;
        let replies = reply(body.as_bytes(), |method, params| {
            runs += 1;
            echo(method, params)
        });
        let replies = replies.unwrap();
        let code = |at: usize| replies[at]["error"]["code"].as_i64();
        assert_eq!((replies.as_array().unwrap().len(), runs), (3, 2));
        assert_eq!(replies[0]["result"]["method"], "m");
        assert_eq!((code(1), code(2)), (Some(-32600), Some(-32600)));
        assert_eq!(reply(format!("[{}]", request("")).as_bytes(), echo), None);
    }

    #[test]
    fn a_reply_too_long_for_its_way_is_told_by_its_id() {
        let told = too_large(&json!({ "id": 7, "result": "x" }), 70_000, 65_457);
        assert_eq!((&told["id"], &told["error"]["code"]), (&json!(7), &json!(-32603)));
        assert!(told["error"]["data"].as_str().unwrap().contains("70000 bytes, and 65457 fit"));
        assert_eq!(too_large(&json!([{ "id": 7 }]), 2, 1)["id"], Value::Null);
    }

    #[test]
    fn a_notification_is_run_and_not_answered() {
        for method in ["m", "nothing", "refuse"] {
            let mut ran = false;
            let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
            let reply = reply(body.as_bytes(), |method, params| {
                ran = true;
                echo(method, params)
            });
            assert_eq!((reply, ran), (None, true));
        }
    }

    #[test]
    fn a_reply_is_one_line_or_indented() {
        let reply = json!({ "a": ["b\n"] });
        assert_eq!(text(&reply, false), "{\"a\":[\"b\\n\"]}\n");
        assert_eq!(text(&reply, true), "{\n  \"a\": [\n    \"b\\n\"\n  ]\n}\n");
    }
}
