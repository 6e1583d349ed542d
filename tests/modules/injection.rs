//! Texts of a script, a list, a table or a command that would end their line or their brackets:
//! none of them writes a header.

use sluice_base::WorkerId;
use sluice_engine::counter::Counter;
use sluice_engine::output::Output;
use sluice_engine::post::Letter;
use sluice_engine::tm::local::{Asker, Cancel};
use sluice_tests::world::Plan;

use crate::tm_world::{CALLEE, CALLER, invite, request, seen, with};
use crate::world::command_of;

/// What a script may have made of what it was given.
const BAD: [&str; 5] = [
    "sip:b@10.0.0.1:5071\\r\\nX-Evil: 1",
    "sip:b@10.0.0.1:5071 SIP/2.0",
    "sip:b@10.0.0.1:5071;a=\\tb",
    "sip:b\\n@10.0.0.1:5071",
    "sip: b@10.0.0.1:5071",
];

#[test]
fn a_request_uri_does_not_end_its_line() {
    for bad in BAD {
        let mut world = with(&format!("route {{ $ru = \"{bad}\"; t_relay(); }}"));
        let sent = seen(&world.receive(CALLER, invite()));
        let refused = format!("{CALLER} SIP/2.0 475 Bad URI (475/TM)");
        assert_eq!(sent.last(), Some(&refused), "{bad}: {sent:?}");
        assert!(sent.iter().all(|line| line.starts_with(CALLER)), "{sent:?}");
        let forwards = format!("route {{ $ru = \"{bad}\"; forward(); }}");
        assert!(with(&forwards).receive(CALLER, invite()).is_empty(), "{bad}");
        // As one of several: what append_branch() reads of it, if anything.
        let several = format!("$ru = \"sip:{CALLEE}\"; append_branch(\"{bad}\"); t_relay();");
        let mut world = with(&format!("route {{ {several} }}"));
        let sent = world.receive(CALLER, invite());
        assert!(seen(&sent).contains(&format!("{CALLEE} INVITE sip:{CALLEE} SIP/2.0")));
        for text in sent.iter().map(|one| one.text()) {
            let first = text.lines().next().unwrap();
            assert!(!text.contains("\nX-Evil"), "{text}");
            assert!(first.starts_with("SIP/2.0 100 ") || first.split(' ').count() == 3, "{text}");
        }
    }
}

#[test]
fn a_contact_and_a_path_do_not_end_their_line() {
    for bad in BAD.into_iter().chain(["sip:b@10.0.0.1>;q=1,<sip:evil@x"]) {
        let mut world = with(&format!(
            "route {{ $ru = \"sip:good@h\"; append_branch(\"{bad}\"); \
             sl_send_reply(302, \"Moved\"); }}"
        ));
        let text = world.receive(CALLER, invite())[0].text();
        let contacts: Vec<_> = text.lines().filter(|line| line.starts_with("Contact: ")).collect();
        let [contact] = contacts[..] else { panic!("{text}") };
        assert!(contact.starts_with("Contact: <sip:good@h>"), "{text}");
        assert_eq!(contact.matches('<').count(), contact.matches('>').count(), "{text}");
        assert!(!text.contains("\nX-Evil") && !text.contains("<sip:evil"), "{text}");
    }
    let path =
        "$(msg.branch.path[0]) = \"<sip:p;lr>\\r\\nX-Evil: 1\"; $du = \"sip:10.0.0.1:5071\";";
    for send in ["forward();", "t_relay();"] {
        let mut world = with(&format!("route {{ {path} {send} }}"));
        let sent = world.receive(CALLER, invite());
        let text = request(&sent, CALLEE, "INVITE").text();
        assert!(!text.contains("X-Evil") && !text.contains("Route:"), "{text}");
    }
}

