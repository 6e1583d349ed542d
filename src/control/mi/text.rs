//! The text of 1.x. Pure: the lines of a request in, parameters out; an answer in, its text out.
//!
//! An answer is a code with a phrase, then a tree: a node a line, `name:: value attribute=value`,
//! children indented. The trees are made from the same JSON that JSON-RPC answers with.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{Answer, BAD_PARAMS, NO_COMMAND, Params};

/// What 1.x calls an element of these lists, and which member is the value of its node.
const NODES: &[(&str, &str, &str)] = &[
    ("PARTITIONS", "PARTITION", "name"),
    ("SETS", "SET", "id"),
    ("Destinations", "URI", "URI"),
    ("Processes", "Process", ""),
];

/// The parameters of a request. A line is a value, `"value"`, or `name::value` where the command
/// has a parameter of that name.
pub fn params(lines: &[String], table: &[&str]) -> Params {
    let named = |line: &String| {
        let (name, value) = line.split_once("::")?;
        let known = table.iter().any(|param| param.trim_end_matches(['?', '*']) == name);
        known.then(|| (name.to_owned(), unquoted(value)))
    };
    let all: Option<Vec<_>> = lines.iter().map(named).collect();
    match all {
        Some(pairs) if !pairs.is_empty() => Params::Named(pairs),
        _ => Params::Positional(lines.iter().map(|line| unquoted(line)).collect()),
    }
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

/// The text of an answer; `indent` comes before a child, once for each level.
pub fn reply(command: &str, answer: &Answer, indent: &str) -> String {
    let mut text = String::new();
    match answer {
        Ok(result) => {
            text.push_str("200 OK\n");
            let plain = result.as_str() == Some("OK");
            if !plain {
                tree(&mut text, indent, 0, result);
            }
        }
        Err(error) => {
            let _ = match error.code {
                NO_COMMAND => writeln!(text, "500 command '{}' not available", line(command)),
                BAD_PARAMS => writeln!(text, "400 {}", line(&error.text)),
                code => writeln!(text, "{code} {}", line(&error.text)),
            };
            error.data.iter().for_each(|data| tree(&mut text, indent, 0, data));
        }
    }
    text.push('\n');
    text
}

/// The answer to a request that was too long to be read.
pub fn too_long(limit: usize) -> String {
    format!("400 more than {limit} bytes\n\n")
}

/// The answer to what is no request.
pub fn malformed() -> String {
    "400 no request: `:COMMAND:`, then a parameter a line\n\n".to_owned()
}

/// What is sent instead of a reply that is too long for its way back.
pub fn too_large(bytes: usize, limit: usize) -> String {
    format!("500 the reply has {bytes} bytes, and {limit} fit; ask by mi_fifo\n\n")
}

fn tree(text: &mut String, indent: &str, depth: usize, value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                member(text, indent, depth, name, value);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| tree(text, indent, depth, value)),
        scalar => put(text, indent, depth, &plain(scalar)),
    }
}

fn member(text: &mut String, indent: &str, depth: usize, name: &str, value: &Value) {
    match value {
        Value::Array(values) => {
            let (node, key) = node_of(name);
            for value in values {
                match value {
                    Value::Object(members) => element(text, indent, depth, node, key, members),
                    other => put(text, indent, depth, &format!("{node}:: {}", plain(other))),
                }
            }
        }
        Value::Object(_) => {
            put(text, indent, depth, &format!("{name}::"));
            tree(text, indent, depth + 1, value);
        }
        // A statistic, `core:rcv_requests = 5`.
        Value::Number(number) if name.contains(':') => {
            put(text, indent, depth, &format!("{name} = {number}"));
        }
        scalar => put(text, indent, depth, &format!("{name}:: {}", plain(scalar))),
    }
}

/// An element of a list: scalars are attributes, lists are children.
fn element(
    text: &mut String,
    indent: &str,
    depth: usize,
    node: &str,
    key: &str,
    members: &Map<String, Value>,
) {
    let mut head = format!("{node}:: {}", members.get(key).map(plain).unwrap_or_default());
    let rest = || members.iter().filter(|(name, _)| *name != key);
    for (name, value) in rest().filter(|(_, value)| !value.is_array() && !value.is_object()) {
        let _ = write!(head, " {name}={}", plain(value));
    }
    put(text, indent, depth, &head);
    for (name, value) in rest().filter(|(_, value)| value.is_array() || value.is_object()) {
        member(text, indent, depth + 1, name, value);
    }
}

