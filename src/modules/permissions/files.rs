//! The files of rules that a script names: read once, when an edition that names them is put in
//! force. Never called by a worker but to find rules.

use std::sync::Arc;

use ahash::AHashMap;
use sluice_engine::files::Files;

use super::params::Params;
use super::rules::Rules;

/// What allows and what denies.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// Comes first.
    pub allow: &'a Rules,
    /// Asked when nothing allows.
    pub deny: &'a Rules,
}

impl Pair<'_> {
    /// Whether the two texts may meet.
    pub fn allows(self, left: &[u8], right: &[u8]) -> bool {
        self.allow.have(left, right) || !self.deny.have(left, right)
    }

    /// Whether there is no rule at all.
    pub fn is_empty(self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

/// What allows and what denies, as it is kept.
pub type Kept = (Arc<Rules>, Arc<Rules>);

/// All that were read.
#[derive(Clone, Debug)]
pub struct RuleFiles {
    default: Kept,
    /// By the name without suffix.
    by_base: AHashMap<Box<[u8]>, Kept>,
    /// By the whole name.
    by_name: AHashMap<Box<[u8]>, Arc<Rules>>,
}

impl RuleFiles {
    /// Those of functions without a name.
    pub fn new(default: Kept) -> Self {
        Self { default, by_base: AHashMap::default(), by_name: AHashMap::default() }
    }

    /// The rules that a function's names stand for: none, one without suffix, or two files.
    pub fn named(&self, base: Option<&[u8]>, deny: Option<&[u8]>) -> Option<Pair<'_>> {
        let (allow, deny) = match (base, deny) {
            (None, _) => (&self.default.0, &self.default.1),
            (Some(base), None) => self.by_base.get(base).map(|(allow, deny)| (allow, deny))?,
            (Some(allow), Some(deny)) => (self.by_name.get(allow)?, self.by_name.get(deny)?),
        };
        Some(Pair { allow, deny })
    }

    /// Reads the two files of a name without suffix.
    pub fn add_base(
        &mut self,
        files: &dyn Files,
        base: &str,
        params: &Params,
        warnings: &mut Vec<String>,
    ) {
        if self.by_base.contains_key(base.as_bytes()) {
            return;
        }
        let allow = read(files, &format!("{base}{}", params.allow_suffix), warnings);
        let pair = (allow, read(files, &format!("{base}{}", params.deny_suffix), warnings));
        self.by_base.insert(base.as_bytes().into(), pair);
    }

    /// Reads a file.
    pub fn add_file(&mut self, files: &dyn Files, name: &str, warnings: &mut Vec<String>) {
        if !self.by_name.contains_key(name.as_bytes()) {
            self.by_name.insert(name.as_bytes().into(), read(files, name, warnings));
        }
    }
}

/// Reads a file; one that is not there has no rules (spec 9.5).
pub fn read(files: &dyn Files, name: &str, warnings: &mut Vec<String>) -> Arc<Rules> {
    let text = match files.read(name) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            warnings.push(format!("{name}: {error}; it has no rules"));
            Vec::new()
        }
    };
    let mut wrong = Vec::new();
    let rules = Rules::parse(&text, &mut wrong);
    warnings.extend(wrong.iter().map(|why| format!("{name}:{why}; the rule is left out")));
    Arc::new(rules)
}
