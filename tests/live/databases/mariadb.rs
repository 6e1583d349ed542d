//! MariaDB.

use std::process::Command;

use super::servers::MariaDb;
use super::{Kind, dispatcher_runs, script};
use crate::support::{Folder, Running, SLUICE, address, refused};

#[test]
fn the_dispatcher_runs_from_mariadb() {
    let server = MariaDb::new();
    dispatcher_runs(&server);
    refusals(&server);
    by_the_line_of_the_seed(&server);
}

/// The `db_url` line of the seed as it is printed: no port, so it is the socket of this machine.
fn by_the_line_of_the_seed(server: &MariaDb) {
    server.sql(
        "CREATE USER 'user'@'localhost' IDENTIFIED BY 'passwb'; \
         GRANT ALL ON `database`.* TO 'user'@'localhost';",
    );
    let folder = Folder::new();
    let line = "modparam(\"dispatcher\", \"db_url\", \"mysql://user:passwb@localhost/database\")\n";
    let path = folder.write("test.cfg", &script("mysql", line));
    let listen = address().to_string();
    let mut program = Command::new(SLUICE);
    program.args(["-f", &path, "-l", &listen, "-E"]).env("MYSQL_UNIX_PORT", server.socket());
    let running = Running::spawn(&mut program, "");
    running.await_error("listening on");
}

/// What a start says, in a line and in time, where it cannot reach its tables.
fn refusals(server: &MariaDb) {
    let refusal = |from: &str, to: &str| {
        let folder = Folder::new();
        let url = server.url().replace(from, to);
        let line = format!("modparam(\"dispatcher\", \"db_url\", \"{url}\")\n");
        let path = folder.write("test.cfg", &script("db_mysql", &line));
        refused(&["-f", &path, "-l", &address().to_string(), "-E"], "")
    };
    let error = refusal("pass@", "other@");
    assert!(error.contains("Access denied for user 'user'@"), "{error}");
    let error = refusal("/database", "/nowhere");
    assert!(error.contains("/nowhere: "), "{error}");
    let port = format!(":{}/", server.address.port());
    let error = refusal(&port, &format!(":{}/", address().port()));
    assert!(error.contains("Connection refused"), "{error}");
}
