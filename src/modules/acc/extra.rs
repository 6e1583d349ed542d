//! What a script adds to records: `extra_fields` and `leg_fields`, and `log_extra`, `db_extra`,
//! `evi_extra` of 1.x to 2.1.

use std::sync::Arc;

/// A backend, as a place in lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// The log.
    Log,
    /// Tables.
    Db,
    /// Events.
    Evi,
}

/// Names that `$acc_extra` or `$acc_leg` has, and what they are called in each backend.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    tags: Vec<Box<str>>,
    /// By [`Backend`]: the name there, and the place of the tag.
    names: [Vec<(Arc<str>, usize)>; 3],
}

impl Fields {
    /// Adds what one parameter says: `db: tag->column; tag`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        const FORM: &str = "fields are `BACKEND: TAG->NAME; TAG`, with log, db or evi";
        let (backend, list) = text.split_once(':').ok_or(FORM)?;
        let names = match backend.trim() {
            "log" => &mut self.names[Backend::Log as usize],
            "db" => &mut self.names[Backend::Db as usize],
            "evi" => &mut self.names[Backend::Evi as usize],
            "aaa" => return Err("aaa: RADIUS and Diameter are not spoken".to_owned()),
            other => return Err(format!("{FORM}, not `{other}`")),
        };
        for item in list.split(';').map(str::trim).filter(|item| !item.is_empty()) {
            let (tag, name) = item.split_once("->").unwrap_or((item, item));
            let (tag, name) = (tag.trim(), name.trim());
            if tag.is_empty() || name.is_empty() {
                return Err(format!("{FORM}, not `{item}`"));
            }
            let at = self.tags.iter().position(|known| **known == *tag).unwrap_or_else(|| {
                self.tags.push(tag.into());
                self.tags.len() - 1
            });
            names.push((name.into(), at));
        }
        Ok(())
    }

    /// The place of a tag.
    pub fn place(&self, tag: &[u8]) -> Option<usize> {
        self.tags.iter().position(|known| known.as_bytes() == tag)
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether a backend gets none.
    pub fn are_empty(&self, backend: Backend) -> bool {
        self.names[backend as usize].is_empty()
    }

    /// What a backend gets of values by tag.
    pub fn of<'a>(
        &'a self,
        backend: Backend,
        values: &'a [Option<Box<[u8]>>],
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a [u8])> {
        self.names[backend as usize].iter().map(|(name, at)| {
            let value = values.get(*at).and_then(Option::as_deref);
            (name, value.unwrap_or_default())
        })
    }
}

/// Texts with variables that are evaluated for each record (1.x).
#[derive(Clone, Debug)]
pub struct Formats {
    /// The texts, of all backends.
    pub texts: Arc<[Box<str>]>,
    /// By [`Backend`]: the names, and the place of the first one's text.
    names: [(usize, Vec<Arc<str>>); 3],
}

impl Formats {
    /// Of `log_extra`, `db_extra` and `evi_extra`, each `NAME=$variable; ...`.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn new(lists: [&str; 3]) -> Result<Self, String> {
        let mut texts = Vec::new();
        let mut all = [const { (0, Vec::new()) }; 3];
        for (list, (first, names)) in lists.into_iter().zip(&mut all) {
            *first = texts.len();
            for item in items(list) {
                let (name, text) = item
                    .split_once('=')
                    .ok_or_else(|| format!("extra fields are `NAME=$variable`, not `{item}`"))?;
                let (name, text) = (name.trim(), text.trim());
                if name.is_empty() || !text.starts_with('$') {
                    return Err(format!("extra fields are `NAME=$variable`, not `{item}`"));
                }
                if text.contains('/') {
                    return Err(format!("`{text}`: variables of the reply come later"));
                }
                names.push(name.into());
                texts.push(text.into());
            }
        }
        Ok(Self { texts: texts.into(), names: all })
    }

    /// What a backend gets of the values of all texts.
    pub fn of<'a>(
        &'a self,
        backend: Backend,
        values: &'a [Box<[u8]>],
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a [u8])> {
        let (first, names) = &self.names[backend as usize];
        let values = values.get(*first..).unwrap_or_default();
        names.iter().zip(values).map(|(name, value)| (name, &**value))
    }

    /// Whether a backend gets none.
    pub fn are_empty(&self, backend: Backend) -> bool {
        self.names[backend as usize].1.is_empty()
    }
}

/// The items of a list, parted by semicolons that stand in no parentheses or braces.
fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0i32;
    let parts = list.split(move |c| {
        depth += match c {
            '(' | '{' => 1,
            ')' | '}' => -1,
            _ => 0,
        };
        c == ';' && depth <= 0
    });
    parts.map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(of: impl Iterator<Item = (&'a Arc<str>, &'a [u8])>) -> Vec<String> {
        of.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value))).collect()
    }

    #[test]
    fn a_tag_has_a_name_in_each_backend() {
        let mut fields = Fields::default();
        fields.add("log: a->My_a; b").unwrap();
        fields.add(" db : b -> col_b ;").unwrap();
        let values = [None, Some(Box::from(*b"x"))];
        assert_eq!((fields.len(), fields.place(b"b"), fields.place(b"c")), (2, Some(1), None));
        assert_eq!(names(fields.of(Backend::Log, &values)), ["My_a=", "b=x"]);
        assert_eq!(names(fields.of(Backend::Db, &values)), ["col_b=x"]);
        assert!(fields.are_empty(Backend::Evi) && !fields.are_empty(Backend::Db));
        for wrong in ["a", "file: a", "aaa: a", "log: ->x", "log: a->"] {
            assert!(fields.add(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_of_1_x_have_a_variable_each() {
        let lists = ["u=$fu; p=$(ru{uri.param,x;y})", "", " m = $rm;"];
        let formats = Formats::new(lists).unwrap();
        assert_eq!(&*formats.texts, ["$fu", "$(ru{uri.param,x;y})", "$rm"].map(Box::from));
        let values = ["a", "b", "c"].map(|value| Box::from(value.as_bytes()));
        assert_eq!(names(formats.of(Backend::Log, &values)), ["u=a", "p=b"]);
        assert_eq!(names(formats.of(Backend::Evi, &values)), ["m=c"]);
        assert!(formats.are_empty(Backend::Db));
        for wrong in ["u", "u=x", "=$fu", "c=$ct / reply"] {
            assert!(Formats::new([wrong, "", ""]).is_err(), "{wrong}");
        }
    }
}
