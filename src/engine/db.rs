//! Tables of a database, as modules see them (spec 5.3): what can be asked, what comes back, what
//! can go wrong. A source is a database; each kind has its own. Does no I/O itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::later::Later;

/// A field of a row.
#[derive(Clone, PartialEq, Debug)]
pub enum Field {
    /// Nothing.
    Null,
    /// A whole number; also a boolean, and a time where the table has it as a number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// A text, or bytes.
    Text(Box<[u8]>),
    /// A moment, seconds since 1970.
    Time(i64),
}

impl Field {
    /// A text.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// The number; also of a text that is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) | Self::Time(number) => Some(*number),
            Self::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
            Self::Double(_) | Self::Null => None,
        }
    }

    /// The bytes of a text.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// How a column is compared with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compare {
    /// `=`; NULL equals NULL only.
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `!=`; any value is other than NULL, and NULL is other than none.
    Differs,
}

/// A condition on rows; several hold together.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// The column.
    pub column: Arc<str>,
    /// How.
    pub compare: Compare,
    /// With what.
    pub value: Field,
}

impl Condition {
    /// A column that equals a value.
    pub fn equal(column: &Arc<str>, value: Field) -> Self {
        Self { column: Arc::clone(column), compare: Compare::Equal, value }
    }
}

/// What is asked of a table.
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    /// The table.
    pub table: Arc<str>,
    /// What is done with it.
    pub action: Action,
    /// For which rows; none means all. Not for [`Action::Insert`].
    pub conditions: Vec<Condition>,
}

/// What is done with a table.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// The rows are read; no columns means all.
    Select(Arc<[Arc<str>]>),
    /// A row is added; what is left out is NULL, or the next number of an `auto` column.
    Insert(Vec<(Arc<str>, Field)>),
    /// Fields of the rows are changed.
    Update(Vec<(Arc<str>, Field)>),
    /// The rows are removed.
    Delete,
    /// The rows are changed; without one, a row is added of the fields and the conditions.
    Replace(Vec<(Arc<str>, Field)>),
    /// A statement in the database's own words, as a script writes it; neither the table nor the
    /// conditions matter. Not for `text`.
    Raw(Arc<str>),
}

/// What a statement gives.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rows {
    /// The columns, as they were asked for.
    pub columns: Arc<[Arc<str>]>,
    /// Their fields, row by row.
    pub rows: Vec<Box<[Field]>>,
    /// Where the rows stand in the file that they come from, from 1; empty where there is no file.
    pub lines: Vec<u32>,
    /// How many rows were changed, added or removed.
    pub changed: u64,
}

impl Rows {
    /// The place of a column; names are compared without regard to case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    }
}

/// Why a statement was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DbError {
    /// There is no such table, or it cannot be read; the reason.
    #[error("table {table}: {why}")]
    NoTable {
        /// Its name.
        table: String,
        /// Why.
        why: String,
    },
    /// The table has no such column.
    #[error("table {table} has no column {column}")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A value does not fit the column.
    #[error("table {table}, column {column}: {why}")]
    Misfit {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Why.
        why: String,
    },
    /// The database cannot be reached, or has gone.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer within {0} ms")]
    Deadline(u64),
    /// The database says no.
    #[error("{0}")]
    Refused(String),
}

/// What a statement came to.
pub type Outcome = Result<Rows, DbError>;

/// Statements under way.
pub type Pending<'a, T = Outcome> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How the control plane has statements done.
pub enum Way<'a, T = Outcome> {
    /// In a thread that may block.
    Blocking(Box<dyn FnOnce() -> T + Send>),
    /// By waiting for it.
    Waiting(Pending<'a, T>),
}

/// What a run asks of a database ([`crate::job::Job::Query`]).
#[derive(Clone)]
pub struct Query {
    /// The database.
    pub source: Arc<dyn Source>,
    /// What [`Source::run`] is to do.
    pub statements: Vec<Statement>,
    /// The longest to wait, milliseconds; usually [`crate::limits::QUERY_MS`].
    pub deadline_ms: u64,
}

impl Query {
    /// A statement, with the usual deadline.
    pub fn new(source: &Arc<dyn Source>, statement: Statement) -> Self {
        let source = Arc::clone(source);
        Self { source, statements: vec![statement], deadline_ms: crate::limits::QUERY_MS }
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.statements == other.statements
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.source.name(), self.statements)
    }
}

