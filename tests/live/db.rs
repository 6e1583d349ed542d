//! `sluice db`: tables made, brought up to date, copied between kinds of databases, checked.

use crate::databases::Kind;
use crate::databases::servers::{MariaDb, Postgres};
use crate::support::{Ended, Folder, sluice};

fn db(args: &[&str]) -> Ended {
    sluice(&[&["db"], args].concat(), "")
}

/// What it says when all is well.
fn said(args: &[&str]) -> String {
    let ended = db(args);
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
    ended.out
}

fn text(folder: &Folder, name: &str) -> String {
    format!("text://{}", folder.path(name))
}

fn sqlite(folder: &Folder, name: &str) -> String {
    format!("sqlite://{}", folder.path(name))
}

fn read(folder: &Folder, file: &str) -> String {
    std::fs::read_to_string(folder.path(file)).unwrap()
}

/// A folder with the files of a database `db`.
fn database(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("db")).unwrap();
    for (name, text) in files {
        folder.write(&format!("db/{name}"), text);
    }
    folder
}

const EVERYTHING: &str = "id(int,auto) name(string) note(string,null) size(long,null) q(double) \
                          since(time,null) data(blob,null)\n\
                          3:a\\:b\\\\\\n:x:9007199254740993:0.1:1700000000:\\0\\t\n\
                          7:Zoë:::2.5::\n\
                          8:::-5:-0.125:0:y\n";

#[test]
fn all_tables_are_made_in_each_kind() {
    let folder = Folder::new();
    for url in [text(&folder, "new"), sqlite(&folder, "new.db")] {
        let made = said(&["create", &url]);
        assert!(made.contains("version: made\ndispatcher: made, version 9\n"), "{made}");
        assert_eq!(made.lines().count(), 21, "{made}");
        let again = said(&["create", &url, "acc", "uri"]);
        assert_eq!(again, "acc: there already\nuri: there already\n");
        let checked = said(&["check", &url]);
        assert!(checked.contains("location: version 1013, 0 rows\n"), "{checked}");
        assert_eq!(said(&["migrate", &url, "location"]), "location: version 1013, nothing to do\n");
    }
    let columns = read(&folder, "new/dispatcher");
    assert_eq!(
        columns,
        "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
         probe_mode(int) weight(string) priority(int) attrs(string,null) \
         description(string,null)\n"
    );
    let unknown = db(&["create", &text(&folder, "new"), "nothing"]);
    assert!(unknown.err.contains("`nothing` is no table that is known: version, dispatcher"));
    assert_eq!(unknown.code, Some(255));
}

#[test]
fn a_copy_there_and_back_is_the_same() {
    let folder = database(&[("everything", EVERYTHING), ("words", "w(string)\nc\na\nb\n")]);
    let (from, middle) = (text(&folder, "db"), sqlite(&folder, "middle.db"));
    assert_eq!(
        said(&["copy", &from, &middle]),
        "everything: 3 rows\nwords: 3 rows\n2 tables, 6 rows\n"
    );
    let back = text(&folder, "back");
    assert_eq!(
        said(&["copy", &middle, &back, "everything"]),
        "everything: 3 rows\n1 tables, 3 rows\n"
    );
    assert_eq!(read(&folder, "back/everything"), EVERYTHING);
    let again = db(&["copy", &from, &middle]);
    assert_eq!(again.code, Some(255));
    assert!(again.err.contains("everything: it has 3 rows where it is copied to"), "{again:?}");
}

