//! Statements as SQL: names are quoted, values are always bound. Takes a statement and the columns
//! of its table, gives the text and what is bound; a column that is not there is told before the
//! database is asked.

use std::fmt::Write;
use std::sync::Arc;

use jiff::tz::TimeZone;
use sluice_engine::db::{Action, Compare, Condition, DbError, Field, Statement};

use super::value::{Bound, Column, fit};

/// How a kind of database writes SQL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// What names stand in.
    pub quote: char,
    /// Places of values are `$1`, `$2`, else `?`.
    pub numbered: bool,
    /// Names of tables that a user writes are in lower case there.
    pub folds: bool,
    /// What a row without any value is inserted by.
    pub no_values: &'static str,
}

/// A text with what is bound to it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Step {
    /// The SQL.
    pub sql: String,
    /// The values of its places.
    pub values: Vec<Bound>,
    /// The columns of the rows that it gives, where the asker named them or the table has them.
    pub columns: Arc<[Arc<str>]>,
    /// Whether the connection keeps it prepared.
    pub keep: bool,
}

/// What a statement is done by.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plan {
    /// What is done first.
    pub first: Step,
    /// What is done when that has met no row.
    pub otherwise: Option<Step>,
}

/// Makes the SQL of statements on a table.
pub(crate) struct Writer<'a> {
    /// How it is written.
    pub dialect: Dialect,
    /// The table's name.
    pub table: &'a str,
    /// Its columns.
    pub columns: &'a [Column],
    /// The zone of local times.
    pub zone: &'a TimeZone,
}

/// The SQL that tells a table's columns.
pub(crate) fn probe(dialect: Dialect, table: &str) -> String {
    let mut sql = "SELECT * FROM ".to_owned();
    table_name(&mut sql, dialect, table);
    sql.push_str(" WHERE 1=0");
    sql
}

/// A statement as a script wrote it.
pub(crate) fn raw(sql: &str) -> Plan {
    let first = Step { sql: sql.to_owned(), ..Step::default() };
    Plan { first, otherwise: None }
}

