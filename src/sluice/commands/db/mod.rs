//! `sluice db`: the tables of OpenSIPS made, brought up to date, copied between databases of any
//! two kinds, and checked. Never runs beside a gateway that changes the same text files.

mod database;
mod schema;
mod sql;
mod tables;
mod text;
mod work;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use database::Database;

/// Arguments of `sluice db`.
#[derive(clap::Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand, Debug)]
enum Task {
    /// Make tables that are not there yet
    Create {
        /// The database: text:///folder, mysql://, postgres:// or sqlite://
        url: String,
        /// Names of tables; all that are known without one
        tables: Vec<String>,
    },
    /// Bring tables to the versions of this release; the old ones are kept under another name
    Migrate {
        /// The database
        url: String,
        /// Names of tables; all that are there without one
        tables: Vec<String>,
    },
    /// Copy tables from one database to another, of any kinds
    Copy {
        /// The database that is read
        from: String,
        /// The database that is written
        to: String,
        /// Names of tables; all that are there without one
        tables: Vec<String>,
    },
    /// Say of each table its version, its rows and what is wrong with it
    Check {
        /// The database
        url: String,
    },
}

/// Does it, a line for each table.
///
/// # Errors
/// Databases that cannot be opened, tables that cannot be made or read.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match &options.task {
        Task::Create { url, tables } => {
            work::create(&mut Database::open(url, true)?, tables, &mut out)?;
        }
        Task::Migrate { url, tables } => {
            work::migrate(&mut Database::open(url, false)?, tables, &mut out)?;
        }
        Task::Copy { from, to, tables } => {
            let from = Database::open(from, false)?;
            work::copy(&from, &mut Database::open(to, true)?, tables, &mut out)?;
        }
        Task::Check { url } => {
            if !work::check(&Database::open(url, false)?, &mut out)? {
                return Ok(ExitCode::from(1));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
