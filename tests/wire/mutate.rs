//! Seeded mutations of real messages: what damaged networks, bad stacks and attackers send.
//!
//! One number gives one message, the same on every machine and in every build.

/// The message of a seed, made from one or two of `messages`.
pub fn message(seed: u64, messages: &[Vec<u8>]) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = random.pick(messages).clone();
    for _ in 0..=random.below(4) {
        let edit = *random.pick(EDITS);
        edit(&mut bytes, &mut random, messages);
    }
    bytes.truncate(usize::from(u16::MAX));
    bytes
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, 0 where that is 0.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A range of at most `longest` bytes of a text.
    fn range(&mut self, text: &[u8], longest: usize) -> std::ops::Range<usize> {
        let start = self.below(text.len());
        start..(start + self.below(longest) + 1).min(text.len())
    }
}

type Edit = fn(&mut Vec<u8>, &mut Random, &[Vec<u8>]);

const EDITS: &[Edit] = &[
    |bytes, random, _| flip_bit(bytes, random),
    |bytes, random, _| set_byte(bytes, random),
    |bytes, random, _| insert_piece(bytes, random),
    |bytes, random, _| insert_piece(bytes, random),
    |bytes, random, _| cut(bytes, random),
    |bytes, random, _| repeat(bytes, random),
    |bytes, random, _| repeat(bytes, random),
    |bytes, random, _| end_early(bytes, random),
    |bytes, random, _| swap_lines(bytes, random),
    |bytes, random, _| swap_lines(bytes, random),
    |bytes, random, _| drop_line(bytes, random),
    |bytes, random, _| repeat_line(bytes, random),
    borrow_line,
    borrow_line,
    |bytes, random, _| change_number(bytes, random),
    |bytes, random, _| change_number(bytes, random),
    go_on_as_another,
    |bytes, random, _| change_case(bytes, random),
    |bytes, random, _| change_case(bytes, random),
];

/// What upsets readers of SIP text where it stands.
const PIECES: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "\r\n ",
    "\n\t",
    "\0",
    " ",
    "\t",
    ";",
    ",",
    ":",
    "=",
    "\"",
    "\\",
    "<",
    ">",
    "@",
    "/",
    "[",
    "]",
    "(",
    "%00",
    ";;",
    ",,",
    "\u{FEFF}",
    "\u{7F}",
    "é",
    "SIP/2.0",
    "SIP/2.0/UDP x, ",
    ";rport",
    ";received=1",
    ";branch=z9hG4bK",
    ";tag=",
    "Via: ",
    "l: 1\r\n",
    "\r\nTo:\r\n",
    "\r\nVia: SIP/2.0/UDP h\r\n",
];

const NUMBERS: &[&str] = &[
    "0",
    "00",
    "-1",
    "+1",
    "65535",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "0000000000000000000000000000000000000001",
    "1e3",
    "99999999999999999999999999999999999999999999999999",
];

fn flip_bit(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len());
    let bit = 1 << random.below(8);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= bit;
    }
}

fn set_byte(bytes: &mut [u8], random: &mut Random) {
    let (at, value) = (random.below(bytes.len()), random.next() as u8);
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn insert_piece(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = if random.below(10) == 0 { 0 } else { random.below(bytes.len() + 1) };
    bytes.splice(at..at, random.pick(PIECES).bytes());
}

fn cut(bytes: &mut Vec<u8>, random: &mut Random) {
    let range = random.range(bytes, 80);
    bytes.drain(range);
}

fn repeat(bytes: &mut Vec<u8>, random: &mut Random) {
    let range = random.range(bytes, 80);
    let piece = bytes[range.clone()].repeat(1 + random.below(3));
    bytes.splice(range.end..range.end, piece);
}

fn end_early(bytes: &mut Vec<u8>, random: &mut Random) {
    // Mostly near the end, so that something is left.
    let most = if random.below(4) == 0 { bytes.len() } else { 60 };
    bytes.truncate(bytes.len().saturating_sub(random.below(most)));
}

fn swap_lines(bytes: &mut Vec<u8>, random: &mut Random) {
    with_lines(bytes, |lines| {
        let (a, b) = (random.below(lines.len()), random.below(lines.len()));
        if !lines.is_empty() {
            lines.swap(a, b);
        }
    });
}

fn drop_line(bytes: &mut Vec<u8>, random: &mut Random) {
    with_lines(bytes, |lines| {
        let at = random.below(lines.len());
        if !lines.is_empty() {
            lines.remove(at);
        }
    });
}

fn repeat_line(bytes: &mut Vec<u8>, random: &mut Random) {
    // Now and then more often than a message may have fields.
    let times = if random.below(20) == 0 { 300 } else { 1 + random.below(3) };
    with_lines(bytes, |lines| {
        let (from, to) = (random.below(lines.len()), random.below(lines.len()));
        if let Some(line) = lines.get(from).cloned() {
            lines.splice(to..to, vec![line; times]);
        }
    });
}

fn borrow_line(bytes: &mut Vec<u8>, random: &mut Random, messages: &[Vec<u8>]) {
    let other = random.pick(messages);
    let others: Vec<_> = other.split_inclusive(|byte| *byte == b'\n').collect();
    let line = random.pick(&others).to_vec();
    with_lines(bytes, |lines| {
        let at = random.below(lines.len());
        lines.insert(at, line);
    });
}

/// A run of digits becomes another number.
fn change_number(bytes: &mut Vec<u8>, random: &mut Random) {
    let from = random.below(bytes.len());
    let digit = |at: &usize| bytes[*at].is_ascii_digit();
    let Some(start) = (from..bytes.len()).find(digit) else { return };
    let end = (start..bytes.len()).find(|at| !digit(at)).unwrap_or(bytes.len());
    bytes.splice(start..end, random.pick(NUMBERS).bytes());
}

fn go_on_as_another(bytes: &mut Vec<u8>, random: &mut Random, messages: &[Vec<u8>]) {
    let other = random.pick(messages);
    bytes.truncate(random.below(bytes.len()));
    bytes.extend_from_slice(&other[random.below(other.len())..]);
}

fn change_case(bytes: &mut [u8], random: &mut Random) {
    let range = random.range(bytes, 20);
    for byte in &mut bytes[range] {
        *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 };
    }
}

/// Changes the lines behind the first; each has its line end.
fn with_lines(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let first = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let split = bytes[first..].split_inclusive(|byte| *byte == b'\n');
    let mut lines: Vec<_> = split.map(<[u8]>::to_vec).collect();
    change(&mut lines);
    bytes.truncate(first);
    bytes.extend(lines.concat());
}