#[test]
fn destinations_of_lists_and_tables_have_no_brackets_or_line_ends() {
    let script = "loadmodule \"dispatcher\"\nmodparam(\"dispatcher\", \"list_file\", \"/list\")\n\
        route { exit; }\n";
    for bad in ["sip:10.0.0.1>;x=<y", "sip:\"a\"@10.0.0.1", "sip:10.0.0.1\u{1}", "sip:a@<10.0.0.1>"]
    {
        let why = Plan::default().file("/list", format!("1 {bad}\n")).try_run(script).err();
        assert!(why.is_some_and(|why| why.contains("/list:1: ")), "{bad}");
    }
    let script = "loadmodule \"db_text\"\nloadmodule \"dispatcher\"\n\
        modparam(\"dispatcher\", \"db_url\", \"text:///db\")\nroute { exit; }\n";
    let columns = "id(int,auto) setid(int) destination(string) socket(string,null) state(int) \
                   weight(int) priority(int) attrs(string) description(string)\n";
    let rows = "1:1:sip\\:a>@10.0.0.1:null:0:1:1:'':''\n\
                2:1:sip\\:10.0.0.2\\r\\nX-Evil\\: 1:null:0:1:1:'':''\n\
                3:1:sip\\:10.0.0.3:null:0:1:1:'':''\n";
    let plan = Plan::default()
        .file("/db/dispatcher", format!("{columns}{rows}"))
        .file("/db/version", "table_name(str) table_version(int)\ndispatcher:7\n");
    let world = plan.run(script);
    let list = command_of(&world, "dispatcher", "ds_list", &[]).unwrap().to_string();
    assert!(list.contains("10.0.0.3") && !list.contains("10.0.0.1"), "{list}");
    assert!(!list.contains("Evil"), "{list}");
    let left_out = world.warnings.iter().filter(|text| text.ends_with("the row is left out"));
    assert_eq!(left_out.count(), 2, "{:?}", world.warnings);
}

#[test]
fn commands_and_functions_write_no_header_of_their_own() {
    let refused = |params: &[&str]| {
        let world = with("route { exit; }");
        let params: Vec<_> = params.iter().map(|param| Some(*param)).collect();
        command_of(&world, "tm", "t_uac_dlg", &params).unwrap_err().code
    };
    let head = "From: sip:a@x\\r\\nTo: sip:b@x\\r\\n";
    for params in [
        ["INFO x", "sip:b@10.0.0.1", ".", ".", head],
        ["INFO", "sip:b@10.0.0.1\r\nX-Evil: 1", ".", ".", head],
        ["INFO", "sip:b@10.0.0.1", "sip:10.0.0.1\r\nX-Evil: 1", ".", head],
    ] {
        assert_eq!(refused(&params), 400, "{params:?}");
    }
    for call in [
        "t_new_request(\"INFO\", \"sip:b@10.0.0.1\\r\\nX: 1\", \"sip:a@x\", \"sip:b@x\")",
        "t_new_request(\"INFO\", \"sip:b@10.0.0.1\", \"sip:a@x\\r\\nX: 1\", \"sip:b@x\")",
        "t_new_request(\"INFO\", \"sip:b@10.0.0.1\", \"sip:a@x\", \"sip:b@x\\r\\nX: 1\")",
        "t_new_request(\"INFO\", \"sip:b@10.0.0.1\", \"sip:a@x\", \"sip:b@x\", \"a/b\\r\\nX: 1 c\")",
        "t_new_request(\"INFO\", \"sip:b>@10.0.0.1\", \"sip:a@x\", \"sip:b@x\")",
    ] {
        let sent = with(&format!("route {{ {call}; }}")).receive(CALLER, invite());
        assert!(sent.is_empty(), "{call}: {:?}", seen(&sent));
    }
}

/// A forged quote in an ICMP error names another worker, again and again: that one's inbox is not
/// filled by it.
#[test]
fn forged_errors_reach_no_other_worker() {
    let mut world = Plan { workers: 2, ..Plan::default() }.run("route { exit; }");
    let mut output = Output::default();
    for n in 0..5_000 {
        let quote = format!(
            "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK01{:026x}\r\n",
            0xABCD_u128 << 32 | n
        );
        world.workers[0].turn_lost(world.now, quote.as_bytes(), None, &mut output);
    }
    let owners = world.program.post().owners().unwrap();
    let call_id = (0..).map(|n: u32| n.to_string().into_bytes());
    let call_id = call_id.into_iter().find(|id| owners.of(id) == WorkerId(1)).unwrap();
    let letter = Letter::Cancel(Cancel { call_id, cseq: 1, asker: Asker::Nobody });
    assert!(world.program.post().send(letter).is_ok());
    assert_eq!(world.count(Counter::RequestsLost), 0);
}
