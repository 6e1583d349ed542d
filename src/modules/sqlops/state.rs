//! The databases that scripts may ask, by number, and how AVPs lie in their tables.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::db::Source;
use sluice_engine::module::{Setup, SetupError, SharedState};
use sluice_script::ir::Setting;
use sluice_script::source::Location;

/// The module's shared state.
pub(super) struct State {
    databases: Vec<(i64, Arc<dyn Source>)>,
    /// Whether the domain of a URI is a part of its key.
    pub(super) use_domain: bool,
    /// The table of AVPs and its columns.
    pub(super) table: Arc<str>,
    pub(super) columns: Columns,
    schemes: Vec<Scheme>,
}

/// Names of columns.
#[derive(Clone)]
pub(super) struct Columns {
    pub(super) uuid: Arc<str>,
    pub(super) username: Arc<str>,
    pub(super) domain: Arc<str>,
    pub(super) attribute: Arc<str>,
    pub(super) value: Arc<str>,
    pub(super) kind: Arc<str>,
}

/// A table of another layout: a value for each user, in a column of its own.
#[derive(Clone)]
pub(super) struct Scheme {
    name: String,
    pub(super) table: Arc<str>,
    pub(super) uuid: Option<Arc<str>>,
    pub(super) username: Option<Arc<str>>,
    pub(super) domain: Option<Arc<str>>,
    pub(super) value: Arc<str>,
    /// Whether values are numbers.
    pub(super) is_number: bool,
}

/// A worker's handle.
pub(super) struct Handle(pub(super) Arc<State>);

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Handle(self))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl State {
    /// The database of a number.
    pub(super) fn database(&self, number: i64) -> Option<&Arc<dyn Source>> {
        self.databases.iter().find(|(known, _)| *known == number).map(|(_, source)| source)
    }

    /// The layout of a name.
    pub(super) fn scheme(&self, name: &[u8]) -> Option<&Scheme> {
        self.schemes.iter().find(|scheme| scheme.name.as_bytes() == name)
    }
}

/// The state, behind a worker's handle.
pub(super) fn of(state: &mut dyn Any) -> Option<Arc<State>> {
    state.downcast_ref::<Handle>().map(|handle| Arc::clone(&handle.0))
}

/// Opens the databases. `table` is the parameter that names the table of AVPs.
///
/// # Errors
/// A database that cannot be opened.
pub fn start(setup: &mut Setup<'_>, table: &str) -> Result<Arc<dyn SharedState>, SetupError> {
    let urls: Vec<_> = given(setup, "db_url")
        .into_iter()
        .map(|(text, at)| (numbered(&text), at))
        .filter_map(|(numbered, at)| Some((numbered?, Some(at))))
        .collect();
    let default = setup.settings.db_default_url.clone().map(|url| ((0, url), None));
    let default = default.filter(|_| !urls.iter().any(|((number, _), _)| *number == 0));
    let mut databases = Vec::new();
    for ((number, url), at) in urls.into_iter().chain(default) {
        let source = setup.databases.open(&url).map_err(|text| SetupError { at, text })?;
        databases.retain(|(known, _)| *known != number);
        databases.push((number, source));
    }
    let text = |name: &str, default: &str| Arc::from(setup.text(name).unwrap_or(default));
    Ok(Arc::new(State {
        databases,
        use_domain: setup.int("use_domain", 0) != 0,
        table: text(table, "usr_preferences"),
        columns: Columns {
            uuid: text("uuid_column", "uuid"),
            username: text("username_column", "username"),
            domain: text("domain_column", "domain"),
            attribute: text("attribute_column", "attribute"),
            value: text("value_column", "value"),
            kind: text("type_column", "type"),
        },
        schemes: given(setup, "db_scheme").iter().filter_map(|(s, _)| scheme(s).ok()).collect(),
    }))
}

/// All values of a repeatable parameter.
fn given(setup: &Setup<'_>, name: &str) -> Vec<(String, Location)> {
    let all = setup.script.params.iter();
    all.filter(|param| param.module == setup.module && param.name == name)
        .filter_map(|param| match &param.value {
            Setting::Text(text) | Setting::Word(text) => Some((text.clone(), param.at)),
            Setting::Int(_) => None,
        })
        .collect()
}

/// `1 mysql://...`, or a URL alone, which is number 0.
fn numbered(text: &str) -> Option<(i64, String)> {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some((number, url)) => Some((number.parse().ok()?, url.trim().to_owned())),
        None => Some((0, text.to_owned())),
    }
}

/// See [`crate::sqlops`]' parameters.
pub(super) fn check_url(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) | Setting::Word(text) if numbered(text).is_some() => Ok(()),
        _ => Err("a database is `mysql://...`, or `1 mysql://...` with its number".to_owned()),
    }
}

/// See [`crate::sqlops`]' parameters.
pub(super) fn check_scheme(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) | Setting::Word(text) => scheme(text).map(drop),
        Setting::Int(_) => Err("a layout is a text".to_owned()),
    }
}

fn scheme(text: &str) -> Result<Scheme, String> {
    let wrong = || "a layout is `name:table=T;value_col=C;...`".to_owned();
    let (name, elements) = text.split_once(':').ok_or_else(wrong)?;
    let (mut table, mut value) = (None, None);
    let (mut uuid, mut username, mut domain) = (None, None, None);
    let mut is_number = false;
    for element in elements.split(';').map(str::trim).filter(|element| !element.is_empty()) {
        let (key, said) = element.split_once('=').ok_or_else(wrong)?;
        let said = said.trim();
        match key.trim() {
            "table" => table = Some(Arc::from(said)),
            "value_col" => value = Some(Arc::from(said)),
            "uuid_col" => uuid = Some(Arc::from(said)),
            "username_col" => username = Some(Arc::from(said)),
            "domain_col" => domain = Some(Arc::from(said)),
            "value_type" if ["integer", "string"].contains(&said) => is_number = said == "integer",
            "value_type" => return Err(format!("value_type is integer or string, not `{said}`")),
            other => return Err(format!("a layout has no `{other}`")),
        }
    }
    let (Some(table), Some(value)) = (table, value) else { return Err(wrong()) };
    Ok(Scheme { name: name.trim().to_owned(), table, uuid, username, domain, value, is_number })
}
