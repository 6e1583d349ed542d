//! The index against the oracle, on generated and on mutated messages.

use proptest::prelude::*;
use sluice_sip::{Index, Message};
use sluice_tests::targets::message::agree;

use crate::generate;

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
