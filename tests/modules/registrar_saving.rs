//! `save()` beside the usual REGISTER: other methods, flags of 1.x, contacts that are not for the
//! database (spec 6.2).

use sluice_tests::world::{Plan, World as Plain};

use crate::registrar::{register, script, told};
use crate::world::World;

#[test]
fn any_method_registers_and_is_answered() {
    let mut world = World::new(&script("", "save(\"location\");"));
    let publish = register("c1", 1, "Contact: <sip:a@h>;expires=100\r\n");
    let publish =
        publish.replace("REGISTER sip:", "PUBLISH sip:").replace("1 REGISTER", "1 PUBLISH");
    assert_eq!(told(&world.feed(&publish)), ("SIP/2.0 200 OK", "<sip:a@h>;expires=100"));
    assert_eq!(told(&world.feed(&register("q", 1, ""))).1, "<sip:a@h>;expires=100");
}

#[test]
fn what_else_there_is_of_the_user_decides_where_a_contact_stands() {
    let mut world = World::new(&script("", "save(\"location\");"));
    let order = |world: &mut World| {
        let sent = world.feed(&register("q", 1, ""));
        let list = told(&sent).1.to_owned();
        list.split(", ").map(|contact| contact[5..6].to_owned()).collect::<String>()
    };
    let lines = "Contact: <sip:a@h>;q=0.5, <sip:b@h>;q=0.9, <sip:c@h>, <sip:d@h>;q=0.5\r\n";
    world.feed(&register("c1", 1, lines));
    assert_eq!(order(&mut world), "badc", "by q, then as they came; none is the least");
    world.feed(&register("c1", 2, "Contact: <sip:a@h>;q=0.5\r\n"));
    assert_eq!(order(&mut world), "badc", "a refresh moves nobody");
    world.feed(&register("c1", 3, "Contact: <sip:c@h>;q=1\r\n"));
    assert_eq!(order(&mut world), "cbad", "another q does");
}

#[test]
fn flags_as_they_were_once() {
    for (flags, replies) in [("0x02", 0), ("2", 0), ("0x01", 1), ("r", 0), ("m", 1)] {
        let mut world = World::new(&script("", &format!("save(\"location\", \"{flags}\");")));
        let sent = world.feed(&register("c1", 1, "Contact: <sip:a@h>\r\n"));
        assert_eq!(sent.len(), replies, "{flags}");
        assert_eq!(world.gauge("usrloc", "location-contacts"), 1, "{flags}");
    }
}

#[test]
fn a_contact_for_memory_alone_is_not_written() {
    for (flags, written) in [("", true), ("memory-only", false), ("m", false), ("0x01", false)] {
        let more = "loadmodule \"db_text.so\"\nmodparam(\"usrloc\", \"db_mode\", 2)\n\
                    modparam(\"usrloc\", \"db_url\", \"text:///db\")";
        let table = "username(str) contact(str) expires(int) q(double) callid(str) cseq(int)\n";
        let versions = "table_name(string) table_version(int)\nlocation:1013\n";
        let plan = Plan::default().file("/db/location", table).file("/db/version", versions);
        let mut world = plan.run(&script(more, &format!("save(\"location\", \"{flags}\");")));
        world.receive("198.51.100.7:5071", register("c1", 1, "Contact: <sip:a@h>\r\n"));
        world.program.end();
        assert_eq!(table_of(&world).contains("sip\\:a@h"), written, "{flags}");
    }
}

fn table_of(world: &Plain) -> String {
    use sluice_engine::files::Files;
    String::from_utf8(world.files.read("/db/location").unwrap()).unwrap()
}
