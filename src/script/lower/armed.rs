//! Names of routes as arguments of functions: the failure_route of `t_on_failure("name")`.

use crate::diagnostic::Diagnostic;
use crate::ir::{Op, RouteId, RouteKind};
use crate::parse::ast::Format;
use crate::source::Location;

use super::{Lowering, Refused};

impl Lowering<'_> {
    /// Pushes the name of a route of that kind. One that is written out must exist; none and `0`
    /// mean no route (spec 8.2).
    pub(super) fn armed(
        &mut self,
        kind: RouteKind,
        format: &Format,
        at: Location,
    ) -> Result<(), Refused> {
        let Some(plain) = format.plain() else {
            self.usage.call_any();
            return self.format(format);
        };
        let name = String::from_utf8_lossy(plain);
        if !matches!(&*name, "" | "0") {
            self.arm(kind, &name, at)?;
        }
        let text = self.emitter.text(plain);
        self.emit(Op::Text(text), at);
        Ok(())
    }

    fn arm(&mut self, kind: RouteKind, name: &str, at: Location) -> Result<(), Refused> {
        let routes = self.emitter.script.routes.iter().enumerate();
        let of_kind = routes.filter(|(_, route)| route.kind == kind);
        if let Some((number, _)) = of_kind.clone().find(|(_, route)| route.name == name) {
            self.usage.call(RouteId(number as u16));
            return Ok(());
        }
        let names: Vec<&str> = of_kind.map(|(_, route)| route.name.as_str()).collect();
        let message = format!("{} [{name}] not defined", kind.word());
        let diagnostic =
            Diagnostic::error("undefined-route", at, message)
                .suggest(name, &names, |name| format!("\"{name}\""));
        self.refuse(diagnostic)
    }
}
