//! The stream of the management's FIFO: whatever comes, the next request is understood.

use proptest::prelude::*;
use sluice_control::mi::frames::{Frame, Frames};

/// Bytes that requests are made of, more often than others.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => proptest::sample::select(b":{}[]\"\\\n\r psr/.\0".to_vec()),
        1 => any::<u8>(),
    ];
    proptest::collection::vec(byte, 0..200)
}

proptest! {
    #[test]
    fn after_any_noise_and_a_line_end_a_request_is_a_request(noise in noise(), cut in 1..64usize) {
        let stream = [&noise[..], b"\n\n:ps:out\nfull\n\n:back:{\"id\":1}"].concat();
        let (mut frames, mut out) = (Frames::default(), Vec::new());
        for read in stream.chunks(cut) {
            frames.push(read, &mut out);
        }
        prop_assert!(!frames.is_pending());
        let text = Frame::Text {
            command: "ps".to_owned(),
            reply: "out".to_owned(),
            lines: vec!["full".to_owned()],
        };
        let json = Frame::Json { reply: "back".to_owned(), body: "{\"id\":1}".to_owned() };
        prop_assert_eq!(&out[out.len() - 2..], [text, json]);
    }

    #[test]
    fn silence_ends_everything(noise in noise()) {
        let (mut frames, mut out) = (Frames::default(), Vec::new());
        frames.push(&noise, &mut out);
        frames.finish(&mut out);
        prop_assert!(!frames.is_pending());
    }
}
