//! Any text as a URI, a name-addr, credentials; then through a script that reads and changes URIs
//! with everything that it has.

use std::cell::RefCell;

use sluice_sip::credentials::Credentials;
use sluice_sip::nameaddr::{NameAddr, items};
use sluice_sip::params;
use sluice_sip::uri::{Scheme, Uri, literal_addr};

use super::message::PEER;
use crate::oracle;
use crate::world::World;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::of(&script()));
}

/// The target.
pub fn run(bytes: &[u8]) {
    if let Some(uri) = Uri::parse(bytes) {
        check(&uri);
    }
    let _ = literal_addr(bytes);
    let _ = Credentials::parse(bytes).map(|seen| seen.iter().count());
    for item in items(bytes) {
        assert!(!item.is_empty());
        if let Some(addr) = NameAddr::parse(item) {
            let _ = (addr.tag(), params::iter(addr.params).count());
            let _ = Uri::parse(addr.uri).map(|uri| check(&uri));
        }
    }
    if bytes.len() < 4_000 {
        WORLD.with_borrow_mut(|world| run_script(world, bytes));
    }
}

/// The parts of a SIP URI make up its text.
fn check(uri: &Uri<'_>) {
    let _ = (uri.port_or_default(), uri.host_ip(), uri.param("transport"));
    for param in params::iter(uri.params) {
        assert!(uri.params.len() >= param.name.len() + param.value.map_or(0, <[u8]>::len));
    }
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return;
    }
    assert!(!uri.host.is_empty());
    let colon = uri.text.iter().position(|byte| *byte == b':').unwrap();
    let mut rest = &uri.text[colon + 1..];
    for part in [uri.user, uri.password].into_iter().flatten() {
        rest = &rest.strip_prefix(part).unwrap()[1..];
    }
    rest = rest.strip_prefix(uri.host).unwrap();
    if let Some(port) = uri.port {
        let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (text, behind) = rest[1..].split_at(digits);
        assert_eq!(std::str::from_utf8(text).unwrap().parse(), Ok(port));
        rest = behind;
    }
    let mut parts = rest.splitn(2, |byte| *byte == b'?');
    let params = parts.next().unwrap();
    assert_eq!(params.strip_prefix(b";").unwrap_or(params), uri.params);
    assert_eq!(parts.next().unwrap_or_default(), uri.headers);
}

/// The text comes as the value of a header; it becomes the Request-URI and is taken apart.
fn script() -> String {
    let mut lines = String::new();
    let reads = ["uri", "nameaddr", "via"].map(|class| {
        let names: &[&str] = match class {
            "uri" => &["user", "host", "passwd", "port", "params", "headers", "transport", "lr"],
            "nameaddr" => &["name", "uri", "params", "len"],
            _ => &["host", "port", "params", "branch", "received", "rport", "transport"],
        };
        names.iter().map(move |name| format!("{{{class}.{name}}}")).collect::<Vec<_>>()
    });
    let more = [
        "{uri.param,lr}",
        "{nameaddr.param,tag}",
        "{via.param,branch}",
        "{param.value,lr}",
        "{s.len}",
    ];
    for read in reads.iter().flatten().map(String::as_str).chain(more) {
        lines.push_str(&format!("$var(x) = $(hdr(X){read});\n"));
    }
    for name in ["ru", "rU", "rd", "rp", "rP", "ou", "du", "dd", "dp"] {
        lines.push_str(&format!("$var(x) = ${name};\n"));
    }
    format!(
        "loadmodule \"sl.so\"\nroute {{\n$du = $hdr(X);\n$ru = $hdr(X);\n{lines}\
         $rU = \"user\";\n$rd = \"example.org\";\n$rp = 5070;\nprefix(\"1\");\nstrip(2);\n\
         strip_tail(1);\n$var(x) = $ru;\nsl_send_reply(200, \"OK\");\n\
         $ru = $hdr(X);\nforward(\"sip:203.0.113.9:5090\");\n}}\n"
    )
}

fn run_script(world: &mut World, text: &[u8]) {
    let bytes = [
        b"OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
          From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1@h\r\nCSeq: 1 OPTIONS\r\nX: "
            .as_slice(),
        text,
        b"\r\n\r\n",
    ]
    .concat();
    let sent = world.receive(PEER, &bytes);
    if oracle::judge(&bytes).is_ok() {
        assert!(!sent.is_empty(), "the script answers");
    }
    for sent in sent {
        assert_eq!(oracle::judge(&sent.bytes), Ok(()), "{}", sent.text());
    }
}
