//! The destination set of a request: the Request-URI's own branch and the extra ones (spec 8.8).
//!
//! Takes and gives texts of the run. Sends nothing: a 3xx lists the set, relaying forks along it.

use sluice_base::SocketId;

use crate::context::Ctx;
use crate::limits;
use crate::value::{Text, Value};

/// A destination with everything that belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Branch {
    /// Its URI.
    pub uri: Text,
    /// Its outbound proxy.
    pub destination: Option<Text>,
    /// Its Path, which becomes Route (RFC 3327).
    pub path: Option<Text>,
    /// q times 1000; `None` when not given.
    pub q: Option<u16>,
    /// Its flags by slot.
    pub flags: u32,
    /// The socket it leaves by.
    pub socket: Option<SocketId>,
    /// Whose attributes are its own; the set gives it.
    pub id: u16,
}

impl Branch {
    /// A destination of which only the URI is known.
    pub const fn to(uri: Text) -> Self {
        let (destination, path, q, flags, socket) = (None, None, None, 0, None);
        Self { uri, destination, path, q, flags, socket, id: 0 }
    }
}

/// The extra branches, and what of the Request-URI's branch is not a field of the run.
#[derive(Debug, Default)]
pub struct DestinationSet {
    /// Whether there is anything to clear.
    touched: bool,
    extra: Vec<Branch>,
    q: Option<u16>,
    path: Option<Text>,
    /// The attributes' owner that the Request-URI's branch is.
    own_id: u16,
    last_id: u16,
    attributes: Vec<(u16, Text, Value)>,
}

impl DestinationSet {
    /// An empty set with room for a usual one.
    pub fn new() -> Self {
        Self { extra: Vec::with_capacity(limits::BRANCHES), ..Self::default() }
    }

    /// Forgets everything; memory is kept.
    #[inline]
    pub fn clear(&mut self) {
        if self.touched {
            self.clear_touched();
        }
    }

    #[cold]
    fn clear_touched(&mut self) {
        self.touched = false;
        self.clear_extra();
        (self.q, self.path, self.own_id, self.last_id) = (None, None, 0, 0);
        self.attributes.clear();
    }

    /// Removes all branches but the Request-URI's.
    pub fn clear_extra(&mut self) {
        self.extra.clear();
    }

    /// Sets the Path of the Request-URI's branch.
    pub(crate) fn put_path(&mut self, path: Option<Text>) {
        (self.path, self.touched) = (path, true);
    }

    /// The branches but the Request-URI's.
    pub fn extra(&self) -> &[Branch] {
        &self.extra
    }

    /// Adds a branch with attributes of its own, none.
    ///
    /// # Errors
    /// When the set is full.
    pub fn add(&mut self, branch: Branch) -> Result<(), &'static str> {
        if self.extra.len() >= limits::BRANCHES {
            return Err("too many branches");
        }
        self.touched = true;
        let id = self.new_id();
        self.extra.push(Branch { id, ..branch });
        Ok(())
    }

    /// Removes an extra branch, from 0; false when there is none.
    pub fn remove(&mut self, at: usize) -> bool {
        if at >= self.extra.len() {
            return false;
        }
        let id = self.extra.remove(at).id;
        self.attributes.retain(|(owner, ..)| *owner != id);
        true
    }

    /// The q of the Request-URI's branch, times 1000.
    pub fn q(&self) -> Option<u16> {
        self.q
    }

    /// Sets it.
    pub fn set_q(&mut self, q: Option<u16>) {
        self.touched = true;
        self.q = q;
    }

    /// The Path of the Request-URI's branch.
    #[inline]
    pub fn path(&self) -> Option<Text> {
        self.path
    }

    /// The attributes of the Request-URI's branch.
    pub(crate) fn own_attributes(&self) -> impl Iterator<Item = (Text, Value)> {
        let own = self.attributes.iter().filter(|(owner, ..)| *owner == self.own_id);
        own.map(|(_, name, value)| (*name, *value))
    }

    fn new_id(&mut self) -> u16 {
        self.last_id += 1;
        self.last_id
    }
}

impl Ctx<'_> {
    /// A branch by number; 0 is the Request-URI's.
    pub fn branch(&self, number: usize) -> Option<Branch> {
        let set = &self.run.set;
        match number.checked_sub(1) {
            Some(at) => set.extra.get(at).copied(),
            None => Some(Branch {
                uri: self.ruri()?,
                destination: self.run.destination,
                path: set.path,
                q: set.q,
                flags: self.run.branch_flags,
                socket: self.run.send_socket,
                id: set.own_id,
            }),
        }
    }

    /// Puts a branch, attributes and all, in the place of another; false when there is no such.
    pub fn put_branch(&mut self, number: usize, branch: Branch) -> bool {
        self.run.set.touched = true;
        if let Some(at) = number.checked_sub(1) {
            return self.run.set.extra.get_mut(at).map(|place| *place = branch).is_some();
        }
        if self.ruri() != Some(branch.uri) {
            self.run.ruri = Some(branch.uri);
        }
        let run = &mut *self.run;
        if run.destination != branch.destination {
            (run.destination, run.destination_addr) = (branch.destination, None);
        }
        (run.branch_flags, run.send_socket) = (branch.flags, branch.socket);
        (run.set.path, run.set.q, run.set.own_id) = (branch.path, branch.q, branch.id);
        true
    }

    /// The same branch with a copy of its attributes.
    pub fn copy_branch(&mut self, branch: Branch) -> Branch {
        let id = self.run.set.new_id();
        let all = &mut self.run.set.attributes;
        let copies: Vec<_> =
            all.iter().filter(|(owner, ..)| *owner == branch.id).copied().collect();
        all.extend(copies.into_iter().map(|(_, name, value)| (id, name, value)));
        Branch { id, ..branch }
    }

    /// An attribute of a branch.
    pub fn branch_attribute(&self, branch: &Branch, name: &[u8]) -> Option<Value> {
        let at = self.attribute_position(branch.id, name)?;
        self.run.set.attributes.get(at).map(|(.., value)| *value)
    }

    /// Gives a branch an attribute, or takes it away.
    pub fn set_branch_attribute(&mut self, branch: &Branch, name: Text, value: Option<Value>) {
        self.run.set.touched = true;
        let at = self.attribute_position(branch.id, self.bytes(name));
        let all = &mut self.run.set.attributes;
        match (at.and_then(|at| all.get_mut(at)), value) {
            (Some(place), Some(value)) => place.2 = value,
            (Some(_), None) => {
                at.map(|at| all.remove(at));
            }
            (None, Some(value)) => all.push((branch.id, name, value)),
            (None, None) => {}
        }
    }

    fn attribute_position(&self, id: u16, name: &[u8]) -> Option<usize> {
        let mut all = self.run.set.attributes.iter();
        all.position(|(owner, of, _)| *owner == id && self.bytes(*of) == name)
    }
}