fn node_of(name: &str) -> (&str, &str) {
    let known = NODES.iter().find(|(list, _, _)| *list == name);
    known.map_or((name, ""), |(_, node, key)| (*node, *key))
}

fn put(text: &mut String, indent: &str, depth: usize, line: &str) {
    (0..depth).for_each(|_| text.push_str(indent));
    text.push_str(line);
    text.push('\n');
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => line(text),
        other => other.to_string(),
    }
}

/// A text as part of one line: what it holds must not look like another node.
fn line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_engine::module::CommandError;

    use super::*;

    fn words(lines: &[&str], table: &[&str]) -> Params {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        params(&lines, table)
    }

    fn text(result: Value) -> String {
        reply("cmd", &Ok(result), "\t")
    }

    #[test]
    fn lines_become_parameters() {
        assert_eq!(words(&[], &["a"]), Params::NONE);
        assert_eq!(words(&["a", " 1 ", "\"x y\""], &["s"]), Params::words(&["a", "1", "x y"]));
        let pairs = vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x".to_owned())];
        assert_eq!(words(&["a::1", "b::\"x\""], &["a", "b?"]), Params::Named(pairs));
        assert_eq!(words(&["fe80::1"], &["address"]), Params::words(&["fe80::1"]));
    }

    #[test]
    fn answers_become_trees() {
        assert_eq!(text(json!("OK")), "200 OK\n\n");
        assert_eq!(text(json!(["ps", "which"])), "200 OK\nps\nwhich\n\n");
        assert_eq!(text(json!({ "WD": "/" })), "200 OK\nWD:: /\n\n");
        assert_eq!(text(json!({ "core:x": 5, "y": 6 })), "200 OK\ncore:x = 5\ny:: 6\n\n");
        let types = text(json!({ "core:x": "incremental" }));
        assert_eq!(types, "200 OK\ncore:x:: incremental\n\n");
        let processes = json!({ "Processes": [{ "ID": 0, "PID": 9, "Type": "a b" }] });
        assert_eq!(text(processes), "200 OK\nProcess::  ID=0 PID=9 Type=a b\n\n");
        let deep = json!({ "a": { "b": [1, { "c": 2 }] } });
        assert_eq!(text(deep), "200 OK\na::\n\tb:: 1\n\tb::  c=2\n\n");
    }

    #[test]
    fn sets_and_destinations_are_indented() {
        let destination = json!({ "URI": "sip:a", "state": "Active", "first_hit_counter": 3,
            "resolved_addresses": ["192.0.2.1:5060"] });
        let sets = json!([{ "id": 1, "Destinations": [destination] }]);
        let list = json!({ "PARTITIONS": [{ "name": "default", "SETS": sets }] });
        let expected = "200 OK\nPARTITION:: default\n  SET:: 1\n    \
             URI:: sip:a state=Active first_hit_counter=3\n      \
             resolved_addresses:: 192.0.2.1:5060\n\n";
        assert_eq!(reply("ds_list", &Ok(list), "  "), expected);
    }

    #[test]
    fn refusals_have_code_and_phrase() {
        let refused = |code, text: &str| reply("cmd", &Err(CommandError::new(code, text)), "\t");
        assert_eq!(refused(404, "destination not found"), "404 destination not found\n\n");
        assert_eq!(refused(NO_COMMAND, "x"), "500 command 'cmd' not available\n\n");
        assert_eq!(refused(BAD_PARAMS, "too many"), "400 too many\n\n");
        let data = Some(json!(["a.cfg:1:1: error"]));
        let error = CommandError { data, ..CommandError::new(500, "bad script") };
        assert_eq!(reply("cmd", &Err(error), "\t"), "500 bad script\na.cfg:1:1: error\n\n");
        assert_eq!(too_long(9), "400 more than 9 bytes\n\n");
    }

    #[test]
    fn a_value_cannot_forge_a_line() {
        assert_eq!(text(json!({ "a": "b\nc:: d" })), "200 OK\na:: b c:: d\n\n");
        assert_eq!(reply("x\r\ny", &text_of_none(), "\t"), "500 command 'x  y' not available\n\n");
    }

    fn text_of_none() -> Answer {
        Err(CommandError::new(NO_COMMAND, ""))
    }
}
