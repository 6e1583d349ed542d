//! Statuses and reports (spec 1.9, 9.7): each part of the program says by a number whether it is
//! ready, above 0, or not, below 0, and keeps its latest lines about what it does.
//!
//! Parts are groups of identifiers; `main` is the one that a group has when none is named. Locked
//! for one look-up; nothing on the way of a message looks.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits;

/// All groups.
#[derive(Debug, Default)]
pub struct Reports(Mutex<Vec<Identifier>>);

/// An identifier of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identifier {
    /// A module, or the core.
    pub group: &'static str,
    /// Its name within the group.
    pub name: String,
    /// Above 0 it is ready, below 0 it is not.
    pub status: i32,
    /// The status in words.
    pub details: String,
    /// Its latest lines, oldest first, with seconds since 1970, which are 0 until somebody who has
    /// a clock has looked ([`Reports::stamp`]).
    pub lines: VecDeque<(u64, String)>,
}

/// The identifier of a group that has but one.
pub const MAIN: &str = "main";

/// The status of a program that runs.
pub const RUNNING: i32 = 1;
/// The status of a program that begins.
pub const INITIALIZING: i32 = -1;
/// The status of a program that ends.
pub const TERMINATING: i32 = -2;

impl Reports {
    /// Sets a status; the one before, when that was another.
    pub fn set(&self, group: &'static str, name: &str, status: i32, details: &str) -> Option<i32> {
        let mut all = self.all();
        let identifier = entry(&mut all, group, name);
        details.clone_into(&mut identifier.details);
        let before = std::mem::replace(&mut identifier.status, status);
        (before != status).then_some(before)
    }

    /// Adds a line about what it does.
    pub fn log(&self, group: &'static str, name: &str, line: impl Into<String>) {
        let mut all = self.all();
        let lines = &mut entry(&mut all, group, name).lines;
        if lines.len() == limits::REPORT_LINES {
            lines.pop_front();
        }
        lines.push_back((0, line.into()));
    }

    /// The status of an identifier with its words; without a name that of `main`, or of the only
    /// one; of `all` 1 when all are ready, else -1.
    pub fn status(&self, group: &str, name: Option<&str>) -> Option<(i32, String)> {
        let all = self.all();
        let of_group: Vec<&Identifier> = all.iter().filter(|i| i.group == group).collect();
        let found = match (name, of_group.as_slice()) {
            (_, []) => None,
            (Some("all"), of_group) => {
                let ready = of_group.iter().all(|identifier| identifier.status > 0);
                return Some((if ready { 1 } else { -1 }, "aggregated".to_owned()));
            }
            (None, [only]) => Some(*only),
            (name, of_group) => of_group.iter().find(|i| i.name == name.unwrap_or(MAIN)).copied(),
        };
        found.map(|identifier| (identifier.status, identifier.details.clone()))
    }

    /// Whether there is a group of that name.
    pub fn has_group(&self, group: &str) -> bool {
        self.all().iter().any(|identifier| identifier.group == group)
    }

    /// Gives the lines that have none the present as their time, in seconds since 1970.
    pub fn stamp(&self, seconds: u64) {
        let mut all = self.all();
        let lines = all.iter_mut().flat_map(|identifier| &mut identifier.lines);
        lines.filter(|(at, _)| *at == 0).for_each(|(at, _)| *at = seconds);
    }

    /// All identifiers, those of a group together.
    pub fn list(&self) -> Vec<Identifier> {
        let mut all = self.all().clone();
        all.sort_by_key(|identifier| identifier.group);
        all
    }

    fn all(&self) -> MutexGuard<'_, Vec<Identifier>> {
        // A panic while it was held left whole values.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry<'a>(all: &'a mut Vec<Identifier>, group: &'static str, name: &str) -> &'a mut Identifier {
    let known = all.iter().position(|other| other.group == group && other.name == name);
    let at = known.unwrap_or_else(|| {
        all.push(Identifier {
            group,
            name: name.to_owned(),
            status: 0,
            details: String::new(),
            lines: VecDeque::new(),
        });
        all.len() - 1
    });
    &mut all[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_by_identifier_and_of_all() {
        let reports = Reports::default();
        assert_eq!(reports.status("m", None), None);
        assert_eq!(reports.set("m", "one", 1, "ready"), Some(0));
        assert_eq!(reports.set("m", "one", 1, "still ready"), None);
        assert_eq!(reports.status("m", None), Some((1, "still ready".to_owned())), "the only one");
        assert_eq!(reports.set("m", MAIN, -3, "no"), Some(0));
        assert_eq!(reports.status("m", None), Some((-3, "no".to_owned())));
        assert_eq!(reports.status("m", Some("one")).map(|(status, _)| status), Some(1));
        assert_eq!(reports.status("m", Some("all")), Some((-1, "aggregated".to_owned())));
        assert_eq!(reports.set("m", MAIN, 2, "yes"), Some(-3));
        assert_eq!(reports.status("m", Some("all")).map(|(status, _)| status), Some(1));
        assert_eq!(reports.status("m", Some("two")), None);
    }

    #[test]
    fn the_latest_lines_are_kept_and_get_their_time_once() {
        let reports = Reports::default();
        (0..limits::REPORT_LINES).for_each(|at| reports.log("m", MAIN, format!("line {at}")));
        reports.stamp(7);
        reports.log("m", MAIN, "last");
        reports.stamp(8);
        let lines = reports.list().remove(0).lines;
        assert_eq!(lines.len(), limits::REPORT_LINES);
        assert_eq!(lines.front(), Some(&(7, "line 1".to_owned())));
        assert_eq!(lines.back(), Some(&(8, "last".to_owned())));
    }
}
