//! Modules `db_mysql`, `db_postgres` and `db_sqlite`: their tables. What the databases do is tested
//! in `src/control/sql` and, against real servers, in `tests/live/databases`.

use std::sync::Arc;

use sluice_engine::db::Open;
use sluice_engine::module::{Module, Statistic};
use sluice_engine::series::{Family, Figure, Series};
use sluice_engine::sql::{Sql, SqlCount, SqlCounts, SqlOptions};
use sluice_modules::{db_mysql, db_postgres, db_sqlite};
use sluice_script::catalog::Status;
use sluice_tests::world::Plan;

use crate::world::{INVITE, compiled};

const KINDS: [&Module; 3] = [&db_mysql::MODULE, &db_postgres::MODULE, &db_sqlite::MODULE];

fn script(module: &str, line: &str) -> String {
    format!("loadmodule \"{module}.so\"\n{line}\nroute {{ exit; }}\n")
}

#[test]
fn parameters_are_honoured_ignored_or_later() {
    for (module, name, value, status) in [
        ("db_mysql", "exec_query_threshold", "60000", "honoured"),
        ("db_mysql", "timeout_interval", "2", "honoured"),
        ("db_mysql", "max_db_queries", "3", "honoured"),
        ("db_mysql", "max_db_retries", "3", "ignored"),
        ("db_mysql", "ping_interval", "600", "honoured"),
        ("db_mysql", "auto_reconnect", "1", "ignored"),
        ("db_mysql", "ps_max_col_size", "2048", "ignored"),
        ("db_mysql", "use_tls", "0", "honoured"),
        ("db_mysql", "tls_client_domain", "\"d\"", "later"),
        ("db_mysql", "connections", "4", "honoured"),
        ("db_postgres", "exec_query_threshold", "60000", "honoured"),
        ("db_postgres", "max_db_queries", "2", "honoured"),
        ("db_postgres", "timeout", "-1", "honoured"),
        ("db_postgres", "use_tls", "0", "honoured"),
        ("db_postgres", "connections", "4", "honoured"),
        ("db_sqlite", "exec_query_threshold", "60000", "honoured"),
        ("db_sqlite", "alloc_limit", "25", "ignored"),
        ("db_sqlite", "load_extension", "\"pcre.so\"", "later"),
        ("db_sqlite", "busy_timeout", "1000", "honoured"),
        ("db_sqlite", "exec_pragma", "\"PRAGMA journal_mode = WAL;\"", "honoured"),
        ("db_sqlite", "connections", "1", "honoured"),
    ] {
        let table = KINDS.into_iter().find(|kind| kind.name == module).unwrap();
        let found = match table.params.iter().find(|entry| entry.name == name).unwrap().status {
            Status::Honoured => "honoured",
            Status::Ignored(_) => "ignored",
            Status::Later => "later",
        };
        assert_eq!(found, status, "{module} {name}");
        let line = format!("modparam(\"{module}\", \"{name}\", {value})");
        let compiled = compiled(&script(module, &line));
        assert_eq!(compiled.script.is_some(), status != "later", "{module} {name}");
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (module, name, value) in [
        ("db_mysql", "exec_query_threshold", "-1"),
        ("db_mysql", "timeout_interval", "0"),
        ("db_mysql", "ping_interval", "0"),
        ("db_mysql", "use_tls", "1"),
        ("db_mysql", "connections", "0"),
        ("db_postgres", "timeout", "0"),
        ("db_postgres", "use_tls", "1"),
        ("db_sqlite", "busy_timeout", "-1"),
        ("db_sqlite", "exec_pragma", "\"journal_mode\""),
        ("db_sqlite", "exec_pragma", "\"a=b; DROP TABLE t\""),
        ("db_sqlite", "connections", "1001"),
    ] {
        let line = format!("modparam(\"{module}\", \"{name}\", {value})");
        assert!(compiled(&script(module, &line)).script.is_none(), "{module} {name} {value}");
    }
}

#[test]
fn older_names_load_them_and_make_their_urls_known() {
    for (module, url) in [
        ("mysql", "mysql://opensips:opensipsrw@localhost/opensips"),
        ("postgres", "postgres://opensips:opensipsrw@localhost/opensips"),
        ("db_sqlite", "sqlite:///var/db/opensips.sqlite"),
        ("db_sqlite", "sqlite::memory:"),
    ] {
        let line = format!(
            "loadmodule \"dispatcher.so\"\nmodparam(\"dispatcher\", \"db_url\", \"{url}\")"
        );
        let why = Plan::default().try_run(&script(module, &line)).err().unwrap();
        // This world's databases are gone; that this is told shows that one was asked.
        assert!(why.contains("there are no SQL databases here"), "{url}: {why}");
    }
}

#[test]
fn statistics_are_in_the_order_in_which_they_are_counted() {
    for kind in KINDS {
        assert_eq!(kind.statistics.len(), SqlCount::ALL.len());
        let named = |name: &str| {
            kind.statistics.iter().position(|statistic: &Statistic| statistic.name == name)
        };
        assert_eq!(named("queries"), Some(SqlCount::Queries as usize));
        assert_eq!(named("failed"), Some(SqlCount::Failed as usize));
        assert_eq!(named("slow"), Some(SqlCount::Slow as usize));
        assert_eq!(named("late"), Some(SqlCount::Late as usize));
        assert_eq!(named("query_us"), Some(SqlCount::Micros as usize));
        assert_eq!(named("connections"), Some(SqlCount::Connections as usize));
        assert_eq!(named("gone"), Some(SqlCount::Gone as usize));
        assert_eq!(named("back"), Some(SqlCount::Back as usize));
    }
}

/// Databases that have been asked before anybody asks.
struct Asked;

impl Sql for Asked {
    fn opener(&self, options: SqlOptions, counts: Arc<SqlCounts>) -> Open {
        counts.add(SqlCount::Queries, 3);
        counts.time("users", "select", 4_000, false);
        counts.time("users", "select", 2_000, true);
        counts.time("acc", "insert", 0, false);
        counts.turn(&"mysql://u@h/d".into(), false);
        counts.turn(&"mysql://u@h/d".into(), true);
        Arc::new(move |_: &str| Err(format!("{:?}", options.kind)))
    }
}

/// Writes each figure as a line.
#[derive(Default)]
struct Lines(Vec<String>);

impl Series for Lines {
    fn put(&mut self, family: &Family, labels: &[(&str, &str)], figure: Figure<'_>) {
        let labels: String =
            labels.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let figure = match figure {
            Figure::Histogram { buckets, count, sum } => {
                format!("{count} {sum} {:?} of {}", buckets[1], buckets.len())
            }
            figure => format!("{figure:?}"),
        };
        self.0.push(format!("{}{labels}: {figure}", family.name));
    }
}

#[test]
fn what_databases_do_is_counted_and_timed_by_table() {
    let plan = Plan { sql: Arc::new(Asked), ..Plan::default() };
    let world = plan.try_run(&script("db_postgres", "")).unwrap_or_else(|why| panic!("{why}"));
    let state = world.program.state("db_postgres").unwrap();
    assert_eq!(state.counted(SqlCount::Queries as usize), 3);
    let mut lines = Lines::default();
    world.program.series(&mut lines);
    let expected = [
        "sluice_db_postgres_query_seconds table=acc action=insert: 1 0 (0.005, 1) of 7",
        "sluice_db_postgres_query_seconds table=users action=select: 2 0.006 (0.005, 2) of 7",
        "sluice_db_postgres_failures_total table=acc action=insert: Counter(0)",
        "sluice_db_postgres_failures_total table=users action=select: Counter(1)",
    ];
    assert_eq!(lines.0, expected);
}

#[test]
fn a_server_that_goes_and_comes_back_raises_an_event() {
    let plan = Plan { sql: Arc::new(Asked), ..Plan::default() };
    let script = "loadmodule \"db_mysql\"\nloadmodule \"sl\"\nloadmodule \"cfgutils\"\n\
         modparam(\"cfgutils\", \"shvset\", \"told=s:told:\")\n\
         route { sl_send_reply(200, \"$shv(told)\"); }\nevent_route[E_MYSQL_CONNECTION] {\n\
         \x20 $shv(told) = $shv(told) + $param(url) + \" \" + $param(status) + \";\";\n}\n";
    let mut world = plan.try_run(script).unwrap_or_else(|why| panic!("{why}"));
    for _ in 0..2 {
        world.program.tick(world.now);
        world.pass(1);
        let told = world.receive("10.9.9.1:5060", INVITE)[0].first_line();
        let expected = "told:mysql://u@h/d disconnected;mysql://u@h/d connected;";
        assert_eq!(told, format!("SIP/2.0 200 {expected}"), "each is told once");
    }
}
