//! The text of a table, read and written (spec 5.2).

use sluice_engine::db::Field;
use sluice_modules::db_text::text::{Parsed, is_table, parse, write_columns, write_row};

fn read(text: &str) -> Parsed {
    parse(text.as_bytes(), 4096).expect("a table")
}

fn rows(text: &str) -> Vec<Vec<Field>> {
    let parsed = read(text);
    assert_eq!(parsed.refused, [""; 0]);
    parsed.rows.into_iter().map(|row| row.fields.to_vec()).collect()
}

fn refused(text: &str) -> String {
    let parsed = read(text);
    assert_eq!((parsed.rows.len(), parsed.refused.len()), (1, 1), "{:?}", parsed.refused);
    parsed.refused[0].clone()
}

#[test]
fn types_and_escapes() {
    let text = "a(string) b(int,null) c(double) d(time) e(blob,null) f(long)\n\
                x\\:y\\\\\\n\\t\\r\\0'\"::-1.5:7::99\n";
    let expected = [
        Field::text(b"x:y\\\n\t\r\0'\""),
        Field::Null,
        Field::Double(-1.5),
        Field::Time(7),
        Field::Null,
        Field::Int(99),
    ];
    assert_eq!(rows(text), [expected]);
}

#[test]
fn the_tables_of_the_seed_are_read_as_they_stand() {
    let dispatcher = "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
                      weight(int) priority(int) attrs(string) description(string)\n\
                      1:1:sip\\:\\:5060:null:0:1:1:'carrier':'load balancer for OB'\n\
                      2:2:sip\\:10.0.0.1\\:5060:null:0:1:1:'carrier':'Load balancer for IB'\n";
    let found = rows(dispatcher);
    assert_eq!(found[0][2], Field::text("sip::5060"));
    assert_eq!(found[0][3], Field::text("null"), "the word, not NULL");
    assert_eq!(found[1][8], Field::text("'Load balancer for IB'"));
    for columns in [
        "username(str) contact(str) expires(int) q(double) callid(str) cseq(int)",
        "username(str) password(str) ha1(str) domain(str) ha1b(str)",
        "username(str) domain(str,null) contact(str,null) received(str) expires(int,null) \
         q(double,null) callid(str,null) cseq(int,null) last_modified(str) flags(int) \
         user_agent(str) socket(str)",
        "table_name(str) table_version(int)",
    ] {
        assert!(is_table(columns.as_bytes()), "{columns}");
        assert_eq!(read(columns).columns.len(), columns.split(' ').count());
    }
}

#[test]
fn what_is_left_out_at_the_end_of_a_row() {
    let columns = "a(int) b(string) c(int,null) d(string)\n";
    let row = |text: &str| rows(&format!("{columns}{text}\n")).remove(0);
    let text = |text: &str| Field::text(text);
    assert_eq!(row("1:x:2:y:")[3], text("y"), "one colon too many is let pass");
    assert_eq!(row("1"), [Field::Int(1), text(""), Field::Null, Field::Null]);
    assert_eq!(row("1:x:2"), [Field::Int(1), text("x"), Field::Int(2), Field::Null]);
    assert_eq!(row("1::2:y")[1], text(""), "an empty text");
    let short = read("a(int) b(int)\n1\n");
    assert_eq!(short.refused, ["2:2: the line ends before column b"]);
}

#[test]
fn a_bad_row_is_told_and_the_others_stay() {
    let columns = "a(int) b(string)\n";
    for (row, why) in [
        ("x:b", "3:1: column a: `x` is not int"),
        ("+1:b", "3:1: column a: `+1` is not int"),
        ("1 :b", "3:1: column a: `1 ` is not int"),
        (":b", "3:1: column a may not be empty: it is not `null`"),
        ("1:b:c", "3:5: more than 2 fields"),
        ("1:\\x", "3:3: a backslash stands before n, r, t, 0, `:` or a backslash"),
        ("99999999999999999999:b", "3:1: column a: `99999999999999999999` is not int"),
    ] {
        assert_eq!(refused(&format!("{columns}1:good\n{row}\n")), why);
    }
    assert_eq!(
        refused("a(double) b(string)\n1.5:x\n1e5:x\n"),
        "3:1: column a: `1e5` is not double"
    );
    let long = format!("{columns}1:good\n1:{}\n", "x".repeat(4097));
    assert_eq!(refused(&long), "3:3: column b: more than 4096 bytes (buffer_size)");
}

#[test]
fn a_number_is_given_where_auto_is_empty() {
    let found = rows("id(int,auto) b(string)\n7:x\n:y\n3:z\n:w");
    let ids: Vec<_> = found.iter().map(|row| row[0].clone()).collect();
    assert_eq!(ids, [7, 8, 3, 9].map(Field::Int));
}

#[test]
fn line_ends_and_blanks() {
    let parsed = read("a(string) b(int)\r\n\r\nx:1\r\n\ny:2");
    assert_eq!(parsed.rows.len(), 2);
    assert_eq!(parsed.rows[0].fields[1], Field::Int(1));
    assert_eq!(parsed.rows[1].line, 5);
    assert_eq!(parsed.warnings, ["1:1: lines end in CR LF: CR is left out"]);
    let parsed = read("a(string)  b(int)\nx:1\n");
    assert_eq!(parsed.columns.len(), 2);
    assert_eq!(parsed.warnings, ["1:11: columns are parted by one space"]);
}

#[test]
fn a_line_of_columns_that_is_none() {
    for (line, why) in [
        ("", "1:1: no columns"),
        ("1 sip:10.0.0.1", "1:1: `1` is not `name(type)`"),
        ("a(string) b", "1:11: `b` is not `name(type)`"),
        ("a(number)", "1:1: `number` is none of string, int, long, double, time, blob"),
        ("a(string,maybe)", "1:1: `maybe` is neither null nor auto"),
        ("a(int,null,auto)", "1:1: one attribute at most"),
        ("a(string,auto)", "1:1: `auto` is for int and long"),
        ("a(int,auto) b(long,auto)", "1:13: a second `auto` column"),
        ("a(int) A(int)", "1:8: column `A` is there already"),
        ("a(str64)", "1:1: `a(str64)` is not `name(type)`"),
    ] {
        let error = parse(line.as_bytes(), 4096).expect_err(line);
        assert!(error.starts_with(why), "{error}");
    }
    assert!(!is_table(b"1 sip:10.0.0.1\n") && !is_table(b"# list\n") && !is_table(b""));
}

#[test]
fn what_is_written_is_read_again() {
    let text = "a(string) b(int,null) c(double) d(time,null) id(long,auto)\n\
                x\\:\\\\\\n\\r\\t\\0:::0:1\n";
    let text = text.replace(":::0", "::0.125:");
    let parsed = read(&text);
    let mut out = Vec::new();
    write_columns(&parsed.columns, &mut out);
    for row in &parsed.rows {
        write_row(&row.fields, &mut out);
    }
    assert_eq!(String::from_utf8(out).unwrap(), text);
}
