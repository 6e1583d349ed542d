//! Regexes that are known only at run time, compiled once per worker.

use std::sync::Arc;

use ahash::AHashMap;
use regex::bytes::Regex;
use sluice_script::regex::{compile_lines, compile_whole};

use crate::limits;
use crate::subst::Subst;

/// A worker's compiled patterns; full, it is emptied.
#[derive(Default)]
pub(crate) struct Regexes(AHashMap<Key, Option<Arc<Regex>>>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    pattern: Vec<u8>,
    ignore_case: bool,
    /// A line break is a character like others.
    whole: bool,
}

impl Regexes {
    /// The regex of a pattern; `None` when it is none.
    pub(crate) fn get(&mut self, pattern: &[u8], ignore_case: bool) -> Option<Arc<Regex>> {
        self.compiled(Key { pattern: pattern.to_vec(), ignore_case, whole: false })
    }

    /// The regex of a substitution; `None` when it is none.
    pub(crate) fn of(&mut self, subst: &Subst) -> Option<Arc<Regex>> {
        let (ignore_case, whole) = (subst.ignore_case, subst.whole);
        self.compiled(Key { pattern: subst.pattern.clone(), ignore_case, whole })
    }

    fn compiled(&mut self, key: Key) -> Option<Arc<Regex>> {
        if let Some(known) = self.0.get(&key) {
            return known.clone();
        }
        if self.0.len() >= limits::REGEXES {
            self.0.clear();
        }
        let compile = if key.whole { compile_whole } else { compile_lines };
        let made = compile(&key.pattern, key.ignore_case).ok().map(Arc::new);
        self.0.insert(key, made.clone());
        made
    }
}

/// The state of a module whose workers keep regexes.
pub(crate) struct Keeper;

impl sluice_engine::module::SharedState for Keeper {
    fn worker(self: Arc<Self>, _: sluice_base::WorkerId) -> Box<dyn std::any::Any + Send> {
        Box::<Regexes>::default()
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl Keeper {
    /// A `start` for such a module.
    pub(crate) fn start(
        _: &mut sluice_engine::module::Setup<'_>,
    ) -> Result<Arc<dyn sluice_engine::module::SharedState>, sluice_engine::module::SetupError>
    {
        Ok(Arc::new(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_its_limit() {
        let mut regexes = Regexes::default();
        for n in 0..=limits::REGEXES {
            assert!(regexes.get(format!("a{n}").as_bytes(), true).is_some());
        }
        assert_eq!(regexes.0.len(), 1);
        assert!(regexes.get(b"(", true).is_none());
        assert!(regexes.get(b"A", true).unwrap().is_match(b"a"));
        assert!(!regexes.get(b"A", false).unwrap().is_match(b"a"));
        for (expression, found) in [(&b"/a.b/x/s"[..], true), (b"/a.b/x/", false)] {
            let subst = Subst::parse(expression).unwrap();
            assert_eq!(regexes.of(&subst).unwrap().is_match(b"a\nb"), found);
        }
    }
}
