//! Links: what becomes of a datagram on its way. Every agent has one to Sluice; all are alike.

use crate::random::Random;

/// The weather on the links of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Its name, as `SLUICE_WEATHER` takes it.
    pub name: &'static str,
    /// Least time on the way, in milliseconds.
    pub delay_ms: u64,
    /// How much longer it may take; more than nothing reorders what is sent close together.
    pub jitter_ms: u64,
    /// Datagrams lost, of a thousand.
    pub lost: u64,
    /// Datagrams that arrive twice, of a thousand.
    pub twice: u64,
    /// Datagrams that a later one overtakes, of a thousand.
    pub held: u64,
    /// Datagrams with a changed byte, of a thousand.
    pub corrupt: u64,
}

const CALM: Weather =
    Weather { name: "calm", delay_ms: 10, jitter_ms: 0, lost: 0, twice: 0, held: 0, corrupt: 0 };

/// All of them.
pub const WEATHERS: [Weather; 7] = [
    CALM,
    Weather { name: "loss5", jitter_ms: 10, lost: 50, ..CALM },
    Weather { name: "loss20", jitter_ms: 10, lost: 200, ..CALM },
    Weather { name: "loss40", jitter_ms: 10, lost: 400, ..CALM },
    Weather { name: "reorder", jitter_ms: 80, held: 150, ..CALM },
    Weather { name: "duplicate", jitter_ms: 20, twice: 300, ..CALM },
    Weather { name: "corrupt", jitter_ms: 10, lost: 50, twice: 50, corrupt: 30, ..CALM },
];

/// How much longer a datagram that is held takes, at most, in milliseconds: longer than the first
/// retransmission.
const HELD_MS: u64 = 1_500;

/// One arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// After how many milliseconds.
    pub after_ms: u64,
    /// With a changed byte.
    pub corrupt: bool,
}

impl Weather {
    /// The weather of a name.
    pub fn named(name: &str) -> Option<Self> {
        WEATHERS.into_iter().find(|weather| weather.name == name)
    }

    /// When a datagram arrives: never, once or twice.
    pub fn arrivals(&self, random: &mut Random) -> [Option<Arrival>; 2] {
        let mut arrival = || {
            let mut after_ms = self.delay_ms + random.within(0, self.jitter_ms);
            if random.permille(self.held) {
                after_ms += random.within(1, HELD_MS);
            }
            let arrival = Arrival { after_ms, corrupt: random.permille(self.corrupt) };
            let (arrives, again) = (!random.permille(self.lost), random.permille(self.twice));
            (arrives.then_some(arrival), again)
        };
        let (first, again) = arrival();
        let second = if again { arrival().0 } else { None };
        [first, second]
    }
}

/// Changes one byte into another printable one.
pub fn corrupt(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len() as u64) as usize;
    if let Some(byte) = bytes.get_mut(at) {
        *byte = b' ' + ((*byte).wrapping_sub(b' ').wrapping_add(random.within(1, 94) as u8)) % 95;
    }
}
