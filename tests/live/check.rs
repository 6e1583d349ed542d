//! Checking without running: what is told as text and as JSON, and the exit codes.

use serde_json::{Value, json};

use crate::letters::ANSWERING;
use crate::support::{Folder, refused, sluice};

/// The findings of `-C --json`; nothing else may stand on either output.
fn findings(args: &[&str], input: &str, code: i32) -> Vec<Value> {
    let ended = sluice(&[&["--json"], args].concat(), input);
    assert_eq!((ended.code, ended.err.as_str()), (Some(code), ""), "{args:?}");
    let list: Value = serde_json::from_str(&ended.out).unwrap();
    list.as_array().unwrap().clone()
}

#[test]
fn json_has_what_the_text_has() {
    let folder = Folder::new();
    let script =
        folder.write("bad.cfg", "udp_workers=2\ninclude_file \"part.cfg\"\nroute { exit; }\n");
    let part = folder.write("part.cfg", "route {\n    fóo \"Ä\";\n    xlog(\"x\");\n}\n");
    let list = findings(&["-C", "-f", &script], "", 255);
    let place = |file: &str, line: u32, column: u32, end: u32| {
        json!({
            "file": file, "line": line, "column": column, "end_line": line, "end_column": end,
        })
    };
    let duplicate = list.iter().find(|finding| finding["code"] == "duplicate-route");
    let duplicate = duplicate.unwrap().as_object().unwrap();
    assert_eq!(duplicate["severity"], "error");
    assert_eq!((&duplicate["file"], &duplicate["line"]), (&json!(script), &json!(3)));
    assert_eq!((&duplicate["column"], &duplicate["end_column"]), (&json!(1), &json!(6)));
    let message = "overwriting default request routing table: there is one already";
    assert_eq!(duplicate["message"], message);
    assert_eq!((&duplicate["hint"], &duplicate["included_from"]), (&Value::Null, &json!([])));
    let mut first = place(&part, 1, 1, 6);
    first["message"] = json!("the first one is here");
    assert_eq!(duplicate["notes"], json!([first]));
    let stray = list.iter().find(|finding| finding["file"] == part.as_str()).unwrap();
    assert_eq!(stray["included_from"], json!([place(&script, 2, 14, 24)]));
    let text = refused(&["-C", "-f", &script], "");
    for finding in &list {
        let [file, line, column] = ["file", "line", "column"].map(|key| &finding[key]);
        let file = file.as_str().unwrap();
        let told =
            format!("{file}:{line}:{column}: error: {}", finding["message"].as_str().unwrap());
        assert!(text.contains(&told), "{told}\n{text}");
    }
}

#[test]
fn json_of_a_good_script_is_an_empty_list() {
    for letter in ["-c", "-C"] {
        assert!(findings(&[letter, "-f", "-"], ANSWERING, 0).is_empty());
    }
    let noted = findings(&["-C", "-f", "-"], &format!("mpath=\"/x\"\n{ANSWERING}"), 0);
    assert_eq!(noted[0]["severity"], "note");
    let strict = format!("{ANSWERING}\n;\n");
    assert_eq!(findings(&["-C", "-f", "-"], &strict, 0)[0]["severity"], "warning");
    assert_eq!(findings(&["-C", "--strict", "-f", "-"], &strict, 255)[0]["severity"], "error");
}

#[test]
fn json_tells_of_a_script_that_cannot_be_read() {
    let none = Folder::new().path("none.cfg");
    let list = findings(&["-C", "-f", &none], "", 255);
    assert_eq!((&list[0]["code"], &list[0]["file"]), (&json!("unreadable-script"), &json!(none)));
    assert_eq!(refused(&["--json", "-f", "-"], ANSWERING), "sluice: --json goes with -c or -C\n");
}

#[test]
fn an_impossible_socket_is_told_at_its_place() {
    let folder = Folder::new();
    for (line, column, why) in [
        ("socket=udp:127.0.0.1:99999", 22, "impossible port `99999` (1 to 65535) [bad-port]"),
        ("socket=\"tcp:127.0.0.1:5060\"", 9, "cannot handle protocol tcp [unknown-protocol]"),
        ("alias=\"example.org:x\"", 20, "impossible port `x` (1 to 65535) [bad-port]"),
        ("port=0", 6, "impossible port `0` (1 to 65535) [bad-port]"),
        ("socket=nowhere.invalid", 1, "nowhere.invalid: "),
    ] {
        let script = folder.write("test.cfg", &format!("log_level=2\n{line}\n{ANSWERING}"));
        let err = refused(&["-c", "-f", &script], "");
        assert!(err.starts_with(&format!("{script}:2:{column}: error: {why}")), "{err}");
        assert!(err.ends_with("bad config file (1 error)\n"), "{err}");
    }
    let err = refused(&["-f", "-", "-l", "127.0.0.1:99999"], ANSWERING);
    assert_eq!(err, "sluice: 127.0.0.1:99999: impossible port `99999` (1 to 65535)\n");
    let err = refused(&["-f", "-", "-l", "198.51.100.77:5060"], ANSWERING);
    assert_eq!(err, "sluice: not an address of this machine: 198.51.100.77:5060\n");
}
