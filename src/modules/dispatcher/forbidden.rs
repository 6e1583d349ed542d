//! Blacklists of the addresses of sets, `ds_define_blacklist` (spec 3.7): `name = 1,3`.
//!
//! The engine asks them where a request may go; here their rules follow the sets. Control plane
//! only.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sluice_engine::blacklist::{Definition, List, Rule};
use sluice_engine::limits::BLACKLISTS;
use sluice_engine::module::SetupError;

use sluice_script::ir::Setting;
use sluice_script::source::Location;

use super::given::Given;
use super::sets::{Destination, Host, Sets};

/// A list, and the sets that it has the addresses of.
pub(super) struct Forbidden {
    list: Arc<List>,
    sets: Vec<i64>,
    /// The snapshot that its rules are from.
    generation: AtomicU64,
}

impl Forbidden {
    /// Those of a partition.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(super) fn read(given: &mut Given<'_, '_>) -> Result<Box<[Self]>, SetupError> {
        let all = given.all("ds_define_blacklist");
        all.into_iter().map(|(text, at)| Self::define(given, &text, at)).collect()
    }

    fn define(
        given: &mut Given<'_, '_>,
        text: &str,
        at: Option<Location>,
    ) -> Result<Self, SetupError> {
        let refuse = |text: String| SetupError { at, text };
        let (name, sets) = parse(text).map_err(refuse)?;
        let script = &given.setup.script.globals;
        let written = script.iter().filter(|global| global.name == "dst_blacklist");
        let mut names = written.filter_map(|global| match &global.value {
            Setting::Text(text) => text.parse().ok().map(|list: Definition| list.name),
            _ => None,
        });
        let of_modules = &given.setup.blacklists;
        if names.any(|other| other == name) || of_modules.iter().any(|other| other.name == name) {
            return Err(refuse(format!("there is a blacklist {name} already")));
        }
        if of_modules.len() >= BLACKLISTS {
            return Err(refuse(format!("there are more than {BLACKLISTS} blacklists")));
        }
        let list = List::of_module(name);
        given.setup.blacklists.push(Arc::clone(&list));
        Ok(Self { list, sets, generation: AtomicU64::new(0) })
    }

    /// Takes over the addresses that the sets have now.
    pub(super) fn follow(&self, sets: &Sets) {
        let all = self.destinations(sets);
        let mut all: Vec<IpAddr> = all.flat_map(|one| one.host.addresses()).collect();
        all.sort_unstable();
        all.dedup();
        self.list.replace(all.into_iter().map(Rule::of_address).collect());
        self.generation.store(sets.generation, Relaxed);
    }

    /// A second has passed: names may stand for other addresses, and a reload may have gone on
    /// beside the last look.
    pub(super) fn tick(&self, sets: &Sets) {
        let is_named = |one: &Destination| matches!(one.host, Host::Named(_));
        if self.generation.load(Relaxed) != sets.generation || self.destinations(sets).any(is_named)
        {
            self.follow(sets);
        }
    }

    fn destinations<'a>(&'a self, sets: &'a Sets) -> impl Iterator<Item = &'a Destination> {
        let sets = self.sets.iter().filter_map(|id| sets.get(*id));
        sets.flat_map(|set| &set.destinations)
    }
}

/// The name and the sets of `name = 1,3`.
fn parse(text: &str) -> Result<(&str, Vec<i64>), String> {
    let expected = || format!("a blacklist of sets is `name = 1,3`, not `{text}`");
    let (name, sets) = text.split_once('=').ok_or_else(expected)?;
    let name = name.trim();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(good) {
        return Err(expected());
    }
    let number = |set: &str| set.trim().parse().ok().filter(|set| *set >= 0);
    let sets: Option<Vec<i64>> = sets.split(',').map(number).collect();
    Ok((name, sets.ok_or_else(expected)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_name_and_sets() {
        assert_eq!(parse("gw = 1, 3"), Ok(("gw", vec![1, 3])));
        assert_eq!(parse("gw=7"), Ok(("gw", vec![7])));
        for wrong in ["gw", "= 1", "gw =", "gw = 1,", "gw = -1", "g w = 1", "gw = a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
