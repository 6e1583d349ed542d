//! From a list file or a table to a snapshot: reads, resolves, and carries over what is live.
//!
//! Control plane only, at start and for `ds_reload`. Files are read and names resolved through what
//! the program lends ([`Files`], [`Resolve`]).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use ahash::AHashMap;
use sluice_base::SocketId;
use sluice_engine::files::Files;
use sluice_engine::module::Resolve;
use sluice_engine::sockets::{Proto, Sockets};
use sluice_engine::targets::{Located, Names, Place};
use sluice_sip::uri::{Scheme, Uri};

use super::hits::Room;
use super::list::{self, Row};
use super::named::{self, Known, Named};
use super::sets::{Destination, Host, Sets};
use super::state::{Live, State};
use super::table::{self, Columns, TableSource};
use crate::db_text::api as db_text;

/// Where the sets come from.
pub struct ListFile {
    /// Who has its names watched.
    pub watch: String,
    /// Its path as the script has it; empty where there is none, and so no destination.
    pub path: String,
    /// Reads it.
    pub files: Arc<dyn Files>,
    /// The table that is read in place of the file.
    pub table: Option<Arc<TableSource>>,
    /// Our sockets, of which a row may name one.
    pub sockets: Sockets,
    /// Resolves the names in it.
    pub resolve: Resolve,
    /// What is known of names; those of the list are kept fresh there.
    pub names: Arc<Names>,
    /// Whether the sets have Maglev's tables.
    pub maglev: AtomicBool,
}

impl ListFile {
    /// Makes the sets. Destinations that are in `old` too (same set, same URI in any case) keep
    /// their live part.
    ///
    /// # Errors
    /// Why the file cannot be read, or its first malformed line.
    pub fn load(&self, old: Option<&Sets>, warnings: &mut Vec<String>) -> Result<Sets, String> {
        let sets = self.read(old, warnings)?;
        self.names.watch(&self.watch, places(&sets));
        Ok(sets)
    }

    /// The same, of sets that nobody will use: their names are not watched.
    ///
    /// # Errors
    /// As [`ListFile::load`].
    pub fn read(&self, old: Option<&Sets>, warnings: &mut Vec<String>) -> Result<Sets, String> {
        let (place, rows) = match &self.table {
            Some(table) => (table.place(), table.rows(warnings)?),
            None => (self.path.clone(), self.rows(warnings)?),
        };
        let mut loading = Loading {
            path: &place,
            sockets: &self.sockets,
            resolve: &self.resolve,
            fresh: &self.names,
            old: old.map(by_identity).unwrap_or_default(),
            live: AHashMap::with_capacity(rows.len()),
            hits: Room::new(rows.len()),
            names: AHashMap::new(),
            warnings,
        };
        let rows = rows.into_iter().map(|row| (row.set, loading.destination(row))).collect();
        let sets = Sets::new(rows);
        if self.maglev.load(Relaxed) {
            sets.make_tables(old);
        }
        Ok(sets)
    }

    /// The same source, or another list file in its place.
    pub fn like(&self, path: Option<&str>) -> Self {
        Self {
            watch: String::new(),
            path: path.unwrap_or(&self.path).to_owned(),
            files: Arc::clone(&self.files),
            table: self.table.clone().filter(|_| path.is_none()),
            sockets: self.sockets.clone(),
            resolve: Arc::clone(&self.resolve),
            names: Arc::clone(&self.names),
            maglev: AtomicBool::new(self.maglev.load(Relaxed)),
        }
    }

    /// The rows of the file: of a list, or of a table's text.
    fn rows(&self, warnings: &mut Vec<String>) -> Result<Vec<Row>, String> {
        let path = &self.path;
        if path.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.files.read(path).map_err(|error| format!("{path}: {error}"))?;
        if !db_text::is_table(&bytes) {
            return list::parse(&bytes, path, warnings);
        }
        let rows = db_text::rows(&bytes, path, warnings)?;
        table::read(&rows, path, &Columns::default(), true, warnings)
    }
}

/// Set and URI in lower case: what makes a destination the same one after a reload.
type Identity = (u32, String);

fn by_identity(sets: &Sets) -> AHashMap<Identity, &Destination> {
    let all = sets.iter().flat_map(|set| set.destinations.iter().map(|d| (set.id, d)));
    all.map(|(id, d)| ((id, d.uri.to_ascii_lowercase()), d)).collect()
}

