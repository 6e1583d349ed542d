//! Routes that no message begins, in the real program (spec 1.4).

use crate::sip::{Agent, Request, first_line};
use crate::support::{Folder, Running, address};

/// Writes the script, starts it, and gives its address besides.
fn start(folder: &Folder, script: &str, args: &[&str]) -> (Running, std::net::SocketAddr) {
    let listen = address();
    let script = format!(
        "listen = udp:{listen}\nloadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\n\
         loadmodule \"proto_udp.so\"\n{script}"
    );
    let script = folder.write("opensips.cfg", &script);
    (Running::gateway(&[&["-f", &script], args].concat()), listen)
}

/// The reason of the answer to an OPTIONS.
fn ask(listen: std::net::SocketAddr, user: &str) -> String {
    let caller = Agent::new();
    let uri = format!("sip:{user}@example.com");
    caller.send(listen, Request { uri: &uri, ..Request::default() }.text(caller.address()));
    first_line(&caller.receive()).splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
}

#[test]
fn startup_timer_and_event_routes_run() {
    let folder = Folder::new();
    let script = "modparam(\"cfgutils\", \"shvset\", \"ticks=i:0\")\n\
        startup_route { xlog(\"(starting)\"); usleep(300000); $shv(begun) = $rm; \
          xlog(\"(started)\"); }\n\
        timer_route[tick, 1] { $shv(ticks) = $shv(ticks) + 1; xlog(\"(tick $shv(ticks))\"); }\n\
        event_route[E_TOLD] { xlog(\"(told $param(what))\"); }\n\
        route { $avp(n) = \"what\"; $avp(v) = $rU; raise_event(\"E_TOLD\", $avp(n), $avp(v));\n\
          sl_send_reply(200, \"$shv(begun)\"); }\n";
    let (running, listen) = start(&folder, script, &["-n", "2"]);
    let said = running.error_text();
    let place = |text: &str| said.find(text).unwrap_or_else(|| panic!("no {text} in {said}"));
    assert!(place("(starting)") < place("(started)"), "{said}");
    assert!(place("(started)") < place("listening on"), "{said}");
    assert_eq!(ask(listen, "news"), "DUMMY");
    running.await_error("(told news)");
    running.await_error("(tick 2)");
}

#[test]
fn a_message_that_cannot_be_read_enters_the_error_route() {
    let folder = Folder::new();
    let script = "error_route { xlog(\"(error $err.info)\"); sl_send_reply($err.rcode, \
        \"$err.rreason\"); exit; }\n\
        route { $var(caller) = $fU; sl_send_reply(200, \"not reached\"); }\n";
    let (running, listen) = start(&folder, script, &["-n", "1"]);
    let caller = Agent::new();
    let request = Request::default().text(caller.address());
    caller.send(listen, request.replace("From: <sip:caller@example.com>", "From: <sip:caller"));
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 400 bad header");
    running.await_error("(error error parsing From header)");
}

#[test]
fn abort_on_assert_ends_the_program() {
    let folder = Folder::new();
    let script = "enable_asserts = yes\nabort_on_assert = yes\n\
        route { assert($rU == \"bob\", \"who is this\"); sl_send_reply(200, \"OK\"); }\n";
    let (running, listen) = start(&folder, script, &["-n", "2"]);
    assert_eq!(ask(listen, "bob"), "OK");
    let caller = Agent::new();
    let request = Request { uri: "sip:eve@example.com", ..Request::default() };
    caller.send(listen, request.text(caller.address()));
    let ended = running.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("ASSERTION FAILED - who is this"), "{}", ended.err);
}

#[test]
fn functions_wait_aside() {
    let folder = Folder::new();
    let script = "route { launch(usleep(20000), report, \"for $rU\");\n\
          async(usleep(10000), resume, 5); xlog(\"(not reached)\"); }\n\
        route[resume] { sl_send_reply(200, \"resumed $rc\"); }\n\
        route[report] { xlog(\"(launched $param(1) $rc)\"); }\n";
    let (running, listen) = start(&folder, script, &["-n", "2"]);
    assert_eq!(ask(listen, "bob"), "resumed 1");
    running.await_error("(launched for bob 1)");
    assert!(!running.error_text().contains("script: (not reached)"));
}

#[test]
fn a_lock_keeps_the_runs_of_all_workers_apart() {
    const CALLS: usize = 100;
    let folder = Folder::new();
    let script = "modparam(\"cfgutils\", \"shvset\", \"in=i:0\")\n\
        route { get_static_lock(\"one\"); $shv(in) = $shv(in) + 1; usleep(1000);\n\
          $var(most) = $shv(in); $shv(in) = $shv(in) - 1; release_static_lock(\"one\");\n\
          sl_send_reply(200, \"$var(most)\"); }\n";
    let (_running, listen) = start(&folder, script, &["-n", "2"]);
    let caller = Agent::new();
    for call in 0..CALLS {
        let call_id = format!("call-{call}");
        caller.send(
            listen,
            Request { call_id: &call_id, ..Request::default() }.text(caller.address()),
        );
    }
    for _ in 0..CALLS {
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 1");
    }
}
