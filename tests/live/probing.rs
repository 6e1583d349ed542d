//! Probes of destinations over real sockets: one that falls silent leaves the set, and comes back
//! when it answers again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_control::mi::Params;

use crate::live::Live;
use crate::sip::{Agent, first_line, reply};
use crate::support::{Folder, PATIENCE};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

fn state(gateway: &Live) -> String {
    let list = gateway.management().run("ds_list", &Params::words(&[])).unwrap();
    let destination: &Value = &list["PARTITIONS"][0]["SETS"][0]["Destinations"][0];
    destination["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_destination_that_falls_silent_is_left_out_until_it_answers() {
    let destination = Agent::new();
    let folder = Folder::new();
    let list = folder.write("d.list", &format!("1 sip:{}\n", destination.address()));
    let script = format!(
        "loadmodule \"tm\"\nloadmodule \"dispatcher\"\nmodparam(\"tm\", \"fr_timeout\", 1)\n\
         modparam(\"dispatcher\", \"list_file\", \"{list}\")\n\
         modparam(\"dispatcher\", \"ds_ping_interval\", 1)\n\
         modparam(\"dispatcher\", \"ds_probing_mode\", 1)\n\
         modparam(\"dispatcher\", \"ds_probing_threshold\", 2)\nroute {{ exit; }}\n"
    );
    let gateway = Live::start(&script, 2);
    let begun = Instant::now();
    let mut asked = 0;
    while state(&gateway) == "Active" {
        asked += usize::from(destination.try_receive().is_some());
        sleep(LOOK);
        assert!(begun.elapsed() < PATIENCE, "asked {asked} times in vain");
    }
    assert!(asked >= 2, "it was given up after {asked} probes");
    while state(&gateway) == "Probing" {
        if let Some((probe, from)) = destination.try_receive() {
            assert!(first_line(&probe).starts_with("OPTIONS sip:"), "{probe}");
            destination.send(from, reply(&probe, "200 OK"));
        }
        assert!(begun.elapsed() < 2 * PATIENCE, "its answers were not heard");
        sleep(LOOK);
    }
    assert_eq!(state(&gateway), "Active");
}