/// One load under way.
struct Loading<'a> {
    path: &'a str,
    sockets: &'a Sockets,
    resolve: &'a Resolve,
    fresh: &'a Names,
    old: AHashMap<Identity, &'a Destination>,
    /// Live parts of the destinations made so far: equal lines share one.
    live: AHashMap<Identity, Arc<Live>>,
    /// Counters of those that are new.
    hits: Room,
    /// Names resolved so far.
    names: AHashMap<String, Result<Vec<IpAddr>, String>>,
    warnings: &'a mut Vec<String>,
}

impl Loading<'_> {
    fn destination(&mut self, row: Row) -> Destination {
        let identity = (row.set, row.uri.to_ascii_lowercase());
        let old = self.old.get(&identity).copied();
        let parts = Parts::of(&row.uri);
        let trouble = parts.trouble(self.sockets);
        let host = self.host(&row, &parts, old);
        let why = trouble.clone().or_else(|| host.trouble());
        if let Some(why) = &why {
            self.warn(&row, &format!("{why}; it begins inactive"));
        }
        let first = if why.is_some() { State::INACTIVE } else { row.state };
        let hits = &mut self.hits;
        let live = self.live.entry(identity).or_insert_with(|| match old {
            // One that was out for want of an address goes to work when it has one.
            Some(old) if old.trouble().is_none() || why.is_some() => Arc::clone(&old.live),
            _ => Arc::new(Live::new(first, hits.place())),
        });
        live.is_stored(row.state);
        let live = Arc::clone(live);
        let socket = row.socket.as_deref().and_then(|text| self.socket(&row, text));
        let target = match &host {
            Host::Literal(ip) if parts.proto == Some(Proto::Udp) => {
                Some(SocketAddr::new(*ip, parts.port))
            }
            _ => None,
        };
        Destination {
            bare_uri: parts.bare_uri.into(),
            weight: row.weight,
            priority: row.priority,
            attrs: row.attrs.into(),
            target,
            host,
            port: parts.port,
            trouble,
            socket,
            probe_mode: row.probe_mode,
            description: row.description.into(),
            live,
            uri: row.uri.into(),
        }
    }

    /// spec 3.1: a socket that is not ours is told, and the row used without.
    fn socket(&mut self, row: &Row, text: &str) -> Option<SocketId> {
        let socket = self.sockets.named(text);
        if socket.is_none() {
            self.warn(row, &format!("socket `{text}` is not one of ours; it goes without"));
        }
        socket
    }

    fn warn(&mut self, row: &Row, what: &str) {
        self.warnings.push(format!("{}:{}: {}: {what}", self.path, row.line, row.uri));
    }

    /// An address, or a name with what it stands for; one that is not found any more keeps what it
    /// had.
    fn host(&mut self, row: &Row, parts: &Parts, old: Option<&Destination>) -> Host {
        let name = match &parts.host {
            Written::Literal(ip) => return Host::Literal(*ip),
            Written::Name(name) => name,
        };
        let (addresses, trouble) = match self.addresses(name) {
            Ok(addresses) => (addresses.into(), None),
            Err(why) => match old.map(|old| old.host.addresses()).filter(|a| !a.is_empty()) {
                Some(kept) => {
                    self.warn(row, &format!("{why}; it keeps the addresses it had"));
                    (kept, None)
                }
                None => (Box::default(), Some(why)),
            },
        };
        let place = Place::new(name.as_bytes(), parts.given_port, parts.given_proto);
        if let (Some(place), Some(proto), None) = (&place, parts.proto, &trouble) {
            named::lend(self.fresh, place, Located::host(proto, parts.port, addresses.clone()));
        }
        Host::Named(Named::new(place, row.state, Known { addresses, trouble }))
    }

    fn addresses(&mut self, name: &str) -> Result<Vec<IpAddr>, String> {
        let resolve = self.resolve;
        self.names.entry(name.to_owned()).or_insert_with(|| resolve(name)).clone()
    }
}

/// The names of all destinations.
fn places(sets: &Sets) -> Vec<Place> {
    let all = sets.iter().flat_map(|set| &set.destinations);
    let places = all.filter_map(|destination| match &destination.host {
        Host::Named(named) => named.place.clone(),
        Host::Literal(_) => None,
    });
    places.collect()
}

