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
        ("socket=\"tls:127.0.0.1:5060\"", 9, "cannot handle protocol tls [unknown-protocol]"),
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

#[test]
fn modules_that_refuse_are_found_without_running() {
    let folder = Folder::new();
    let parts = [
        ("loadmodule \"dispatcher.so\"", 1, 12, "dispatcher: /etc/opensips/dispatcher.list: "),
        ("loadmodule \"mi_fifo.so\"", 2, 12, "mi_fifo: modparam fifo_name is needed"),
        ("loadmodule \"cachedb_local.so\"", 0, 0, ""),
        (
            "modparam(\"cachedb_local\", \"cachedb_url\", \"local:///none\")",
            4,
            42,
            "cachedb_local: there is no collection `none`",
        ),
        ("route { exit; }", 0, 0, ""),
    ];
    let text: String = parts.iter().map(|(line, ..)| format!("{line}\n")).collect();
    let script = folder.write("test.cfg", &text);
    let list = findings(&["-C", "-f", &script], "", 255);
    let wanted: Vec<_> = parts.iter().filter(|(.., why)| !why.is_empty()).collect();
    assert_eq!(list.len(), wanted.len(), "{list:#?}");
    for (finding, (_, line, column, why)) in list.iter().zip(wanted) {
        assert_eq!(
            (&finding["severity"], &finding["code"], &finding["line"], &finding["column"]),
            (&json!("error"), &json!("module-refused"), &json!(line), &json!(column))
        );
        assert!(finding["message"].as_str().unwrap().starts_with(why), "{finding}");
    }
    let err = refused(&["-C", "-f", &script], "");
    assert!(err.ends_with("bad config file (3 errors)\n"), "{err}");
    // spec 1.2: -c starts no module.
    assert_eq!(sluice(&["-c", "-f", &script], "").code, Some(0));
}

#[test]
fn what_modules_warn_of_is_found_without_running() {
    let folder = Folder::new();
    let list = folder.write("d.list", "# nothing yet\n");
    let text = format!(
        "loadmodule \"dispatcher.so\"\nmodparam(\"dispatcher\", \"list_file\", \"{list}\")\n\
         route {{ exit; }}\n"
    );
    let found = findings(&["-C", "-f", "-"], &text, 0);
    let message = format!("dispatcher: {list}: no destination in it, running on empty sets");
    assert_eq!((found.len(), &found[0]["message"]), (1, &json!(message)));
    assert_eq!((&found[0]["code"], &found[0]["line"]), (&json!("module-warning"), &json!(1)));
}
