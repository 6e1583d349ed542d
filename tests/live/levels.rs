//! `log_level` and `xlog_level` while the program runs: which lines come after each. Lines of the
//! script obey `xlog_level` alone.

use serde_json::json;

use crate::mi::Managed;
use crate::sip::{Agent, Request, first_line};

/// The lines of one call: `L_NOTICE`, `L_DBG`.
const ROUTE: &str = "route {\n xlog(\"notice of $ci\\n\");\n xdbg(\"debug of $ci\\n\");\n\
                     xlog(\"L_ALERT\", \"levels of $ci: $log_level $xlog_level\\n\");\n\
                     sl_send_reply(\"200\", \"OK\");\n}\n";

#[test]
fn lines_come_by_the_levels_in_force() {
    let gateway = Managed::with(ROUTE);
    let caller = Agent::new();
    let call = |call_id: &str| {
        let request = Request { call_id, ..Request::default() };
        caller.send(gateway.address, request.text(caller.address()));
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
    };
    let set = |command: &str, level: i64| gateway.call(command, &json!([level]))["result"].clone();
    call("first");
    assert_eq!(set("xlog_level", 4), json!({ "New global xlog level": 4 }));
    call("second");
    assert_eq!(set("core:log_level", 4), json!({ "New global log level": 4 }));
    call("third");
    assert_eq!(set("log_level", -1), json!({ "New global log level": -1 }));
    call("fourth");
    assert_eq!(gateway.tell("xlog_level", &[]), "200 OK\nxLog Level:: 4\n\n");
    assert!(gateway.tell("log_level", &[]).contains(" Log level=-1 Type=attendant\n"));
    set("log_level", 4);
    set("xlog_level", -3);
    call("fifth");
    gateway.running.signal("TERM");
    let Managed { folder: _folder, running, .. } = gateway;
    let err = running.wait().err;
    let expected = [
        "INFO:script: notice of first",
        "ERROR:script: levels of first: 2 2",
        "INFO:script: notice of second",
        "DBG:script: debug of second",
        "ERROR:script: levels of second: 2 4",
        "INFO:script: notice of third",
        "DBG:script: debug of third",
        "ERROR:script: levels of third: 4 4",
        "INFO:script: notice of fourth",
        "DBG:script: debug of fourth",
        "ERROR:script: levels of fourth: -1 4",
        "ERROR:script: levels of fifth: 4 -3",
    ];
    let lines: Vec<&str> = err.lines().filter(|line| line.contains(":script: ")).collect();
    assert_eq!(lines, expected, "{err}");
}
