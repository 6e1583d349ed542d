//! Substitutions as arguments: variables stand in the replacement only, since the `$` of a regex
//! ends a line (spec 9.2).

use crate::catalog::ParamDef;
use crate::diagnostic::Diagnostic;
use crate::ir::Op;
use crate::lex::Trail;
use crate::parse::variable::Span;
use crate::regex;
use crate::source::Location;
use crate::subst::{MARK, mark, split};

use super::{Lowering, Refused};

impl Lowering<'_> {
    /// Pushes a substitution as [`crate::catalog::ParamKind::Subst`] promises.
    pub(super) fn subst(
        &mut self,
        function: &str,
        param: &ParamDef,
        text: &[u8],
        at: Location,
    ) -> Result<(), Refused> {
        let Some(parts) = split(text) else {
            let expected = ("param-subst", "/regex/replacement/flags, with flags of g, i, s");
            return self.bad_argument(function, param, at, expected);
        };
        let source = self.source(at);
        let trail = Trail::quoted(&source, at);
        if let Err(bad) = regex::compile_lines(&parts.pattern, parts.flags.contains(&b'i')) {
            let place = trail.part(1 + bad.offset, 1);
            return self.refuse(Diagnostic::error("bad-regex", place, bad.to_string()));
        }
        let mut head = vec![MARK];
        for part in [parts.flags, &parts.pattern] {
            head.extend_from_slice(part);
            head.push(MARK);
        }
        let base = parts.replacement.start;
        let marked = mark(text.get(parts.replacement).unwrap_or_default());
        let format = self.read_format(Span { base, ..Span::new(&marked, &trail) })?;
        if let Some(plain) = format.plain() {
            head.extend_from_slice(plain);
        }
        let head = self.emitter.text(&head);
        self.emit(Op::Text(head), at);
        if format.plain().is_none() {
            self.format(&format)?;
            self.emit(Op::Concat(2), at);
        }
        Ok(())
    }
}
