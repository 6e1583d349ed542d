//! Regexes that are known only at run time, compiled once per worker.

use std::any::Any;
use std::sync::Arc;

use ahash::AHashMap;
use regex::bytes::Regex;
use sluice_engine::{Ctx, Value};
use sluice_script::regex::{compile_lines, compile_whole};

use crate::limits;
use crate::subst::Subst;

/// A worker's compiled patterns; full, it is emptied.
#[derive(Default)]
pub(crate) struct Regexes(AHashMap<(Vec<u8>, Read), Option<Arc<Regex>>>);

/// How a pattern is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Read {
    /// Letters in any case.
    pub ignore_case: bool,
    /// Line breaks are characters like others.
    pub whole: bool,
}

impl Read {
    /// As the regexes of functions are: any case, line by line.
    pub(crate) const USUAL: Self = Self { ignore_case: true, whole: false };
}

impl Regexes {
    /// The regex of a pattern; `None` when it is none.
    pub(crate) fn get(&mut self, pattern: &[u8], read: Read) -> Option<Arc<Regex>> {
        let key = (pattern.to_vec(), read);
        if let Some(known) = self.0.get(&key) {
            return known.clone();
        }
        if self.0.len() >= limits::REGEXES {
            self.0.clear();
        }
        let made = match read.whole {
            true => compile_whole(pattern, read.ignore_case),
            false => compile_lines(pattern, read.ignore_case),
        };
        let made = made.ok().map(Arc::new);
        self.0.insert(key, made.clone());
        made
    }

    /// The regex of a substitution; `None` when it is none.
    pub(crate) fn of(&mut self, subst: &Subst) -> Option<Arc<Regex>> {
        self.get(&subst.pattern, subst.read)
    }
}

/// Calls `with` with an argument as a regex: one compiled at load, or one known only now, which is
/// read as said. `None` when it is no regex.
pub(crate) fn with_regex<R>(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    argument: Value,
    read: Read,
    with: impl FnOnce(&mut Ctx<'_>, &Regex) -> R,
) -> Option<R> {
    let shared = ctx.shared;
    match argument {
        Value::Regex(id) => {
            let regex = shared.script.regexes.get(usize::from(id.0))?;
            Some(with(ctx, regex))
        }
        value => {
            let regexes = state.downcast_mut::<Regexes>()?;
            let regex = regexes.get(ctx.bytes(value.text()?), read)?;
            Some(with(ctx, &regex))
        }
    }
}

/// The state of a module whose workers keep regexes.
pub(crate) struct Keeper;

impl sluice_engine::module::SharedState for Keeper {
    fn worker(self: Arc<Self>, _: sluice_base::WorkerId) -> Box<dyn Any + Send> {
        Box::<Regexes>::default()
    }
    fn as_any(&self) -> &dyn Any {
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
            assert!(regexes.get(format!("a{n}").as_bytes(), Read::USUAL).is_some());
        }
        assert_eq!(regexes.0.len(), 1);
        assert!(regexes.get(b"(", Read::USUAL).is_none());
        assert!(regexes.get(b"A", Read::USUAL).unwrap().is_match(b"a"));
        let exact = Read { ignore_case: false, ..Read::USUAL };
        assert!(!regexes.get(b"A", exact).unwrap().is_match(b"a"));
        let whole = Read { whole: true, ..Read::USUAL };
        assert!(!regexes.get(b"^a.b", Read::USUAL).unwrap().is_match(b"a\nb"));
        assert!(regexes.get(b"^a.b", whole).unwrap().is_match(b"a\nb"));
    }
}