/// A database.
pub trait Source: Send + Sync {
    /// Its URL without the password, for messages.
    fn name(&self) -> &str;

    /// What a table is called in messages: the path of its file, where it is one.
    fn place(&self, table: &str) -> String;

    /// Does statements as [`Source::run`] does, and waits. For the start and for management
    /// commands, in threads that may block; never for a worker.
    ///
    /// # Errors
    /// Those of the database.
    fn ask(&self, statements: Vec<Statement>) -> Outcome;

    /// Begins statements as [`Source::ask`] does them, where that can go on meanwhile; what is
    /// given waits for them. For the same threads.
    fn begin(&self, statements: Vec<Statement>) -> Box<dyn FnOnce() -> Outcome + '_> {
        Box::new(move || self.ask(statements))
    }

    /// The answer, if it can be had at once, without a wait and without I/O. A worker asks this
    /// first.
    fn now(&self, statement: &Statement) -> Option<Outcome>;

    /// Does statements one after another, up to the first that fails; the outcome is that of the
    /// last one done. What they change is safe when it is there: written to the disk, or committed,
    /// all together where the database can. For the control plane.
    fn run(&self, statements: Vec<Statement>) -> Way<'_>;

    /// Does statements one after another, each whatever becomes of the others; as many outcomes
    /// as statements. What they change is safe when these are there. For the control plane.
    fn each(&self, statements: Vec<Statement>) -> Way<'_, Vec<Outcome>>;
}

/// Opens a database by its URL: `text:///var/db`, `mysql://user:password@host/name`.
pub type Open = Arc<dyn Fn(&str) -> Result<Arc<dyn Source>, String> + Send + Sync>;

/// The databases of a program: kinds by the scheme of their URLs, each database opened once.
#[derive(Default)]
pub struct Databases {
    kinds: Vec<(&'static str, Open)>,
    open: Vec<(String, Arc<dyn Source>)>,
    later: Vec<Arc<Later>>,
}

impl Databases {
    /// Adds a kind; `scheme` is what stands before `://`.
    pub fn add(&mut self, scheme: &'static str, open: Open) {
        self.kinds.push((scheme, open));
    }

    /// The database of a URL.
    ///
    /// # Errors
    /// The module that must be loaded for it, or why it cannot be opened.
    pub fn open(&mut self, url: &str) -> Result<Arc<dyn Source>, String> {
        if let Some((_, source)) = self.open.iter().find(|(known, _)| known == url) {
            return Ok(Arc::clone(source));
        }
        // spec 5.1: before 1.5 a folder alone was a URL.
        let (scheme, rest) = match url.split_once("://") {
            Some(parts) => parts,
            None if url == "sqlite::memory:" => ("sqlite", ":memory:"),
            None if url.starts_with('/') => ("text", url),
            None => return Err(format!("`{url}` is no URL of a database: SCHEME://...")),
        };
        let known = self.kinds.iter().find(|(known, _)| known.eq_ignore_ascii_case(scheme));
        let Some((_, open)) = known else {
            return Err(format!("{scheme}://: no module is loaded for it; {}", module_of(scheme)));
        };
        let source = open(rest)?;
        self.open.push((url.to_owned(), Arc::clone(&source)));
        Ok(source)
    }

    /// The queue of a database for changes that nobody waits for.
    pub fn later(&mut self, source: &Arc<dyn Source>) -> Arc<Later> {
        if let Some(known) = self.later.iter().find(|later| later.is_of(source)) {
            return Arc::clone(known);
        }
        let later = Arc::new(Later::new(source));
        self.later.push(Arc::clone(&later));
        later
    }

    /// All these queues.
    pub fn queues(&self) -> &[Arc<Later>] {
        &self.later
    }
}

/// What to do about a kind of database that is not there.
fn module_of(scheme: &str) -> &'static str {
    match scheme.to_ascii_lowercase().as_str() {
        "text" => "loadmodule \"db_text.so\"",
        "mysql" => "loadmodule \"db_mysql.so\"",
        "postgres" => "loadmodule \"db_postgres.so\"",
        "sqlite" => "loadmodule \"db_sqlite.so\"",
        _ => "kinds are text, mysql, postgres and sqlite",
    }
}
