//! `proto_tcp`: its parameters, and sockets of TCP in a world without sockets: what a message of a
//! stream brings and where replies go.

use sluice_script::catalog::Status;

use crate::world::compiled;

fn script(line: &str) -> String {
    format!("loadmodule \"proto_tcp.so\"\n{line}\nroute {{ exit; }}\n")
}

#[test]
fn parameters_are_honoured_ignored_or_later() {
    for (name, value, status) in [
        ("tcp_port", "5070", "honoured"),
        ("tcp_send_timeout", "2000", "honoured"),
        ("tcp_max_msg_chunks", "8", "honoured"),
        ("tcp_crlf_pingpong", "0", "honoured"),
        ("tcp_async_max_postponed_chunks", "64", "honoured"),
        ("tcp_crlf_drop", "1", "ignored"),
        ("tcp_async", "1", "ignored"),
        ("tcp_async_local_connect_timeout", "100", "ignored"),
        ("tcp_async_local_write_timeout", "10", "ignored"),
        ("tcp_parallel_handling", "1", "ignored"),
        ("tcp_parallel_read", "1", "ignored"),
        ("trace_destination", "\"t\"", "later"),
        ("trace_filter_route", "\"t\"", "later"),
        ("trace_on", "1", "later"),
    ] {
        let entry = sluice_modules::proto_tcp::MODULE.params.iter();
        let mut entry = entry.filter(|e| e.name == name || e.aliases.contains(&name));
        let found = match entry.next().map(|entry| entry.status) {
            Some(Status::Honoured) => "honoured",
            Some(Status::Ignored(_)) => "ignored",
            Some(Status::Later) => "later",
            None => "unknown",
        };
        assert_eq!(found, status, "{name}");
        let line = format!("modparam(\"proto_tcp\", \"{name}\", {value})");
        let compiled = compiled(&script(&line));
        assert_eq!(compiled.script.is_some(), status != "later", "{name}");
    }
}
