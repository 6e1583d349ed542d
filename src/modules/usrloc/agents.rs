//! User-Agents that many contacts have, each kept once.
//!
//! Takes texts and gives small numbers; reading takes no lock. The first [`limits::AGENTS`] are
//! kept, as long as the program runs; a contact with another one keeps it itself.

use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;
use arc_swap::ArcSwap;

use super::limits;

/// The User-Agents.
#[derive(Default)]
pub struct Agents {
    known: ArcSwap<Known>,
    /// Held to add one.
    adding: Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    /// Number 1 is the first.
    texts: Vec<Arc<[u8]>>,
    numbers: AHashMap<Arc<[u8]>, u16>,
}

impl Agents {
    /// The number of a User-Agent; 0 when it gets none.
    pub fn number(&self, text: &[u8]) -> u16 {
        if text.is_empty() || text.len() > limits::AGENT_BYTES {
            return 0;
        }
        let known = self.known.load();
        match known.numbers.get(text) {
            Some(number) => *number,
            None if known.texts.len() >= limits::AGENTS => 0,
            None => self.add(text),
        }
    }

    /// Shows the User-Agent of a number.
    pub fn with<R>(&self, number: u16, show: impl FnOnce(&[u8]) -> R) -> R {
        let known = self.known.load();
        let text = usize::from(number).checked_sub(1).and_then(|at| known.texts.get(at));
        show(text.map_or(b"", |text| text))
    }

    #[cold]
    fn add(&self, text: &[u8]) -> u16 {
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Known::clone(&self.known.load());
        if let Some(number) = known.numbers.get(text) {
            return *number;
        }
        if known.texts.len() >= limits::AGENTS {
            return 0;
        }
        let text: Arc<[u8]> = text.into();
        known.texts.push(Arc::clone(&text));
        let number = known.texts.len() as u16;
        known.numbers.insert(text, number);
        self.known.store(Arc::new(known));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_kept_once_and_not_without_end() {
        let agents = Agents::default();
        let phone = agents.number(b"Phone 1.0");
        assert_eq!((agents.number(b"Phone 1.0"), phone), (1, 1));
        assert_eq!(agents.with(phone, <[u8]>::to_vec), b"Phone 1.0");
        for number in 2..=limits::AGENTS {
            assert_eq!(usize::from(agents.number(format!("{number}").as_bytes())), number);
        }
        assert_eq!(agents.number(b"one more"), 0);
        assert_eq!(agents.number(b"7"), 7, "known ones have their numbers");
        assert_eq!(agents.number(&[b'x'; limits::AGENT_BYTES + 1]), 0);
        assert_eq!(agents.with(0, <[u8]>::len) + agents.with(u16::MAX, <[u8]>::len), 0);
    }
}
