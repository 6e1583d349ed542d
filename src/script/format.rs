//! Formats that are read while a script runs (`{s.eval}`, spec 2.5), and how the text of a
//! transformation is taken apart, now or at load. Resolves no name.

use std::borrow::Cow;

use crate::lex::{Trail, variable_length};
use crate::parse::variable::{self, Span};
use crate::source::{Location, SourceText};

pub use crate::parse::ast::{Format, IndexText, Name, Part, Transformation, Variable};

/// Reads a text with variables; `None` when it is not well formed. `known` says whether there is
/// a variable of that name: `$rd.txt` is `$rd` and `.txt`.
pub fn read(text: &[u8], known: &dyn Fn(&str) -> bool) -> Option<Format> {
    let source = SourceText { name: String::new(), text: text.to_vec() };
    let end = u32::try_from(text.len()).ok()?;
    let at = Location { line: 1, column: 1, end, ..Location::default() };
    let trail = Trail::plain(&source, at);
    variable::format(Span::new(text, &trail), known).ok()
}

/// Class and name of a transformation, and its index: `{nameaddr.-1.uri}` is `i.uri` of class
/// `nameaddr` with the index -1, which goes before the other parameters.
pub fn transformation_name(text: &str) -> Option<(&str, Cow<'_, str>, Option<i64>)> {
    let (class, name) = text.split_once('.')?;
    let indexed = name.split_once('.').and_then(|(index, rest)| {
        let index = index.parse().ok()?;
        Some((Cow::Owned(format!("i.{rest}")), Some(index)))
    });
    let (name, index) = indexed.unwrap_or((Cow::Borrowed(name), None));
    Some((class, name, index))
}

/// The parameters of a transformation, of which it takes at most so many: the last one permitted
/// takes the rest, since a comma may be the separator that is meant.
pub fn parameters(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    let cut = move |nth: usize| {
        let text = rest?;
        let comma = if nth + 1 < most { comma(text) } else { None };
        rest = comma.and_then(|at| text.get(at + 1..));
        text.get(..comma.unwrap_or(text.len()))
    };
    (0..most).map_while(cut).map(|param| {
        // Blanks before a variable are not part of the text.
        let bare = param.trim_start();
        if bare.starts_with('$') { bare } else { param }
    })
}

/// The first comma that stands in no variable.
fn comma(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.as_bytes().get(at..)?;
        match rest.first()? {
            b',' => return Some(at),
            b'$' => at += variable_length(rest).unwrap_or(1),
            _ => at += 1,
        }
    }
}

/// A parameter that is a number as it stands; any other is a text, which may hold variables.
pub fn parameter_number(param: &str) -> Option<i64> {
    param.parse::<i64>().ok().filter(|number| number.to_string() == param)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_transformations() {
        let name = |text| transformation_name(text).map(|(c, n, i)| (c, n.into_owned(), i));
        assert_eq!(name("s.encode.hexa"), Some(("s", "encode.hexa".to_owned(), None)));
        assert_eq!(name("nameaddr.-1.uri"), Some(("nameaddr", "i.uri".to_owned(), Some(-1))));
        assert_eq!(name("len"), None);
    }

    #[test]
    fn parameters_split_at_commas() {
        let split = |text, most| parameters(text, most).collect::<Vec<_>>();
        assert_eq!(split("1,,", 2), ["1", ","]);
        assert_eq!(split(" $var(x), 3", 2), ["$var(x)", " 3"]);
        assert_eq!(split(" ", 1), [" "]);
        assert_eq!(split("$(var(x){s.select,0,,}),-", 2), ["$(var(x){s.select,0,,})", "-"]);
        assert_eq!(split("a,$,b", 3), ["a", "$", "b"]);
        assert_eq!([parameter_number("-3"), parameter_number("007")], [Some(-3), None]);
    }

    #[test]
    fn formats() {
        let read = |text: &str| read(text.as_bytes(), &|name| name == "rd");
        assert_eq!(read("a $rd.txt").unwrap().parts.len(), 3);
        assert!(read("$(rd").is_none());
    }
}
