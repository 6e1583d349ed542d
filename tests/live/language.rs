//! What scripts mean: the files of `tests/live/language` run in the real program.
//!
//! To add to it, write a snippet into a file of the folder, or a new file: each `*.cfg` there is
//! a script without its main route, and is started once. A `route[name]` with directives above it
//! is a snippet; it is run by a request of its own. The lines that it writes by `xlog("..")` are
//! its result. Routes without directives are helpers.
//!
//! ```text
//! # expect: TEXT          the next line that the snippet writes
//! # complains: TEXT       the next line is a warning or an error that contains TEXT
//! # ends                  the script ends within the snippet (exit, drop, return 0)
//! # waits                 the snippet waits for something; its end is awaited
//! # code: NUMBER          $rc behind the snippet
//! # sent: LINE            a message that leaves has this line
//! # unsent: LINE          no message that leaves has it
//! # request: METHOD URI   instead of INVITE sip:alice@example.com:5070; or SIP/2.0 180 Ringing
//! # header: NAME: VALUE   a header field, in place of the usual one of that name
//! # body: LINE            a line of the body
//! route[name] { ... }
//! ```
//!
//! `# warns: TEXT` anywhere in a file is a part of what the program says when it loads it; without
//! it, it must not warn. `AGENT` stands for the address that sends the requests and to which
//! messages may be sent, `LISTEN` for the gateway's own, `FOLDER` for the folder. A folder named as
//! a script without its `.cfg` is copied beside what runs: tables that it changes. One worker runs
//! all snippets of a file one after another, so that a `$var` outlives its snippet: use names of
//! your own.
//!
//! A snippet fails when it writes or sends more than its directives say, too.

mod coverage;

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use crate::sip::{Agent, headers};
use crate::support::{Folder, Running, address};

/// What the harness adds to each file. The probe's message and line come after those of the
/// snippet before it.
const MAIN: &str = r#"
route[probe] { $du = "sip:AGENT"; forward(); xlog("(probe $ci)"); exit; }
route { route($hdr(X-Run)); xlog("(end $rc)"); exit; }
"#;
const REPLIES: &str = "onreply_route { route($hdr(X-Run)); xlog(\"(end $rc)\"); exit; }\n";

/// A snippet and what is expected of it.
#[derive(Default)]
struct Snippet {
    name: String,
    /// Lines in order; whether it is a complaint.
    lines: Vec<(bool, String)>,
    ends: bool,
    waits: bool,
    code: Option<String>,
    sent: Vec<String>,
    unsent: Vec<String>,
    start: Option<String>,
    headers: Vec<String>,
    body: String,
    directives: usize,
}

impl Snippet {
    /// Takes a comment line when it is a directive.
    fn direct(&mut self, line: &str) {
        let Some(line) = line.strip_prefix("# ") else { return };
        let (word, rest) = line.split_once(':').unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
        match word {
            "expect" => self.lines.push((false, rest)),
            "complains" => self.lines.push((true, rest)),
            "ends" => self.ends = true,
            "waits" => self.waits = true,
            "code" => self.code = Some(rest),
            "sent" => self.sent.push(rest),
            "unsent" => self.unsent.push(rest),
            "request" => self.start = Some(rest),
            "header" => self.headers.push(rest),
            "body" => self.body.push_str(&format!("{rest}\r\n")),
            _ => return,
        }
        self.directives += 1;
    }

    /// The message that runs it.
    fn message(&self, agent: &Agent) -> String {
        let start = self.start.as_deref().unwrap_or("INVITE sip:alice@example.com:5070");
        let is_reply = start.starts_with("SIP/2.0");
        let start = if is_reply { start.to_owned() } else { format!("{start} SIP/2.0") };
        let method = if is_reply { "INVITE" } else { start.split(' ').next().unwrap_or_default() };
        let usual = [
            format!("Via: SIP/2.0/UDP {};branch=z9hG4bK-{}", agent.address(), self.name),
            "Max-Forwards: 70".to_owned(),
            "From: \"Caller\" <sip:caller@example.com>;tag=from1".to_owned(),
            "To: <sip:alice@example.com>".to_owned(),
            format!("Call-ID: {}", self.name),
            format!("CSeq: 1 {method}"),
            format!("X-Run: {}", self.name),
            format!("Content-Length: {}", self.body.len()),
        ];
        let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let given = |usual: &String| self.headers.iter().any(|h| name(h) == name(usual));
        let kept = usual.iter().filter(|usual| !given(usual));
        let mut text = format!("{start}\r\n");
        for line in kept.chain(&self.headers) {
            let _ = write!(text, "{line}\r\n");
        }
        format!("{text}\r\n{}", self.body)
    }

    /// What is wrong with what came of it: the lines of its run, and the messages that left.
    fn judge(&self, said: &[&str], left: &[String]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut said = said.to_vec();
        let end = said.pop_if(|line| line.starts_with("INFO:script: (end "));
        let code = end.map(|line| line["INFO:script: (end ".len()..].trim_end_matches(')'));
        if end.is_some() == self.ends {
            wrong
                .push(format!("it {} the script", if self.ends { "did not end" } else { "ended" }));
        }
        if self.code.as_deref().is_some_and(|wanted| code != Some(wanted)) {
            wrong.push(format!("$rc is {}", code.unwrap_or("unknown")));
        }
        let fits = |(complaint, wanted): &(bool, String), line: &str| match line
            .strip_prefix("INFO:script: ")
        {
            Some(text) => !complaint && text == wanted,
            None => *complaint && line.contains(wanted.as_str()),
        };
        let same = said.len() == self.lines.len();
        if !same || !self.lines.iter().zip(&said).all(|(wanted, line)| fits(wanted, line)) {
            wrong.push(format!("it wrote {said:#?}\nnot {:#?}", self.lines));
        }
        let has = |line: &String| left.iter().any(|message| message.lines().any(|l| l == line));
        let missing = self.sent.iter().filter(|line| !has(line));
        wrong.extend(missing.map(|line| format!("`{line}` did not leave in {left:#?}")));
        let too_much = self.unsent.iter().filter(|line| has(line));
        wrong.extend(too_much.map(|line| format!("`{line}` left in {left:#?}")));
        if self.sent.is_empty() && !left.is_empty() {
            wrong.push(format!("messages left: {left:#?}"));
        }
        wrong
    }
}

