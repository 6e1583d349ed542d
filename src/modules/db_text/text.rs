//! The text of a table: a line of columns, then a row a line, its fields parted by `:` (spec 5.2).
//!
//! Takes bytes, gives columns and rows, and the other way round. A row that cannot be read is told
//! by line and column, and left out; OpenSIPS gives up the whole table then.

use sluice_engine::db::Field;

/// What a column holds (spec 5.2: its first letter counts).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// `string`, `str`
    Text,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `double`
    Double,
    /// `time`, seconds since 1970
    Time,
    /// `blob`
    Blob,
}

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: Box<str>,
    /// What it holds.
    pub kind: Type,
    /// Whether it may be NULL.
    pub null: bool,
    /// Whether it numbers the rows.
    pub auto: bool,
}

/// A table as it was read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Parsed {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, in the order of the file.
    pub rows: Vec<Row>,
    /// What was wrong with rows that were left out, as `LINE:COLUMN: why`.
    pub refused: Vec<String>,
    /// These rows as they stood there.
    pub left_out: Vec<Box<[u8]>>,
    /// What was let pass, likewise.
    pub warnings: Vec<String>,
}

/// A row, and the line that it stands in.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// From 1.
    pub line: u32,
    /// By column.
    pub fields: Box<[Field]>,
}

/// Whether a text begins like a table: its first line is `name(type...)`.
pub fn is_table(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default().trim_ascii();
    std::str::from_utf8(word).is_ok_and(|word| column(word).is_ok())
}

/// Reads a table. `longest` is the most bytes of a field.
///
/// # Errors
/// What is wrong with the line of columns, as `LINE:COLUMN: why`.
pub fn parse(bytes: &[u8], longest: usize) -> Result<Parsed, String> {
    let mut lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let mut parsed = Parsed::default();
    let first = lines.next().map_or(&b""[..], |(_, line)| line);
    let (first, mut returns) = without_return(first);
    parsed.columns = columns(first, &mut parsed.warnings)?;
    let mut highest = 0;
    for (number, line) in lines {
        let (line, with_return) = without_return(line);
        returns |= with_return;
        if line.is_empty() {
            continue;
        }
        match row(line, &parsed.columns, longest, &mut highest) {
            Ok(fields) => parsed.rows.push(Row { line: number, fields }),
            Err((column, why)) => {
                parsed.refused.push(format!("{number}:{column}: {why}"));
                parsed.left_out.push(line.into());
            }
        }
    }
    if returns {
        parsed.warnings.push("1:1: lines end in CR LF: CR is left out".to_owned());
    }
    Ok(parsed)
}

fn without_return(line: &[u8]) -> (&[u8], bool) {
    line.strip_suffix(b"\r").map_or((line, false), |line| (line, true))
}

/// The first line.
fn columns(line: &[u8], warnings: &mut Vec<String>) -> Result<Vec<Column>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "1:1: the columns are not text".to_owned())?;
    let mut columns: Vec<Column> = Vec::new();
    let mut at = 1;
    for word in line.split([' ', '\t']) {
        let place = at;
        at += word.len() + 1;
        if word.is_empty() {
            if warnings.is_empty() && place <= line.len() {
                warnings.push(format!("1:{place}: columns are parted by one space"));
            }
            continue;
        }
        let column = column(word).map_err(|why| format!("1:{place}: {why}"))?;
        if columns.iter().any(|known| known.name.eq_ignore_ascii_case(&column.name)) {
            return Err(format!("1:{place}: column `{}` is there already", column.name));
        }
        if column.auto && columns.iter().any(|known| known.auto) {
            return Err(format!("1:{place}: a second `auto` column"));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        return Err(
            "1:1: no columns; a table begins with a line like `username(string) q(double)`"
                .to_owned(),
        );
    }
    Ok(columns)
}

/// `name(type)` or `name(type,attribute)`.
fn column(word: &str) -> Result<Column, String> {
    let wrong = || format!("`{word}` is not `name(type)` or `name(type,null)`");
    let (name, rest) = word.split_once('(').ok_or_else(wrong)?;
    let inner = rest.strip_suffix(')').ok_or_else(wrong)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(wrong());
    }
    let (kind, attribute) = inner.split_once(',').map_or((inner, ""), |(kind, rest)| (kind, rest));
    let kind = match kind.bytes().next().map(|letter| letter.to_ascii_lowercase()) {
        _ if !kind.bytes().all(|byte| byte.is_ascii_alphabetic()) => return Err(wrong()),
        Some(b's') => Type::Text,
        Some(b'i') => Type::Int,
        Some(b'l') => Type::Long,
        Some(b'd') => Type::Double,
        Some(b't') => Type::Time,
        Some(b'b') => Type::Blob,
        _ => return Err(format!("`{kind}` is none of string, int, long, double, time, blob")),
    };
    let (null, auto) = match attribute.bytes().next().map(|letter| letter.to_ascii_lowercase()) {
        None if !inner.contains(',') => (false, false),
        _ if attribute.contains(',') => return Err("one attribute at most".to_owned()),
        Some(b'n') => (true, false),
        Some(b'a') if matches!(kind, Type::Int | Type::Long) => (false, true),
        Some(b'a') => return Err("`auto` is for int and long".to_owned()),
        _ => return Err(format!("`{attribute}` is neither null nor auto")),
    };
    Ok(Column { name: name.into(), kind, null, auto })
}

