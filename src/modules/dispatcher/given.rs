//! The parameters of one partition (spec 3.8): its own properties, before those of the module.
//!
//! Takes `partition = "name: property = value; ..."`, gives names and values that have been checked
//! as the parameter of the same name is. Opens nothing.

use sluice_base::OwnerSeed;
use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::catalog::{SettingKind, Status};
use sluice_script::ir::Setting;
use sluice_script::source::Location;

use super::limits::PARTITIONS;
use super::params::PARAMS;

/// The partition of calls that name none.
pub const DEFAULT: &str = "default";

/// Makes the keys of names.
const KEYS: OwnerSeed = OwnerSeed(0x7061_7274_6974_696F);

/// What a partition may have of its own, and what those without it have: `true` that of the
/// module, `false` the default.
const PROPERTIES: [(&str, bool); 20] = [
    ("list_file", false),
    ("db_url", true),
    ("table_name", true),
    ("persistent_state", false),
    ("dst_avp", false),
    ("grp_avp", false),
    ("cnt_avp", false),
    ("sock_avp", false),
    ("attrs_avp", false),
    ("script_attrs_avp", false),
    ("ds_ping_interval", true),
    ("ds_ping_method", true),
    ("ds_ping_from", true),
    ("ds_ping_maxfwd", true),
    ("ds_probing_mode", true),
    ("ds_probing_threshold", true),
    ("ds_probing_sock", true),
    ("ds_probing_list", true),
    ("options_reply_codes", true),
    ("ds_define_blacklist", false),
];

/// Other words for properties.
const SHORT: [(&str, &str); 3] = [
    ("script_attrs", "script_attrs_avp"),
    ("ping_method", "ds_ping_method"),
    ("ping_from", "ds_ping_from"),
];

/// A partition as the script defines it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// Where it stands; `None` for the default one that is not defined.
    pub at: Option<Location>,
    /// Its own properties, by the names of the module's parameters.
    own: Vec<(&'static str, String)>,
}

/// The parameters of one partition.
pub struct Given<'a, 's> {
    /// The module's, and what else a start sees.
    pub setup: &'a mut Setup<'s>,
    /// The partition.
    pub definition: &'a Definition,
}

/// What stands for a partition's name in a call: 0 for the default one, never 1.
pub fn key(name: &str) -> i64 {
    match name.trim() {
        "" | DEFAULT => 0,
        name => (KEYS.hash(name.as_bytes()) >> 2) as i64 | 1 << 62,
    }
}

/// All partitions, the default one first.
///
/// # Errors
/// A definition that cannot be read, or two of one name.
pub fn definitions(setup: &Setup<'_>) -> Result<Vec<Definition>, SetupError> {
    let mut default = Definition { name: DEFAULT.to_owned(), at: None, own: Vec::new() };
    let mut stands_for = None;
    let mut others: Vec<Definition> = Vec::new();
    let given = setup.script.params.iter().filter(|p| p.module == setup.module);
    for param in given.filter(|param| param.name == "partition") {
        let refuse = |text: String| SetupError { at: Some(param.at), text };
        let (Setting::Text(text) | Setting::Word(text)) = &param.value else { continue };
        let (name, rest) = parted(text).map_err(refuse)?;
        if name == DEFAULT && !rest.is_empty() && !rest.contains('=') {
            stands_for = Some((rest.to_owned(), param.at));
            continue;
        }
        let own = properties(rest).map_err(|why| refuse(format!("partition {name}: {why}")))?;
        let definition = Definition { name: name.to_owned(), at: Some(param.at), own };
        if name == DEFAULT {
            default = definition;
        } else if others.iter().any(|other| key(&other.name) == key(name)) {
            return Err(refuse(format!("there is a partition {name} already")));
        } else if others.len() + 1 >= PARTITIONS {
            return Err(refuse(format!("there are more than {PARTITIONS} partitions")));
        } else {
            others.push(definition);
        }
    }
    if let Some((name, at)) = stands_for {
        let found = others.iter().position(|other| other.name == name);
        let text = format!("partition default: there is no partition {name} above");
        let found = found.ok_or(SetupError { at: Some(at), text })?;
        default = others.remove(found);
    }
    others.insert(0, default);
    Ok(others)
}

/// The name and the properties.
fn parted(text: &str) -> Result<(&str, &str), String> {
    let expected = "a partition is `name: property = value; ...`";
    let (name, rest) = text.split_once(':').ok_or_else(|| format!("{expected}, not `{text}`"))?;
    let name = name.trim();
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(word) {
        return Err(format!("{expected}, and its name is a word, not `{name}`"));
    }
    Ok((name, rest.trim()))
}

fn properties(text: &str) -> Result<Vec<(&'static str, String)>, String> {
    let mut own = Vec::new();
    for property in text.split(';').map(str::trim).filter(|property| !property.is_empty()) {
        let (name, value) = property
            .split_once('=')
            .ok_or_else(|| format!("a property is `name = value`, not `{property}`"))?;
        let (name, value) = (name.trim(), value.trim());
        let entry = entry(name)?;
        check(entry, value)?;
        own.push((entry.name, value.to_owned()));
    }
    Ok(own)
}

