//! What other modules and the program see of this module: its parameters, and the pages that
//! modules register.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluice_engine::module::{Setup, SharedState};
use sluice_script::source::Location;

/// The parameters, digested, and the pages.
#[derive(Debug)]
pub struct Server {
    /// Where it listens; `None` for all addresses of the machine.
    pub ip: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Where the script says one of them, for refusals.
    pub at: Option<Location>,
    /// How long a connection may stay idle; `None` for ever.
    pub conn_timeout: Option<Duration>,
    /// Longest body of a request, bytes.
    pub request_max: usize,
    /// Longest body of a reply, bytes.
    pub reply_max: usize,
    /// Who may ask.
    pub login: Option<Login>,
    pub(super) pages: Mutex<Vec<Page>>,
}

/// Name and password that requests must carry.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// What is told to those who carry none.
    pub realm: String,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A page, as `httpd_list_root_path` lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Page {
    /// Its path without the slash.
    pub(super) root: String,
    /// Whose it is.
    pub(super) module: &'static str,
}

impl Server {
    /// Whether others than the programs of this machine reach it without a password.
    pub(crate) fn is_open(&self) -> bool {
        self.login.is_none() && self.ip.is_none_or(|ip| !ip.is_loopback())
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, Vec<Page>> {
        // A panic in between leaves nothing half-done here.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Registers the page of a module at the server; the server's state.
///
/// # Errors
/// Why there can be no such page, for the user.
pub(crate) fn register(setup: &Setup<'_>, root: &str) -> Result<Arc<dyn SharedState>, String> {
    let found = setup.started.iter().find(|(name, _)| *name == super::MODULE.name);
    let state = found.map(|(_, state)| state);
    let server = state.and_then(|state| state.as_any().downcast_ref::<Server>());
    let (Some(state), Some(server)) = (state, server) else {
        return Err("module httpd must be loaded too".to_owned());
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if root.is_empty() || !root.bytes().all(allowed) {
        return Err(format!("`{root}` is no path; letters, digits, `_`, `-` and `.` make one"));
    }
    let mut pages = server.pages();
    if let Some(other) = pages.iter().find(|page| page.root == root) {
        return Err(format!("the path {root} is that of {}", other.module));
    }
    pages.push(Page { root: root.to_owned(), module: setup.module });
    Ok(Arc::clone(state))
}
