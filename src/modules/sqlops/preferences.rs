//! AVPs of users in a table: `sql_avp_load`, `sql_avp_store`, `sql_avp_delete`.
//!
//! A row has a key - a user and perhaps a domain, or a text that is no URI -, the name of an AVP, a
//! value and its type. A `db_scheme` names a table that has a column for the value instead.

use std::any::Any;
use std::sync::Arc;

use sluice_engine::db::{Action, Condition, Field, Statement};
use sluice_engine::job::Answer;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind};
use sluice_sip::uri::Uri;

use super::functions::{DB_ID, ask, ask_all, bytes, done, refuse, rows_of};
use super::limits::RESULT_BYTES;
use super::results::value;
use super::state::{self, Columns, Scheme, State};
use crate::limits::AVPS;
use crate::table::{optional, param};

/// The parameters of `sql_avp_load`.
pub const LOAD: &[ParamDef] = &[SOURCE, AVPS_IN_TABLE, DB_ID, optional("prefix", ParamKind::Text)];
/// The parameters of `sql_avp_store` and `sql_avp_delete`.
pub const STORE: &[ParamDef] = &[SOURCE, AVPS_IN_TABLE, DB_ID];

const SOURCE: ParamDef = param("source/part", ParamKind::Text);
const AVPS_IN_TABLE: ParamDef = param("$avp(name)/table", ParamKind::Literal);

/// The type of a value that is a number; a name that is one had another bit, which is not asked
/// for any more.
const NUMBER: i64 = 1;

/// `sql_avp_load`
pub fn load(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (&[_, _, number, _], Some(shared)) = (args, state::of(state)) else { return Flow::FALSE };
    let (key, meant) = match read(ctx, &shared, args) {
        Ok(read) => read,
        Err(why) => return Flow::Fail(why),
    };
    let columns = &shared.columns;
    let (wanted, conditions) = match &meant.scheme {
        Some(scheme) => (vec![Arc::clone(&scheme.value)], scheme_key(scheme, key)),
        None => {
            let mut conditions = key.conditions(columns);
            conditions.extend(
                meant
                    .name
                    .as_deref()
                    .map(|name| Condition::equal(&columns.attribute, Field::text(name))),
            );
            let wanted = [&columns.value, &columns.attribute, &columns.kind];
            (wanted.map(Arc::clone).to_vec(), conditions)
        }
    };
    let action = Action::Select(wanted.into());
    let statement = Statement { table: meant.table, action, conditions };
    ask(ctx, state, args, number, statement, |ctx, state, args, answer| {
        loaded(ctx, state, args, answer)
    })
}

/// Each row becomes a value of its AVP; the last one is the newest.
fn loaded(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    let (&[_, names, _, prefix], Some(shared)) = (args, state::of(state)) else {
        return Flow::FALSE;
    };
    let rows = match rows_of(answer) {
        Ok(rows) => rows,
        Err(why) => return refuse(ctx, &why),
    };
    let meant = match Meant::of(ctx, &shared, names) {
        Ok(meant) => meant,
        Err(why) => return Flow::Fail(why),
    };
    let size = rows.rows.iter().flat_map(|row| row.iter()).filter_map(Field::bytes);
    let size = size.map(<[u8]>::len).sum::<usize>();
    if ctx.run.avps.len().saturating_add(rows.rows.len()) > AVPS || size > RESULT_BYTES {
        return Flow::Fail("there are more AVPs than a message may carry");
    }
    let mut found = false;
    for fields in &rows.rows {
        let Some((name, field)) = named(fields, &meant) else { continue };
        let name = [bytes(ctx, prefix), &name].concat();
        let key = AvpKey::Text(ctx.keep(&name));
        let value = value(ctx, &field);
        ctx.avp_push(key, value);
        found = true;
    }
    Flow::of(found)
}

/// Name and value of a row; a row with a NULL has none, nor one whose number is none.
fn named(fields: &[Field], meant: &Meant) -> Option<(Vec<u8>, Field)> {
    let value = fields.first().filter(|value| **value != Field::Null)?;
    let (name, is_number) = match &meant.scheme {
        Some(scheme) => (meant.name.clone()?, scheme.is_number),
        None => {
            let name = fields.get(1)?.bytes()?.to_vec();
            (name, fields.get(2)?.int()? & NUMBER != 0)
        }
    };
    let value = match (is_number, value) {
        (true, value) => Field::Int(value.int()?),
        (false, Field::Int(number)) => Field::text(number.to_string()),
        (false, value) => value.clone(),
    };
    Some((name, value))
}

