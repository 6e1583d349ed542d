//! From text to [`Script`]: the stages in order.

use std::rc::Rc;

use crate::catalog::Catalog;
use crate::check::{World, lint};
use crate::diagnostic::{Diagnostic, Severity, Sink};
use crate::edition;
use crate::ir::Script;
use crate::lex::Lexer;
use crate::lower;
use crate::parse::Parser;
use crate::source::{Loader, Location, SourceText};

/// How to compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// What OpenSIPS merely lets through, or what only Sluice lets through, is an error.
    pub strict: bool,
}

/// What came of a script.
#[derive(Debug)]
pub struct Compiled {
    /// The script, when there was no error.
    pub script: Option<Script>,
    /// All findings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// The files read, the main one first; [`Location::file`] indexes them.
    pub sources: Vec<SourceText>,
    /// How many errors there were; the list of findings has an end.
    pub errors: usize,
    /// For each file the place that included it.
    pub(crate) included_from: Vec<Option<Location>>,
}

impl Compiled {
    /// Takes a finding from outside of the compiler: a host that has no address. An error takes
    /// the script away.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
            self.script = None;
        }
        self.diagnostics.push(diagnostic);
        self.diagnostics.sort_by_key(|d| (d.at.file, d.at.start));
    }
}

/// Compiles a script.
pub fn compile(
    main: SourceText,
    loader: &mut dyn Loader,
    catalog: &dyn Catalog,
    options: Options,
) -> Compiled {
    compile_after(None, main, loader, catalog, options)
}

/// Compiles a script whose routes shall take the place of those of `running`. Names keep their
/// slots; modules, their parameters and globals that are not as they were are errors.
pub fn recompile(
    running: &Script,
    main: SourceText,
    loader: &mut dyn Loader,
    catalog: &dyn Catalog,
    options: Options,
) -> Compiled {
    compile_after(Some(running), main, loader, catalog, options)
}

fn compile_after(
    running: Option<&Script>,
    main: SourceText,
    loader: &mut dyn Loader,
    catalog: &dyn Catalog,
    options: Options,
) -> Compiled {
    let mut lexer = Lexer::new(main, loader, Sink::new(options.strict));
    let program = Parser::new(&mut lexer).program();
    let Lexer { mut sink, sources, included_from, .. } = lexer;
    let mut script = Script {
        files: sources.iter().map(|source| source.name.clone()).collect(),
        ..running.map(edition::names_of).unwrap_or_default()
    };
    let mut world = World::new(catalog, &sources);
    world.declare(&program.items, &mut script, &mut sink);
    if let Some(running) = running {
        edition::refuse_changes(running, &script, &mut sink);
    }
    lint(&program.routes, &world, &mut sink);
    let script = lower::lower(&program.routes, script, &world, &sources, &mut sink);
    let errors = sink.errors();
    let sources = sources.into_iter().map(Rc::unwrap_or_clone).collect();
    Compiled {
        script: (errors == 0).then_some(script),
        diagnostics: sink.finish(),
        sources,
        errors,
        included_from,
    }
}
