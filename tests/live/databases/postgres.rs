//! PostgreSQL.

use sluice_engine::db::Field;

use super::relay::Relay;
use super::servers::Postgres;
use super::source::{Asked, outages, values_come_back};
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

#[test]
fn values_outages_and_an_end_of_postgres() {
    let mut server = Postgres::new();
    let given = [
        ("small", Field::Int(-7), Field::Int(-7)),
        ("flag", Field::Int(1), Field::Int(1)),
        ("big", Field::text("9007199254740993"), Field::Int(9_007_199_254_740_993)),
        ("q", Field::Double(0.5), Field::Double(0.5)),
        ("unq", Field::Double(0.7), Field::Double(0.7)),
        ("price", Field::text("-12.30"), Field::text("-12.30")),
        ("name", Field::text("o'neil \\ \"ü\""), Field::text("o'neil \\ \"ü\"")),
        ("code", Field::text("ab"), Field::text("ab")),
        ("bytes", Field::Text([0, 0xff, b'\''].into()), Field::Text([0, 0xff, b'\''].into())),
        ("seen", Field::Time(1_700_000_000), Field::Time(1_700_000_000)),
        ("stamp", Field::text("2023-11-14 22:13:20+00"), Field::Time(1_700_000_000)),
        ("day", Field::text("2023-11-14"), Field::text("2023-11-14")),
        ("span", Field::text("06:30:15"), Field::text("06:30:15")),
        ("mood", Field::text("fine"), Field::text("fine")),
        (
            "uuid",
            Field::text("c7dbc1d3-3a5c-4ea0-bd1c-7f6de7e6b2ac"),
            Field::text("c7dbc1d3-3a5c-4ea0-bd1c-7f6de7e6b2ac"),
        ),
    ];
    server.sql("CREATE TYPE mood AS ENUM ('sad', 'fine');");
    let columns = "small SMALLINT, flag BOOLEAN, big BIGINT, q DOUBLE PRECISION, unq REAL, \
         price NUMERIC(8,2), name VARCHAR(64), code CHAR(8), bytes BYTEA, seen TIMESTAMP, \
         stamp TIMESTAMPTZ, day DATE, span TIME, mood mood, uuid UUID";
    values_come_back(&server, columns, &given);
    server.sql("ALTER TABLE kept ADD COLUMN place POINT DEFAULT '(1,2)';");
    let asked = Asked::new(&server.url());
    assert_eq!(
        asked.refusal("SELECT place FROM kept"),
        "column place is of type POINT; cast it to text"
    );

    server.sql("DROP TABLE kept;");
    let relay = Relay::to(server.address);
    let url = server.url().replace(&server.address.to_string(), &relay.address.to_string());
    outages(&server, &relay, &url);

    server.kill();
    asked.until(Result::is_err);
    server.start();
    asked.until(Result::is_ok);
}
