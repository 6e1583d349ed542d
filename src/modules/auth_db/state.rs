//! The parameters, and the passwords that are kept for a while.

use std::any::Any;
use std::sync::Arc;

use sluice_base::{Now, WorkerId};
use sluice_engine::db::{Action, Condition, Field, Source, Statement};
use sluice_engine::module::{Setup, SetupError, SharedState};
use sluice_engine::run::AvpKey;
use sluice_script::ir::Setting;

use crate::auth::api::Auth;
use crate::cachedb_local::api::Collection;
use crate::db_version;
use crate::names;
use sluice_sip::digest::Function;

/// Versions of `subscriber` that are read (spec 5.6).
const SUBSCRIBER: std::ops::RangeInclusive<i64> = 6..=8;

/// What all workers share.
pub struct State {
    pub(super) auth: Auth,
    pub(super) source: Arc<dyn Source>,
    /// `calculate_ha1`: the column holds the password itself.
    pub(super) plain: bool,
    pub(super) use_domain: bool,
    user: Arc<str>,
    domain: Arc<str>,
    /// What is read for each hash function: its column, then those of `load_credentials`.
    selects: [Arc<[Arc<str>]>; 3],
    /// The AVPs of these.
    pub(super) avps: Vec<AvpKey>,
    pub(super) cache: Option<Cache>,
    /// Columns of tables that map users to usernames.
    pub(super) uri: UriColumns,
}

/// Rows that are kept.
pub(super) struct Cache {
    pub rows: Collection,
    pub seconds: u64,
}

/// What the columns of tables such as `uri` are called.
pub(super) struct UriColumns {
    /// The username.
    pub user: Arc<str>,
    /// Its domain.
    pub domain: Arc<str>,
    /// The user part that it may use.
    pub uri_user: Arc<str>,
}

/// What a worker holds.
pub(super) struct Handle(pub Arc<State>);

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Handle(self))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn tick(&self, now: Now) {
        if let Some(cache) = &self.cache {
            cache.rows.sweep(now.mono_ms());
        }
    }
}

/// Reads the parameters and opens the database.
///
/// # Errors
/// No `auth`, no database, or columns for AVPs that are none.
pub(super) fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let refuse = |at, text: &str| Err(SetupError { at, text: text.to_owned() });
    let Some(auth) = Auth::of(setup) else {
        return refuse(None, "auth_db judges by module auth: loadmodule \"auth.so\" is missing");
    };
    let (url, at) = match setup.param("db_url") {
        Some((Setting::Text(url), at)) => (Some(url.clone()), Some(at)),
        _ => (setup.settings.db_default_url.clone(), None),
    };
    let Some(url) = url else {
        return refuse(at, "auth_db needs a database: db_url, or the global db_default_url");
    };
    let source = setup.databases.open(&url).map_err(|text| SetupError { at, text })?;
    if setup.int("skip_version_check", 0) == 0 {
        let versions = &setup.settings.db_version_table;
        let told = db_version::warning(&*source, versions, "subscriber", SUBSCRIBER);
        setup.warnings.extend(told);
    }
    let (avps, loaded) = credentials(setup)?;
    let column = |name: &str, default: &str| Arc::from(setup.text(name).unwrap_or(default));
    let select = |name: &str, default: &str| {
        std::iter::once(column(name, default)).chain(loaded.iter().cloned()).collect()
    };
    let seconds = u64::try_from(setup.int("credentials_cache", 0)).unwrap_or_default();
    Ok(Arc::new(State {
        auth,
        source,
        plain: setup.int("calculate_ha1", 0) != 0,
        use_domain: setup.int("use_domain", 0) != 0,
        user: column("user_column", "username"),
        domain: column("domain_column", "domain"),
        selects: [
            select("password_column", "ha1"),
            select("hash_column_sha256", "ha1_sha256"),
            select("hash_column_sha512t256", "ha1_sha512t256"),
        ],
        avps,
        cache: (seconds > 0).then(|| Cache { rows: Collection::default(), seconds }),
        uri: UriColumns {
            user: column("uri_user_column", "username"),
            domain: column("uri_domain_column", "domain"),
            uri_user: column("uri_uriuser_column", "uri_user"),
        },
    }))
}

/// `load_credentials`: `$avp(name)=column`, or a column that names the AVP too; with `;` between.
fn credentials(setup: &mut Setup<'_>) -> Result<(Vec<AvpKey>, Vec<Arc<str>>), SetupError> {
    let Some((Setting::Text(text), at)) = setup.param("load_credentials") else {
        return Ok(Default::default());
    };
    let (text, at) = (text.clone(), Some(at));
    let (mut avps, mut columns) = (Vec::new(), Vec::new());
    for item in text.split(';').map(str::trim).filter(|item| !item.is_empty()) {
        let (avp, column) = item.split_once('=').unwrap_or((item, item));
        let Some(name) = names::avp(avp.trim()) else {
            let text = format!("load_credentials: `{avp}` is no AVP: $avp(name)=column;...");
            return Err(SetupError { at, text });
        };
        avps.push(AvpKey::Slot(setup.script.avps.intern(name)));
        columns.push(Arc::from(column.trim()));
    }
    Ok((avps, columns))
}

impl State {
    /// Asks for the password of a user. `domain` only matters where domains are in use.
    pub(super) fn password(
        &self,
        table: &str,
        function: Function,
        user: &[u8],
        domain: &[u8],
    ) -> Statement {
        // spec 7.5: a plain password is the same for all hash functions.
        let select = if self.plain { Function::Md5 } else { function };
        let columns = self.selects.get(select as usize).cloned().unwrap_or_default();
        let mut conditions = vec![Condition::equal(&self.user, Field::text(user))];
        if self.use_domain {
            conditions.push(Condition::equal(&self.domain, Field::text(domain)));
        }
        Statement { table: table.into(), action: Action::Select(columns), conditions }
    }

    /// Asks whether there is a user.
    pub(super) fn user(&self, table: &str, user: &[u8], domain: &[u8]) -> Statement {
        let mut conditions = vec![Condition::equal(&self.user, Field::text(user))];
        if self.use_domain {
            conditions.push(Condition::equal(&self.domain, Field::text(domain)));
        }
        let columns = Action::Select(Arc::new([Arc::clone(&self.user)]));
        Statement { table: table.into(), action: columns, conditions }
    }
}