/// `sql_avp_store`: looks first what is there, so that no value is stored once more.
pub fn store(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (&[_, _, number], Some(shared)) = (args, state::of(state)) else { return Flow::FALSE };
    let (key, meant) = match read(ctx, &shared, args) {
        Ok((_, Meant { scheme: Some(_), .. })) => return Flow::Fail("a db_scheme is for loading"),
        Ok(read) => read,
        Err(why) => return Flow::Fail(why),
    };
    if values(ctx, meant.name.as_deref()).is_empty() {
        return Flow::FALSE;
    }
    let columns = &shared.columns;
    let wanted = [&columns.attribute, &columns.value].map(Arc::clone);
    let action = Action::Select(Arc::new(wanted));
    let statement = Statement { table: meant.table, action, conditions: key.conditions(columns) };
    ask(ctx, state, args, number, statement, store_others)
}

/// Stores the values that are not among the rows.
fn store_others(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    let (&[_, _, number], Some(shared)) = (args, state::of(state)) else { return Flow::FALSE };
    let (rows, (key, meant)) = match (rows_of(answer), read(ctx, &shared, args)) {
        (Ok(rows), Ok(read)) => (rows, read),
        (Err(why), _) => return refuse(ctx, &why),
        (_, Err(why)) => return Flow::Fail(why),
    };
    let columns = &shared.columns;
    let mut statements = Vec::new();
    for (name, value) in values(ctx, meant.name.as_deref()) {
        let kind = if value.text().is_some() { 0 } else { NUMBER };
        let value = ctx.to_text(value);
        let pair = [Field::text(name), Field::text(ctx.bytes(value))];
        if rows.rows.iter().any(|row| **row == pair) {
            continue;
        }
        let [name, value] = pair;
        let mut fields = key.fields(columns);
        fields.push((Arc::clone(&columns.attribute), name));
        fields.push((Arc::clone(&columns.value), value));
        fields.push((Arc::clone(&columns.kind), Field::Int(kind)));
        let (table, action) = (Arc::clone(&meant.table), Action::Insert(fields));
        statements.push(Statement { table, action, conditions: Vec::new() });
    }
    if statements.is_empty() {
        return Flow::TRUE;
    }
    ask_all(ctx, state, args, number, statements, done)
}

/// Names and values of the AVPs meant, the oldest first.
fn values(ctx: &Ctx<'_>, name: Option<&[u8]>) -> Vec<(Vec<u8>, Value)> {
    let named = |(key, value): &(AvpKey, Value)| {
        let name = match key {
            AvpKey::Slot(slot) => ctx.shared.script.avps.name(*slot)?.as_bytes().to_vec(),
            AvpKey::Text(name) => ctx.bytes(*name).to_vec(),
        };
        Some((name, *value))
    };
    let all = ctx.run.avps.iter().filter_map(named);
    all.filter(|(other, _)| name.is_none_or(|name| name == other)).collect()
}

/// `sql_avp_delete`
pub fn delete(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (&[_, _, number], Some(shared)) = (args, state::of(state)) else { return Flow::FALSE };
    let (key, meant) = match read(ctx, &shared, args) {
        Ok(read) => read,
        Err(why) => return Flow::Fail(why),
    };
    let columns = &shared.columns;
    let conditions = match (&meant.scheme, &meant.name) {
        (Some(_), _) => return Flow::Fail("a db_scheme is for loading"),
        (None, None) => key.conditions(columns),
        (None, Some(name)) => {
            let mut conditions = key.conditions(columns);
            conditions.push(Condition::equal(&columns.attribute, Field::text(name)));
            conditions
        }
    };
    let statement = Statement { table: meant.table, action: Action::Delete, conditions };
    ask(ctx, state, args, number, statement, done)
}

