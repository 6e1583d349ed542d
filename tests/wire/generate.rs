//! Generated messages: all header forms, any case, folds, bare LF, odd blanks.

use proptest::prelude::*;

/// The mandatory headers, each in one of its forms.
const MANDATORY: [&[&str]; 5] = [
    &["Via", "v", "VIA"],
    &["From", "f", "fRoM"],
    &["To", "t", "TO", "T"],
    &["Call-ID", "i", "call-id"],
    &["CSeq", "cseq"],
];

/// Other headers.
const NAMES: &[&str] = &[
    "Via",
    "v",
    "Contact",
    "m",
    "Route",
    "Record-Route",
    "Max-Forwards",
    "X-Anything",
    "s",
    "k",
    "Subject",
    "P-Asserted-Identity",
    "Proxy-Authorization",
    "A-Very-Long-Header-Name",
    "Session-Expires",
    "e",
    "WWW-Authenticate",
    "Remote-Party-ID",
    "ExPiReS",
    "x!%*_+`'~",
];

const VALUES: &[&str] = &[
    "SIP/2.0/UDP h:5060;branch=z9hG4bK1",
    "SIP/2.0/UDP a;rport, SIP/2.0/TCP b:1",
    "\"A, B\" <sip:a@b>;tag=1",
    "sip:a@b;tag=2",
    "1 INVITE",
    "70",
    "",
    "a: b: c",
    "x",
    "<sip:p1;lr>,<sip:p2;lr>",
    "ca\r\n fé",
    "one\n\ttwo\r\n   three",
    "\r\n on the next line",
];

const LINE_ENDS: &[&str] = &["\r\n", "\r\n", "\r\n", "\n"];

/// One header line with its line end.
fn field(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let blanks = prop::sample::select(&[" ", " ", " ", "", "  ", "\t"][..]);
    (
        prop::sample::select(names),
        prop::sample::select(&["", "", "", " ", "\t "][..]),
        blanks.clone(),
        prop::sample::select(VALUES),
        prop::sample::select(&["", "", "", " ", " \t"][..]),
        prop::sample::select(LINE_ENDS),
    )
        .prop_map(|(name, before, after, value, tail, end)| {
            format!("{name}{before}:{after}{value}{tail}{end}")
        })
}

fn start_line() -> impl Strategy<Value = String> {
    let lines = [
        "INVITE sip:bob@example.com SIP/2.0",
        "ACK sip:bob@example.com;transport=udp SIP/2.0",
        "REGISTER  sip:example.com  sip/2.0 ",
        "FOO tel:+1 SIP/2.0",
        "SIP/2.0 200 OK",
        "SIP/2.0 100",
        "SIP/2.0 486 Busy Here, sorry",
    ];
    (prop::sample::select(lines.to_vec()), prop::sample::select(LINE_ENDS))
        .prop_map(|(line, end)| format!("{line}{end}"))
}

/// A message: nearly always one that is accepted.
pub fn message() -> impl Strategy<Value = Vec<u8>> {
    let mandatory = MANDATORY.map(field);
    let others = prop::collection::vec(field(NAMES), 0..8);
    let body = "[ -~\r\n]{0,80}";
    let length = prop::sample::select(&["none", "exact", "exact", "less", "twice"][..]);
    let end = prop::sample::select(LINE_ENDS);
    (start_line(), mandatory, others, any::<u64>(), body, length, end).prop_map(
        |(start, mandatory, others, seed, body, length, end)| {
            let mut fields: Vec<String> = mandatory.into_iter().chain(others).collect();
            let len = body.len();
            match length {
                "exact" => fields.push(format!("Content-Length: {len}\r\n")),
                "less" => fields.push(format!("l:{}\r\n", len / 2)),
                "twice" => {
                    fields.push(format!("l: {len}\r\n"));
                    fields.push(format!("CONTENT-LENGTH : 0{len}\n"));
                }
                _ => {}
            }
            shuffle(&mut fields, seed);
            format!("{start}{}{end}{body}", fields.concat()).into_bytes()
        },
    )
}

/// A message in which some bytes were changed, put in, or taken out.
pub fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n :;,<>\"\0\t".to_vec())];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, byte), 1..6);
    (message(), edits).prop_map(|(mut message, edits)| {
        for (at, edit, byte) in edits {
            let at = at.index(message.len().max(1));
            match edit {
                0 if at < message.len() => message[at] = byte,
                1 if at < message.len() => drop(message.remove(at)),
                2 => message.truncate(at),
                _ => message.insert(at.min(message.len()), byte),
            }
        }
        message
    })
}

fn shuffle(fields: &mut [String], mut seed: u64) {
    for at in (1..fields.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        fields.swap(at, (seed >> 33) as usize % (at + 1));
    }
}
