//! Request methods.
//!
//! A method of at most 8 letters is one number, looked up in a table without collisions.

/// A method of RFC 3261 or an extension that scripts name; others are compared by text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the RFCs'")]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Prack,
    Subscribe,
    Notify,
    Publish,
    Info,
    Refer,
    Message,
    Update,
    Other,
}

impl Method {
    /// The method of a token; methods are case-sensitive (RFC 3261 7.1).
    pub const fn of(token: &[u8]) -> Self {
        match token {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"REGISTER" => Self::Register,
            b"PRACK" => Self::Prack,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"PUBLISH" => Self::Publish,
            b"INFO" => Self::Info,
            b"REFER" => Self::Refer,
            b"MESSAGE" => Self::Message,
            b"UPDATE" => Self::Update,
            _ => Self::Other,
        }
    }

    /// The method of the token that is the first `len` bytes of `head`; [`Method::Other`] also when
    /// it is longer than `head`. The token does not begin with a NUL.
    #[inline(always)]
    pub(crate) fn of_head(head: &[u8; 16], len: usize) -> Self {
        if !(1..=8).contains(&len) {
            return Self::of(head.get(..len).unwrap_or_default());
        }
        let word = word(head, len);
        let (same, method) = SLOTS[slot_of(word)];
        if same == word { method } else { Self::Other }
    }
}

/// The tokens of at most 8 letters.
const SHORT: [&str; 13] = [
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "NOTIFY", "PUBLISH", "INFO",
    "REFER", "MESSAGE", "UPDATE",
];

static SLOTS: [(u64, Method); 16] = slots();

/// Found by trying: with it no two words fall into one slot, which [`slots`] checks.
const MULTIPLY: u64 = 0xAD83_C3FB;

/// The first `len` bytes, 1 to 8, as a number.
#[inline(always)]
const fn word(head: &[u8; 16], len: usize) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *head;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) << (64 - 8 * len)
}

#[inline(always)]
const fn slot_of(word: u64) -> usize {
    (word.wrapping_mul(MULTIPLY) >> 60) as usize
}

const fn slots() -> [(u64, Method); 16] {
    let mut slots = [(0, Method::Other); 16];
    let mut n = 0;
    while n < SHORT.len() {
        let token = SHORT[n].as_bytes();
        let mut head = [0; 16];
        head.split_at_mut(token.len()).0.copy_from_slice(token);
        let word = word(&head, token.len());
        let slot = &mut slots[slot_of(word)];
        assert!(matches!(slot.1, Method::Other), "two methods in one slot");
        *slot = (word, Method::of(token));
        n += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_its_token() {
        let tokens =
            "invite INVITES INVIT FOO SUBSCRIBE SUBSCRIBER I UPDATES OPTION QUITELONGMETHOD";
        for token in tokens.split(' ').chain(SHORT) {
            for behind in [0, b' ', b'E', 0xFF] {
                let mut head = [behind; 16];
                head[..token.len()].copy_from_slice(token.as_bytes());
                assert_eq!(Method::of_head(&head, token.len()), Method::of(token.as_bytes()));
            }
        }
        for method in SHORT {
            assert_ne!(Method::of(method.as_bytes()), Method::Other, "{method}");
        }
        for len in [0, 17, 32] {
            assert_eq!(Method::of_head(b"INVITE sip:a@b.c", len), Method::Other);
        }
    }

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::of(b"INVITE"), Method::Invite);
        assert_eq!(Method::of(b"SUBSCRIBE"), Method::Subscribe);
        for other in ["invite", "INVITES", "INVIT", "", "FOO"] {
            assert_eq!(Method::of(other.as_bytes()), Method::Other);
        }
    }
}
