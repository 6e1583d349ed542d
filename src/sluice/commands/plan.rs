//! `sluice plan LIST|URL`: what a list or table of destinations would change of those in use,
//! before anybody loads it.
//!
//! Those in use are asked from a running gateway, as `sluice mi` asks, or read from another list or
//! table. Both are loaded as a gateway would, by the dispatcher itself; names are not looked up.

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use sluice_engine::TimeZone;
use sluice_engine::program::{Environment, Program};
use sluice_engine::sockets::{Listen, Proto, Sockets};
use sluice_modules::dispatcher::plan::{self, Plan};
use sluice_script::{Loader, SourceText, compile};

use super::mi;
use crate::serve::script::Origin;

/// Arguments of `sluice plan`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The new list file, or the URL of the database that has the new table
    #[arg(value_name = "LIST|URL")]
    pub new: String,
    /// What is in use: a list file or a URL, in place of a running gateway
    #[arg(long, value_name = "LIST|URL")]
    pub against: Option<String>,
    /// The name of the table, in both
    #[arg(long, value_name = "NAME", default_value = "dispatcher")]
    pub table: String,
    /// The gateway's partition
    #[arg(long, value_name = "NAME", default_value = "default", conflicts_with = "against")]
    pub partition: String,
    /// Where the gateway takes commands, as for `sluice mi`
    #[arg(long, value_name = "PLACE", alias = "fifo", default_value = "/tmp/opensips_fifo")]
    pub at: String,
    /// The folder of reply FIFOs, as reply_dir of its script says
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    pub reply_dir: PathBuf,
    /// Seconds to wait for the gateway's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub timeout: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints what would change.
///
/// # Errors
/// Why one of the two cannot be had.
pub fn run(options: &Options) -> Result<ExitCode> {
    let used;
    let old = match &options.against {
        Some(old) => old.as_str(),
        None => {
            used = InUse::ask(options)?;
            used.path()?
        }
    };
    let plan = between(old, &options.new, &options.table)?;
    match options.json {
        true => println!("{:#}", plan.json()),
        false => print!("{}", plan.text()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads both as partitions of one dispatcher.
fn between(old: &str, new: &str, table: &str) -> Result<Plan> {
    let mut script = "loadmodule \"tm.so\"\n".to_owned();
    let (old, new) = (source(old, table, &mut script)?, source(new, table, &mut script)?);
    let _ = write!(
        script,
        "loadmodule \"dispatcher.so\"\n\
         modparam(\"dispatcher\", \"partition\", \"old: {old}\")\n\
         modparam(\"dispatcher\", \"partition\", \"new: {new}\")\nroute {{ exit; }}\n"
    );
    let registry = crate::registry();
    let source = SourceText { name: "plan".to_owned(), text: script.into_bytes() };
    let compiled = compile(source, &mut NoFiles, &*registry, sluice_script::Options::default());
    let diagnostics = compiled.render(false);
    let script = compiled.script.ok_or_else(|| anyhow!("{diagnostics}"))?;
    let inputs = Origin::file("-").inputs();
    let environment = Environment {
        files: inputs.files,
        resolve: Arc::new(|_| Ok(vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)])),
        sql: inputs.sql,
        zone: TimeZone::system(),
    };
    let mut warnings = Vec::new();
    let started = Program::start(script, registry, sockets(), &environment, &mut warnings);
    warnings.iter().for_each(|(_, text)| eprintln!("warning: {text}"));
    let program = started.map_err(|errors| {
        let texts: Vec<_> = errors.into_iter().map(|(_, error)| error.text).collect();
        anyhow!("{}", texts.join("\n"))
    })?;
    let state = program.state("dispatcher").context("the dispatcher did not start")?;
    plan::between(&**state, "old", "new").context("the dispatcher did not start")
}

/// The properties of a partition that reads from there; what they need is loaded.
fn source(from: &str, table: &str, script: &mut String) -> Result<String> {
    if from.contains([';', '"', '\n']) || table.contains([';', '"', '\n']) {
        bail!("`{from}`: no `;` and no quotes can be in a name");
    }
    let module = match from.split_once("://").map(|(kind, _)| kind) {
        None => return Ok(format!("list_file = {from}")),
        Some("text") => "db_text",
        Some("mysql") => "db_mysql",
        Some("postgres" | "postgresql") => "db_postgres",
        Some("sqlite") => "db_sqlite",
        Some(kind) => bail!("there are no databases of the kind `{kind}`"),
    };
    let load = format!("loadmodule \"{module}.so\"\n");
    if !script.contains(&load) {
        script.push_str(&load);
    }
    Ok(format!("db_url = {from}; table_name = {table}"))
}

/// Where everything could be sent to: whether a destination can be reached is not the question.
fn sockets() -> Sockets {
    let listen = |proto: Proto| Listen {
        proto,
        addr: (Ipv4Addr::LOCALHOST, 5060).into(),
        name: "127.0.0.1".to_owned(),
        advertised: None,
        tag: None,
        anycast: false,
        subdomains: false,
        text: format!("{}:127.0.0.1:5060", proto.upper().to_lowercase()),
        sent_by: "127.0.0.1".to_owned(),
    };
    Sockets { listen: [Proto::Udp, Proto::Tcp].map(listen).into(), aliases: Vec::new() }
}

struct NoFiles;

impl Loader for NoFiles {
    fn read(&mut self, path: &str, _: &str) -> std::io::Result<SourceText> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, path))
    }
}

