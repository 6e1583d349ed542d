//! Any datagram: the index, all typed views, patches, and two real workers, beside the oracle.

use std::cell::RefCell;

use sluice_engine::counter::{Counter, refusal};
use sluice_sip::credentials::Credentials;
use sluice_sip::nameaddr::{NameAddr, items};
use sluice_sip::uri::Uri;
use sluice_sip::write::{ViaMarks, remove_top_via};
use sluice_sip::{Index, Kind, Message, Patches, Place, Reason, limits};

use crate::oracle;
use crate::world::{Sent, World};

/// Where the datagrams come from.
pub const PEER: &str = "192.0.2.77:5071";

const ANSWERS: &str = "loadmodule \"sl.so\"\nroute { sl_send_reply(200, \"OK\"); }\n";
const FORWARDS: &str = "route { forward(\"sip:203.0.113.9:5090\"); }\n";

thread_local! {
    static JUDGES: RefCell<[Judge; 2]> = RefCell::new([Judge::new(ANSWERS), Judge::new(FORWARDS)]);
}

/// The target.
pub fn run(bytes: &[u8]) {
    let bytes = bytes.get(..limits::MESSAGE).unwrap_or(bytes);
    let _ = judge(bytes);
}

/// The verdict on a datagram of at most 65,535 bytes.
///
/// # Errors
/// Why it is refused.
///
/// # Panics
/// When oracle, index and workers do not agree, or when something bad is sent.
pub fn judge(bytes: &[u8]) -> Result<(), Reason> {
    JUDGES.with_borrow_mut(|judges| {
        let _ = agree(&mut judges[0].index, bytes);
        let [answers, forwards] = judges;
        let verdict = answers.judge(bytes);
        assert_eq!(forwards.judge(bytes), verdict);
        verdict
    })
}

/// A worker with one script, and the oracle beside it.
struct Judge {
    world: World,
    index: Index,
}

impl Judge {
    fn new(script: &str) -> Self {
        Self { world: World::of(script), index: Index::new() }
    }

    fn judge(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let expected = oracle::judge(bytes);
        let counts = |world: &World| Reason::ALL.map(|reason| world.cell(refusal(reason)));
        let (before, handled) = (counts(&self.world), self.world.count(Counter::Handled));
        let sent = self.world.receive(PEER, bytes);
        let after = counts(&self.world);
        let newly = |reason: &Reason| after[*reason as usize] > before[*reason as usize];
        let refused: Vec<_> = Reason::ALL.into_iter().filter(newly).collect();
        let handled = self.world.count(Counter::Handled) - handled;
        match expected {
            Ok(()) => assert_eq!((refused, handled), (vec![], 1)),
            Err(reason) => assert_eq!((refused, handled, sent.len()), (vec![reason], 0, 0)),
        }
        assert_eq!(self.world.count(Counter::Panics), 0);
        for sent in sent {
            self.check_sent(bytes, &sent);
        }
        expected
    }

    /// What leaves for a message is judged good, unless our Via was one field too many.
    fn check_sent(&mut self, bytes: &[u8], sent: &Sent) {
        let _ = self.index.scan(bytes);
        let full = Message { bytes, index: &self.index }.all().len() == limits::FIELDS;
        if !full && sent.bytes.len() <= limits::MESSAGE {
            assert_eq!(oracle::judge(&sent.bytes), Ok(()), "{}", sent.text());
        }
    }
}

/// The index says of `bytes` what the oracle says, and everything can be read and written.
///
/// # Errors
/// Why the bytes are refused.
///
/// # Panics
/// When index and oracle do not agree.
pub fn agree(index: &mut Index, bytes: &[u8]) -> Result<(), Reason> {
    let verdict = index.scan(bytes);
    let expected = oracle::read(bytes);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(verdict, expected.as_ref().map(|_| ()).map_err(|reason| *reason), "{shown:?}");
    let Ok(expected) = expected else { return verdict };
    let message = Message { bytes, index };
    let fields: Vec<_> = message
        .all()
        .iter()
        .map(|field| (message.text(field.name).to_vec(), message.text(field.value).to_vec()))
        .collect();
    assert_eq!(fields, expected.fields, "{shown:?}");
    assert_eq!(message.text(message.body()), expected.body, "{shown:?}");
    check_spans(&message);
    check_kinds(&message);
    read_everything(&message);
    write_everything(&message);
    verdict
}

/// Lines stand end to end between the first line and the empty one.
fn check_spans(message: &Message<'_>) {
    let mut at = message.start_line().end;
    for field in message.all() {
        assert_eq!((field.line.start, field.name.start), (at, at));
        assert!(field.name.end < field.line.end && field.value.start <= field.value.end);
        assert!(field.value.end < field.line.end && field.value.start > field.name.end);
        at = field.line.end;
    }
    assert_eq!(message.headers_end(), at);
    assert!(matches!(message.bytes[usize::from(at)], b'\r' | b'\n'));
}

/// The tables by kind agree with the names.
fn check_kinds(message: &Message<'_>) {
    for field in message.all() {
        assert_eq!(field.kind, Kind::of(message.text(field.name)));
        let same: Vec<_> = message.all().iter().filter(|other| other.kind == field.kind).collect();
        assert_eq!(message.fields(field.kind).collect::<Vec<_>>(), same);
        assert_eq!(message.field(field.kind), Some(same[0]));
    }
    assert_eq!(message.call_id(), message.value(Kind::CallId).unwrap());
}

/// No view panics, whatever the values are.
fn read_everything(message: &Message<'_>) {
    let _ = (message.method(), message.method_token(), message.uri(), message.status());
    let _ = (message.cseq(), message.max_forwards(), message.has_good_cseq());
    let _ = (message.from(), message.to(), message.top_via());
    for via in message.vias() {
        let _ = (via.param("branch"), via.reply_to(), via.known());
    }
    for field in message.all() {
        let value = message.text(field.value);
        let _ = Credentials::parse(value).map(|seen| (seen.iter().count(), seen.is_digest()));
        for item in items(value).filter_map(NameAddr::parse) {
            let _ = (item.tag(), item.param("q"));
            let _ = Uri::parse(item.uri).map(|uri| (uri.port_or_default(), uri.host_ip()));
        }
    }
}

/// Patches at every field leave a message of the length that they foretell.
fn write_everything(message: &Message<'_>) {
    let mut patches = Patches::default();
    if let Some((via, known)) = message.top_via_known() {
        let source = "192.0.2.77:5071".parse().unwrap();
        ViaMarks::of(message, &via, &known, source, true).patch(&mut patches);
    }
    remove_top_via(message, &mut patches);
    for (at, field) in message.all().iter().enumerate() {
        match at % 4 {
            0 => patches.replace(field.value, b"changed"),
            1 => patches.replace(field.line, b""),
            2 => patches.insert(field.line.start, Place::Before, b"X-New: 1\r\n"),
            _ => patches.insert(field.line.end, Place::After, b"X-New: 2\r\n"),
        }
    }
    let mut out = Vec::new();
    patches.write(message.bytes, &mut out);
    assert_eq!(out.len(), patches.written_len(message.bytes));
    let first = usize::from(message.start_line().end);
    assert!(out.starts_with(message.bytes.get(..first).unwrap()));
}
