//! Tables that a function of a script asks: at once where the database answers from memory, else
//! the run waits, and nothing else does.

use std::sync::{Arc, LazyLock};

use sluice_engine::Flow;
use sluice_engine::db::{Action, Condition, Field, Outcome, Query, Rows, Source, Statement};
use sluice_engine::job::{Answer, Job};
use sluice_engine::module::{Setup, SetupError, Then, Wait};

/// The rows that were found.
pub(crate) struct Found(Arc<Outcome>);

impl Found {
    /// Them.
    pub(crate) fn rows(&self) -> &[Box<[Field]>] {
        match &*self.0 {
            Ok(Rows { rows, .. }) => rows,
            Err(_) => &[],
        }
    }

    /// Them with their columns.
    pub(crate) fn table(&self) -> &Rows {
        static NONE: LazyLock<Rows> = LazyLock::new(Rows::default);
        self.0.as_ref().as_ref().unwrap_or(&NONE)
    }
}

/// The rows of a statement; `answer` is the database's, when it has been asked before.
///
/// # Errors
/// What the function gives meanwhile, or since the database cannot say.
pub(crate) fn ask(
    source: &Arc<dyn Source>,
    answer: Option<&Answer>,
    then: Then,
    statement: impl FnOnce() -> Statement,
) -> Result<Found, Flow> {
    let outcome = match answer {
        Some(Answer::Rows(outcome)) => Arc::clone(outcome),
        Some(_) => return Err(Flow::Fail("the database gave no answer")),
        None => {
            let statement = statement();
            match source.now(&statement) {
                Some(outcome) => Arc::new(outcome),
                None => {
                    let job = Job::Query(Query::new(source, statement));
                    return Err(Flow::Suspend(Wait::Job(job), then));
                }
            }
        }
    };
    if let Err(error) = &*outcome {
        tracing::error!(target: "db", "{}: {error}", source.name());
        return Err(Flow::Fail("the database cannot say"));
    }
    Ok(Found(outcome))
}

/// Asks for columns of the rows in which columns equal texts.
pub(crate) fn select(
    table: &str,
    columns: &Arc<[Arc<str>]>,
    keys: &[(&Arc<str>, &[u8])],
) -> Statement {
    let equal = |(column, text): &(&Arc<str>, &[u8])| Condition::equal(column, Field::text(text));
    Statement {
        table: table.into(),
        action: Action::Select(Arc::clone(columns)),
        conditions: keys.iter().map(equal).collect(),
    }
}

/// The database of `db_url`, else the one of all modules.
///
/// # Errors
/// That neither is there, or why it cannot be opened.
pub(crate) fn database(setup: &mut Setup<'_>) -> Result<Arc<dyn Source>, SetupError> {
    let at = setup.param("db_url").map(|(_, at)| at);
    let url = setup.text("db_url").map(str::to_owned).filter(|url| !url.is_empty());
    let url = url.or_else(|| setup.settings.db_default_url.clone()).ok_or_else(|| SetupError {
        at,
        text: "there is no database: set db_url, or db_default_url for all modules".to_owned(),
    })?;
    setup.databases.open(&url).map_err(|text| SetupError { at, text })
}
