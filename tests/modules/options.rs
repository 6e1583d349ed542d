//! `options`: which requests it answers, and with what.

use crate::world::{INVITE, Sent, World, compiled};

fn options(uri: &str) -> String {
    let request = INVITE.replace("INVITE sip:bob@example.com:5090;transport=udp?x=y", "OPTIONS U");
    request
        .replace("314159 INVITE", "314159 OPTIONS")
        .replace("OPTIONS U", &format!("OPTIONS {uri}"))
}

fn answered(params: &str, message: &str) -> Vec<Sent> {
    let script = format!(
        "loadmodule \"sl.so\"\nloadmodule \"options.so\"\n{params}\
         route {{ if (!options_reply()) sl_send_reply(500, \"rc $rc\"); \
         sl_send_reply(501, \"went on\"); }}"
    );
    World::new(&script).feed(message)
}

#[test]
fn an_options_for_the_server_is_answered_and_ends_the_script() {
    let sent = answered("", &options("sip:example.org"));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 OK");
    assert_eq!(sent[0].header("Accept"), Some("*/*"));
    assert_eq!(sent[0].header("Accept-Language"), Some("en"));
    assert_eq!((sent[0].header("Accept-Encoding"), sent[0].header("Supported")), (None, None));
}

#[test]
fn its_headers_are_parameters() {
    let params = [
        ("accept", ""),
        ("accept_encoding", "gzip"),
        ("accept_language", "de, en"),
        ("support", "path"),
    ];
    let params: String = params
        .iter()
        .map(|(name, value)| format!("modparam(\"options\", \"{name}\", \"{value}\")\n"))
        .collect();
    let sent = answered(&params, &options("sip:example.org")).remove(0);
    let headers = ["Accept", "Accept-Encoding", "Accept-Language", "Supported"];
    let seen = headers.map(|name| sent.header(name));
    assert_eq!(seen, [None, Some("gzip"), Some("de, en"), Some("path")]);
    let broken = "loadmodule \"options.so\"\nmodparam(\"options\", \"accept\", \"a\r\nX: y\")\n\
        route { exit; }";
    assert_eq!(compiled(broken).errors, 1);
}

#[test]
fn other_requests_are_refused() {
    for message in [INVITE.to_owned(), options("sip:bob@example.org"), options("junk")] {
        let sent = answered("", &message);
        let lines: Vec<_> = sent.iter().map(Sent::first_line).collect();
        assert_eq!(lines, ["SIP/2.0 500 rc -1", "SIP/2.0 501 went on"], "{message}");
    }
}
