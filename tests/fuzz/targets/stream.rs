//! A stream, cut into pieces whose length is the first byte: whatever comes, the messages found are
//! the same as in one piece, and the index agrees where each of them ends.

use sluice_net::stream::framer::{Broken, Framer, Step};
use sluice_sip::{Index, Message};

/// The target.
pub fn run(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let whole = found(stream, stream.len().max(1));
    let cut = found(stream, usize::from(*piece).max(1));
    // A stream is broken no later in pieces than at once, and what came before is the same.
    assert_eq!(cut, whole);
    let mut index = Index::new();
    for message in &whole.messages {
        if index.scan(message).is_ok() {
            let end = Message { bytes: message, index: &index }.body().end;
            assert_eq!(usize::from(end), message.len());
        }
    }
}

/// What a stream holds.
#[derive(PartialEq, Eq, Debug, Default)]
struct Found {
    messages: Vec<Vec<u8>>,
    pings: usize,
    large: Vec<Vec<u8>>,
    end: Option<End>,
}

#[derive(PartialEq, Eq, Debug)]
enum End {
    Broken(Broken),
    Lost,
}

fn found(stream: &[u8], piece: usize) -> Found {
    let (mut found, mut framer, mut input) = (Found::default(), Framer::default(), Vec::new());
    for piece in stream.chunks(piece) {
        input.extend_from_slice(piece);
        loop {
            let len = match framer.step(&input) {
                Step::More => break,
                Step::Message(len) => {
                    found.messages.push(input[..len].to_vec());
                    len
                }
                Step::Blank { len, ping } => {
                    found.pings += usize::from(ping);
                    len
                }
                Step::Skipped(len) => len,
                Step::TooLarge { head, lost } => {
                    found.large.push(input[..head].to_vec());
                    if lost {
                        found.end = Some(End::Lost);
                        return found;
                    }
                    head
                }
                Step::Broken(broken) => {
                    found.end = Some(End::Broken(broken));
                    return found;
                }
            };
            assert!(len > 0 && len <= input.len());
            input.drain(..len);
        }
    }
    found
}