#[test]
fn many_rows_are_all_there() {
    let mut users = "id(int,auto) username(string) domain(string) password(string) ha1(string) \
                     ha1_sha256(string) ha1_sha512t256(string)\n"
        .to_owned();
    let mut plain = "n(int) w(string)\n".to_owned();
    for n in 0..2_500 {
        users.push_str(&format!("{}:user{n}:example.com:secret:::\n", 2 * n + 1));
        plain.push_str(&format!("{}:w{}\n", n % 7, n % 3));
    }
    let folder = database(&[
        ("subscriber", &users),
        ("plain", &plain),
        ("version", "table_name(string) table_version(int)\nsubscriber:8\n"),
    ]);
    let (from, middle) = (text(&folder, "db"), sqlite(&folder, "middle.db"));
    assert!(said(&["copy", &from, &middle]).ends_with("2 tables, 5000 rows\n"));
    let back = text(&folder, "back");
    assert!(said(&["copy", &middle, &back]).ends_with("2 tables, 5000 rows\n"));
    assert_eq!(read(&folder, "back/subscriber"), users);
    assert_eq!(
        read(&folder, "back/version"),
        "table_name(string) table_version(int)\nsubscriber:8\n"
    );
    // Without a number they have no order of their own.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&read(&folder, "back/plain")), sorted(&plain));
}

const OLD: &str = "id(int,auto) setid(int) destination(string) flags(int) weight(int) \
                   attrs(string) description(string) mine(string,null)\n\
                   1:1:sip\\:10.0.0.1\\:5060:0:50:a:first:own\n\
                   2:1:sip\\:10.0.0.2\\:5060:2:1:b:second:\n";
const VERSIONS: &str = "table_name(string) table_version(int)\nacc:7\ndispatcher:4\n";

