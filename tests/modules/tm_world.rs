//! A call for the tests of module `tm`: its requests, the replies of its next hops, and what of
//! all that is sent goes where.

use sluice_tests::world::{Plan, Sent, World};

pub const CALLER: &str = "10.9.9.1:5060";
pub const CALLEE: &str = "10.0.0.1:5071";
pub const SECOND: &str = "10.0.0.2:5072";

/// A world with a script of these routes.
pub fn with(routes: &str) -> World {
    let modules =
        ["tm", "sipmsgops", "sl", "cfgutils"].map(|module| format!("loadmodule \"{module}\"\n"));
    Plan::default().run(&format!("{}{routes}", modules.concat()))
}

/// A request of the caller, with more header lines.
pub fn message(first: &str, cseq: &str, more: &str) -> String {
    format!(
        "{first}\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKcaller\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: abc\r\nCSeq: 1 {cseq}\r\n\
         Max-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

pub fn invite() -> String {
    message("INVITE sip:b@x SIP/2.0", "INVITE", "")
}

pub fn cancel() -> String {
    message("CANCEL sip:b@x SIP/2.0", "CANCEL", "")
}

/// The reply of the next hop to a request that was sent to it.
pub fn reply(to: &Sent, status: &str) -> String {
    let kept = ["Via:", "From:", "Call-ID:", "CSeq:"];
    let text = to.text();
    let lines: String = text
        .lines()
        .filter(|line| kept.iter().any(|name| line.starts_with(name)))
        .map(|line| format!("{line}\r\n"))
        .collect();
    format!("SIP/2.0 {status}\r\n{lines}To: <sip:b@x>;tag=2\r\nContent-Length: 0\r\n\r\n")
}

/// First lines with their addresses.
pub fn seen(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|one| format!("{} {}", one.to, one.first_line())).collect()
}

/// Only what goes to an address.
pub fn to<'a>(sent: &'a [Sent], address: &str) -> Vec<&'a Sent> {
    sent.iter().filter(|one| one.to.to_string() == address).collect()
}

/// The only request of a method that goes to an address.
pub fn request(sent: &[Sent], address: &str, method: &str) -> Sent {
    let mut found = to(sent, address);
    found.retain(|one| one.first_line().starts_with(method));
    assert_eq!(found.len(), 1, "{method} to {address} in {:?}", seen(sent));
    found[0].clone()
}

/// The value of a header line, in the first message that has it.
pub fn header(sent: &[Sent], name: &str) -> Option<String> {
    let lead = format!("{name}: ");
    sent.iter().find_map(|one| {
        one.text().lines().find_map(|line| line.strip_prefix(&lead).map(str::to_owned))
    })
}
