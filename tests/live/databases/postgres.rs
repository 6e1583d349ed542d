//! PostgreSQL.

use super::servers::Postgres;
use super::{Kind, dispatcher_runs, script};
use crate::support::{Folder, address, refused};

#[test]
fn the_dispatcher_runs_from_postgres() {
    let server = Postgres::new();
    dispatcher_runs(&server);
    let refusal = |from: &str, to: &str| {
        let folder = Folder::new();
        let url = server.url().replace(from, to);
        let line = format!("modparam(\"dispatcher\", \"db_url\", \"{url}\")\n");
        let path = folder.write("test.cfg", &script("postgres", &line));
        refused(&["-f", &path, "-l", &address().to_string(), "-E"], "")
    };
    let error = refusal("pass@", "other@");
    assert!(error.contains("password authentication failed for user \"user\""), "{error}");
    let error = refusal("/database", "/nowhere");
    assert!(error.contains("database \"nowhere\" does not exist"), "{error}");
}