/// The snippets of a file, and what the program should say of it.
fn read(text: &str) -> (Vec<Snippet>, Vec<String>) {
    let mut snippets = Vec::new();
    let mut next = Snippet::default();
    for line in text.lines() {
        next.direct(line);
        if let Some(rest) = line.strip_prefix("route[") {
            let snippet = std::mem::take(&mut next);
            let name = rest.split(']').next().unwrap_or_default();
            let name = name.trim_matches('"').to_owned();
            if snippet.directives > 0 {
                snippets.push(Snippet { name, ..snippet });
            }
        }
    }
    assert!(next.directives == 0, "directives above no route");
    let warnings = text.lines().filter_map(|line| line.strip_prefix("# warns: "));
    (snippets, warnings.map(str::to_owned).collect())
}

/// The program with the script of one file, and the socket that talks to it.
struct Stage {
    program: Running,
    agent: Agent,
    listen: SocketAddr,
    probes: u32,
    _folder: Folder,
}

impl Stage {
    /// Runs a snippet; what went wrong.
    fn run(&mut self, snippet: &Snippet) -> Vec<String> {
        let from = self.program.error_text().len();
        self.probes += 1;
        let call_id = format!("probe-{}", self.probes);
        let probe = Snippet {
            name: "probe".to_owned(),
            headers: vec![format!("Call-ID: {call_id}")],
            ..Snippet::default()
        };
        self.agent.send(self.listen, snippet.message(&self.agent));
        if snippet.waits {
            self.program.await_error_behind(from, "INFO:script: (end ");
        }
        self.agent.send(self.listen, probe.message(&self.agent));
        let mut left = Vec::new();
        loop {
            let message = self.agent.receive();
            if headers(&message, "Call-ID") == [call_id.as_str()] {
                break;
            }
            left.push(message);
        }
        let mark = format!("INFO:script: (probe {call_id})\n");
        self.program.await_error(&mark);
        let text = self.program.error_text();
        let said = text[from..].split(&mark).next().unwrap_or_default();
        snippet.judge(&said.lines().collect::<Vec<_>>(), &left)
    }
}

/// Starts a file's script and runs its snippets; what went wrong.
fn run(path: &Path) -> Vec<String> {
    let file = path.file_name().unwrap().to_str().unwrap();
    let (agent, listen) = (Agent::new(), address());
    let text = std::fs::read_to_string(path).unwrap();
    let replies = if text.contains("\nonreply_route") { "" } else { REPLIES };
    let text = format!("{text}{MAIN}{replies}")
        .replace("AGENT", &agent.address().to_string())
        .replace("LISTEN", &listen.to_string())
        .replace("FOLDER", path.parent().unwrap().to_str().unwrap());
    let (snippets, warnings) = read(&text);
    assert!(!snippets.is_empty(), "{file} has no snippet");
    let folder = Folder::new();
    copy(&path.with_extension(""), &folder);
    let script = folder.write(file, &text);
    let program = Running::gateway(&["-f", &script, "-l", &listen.to_string(), "-n", "1"]);
    let said = program.error_text();
    let loading: Vec<&str> = said.lines().take_while(|l| !l.contains("listening on")).collect();
    let heard = |wanted: &&String| loading.iter().any(|line| line.contains(wanted.as_str()));
    let mut wrong = Vec::new();
    let warned = loading.iter().any(|line| line.contains(": warning: "));
    if (warnings.is_empty() && warned) || !warnings.iter().all(|w| heard(&w)) {
        wrong.push(format!("{file}: loading says {loading:#?}, not {warnings:#?}"));
    }
    let mut stage = Stage { program, agent, listen, probes: 0, _folder: folder };
    for snippet in &snippets {
        let problems = stage.run(snippet).into_iter();
        wrong.extend(problems.map(|problem| format!("{file}: [{}]: {problem}", snippet.name)));
    }
    wrong
}

/// Copies a folder with its files, if there is one, under its own name.
fn copy(from: &Path, to: &Folder) {
    let Ok(files) = std::fs::read_dir(from) else { return };
    let name = from.file_name().unwrap().to_str().unwrap();
    std::fs::create_dir(to.path(name)).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        let copy = format!("{name}/{}", file.file_name().unwrap().to_str().unwrap());
        to.write(&copy, &std::fs::read_to_string(file).unwrap());
    }
}

/// The files of the folder, by name.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/live/language");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_script = |path: &PathBuf| path.extension().is_some_and(|end| end == "cfg");
    let mut files: Vec<PathBuf> = entries.filter(is_script).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn snippets_do_what_the_specification_says() {
    let files = files();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = files.iter().map(|file| (file, scope.spawn(|| run(file)))).collect();
        let stopped = |file: &PathBuf| vec![format!("{}: see the panic above", file.display())];
        let wrong = |(file, run): (&PathBuf, ScopedJoinHandle<'_, Vec<String>>)| {
            run.join().unwrap_or_else(|_| stopped(file))
        };
        runs.into_iter().flat_map(wrong).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
