//! What all workers and the management share of the module.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{Setup, SharedState};
use sluice_engine::post::Post;
use sluice_engine::sockets::Sockets;

/// See the file's head; each worker has a handle.
pub(super) struct State {
    /// Letters to the workers that make requests.
    pub post: Arc<Post>,
    /// Our sockets.
    pub sockets: Sockets,
    /// The slot of `$avp(uac_ctx)`.
    pub context: u32,
}

/// A worker's handle.
pub(super) struct Handle(pub Arc<State>);

impl State {
    /// With the names that the module gives.
    pub fn new(setup: &mut Setup<'_>) -> Self {
        Self {
            post: Arc::clone(setup.post),
            sockets: setup.sockets.clone(),
            context: setup.script.avps.intern("uac_ctx"),
        }
    }
}

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Handle(self))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    /// They wait for the end of a transaction.
    fn waits(&self, command: &str) -> bool {
        matches!(command, "t_uac_dlg" | "t_uac_cancel")
    }
}
