//! Sockets that a script forces by a constant and that none of ours is: told before it runs.
//!
//! Takes a script as it was lowered, gives places and texts. `force_send_socket()` of such a socket
//! is refused as in OpenSIPS; `$socket_out`, which OpenSIPS looks at when it is set, is worth a
//! warning. What is made at run time is counted then ([`Counter::SocketUnknown`]).
//!
//! [`Counter::SocketUnknown`]: crate::counter::Counter::SocketUnknown

use sluice_script::Script;
use sluice_script::ir::{Constant, Op};
use sluice_script::source::Location;

use crate::registry::Registry;
use crate::sockets::Sockets;

/// A socket that there is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// Where it is forced.
    pub at: Location,
    /// What is wrong.
    pub text: String,
    /// Whether the script is refused for it.
    pub is_error: bool,
}

/// All of a script.
pub fn unknown(script: &Script, registry: &Registry, sockets: &Sockets) -> Vec<Unknown> {
    let function = registry.function_id("force_send_socket");
    let is_variable = |id| registry.variable_by_id(id).is_some_and(|(_, v)| v.name == "socket_out");
    let pairs = script.code.windows(2).enumerate().filter_map(|(at, pair)| {
        let [Op::Text(text), then] = pair else { return None };
        let is_error = match then {
            Op::Call { function: called, .. } if Some(*called) == function => true,
            Op::Store { target, .. } => {
                let reference = script.references.get(usize::from(target.0))?;
                is_variable(reference.variable.0).then_some(false)?
            }
            _ => return None,
        };
        Some((at + 1, *text, is_error))
    });
    let found = pairs.filter_map(|(at, Constant { start, len }, is_error)| {
        let bytes = script.pool.get(start as usize..(start + len) as usize)?;
        let text = String::from_utf8_lossy(bytes);
        if sockets.named(&text).is_some() {
            return None;
        }
        let at = script.locations.get(at).copied().unwrap_or_default();
        Some(Unknown { at, text: format!("no socket of ours is `{text}`"), is_error })
    });
    found.collect()
}