/// The list that a gateway uses, in a file while it is needed.
struct InUse(PathBuf);

impl InUse {
    fn ask(options: &Options) -> Result<Self> {
        let asked = mi::Options {
            at: options.at.clone(),
            reply_dir: options.reply_dir.clone(),
            timeout: options.timeout,
            json: None,
            command: "ds_list".to_owned(),
            params: vec!["full=1".to_owned(), format!("partition={}", options.partition)],
        };
        let path = std::env::temp_dir().join(format!("sluice-plan-{}.list", std::process::id()));
        let file = Self(path);
        fs::write(&file.0, list_of(&mi::ask(&asked)?))
            .with_context(|| file.0.display().to_string())?;
        Ok(file)
    }

    fn path(&self) -> Result<&str> {
        self.0.to_str().context("the folder of temporary files has no readable name")
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A list file of what `ds_list full` tells.
fn list_of(told: &Value) -> String {
    let mut list = String::new();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for set in items(&told["PARTITIONS"][0]["SETS"]) {
        for one in items(&set["Destinations"]) {
            let state = match one["state"].as_str() {
                Some("Inactive") => 'i',
                Some("Probing") => 'p',
                _ => 'a',
            };
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let (id, weight, priority) = (&set["id"], &one["weight"], &one["priority"]);
            let (uri, attrs) = (text("URI"), text("attr"));
            let _ = writeln!(list, "{id} {uri} {state} {weight}/{priority} {attrs}");
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_gateway_tells_becomes_a_list() {
        let one = json!({ "URI": "sip:a", "state": "Probing", "weight": 3, "priority": -1,
                          "attr": "x=y z" });
        let two = json!({ "URI": "sip:b;lr", "state": "Active", "weight": 1, "priority": 0 });
        let told = json!({ "PARTITIONS": [{ "name": "default", "SETS": [
            { "id": 7, "Destinations": [one, two] }, { "id": 8, "Destinations": [] }] }] });
        assert_eq!(list_of(&told), "7 sip:a p 3/-1 x=y z\n7 sip:b;lr a 1/0 \n");
        assert_eq!(list_of(&json!("nothing")), "");
    }

    #[test]
    fn a_source_is_a_list_or_a_database() {
        let mut script = String::new();
        let mut read = |from: &str| source(from, "t", &mut script);
        assert_eq!(read("a b.list").unwrap(), "list_file = a b.list");
        assert_eq!(read("text:///db").unwrap(), "db_url = text:///db; table_name = t");
        assert!(read("text:///x").is_ok() && read("redis://x").is_err() && read("a;b").is_err());
        assert_eq!(script, "loadmodule \"db_text.so\"\n");
    }
}
