//! Starting the modules, and what they say then as findings of the script: each at the line of the
//! parameter that it blames, else where the module is loaded.

use std::fmt::{Display, Formatter};
use std::sync::Arc;

use sluice_control::Dns;
use sluice_engine::TimeZone;
use sluice_engine::files::Files;
use sluice_engine::module::SetupError;
use sluice_engine::program::{Environment, Program};
use sluice_engine::registry::Registry;
use sluice_engine::sockets::Sockets;
use sluice_engine::sql::Sql;
use sluice_script::source::Location;
use sluice_script::{Compiled, Diagnostic, Script};

/// What the script's modules read and ask: files, SQL databases.
pub(super) type Lent = (Arc<dyn Files>, Arc<dyn Sql>);

/// The code of a module's refusal.
const REFUSED: &str = "module-refused";
/// The code of a module's warning.
const WARNING: &str = "module-warning";

/// Why modules did not start, each with its name.
#[derive(Debug)]
pub struct Refused {
    errors: Vec<(&'static str, SetupError)>,
    loaded: Loaded,
}

/// Where the modules of a script are loaded.
#[derive(Clone, Debug)]
pub(super) struct Loaded(Vec<(&'static str, Location)>);

/// Starts the modules of a script. Their warnings are appended to `warnings`.
///
/// # Errors
/// The refusals of all modules.
pub(super) fn start(
    script: Script,
    registry: &Arc<Registry>,
    sockets: Sockets,
    dns: &Arc<Dns>,
    (files, sql): Lent,
    warnings: &mut Vec<(&'static str, String)>,
) -> Result<Program, Refused> {
    let loaded = Loaded::of(&script);
    let names = Arc::clone(dns);
    let resolve = Arc::new(move |name: &str| names.addresses_now(name));
    let environment = Environment { files, resolve, sql, zone: TimeZone::system() };
    Program::start(script, Arc::clone(registry), sockets, &environment, warnings)
        .map_err(|errors| loaded.refused(errors))
}

/// Starts the modules of a good script and lets them go again; what they say is added to its
/// findings. With a refusal the script is gone.
pub(super) fn check(
    compiled: &mut Compiled,
    registry: &Arc<Registry>,
    sockets: Sockets,
    dns: &Arc<Dns>,
    lent: Lent,
) {
    let Some(script) = compiled.script.take() else { return };
    let loaded = Loaded::of(&script);
    let mut warnings = Vec::new();
    let started = start(script, registry, sockets, dns, lent, &mut warnings);
    for (module, warning) in warnings {
        let message = format!("{module}: {warning}");
        compiled.report(Diagnostic::warning(WARNING, loaded.place(module), message));
    }
    if let Err(refused) = started {
        refused.report(compiled);
    }
}

impl Refused {
    /// Adds the refusals to a script's findings.
    pub fn report(&self, compiled: &mut Compiled) {
        for (module, error) in &self.errors {
            let at = error.at.unwrap_or_else(|| self.loaded.place(module));
            compiled.report(Diagnostic::error(REFUSED, at, format!("{module}: {error}")));
        }
    }
}

impl Display for Refused {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let mut errors = self.errors.iter();
        errors.try_for_each(|(module, error)| writeln!(f, "{module}: {error}"))
    }
}

impl std::error::Error for Refused {}

impl Loaded {
    pub(super) fn of(script: &Script) -> Self {
        Self(script.modules.iter().copied().zip(script.loaded_at.iter().copied()).collect())
    }

    pub(super) const fn refused(self, errors: Vec<(&'static str, SetupError)>) -> Refused {
        Refused { errors, loaded: self }
    }

    /// Where a module is loaded; of one that the core brings along, the beginning of the script.
    fn place(&self, module: &str) -> Location {
        let top = Location { line: 1, column: 1, ..Location::default() };
        self.0.iter().find(|(name, _)| *name == module).map_or(top, |(_, at)| *at)
    }
}
