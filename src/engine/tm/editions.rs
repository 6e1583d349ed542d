//! The editions of the script that transactions began with and still need: one count for each
//! edition and worker, instead of a shared one that all workers would write.

use std::sync::Arc;

use crate::context::Shared;

/// By number, each with how many transactions hold it.
#[derive(Debug, Default)]
pub struct Editions(Vec<Option<(Arc<Shared>, u32)>>);

impl Editions {
    /// Holds an edition; its number, until it is released as often.
    pub fn hold(&mut self, edition: &Arc<Shared>) -> u16 {
        let same = |held: &Option<(Arc<Shared>, u32)>| {
            held.as_ref().is_some_and(|(held, _)| Arc::ptr_eq(held, edition))
        };
        let free = || self.0.iter().position(Option::is_none);
        let at = self.0.iter().position(same).or_else(free).unwrap_or(self.0.len());
        if at == self.0.len() {
            self.0.push(None);
        }
        if let Some(place) = self.0.get_mut(at) {
            place.get_or_insert_with(|| (Arc::clone(edition), 0)).1 += 1;
        }
        at as u16
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The edition of a number.
    pub fn get(&self, number: u16) -> Option<&Arc<Shared>> {
        self.0.get(usize::from(number))?.as_ref().map(|(edition, _)| edition)
    }

    /// Holds it once less. Never drops the last reference: the publisher has one.
    pub fn release(&mut self, number: u16) {
        let Some(place) = self.0.get_mut(usize::from(number)) else { return };
        if let Some((_, count)) = place {
            *count -= 1;
            if *count == 0 {
                *place = None;
            }
        }
    }
}
