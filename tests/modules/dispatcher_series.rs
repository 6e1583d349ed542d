//! The labelled series of destinations.

use sluice_engine::series::{Family, Figure, Series};
use sluice_tests::world::{Plan, World};

use crate::world::{INVITE, command_of};

/// Writes each figure as a line.
#[derive(Default)]
struct Lines(Vec<String>);

impl Series for Lines {
    fn put(&mut self, family: &Family, labels: &[(&str, &str)], figure: Figure<'_>) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.0.push(format!("{} {} {figure:?}", family.name, labels.join(" ")));
    }
}

fn lines(world: &World) -> Vec<String> {
    let mut lines = Lines::default();
    world.program.series(&mut lines);
    lines.0
}

#[test]
fn each_destination_is_told_once_with_its_set() {
    let list = "1 sip:10.0.0.1\n1 sip:10.0.0.1\n2 sip:10.0.0.1\n";
    let script = "loadmodule \"dispatcher\"\n\
                  modparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
                  route { ds_select_dst(1, 0); exit; }";
    let mut world = Plan::default().file("d.list", list).run(script);
    world.receive("10.9.9.1:5060", INVITE);
    let params = [Some("i"), Some("2"), Some("sip:10.0.0.1")];
    command_of(&world, "dispatcher", "ds_set_state", &params).unwrap();
    assert_eq!(
        lines(&world),
        [
            "sluice_dispatcher_calls_total set=1 destination=sip:10.0.0.1 Counter(1)",
            "sluice_dispatcher_calls_total set=2 destination=sip:10.0.0.1 Counter(0)",
            "sluice_dispatcher_destination_active set=1 destination=sip:10.0.0.1 Gauge(1.0)",
            "sluice_dispatcher_destination_active set=2 destination=sip:10.0.0.1 Gauge(0.0)",
        ]
    );
}