/// Why a row cannot be read, and the column of the text.
type Wrong = (usize, String);

fn row(
    line: &[u8],
    columns: &[Column],
    longest: usize,
    highest: &mut i64,
) -> Result<Box<[Field]>, Wrong> {
    let mut fields = Vec::with_capacity(columns.len());
    let mut at = 0;
    let mut over = false;
    for (number, column) in columns.iter().enumerate() {
        if over {
            fields.push(left_out(column, number + 1 == columns.len(), line.len() + 1)?);
            continue;
        }
        let start = at;
        let text = field(line, &mut at)?;
        over = at > line.len();
        if text.len() > longest {
            let why = format!("column {}: more than {longest} bytes (buffer_size)", column.name);
            return Err((start + 1, why));
        }
        fields.push(value(&text, column, highest).map_err(|why| (start + 1, why))?);
    }
    // One `:` behind the last field is let pass.
    if at < line.len() {
        return Err((at + 1, format!("more than {} fields", columns.len())));
    }
    Ok(fields.into())
}

/// Reads a field and its end; `at` is past the line behind the last one.
fn field(line: &[u8], at: &mut usize) -> Result<Vec<u8>, Wrong> {
    let mut text = Vec::new();
    while let Some(byte) = line.get(*at) {
        *at += 1;
        match byte {
            b':' => return Ok(text),
            b'\\' => {
                let escaped = line.get(*at).copied();
                text.push(match escaped {
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(b'0') => 0,
                    Some(same @ (b'\\' | b':')) => same,
                    _ => {
                        let why = "a backslash stands before n, r, t, 0, `:` or a backslash";
                        return Err((*at, why.to_owned()));
                    }
                });
                *at += 1;
            }
            byte => text.push(*byte),
        }
    }
    *at += 1;
    Ok(text)
}

/// The value of a field that the line does not reach (spec 5.2).
fn left_out(column: &Column, last: bool, at: usize) -> Result<Field, Wrong> {
    match column.kind {
        Type::Text | Type::Blob if !last => Ok(Field::text("")),
        Type::Text | Type::Blob => Ok(Field::Null),
        _ if column.null => Ok(Field::Null),
        _ => Err((at, format!("the line ends before column {}", column.name))),
    }
}

fn value(text: &[u8], column: &Column, highest: &mut i64) -> Result<Field, String> {
    if text.is_empty() {
        if column.auto {
            *highest = highest.saturating_add(1);
            return Ok(Field::Int(*highest));
        }
        return match column.kind {
            _ if column.null => Ok(Field::Null),
            // OpenSIPS would not read what it has written itself.
            Type::Text | Type::Blob => Ok(Field::text("")),
            _ => Err(format!("column {} may not be empty: it is not `null`", column.name)),
        };
    }
    let read = || std::str::from_utf8(text).ok();
    let whole = || {
        let text = read().filter(|text| !text.starts_with('+'))?;
        text.parse::<i64>().ok()
    };
    let plain =
        |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let value = match column.kind {
        Type::Text | Type::Blob => Some(Field::text(text)),
        Type::Int | Type::Long => whole().map(Field::Int),
        Type::Time => whole().map(Field::Time),
        Type::Double => read().filter(plain).and_then(|text| text.parse().ok()).map(Field::Double),
    };
    if let (true, Some(Field::Int(number))) = (column.auto, &value) {
        *highest = (*highest).max(*number);
    }
    value.ok_or_else(|| {
        let text = String::from_utf8_lossy(text);
        format!("column {}: `{text}` is not {}", column.name, column.kind.name())
    })
}

impl Type {
    /// Its name in a line of columns.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::Long => "long",
            Self::Double => "double",
            Self::Time => "time",
            Self::Blob => "blob",
        }
    }
}

/// Appends the line of columns.
pub fn write_columns(columns: &[Column], out: &mut Vec<u8>) {
    for (number, column) in columns.iter().enumerate() {
        let attribute = match (column.null, column.auto) {
            (_, true) => ",auto",
            (true, false) => ",null",
            (false, false) => "",
        };
        let blank = if number == 0 { "" } else { " " };
        for piece in [blank, &column.name, "(", column.kind.name(), attribute, ")"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
    out.push(b'\n');
}

/// Appends a row.
pub fn write_row(fields: &[Field], out: &mut Vec<u8>) {
    for (number, field) in fields.iter().enumerate() {
        if number > 0 {
            out.push(b':');
        }
        match field {
            Field::Null => {}
            Field::Int(number) | Field::Time(number) => {
                out.extend_from_slice(number.to_string().as_bytes());
            }
            Field::Double(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Field::Text(text) => write_text(text, out),
        }
    }
    out.push(b'\n');
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0 => out.extend_from_slice(b"\\0"),
            b'\\' | b':' => out.extend_from_slice(&[b'\\', *byte]),
            byte => out.push(*byte),
        }
    }
}
