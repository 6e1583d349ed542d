//! What is measured: how each forwarder is started, alone on its processor, and stopped.
//!
//! All of them listen on the same address and send to the same destinations.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::template::DIGITS;
use crate::usage;
use crate::users::message;

/// The address that every subject listens on.
pub const LISTEN: &str = "127.0.0.1:5080";
/// Its port.
pub const LISTEN_PORT: u16 = 5080;
/// Where every subject sends to.
pub const DESTINATION_PORTS: [u16; 4] = [5071, 5072, 5073, 5074];

/// How long a subject may take to open its socket, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A forwarder to measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Subject {
    /// No SIP at all: what everything is a multiple of.
    Reference,
    /// The same in C.
    ReferenceC,
    /// Kamailio of Debian.
    Kamailio,
    /// register: the same with the seed's modules, auth_db on db_text.
    KamailioAuthDb,
    /// Sluice.
    Sluice,
}

/// What the subjects do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Work {
    /// Dispatch INVITEs by their Call-ID, without state.
    Dispatch,
    /// Relay complete calls with record-route, with transactions.
    Call,
    /// Register users, who are asked for a password.
    Register,
    /// Register users again, who are not asked.
    Refresh,
    /// Relay complete calls to registered users.
    Lookup,
}

impl Work {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dispatch => "dispatch",
            Self::Call => "call",
            Self::Register => "register",
            Self::Refresh => "refresh",
            Self::Lookup => "lookup",
        }
    }
}

/// A subject that runs; stopped when dropped.
pub struct Running {
    child: Child,
}

impl Subject {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::ReferenceC => "reference-c",
            Self::Kamailio => "kamailio",
            Self::KamailioAuthDb => "kamailio-auth-db",
            Self::Sluice => "sluice",
        }
    }

    /// Starts it on its processor and waits until its socket is open. What it says goes to a log
    /// in the folder of the run.
    ///
    /// # Errors
    /// When it cannot be started, ends at once, or opens no socket in time.
    pub fn start(self, place: &Place) -> Result<Running> {
        let (program, arguments) = self.command(place)?;
        let mut command = Command::new(program);
        command.args(arguments);
        let log = place.folder.join(format!("{}.log", self.name()));
        Running::launch(&command, &place.processor.to_string(), LISTEN_PORT, &log)
    }

    /// The program and its arguments.
    fn command(self, place: &Place) -> Result<(PathBuf, Vec<String>)> {
        let listen = format!("udp:{LISTEN}");
        Ok(match self {
            Self::Reference => (place.programs.join("reference"), addresses()),
            Self::ReferenceC => (place.folder.join("reference-c"), addresses()),
            Self::Kamailio | Self::KamailioAuthDb => {
                let script = place.script("peers", self.name())?;
                let folder = place.folder.display().to_string();
                // Debian's default allocator is for debugging; fm is the fastest where nothing is
                // kept, tlsf with transactions. The pools are set in advance, so they are no
                // larger than the work needs: finished calls are kept for 5 s, 160 KB a call/s.
                let fixed = match place.work {
                    Work::Dispatch | Work::Register | Work::Refresh => {
                        "-n 1 -x fm -X fm -m 64 -M 8 -b 4194304 -DD -E"
                    }
                    Work::Call | Work::Lookup => {
                        "-n 1 -x tlsf -X tlsf -m 4096 -M 16 -b 4194304 -DD -E"
                    }
                };
                let fixed = fixed.split(' ').map(str::to_owned);
                let named = ["-f", &script, "-l", &listen, "-w", &folder, "-Y", &folder];
                let named = named.map(str::to_owned).into_iter();
                (PathBuf::from("kamailio"), named.chain(fixed).collect())
            }
            Self::Sluice => {
                let script = place.script("sluice", "opensips")?;
                let arguments = ["-f", &script, "-l", &listen, "-n", "1"].map(str::to_owned);
                (place.programs.join("sluice"), arguments.into())
            }
        })
    }
}

/// The arguments of a forwarder that does no SIP.
fn addresses() -> Vec<String> {
    let to = DESTINATION_PORTS.map(|port| format!("127.0.0.1:{port}"));
    std::iter::once(LISTEN.to_owned()).chain(to).collect()
}

impl Running {
    /// Starts a program on some processors, a list as taskset(1) takes it, and waits until it has
    /// opened a UDP port. What it says goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started, ends at once, or opens no socket in time.
    pub fn launch(command: &Command, processors: &str, port: u16, log: &Path) -> Result<Self> {
        if usage::is_open(port)? {
            bail!("port {port} is taken: something else listens there");
        }
        let output = fs::File::create(log)?;
        let mut pinned = Command::new("taskset");
        // setpriv: should this program die, the subject is told to end too.
        pinned
            .args(["-c", processors, "setpriv", "--pdeathsig", "TERM"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if let Some(folder) = command.get_current_dir() {
            pinned.current_dir(folder);
        }
        let child = pinned.spawn().context("cannot run taskset (util-linux)")?;
        let mut running = Self { child };
        let begun = Instant::now();
        while !usage::is_open(port)? {
            if running.child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                bail!("{:?} did not start; see {}", command.get_program(), log.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// The process, first of its tree.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    /// Asks it to end, and ends it when it does not.
    fn drop(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let begun = Instant::now();
        while asked.is_ok() && begun.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // It may be gone by now: then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where things are, and which processor the subject gets.
pub struct Place {
    /// The folder `perf`.
    pub sources: PathBuf,
    /// Where the programs of this workspace are.
    pub programs: PathBuf,
    /// Where scripts and logs of a run are written.
    pub folder: PathBuf,
    /// The subject's processor.
    pub processor: usize,
    /// What the subjects do.
    pub work: Work,
    /// How many users there are.
    pub users: u64,
}

impl Place {
    /// Writes the script of a program for this work, its destination list and its users into the
    /// folder of the run, and gives the script's path.
    fn script(&self, source: &str, program: &str) -> Result<String> {
        let list = self.folder.join("dispatcher.list");
        let rows = DESTINATION_PORTS.map(|port| format!("1 sip:127.0.0.1:{port}\n"));
        fs::write(&list, rows.concat())?;
        let mut users = String::from("username(string) ha1(string)\n");
        let mut secrets = String::from(
            "key_name(string) key_type(int) value_type(int) key_value(string) expires(int)\n",
        );
        for user in 0..self.users {
            let secret = message::secret(user);
            let secret = std::str::from_utf8(&secret)?;
            let _ = writeln!(users, "{user:0DIGITS$}:{secret}");
            let _ = writeln!(secrets, "{user:0DIGITS$}:0:0:{secret}:0");
        }
        fs::write(self.folder.join("subscriber"), users)?;
        fs::write(self.folder.join("secrets"), secrets)?;
        let name = format!("{program}-{}.cfg", self.work.name());
        let source = self.sources.join(source).join(&name);
        let text = fs::read_to_string(&source)
            .with_context(|| format!("cannot read {}", source.display()))?;
        let script = self.folder.join(name);
        let text = text.replace("LIST", &list.display().to_string());
        fs::write(&script, text.replace("FOLDER", &self.folder.display().to_string()))?;
        Ok(script.display().to_string())
    }
}
