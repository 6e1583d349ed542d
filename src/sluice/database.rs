//! Databases for tools that run no script, by URL: each kind as its module has it by default.

use std::path::PathBuf;
use std::sync::Arc;

use sluice_control::sql::SqlDatabases;
use sluice_engine::db::Source;
use sluice_engine::files::Files;
use sluice_engine::sql::{SqlKind, SqlOptions};
use sluice_modules::db_text;

use crate::serve::files::DiskFiles;

/// How long a tool waits for a database to answer, milliseconds.
const TIMEOUT_MS: u64 = 10_000;

/// Opens the database of a URL; relative paths begin in the current folder.
///
/// # Errors
/// Why there is none, in one line without a password.
pub fn open(url: &str) -> Result<Arc<dyn Source>, String> {
    let home = std::env::current_dir().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(format!("`{url}` is no URL of a database: text://, sqlite://, mysql://, ..."));
    };
    let kinds = [SqlKind::MySql, SqlKind::Postgres, SqlKind::Sqlite];
    if scheme.eq_ignore_ascii_case("text") {
        let files: Arc<dyn Files> = Arc::new(DiskFiles::new([home, PathBuf::new()]));
        return db_text::api::open(rest, &files);
    }
    let kind = kinds.into_iter().find(|kind| scheme.eq_ignore_ascii_case(kind.scheme()));
    let Some(kind) = kind else {
        return Err(format!("{scheme}://: kinds are text, sqlite, mysql and postgres"));
    };
    let options = SqlOptions {
        module: "db",
        kind,
        timeout_ms: TIMEOUT_MS,
        connections: 1,
        slow_us: 0,
        tries: 1,
        ping_ms: u64::MAX,
        pragmas: Vec::new(),
    };
    let databases = SqlDatabases::new([home], jiff::tz::TimeZone::system());
    databases.open(rest, options, Arc::default())
}
