//! What a table is made of, whatever kind of database it lies in.

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A number with a fraction.
    Double,
    /// A text of so many characters at most; 0: of any length.
    Text(u32),
    /// Bytes.
    Blob,
    /// A moment.
    Time,
}

/// What a column has where a row does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    /// Nothing: it must be said, or is NULL where it may be.
    None,
    /// A number.
    Int(i64),
    /// A text.
    Text(&'static str),
    /// The moment that OpenSIPS has for "never".
    Never,
}

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be NULL.
    pub null: bool,
    /// Whether the database numbers the rows by it.
    pub auto: bool,
    /// What it has where a row does not say.
    pub default: Default,
}

/// A column of a table that OpenSIPS knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    name: &'static str,
    kind: Kind,
    null: bool,
    auto: bool,
    default: Default,
}

/// A table that OpenSIPS knows (spec 5.6).
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its version, in the table `version`; 0: that has no row for it.
    pub version: i64,
    /// Its columns.
    pub columns: &'static [Known],
    /// Columns that no two rows have the same values of; none: there are no such.
    pub unique: &'static [&'static str],
    /// What columns were called in older versions, and now.
    pub renamed: &'static [(&'static str, &'static str)],
}

impl Table {
    /// Its columns.
    pub fn columns(&self) -> Vec<Column> {
        let column = |known: &Known| Column {
            name: known.name.to_owned(),
            kind: known.kind,
            null: known.null,
            auto: known.auto,
            default: known.default,
        };
        self.columns.iter().map(column).collect()
    }

    /// What a column of an older version is called now.
    pub fn name_now<'a>(&self, old: &'a str) -> &'a str {
        let renamed = self.renamed.iter().find(|(before, _)| before.eq_ignore_ascii_case(old));
        renamed.map_or(old, |(_, now)| now)
    }
}

/// A column that numbers rows.
pub const fn auto(name: &'static str) -> Known {
    Known { name, kind: Kind::Int, null: false, auto: true, default: Default::None }
}

/// The same with 64 bits.
pub const fn long_auto(name: &'static str) -> Known {
    Known { kind: Kind::Long, ..auto(name) }
}

/// A number.
pub const fn int(name: &'static str, default: i64) -> Known {
    Known { name, kind: Kind::Int, null: false, auto: false, default: Default::Int(default) }
}

/// A number that may be NULL.
pub const fn maybe_int(name: &'static str) -> Known {
    Known { null: true, default: Default::None, ..int(name, 0) }
}

/// A text.
pub const fn text(name: &'static str, length: u32) -> Known {
    text_or(name, length, "")
}

/// A text with a default.
pub const fn text_or(name: &'static str, length: u32, default: &'static str) -> Known {
    let default = Default::Text(default);
    Known { name, kind: Kind::Text(length), null: false, auto: false, default }
}

/// A text that may be NULL.
pub const fn maybe(name: &'static str, length: u32) -> Known {
    Known { null: true, default: Default::None, ..text(name, length) }
}

/// Bytes that may be NULL.
pub const fn maybe_blob(name: &'static str) -> Known {
    Known { kind: Kind::Blob, ..maybe(name, 0) }
}

/// A number with a fraction.
pub const fn double(name: &'static str, default: i64) -> Known {
    Known { kind: Kind::Double, ..int(name, default) }
}

/// A moment.
pub const fn time(name: &'static str) -> Known {
    Known { kind: Kind::Time, default: Default::Never, ..int(name, 0) }
}

/// A moment that may be NULL.
pub const fn maybe_time(name: &'static str) -> Known {
    Known { null: true, default: Default::None, ..time(name) }
}

/// A number of 64 bits.
pub const fn long(name: &'static str) -> Known {
    Known { kind: Kind::Long, ..int(name, 0) }
}
