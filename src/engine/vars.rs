//! The `$var` values of a worker (spec 1.11): by slot where the script writes the name, else by
//! the name that was made at run time.
//!
//! Values outlive messages and editions. Names made at run time have a bound, since a script may
//! make them of what it receives.

use sluice_script::ir::Names;

use crate::context::Kept;
use crate::limits;

/// The values; a parked run takes a copy along.
#[derive(Debug, Default)]
pub struct Vars {
    slots: Vec<Kept>,
    named: Vec<(Box<[u8]>, Kept)>,
}

impl Vars {
    /// NULL for each name of a script.
    pub fn new(slots: usize) -> Self {
        Self { slots: vec![Kept::Null; slots], named: Vec::new() }
    }

    /// How many names there are.
    pub fn count(&self) -> usize {
        self.slots.len() + self.named.len()
    }

    /// The value of a slot.
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&Kept> {
        self.slots.get(slot as usize)
    }

    /// The place of a slot's value.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Kept> {
        self.slots.get_mut(slot as usize)
    }

    /// The value of a name that has no slot.
    pub fn named(&self, name: &[u8]) -> Option<&Kept> {
        self.named.iter().find(|(other, _)| **other == *name).map(|(_, value)| value)
    }

    /// The place of the value of a name that has no slot. `None`: the name is too long, or there
    /// are too many.
    pub fn named_mut(&mut self, name: &[u8]) -> Option<&mut Kept> {
        let known = self.named.iter().position(|(other, _)| **other == *name);
        if known.is_none() {
            if self.named.len() >= limits::NAMED_VARS {
                self.named.retain(|(_, value)| *value != Kept::Null);
            }
            if self.named.len() >= limits::NAMED_VARS || name.len() > limits::NAMED_VAR_BYTES {
                return None;
            }
            self.named.push((name.into(), Kept::Null));
        }
        let at = known.unwrap_or(self.named.len().saturating_sub(1));
        self.named.get_mut(at).map(|(_, value)| value)
    }

    /// Makes room for the names of another edition, which keeps the slots of the one before. A
    /// value whose name has a slot now goes there.
    pub fn adopt(&mut self, names: &Names) {
        self.slots.resize(names.len(), Kept::Null);
        let slots = &mut self.slots;
        self.named.retain_mut(|(name, value)| {
            let place = names.find(name).and_then(|slot| slots.get_mut(slot as usize));
            match place {
                Some(place) => *place = std::mem::take(value),
                None => return true,
            }
            false
        });
    }
}

impl Clone for Vars {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), named: self.named.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.slots.clone_from(&source.slots);
        self.named.clone_from(&source.named);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_made_at_run_time_have_a_bound() {
        let mut vars = Vars::new(0);
        let name = |number: usize| number.to_string().into_bytes();
        for number in 0..limits::NAMED_VARS {
            *vars.named_mut(&name(number)).unwrap() = Kept::Int(number as i64);
        }
        assert!(vars.named_mut(b"more").is_none());
        assert!(vars.named_mut(&[b'x'; limits::NAMED_VAR_BYTES + 1]).is_none());
        *vars.named_mut(b"7").unwrap() = Kept::Null;
        *vars.named_mut(b"more").unwrap() = Kept::Int(1);
        assert_eq!((vars.named(b"more"), vars.named(b"7")), (Some(&Kept::Int(1)), None));
        assert_eq!(vars.named(b"8"), Some(&Kept::Int(8)));
    }

    #[test]
    fn a_name_that_gets_a_slot_keeps_its_value() {
        let mut names = Names::default();
        names.intern("old");
        let mut vars = Vars::new(names.len());
        *vars.get_mut(0).unwrap() = Kept::Int(1);
        *vars.named_mut(b"new").unwrap() = Kept::Int(2);
        *vars.named_mut(b"other").unwrap() = Kept::Int(3);
        names.intern("new");
        vars.adopt(&names);
        assert_eq!((vars.get(0), vars.get(1)), (Some(&Kept::Int(1)), Some(&Kept::Int(2))));
        assert_eq!((vars.named(b"new"), vars.named(b"other")), (None, Some(&Kept::Int(3))));
    }
}