impl Writer<'_> {
    /// What a statement is done by.
    ///
    /// # Errors
    /// Columns that there are not, values that do not fit theirs.
    pub(crate) fn plan(&self, statement: &Statement) -> Result<Plan, DbError> {
        let conditions = &*statement.conditions;
        let mut otherwise = None;
        let first = match &statement.action {
            Action::Select(wanted) => self.select(wanted, conditions)?,
            Action::Insert(fields) => self.insert(fields, &[])?,
            Action::Update(fields) => self.update(fields, conditions)?,
            Action::Delete => self.delete(conditions)?,
            Action::Replace(fields) => {
                otherwise = Some(self.insert(fields, conditions)?);
                self.update(fields, conditions)?
            }
            Action::Raw(sql) => return Ok(raw(sql)),
        };
        Ok(Plan { first, otherwise })
    }

    fn select(&self, wanted: &Arc<[Arc<str>]>, of: &[Condition]) -> Result<Step, DbError> {
        let columns = match wanted.is_empty() {
            true => self.columns.iter().map(|column| Arc::clone(&column.name)).collect(),
            false => Arc::clone(wanted),
        };
        let mut text = self.begin("SELECT ");
        for (at, column) in columns.iter().enumerate() {
            text.comma(at);
            text.name(&self.column(column)?.name);
        }
        text.step.sql.push_str(" FROM ");
        table_name(&mut text.step.sql, self.dialect, self.table);
        self.conditions(&mut text, of)?;
        Ok(Step { columns, ..text.step })
    }

    fn insert(&self, fields: &[(Arc<str>, Field)], also: &[Condition]) -> Result<Step, DbError> {
        let also = also.iter().filter(|key| key.compare == Compare::Equal);
        let keys = also.map(|key| (&key.column, &key.value));
        let all: Vec<_> = keys.chain(fields.iter().map(|(name, value)| (name, value))).collect();
        let mut text = self.begin("INSERT INTO ");
        table_name(&mut text.step.sql, self.dialect, self.table);
        if all.is_empty() {
            text.step.sql.push_str(self.dialect.no_values);
            return Ok(text.step);
        }
        text.step.sql.push_str(" (");
        for (at, (name, _)) in all.iter().enumerate() {
            text.comma(at);
            text.name(&self.column(name)?.name);
        }
        text.step.sql.push_str(") VALUES (");
        for (at, (name, value)) in all.into_iter().enumerate() {
            text.comma(at);
            self.value(&mut text, name, value)?;
        }
        text.step.sql.push(')');
        Ok(text.step)
    }

    fn update(&self, fields: &[(Arc<str>, Field)], of: &[Condition]) -> Result<Step, DbError> {
        let mut text = self.begin("UPDATE ");
        table_name(&mut text.step.sql, self.dialect, self.table);
        text.step.sql.push_str(" SET ");
        if fields.is_empty() {
            let table = self.table;
            return Err(DbError::Refused(format!("table {table}: an update without any field")));
        }
        for (at, (name, value)) in fields.iter().enumerate() {
            text.comma(at);
            text.name(&self.column(name)?.name);
            text.step.sql.push('=');
            self.value(&mut text, name, value)?;
        }
        self.conditions(&mut text, of)?;
        Ok(text.step)
    }

    fn delete(&self, of: &[Condition]) -> Result<Step, DbError> {
        let mut text = self.begin("DELETE FROM ");
        table_name(&mut text.step.sql, self.dialect, self.table);
        self.conditions(&mut text, of)?;
        Ok(text.step)
    }

    fn conditions(&self, text: &mut Text, of: &[Condition]) -> Result<(), DbError> {
        for (at, condition) in of.iter().enumerate() {
            text.step.sql.push_str(if at == 0 { " WHERE " } else { " AND " });
            let column = self.column(&condition.column)?;
            match (&condition.value, condition.compare) {
                (Field::Null, Compare::Equal) => {
                    text.name(&column.name);
                    text.step.sql.push_str(" IS NULL");
                }
                (Field::Null, Compare::Differs) => {
                    text.name(&column.name);
                    text.step.sql.push_str(" IS NOT NULL");
                }
                // NULL is neither more nor less than anything.
                (Field::Null, _) => text.step.sql.push_str("1=0"),
                (value, compare) => {
                    text.name(&column.name);
                    text.step.sql.push_str(sign(compare));
                    self.value(text, &condition.column, value)?;
                }
            }
        }
        Ok(())
    }

    fn begin(&self, words: &str) -> Text {
        let step = Step { sql: words.to_owned(), keep: true, ..Step::default() };
        Text { step, dialect: self.dialect }
    }

    fn column(&self, name: &str) -> Result<&Column, DbError> {
        let found = self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| DbError::NoColumn {
            table: self.table.to_owned(),
            column: name.to_owned(),
        })
    }

    fn value(&self, text: &mut Text, name: &str, value: &Field) -> Result<(), DbError> {
        let column = self.column(name)?;
        let bound = fit(value, column.class, self.zone).map_err(|why| DbError::Misfit {
            table: self.table.to_owned(),
            column: name.to_owned(),
            why,
        })?;
        text.place(bound, column.cast.as_deref());
        Ok(())
    }
}

/// A text that grows.
struct Text {
    step: Step,
    dialect: Dialect,
}

impl Text {
    fn comma(&mut self, at: usize) {
        if at > 0 {
            self.step.sql.push(',');
        }
    }

    fn name(&mut self, name: &str) {
        quoted(&mut self.step.sql, self.dialect.quote, name);
    }

    fn place(&mut self, value: Bound, cast: Option<&str>) {
        self.step.values.push(value);
        let (sql, at) = (&mut self.step.sql, self.step.values.len());
        // Writing to a String does not fail.
        let _ = match (self.dialect.numbered, cast) {
            (true, Some(cast)) => write!(sql, "CAST(${at} AS {cast})"),
            (true, None) => write!(sql, "${at}"),
            (false, _) => write!(sql, "?"),
        };
    }
}

const fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal => "=",
        Compare::Less => "<",
        Compare::AtMost => "<=",
        Compare::Greater => ">",
        Compare::AtLeast => ">=",
        Compare::Differs => "<>",
    }
}

/// `table`, or `schema.table`.
fn table_name(sql: &mut String, dialect: Dialect, table: &str) {
    for (at, part) in table.split('.').enumerate() {
        if at > 0 {
            sql.push('.');
        }
        match dialect.folds {
            true => quoted(sql, dialect.quote, &part.to_lowercase()),
            false => quoted(sql, dialect.quote, part),
        }
    }
}