#[test]
fn an_old_table_is_brought_up_to_date_and_kept() {
    let folder = database(&[("dispatcher", OLD), ("version", VERSIONS)]);
    let url = text(&folder, "db");
    let checked = db(&["check", &url]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_eq!(
        checked.out,
        "dispatcher: version 4, 2 rows; this release has version 9; it lacks socket, state, \
         probe_mode, priority\n"
    );
    let in_sql = sqlite(&folder, "old.db");
    said(&["copy", &url, &in_sql]);
    let columns = "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
                   probe_mode(int) weight(string) priority(int) attrs(string,null) \
                   description(string,null) mine(string,null)\n";
    let rows = "1:1:sip\\:10.0.0.1\\:5060::0:0:50:0:a:first:own\n\
                2:1:sip\\:10.0.0.2\\:5060::2:0:1:0:b:second:\n";
    let moved = said(&["migrate", &url]);
    assert_eq!(moved, "dispatcher: from version 4 to 9, 2 rows; the old one is dispatcher.v4\n");
    assert_eq!(read(&folder, "db/dispatcher"), format!("{columns}{rows}"));
    assert_eq!(read(&folder, "db/dispatcher.v4"), OLD);
    assert!(read(&folder, "db/version").contains("dispatcher:9\n"));
    assert_eq!(said(&["check", &url]), "dispatcher: version 9, 2 rows\n");
    // The same in SQL. A copy made the table as this release has it, with the version that it had.
    let moved = said(&["migrate", &in_sql]);
    assert_eq!(moved, "dispatcher: from version 4 to 9, 2 rows; the old one is dispatcher_v4\n");
    let back = text(&folder, "back");
    said(&["copy", &in_sql, &back, "dispatcher"]);
    assert_eq!(read(&folder, "back/dispatcher"), format!("{columns}{rows}"));
}

#[test]
fn what_cannot_be_brought_or_copied_stays_as_it_is() {
    let bad = OLD.replace("1:1:sip", "x:1:sip");
    let folder = database(&[("dispatcher", &bad), ("version", VERSIONS)]);
    let url = text(&folder, "db");
    let checked = db(&["check", &url]);
    let place = format!("{}:2:1: column id: `x` is not int", folder.path("db/dispatcher"));
    assert!(checked.out.contains(&place), "{checked:?}");
    let other = sqlite(&folder, "other.db");
    for args in [&["migrate", &url][..], &["copy", &url, &other]] {
        let refused = db(args);
        assert_eq!(refused.code, Some(255));
        assert!(
            refused.err.contains("dispatcher: 1 rows cannot be read, the first: "),
            "{refused:?}"
        );
        assert!(refused.err.contains(&place), "{refused:?}");
    }
    assert_eq!(read(&folder, "db/dispatcher"), bad);
    // A number that stands there twice: nothing half is left.
    let twice = "id(int) setid(int) destination(string)\n1:1:sip\\:a\n1:1:sip\\:b\n";
    let folder = database(&[("dispatcher", twice)]);
    let (url, in_sql) = (text(&folder, "db"), sqlite(&folder, "x.db"));
    let refused = db(&["copy", &url, &in_sql]);
    assert!(refused.err.contains("dispatcher: "), "{refused:?}");
    assert_eq!(said(&["check", &in_sql]), "");
    let gone = db(&["check", "text:///nowhere/at/all"]);
    assert!(gone.err.contains("/nowhere/at/all: no such folder"), "{gone:?}");
    let kind = db(&["check", "oracle://x"]);
    assert!(kind.err.contains("oracle://: kinds are text, mysql, postgres and sqlite"), "{kind:?}");
}

/// Text to a server and back, tables made and brought up to date there.
fn through(server: &impl Kind) {
    let users = "id(int,auto) username(string) domain(string) password(string) ha1(string) \
                 ha1_sha256(string) ha1_sha512t256(string)\n\
                 5:alice:a.com:x:::\n9:bob:b.com:y\\:z:::\n";
    let folder = database(&[
        ("dispatcher", OLD),
        ("everything", EVERYTHING),
        ("subscriber", users),
        ("version", VERSIONS),
    ]);
    let (url, from, back) = (server.url(), text(&folder, "db"), text(&folder, "back"));
    let copied = said(&["copy", &from, &url]);
    assert_eq!(
        copied,
        "dispatcher: 2 rows\neverything: 3 rows\nsubscriber: 2 rows\n3 tables, 7 rows\n"
    );
    said(&["copy", &url, &back]);
    assert_eq!(read(&folder, "back/everything"), EVERYTHING);
    assert_eq!(read(&folder, "back/subscriber"), users);
    let moved = said(&["migrate", &url]);
    assert_eq!(
        moved,
        "dispatcher: from version 4 to 9, 2 rows; the old one is dispatcher_v4\n\
         subscriber: from no version to 8, 2 rows; the old one is subscriber_old\n"
    );
    // The next number is behind those that were copied.
    server.sql("INSERT INTO subscriber (username, domain) VALUES ('carol', 'c.com');");
    assert_eq!(server.sql("SELECT id FROM subscriber WHERE username = 'carol';"), "10\n");
    let made = said(&["create", &url]);
    assert!(made.contains("dispatcher: there already\n"), "{made}");
    assert!(made.contains("location: made, version 1013\n"), "{made}");
    let checked = db(&["check", &url]).out;
    assert!(checked.contains("dispatcher: version 9, 2 rows\n"), "{checked}");
    assert!(checked.contains("location: version 1013, 0 rows\n"), "{checked}");
    // A row that its new table refuses: nothing has changed.
    server.sql("CREATE TABLE old_users (username VARCHAR(64), domain VARCHAR(64));");
    server.sql("INSERT INTO old_users VALUES ('eve', 'e.com'), ('eve', 'e.com');");
    server.sql("DROP TABLE subscriber; DROP TABLE subscriber_old;");
    server.sql("ALTER TABLE old_users RENAME TO subscriber;");
    let refused = db(&["migrate", &url, "subscriber"]);
    assert_eq!(refused.code, Some(255), "{refused:?}");
    assert_eq!(server.sql("SELECT COUNT(*) FROM subscriber;"), "2\n");
}

#[test]
fn tables_go_to_mariadb_and_back() {
    through(&MariaDb::new());
}

#[test]
fn tables_go_to_postgres_and_back() {
    through(&Postgres::new());
}