fn read(ctx: &Ctx<'_>, state: &State, args: &[Value]) -> Result<(Key, Meant), &'static str> {
    let &[source, names, ..] = args else { return Err("it takes a source and an AVP") };
    Ok((Key::of(bytes(ctx, source), state.use_domain)?, Meant::of(ctx, state, names)?))
}

/// Whose AVPs.
#[derive(Default)]
struct Key {
    uuid: Option<Vec<u8>>,
    username: Option<Vec<u8>>,
    domain: Option<Vec<u8>>,
}

impl Key {
    /// `sip:bob@example.com`, `sip:bob@example.com/username`, `some text`.
    fn of(source: &[u8], use_domain: bool) -> Result<Self, &'static str> {
        let cut = source.iter().rposition(|byte| *byte == b'/');
        let part = cut.and_then(|cut| Some((source.get(..cut)?, source.get(cut + 1..)?)));
        let (source, part) = match part {
            Some((source, part @ (b"username" | b"domain" | b"uri" | b"uuid"))) => (source, part),
            _ if Uri::parse(source).is_some() => (source, &b"uri"[..]),
            _ => (source, &b"uuid"[..]),
        };
        if source.is_empty() {
            return Err("the source is empty");
        }
        if part == b"uuid" {
            return Ok(Self { uuid: Some(source.to_vec()), ..Self::default() });
        }
        let uri = Uri::parse(source).ok_or("the source is no URI")?;
        let user = uri.user.filter(|user| !user.is_empty()).map(<[u8]>::to_vec);
        let domain = Some(uri.host.to_vec());
        match part {
            b"domain" => Ok(Self { domain, ..Self::default() }),
            _ if user.is_none() => Err("the source has no user"),
            b"uri" if use_domain => Ok(Self { username: user, domain, uuid: None }),
            _ => Ok(Self { username: user, ..Self::default() }),
        }
    }

    /// What rows of this key have.
    fn conditions(&self, columns: &Columns) -> Vec<Condition> {
        self.by(columns)
            .into_iter()
            .filter_map(|(column, value)| {
                value.map(|value| Condition::equal(column, Field::text(value)))
            })
            .collect()
    }

    /// What a new row of this key has: what the key does not have is empty there.
    fn fields(&self, columns: &Columns) -> Vec<(Arc<str>, Field)> {
        let field = |value: Option<&Vec<u8>>| Field::text(value.map_or(&b""[..], |v| v));
        let all = self.by(columns).into_iter();
        all.map(|(column, value)| (Arc::clone(column), field(value))).collect()
    }

    fn by<'a>(&'a self, columns: &'a Columns) -> [(&'a Arc<str>, Option<&'a Vec<u8>>); 3] {
        [
            (&columns.uuid, self.uuid.as_ref()),
            (&columns.username, self.username.as_ref()),
            (&columns.domain, self.domain.as_ref()),
        ]
    }
}

fn scheme_key(scheme: &Scheme, key: Key) -> Vec<Condition> {
    let parts =
        [(&scheme.uuid, key.uuid), (&scheme.username, key.username), (&scheme.domain, key.domain)];
    let condition = |(column, value): (&Option<Arc<str>>, Option<Vec<u8>>)| {
        Some(Condition::equal(column.as_ref()?, Field::text(value?)))
    };
    parts.into_iter().filter_map(condition).collect()
}

/// Which AVPs, and where they lie.
struct Meant {
    /// `None`: all.
    name: Option<Vec<u8>>,
    table: Arc<str>,
    scheme: Option<Scheme>,
}

impl Meant {
    /// `$avp(name)`, `$avp(name)/table`, `$avp(name)/$scheme`; `a` in place of the AVP means all.
    fn of(ctx: &Ctx<'_>, state: &State, names: Value) -> Result<Self, &'static str> {
        let text = bytes(ctx, names).trim_ascii();
        let mut parts = text.splitn(2, |byte| *byte == b'/').map(<[u8]>::trim_ascii);
        let avp = parts.next().unwrap_or_default();
        let name = match avp {
            b"a" | b"A" | b"s" | b"S" | b"i" | b"I" => None,
            _ => {
                let name = avp.strip_prefix(b"$avp(").and_then(|name| name.strip_suffix(b")"));
                Some(name.filter(|name| !name.contains(&b'$')).ok_or("an AVP is $avp(name)")?)
            }
        };
        let name = name.map(<[u8]>::to_vec);
        let Some(place) = parts.next() else {
            return Ok(Self { name, table: Arc::clone(&state.table), scheme: None });
        };
        match place.strip_prefix(b"$") {
            Some(scheme) => {
                let scheme = state.scheme(scheme).ok_or("no db_scheme has that name")?.clone();
                Ok(Self { name, table: Arc::clone(&scheme.table), scheme: Some(scheme) })
            }
            None => {
                let table = String::from_utf8_lossy(place).into();
                Ok(Self { name, table, scheme: None })
            }
        }
    }
}
