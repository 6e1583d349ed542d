//! MariaDB.

use std::process::Command;

use sluice_engine::db::Field;

use super::relay::Relay;
use super::servers::MariaDb;
use super::source::{Asked, outages, values_come_back};
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
        let line = format!(
            "modparam(\"db_mysql\", \"timeout_interval\", 1)\n\
             modparam(\"dispatcher\", \"db_url\", \"{url}\")\n"
        );
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
    let silent = Relay::to(server.address);
    silent.stall();
    let error = refusal(&port, &format!(":{}/", silent.address.port()));
    assert!(error.contains("/database: no connection within 3000 ms"), "{error}");
}

#[test]
fn values_outages_and_an_end_of_mariadb() {
    let mut server = MariaDb::new();
    let given = [
        ("tiny", Field::Int(-7), Field::Int(-7)),
        ("flag", Field::Int(1), Field::Int(1)),
        ("big", Field::text("9007199254740993"), Field::Int(9_007_199_254_740_993)),
        ("unsig", Field::text("18446744073709551615"), Field::text("18446744073709551615")),
        ("q", Field::Double(0.5), Field::Double(0.5)),
        ("unq", Field::Double(0.7), Field::Double(0.7)),
        ("price", Field::text("12.30"), Field::text("12.30")),
        ("name", Field::text("o'neil \\ \"ü\""), Field::text("o'neil \\ \"ü\"")),
        ("bytes", Field::Text([0, 0xff, b'\''].into()), Field::Text([0, 0xff, b'\''].into())),
        ("seen", Field::Time(1_700_000_000), Field::Time(1_700_000_000)),
        ("stamp", Field::Int(1_700_000_001), Field::Time(1_700_000_001)),
        ("day", Field::text("2023-11-14"), Field::text("2023-11-14")),
        ("span", Field::text("26:30:15"), Field::text("26:30:15")),
        ("year", Field::Int(2023), Field::Int(2023)),
        ("choice", Field::text("b"), Field::text("b")),
    ];
    let columns = "tiny TINYINT, flag BOOLEAN, big BIGINT, unsig BIGINT UNSIGNED, q DOUBLE, \
         unq FLOAT, price DECIMAL(8,2), name VARCHAR(64) CHARACTER SET utf8mb4, bytes BLOB, \
         seen DATETIME, stamp TIMESTAMP NULL, day DATE, span TIME, year YEAR, \
         choice ENUM('a','b')";
    values_come_back(&server, columns, &given);
    server.sql("DROP TABLE kept;");
    let relay = Relay::to(server.address);
    let url = server.url().replace(&server.address.to_string(), &relay.address.to_string());
    outages(&server, &relay, &url);

    let asked = Asked::new(&server.url());
    server.kill();
    asked.until(Result::is_err);
    server.start();
    asked.until(Result::is_ok);
}
