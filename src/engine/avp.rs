//! `$avp()` values of a run (spec 2.3): a stack of values per name.
//!
//! All names share one list, newest last, since a run has few of them. Reading never removes.
//! Knows nothing of scopes: whose list it is decides the caller.

use crate::context::Ctx;
use crate::run::AvpKey;
use crate::value::Value;

impl Ctx<'_> {
    /// Puts a value on top (`=`).
    #[inline]
    pub fn avp_push(&mut self, key: AvpKey, value: Value) {
        let key = self.avp_key(key);
        self.run.avps.push((key, value));
    }

    /// Puts a value at the other end (`[append]`).
    pub fn avp_append(&mut self, key: AvpKey, value: Value) {
        let key = self.avp_key(key);
        self.run.avps.insert(0, (key, value));
    }

    /// The newest value.
    pub fn avp_newest(&self, key: AvpKey) -> Option<Value> {
        self.avp_get(key, 0)
    }

    /// The value at an index: 0 is the newest, 1 the one before, -1 the oldest.
    pub fn avp_get(&self, key: AvpKey, index: i32) -> Option<Value> {
        let at = self.avp_position(key, index)?;
        self.run.avps.get(at).map(|(_, value)| *value)
    }

    /// Replaces the value at an index; false when there is none.
    pub fn avp_replace(&mut self, key: AvpKey, index: i32, value: Value) -> bool {
        let at = self.avp_position(key, index);
        let Some((_, place)) = at.and_then(|at| self.run.avps.get_mut(at)) else { return false };
        *place = value;
        true
    }

    /// Takes the newest value away (`= NULL`).
    pub fn avp_pop(&mut self, key: AvpKey) -> Option<Value> {
        self.avp_take(key, 0)
    }

    /// Takes the value at an index away.
    pub fn avp_take(&mut self, key: AvpKey, index: i32) -> Option<Value> {
        let at = self.avp_position(key, index)?;
        Some(self.run.avps.remove(at).1)
    }

    /// Removes all values of a name (`:= NULL`); how many there were.
    pub fn avp_remove(&mut self, key: AvpKey) -> usize {
        let mut removed = 0;
        while !self.run.avps.is_empty() && self.avp_pop(key).is_some() {
            removed += 1;
        }
        removed
    }

    /// Makes a value the only one of its name.
    #[inline]
    pub fn avp_set(&mut self, key: AvpKey, value: Value) {
        let key = self.avp_key(key);
        if self.avp_positions(key).next().is_some() {
            self.avp_remove(key);
        }
        self.run.avps.push((key, value));
    }

    /// How many values a name has.
    pub fn avp_count(&self, key: AvpKey) -> usize {
        self.avp_positions(self.avp_key(key)).count()
    }

    /// Whether two keys are of one name.
    pub fn avp_is_same(&self, one: AvpKey, other: AvpKey) -> bool {
        self.same_avp(self.avp_key(one), self.avp_key(other))
    }

    /// All values of a name, the newest first.
    pub fn avp_values(&self, key: AvpKey) -> impl Iterator<Item = Value> {
        let all = self.avp_positions(self.avp_key(key)).rev();
        all.filter_map(|at| self.run.avps.get(at).map(|(_, value)| *value))
    }

    fn avp_position(&self, key: AvpKey, index: i32) -> Option<usize> {
        let key = self.avp_key(key);
        let back = index.unsigned_abs() as usize;
        match index {
            0.. => self.avp_positions(key).rev().nth(back),
            _ => self.avp_positions(key).nth(back - 1),
        }
    }

    /// Positions of a name's values, oldest first.
    fn avp_positions(&self, key: AvpKey) -> impl DoubleEndedIterator<Item = usize> {
        let avps = self.run.avps.iter().enumerate();
        avps.filter(move |(_, (k, _))| self.same_avp(*k, key)).map(|(at, _)| at)
    }

    /// A name made at run time is the slot of the same name, if the script has one.
    #[inline]
    fn avp_key(&self, key: AvpKey) -> AvpKey {
        match key {
            AvpKey::Slot(_) => key,
            AvpKey::Text(text) => {
                let slot = self.shared.script.avps.find(self.bytes(text));
                slot.map_or(key, AvpKey::Slot)
            }
        }
    }

    #[inline]
    fn same_avp(&self, a: AvpKey, b: AvpKey) -> bool {
        match (a, b) {
            (AvpKey::Slot(a), AvpKey::Slot(b)) => a == b,
            (AvpKey::Text(a), AvpKey::Text(b)) => self.bytes(a) == self.bytes(b),
            _ => false,
        }
    }
}
