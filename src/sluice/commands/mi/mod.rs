//! `sluice mi COMMAND`: a management command to a running gateway, by FIFO, datagram or HTTP.
//!
//! Prints the result as JSON; exit code 0, or 1 with the reason on standard error. Speaks JSON-RPC,
//! and so to OpenSIPS 3.x as well.

mod datagram;
mod fifo;
mod http;
mod place;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value, json};

use place::Place;

/// Arguments of `sluice mi`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Where the gateway takes commands: the path of its FIFO or unix socket, udp:HOST:PORT, or
    /// http://[NAME:PASSWORD@]HOST:PORT/mi
    #[arg(long, value_name = "PLACE", alias = "fifo", default_value = "/tmp/opensips_fifo")]
    pub at: String,
    /// The folder of reply FIFOs, as reply_dir of its script says
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    pub reply_dir: PathBuf,
    /// Seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub timeout: u64,
    /// Parameters as JSON, an array or an object
    #[arg(long, value_name = "JSON", conflicts_with = "params")]
    pub json: Option<String>,
    /// The command, by its old or new name; `which` lists them
    pub command: String,
    /// Its parameters in order, or all as name=value
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub params: Vec<String>,
}

/// How long an answer is waited for.
#[derive(Clone, Copy)]
struct Patience {
    end: Instant,
    seconds: u64,
}

impl Patience {
    /// What is left; an error when that is nothing.
    fn left(self) -> Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.over()) } else { Ok(left) }
    }

    fn over(self) -> anyhow::Error {
        anyhow!("no answer within {} s", self.seconds)
    }

    /// What an error of reading or writing with what was left as time-out says.
    fn explain(self, error: std::io::Error) -> anyhow::Error {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.over(),
            _ => error.into(),
        }
    }
}

/// Sends the command and prints its answer.
///
/// # Errors
/// When it cannot be printed; a refusal is printed, for the exit code 1.
pub fn run(options: &Options) -> Result<ExitCode> {
    match ask(options) {
        Ok(result) => match writeln!(std::io::stdout(), "{result:#}") {
            // Whoever reads it may have seen enough: `| head`.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(ExitCode::SUCCESS),
        },
        Err(error) => {
            eprintln!("sluice: {error:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Sends the command; its answer.
///
/// # Errors
/// A refusal, or why there is no answer.
pub(super) fn ask(options: &Options) -> Result<Value> {
    let seconds = options.timeout;
    let patience = Patience { end: Instant::now() + Duration::from_secs(seconds), seconds };
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let id = format!("sluice-mi-{}-{nanos}", std::process::id());
    let place = Place::of(&options.at)?;
    let request = json!({
        "jsonrpc": "2.0",
        "method": options.command,
        "params": params(options)?,
        "id": id,
    });
    let request = request.to_string();
    let text = match &place {
        Place::Fifo(path) => fifo::ask(path, &options.reply_dir, &id, &request, patience)?,
        Place::Unix(path) => {
            let own = options.reply_dir.join(&id);
            datagram::ask_unix(path, &own, &request, patience)?
        }
        Place::Udp(place) => datagram::ask_udp(place, &request, patience)?,
        Place::Http(url) => http::ask(url, &request, patience)?,
    };
    result(&text, &id)
}

/// Parameters by name if all are `name=value`, else in order.
fn params(options: &Options) -> Result<Value> {
    if let Some(json) = &options.json {
        let params: Value = serde_json::from_str(json).context("--json")?;
        if !params.is_array() && !params.is_object() {
            bail!("--json: parameters are an array or an object");
        }
        return Ok(params);
    }
    let named: Vec<_> = options.params.iter().filter_map(|param| named(param)).collect();
    if named.is_empty() {
        return Ok(json!(options.params));
    }
    if named.len() < options.params.len() {
        bail!("parameters are given all in order or all as name=value (or by --json)");
    }
    let mut all = Map::new();
    for (name, value) in named {
        match all.get_mut(name) {
            None => drop(all.insert(name.to_owned(), json!(value))),
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(one) => *one = json!([*one, value]),
        }
    }
    Ok(Value::Object(all))
}

fn named(param: &str) -> Option<(&str, &str)> {
    let (name, value) = param.split_once('=')?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(word)).then_some((name, value))
}

/// The result; an error reply is an error, with what else it says below its message.
fn result(text: &[u8], id: &str) -> Result<Value> {
    let said = || String::from_utf8_lossy(text).trim().to_owned();
    let Ok(Value::Object(mut reply)) = serde_json::from_slice(text) else {
        bail!("the answer is no JSON-RPC: {}", said());
    };
    if let Some(error) = reply.get("error") {
        bail!("{}", refusal(error));
    }
    match reply.remove("result") {
        Some(result) if reply.get("id").is_some_and(|found| found == id) => Ok(result),
        _ => bail!("the answer is not ours: {}", said()),
    }
}

fn refusal(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or("refused");
    let mut text = format!("{} {message}", error["code"]);
    match &error["data"] {
        Value::Null => {}
        Value::String(why) => text.extend([": ", why]),
        Value::Array(lines) => {
            for line in lines {
                let whole = || line.to_string();
                text.push('\n');
                text.push_str(&line.as_str().map_or_else(whole, str::to_owned));
            }
        }
        other => text.push_str(&format!("\n{other:#}")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(params: &[&str], json: Option<&str>) -> Options {
        Options {
            at: String::new(),
            reply_dir: PathBuf::new(),
            timeout: 1,
            json: json.map(str::to_owned),
            command: "m".to_owned(),
            params: params.iter().map(|param| (*param).to_owned()).collect(),
        }
    }

    #[test]
    fn parameters_in_order_by_name_and_as_json() {
        for (given, expected) in [
            (&[][..], json!([])),
            (&["a", "1"], json!(["a", "1"])),
            (&["state=a", "group=1"], json!({ "state": "a", "group": "1" })),
            (&["s=core:", "s=sl:", "s=x"], json!({ "s": ["core:", "sl:", "x"] })),
            (&["sip:a@b;x=y", "-1"], json!(["sip:a@b;x=y", "-1"])),
        ] {
            assert_eq!(params(&options(given, None)).unwrap(), expected);
        }
        assert!(params(&options(&["state=a", "1"], None)).is_err());
        assert_eq!(params(&options(&[], Some(r#"["x=y"]"#))).unwrap(), json!(["x=y"]));
        for bad in ["1", "{"] {
            assert!(params(&options(&[], Some(bad))).is_err());
        }
    }

    #[test]
    fn an_error_is_told_with_its_data() {
        let error =
            json!({ "code": 500, "message": "bad script", "data": ["a.cfg:1", { "b": 2 }] });
        assert_eq!(refusal(&error), "500 bad script\na.cfg:1\n{\"b\":2}");
        let error = json!({ "code": -32601, "message": "Method not found", "data": "no command" });
        assert_eq!(refusal(&error), "-32601 Method not found: no command");
        assert_eq!(refusal(&json!({ "code": 404, "message": "gone" })), "404 gone");
    }

    #[test]
    fn only_our_own_answer_is_taken() {
        assert_eq!(result(br#"{"result":5,"id":"x"}"#, "x").unwrap(), 5);
        for bad in [&br#"{"result":5,"id":"y"}"#[..], b"{}", b"[1]", b"", b"200 OK\n"] {
            assert!(result(bad, "x").is_err());
        }
    }
}
