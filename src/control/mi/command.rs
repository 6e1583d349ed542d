//! A command as a program has it: its names, and its parameters brought into order.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use sluice_engine::module::{Command, CommandError, SharedState};

use super::{Answer, BAD_PARAMS, Management, refuse};

/// The parameters of a call, as they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Params {
    /// In the order of the command's table.
    Positional(Vec<String>),
    /// By name; a name comes again where the command takes a list.
    Named(Vec<(String, String)>),
}

impl Params {
    /// No parameters.
    pub const NONE: Self = Self::Positional(Vec::new());

    /// Parameters by position.
    pub fn words(words: &[&str]) -> Self {
        Self::Positional(words.iter().map(|word| (*word).to_owned()).collect())
    }
}

/// A command that this program has.
pub struct Known {
    /// The first part of its new name: its module, or the core's group.
    pub group: &'static str,
    /// The second part of its new name.
    pub short: &'static str,
    /// Its old name.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Names of its parameters: `name?` is optional, `name*` takes all that are left.
    pub params: &'static [&'static str],
    pub(super) run: Run,
    /// A command does not run beside itself, unless it waits (`SharedState::waits`): of two reloads
    /// the later one wins.
    pub(super) alone: Mutex<()>,
}

/// What a command does.
pub(super) enum Run {
    Core(fn(&Management, &[Option<&str>]) -> Answer),
    Module(&'static Command, Arc<dyn SharedState>),
}

impl Known {
    pub(super) fn new(
        group: &'static str,
        short: &'static str,
        name: &'static str,
        doc: &'static str,
        params: &'static [&'static str],
        run: Run,
    ) -> Self {
        Self { group, short, name, doc, params, run, alone: Mutex::new(()) }
    }

    /// Its new name, `dispatcher:list`.
    pub fn new_name(&self) -> String {
        format!("{}:{}", self.group, self.short)
    }

    /// Its name and parameters, as one writes them.
    pub fn usage(&self) -> String {
        self.params.iter().fold(self.name.to_owned(), |mut text, param| {
            let _ = match param.strip_suffix(['?', '*']) {
                Some(optional) if param.ends_with('*') => write!(text, " [{optional}...]"),
                Some(optional) => write!(text, " [{optional}]"),
                None => write!(text, " {param}"),
            };
            text
        })
    }

    /// The names of the parameters that it can be called with, the fewest first.
    pub(super) fn sets(&self) -> Vec<Vec<&'static str>> {
        let names: Vec<&str> = self.params.iter().map(|p| p.trim_end_matches(['?', '*'])).collect();
        let least = self.params.iter().take_while(|param| !param.ends_with(['?', '*'])).count();
        (least..=names.len()).filter_map(|count| Some(names.get(..count)?.to_vec())).collect()
    }

    /// Parameters in the order of the table.
    pub(super) fn arrange<'p>(
        &self,
        params: &'p Params,
    ) -> Result<Vec<Option<&'p str>>, CommandError> {
        let mut places: Vec<Option<&str>> = match params {
            Params::Positional(words) => words.iter().map(|word| Some(word.as_str())).collect(),
            Params::Named(named) => self.by_name(named)?,
        };
        let list = self.params.last().is_some_and(|param| param.ends_with('*'));
        if places.len() > self.params.len() && !list {
            return refuse(BAD_PARAMS, format!("too many parameters; usage: {}", self.usage()));
        }
        let fixed = self.params.len() - usize::from(list);
        places.resize(places.len().max(fixed), None);
        for (place, param) in places.iter().zip(self.params) {
            if place.is_none() && !param.ends_with(['?', '*']) {
                let usage = self.usage();
                return refuse(BAD_PARAMS, format!("{param} is missing; usage: {usage}"));
            }
        }
        Ok(places)
    }

    fn by_name<'p>(
        &self,
        named: &'p [(String, String)],
    ) -> Result<Vec<Option<&'p str>>, CommandError> {
        let mut places = vec![None; self.params.len()];
        let mut list = Vec::new();
        for (name, value) in named {
            let called = |param: &&str| param.trim_end_matches(['?', '*']) == name;
            let usage = || format!("usage: {}", self.usage());
            match self.params.iter().position(called) {
                None => return refuse(BAD_PARAMS, format!("no parameter {name}; {}", usage())),
                Some(at) if self.params[at].ends_with('*') => list.push(Some(value.as_str())),
                Some(at) if places[at].is_some() => {
                    return refuse(BAD_PARAMS, format!("{name} is given twice; {}", usage()));
                }
                Some(at) => places[at] = Some(value.as_str()),
            }
        }
        if self.params.last().is_some_and(|param| param.ends_with('*')) {
            places.pop();
            places.extend(list);
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arranged(table: &'static [&'static str], params: &Params) -> Result<Vec<String>, String> {
        let run = Run::Core(|_, _| Ok(json!("OK")));
        let known = Known::new("group", "short", "cmd", "Does it.", table, run);
        let places = known.arrange(params).map_err(|error| error.text)?;
        Ok(places.into_iter().map(|place| place.unwrap_or("-").to_owned()).collect())
    }

    fn named(pairs: &[(&str, &str)]) -> Params {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Params::Named(pairs.iter().map(owned).collect())
    }

    fn words(words: &[&str]) -> Result<Vec<String>, String> {
        Ok(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn by_position_and_by_name() {
        let table = &["state", "group", "note?"];
        assert_eq!(arranged(table, &Params::words(&["a", "1"])), words(&["a", "1", "-"]));
        assert_eq!(arranged(table, &Params::words(&["a", "1", "x"])), words(&["a", "1", "x"]));
        let given = named(&[("group", "1"), ("state", "a")]);
        assert_eq!(arranged(table, &given), words(&["a", "1", "-"]));
        assert_eq!(arranged(&[], &Params::NONE), words(&[]));
    }

    #[test]
    fn a_list_takes_all_that_are_left() {
        let table = &["first", "names*"];
        assert_eq!(arranged(table, &Params::words(&["a", "1", "2"])), words(&["a", "1", "2"]));
        assert_eq!(arranged(table, &Params::words(&["a"])), words(&["a"]));
        let given = named(&[("names", "1"), ("first", "a"), ("names", "2")]);
        assert_eq!(arranged(table, &given), words(&["a", "1", "2"]));
    }

    #[test]
    fn what_does_not_fit_is_named_with_the_usage() {
        let table = &["state", "group?"];
        let usage = "usage: cmd state [group]";
        for (params, why) in [
            (Params::NONE, "state is missing"),
            (named(&[("group", "1")]), "state is missing"),
            (Params::words(&["a", "b", "c"]), "too many parameters"),
            (named(&[("state", "a"), ("gruop", "1")]), "no parameter gruop"),
            (named(&[("state", "a"), ("state", "i")]), "state is given twice"),
        ] {
            assert_eq!(arranged(table, &params), Err(format!("{why}; {usage}")));
        }
        let list = Err("a is missing; usage: cmd a [b...]".to_owned());
        assert_eq!(arranged(&["a", "b*"], &Params::NONE), list);
    }
}
