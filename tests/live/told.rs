//! A program that is told what to do by its FIFO.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use crate::sip::{Agent, Request, first_line};
use crate::support::{Folder, Running, SLUICE, address};

/// The program, and a folder that it was started in.
pub struct Told {
    pub folder: Folder,
    pub running: Running,
    pub address: SocketAddr,
}

/// The lines of a script that make the FIFO.
pub fn fifo_lines(folder: &Folder) -> String {
    let (fifo, replies) = (folder.path("fifo"), folder.path(""));
    format!(
        "loadmodule \"mi_fifo.so\"\nmodparam(\"mi_fifo\", \"fifo_name\", \"{fifo}\")\n\
         modparam(\"mi_fifo\", \"reply_dir\", \"{replies}\")\n"
    )
}

impl Told {
    /// Starts it with these arguments and standard input; the script has [`fifo_lines`].
    pub fn start(folder: Folder, args: &[&str], input: &str) -> Self {
        let made = Command::new("mkfifo").arg(folder.path("reply")).status();
        assert!(made.unwrap().success());
        let address = address();
        let mut command = Command::new(SLUICE);
        command.args(["-l", &address.to_string()]).args(args).current_dir(folder.path(""));
        let running = Running::spawn(&mut command, input);
        running.await_error("listening on");
        Self { folder, running, address }
    }

    /// Runs a management command; the error is the reason.
    pub fn command(&self, name: &str) -> Result<Value, String> {
        self.call(name, &[])
    }

    /// The same with parameters.
    pub fn call(&self, name: &str, params: &[&str]) -> Result<Value, String> {
        let mut request = json!({ "jsonrpc": "2.0", "method": name, "id": 1 });
        if !params.is_empty() {
            request["params"] = json!(params);
        }
        let mut fifo = OpenOptions::new().write(true).open(self.folder.path("fifo")).unwrap();
        writeln!(fifo, ":reply:{request}").unwrap();
        let reply = std::fs::read(self.folder.path("reply")).unwrap();
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        match reply["error"]["message"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(reply["result"].clone()),
        }
    }

    /// The first line of the answer to a request.
    pub fn ask(&self) -> String {
        let caller = Agent::new();
        caller.send(self.address, Request::default().text(caller.address()));
        first_line(&caller.receive()).to_owned()
    }
}
