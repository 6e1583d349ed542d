//! `save()` in a reply route: a REGISTER goes on to another registrar, and what that grants is kept
//! here, too (spec 6.2 step 2); and users that an AVP names.

use crate::registrar::{register, register_to, script, told};
use crate::world::{Sent, World};

/// A script that sends each REGISTER on but those of Call-ID `q`, which ask.
fn world(params: &str, before: &str) -> World {
    let relay = format!(
        "if ($ci == \"q\") {{ save(\"location\"); exit; }} {before}\n\
         t_on_reply(\"keep\"); $du = \"sip:10.0.0.9\"; t_relay(); exit; }}\n\
         onreply_route[keep] {{ if ($rs == 200) save(\"location\", \"p0\");"
    );
    World::new(&script(params, &relay))
}

/// The main registrar answers a request that was sent on.
fn answer(world: &mut World, sent: &[Sent], lines: &str) -> Vec<Sent> {
    let sent = sent.iter().find(|sent| sent.first_line().starts_with("REGISTER")).unwrap();
    let mut reply = "SIP/2.0 200 OK\r\n".to_owned();
    let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    for line in sent.text.split_inclusive("\r\n") {
        if names.iter().any(|name| line.starts_with(name)) {
            reply += line;
        }
    }
    world.feed(&format!("{reply}{lines}Content-Length: 0\r\n\r\n"))
}

fn listed(world: &mut World) -> String {
    let sent = world.feed(&register("q", 1, ""));
    told(&sent).1.to_owned()
}

#[test]
fn what_another_registrar_has_granted_is_kept() {
    let mut world = world("", "");
    let lines = "Path: <sip:10.0.0.4;lr>\r\nContact: <sip:a@h1>;q=0.5, <sip:a@h2>\r\n";
    let sent = world.feed(&register("c1", 1, lines));
    assert_eq!(listed(&mut world), "", "nothing is granted yet");
    let granted = "Contact: <sip:other@h>;expires=900, <sip:a@h1>;expires=30\r\n";
    let back = answer(&mut world, &sent, granted);
    assert_eq!(back.len(), 1, "the reply goes on and nothing else: {back:?}");
    assert_eq!(back[0].header("Contact"), Some("<sip:other@h>;expires=900, <sip:a@h1>;expires=30"));
    assert_eq!(listed(&mut world), "<sip:a@h1>;q=0.5;expires=30", "as it says, and no other's");
    let shown = world.command("usrloc", "ul_show_contact", &[Some("location"), Some("alice")]);
    let shown = &shown.unwrap()["Contacts"][0];
    assert_eq!((&shown["Path"], &shown["Cseq"]), (&"<sip:10.0.0.4;lr>".into(), &1.into()));
    let sent = world.feed(&register("c1", 2, "Contact: <sip:a@h1>\r\nExpires: 500\r\n"));
    answer(&mut world, &sent, "Contact: <sip:a@h1>\r\nExpires: 400\r\n");
    assert_eq!(listed(&mut world), "<sip:a@h1>;expires=400");
    let sent = world.feed(&register("c1", 3, "Contact: <sip:a@h1>;expires=0\r\n"));
    answer(&mut world, &sent, "Contact: <sip:other@h>;expires=900\r\n");
    assert_eq!(listed(&mut world), "");
}

#[test]
fn a_contact_that_was_sent_on_changed_is_found_by_its_avp() {
    let params = "modparam(\"tm\", \"onreply_avp_mode\", 1)\n\
                  modparam(\"registrar\", \"mcontact_avp\", \"$avp(sent)\")";
    let before = "$avp(sent) = \"sip:a@198.51.100.7:5071\";";
    let mut world = world(params, before);
    let sent = world.feed(&register("c1", 1, "Contact: <sip:a@10.0.0.1>\r\n"));
    answer(&mut world, &sent, "Contact: <sip:a@198.51.100.7:5071>;expires=77\r\n");
    assert_eq!(listed(&mut world), "<sip:a@10.0.0.1>;expires=77");
}

#[test]
fn the_user_of_an_avp() {
    let params = "modparam(\"registrar\", \"aor_avp\", \"$avp(who)\")";
    let call = "if ($rm == \"REGISTER\") { if ($hdr(X-Who) != NULL) $avp(who) = $hdr(X-Who); \
                save(\"location\"); exit; }\n\
                $avp(who) = \"sip:carol@h\"; $var(code) = lookup(\"location\");\n\
                sl_send_reply(299, \"$var(code) $ru\");";
    let mut world = World::new(&script(params, call));
    let lines = "Contact: <sip:c@h>\r\nX-Who: sip:carol@h\r\n";
    world.feed(&register_to("sip:alice@h", "c1", 1, lines));
    world.feed(&register_to("sip:bob@h", "c2", 1, "Contact: <sip:b@h>\r\n"));
    let sent = world.feed(&crate::lookup::invite());
    assert_eq!(sent[0].first_line(), "SIP/2.0 299 1 sip:c@h");
    assert_eq!(
        told(&world.feed(&register_to("sip:bob@h", "q", 1, ""))).1,
        "<sip:b@h>;expires=3600"
    );
}
