//! Real servers: MariaDB and PostgreSQL, each with a folder and a port of its own, nobody else's.
//!
//! They are Debian's packages mariadb-server-core, mariadb-client-core and postgresql, which
//! `scripts/test` installs. Made without care for their disk: what they keep ends with the test.

use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Kind;
use crate::support::{Running, address};

/// The user of the seed, and its password, which is not an easy one.
const USER: &str = "user";
const PASSWORD: &str = "pass@w:b/d";
const DATABASE: &str = "database";

/// A folder outside of the project, which another user may have to reach.
struct Place(PathBuf);

impl Place {
    fn new(kind: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluice-{kind}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a program to its end; what it prints.
fn run(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{command:?}: {told}");
    String::from_utf8(done.stdout).unwrap()
}

/// MariaDB.
pub struct MariaDb {
    running: Option<Running>,
    place: Place,
    pub address: SocketAddr,
    /// Whether what it has committed outlives it.
    is_durable: bool,
}

impl MariaDb {
    pub fn new() -> Self {
        Self::with(false)
    }

    /// One that loses nothing that it has committed when it is killed.
    pub fn durable() -> Self {
        Self::with(true)
    }

    fn with(is_durable: bool) -> Self {
        let place = Place::new("mariadb");
        // Two that begin at once would use each other's temporary files.
        let own = place.path("");
        run(Command::new("mariadb-install-db").env("TMPDIR", &own).args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            &format!("--user={}", whoami()),
            &format!("--datadir={}", place.path("data")),
        ]));
        let mut server = Self { running: None, place, address: address(), is_durable };
        server.start();
        server.as_root(&format!(
            "CREATE DATABASE `{DATABASE}`; CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'; \
             GRANT ALL ON `{DATABASE}`.* TO '{USER}'@'%';"
        ));
        server
    }

    /// Starts it, again at the same place.
    pub fn start(&mut self) {
        let mut server = Command::new("/usr/sbin/mariadbd");
        server.args([
            "--no-defaults".to_owned(),
            format!("--user={}", whoami()),
            format!("--datadir={}", self.place.path("data")),
            format!("--socket={}", self.socket()),
            format!("--port={}", self.address.port()),
            format!("--bind-address={}", self.address.ip()),
            format!("--pid-file={}", self.place.path("pid")),
            "--innodb-buffer-pool-size=16M".to_owned(),
            format!("--innodb-flush-log-at-trx-commit={}", u8::from(self.is_durable)),
        ]);
        let running = Running::spawn(&mut server, "");
        running.await_error("ready for connections");
        self.running = Some(running);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Where it is on this machine.
    pub fn socket(&self) -> String {
        self.place.path("socket")
    }

    fn as_root(&self, text: &str) -> String {
        let socket = format!("--socket={}", self.socket());
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "-N", "-B", "-u", "root", &socket, "-e", text]);
        run(&mut client)
    }
}

impl Kind for MariaDb {
    const MODULE: &'static str = "db_mysql";

    fn url(&self) -> String {
        format!("mysql://{USER}:{PASSWORD}@{}/{DATABASE}", self.address)
    }

    fn sql(&self, text: &str) -> String {
        self.as_root(&format!("USE `{DATABASE}`; {text}")).replace('\t', "|")
    }
}

/// PostgreSQL.
pub struct Postgres {
    running: Option<Running>,
    place: Place,
    pub address: SocketAddr,
}

impl Postgres {
    pub fn new() -> Self {
        let place = Place::new("postgres");
        let data = place.path("data");
        std::fs::create_dir(&data).unwrap();
        let secret = place.path("password");
        std::fs::write(&secret, PASSWORD).unwrap();
        if is_root() {
            chown(&data, Some(NOBODY), None).unwrap();
            chown(&secret, Some(NOBODY), None).unwrap();
        }
        let pwfile = format!("--pwfile={secret}");
        run(program("initdb")
            .args(["-D", &data, "-U", USER, "-A", "scram-sha-256", "--no-sync"])
            .args(["-E", "UTF8", "--locale=C", &pwfile]));
        let mut server = Self { running: None, place, address: address() };
        server.start();
        server.ask("postgres", &format!("CREATE DATABASE {DATABASE};"));
        server
    }

    /// Starts it, again at the same place.
    pub fn start(&mut self) {
        let mut server = program("postgres");
        server.args(["-D", &self.place.path("data"), "-p", &self.address.port().to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
            server.args(["-c", setting]);
        }
        let running = Running::spawn(&mut server, "");
        running.await_error("is ready to accept connections");
        self.running = Some(running);
    }

    /// Ends it, with all its connections, at once.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal("QUIT");
            running.wait();
        }
    }

    fn ask(&self, database: &str, text: &str) -> String {
        let port = self.address.port().to_string();
        let mut client = program("psql");
        client.args(["-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port]);
        client.args(["-U", USER, "-d", database, "-c", text]).env("PGPASSWORD", PASSWORD);
        run(&mut client)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Kind for Postgres {
    const MODULE: &'static str = "db_postgres";

    fn url(&self) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/{DATABASE}", self.address)
    }

    fn sql(&self, text: &str) -> String {
        self.ask(DATABASE, text)
    }
}

/// Debian's user without rights: PostgreSQL does not run as root.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    whoami() == "root"
}

fn whoami() -> String {
    run(Command::new("id").arg("-un")).trim().to_owned()
}

/// A program of PostgreSQL, of the newest release that is installed.
fn program(name: &str) -> Command {
    let all = std::fs::read_dir("/usr/lib/postgresql").map(|all| all.flatten().collect::<Vec<_>>());
    let mut all: Vec<_> = all.unwrap_or_default().iter().map(std::fs::DirEntry::path).collect();
    all.sort();
    let folder = all.pop().unwrap_or_else(|| panic!("Debian's package postgresql is missing"));
    let mut command = Command::new(folder.join("bin").join(name));
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/");
    command
}
