//! What the program reads of this module to join it to the control plane.

use std::sync::Arc;

use regex::bytes::Regex;

use crate::subst::Subst;

/// The parameters, digested.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// The path without its slash.
    pub root: String,
    /// What names begin with.
    pub prefix: String,
    /// What stands before the group.
    pub group_prefix: String,
    /// What stands between the parts of a name.
    pub delimiter: String,
    /// The label that the group is in.
    pub group_label: String,
    /// Where the group is: 0 nowhere, 1 in the name, 2 in the label.
    pub group_mode: u8,
    /// `all`, groups with a colon behind, or names.
    pub statistics: Vec<String>,
    /// Whether labelled series are shown.
    pub series: bool,
    pub(super) labels: Vec<Rule>,
}

/// A rule of `labels`: how names of a group are taken apart.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) group: String,
    pub(super) subst: Subst,
    pub(super) regex: Arc<Regex>,
}

impl Parameters {
    /// Another name for a statistic, and its labels, where a rule makes them of its name.
    pub fn relabel(&self, group: &str, name: &str) -> Option<(String, String)> {
        let of_group = self.labels.iter().filter(|rule| rule.group == group);
        of_group.clone().find_map(|rule| {
            let made = rule.subst.apply(&rule.regex, name.as_bytes())?;
            let made = String::from_utf8(made).ok()?;
            let (name, labels) = made.split_once(':')?;
            (!name.is_empty() && !labels.is_empty()).then(|| (name.to_owned(), labels.to_owned()))
        })
    }
}
