//! A table of contacts in a database: which columns it has, its rows as contacts and contacts as
//! rows (spec 5.6, 6.6).
//!
//! Takes and gives statements; does no I/O. A column that a table lacks is not stored; a text that
//! is not there is empty, since not every layout has it nullable.

use std::sync::{Arc, OnceLock};

use sluice_engine::db::{Action, Compare, Condition, Field, Rows, Source, Statement};
use sluice_engine::module::Setup;

use super::locations::Locations;
use super::methods;
use super::record::{Contact, Fixed, MEMORY_ONLY, State};

/// The columns: parameter and default name.
const COLUMNS: [(&str, &str); 17] = [
    ("contact_id_column", "contact_id"),
    ("user_column", "username"),
    ("domain_column", "domain"),
    ("contact_column", "contact"),
    ("received_column", "received"),
    ("path_column", "path"),
    ("expires_column", "expires"),
    ("q_column", "q"),
    ("callid_column", "callid"),
    ("cseq_column", "cseq"),
    ("last_modified_column", "last_modified"),
    ("flags_column", "flags"),
    ("cflags_column", "cflags"),
    ("user_agent_column", "user_agent"),
    ("socket_column", "socket"),
    ("methods_column", "methods"),
    ("sip_instance_column", "sip_instance"),
];
const ATTR: (&str, &str) = ("attr_column", "attr");

/// Their places in [`COLUMNS`]; `ATTR` stands behind them.
mod at {
    pub const ID: usize = 0;
    pub const USER: usize = 1;
    pub const DOMAIN: usize = 2;
    pub const CONTACT: usize = 3;
    pub const RECEIVED: usize = 4;
    pub const PATH: usize = 5;
    pub const EXPIRES: usize = 6;
    pub const Q: usize = 7;
    pub const CALL_ID: usize = 8;
    pub const CSEQ: usize = 9;
    pub const MODIFIED: usize = 10;
    pub const FLAGS: usize = 11;
    pub const CFLAGS: usize = 12;
    pub const AGENT: usize = 13;
    pub const SOCKET: usize = 14;
    pub const METHODS: usize = 15;
    pub const INSTANCE: usize = 16;
    pub const ATTR: usize = 17;
    pub const COUNT: usize = 18;
}

/// What a database has of the contacts (spec 6.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// What memory has, when a REGISTER is answered.
    WriteThrough,
    /// What memory has, some time later.
    WriteBack,
    /// All of them; memory has none.
    Only,
}

/// Where tables are kept.
#[derive(Clone)]
pub struct Database {
    /// The database.
    pub source: Arc<dyn Source>,
    /// What it has.
    pub kept: Kept,
    names: [Arc<str>; at::COUNT],
    pub(super) versions: String,
    use_domain: bool,
}

impl Database {
    /// Of the parameters.
    pub(super) fn new(
        setup: &Setup<'_>,
        source: Arc<dyn Source>,
        kept: Kept,
        use_domain: bool,
    ) -> Self {
        let all: [(&str, &str); at::COUNT] =
            std::array::from_fn(|at| COLUMNS.get(at).copied().unwrap_or(ATTR));
        let names = all.map(|(param, default)| setup.text(param).unwrap_or(default).into());
        let versions = setup.settings.db_version_table.clone();
        Self { source, kept, names, versions, use_domain }
    }
}

/// One table of it.
pub struct Store {
    /// The database.
    pub database: Database,
    table: Arc<str>,
    /// Which columns it has, once it has been read.
    has: OnceLock<[bool; at::COUNT]>,
}

/// Where a row has what, by the places in [`COLUMNS`].
type Places = [Option<usize>; at::COUNT];

impl Store {
    /// A table by its name.
    pub(super) fn new(database: &Database, table: &str) -> Self {
        Self { database: database.clone(), table: table.into(), has: OnceLock::new() }
    }

    /// What it is called in messages.
    pub fn place(&self) -> String {
        self.database.source.place(&self.table)
    }

