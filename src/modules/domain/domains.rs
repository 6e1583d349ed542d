//! The table `domain` (spec 5.6): versions 1 to 4, by the names of columns, and its rows in memory.
//!
//! A domain is found by hash, and so are those above it, which may accept names below them. The
//! case of letters does not count. Never allocates for a question of usual length.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;
use sluice_engine::db::{Compare, Condition, Field, Source, Statement};
use sluice_sip::uri::literal_addr;

use crate::lookups;
use crate::rows;

/// Longest name of a domain, bytes (RFC 1035 2.3.4, without the last dot).
const LONGEST: usize = 253;

/// The table.
pub struct Table {
    /// The database.
    pub source: Arc<dyn Source>,
    /// Its name.
    pub table: Arc<str>,
    domain: Arc<str>,
    attrs: Arc<str>,
    subdomain: Arc<str>,
    select: Arc<[Arc<str>]>,
    /// Whether it has a column that says that names below a domain are ours.
    has_subdomains: bool,
}

/// A row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Domain {
    /// What the script is given; `None` is NULL.
    pub attrs: Option<Box<[u8]>>,
    /// Names below it are ours, too.
    pub subdomains: bool,
}

/// All rows, by the name in lower case.
#[derive(Debug, Default)]
pub struct Domains(AHashMap<Box<[u8]>, Domain>);

impl Table {
    /// With its columns: domain, attributes, subdomains. Asks the database which of these it has.
    pub fn new(source: Arc<dyn Source>, table: Arc<str>, columns: [Arc<str>; 3]) -> Self {
        let [domain, attrs, subdomain] = columns;
        let has = |column: &Arc<str>| {
            let columns: Arc<[Arc<str>]> = Arc::new([Arc::clone(column)]);
            let statement = lookups::select(&table, &columns, &[(&domain, b"")]);
            source.ask(vec![statement]).is_ok()
        };
        let has_subdomains = has(&subdomain);
        let select = match has(&attrs) {
            true => Arc::from([Arc::clone(&domain), Arc::clone(&attrs)]),
            false => Arc::from([Arc::clone(&domain)]),
        };
        Self { domain, attrs, subdomain, select, has_subdomains, source, table }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Why there are no rows to be had.
    pub fn load(&self, warnings: &mut Vec<String>) -> Result<Domains, String> {
        let rows = rows::all(&*self.source, &self.table)?;
        let place = self.source.place(&self.table);
        let domain = rows::column(&rows, &place, &[&self.domain])?;
        let (attrs, subdomain) = (rows.column(&self.attrs), rows.column(&self.subdomain));
        let read = rows::read(&rows, &place, warnings, |fields| {
            let name = rows::text(fields, Some(domain)).to_ascii_lowercase();
            if name.is_empty() || name.len() > LONGEST {
                return Err(format!("a domain has 1 to {LONGEST} bytes"));
            }
            let subdomains = rows::number(fields, subdomain, 0);
            let subdomains = subdomains.ok_or("whether names below it are ours is a number")?;
            let attrs = attrs.and_then(|at| fields.get(at)).and_then(Field::bytes);
            let attrs = attrs.map(Box::from);
            Ok(Some((name.into(), Domain { attrs, subdomains: subdomains > 0 })))
        });
        // As in OpenSIPS, of several rows the last one counts.
        Ok(Domains(read.into_iter().collect()))
    }

    /// Asks for the row of a domain: the domain, and the attributes where the table has them.
    pub fn of(&self, name: &[u8]) -> Statement {
        lookups::select(&self.table, &self.select, &[(&self.domain, name)])
    }

    /// Asks for the rows of all domains below which names are ours; `None`: the table has none.
    pub fn above(&self) -> Option<Statement> {
        let mut statement = lookups::select(&self.table, &self.select, &[]);
        statement.conditions.push(Condition {
            column: Arc::clone(&self.subdomain),
            compare: Compare::Greater,
            value: Field::Int(0),
        });
        self.has_subdomains.then_some(statement)
    }
}

impl Domains {
    /// The row that makes a domain ours.
    pub fn find(&self, name: &[u8]) -> Option<&Domain> {
        let mut lower = [0; LONGEST];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        if let Some(domain) = self.0.get(&*lower) {
            return Some(domain);
        }
        let above = parents(lower).filter_map(|name| self.0.get(name));
        above.into_iter().find(|domain| domain.subdomains)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Domain)> {
        let sorted: BTreeMap<&[u8], &Domain> =
            self.0.iter().map(|(name, domain)| (&**name, domain)).collect();
        sorted.into_iter()
    }
}

/// The domains that a name is below, the nearest first; none of an address.
pub fn parents(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let name = if literal_addr(name).is_some() { b"" } else { name };
    let dots = name.iter().enumerate().filter(|(_, byte)| **byte == b'.');
    dots.filter_map(move |(at, _)| name.get(at + 1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_a_domain_are_ours_where_it_says_so() {
        let domain = |subdomains| Domain { attrs: None, subdomains };
        let rows = [("example.org", true), ("example.com", false), ("10.0.0.1", false)];
        let rows = rows.map(|(name, below)| (Box::from(name.as_bytes()), domain(below)));
        let domains = Domains(rows.into_iter().collect());
        for ours in ["EXAMPLE.org", "a.b.example.org", "example.com", "10.0.0.1"] {
            assert!(domains.find(ours.as_bytes()).is_some(), "{ours}");
        }
        for other in ["anexample.org", "a.example.com", "org", "", "0.0.1", &"a.".repeat(200)] {
            assert!(domains.find(other.as_bytes()).is_none(), "{other}");
        }
        assert_eq!(parents(b"10.0.0.1").count(), 0);
        assert_eq!(parents(b"a.b.c").collect::<Vec<_>>(), [&b"b.c"[..], b"c"]);
    }
}
