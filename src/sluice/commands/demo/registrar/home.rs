//! The folder of a demo of users: the example's script and tables, with users of its own. It is
//! there as long as the demo, so that others may ask the gateway in it or read its tables.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{DOMAIN, PASSWORD};

/// The example, as it stands.
const SCRIPT: &str = include_str!("../../../../../examples/registrar/opensips.cfg");
const VERSION: &str = include_str!("../../../../../examples/registrar/db/version");
const LOCATION: &str = include_str!("../../../../../examples/registrar/db/location");

/// The columns of users, as few as there can be.
const SUBSCRIBER: &str = "username(str) password(str) ha1(str) domain(str) ha1b(str)\n";

/// See the file's head.
pub(super) struct Home(PathBuf);

impl Home {
    /// A new folder for a gateway at `port` with so many users, named as those of the load
    /// generator.
    pub(super) fn new(port: u16, users: u64) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("sluice-demo-{}", std::process::id()));
        let mut builder = DirBuilder::new();
        builder.mode(0o700).create(&path)?;
        let home = Self(path);
        builder.create(home.0.join("db"))?;
        let fifo = home.fifo().display().to_string();
        let script = SCRIPT.replace(":5060", &format!(":{port}"));
        fs::write(home.script(), script.replace("/tmp/opensips_fifo", &fifo))?;
        let rows = (0..users).map(|user| format!("callee{user:06}:{PASSWORD}::{DOMAIN}:\n"));
        fs::write(home.table("subscriber"), SUBSCRIBER.to_owned() + &rows.collect::<String>())?;
        fs::write(home.table("version"), VERSION)?;
        fs::write(home.table("location"), LOCATION)?;
        fs::write(home.table("aliases"), LOCATION)?;
        Ok(home)
    }

    /// The script.
    pub(super) fn script(&self) -> PathBuf {
        self.0.join("opensips.cfg")
    }

    /// Where the gateway is asked.
    pub(super) fn fifo(&self) -> PathBuf {
        self.0.join("fifo")
    }

    /// Contacts in the table, as the gateway has left it.
    pub(super) fn contacts(&self) -> io::Result<u64> {
        let table = fs::read_to_string(self.table("location"))?;
        Ok(table.lines().skip(1).filter(|row| !row.is_empty()).count() as u64)
    }

    fn table(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join("db").join(name)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("sluice: {} stays: {error}", self.0.display());
        }
    }
}
