//! Session descriptions and bodies of several parts, cut up at random: every piece is found where a
//! naive reader finds it, and nothing panics.

use proptest::prelude::*;
use sluice_sip::multipart::{closing, parts};
use sluice_sip::sdp::{Codec, Sdp, lines};

/// Texts of pieces that mean something, in any order.
fn soup(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop::sample::select(words).prop_map(str::to_owned);
    let any = prop_oneof![9 => word, 1 => "\\PC{0,6}"];
    prop::collection::vec(any, 0..40).prop_map(|words| words.concat())
}

const SDP: &[&str] = &[
    "v=0",
    "o=- 1 1 IN IP4 h",
    "s=-",
    "t=0 0",
    "c=IN IP4 192.0.2.1",
    "m=audio 1 RTP/AVP 0 8",
    "m=video 2 RTP/AVP 31",
    "m=",
    "a=rtpmap:",
    "a=rtpmap:8 X/1",
    "a=fmtp:8 y",
    "\r\n",
    "\r\n",
    "\n",
    " ",
    "=",
    "m",
    "a=inactive",
];

const PARTS: &[&str] = &[
    "--b",
    "--b--",
    "--",
    "b",
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "Content-Type: x/y",
    "text",
    ":",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn descriptions(text in soup(SDP)) {
        let all: Vec<&[u8]> = lines(text.as_bytes()).map(|line| line.text).collect();
        let naive: Vec<&str> = text.split_inclusive('\n').collect();
        prop_assert_eq!(all.concat(), text.as_bytes());
        prop_assert_eq!(all.len(), naive.len());
        let sdp = Sdp { text: text.as_bytes() };
        let begins = |line: &&str| line.starts_with("m=");
        let session: String = naive.iter().take_while(|line| !begins(line)).copied().collect();
        prop_assert_eq!(sdp.session(), session.as_bytes());
        let mut rest = naive.iter().skip_while(|line| !begins(line)).peekable();
        let mut blocks = Vec::new();
        while let Some(first) = rest.next() {
            let mut block = (*first).to_owned();
            while let Some(line) = rest.next_if(|line| !begins(line)) {
                block.push_str(line);
            }
            blocks.push(block);
        }
        let readable = |block: &&String| {
            let line = block.lines().next().unwrap_or_default();
            let words: Vec<&str> = line["m=".len()..].split_ascii_whitespace().collect();
            let port = words.get(1).and_then(|port| port.split('/').next()).unwrap_or_default();
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            words.len() > 3 && digits && port.parse::<u32>().is_ok()
        };
        let naive: Vec<&[u8]> = blocks.iter().filter(readable).map(|b| b.as_bytes()).collect();
        let seen: Vec<&[u8]> = sdp.streams().map(|stream| stream.text).collect();
        prop_assert_eq!(seen, naive);
        let mut codecs = lines(text.as_bytes()).filter_map(|line| Codec::of(&line));
        prop_assert!(codecs.all(|codec| !codec.name.is_empty()));
        let _ = sdp.check();
    }

    #[test]
    fn bodies_of_parts(text in soup(PARTS)) {
        let blank = [' ', '\t', '\r', '\n'];
        let is = |line: &&str, wanted: &str| line.trim_end_matches(blank) == wanted;
        let whole: Vec<&str> = text.split_inclusive('\n').collect();
        let end = whole.iter().position(|line| is(line, "--b--"));
        let naive = whole.iter().take(end.unwrap_or(whole.len())).filter(|line| is(line, "--b"));
        let seen: Vec<_> = parts(text.as_bytes(), b"b").collect();
        prop_assert_eq!(seen.len(), naive.count());
        let before = whole.iter().take(end.unwrap_or(0)).map(|line| line.len()).sum::<usize>();
        prop_assert_eq!(closing(text.as_bytes(), b"b"), end.map(|_| before));
        for part in seen {
            prop_assert!(part.whole.starts_with(b"--b"));
            prop_assert!(part.headers.len() + part.content.len() < part.whole.len());
        }
    }
}
