//! `sluice user add|passwd|rm|list`: the users of a table such as `subscriber`, in any kind of
//! database. Passwords are read from standard input and stored as hashes of MD5, SHA-256 and
//! SHA-512/256 (RFC 8760), as far as the table has columns for them.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use sluice_engine::db::{Action, Condition, DbError, Field, Rows, Source, Statement};
use sluice_sip::digest::Function;

use crate::database;

/// Arguments of `sluice user`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The database, as the script's db_url
    #[arg(long, value_name = "URL")]
    db: String,
    /// The table
    #[arg(long, value_name = "NAME", default_value = "subscriber")]
    table: String,
    #[command(subcommand)]
    action: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Add a user; the password is read from standard input
    Add(Named),
    /// Give a user another password, read from standard input
    Passwd(Named),
    /// Remove a user
    Rm {
        /// `alice@example.com`; without a domain, the user of each domain
        user: String,
    },
    /// List users
    List {
        /// Only those of this domain
        domain: Option<String>,
    },
}

#[derive(clap::Args, Debug)]
struct Named {
    /// `alice@example.com`
    user: String,
    /// The realm that passwords are asked for; default is the domain
    #[arg(long)]
    realm: Option<String>,
    /// Store the password itself, too, for calculate_ha1
    #[arg(long)]
    plain: bool,
}

/// Columns of a user.
const USERNAME: &str = "username";
const DOMAIN: &str = "domain";
const PASSWORD: &str = "password";

/// Columns of hashes.
const HASHES: [(&str, Function); 3] = [
    ("ha1", Function::Md5),
    ("ha1_sha256", Function::Sha256),
    ("ha1_sha512t256", Function::Sha512To256),
];

/// Does it.
///
/// # Errors
/// A database that says no, a user who is there already or is not.
pub fn run(options: &Options) -> Result<ExitCode> {
    let source = database::open(&options.db).map_err(|why| anyhow!(why))?;
    let users = Users { source, table: options.table.as_str().into() };
    match &options.action {
        What::Add(named) => users.add(named),
        What::Passwd(named) => users.change(named),
        What::Rm { user } => users.remove(user),
        What::List { domain } => users.list(domain.as_deref()),
    }?;
    Ok(ExitCode::SUCCESS)
}

struct Users {
    source: Arc<dyn Source>,
    table: Arc<str>,
}

impl Users {
    fn add(&self, named: &Named) -> Result<()> {
        let (user, domain) = split(&named.user)?;
        if !self.find(user, Some(domain))?.rows.is_empty() {
            bail!("{} is there already; `sluice user passwd` changes the password", named.user);
        }
        let mut fields = self.secrets(named, user, domain)?;
        fields.push((USERNAME.into(), Field::text(user)));
        fields.push((DOMAIN.into(), Field::text(domain)));
        // What is left out may be asked for: OpenSIPS' own tables allow no NULL there.
        for column in [PASSWORD, "email_address", "ha1b"] {
            if !fields.iter().any(|(known, _)| **known == *column) {
                fields.push((column.into(), Field::text("")));
            }
        }
        self.write(Vec::new(), fields, Action::Insert)?;
        println!("{} added", named.user);
        Ok(())
    }

    fn change(&self, named: &Named) -> Result<()> {
        let (user, domain) = split(&named.user)?;
        if self.find(user, Some(domain))?.rows.is_empty() {
            bail!("there is no {} in {}", named.user, self.source.place(&self.table));
        }
        let mut fields = self.secrets(named, user, domain)?;
        if !named.plain {
            fields.push((PASSWORD.into(), Field::text("")));
        }
        self.write(conditions(user, Some(domain)), fields, Action::Update)?;
        println!("{}: another password", named.user);
        Ok(())
    }

    fn remove(&self, named: &str) -> Result<()> {
        let (user, domain) = match named.split_once('@') {
            Some((user, domain)) => (user, Some(domain)),
            None => (named, None),
        };
        let found = self.find(user, domain)?.rows.len();
        if found == 0 {
            bail!("there is no {named} in {}", self.source.place(&self.table));
        }
        self.ask(conditions(user, domain), Action::Delete)?;
        println!("{named}: {found} removed");
        Ok(())
    }

