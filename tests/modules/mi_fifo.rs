//! `mi_fifo`: what its parameters amount to. The pipe itself is tested over the running program.

use sluice_modules::mi_fifo::api::{Owner, Parameters};
use sluice_tests::world::{Plan, World};

use crate::world::compiled;

fn parameters(script: &str) -> Parameters {
    let world = World::of(&format!("{script}\nroute {{ exit; }}"));
    let state = world.program.state("mi_fifo").unwrap();
    state.as_any().downcast_ref::<Parameters>().unwrap().clone()
}

#[test]
fn as_the_fields_scripts_write_it() {
    let plain = parameters(
        "loadmodule \"mi_fifo.so\"\nmodparam(\"mi_fifo\", \"fifo_name\", \"/tmp/opensips_fifo\")",
    );
    assert_eq!(plain.fifo_name, "/tmp/opensips_fifo");
    assert_eq!((plain.at.line, plain.fifo_mode), (2, 0o660));
    assert_eq!((plain.fifo_user, plain.fifo_group), (None, None));
    assert_eq!((plain.reply_dir.as_str(), plain.reply_indent.as_str()), ("/tmp/", "\t"));
    assert!(!plain.pretty_printing);
    let full = parameters(
        "loadmodule \"/usr/lib/opensips/modules/mi_fifo.so\"\n\
         modparam(\"mi_fifo\", \"fifo_name\", \"/run/sip/fifo\")\n\
         modparam(\"mi_fifo\", \"fifo_mode\", 0666)\n\
         modparam(\"mi_fifo\", \"fifo_user\", \"opensips\")\n\
         modparam(\"mi_fifo\", \"fifo_group\", 113)\n\
         modparam(\"mi_fifo\", \"reply_dir\", \"/run/sip/\")\n\
         modparam(\"mi_fifo\", \"pretty_printing\", 1)\n\
         modparam(\"mi_fifo\", \"reply_indent\", \"  \")",
    );
    assert_eq!((full.fifo_name.as_str(), full.fifo_mode), ("/run/sip/fifo", 0o666));
    assert_eq!(full.fifo_user, Some(Owner::Name("opensips".to_owned())));
    assert_eq!(full.fifo_group, Some(Owner::Id(113)));
    assert_eq!((full.reply_dir.as_str(), full.reply_indent.as_str()), ("/run/sip/", "  "));
    assert!(full.pretty_printing);
}

#[test]
fn what_cannot_be_is_refused() {
    let script = |line: &str| format!("loadmodule \"mi_fifo\"\n{line}\nroute {{ exit; }}");
    let refused = Plan::default().try_run(&script("")).map(|_| ()).unwrap_err();
    assert!(refused.contains("modparam fifo_name is needed"), "{refused}");
    for line in [
        "modparam(\"mi_fifo\", \"fifo_mode\", 01000)",
        "modparam(\"mi_fifo\", \"fifo_mode\", \"all\")",
        "modparam(\"mi_fifo\", \"fifo_nmae\", \"/tmp/x\")",
        "modparam(\"mi_fifo\", \"trace_destination\", \"hep\")",
        "modparam(\"mi_fifo\", \"trace_bwlist\", \"w: ps\")",
    ] {
        assert_eq!(compiled(&script(line)).errors, 1, "{line}");
    }
    let unloaded = "modparam(\"mi_fifo\", \"fifo_name\", \"/tmp/x\")\nroute { exit; }";
    assert_eq!(compiled(unloaded).errors, 1, "as there");
}
