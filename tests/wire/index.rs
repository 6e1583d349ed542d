//! The index against the oracle, on generated and on mutated messages.

use proptest::prelude::*;
use sluice_sip::{Index, Kind, Message, Reason};

use sluice_tests::oracle;

use crate::generate;

/// The index says of `bytes` what the oracle says.
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
    for via in message.vias() {
        let _ = (via.param("branch"), via.reply_to());
    }
    for field in message.all() {
        let value = message.text(field.value);
        let _ = sluice_sip::credentials::Credentials::parse(value).map(|seen| seen.iter().count());
        for item in sluice_sip::nameaddr::items(value) {
            if let Some(item) = sluice_sip::nameaddr::NameAddr::parse(item) {
                let _ = item.tag();
                let _ = sluice_sip::uri::Uri::parse(item.uri).map(|uri| uri.port_or_default());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn generated_messages(bytes in generate::message()) {
        let _ = agree(&mut Index::new(), &bytes);
    }

    #[test]
    fn mutated_messages(bytes in generate::mutated()) {
        let _ = agree(&mut Index::new(), &bytes);
    }

    #[test]
    fn anything(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = agree(&mut Index::new(), &bytes);
    }

    #[test]
    fn an_index_forgets_the_message_before(
        first in generate::mutated(),
        bytes in generate::message(),
    ) {
        let mut index = Index::new();
        let _ = index.scan(&first);
        let _ = agree(&mut index, &bytes);
    }
}

#[test]
fn most_generated_messages_are_accepted() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = (0..500)
        .filter(|_| {
            let tree = generate::message().new_tree(&mut runner).unwrap();
            agree(&mut Index::new(), &tree.current()).is_ok()
        })
        .count();
    assert!(accepted > 250, "{accepted} of 500");
}

#[test]
fn the_900_byte_invite() {
    let bytes = include_bytes!("../../bench/data/invite.sip");
    let mut index = Index::new();
    assert_eq!(agree(&mut index, bytes), Ok(()));
    let message = Message { bytes, index: &index };
    assert_eq!((bytes.len(), message.all().len()), (900, 13));
    assert!(message.has_good_cseq());
    assert_eq!(message.text(message.uri().unwrap()), b"sip:+12125550199@gateway.example.com:5060");
    assert_eq!(message.from().unwrap().tag(), Some(&b"9fxced76sl04a7c2e1"[..]));
    assert_eq!(message.to().unwrap().tag(), None);
    assert_eq!(message.top_via().unwrap().host, b"192.0.2.101");
    assert_eq!(
        message.cseq().map(|(number, method)| (number, message.text(method))),
        Some((314_159, &b"INVITE"[..]))
    );
    assert_eq!(message.max_forwards(), Some(70));
    assert_eq!(message.body().len(), 278);
}
