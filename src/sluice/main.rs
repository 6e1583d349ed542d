//! The program `sluice`: reads the command line and hands over.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use sluice::cli::{Cli, Command};
use sluice::{commands, registry, serve};

/// Transactions of many sizes are made and end in another order, which glibc's lists are slow at.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Demo(options)) => commands::demo::run(&options),
        Some(Command::Load(options)) => commands::load::run(&options),
        Some(Command::Doc(options)) => {
            commands::doc::run(&options, &registry()).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Db(options)) => commands::db::run(&options),
        Some(Command::Mi(options)) => commands::mi::run(&options),
        Some(Command::User(options)) => commands::user::run(&options),
        Some(Command::Plan(options)) => commands::plan::run(&options),
        None if cli.gateway.version => {
            println!("sluice {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
        None => serve::command::run(&cli.gateway),
    };
    result.unwrap_or_else(|error| {
        eprintln!("sluice: {error:#}");
        ExitCode::from(255)
    })
}