    fn list(&self, domain: Option<&str>) -> Result<()> {
        let wanted = domain.map(|domain| equal(DOMAIN, domain));
        let rows = self.ask(wanted.into_iter().collect(), names())?;
        let mut lines: Vec<String> = rows.rows.iter().map(|row| line(row)).collect();
        lines.sort();
        let mut out = std::io::stdout().lock();
        for line in &lines {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn find(&self, user: &str, domain: Option<&str>) -> Result<Rows> {
        self.ask(conditions(user, domain), names())
    }

    fn ask(&self, conditions: Vec<Condition>, action: Action) -> Result<Rows> {
        let statement = Statement { table: Arc::clone(&self.table), action, conditions };
        self.source.ask(vec![statement]).with_context(|| self.source.name().to_owned())
    }

    /// Reads the password and makes what is stored of it.
    fn secrets(&self, named: &Named, user: &str, domain: &str) -> Result<Vec<(Arc<str>, Field)>> {
        let password = password()?;
        let realm = named.realm.as_deref().unwrap_or(domain);
        let parts = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
        let hashes = HASHES.map(|(column, function)| {
            (Arc::from(column), Field::text(function.hash(&parts).as_bytes()))
        });
        let plain = named.plain.then(|| (Arc::from(PASSWORD), Field::text(&password)));
        Ok(hashes.into_iter().chain(plain).collect())
    }

    /// Writes the fields for which the table has columns. Columns that may not be left out, such
    /// as the `first_name` of OpenSIPS 1.x, become empty, or 0.
    fn write(
        &self,
        conditions: Vec<Condition>,
        mut fields: Vec<(Arc<str>, Field)>,
        action: fn(Vec<(Arc<str>, Field)>) -> Action,
    ) -> Result<()> {
        loop {
            let statement = Statement {
                table: Arc::clone(&self.table),
                action: action(fields.clone()),
                conditions: conditions.clone(),
            };
            let column = match self.source.ask(vec![statement]) {
                Ok(_) => return Ok(()),
                Err(DbError::NoColumn { column, .. }) if can_lack(&column) => column,
                Err(DbError::Misfit { column, .. }) if fill(&mut fields, &column) => continue,
                Err(error) => return Err(error).context(self.source.name().to_owned()),
            };
            fields.retain(|(known, _)| !known.eq_ignore_ascii_case(&column));
            let has_secret = |(known, _): &(Arc<str>, Field)| can_prove(known);
            if !fields.iter().any(has_secret) {
                bail!("{} has no column for a password", self.source.place(&self.table));
            }
        }
    }
}

/// Whether a table may do without a column.
fn can_lack(column: &str) -> bool {
    ![USERNAME, DOMAIN].iter().any(|needed| column.eq_ignore_ascii_case(needed))
}

/// Puts something into a column that may not be left out: an empty text, or 0 where that does not
/// fit. `false`: it has been tried.
fn fill(fields: &mut Vec<(Arc<str>, Field)>, column: &str) -> bool {
    match fields.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(column)) {
        None => fields.push((column.into(), Field::text(""))),
        Some((_, field)) if field.bytes() == Some(b"") => *field = Field::Int(0),
        Some(_) => return false,
    }
    true
}

/// Whether a column holds what a password is judged by.
fn can_prove(column: &str) -> bool {
    column == PASSWORD || HASHES.iter().any(|(hash, _)| column == *hash)
}

fn split(user: &str) -> Result<(&str, &str)> {
    match user.split_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.is_empty() => Ok((user, domain)),
        _ => bail!("a user is written `alice@example.com`, not `{user}`"),
    }
}

fn equal(column: &str, value: &str) -> Condition {
    Condition::equal(&column.into(), Field::text(value))
}

fn conditions(user: &str, domain: Option<&str>) -> Vec<Condition> {
    let domain = domain.map(|domain| equal(DOMAIN, domain));
    std::iter::once(equal(USERNAME, user)).chain(domain).collect()
}

fn names() -> Action {
    Action::Select(Arc::new([USERNAME.into(), DOMAIN.into()]))
}

fn line(row: &[Field]) -> String {
    let part = |at: usize| row.get(at)?.bytes().map(String::from_utf8_lossy);
    match (part(0), part(1)) {
        (user, Some(domain)) if !domain.is_empty() => {
            format!("{}@{domain}", user.unwrap_or_default())
        }
        (user, _) => user.unwrap_or_default().into_owned(),
    }
}

/// A line of standard input; what is typed at a terminal is not shown.
fn password() -> Result<String> {
    let input = std::io::stdin();
    let hidden = input.is_terminal().then(|| Hidden::new(&input)).transpose()?;
    let mut line = String::new();
    input.lock().read_line(&mut line).context("the password on standard input")?;
    if hidden.is_some() {
        eprintln!();
    }
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("no password on standard input");
    }
    Ok(password.to_owned())
}

/// A terminal that shows nothing, until this is dropped.
struct Hidden<'a> {
    input: &'a std::io::Stdin,
    before: nix::sys::termios::Termios,
}

impl<'a> Hidden<'a> {
    fn new(input: &'a std::io::Stdin) -> Result<Self> {
        eprint!("Password: ");
        let before = tcgetattr(input)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(input, SetArg::TCSANOW, &silent)?;
        Ok(Self { input, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that has gone shows nothing either.
        let _ = tcsetattr(self.input, SetArg::TCSANOW, &self.before);
    }
}