/// The parameter that a property is named as.
fn entry(name: &str) -> Result<&'static ParamEntry, String> {
    let name = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| *long);
    let entry = PARAMS.iter().find(|entry| entry.name == name || entry.aliases.contains(&name));
    let entry = entry.filter(|entry| PROPERTIES.iter().any(|(known, _)| *known == entry.name));
    entry.ok_or_else(|| match PARAMS.iter().find(|entry| entry.name == name) {
        Some(ParamEntry { status: Status::Later, .. }) => format!("`{name}` comes later"),
        Some(_) => format!("`{name}` is the same for all partitions: modparam sets it"),
        None => format!("there is no property `{name}`"),
    })
}

fn check(entry: &ParamEntry, value: &str) -> Result<(), String> {
    let setting = match entry.kind {
        SettingKind::Int => {
            let number = value.parse();
            let number = number.map_err(|_| format!("{} is a number, not `{value}`", entry.name));
            Setting::Int(number?)
        }
        _ => Setting::Text(value.to_owned()),
    };
    let checked = entry.check.map_or(Ok(()), |check| check(&setting));
    checked.map_err(|why| format!("{}: {why}", entry.name))
}

impl Definition {
    /// Whether calls that name no partition use it.
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT
    }
}

impl Given<'_, '_> {
    /// What the partition has of its own.
    pub fn own(&self, name: &str) -> Option<&str> {
        let own = self.definition.own.iter().rev().find(|(given, _)| *given == name);
        own.map(|(_, value)| value.as_str())
    }

    /// All texts of a parameter that may come again, each with its place.
    pub fn all(&self, name: &str) -> Vec<(String, Option<Location>)> {
        let own = self.definition.own.iter().filter(|(given, _)| *given == name);
        let mut all: Vec<_> = own.map(|(_, text)| (text.clone(), self.definition.at)).collect();
        if self.definition.is_default() {
            let of_module = self.setup.params(name);
            all.extend(of_module.filter_map(|(value, at)| match value {
                Setting::Text(text) | Setting::Word(text) => Some((text.clone(), Some(at))),
                Setting::Int(_) => None,
            }));
        }
        all
    }

    /// Where a parameter is set that the partition goes by.
    pub fn at(&self, name: &str) -> Option<Location> {
        match self.own(name) {
            Some(_) => self.definition.at,
            None => self.of_module(name).map(|(_, at)| at),
        }
    }

    /// A text; that of a number, too.
    pub fn text(&self, name: &str) -> Option<String> {
        if let Some(own) = self.own(name) {
            return Some(own.to_owned());
        }
        match self.of_module(name)?.0 {
            Setting::Int(number) => Some(number.to_string()),
            Setting::Text(text) | Setting::Word(text) => Some(text.trim().to_owned()),
        }
    }

    /// A number, or its default.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        match (self.own(name), self.of_module(name)) {
            (Some(own), _) => own.parse().unwrap_or(default),
            (None, Some((Setting::Int(number), _))) => *number,
            _ => default,
        }
    }

    /// The module's value, where the partition goes by it.
    fn of_module(&self, name: &str) -> Option<(&Setting, Location)> {
        let inherits = |(known, inherited): &(&str, bool)| *known == name && !*inherited;
        let kept = !self.definition.is_default() && PROPERTIES.iter().any(inherits);
        self.setup.param(name).filter(|_| !kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_has_a_name_and_properties() {
        let (name, rest) = parted("vm :\n db_url = mysql://u:p@h/d;\n ping_from=sip:a;").unwrap();
        assert_eq!(name, "vm");
        let own = properties(rest).unwrap();
        let expected = [("db_url", "mysql://u:p@h/d"), ("ds_ping_from", "sip:a")];
        assert_eq!(own, expected.map(|(name, value)| (name, value.to_owned())));
        assert!(parted("vm").is_err() && parted("a b: c=d").is_err() && parted(": c=d").is_err());
    }

    #[test]
    fn properties_are_checked_as_parameters_are() {
        let refused = |text: &str| properties(text).unwrap_err();
        assert_eq!(refused("db_urls = x"), "there is no property `db_urls`");
        assert_eq!(refused("db_url"), "a property is `name = value`, not `db_url`");
        assert_eq!(refused("ds_probing_mode = a"), "ds_probing_mode is a number, not `a`");
        assert!(refused("ds_ping_interval = 100000").contains("up to 86400"));
        assert!(refused("flags = 1").contains("the same for all"));
        let own = properties("ds_probing_threshhold = 2").unwrap();
        assert_eq!(own, [("ds_probing_threshold", "2".to_owned())], "the old spelling");
    }

    #[test]
    fn names_have_keys_of_their_own() {
        assert_eq!((key(""), key(" default "), key("default")), (0, 0, 0));
        assert!(key("gold") > 1 && key("gold") == key(" gold ") && key("gold") != key("silver"));
    }
}