/// A name that cannot end before its end.
pub(crate) fn quoted(sql: &mut String, quote: char, name: &str) {
    sql.push(quote);
    for letter in name.chars() {
        if letter == quote {
            sql.push(quote);
        }
        sql.push(letter);
    }
    sql.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::value::Class;

    const MARIA: Dialect =
        Dialect { quote: '`', numbered: false, folds: false, no_values: " () VALUES ()" };
    const POSTGRES: Dialect =
        Dialect { quote: '"', numbered: true, folds: true, no_values: " DEFAULT VALUES" };

    fn plan(dialect: Dialect, action: Action, conditions: Vec<Condition>) -> Result<Plan, DbError> {
        let column = |name: &str, class, cast: Option<&str>| Column {
            name: name.into(),
            class,
            cast: cast.map(Into::into),
        };
        let columns = [
            column("id", Class::Int, Some("INT4")),
            column("User", Class::Text, None),
            column("q`\"", Class::Double, None),
        ];
        let statement = Statement { table: "Sub.T".into(), action, conditions };
        let zone = TimeZone::UTC;
        Writer { dialect, table: "Sub.T", columns: &columns, zone: &zone }.plan(&statement)
    }

    fn key(column: &str, compare: Compare, value: Field) -> Condition {
        Condition { column: column.into(), compare, value }
    }

    #[test]
    fn names_are_quoted_and_values_bound() {
        let of = vec![
            key("user", Compare::Equal, Field::text("o'x\"")),
            key("id", Compare::AtLeast, Field::text("7")),
            key("id", Compare::Equal, Field::Null),
            key("id", Compare::Less, Field::Null),
            key("id", Compare::Differs, Field::Null),
            key("user", Compare::Differs, Field::text("")),
        ];
        let first = plan(MARIA, Action::Select(Arc::new([])), of.clone()).unwrap().first;
        let text = "SELECT `id`,`User`,`q``\"` FROM `Sub`.`T` \
                    WHERE `User`=? AND `id`>=? AND `id` IS NULL AND 1=0 \
                    AND `id` IS NOT NULL AND `User`<>?";
        assert_eq!(first.sql, text);
        let values = [Bound::Text("o'x\"".into()), Bound::Int(7), Bound::Text(String::new())];
        assert_eq!(first.values, values);
        assert_eq!(first.columns.len(), 3);
        let wanted: Arc<[Arc<str>]> = Arc::new(["USER".into()]);
        let first = plan(POSTGRES, Action::Select(wanted), of).unwrap().first;
        let text = "SELECT \"User\" FROM \"sub\".\"t\" \
                    WHERE \"User\"=$1 AND \"id\">=CAST($2 AS INT4) AND \"id\" IS NULL AND 1=0 \
                    AND \"id\" IS NOT NULL AND \"User\"<>$3";
        assert_eq!(first.sql, text);
        assert_eq!(*first.columns, ["USER".into()], "as it was asked for");
    }

    #[test]
    fn changes_are_written() {
        let fields = vec![("q`\"".into(), Field::Double(0.5)), ("user".into(), Field::Null)];
        let of = vec![key("id", Compare::Equal, Field::Int(3))];
        let made = plan(POSTGRES, Action::Replace(fields.clone()), of.clone()).unwrap();
        let update = "UPDATE \"sub\".\"t\" SET \"q`\"\"\"=$1,\"User\"=$2 \
                      WHERE \"id\"=CAST($3 AS INT4)";
        assert_eq!(made.first.sql, update);
        let insert = made.otherwise.unwrap();
        let text = "INSERT INTO \"sub\".\"t\" (\"id\",\"q`\"\"\",\"User\") \
                    VALUES (CAST($1 AS INT4),$2,$3)";
        assert_eq!(insert.sql, text);
        assert_eq!(insert.values, [Bound::Int(3), Bound::Double(0.5), Bound::Null]);
        let sql = |dialect, action| plan(dialect, action, vec![]).unwrap().first.sql;
        assert_eq!(sql(MARIA, Action::Delete), "DELETE FROM `Sub`.`T`");
        assert_eq!(sql(MARIA, Action::Insert(vec![])), "INSERT INTO `Sub`.`T` () VALUES ()");
        let none = sql(POSTGRES, Action::Insert(vec![]));
        assert_eq!(none, "INSERT INTO \"sub\".\"t\" DEFAULT VALUES");
        assert_eq!(sql(MARIA, Action::Raw("SELECT 1".into())), "SELECT 1");
        let error = plan(MARIA, Action::Update(vec![]), vec![]).unwrap_err();
        assert_eq!(error.to_string(), "table Sub.T: an update without any field");
    }

    #[test]
    fn what_is_not_there_or_does_not_fit_is_told() {
        let of = |column, value| vec![key(column, Compare::Equal, value)];
        let error = plan(MARIA, Action::Delete, of("pin", Field::Int(1))).unwrap_err();
        assert_eq!(error.to_string(), "table Sub.T has no column pin");
        let error = plan(MARIA, Action::Delete, of("id", Field::text("x"))).unwrap_err();
        assert_eq!(error.to_string(), "table Sub.T, column id: `x` is no number");
    }
}
