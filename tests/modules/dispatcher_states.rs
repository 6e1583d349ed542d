//! How states come back to the dispatcher's table (spec 3.5), and that nobody waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sluice_engine::db::{Action, DbError, Field, Open, Outcome, Rows, Source, Statement, Way};
use sluice_engine::files::Files;
use sluice_engine::sql::{Sql, SqlCounts, SqlOptions};
use sluice_tests::world::{Plan, World};

use crate::world::command_of;

const ROWS: &str = "1:1:sip\\:10.0.0.1::0:1:1:x:y\n2:1:sip\\:10.0.0.2::0:1:1:x:y\n";

fn table(rows: &str) -> String {
    let columns = "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
                   weight(int) priority(int) attrs(string) description(string)";
    format!("{columns}\n{rows}")
}

fn world(params: &str) -> World {
    let script = format!(
        "loadmodule \"db_text\"\nloadmodule \"dispatcher\"\n\
         modparam(\"dispatcher\", \"db_url\", \"text:///db\")\n{params}route {{ exit; }}\n"
    );
    let version = "table_name(str) table_version(int)\ndispatcher:7\n";
    Plan::default().file("/db/dispatcher", table(ROWS)).file("/db/version", version).run(&script)
}

fn text(world: &World) -> String {
    String::from_utf8(world.files.read("/db/dispatcher").unwrap()).unwrap()
}

fn set_state(world: &World, state: &str) {
    let params = [Some(state), Some("1"), Some("sip:10.0.0.2")];
    command_of(world, "dispatcher", "ds_set_state", &params).unwrap();
}

/// Half a minute passes; the changes that are on their way then.
fn sent(world: &mut World) -> Vec<Statement> {
    world.pass(30_000);
    world.program.tick(world.now);
    let mut changes = Vec::new();
    world.program.later()[0].take(&mut changes);
    changes
}

/// The control plane makes changes.
fn make(world: &World, changes: Vec<Statement>) {
    world.program.later()[0].source().ask(changes).unwrap();
}

#[test]
fn states_go_back_to_the_table() {
    let mut world = world("");
    assert_eq!(sent(&mut world), [], "nothing has changed");
    set_state(&world, "i");
    let changes = sent(&mut world);
    assert!(text(&world).contains("\n2:1:sip\\:10.0.0.2::0:"), "nobody has waited for it");
    make(&world, changes);
    assert!(text(&world).contains("\n2:1:sip\\:10.0.0.2::1:1:1:x:y\n"), "{}", text(&world));
    assert!(text(&world).contains("\n1:1:sip\\:10.0.0.1::0:"), "the other one has not changed");
    assert_eq!(sent(&mut world), [], "once is enough");
    set_state(&world, "p");
    world.program.end();
    assert!(text(&world).contains("\n2:1:sip\\:10.0.0.2::2:"), "at the end, too");
}

#[test]
fn what_a_database_has_refused_is_written_at_the_end() {
    let mut world = world("");
    set_state(&world, "i");
    assert_eq!(sent(&mut world).len(), 1, "taken, and not made");
    assert_eq!(sent(&mut world), []);
    world.program.end();
    assert!(text(&world).contains("\n2:1:sip\\:10.0.0.2::1:"), "{}", text(&world));
}

#[test]
fn a_reload_keeps_the_state_in_force_and_the_table_follows() {
    let mut world = world("");
    set_state(&world, "p");
    let changes = sent(&mut world);
    make(&world, changes);
    world.write("/db/dispatcher", Some(&table(ROWS)));
    command_of(&world, "db_text", "dbt_reload", &[None, None]).unwrap();
    command_of(&world, "dispatcher", "ds_reload", &[]).unwrap();
    assert_eq!(sent(&mut world).len(), 1, "the table has another one again");
}

#[test]
fn without_persistent_state_the_table_stays_as_it_is() {
    let mut world = world("modparam(\"dispatcher\", \"persistent_state\", 0)\n");
    set_state(&world, "i");
    assert_eq!(sent(&mut world), []);
    world.program.end();
    assert!(text(&world).contains("\n2:1:sip\\:10.0.0.2::0:"));
}

/// A server with one destination that then answers no more.
#[derive(Default)]
struct Server {
    is_silent: AtomicBool,
    /// What was asked in spite of that.
    waited: Mutex<Vec<Statement>>,
}

/// The same as a kind of database.
struct OneServer(Arc<Server>);

impl Sql for OneServer {
    fn opener(&self, _: SqlOptions, _: Arc<SqlCounts>) -> Open {
        let server = Arc::clone(&self.0);
        Arc::new(move |_: &str| Ok(Arc::clone(&server) as Arc<dyn Source>))
    }
}

impl Source for Server {
    fn name(&self) -> &str {
        "mysql://one"
    }

    fn place(&self, table: &str) -> String {
        table.to_owned()
    }

    fn ask(&self, statements: Vec<Statement>) -> Outcome {
        if self.is_silent.load(Ordering::Relaxed) {
            self.waited.lock().unwrap().extend(statements);
            return Err(DbError::Deadline(5_000));
        }
        let columns = ["setid", "destination", "state"].map(Arc::from);
        let row = [Field::Int(1), Field::text("sip:10.0.0.1:5071"), Field::Int(0)];
        Ok(Rows { columns: Arc::new(columns), rows: vec![Box::new(row)], ..Rows::default() })
    }

    fn now(&self, _: &Statement) -> Option<Outcome> {
        None
    }

    fn run(&self, statements: Vec<Statement>) -> Way<'_> {
        Way::Waiting(Box::pin(async move { self.ask(statements) }))
    }

    fn each(&self, statements: Vec<Statement>) -> Way<'_, Vec<Outcome>> {
        Way::Waiting(Box::pin(async move {
            statements.into_iter().map(|statement| self.ask(vec![statement])).collect()
        }))
    }
}

#[test]
fn a_silent_database_delays_no_probe() {
    let server = Arc::new(Server::default());
    let plan = Plan { sql: Arc::new(OneServer(Arc::clone(&server))), ..Plan::default() };
    let params =
        [("db_url", "\"mysql://one\""), ("ds_ping_interval", "1"), ("ds_probing_mode", "1")];
    let params = params.map(|(name, to)| format!("modparam(\"dispatcher\", \"{name}\", {to})\n"));
    let modules = "loadmodule \"tm\"\nloadmodule \"db_mysql\"\nloadmodule \"dispatcher\"\n";
    let fr = "modparam(\"tm\", \"fr_timeout\", 1)\n";
    let script = format!("{modules}{fr}{}route {{ exit; }}\n", params.concat());
    let mut world = plan.run(&script);
    server.is_silent.store(true, Ordering::Relaxed);
    // Nobody answers the probes either: the state changes, and is to be written.
    let mut last = 0;
    for second in 0..70 {
        let sent = world.pass(1_000);
        if sent.iter().any(|one| one.first_line().starts_with("OPTIONS sip:10.0.0.1")) {
            last = second;
        }
        assert!(second - last < 4, "no probe since second {last}");
        world.program.tick(world.now);
        assert!(server.waited.lock().unwrap().is_empty(), "second {second} waits for the database");
    }
    let mut changes = Vec::new();
    world.program.later()[0].take(&mut changes);
    let [Statement { action: Action::Update(fields), .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(fields[..], [(Arc::from("state"), Field::Int(2))]);
}
