//! The messages of RFC 4475 and RFC 5118 through a real worker: what the script is shown, what is
//! answered, and what is forwarded.

use sluice_engine::counter::{Counter, refusal};
use sluice_sip::{Index, Message, Reason};
use sluice_tests::targets::message::agree;
use sluice_tests::torture::{Here, Row, rows};
use sluice_tests::world::{Sent, World};

const PEER: &str = "192.0.2.77:5071";

/// The Via that we would have put on the request of a reply.
const OWN_VIA: &str = "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK0123456789abcdef\r\n";

#[test]
fn every_message_has_its_row() {
    let mut named: Vec<_> = rows().map(|row| format!("{}/{}.sip", row.rfc, row.name)).collect();
    named.sort_unstable();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("wire");
    let mut files = Vec::new();
    for rfc in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(folder.join(rfc)).unwrap() {
            files.push(format!("{rfc}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    files.sort_unstable();
    assert_eq!(files, named);
    assert_eq!(named.iter().filter(|name| name.starts_with("rfc4475")).count(), 49);
    for row in rows() {
        let answer = row.demand.starts_with(|first: char| first.is_ascii_digit());
        let silent = matches!(row.here, Here::Dropped(_)) && answer;
        assert!(!silent || !row.but.is_empty(), "{}: why is there no answer?", row.title());
    }
}

#[test]
fn each_is_answered_by_whom_the_table_says() {
    let wrong: Vec<String> = rows().filter_map(|row| judge(row, &row.bytes()).err()).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The length that RFC 5118 4.6 prints is not the message's point.
#[test]
fn the_one_that_is_longer_than_its_body_is_good_with_its_own_length() {
    let row = rows().find(|row| row.name == "ipv6-in-sdp").unwrap();
    let mended = String::from_utf8(row.bytes()).unwrap().replace("Length: 268", "Length: 251");
    let shows = "$rd $(hdr(Contact){nameaddr.uri}) $(rb{s.len})";
    let shown = show(shows, mended.as_bytes()).unwrap();
    assert_eq!(shown, "[2001:db8::10] sip:caller@[2001:db8::20] 251");
}

#[test]
fn what_is_forwarded_is_what_came() {
    let script = "route { forward(\"sip:203.0.113.9:5090\"); }";
    for row in rows().filter(|row| matches!(row.here, Here::Script { .. })) {
        let came = row.bytes();
        if came.starts_with(b"SIP/") {
            continue;
        }
        let sent = World::of(script).receive(PEER, &came);
        assert_eq!(sent.len(), 1, "{}", row.title());
        let went = &sent[0].bytes;
        assert_eq!(agree(&mut Index::new(), went), Ok(()), "{}", row.title());
        let (came, went) = (parts(&came), parts(went));
        assert_eq!(came.first_line, went.first_line, "{}", row.title());
        assert_eq!(came.body, went.body, "{}", row.title());
        assert_eq!(went.behind, 0, "{}: noise is not forwarded", row.title());
        let (own, others) = went.vias.split_first().unwrap();
        assert!(own.starts_with("SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK"), "{own}");
        assert_eq!(came.others, went.others, "{}", row.title());
        assert_eq!(came.vias[1..], others[1..], "{}", row.title());
        let top = others[0].split(';').next();
        assert_eq!(came.vias[0].split(';').next(), top, "{}", row.title());
        assert!(others[0].contains(";received=192.0.2.77"), "{}: {}", row.title(), others[0]);
    }
}

/// A branch that is nothing but the magic cookie identifies nothing (RFC 4475 3.2.1).
#[test]
fn requests_with_a_bare_cookie_are_told_apart() {
    let row = rows().find(|row| row.name == "badbranch").unwrap();
    let first = String::from_utf8(row.bytes()).unwrap();
    let second = first.replace("Call-ID: ", "Call-ID: another-");
    assert_ne!(first, second);
    let mut world = World::of("route { forward(\"sip:203.0.113.9:5090\"); }");
    let own_via = |sent: Vec<Sent>| parts(&sent[0].bytes).vias.swap_remove(0);
    let branches = [&first, &second, &first].map(|text| own_via(world.receive(PEER, text)));
    assert_eq!(branches[0], branches[2]);
    assert_ne!(branches[0], branches[1]);
}

/// It is not for the hop behind the one that cannot be read.
#[test]
fn a_reply_whose_next_via_cannot_be_read_goes_nowhere() {
    let reply = |next: &str| {
        format!(
            "SIP/2.0 200 OK\r\n{OWN_VIA}Via: {next}\r\nVia: SIP/2.0/UDP 192.0.2.9\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: 1@h\r\n\
             CSeq: 1 OPTIONS\r\n\r\n"
        )
    };
    let good = ("SIP/2.0/UDP 192.0.2.8", Some("192.0.2.8:5060"));
    for (next, to) in [good, ("SIP/2.0 x", None), ("", None), (",", None)] {
        let mut world = World::of(&script(""));
        let sent = world.receive(PEER, reply(next));
        let went = sent.first().map(|sent| sent.to.to_string());
        assert_eq!((sent.len(), went.as_deref()), (usize::from(to.is_some()), to));
        assert_eq!(world.count(Counter::ReplyDropped), u64::from(to.is_none()));
    }
}

/// Whether a message is handled as its row says; else what happened.
fn judge(row: &Row, bytes: &[u8]) -> Result<(), String> {
    let fail = |what: String| Err(format!("{}: {what}", row.title()));
    let _ = agree(&mut Index::new(), bytes);
    match row.here {
        Here::Script { shows, text } => match show(shows, bytes) {
            Ok(shown) if shown == text => Ok(()),
            other => fail(format!("{other:?}")),
        },
        Here::Dropped(reason) => {
            let mut world = World::of(&script(""));
            let sent = world.receive(PEER, bytes);
            match (sent.len(), refused(&world)) {
                (0, Some(seen)) if seen == reason => Ok(()),
                other => fail(format!("{other:?}")),
            }
        }
        Here::Discarded => {
            let mut world = World::of(&script(""));
            let sent = world.receive(PEER, bytes);
            match (sent.len(), world.count(Counter::Replies), world.count(Counter::ReplyDropped)) {
                (0, 1, 1) => Ok(()),
                other => fail(format!("{other:?}")),
            }
        }
    }
}

/// What the script sees of a message that must reach it.
fn show(shows: &str, bytes: &[u8]) -> Result<String, String> {
    let mut world = World::of(&script(shows));
    let mut bytes = bytes.to_vec();
    if bytes.starts_with(b"SIP/") {
        let line_end = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        bytes.splice(line_end..line_end, OWN_VIA.bytes());
    }
    let sent = world.receive(PEER, &bytes);
    let [sent] = &sent[..] else {
        return Err(format!("{} sent, refused for {:?}", sent.len(), refused(&world)));
    };
    if agree(&mut Index::new(), &sent.bytes).is_err() {
        return Err(format!("what is sent is no SIP: {}", sent.text()));
    }
    let text = sent.text();
    let (_, shown) = text.split_once("Shown: ").ok_or("nothing shown")?;
    let (shown, _) = shown.split_once(" END\r\n").ok_or("not all shown")?;
    Ok(shown.to_owned())
}

/// Why the only message was refused; `None` when it was handled.
fn refused(world: &World) -> Option<Reason> {
    let counted = |reason: &Reason| world.cell(refusal(*reason)) > 0;
    let refused: Vec<_> = Reason::ALL.into_iter().filter(counted).collect();
    let handled = world.count(Counter::Handled) + refused.len() as u64;
    assert_eq!((world.count(Counter::Received), handled), (1, 1), "each is counted once");
    refused.first().copied()
}

fn script(shows: &str) -> String {
    format!(
        "disable_stateless_fwd=no\nloadmodule \"sl.so\"\nloadmodule \"textops.so\"\n\
         route {{\nappend_to_reply(\"Shown: {shows} END\\r\\n\");\nsl_send_reply(200, \"OK\");\n}}\n\
         onreply_route {{\nappend_hf(\"Shown: {shows} END\\r\\n\");\n}}\n"
    )
}

/// A message in pieces that can be compared.
struct Parts {
    first_line: String,
    vias: Vec<String>,
    /// All other fields: name and value.
    others: Vec<(String, String)>,
    body: Vec<u8>,
    /// How many bytes stand behind the body.
    behind: usize,
}

fn parts(bytes: &[u8]) -> Parts {
    let mut index = Index::new();
    assert_eq!(index.scan(bytes), Ok(()));
    let message = Message { bytes, index: &index };
    let text = |span| String::from_utf8_lossy(message.text(span)).into_owned();
    let is_via = |field: &&sluice_sip::Field| field.kind == sluice_sip::Kind::Via;
    let all = message.all().iter();
    Parts {
        first_line: text(message.start_line()),
        vias: all.clone().filter(is_via).map(|field| text(field.value)).collect(),
        others: all
            .filter(|field| !is_via(field))
            .map(|field| (text(field.name), text(field.value)))
            .collect(),
        body: message.text(message.body()).to_vec(),
        behind: bytes.len() - usize::from(message.body().end),
    }
}
