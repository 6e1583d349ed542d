//! Management commands: chance, shared variables, the hash of a configuration file.

use serde_json::{Value, json};
use sluice_engine::context::Kept;
use sluice_engine::module::{Command, CommandError, SharedState};

use super::state::State;
use crate::limits;

/// The table.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "rand_set_prob",
        short: "rand_set_prob",
        doc: "Sets the percentage of rand_event().",
        params: &["prob_proc"],
        run: set_probability,
    },
    Command {
        name: "rand_reset_prob",
        short: "rand_reset_prob",
        doc: "Sets the percentage of rand_event() as it was at start.",
        params: &[],
        run: |state, _| {
            of(state)?.reset_probability();
            Ok(json!("OK"))
        },
    },
    Command {
        name: "rand_get_prob",
        short: "rand_get_prob",
        doc: "Says the percentage of rand_event().",
        params: &[],
        run: |state, _| {
            let percent = of(state)?.probability();
            Ok(json!(format!("The actual probability is {percent} percent.")))
        },
    },
    Command {
        name: "check_config_hash",
        short: "check_config_hash",
        doc: "Says whether the file of hash_file is as it was at start.",
        params: &[],
        run: check_hash,
    },
    Command {
        name: "get_config_hash",
        short: "get_config_hash",
        doc: "Says the MD5 of the file of hash_file, as it was at start.",
        params: &[],
        run: |state, _| match &of(state)?.hashed {
            Some(file) => Ok(json!(file.hash)),
            None => refuse(404, NO_FILE),
        },
    },
    Command {
        name: "shv_set",
        short: "shv_set",
        doc: "Sets a $shv; its type is int or str.",
        params: &["name", "type", "value"],
        run: set_shared,
    },
    Command {
        name: "shv_get",
        short: "shv_get",
        doc: "Says the value of a $shv, or of all.",
        params: &["name?"],
        run: get_shared,
    },
];

const NO_FILE: &str = "no file is hashed: modparam hash_file is not set";

type Answer = Result<Value, CommandError>;

fn refuse<T>(code: i32, text: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

fn of(state: &dyn SharedState) -> Result<&State, CommandError> {
    match state.as_any().downcast_ref() {
        Some(state) => Ok(state),
        None => refuse(500, "the module is not running"),
    }
}

fn set_probability(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let percent = params.first().copied().flatten().and_then(|text| text.trim().parse().ok());
    match percent.map(|percent| of(state).map(|state| state.set_probability(percent))) {
        Some(Ok(true)) => Ok(json!("OK")),
        Some(Err(error)) => Err(error),
        Some(Ok(false)) | None => refuse(400, "a percentage from 0 to 100 was expected"),
    }
}

fn check_hash(state: &dyn SharedState, _: &[Option<&str>]) -> Answer {
    let Some(file) = &of(state)?.hashed else { return refuse(404, NO_FILE) };
    match file.now() {
        Ok(hash) if hash == file.hash => {
            Ok(json!("The actual config file hash is identical to the stored one."))
        }
        Ok(_) => refuse(400, "The actual config file hash is not identical to the stored one."),
        Err(error) => refuse(500, format!("{}: {error}", file.path)),
    }
}

fn set_shared(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let &[Some(name), Some(kind), Some(text)] = params else {
        return refuse(400, "name, type and value are needed");
    };
    let value = match kind {
        "int" => match text.trim().parse() {
            Ok(number) => Kept::Int(number),
            Err(_) => return refuse(400, "the value is no number"),
        },
        "str" if text.len() > limits::SHARED_VARIABLE_BYTES => {
            return refuse(400, "the value is too long");
        }
        "str" => Kept::Text(text.as_bytes().to_vec()),
        _ => return refuse(400, "the type is int or str"),
    };
    if of(state)?.write(name.as_bytes(), value) {
        Ok(json!("OK"))
    } else {
        refuse(500, "there are too many shared variables")
    }
}

fn get_shared(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let state = of(state)?;
    let Some(name) = params.first().copied().flatten() else {
        let mut all = state.all();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        let all: Vec<Value> = all.iter().map(|(name, value)| describe(name, value)).collect();
        return Ok(json!({ "VARs": all }));
    };
    match state.read(name.as_bytes()) {
        Some(value) => Ok(json!({ "VAR": describe(name.as_bytes(), &value) })),
        None => refuse(404, "Not found"),
    }
}

fn describe(name: &[u8], value: &Kept) -> Value {
    let name = String::from_utf8_lossy(name);
    match value {
        Kept::Text(text) => {
            json!({ "name": name, "type": "string", "value": String::from_utf8_lossy(text) })
        }
        Kept::Int(number) => json!({ "name": name, "type": "integer", "value": number }),
        Kept::Null => json!({ "name": name, "type": "integer", "value": 0 }),
    }
}