/// The host of a destination as it is written.
enum Written {
    Literal(IpAddr),
    Name(String),
}

/// What a destination's URI says.
struct Parts {
    bare_uri: String,
    host: Written,
    port: u16,
    given_port: Option<u16>,
    given_proto: Option<Proto>,
    /// The transport; `None` for one that is not built.
    proto: Option<Proto>,
}

impl Parts {
    /// Of a URI that the list parser has passed.
    fn of(text: &str) -> Self {
        let scheme = text.split(':').next().unwrap_or_default();
        let rest = text.get(scheme.len() + 1..).unwrap_or_default();
        let bare = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let uri = Uri::parse(text.as_bytes());
        let host = match uri.and_then(|uri| uri.host_ip()) {
            Some(ip) => Written::Literal(ip),
            None => {
                let host = uri.map_or(&b""[..], |uri| uri.host);
                Written::Name(String::from_utf8_lossy(host).to_ascii_lowercase())
            }
        };
        let given = uri.and_then(|uri| uri.param("transport"));
        let plain = uri.is_some_and(|uri| uri.scheme == Scheme::Sip);
        let given_proto = given.and_then(Proto::of_name).filter(|_| plain);
        Self {
            bare_uri: format!("{scheme}:{bare}"),
            host,
            port: uri.map_or(0, |uri| uri.port_or_default()),
            given_port: uri.and_then(|uri| uri.port),
            given_proto,
            proto: given_proto.or((given.is_none() && plain).then_some(Proto::Udp)),
        }
    }

