//! Calls that the next server asks a password for: the gateway answers, and the calls complete.
//! SIPp verifies MD5 itself; of the other algorithms it is told what must come where no number of
//! the gateway's takes part, and an agent of our own verifies the rest.

use std::net::SocketAddr;
use std::process::Command;

use sluice_tests::digest;

use crate::sip::{Agent, Request, first_line, first_of, headers, reply};
use crate::support::{Folder, Running, address, ports};

/// A callee of SIPp that asks: `STATUS`, `CHALLENGE`. Credentials that `CHECK` does not find good
/// are answered by 403, which the caller does not expect.
const CALLEE: &str = r#"<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="asks">
<recv request="INVITE"/>
<send><![CDATA[

SIP/2.0 STATUS
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]a
[last_Call-ID:]
[last_CSeq:]
CHALLENGE
Content-Length: 0

]]></send>
<recv request="ACK"/>
<recv request="INVITE">
<action>CHECK</action>
</recv>
<nop hide="true" test="good" next="good"/>
<send><![CDATA[

SIP/2.0 403 Forbidden
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]b
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<recv request="ACK" next="end"/>
<label id="good"/>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[call_number]b
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
<send><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="end"/>
</scenario>
"#;

/// How SIPp tells whether credentials are good.
fn check(callee: SocketAddr, give: &str, algorithm: &str, qop: &str) -> String {
    if (give, algorithm) == ("Authorization", "MD5") {
        return "<verifyauth assign_to=\"good\" username=\"bob\" password=\"zanzibar\"/>".into();
    }
    let ha1 = digest::hash(algorithm, "bob:biloxi:zanzibar");
    let response = match qop {
        "" => {
            let known = format!("Digest nonce=\"5f3a\", uri=\"sip:bob@{callee}\"");
            digest::response(&known, algorithm, ha1, "INVITE", "")
        }
        _ => format!("[0-9a-f]{{{}}}", ha1.len()),
    };
    format!(
        "<ereg regexp=\"algorithm={algorithm}[^-].*response=.{response}\" search_in=\"hdr\" \
         header=\"{give}:\" check_it=\"true\" assign_to=\"good\"/>"
    )
}

/// A gateway that answers the challenges of the callee.
fn gateway(folder: &Folder, callee: SocketAddr) -> (Running, SocketAddr) {
    let modules = ["tm", "rr", "sipmsgops", "uac_auth", "uac"];
    let modules = modules.map(|module| format!("loadmodule \"{module}.so\"\n")).concat();
    let text = format!(
        "{modules}modparam(\"uac_auth\", \"credential\", \"bob:biloxi:zanzibar\")\n\
         route {{\n  if (has_totag()) {{ if (!loose_route()) $du = \"sip:{callee}\"; t_relay(); exit; }}\n  \
         record_route(); $ru = \"sip:bob@{callee}\"; t_on_failure(\"asked\"); t_relay();\n}}\n\
         failure_route[asked] {{ if (t_check_status(\"40[17]\") && uac_auth()) t_relay(); }}\n"
    );
    let script = folder.write("test.cfg", &text);
    let listen = address();
    (Running::gateway(&["-f", &script, "-l", &listen.to_string(), "-n", "1"]), listen)
}

fn sipp(folder: &Folder, at: SocketAddr, options: &[&str]) -> Running {
    let found = Command::new("sipp").arg("-v").output();
    assert!(found.is_ok(), "`sipp` is missing: install Debian's package sip-tester");
    let (port, media) = (at.port().to_string(), ports(4).to_string());
    let mut command = Command::new("sipp");
    command.args(["-i", "127.0.0.1", "-p", &port, "-mp", &media, "-nostdin", "-m", "5"]);
    command.args(["-timeout", "30s", "-timeout_error"]).args(options);
    Running::spawn(command.current_dir(folder.path("")).env("TERM", "dumb"), "")
}

/// Five calls of SIPp to a SIPp that asks in this way.
fn calls_complete(status: &str, algorithm: &str, qop: &str) {
    let (folder, callee) = (Folder::new(), address());
    let (ask, give) = match status {
        "401" => ("WWW-Authenticate", "Authorization"),
        _ => ("Proxy-Authenticate", "Proxy-Authorization"),
    };
    let mut challenge =
        format!("{ask}: Digest realm=\"biloxi\", nonce=\"5f3a\", algorithm={algorithm}");
    if !qop.is_empty() {
        challenge += &format!(", qop=\"{qop}\"");
    }
    let scenario = CALLEE
        .replace("STATUS", &format!("{status} Who"))
        .replace("CHALLENGE", &challenge)
        .replace("CHECK", &check(callee, give, algorithm, qop));
    let scenario = folder.write("asks.xml", &scenario);
    let called = sipp(&folder, callee, &["-sf", &scenario]);
    let (_gateway, listen) = gateway(&folder, callee);
    let caller = sipp(&folder, address(), &["-sn", "uac", "-r", "20", &listen.to_string()]);
    let ended = caller.wait();
    assert_eq!(ended.code, Some(0), "{challenge}: {ended:?}");
    let ended = called.wait();
    assert_eq!(ended.code, Some(0), "{challenge}: {ended:?}");
}

/// Both statuses with each quality of protection.
fn sipp_finds_them_good(algorithm: &'static str) {
    std::thread::scope(|scope| {
        for qop in ["", "auth", "auth-int"] {
            for status in ["401", "407"] {
                scope.spawn(move || calls_complete(status, algorithm, qop));
            }
        }
    });
}

#[test]
fn sipp_finds_credentials_by_md5_good() {
    sipp_finds_them_good("MD5");
}

#[test]
fn sipp_finds_credentials_by_sha_256_good() {
    sipp_finds_them_good("SHA-256");
}

#[test]
fn sipp_finds_credentials_by_sha_512_256_good() {
    sipp_finds_them_good("SHA-512-256");
}

/// A request of a kind that comes to an agent; others are passed over.
fn next(agent: &Agent, begin: &str) -> (String, SocketAddr) {
    loop {
        let (_, message, from) = first_of(std::slice::from_ref(agent));
        if first_line(&message).starts_with(begin) {
            return (message, from);
        }
    }
}

#[test]
fn each_algorithm_of_rfc_8760_completes_a_call() {
    let (folder, caller, callee) = (Folder::new(), Agent::new(), Agent::new());
    let (_gateway, listen) = gateway(&folder, callee.address());
    let algorithms =
        ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"];
    for algorithm in algorithms {
        for qop in ["auth", "auth-int"] {
            let call_id = format!("{algorithm}-{qop}");
            let call = Request { method: "INVITE", call_id: &call_id, ..Request::default() };
            caller.send(listen, call.text(caller.address()));
            let (asked, from) = next(&callee, "INVITE");
            let challenge = format!(
                "Proxy-Authenticate: Digest realm=\"biloxi\", nonce=\"n\", qop=\"{qop}\", \
                 algorithm={algorithm}\r\nContent-Length"
            );
            let ask = reply(&asked, "407 Who").replace("Content-Length", &challenge);
            callee.send(from, ask);
            next(&callee, "ACK");
            let (answered, from) = next(&callee, "INVITE");
            let credentials = headers(&answered, "Proxy-Authorization")[0];
            let ha1 = digest::hash(algorithm, "bob:biloxi:zanzibar");
            let good = digest::response(credentials, algorithm, ha1, "INVITE", "");
            assert_eq!(digest::given(credentials, "response"), Some(good), "{credentials}");
            assert_eq!(digest::given(credentials, "qop").as_deref(), Some(qop));
            assert_eq!(headers(&answered, "CSeq"), ["2 INVITE"]);
            callee.send(from, reply(&answered, "200 OK"));
            let (up, _) = next(&caller, "SIP/2.0 200");
            assert_eq!(headers(&up, "CSeq"), ["1 INVITE"]);
        }
    }
}
