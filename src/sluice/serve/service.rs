//! Joins the parameters of `mi_fifo` to the service of the control plane.

use std::sync::Arc;

use nix::unistd::{Group, User};
use sluice_control::mi::fifo::{Fifo, Options};
use sluice_control::mi::{Management, Service};
use sluice_engine::module::SetupError;
use sluice_engine::program::Program;
use sluice_modules::mi_fifo::api::{Owner, Parameters};

/// The service that the script's `mi_fifo` asks for, if it is loaded; its FIFO is there then.
/// `becomes` are the user and group that the program will be.
///
/// # Errors
/// Why there can be no such FIFO, with the script's line.
pub(super) fn management_service(
    program: &Program,
    management: &Arc<Management>,
    becomes: (Option<u32>, Option<u32>),
) -> Result<Option<Service>, (&'static str, SetupError)> {
    let state = program.state(sluice_modules::mi_fifo::MODULE.name);
    let Some(parameters) = state.and_then(|state| state.as_any().downcast_ref::<Parameters>())
    else {
        return Ok(None);
    };
    let made = options(parameters, becomes)
        .and_then(|options| Fifo::create(options).map_err(|error| error.to_string()));
    match made {
        Ok((fifo, pipe)) => Ok(Some(Service { fifo, pipe, management: Arc::clone(management) })),
        Err(text) => {
            let error = SetupError { at: Some(parameters.at), text };
            Err((sluice_modules::mi_fifo::MODULE.name, error))
        }
    }
}

fn options(
    parameters: &Parameters,
    becomes: (Option<u32>, Option<u32>),
) -> Result<Options, String> {
    let user = |name: &str| match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!("fifo_user {name}: no such user")),
        Err(error) => Err(format!("fifo_user {name}: {error}")),
    };
    let group = |name: &str| match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(format!("fifo_group {name}: no such group")),
        Err(error) => Err(format!("fifo_group {name}: {error}")),
    };
    Ok(Options {
        path: parameters.fifo_name.clone().into(),
        mode: parameters.fifo_mode,
        user: parameters.fifo_user.as_ref().map(|owner| id(owner, user)).transpose()?.or(becomes.0),
        group: parameters
            .fifo_group
            .as_ref()
            .map(|owner| id(owner, group))
            .transpose()?
            .or(becomes.1),
        reply_dir: parameters.reply_dir.clone().into(),
        pretty: parameters.pretty_printing,
        indent: parameters.reply_indent.clone(),
    })
}

fn id(owner: &Owner, by_name: impl Fn(&str) -> Result<u32, String>) -> Result<u32, String> {
    match owner {
        Owner::Id(id) => Ok(*id),
        Owner::Name(name) => by_name(name),
    }
}
