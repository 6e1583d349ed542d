//! `sluice plan`: a new list against a running gateway, and against another list or table.

use serde_json::{Value, json};

use crate::support::{Ended, Folder, Running, address, sluice};

const OLD: &str = "1 sip:127.0.0.1:5071 0 1 one\n1 sip:127.0.0.1:5072\n1 sip:gw.example.com\n";
const NEW: &str = "1 sip:127.0.0.1:5071 0 3 one\n1 sip:gw.example.com\n2 sip:127.0.0.1:5074\n";

fn plan(words: &[&str]) -> Ended {
    sluice(&[&["plan"], words].concat(), "")
}

fn json_of(words: &[&str]) -> Value {
    let ended = plan(&[words, &["--json"][..]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn two_lists_are_compared_without_a_gateway() {
    let folder = Folder::new();
    let (old, new) = (folder.write("old.list", OLD), folder.write("new.list", NEW));
    let ended = plan(&[&new, "--against", &old]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "set 1: 0 added, 1 removed, 1 changed, 2 states kept");
    assert_eq!(lines[1..3], ["  - sip:127.0.0.1:5072", "  ~ sip:127.0.0.1:5071: weight 1 -> 3"]);
    assert!(lines[3].starts_with("  by call_id "), "{lines:?}");
    assert!(ended.out.contains("  by maglev "), "{lines:?}");
    let last = *lines.last().unwrap();
    assert!(
        last.starts_with("1 added, 1 removed, 1 changed, 2 states kept; by call_id "),
        "{last}"
    );
    assert!(last.contains("; by maglev "), "each algorithm is told: {last}");
    assert_eq!(plan(&[&old, "--against", &old]).out.lines().count(), 1);
}

#[test]
fn a_table_is_a_source_as_well() {
    let folder = Folder::new();
    let old = folder.write("old.list", OLD);
    folder.write("version", "table_name(str) table_version(int)\ntrunks:7\n");
    let rows = "id(int,auto) setid(int) destination(string) state(int)\n1:9:sip\\:10.0.0.1:0\n";
    let table = folder.write("trunks", rows);
    let url = format!("text://{}", table.rsplit_once('/').unwrap().0);
    let told = json_of(&[&url, "--table", "trunks", "--against", &old]);
    assert_eq!((&told["kept"], &told["changed_sets"]), (&json!(0), &json!(2)));
    assert_eq!(told["SETS"][1]["added_destinations"], json!(["sip:10.0.0.1"]));
}

#[test]
fn a_running_gateway_is_asked_what_it_uses() {
    let folder = Folder::new();
    folder.write("d.list", "1 sip:127.0.0.1:5071 0 1 one\n1 sip:127.0.0.1:5072\n");
    let (fifo, here) = (folder.path("fifo"), folder.path("."));
    let script = folder.write(
        "gateway.cfg",
        &format!(
            "loadmodule \"dispatcher.so\"\nloadmodule \"mi_fifo.so\"\n\
             modparam(\"mi_fifo\", \"fifo_name\", \"{fifo}\")\n\
             modparam(\"mi_fifo\", \"reply_dir\", \"{here}\")\n\
             modparam(\"dispatcher\", \"list_file\", \"{here}/d.list\")\nroute {{ exit; }}\n"
        ),
    );
    let _gateway = Running::gateway(&["-f", &script, "-l", &address().to_string()]);
    let asked = ["--at", &fifo, "--reply-dir", &here];
    let mi = |words: &[&str]| sluice(&[&["mi"], &asked[..], words].concat(), "");
    assert_eq!(mi(&["ds_set_state", "i", "1", "sip:127.0.0.1:5071"]).code, Some(0));
    let new = folder.write("new.list", "1 sip:127.0.0.1:5071\n1 sip:127.0.0.1:5073\n");
    let told = json_of(&[&[&*new], &asked[..]].concat());
    let first = &told["SETS"][0];
    assert_eq!(first["removed_destinations"], json!(["sip:127.0.0.1:5072"]));
    assert_eq!(first["changed_destinations"], json!(["sip:127.0.0.1:5071: attributes"]));
    assert_eq!(first["call_id"]["moved_percent"], 100.0, "the one that stays is inactive");
    let same: Value = serde_json::from_str(&mi(&["ds_plan", &new]).out).unwrap();
    assert_eq!(same["SETS"][0]["call_id"], told["SETS"][0]["call_id"], "the program says the same");
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = Folder::new();
    let bad = folder.write("bad.list", "1 sip:ok\nx sip:a\n");
    for (words, why) in [
        (vec![&*bad, "--against", &*bad], "bad.list:2: the set is a number"),
        (vec!["none.list", "--against", "none.list"], "none.list: "),
        (vec!["redis://h", "--against", &*bad], "no databases of the kind `redis`"),
        (vec![&*bad, "--at", "none"], "none"),
    ] {
        let ended = plan(&words);
        assert_eq!(ended.code, Some(255), "{ended:?}");
        assert!(ended.err.contains(why), "{ended:?}");
    }
}