    /// Takes over which columns there are, from rows with all of them.
    ///
    /// # Errors
    /// One is missing that must be there.
    pub(super) fn know(&self, rows: &Rows) -> Result<(), String> {
        let places = self.places(rows);
        for must in [at::USER, at::CONTACT, at::EXPIRES] {
            if places[must].is_none() {
                let name = &self.database.names[must];
                return Err(format!("{}: there is no column `{name}`", self.place()));
            }
        }
        let _ = self.has.set(places.map(|place| place.is_some()));
        Ok(())
    }

    /// The column of numbers, where there is one.
    pub(super) fn number(&self) -> Option<Arc<str>> {
        self.has(at::ID).then(|| self.name(at::ID))
    }

    /// The name of the table.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// Where rows have what.
    pub(super) fn places(&self, rows: &Rows) -> Places {
        std::array::from_fn(|at| rows.column(&self.database.names[at]))
    }

    /// A row as a contact, with its AoR.
    pub(super) fn contact<'r>(
        &self,
        locations: &Locations,
        places: &Places,
        fields: &'r [Field],
    ) -> Option<(Vec<u8>, Contact<'r>)> {
        let field = |at: usize| {
            let place = places.get(at).copied().flatten();
            place.and_then(|place| fields.get(place)).unwrap_or(&Field::Null)
        };
        let text = |at: usize| field(at).bytes().unwrap_or_default();
        let number = |at: usize| field(at).int();
        let small = |at: usize| number(at).map_or(0, |n| n.clamp(0, u32::MAX.into()) as u32);
        let mut aor = text(at::USER).to_vec();
        let domain = text(at::DOMAIN);
        if self.database.use_domain && !domain.is_empty() {
            aor.extend(b"@".iter().filter(|_| !text(at::USER).is_empty()).chain(domain));
        }
        let uri = text(at::CONTACT);
        if aor.is_empty() || uri.is_empty() {
            return None;
        }
        let q = match field(at::Q) {
            Field::Double(q) => Some(*q),
            other => other
                .int()
                .map(|q| q as f64)
                .or_else(|| std::str::from_utf8(other.bytes()?).ok()?.trim().parse().ok()),
        };
        let socket = std::str::from_utf8(text(at::SOCKET)).ok();
        let agent = locations.agents.number(text(at::AGENT));
        let methods = number(at::METHODS).map_or(methods::ALL, |bits| bits as u32);
        let fixed = Fixed {
            id: number(at::ID).map_or(0, |id| id as u64),
            expires: u32::try_from(number(at::EXPIRES)?).ok()?,
            modified: small(at::MODIFIED),
            cseq: small(at::CSEQ),
            flags: small(at::FLAGS) & !MEMORY_ONLY,
            cflags: locations.flag_bits(text(at::CFLAGS)),
            methods,
            q: q.filter(|q| (0.0..=1.0).contains(q)).map_or(-1, |q| (q * 1_000.0).round() as i16),
            agent,
            socket: socket.and_then(|socket| locations.sockets.named(socket)),
            state: State::Sync,
            ..Fixed::default()
        };
        let contact = Contact {
            uri,
            call_id: text(at::CALL_ID),
            received: text(at::RECEIVED),
            path: text(at::PATH),
            instance: text(at::INSTANCE),
            attr: text(at::ATTR),
            user_agent: if agent == 0 { text(at::AGENT) } else { b"" },
            fixed,
        };
        contact.fits().then_some((aor, contact))
    }

    /// Asks for all rows, or those of an AoR; only the columns that there are.
    pub(super) fn select(&self, aor: Option<&[u8]>) -> Statement {
        let columns = (0..at::COUNT).filter(|at| self.has(*at)).map(|at| self.name(at));
        let columns: Arc<[Arc<str>]> = columns.collect();
        let which = aor.map_or(Vec::new(), |aor| self.user(aor));
        self.statement(Action::Select(columns), which)
    }

    /// Writes a contact in the place of its row, or as a new one.
    pub(super) fn put(
        &self,
        locations: &Locations,
        aor: &[u8],
        contact: &Contact<'_>,
    ) -> Statement {
        let Fixed { expires, modified, cseq, flags, cflags, methods, q, socket, .. } =
            contact.fixed;
        let socket = socket.and_then(|socket| locations.sockets.get(socket));
        let mut fields = vec![
            (at::RECEIVED, Field::text(contact.received)),
            (at::PATH, Field::text(contact.path)),
            (at::EXPIRES, Field::Time(expires.into())),
            (at::Q, Field::Double(if q < 0 { -1.0 } else { f64::from(q) / 1_000.0 })),
            (at::CALL_ID, Field::text(contact.call_id)),
            (at::CSEQ, Field::Int(cseq.into())),
            (at::MODIFIED, Field::Time(modified.into())),
            (at::FLAGS, Field::Int(flags.into())),
            (at::CFLAGS, Field::text(locations.flag_names(cflags))),
            (at::AGENT, locations.agent_of(contact, |text| Field::text(text))),
            (at::SOCKET, Field::text(socket.map_or("", |socket| &socket.text))),
            (at::INSTANCE, Field::text(contact.instance)),
            (at::ATTR, Field::text(contact.attr)),
        ];
        if methods != methods::ALL {
            fields.push((at::METHODS, Field::Int(methods.into())));
        }
        if self.has(at::ID) {
            fields.push((at::CONTACT, Field::text(contact.uri)));
        }
        let fields = fields.into_iter().filter(|(at, _)| self.has(*at));
        let fields = fields.map(|(at, field)| (self.name(at), field)).collect();
        self.statement(Action::Replace(fields), self.key(aor, contact))
    }

    /// Removes the row of a contact.
    pub(super) fn remove(&self, aor: &[u8], contact: &Contact<'_>) -> Statement {
        self.statement(Action::Delete, self.key(aor, contact))
    }

    /// Removes the rows of contacts that have expired.
    pub(super) fn remove_expired(&self, now_s: u32) -> Statement {
        let than = |compare, value: u32| Condition {
            column: self.name(at::EXPIRES),
            compare,
            value: Field::Time(value.into()),
        };
        let both = vec![than(Compare::Greater, 0), than(Compare::Less, now_s)];
        self.statement(Action::Delete, both)
    }

    /// Removes all rows, or those of an AoR.
    pub(super) fn clear(&self, aor: Option<&[u8]>) -> Statement {
        self.statement(Action::Delete, aor.map_or(Vec::new(), |aor| self.user(aor)))
    }

    pub(super) fn statement(&self, action: Action, conditions: Vec<Condition>) -> Statement {
        Statement { table: Arc::clone(&self.table), action, conditions }
    }

    /// Which row is the contact's: by its number, where rows have one.
    fn key(&self, aor: &[u8], contact: &Contact<'_>) -> Vec<Condition> {
        let mut key = self.user(aor);
        let own = match self.has(at::ID) {
            true => Condition::equal(&self.name(at::ID), Field::Int(contact.fixed.id as i64)),
            false => Condition::equal(&self.name(at::CONTACT), Field::text(contact.uri)),
        };
        key.push(own);
        key
    }

    /// That a row is of a user.
    pub(super) fn is_user(&self, user: &[u8]) -> Condition {
        Condition::equal(&self.name(at::USER), Field::text(user))
    }

    /// The conditions that rows of an AoR pass.
    fn user(&self, aor: &[u8]) -> Vec<Condition> {
        let split = aor.iter().rposition(|byte| *byte == b'@').filter(|_| self.database.use_domain);
        let (user, domain) = match split {
            Some(at) => (&aor[..at], aor.get(at + 1..)),
            // Without a user the AoR is the domain.
            None if self.database.use_domain => (&b""[..], Some(aor)),
            None => (aor, None),
        };
        let user = self.is_user(user);
        let domain = domain.filter(|_| self.has(at::DOMAIN));
        let domain =
            domain.map(|domain| Condition::equal(&self.name(at::DOMAIN), Field::text(domain)));
        std::iter::once(user).chain(domain).collect()
    }

    fn has(&self, at: usize) -> bool {
        self.has.get().and_then(|has| has.get(at)).copied().unwrap_or(true)
    }

    fn name(&self, at: usize) -> Arc<str> {
        self.database.names.get(at).map_or_else(|| Arc::from(""), Arc::clone)
    }
}