    /// Why it can never be reached.
    fn trouble(&self, sockets: &Sockets) -> Option<String> {
        match self.proto {
            Some(Proto::Udp) => None,
            Some(proto) if sockets.protos().contains(&proto) => None,
            Some(proto) => Some(format!("there is no {} socket", proto.upper())),
            None => Some("only UDP and TCP destinations can be reached".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::files::InMemory;
    use sluice_engine::targets::Outcome;

    use super::*;

    fn files(list: Option<&str>) -> Arc<dyn Files> {
        let files = InMemory::default();
        files.set("d.list", list.map(str::as_bytes));
        Arc::new(files)
    }

    fn file(text: &'static str, known: bool) -> ListFile {
        ListFile {
            watch: "dispatcher".into(),
            path: "d.list".into(),
            files: files(Some(text)),
            table: None,
            sockets: Sockets::default(),
            resolve: Arc::new(move |name| match known {
                true => Ok(vec![IpAddr::from([10, 0, 0, 9]), IpAddr::from([10, 0, 0, 8])]),
                false => Err(format!("{name}: no such name")),
            }),
            names: Arc::new(Names::new(0)),
            maglev: AtomicBool::new(false),
        }
    }

    fn load(file: &ListFile, old: Option<&Sets>) -> (Sets, Vec<String>) {
        let mut warnings = Vec::new();
        let sets = file.load(old, &mut warnings).unwrap();
        (sets, warnings)
    }

    fn nth(sets: &Sets, set: i64, index: usize) -> &Destination {
        sets.get(set).unwrap().get(index).unwrap()
    }

    #[test]
    fn a_destination_is_ready_to_use() {
        let (sets, warnings) =
            load(&file("3 sip:gw:pw@[::1]:5070;lr 0 4/1 x=y\n3 sip:10.0.0.1 0 5/2", true), None);
        assert_eq!(warnings, [""; 0]);
        let first = nth(&sets, 3, 0);
        assert_eq!((&*first.uri, first.weight, first.priority), ("sip:10.0.0.1", 5, 2));
        assert_eq!(first.target, Some("10.0.0.1:5060".parse().unwrap()));
        let second = nth(&sets, 3, 1);
        assert_eq!(&*second.uri, "sip:gw:pw@[::1]:5070;lr");
        assert_eq!(&*second.bare_uri, "sip:[::1]:5070;lr");
        assert_eq!(second.target, Some("[::1]:5070".parse().unwrap()));
        assert_eq!((&*second.attrs, second.live.state()), ("x=y", State::ACTIVE));
        assert!(sets.get(1).is_none() && sets.get(-1).is_none());
    }

    #[test]
    fn a_name_that_does_not_resolve_begins_inactive_and_wakes_when_it_does() {
        let text = "1 sip:gw.example.com:5070 p";
        let (sets, warnings) = load(&file(text, false), None);
        let expected = "d.list:1: sip:gw.example.com:5070: gw.example.com: no such name; \
                        it begins inactive";
        assert_eq!(warnings, [expected]);
        let destination = nth(&sets, 1, 0);
        assert_eq!(destination.live.state(), State::INACTIVE);
        assert_eq!(destination.trouble().as_deref(), Some("gw.example.com: no such name"));
        assert_eq!(destination.target, None);

        let (sets, warnings) = load(&file(text, true), Some(&sets));
        assert_eq!(warnings, [""; 0]);
        let destination = nth(&sets, 1, 0);
        assert_eq!(destination.live.state(), State::PROBING);
        assert_eq!(destination.host.addresses().len(), 2);
        assert_eq!(destination.target, None, "a call goes to the name");
    }

    #[test]
    fn what_is_found_out_later_is_taken_over() {
        let gone = file("1 sip:gw.example.com:5070 p", false);
        let (sets, _) = load(&gone, None);
        let destination = nth(&sets, 1, 0);
        let Host::Named(named) = &destination.host else { panic!("it is a name") };
        assert_eq!(named.refresh(&gone.names, 0), None, "nothing is known");
        let place = named.place.clone().unwrap();
        assert_eq!(gone.names.due(0), std::slice::from_ref(&place), "it is asked for");
        let located = |ip: [u8; 4]| {
            let located = Located::host(Proto::Udp, 5070, [IpAddr::from(ip)]);
            Outcome::At(Arc::new(located), 60_000)
        };
        gone.names.keep(&place, &located([10, 0, 0, 7]), 0);
        assert_eq!(named.refresh(&gone.names, 0), Some(State::PROBING), "it is there now");
        assert!(destination.is_at([10, 0, 0, 7].into(), 5070) && destination.trouble().is_none());
        gone.names.keep(&place, &located([10, 0, 0, 8]), 0);
        assert_eq!(named.refresh(&gone.names, 0), None, "its state is its own");
        assert!(destination.is_at([10, 0, 0, 8].into(), 0));
        assert!(!destination.is_at([10, 0, 0, 7].into(), 0));
    }

    #[test]
    fn a_reload_keeps_states_counts_and_addresses() {
        let (sets, _) = load(&file("1 sip:gw.example.com\n1 sip:10.0.0.1", true), None);
        nth(&sets, 1, 0).live.set(State::INACTIVE);
        nth(&sets, 1, 0).live.hit(3);
        let swapped = file("1 sip:10.0.0.1\n1 SIP:GW.example.com\n2 sip:10.0.0.1", false);
        let (next, warnings) = load(&swapped, Some(&sets));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].ends_with("no such name; it keeps the addresses it had"));
        let kept = nth(&next, 1, 1);
        assert!(Arc::ptr_eq(&kept.live, &nth(&sets, 1, 0).live));
        assert_eq!((kept.live.state(), kept.live.hits()), (State::INACTIVE, 1));
        assert!(kept.is_at([10, 0, 0, 9].into(), 5060));
        assert!(!Arc::ptr_eq(&nth(&next, 2, 0).live, &nth(&next, 1, 0).live));
    }

    #[test]
    fn equal_lines_share_their_state() {
        let (sets, _) = load(&file("1 sip:10.0.0.1\n1 sip:10.0.0.1", true), None);
        nth(&sets, 1, 0).live.set(State::INACTIVE);
        assert!(!nth(&sets, 1, 1).is_active());
    }

    #[test]
    fn other_transports_begin_inactive() {
        let (sets, warnings) = load(
            &file(
                "1 sip:10.0.0.1;transport=tcp\n1 sips:10.0.0.1\n1 sip:10.0.0.1;transport=UDP",
                true,
            ),
            None,
        );
        assert_eq!(warnings.len(), 2);
        let states: Vec<_> = (0..3).map(|at| nth(&sets, 1, at).live.state()).collect();
        assert_eq!(states, [State::INACTIVE, State::INACTIVE, State::ACTIVE]);
        assert_eq!(nth(&sets, 1, 1).port, 5061);
        assert_eq!(nth(&sets, 1, 0).target, None);
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = ListFile { files: files(None), ..file("", true) };
        let error = missing.load(None, &mut Vec::new()).unwrap_err();
        assert_eq!(error, "d.list: entity not found");
    }
}
