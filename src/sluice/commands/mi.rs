//! `sluice mi COMMAND`: a management command to a running gateway, by its FIFO.
//!
//! Prints the result as JSON; exit code 0, or 1 with the reason on standard error. Speaks JSON-RPC,
//! and so to OpenSIPS 3.x as well.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::stat::Mode;
use serde_json::{Map, Value, json};
use sluice_control::mi::fifo::{is_unread, without_waiting};

/// Arguments of `sluice mi`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The gateway's FIFO, as fifo_name of its script says
    #[arg(long, value_name = "PATH", default_value = "/tmp/opensips_fifo")]
    pub fifo: PathBuf,
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

/// A request in one piece: more than this may be mixed with another writer's (pipe(7), PIPE_BUF).
const REQUEST_MAX: usize = 4_096;

/// How often a full pipe is tried again.
const PAUSE: Duration = Duration::from_millis(10);

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

fn ask(options: &Options) -> Result<Value> {
    let end = Instant::now() + Duration::from_secs(options.timeout);
    let fifo = open(&options.fifo)?;
    let reply = ReplyFifo::make(&options.reply_dir)?;
    let request = json!({
        "jsonrpc": "2.0",
        "method": options.command,
        "params": params(options)?,
        "id": reply.name,
    });
    let request = format!(":{}:{request}\n", reply.name);
    if request.len() > REQUEST_MAX {
        bail!("the command has more than {REQUEST_MAX} bytes");
    }
    let (whole, answer) = channel();
    let path = reply.path.clone();
    // Opening and reading wait for the gateway; an answer that never comes is left to this thread.
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut text));
        let _ = whole.send(read.map(|_| text));
    });
    write(fifo, request.as_bytes(), end).with_context(|| options.fifo.display().to_string())?;
    let left = end.saturating_duration_since(Instant::now());
    let text = answer
        .recv_timeout(left)
        .map_err(|_| anyhow!("no answer within {} s", options.timeout))?
        .context("reply")?;
    result(&text, &reply.name)
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

fn open(path: &Path) -> Result<File> {
    let name = path.display();
    match without_waiting(OpenOptions::new().write(true)).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("there is no FIFO {name}: does a gateway run, with mi_fifo and this fifo_name?")
        }
        Err(error) if is_unread(&error) => bail!("nothing listens at {name}"),
        Err(error) => Err(error).context(name.to_string()),
        Ok(file) if !is_fifo(&file) => bail!("{name} is no FIFO"),
        Ok(file) => Ok(file),
    }
}

fn is_fifo(file: &File) -> bool {
    use std::os::unix::fs::FileTypeExt;
    file.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// Writes the request, all at once or not at all.
fn write(mut fifo: File, request: &[u8], end: Instant) -> Result<()> {
    loop {
        match fifo.write_all(request) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                std::thread::sleep(PAUSE);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("the FIFO is full"),
            other => return Ok(other?),
        }
    }
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

/// Our reply FIFO; removed when dropped.
struct ReplyFifo {
    name: String,
    path: PathBuf,
}

impl ReplyFifo {
    fn make(folder: &Path) -> Result<Self> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("sluice-mi-{}-{nanos}", std::process::id());
        let path = folder.join(&name);
        let made = nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR);
        made.with_context(|| format!("reply FIFO {}", path.display()))?;
        let fifo = Self { name, path };
        // The gateway may be another user; it only writes, and only we read.
        fs::set_permissions(&fifo.path, Permissions::from_mode(0o622))?;
        Ok(fifo)
    }
}

impl Drop for ReplyFifo {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(params: &[&str], json: Option<&str>) -> Options {
        Options {
            fifo: PathBuf::new(),
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
