//! Module `db_text` (spec 5).

mod store;
mod text;

use sluice_tests::world::{Plan, World};

use crate::world::command_of;

fn world(params: &str) -> Result<World, String> {
    let script = format!("loadmodule \"dbtext.so\"\n{params}route {{ exit; }}");
    Plan::default().try_run(&script)
}

#[test]
fn parameters_have_bounds() {
    let set =
        |name: &str, value: i64| world(&format!("modparam(\"db_text\", \"{name}\", {value})\n"));
    for (name, value) in [("db_mode", 0), ("db_mode", 1), ("buffer_size", 1), ("strict", 1)] {
        assert!(set(name, value).is_ok(), "{name} {value}");
    }
    for (name, value) in [("db_mode", 2), ("buffer_size", 0)] {
        assert!(set(name, value).is_err(), "{name} {value}");
    }
}

#[test]
fn commands_name_what_they_do_not_know() {
    let world = world("").unwrap();
    assert_eq!(command_of(&world, "db_text", "dbt_dump", &[]).unwrap(), "OK");
    assert_eq!(command_of(&world, "db_text", "dbt_reload", &[]).unwrap(), "OK");
    let error = command_of(&world, "db_text", "dbt_reload", &[Some("/db")]).unwrap_err();
    assert_eq!((error.code, error.text.as_str()), (404, "no database `/db` is open"));
}
