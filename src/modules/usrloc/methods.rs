//! Sets of methods as bits, in OpenSIPS' order, as `location` tables hold them.

use sluice_sip::Method;

/// Contacts that have not said which methods they take.
pub const ALL: u32 = u32::MAX;

/// By their bits, the lowest first.
const BITS: [Method; 14] = [
    Method::Invite,
    Method::Cancel,
    Method::Ack,
    Method::Bye,
    Method::Info,
    Method::Options,
    Method::Update,
    Method::Register,
    Method::Message,
    Method::Subscribe,
    Method::Notify,
    Method::Prack,
    Method::Refer,
    Method::Publish,
];

/// The bit of a method; all that OpenSIPS has no name for share one.
pub fn bit(method: Method) -> u32 {
    1 << BITS.iter().position(|known| *known == method).unwrap_or(BITS.len())
}

/// The bits of a list of tokens, as in Allow.
pub fn of_list(list: &[u8]) -> u32 {
    let tokens = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let tokens = tokens.filter(|token| !token.is_empty());
    tokens.fold(0, |bits, token| bits | bit(Method::of(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_opensips() {
        assert_eq!(of_list(b"INVITE, ACK,CANCEL ,BYE"), 1 | 4 | 2 | 8);
        assert_eq!((of_list(b"PUBLISH"), of_list(b"ADVENT"), of_list(b" ,")), (8_192, 16_384, 0));
        let all = BITS.iter().fold(bit(Method::Other), |bits, method| bits | bit(*method));
        assert_eq!(all, 32_767);
    }
}
