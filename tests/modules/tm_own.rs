//! Requests that the gateway makes itself: `t_new_request()`, `t_uac_dlg`, local_route{} (spec 8.2,
//! 9.7, 1.4), in virtual time.
#![allow(clippy::disallowed_methods, reason = "a command waits in a thread of its own")]

use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::{Value, json};
use sluice_base::OwnerSeed;
use sluice_engine::job::Answer;
use sluice_engine::module::CommandError;
use sluice_engine::sockets::{Proto, Sockets};
use sluice_modules::MODULES;
use sluice_tests::world::{Plan, Sent, World, located, place, request, socket};

const PEER: &str = "10.0.0.1:5071";

/// A world with a script of these routes.
fn with(routes: &str) -> World {
    plan(1).run(&script(routes))
}

fn script(routes: &str) -> String {
    let modules = ["tm", "sipmsgops", "sl"].map(|module| format!("loadmodule \"{module}\"\n"));
    format!("{}{routes}", modules.concat())
}

fn plan(workers: u8) -> Plan {
    Plan { workers, ..Plan::default() }
}

/// A script whose requests make one of their own.
const MAKES: &str = "route { $var(made) = t_new_request(\"INFO\", \"sip:b@10.0.0.1:5071\",\n\
    \"Gate way sip:gate@here\", \"sip:b@there\", \"text/plain Hello all\", \"known\");\n\
    sl_send_reply(200, \"made $var(made)\"); }\n";

/// The reply of the peer to a request.
fn reply(to: &Sent, status: &str, more: &str) -> String {
    let kept = ["Via:", "From:", "Call-ID:", "CSeq:"];
    let text = to.text();
    let lines = text.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    let tail = "To: <sip:b@there>;tag=2\r\nContent-Length: 0\r\n\r\n";
    format!("SIP/2.0 {status}\r\n{lines}{more}{tail}")
}

fn to_peer(sent: Vec<Sent>) -> Vec<Sent> {
    sent.into_iter().filter(|one| one.to.to_string() == PEER).collect()
}

fn header(message: &Sent, name: &str) -> Option<String> {
    let text = message.text();
    let mut lines = text.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}

/// Runs a management command beside the world.
fn command(
    world: &World,
    name: &'static str,
    params: &[&str],
) -> JoinHandle<Result<Value, CommandError>> {
    let state = Arc::clone(world.program.state("tm").unwrap());
    let table = MODULES.iter().find(|module| module.name == "tm").unwrap();
    let command = table.commands.iter().find(|command| command.name == name).unwrap();
    let params: Vec<String> = params.iter().map(|param| (*param).to_owned()).collect();
    std::thread::spawn(move || {
        let params: Vec<_> = params.iter().map(|param| Some(param.as_str())).collect();
        (command.run)(&*state, &params)
    })
}

/// What the workers send for a command that was just given.
fn made(world: &mut World) -> Sent {
    for _ in 0..1_000 {
        for worker in 0..world.workers.len() {
            if let Some(sent) = world.take_turn(worker).pop() {
                return sent;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("nothing was sent");
}

const HEADERS: &str = "From: sip:a@x\\r\\nTo: sip:b@there\\r\\nX-One: 1\\r\\n";

fn ask(world: &World, method: &str) -> JoinHandle<Result<Value, CommandError>> {
    command(world, "t_uac_dlg", &[method, "sip:b@10.0.0.1:5071", ".", ".", HEADERS])
}

#[test]
fn a_request_is_made_as_the_script_says() {
    let mut world = with(MAKES);
    let sent = world.receive("10.9.9.1:5060", request("OPTIONS sip:x@y SIP/2.0", ""));
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 made 1");
    let own = &sent[1];
    assert_eq!(own.to.to_string(), PEER);
    assert_eq!(own.first_line(), "INFO sip:b@10.0.0.1:5071 SIP/2.0");
    let get = |name: &str| header(own, name).unwrap_or_default();
    assert!(get("Via").starts_with("SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK"), "{}", get("Via"));
    assert!(get("From").starts_with("Gate way <sip:gate@here>;tag="), "{}", get("From"));
    assert_eq!(get("To"), "<sip:b@there>");
    assert!(get("Call-ID").starts_with("sluice-") && get("Call-ID").ends_with("@127.0.0.1"));
    assert_eq!((get("CSeq"), get("Max-Forwards")), ("10 INFO".to_owned(), "70".to_owned()));
    assert_eq!((get("Content-Type"), get("Content-Length")), ("text/plain".into(), "9".into()));
    assert!(get("User-Agent").starts_with("Sluice ("));
    assert!(own.text().ends_with("\r\n\r\nHello all"));
    // It is sent again until it is answered, and then forgotten.
    assert_eq!(to_peer(world.pass(600))[0].bytes, own.bytes);
    assert!(world.receive(PEER, reply(own, "200 OK", "")).is_empty());
    assert!(world.pass(40_000).is_empty());
    assert!(world.workers[0].next_due_ms().is_none(), "nothing is left of it");
}

#[test]
fn what_cannot_be_a_request_is_not_made() {
    for (bad, good) in [
        ("\"IN FO\"", "\"INFO\""),
        ("\"sip:b@10.0.0.1:5071\"", "\"tel:+1\""),
        ("\"Gate way sip:gate@here\"", "\"A sip:a@x\r\nX: y\""),
        ("\"sip:b@there\"", "\"nothing\""),
        ("\"text/plain Hello all\"", "\"untyped\""),
    ] {
        let (bad, good) = if MAKES.contains(bad) { (bad, good) } else { (good, bad) };
        let mut world = with(&MAKES.replace(bad, good));
        let sent = world.receive("10.9.9.1:5060", request("OPTIONS sip:x@y SIP/2.0", ""));
        let lines: Vec<_> = sent.iter().map(Sent::first_line).collect();
        assert_eq!(lines, ["SIP/2.0 200 made -1"], "{good}");
    }
}

#[test]
fn local_route_changes_the_request_and_arms_for_its_replies() {
    let mut world = with(&format!(
        "modparam(\"tm\", \"onreply_avp_mode\", 1)\n{MAKES}\
         local_route {{ append_hf(\"X-Context: $avp(uac_ctx) $rm\\r\\n\"); remove_hf(\"User-Agent\");\n\
         $rU = \"other\"; $du = \"sip:10.0.0.7:5077\"; $avp(seen) = \"kept\"; t_on_reply(\"r\"); }}\n\
         onreply_route[r] {{ $avp(seen) = $avp(seen) + \"!\";\n\
         t_new_request(\"MESSAGE\", \"sip:log@10.0.0.9\", \"sip:g@h\", \"sip:l@h\",\n\
         \"text/plain $rs $avp(seen) $avp(uac_ctx)\"); }}"
    ));
    let sent = world.receive("10.9.9.1:5060", request("OPTIONS sip:x@y SIP/2.0", ""));
    let own = sent[1].clone();
    assert_eq!(own.to.to_string(), "10.0.0.7:5077");
    assert_eq!(own.first_line(), "INFO sip:other@10.0.0.1:5071 SIP/2.0");
    assert_eq!(header(&own, "X-Context").as_deref(), Some("known INFO"));
    assert_eq!(header(&own, "User-Agent"), None);
    let sent = world.receive("10.0.0.7:5077", reply(&own, "404 Nobody", ""));
    assert!(sent[0].text().ends_with("404 kept! known"), "{}", sent[0].text());
}

#[test]
fn local_route_drops_a_request_and_one_to_a_name_waits_for_it() {
    let mut world = with(&format!("{MAKES} local_route {{ drop; }}"));
    assert_eq!(
        world.receive("10.9.9.1:5060", request("OPTIONS sip:x@y SIP/2.0", "")).len(),
        1,
        "only the reply"
    );
    let by_name = MAKES.replace("10.0.0.1:5071", "gw.example.com:5071");
    for (answer, count) in
        [(located(5071, &["10.0.0.1"]), 1), (Answer::Failed("no such name".into()), 0)]
    {
        let mut world = with(&by_name);
        world.receive("10.9.9.1:5060", request("OPTIONS sip:x@y SIP/2.0", ""));
        assert_eq!(to_peer(world.answer(answer)).len(), count);
    }
}

#[test]
fn a_request_goes_on_to_the_next_address_of_its_name() {
    let by_name = MAKES.replace("10.0.0.1:5071", "gw.example.com:5071");
    let mut world = with(&format!(
        "modparam(\"tm\", \"fr_timeout\", 2)\n{by_name} local_route {{ append_hf(\"X: y\\r\\n\"); }}"
    ));
    world.receive("10.9.9.1:5060", request("OPTIONS sip:x@y SIP/2.0", ""));
    let first = to_peer(world.answer(located(5071, &["10.0.0.1", "10.0.0.2"]))).remove(0);
    let sent = world.pass(2_100);
    let second = sent.iter().find(|one| one.to.to_string() == "10.0.0.2:5071").expect("the next");
    assert_eq!(second.text().matches("Via:").count(), 1);
    assert_ne!(header(second, "Via"), header(&first, "Via"), "another branch");
    let but_via =
        |one: &Sent| one.text().lines().filter(|l| !l.starts_with("Via")).collect::<String>();
    assert_eq!(but_via(second), but_via(&first));
    assert!(world.receive("10.0.0.2:5071", reply(second, "200 OK", "")).is_empty());
    assert!(world.pass(10_000).is_empty(), "it is over");
}

#[test]
fn a_command_gets_the_final_reply() {
    let mut world = with("route { exit; }");
    let asked = ask(&world, "OPTIONS");
    let own = made(&mut world);
    assert_eq!(own.first_line(), "OPTIONS sip:b@10.0.0.1:5071 SIP/2.0");
    assert_eq!(header(&own, "X-One").as_deref(), Some("1"));
    assert!(header(&own, "From").unwrap_or_default().starts_with("<sip:a@x>;tag="));
    assert_eq!(header(&own, "Contact"), None);
    assert!(world.receive(PEER, reply(&own, "180 Ringing", "")).is_empty());
    world.receive(PEER, reply(&own, "200 All well", "Contact: <sip:me@10.0.0.1:5099>\r\n"));
    let answer = asked.join().unwrap().unwrap();
    assert_eq!(answer["Status"], json!("200 All well"));
    assert_eq!(answer["RURI"], json!("sip:me@10.0.0.1:5099"));
    assert_eq!(answer["Next-hop"], json!("sip:me@10.0.0.1:5099"));
    assert!(answer["Message"].as_str().unwrap().starts_with("Via: SIP/2.0/UDP 127.0.0.1;branch="));

    let asked = ask(&world, "OPTIONS");
    let own = made(&mut world);
    world.receive(PEER, reply(&own, "486 Busy", ""));
    let answer = asked.join().unwrap().unwrap();
    assert_eq!((&answer["Status"], answer.get("RURI")), (&json!("486 Busy"), None));

    let asked = ask(&world, "OPTIONS");
    made(&mut world);
    world.pass(31_000);
    assert_eq!(asked.join().unwrap().unwrap(), json!({ "Status": "408 Request Timeout" }));
    world.pass(6_000);
    assert!(world.workers[0].next_due_ms().is_none(), "nothing is left of them");
}

#[test]
fn a_command_is_told_why_nothing_was_sent() {
    let refused = |world: &World, params: &[&str]| {
        let error = command(world, "t_uac_dlg", params).join().unwrap().unwrap_err();
        (error.code, error.text)
    };
    let world = with("route { exit; }");
    let said = |code: i32, text: &str| (code, text.to_owned());
    assert_eq!(refused(&world, &["A B", "sip:b@x"]), said(400, "Invalid method"));
    assert_eq!(refused(&world, &["OPTIONS", "b"]), said(400, "Invalid ruri"));
    assert_eq!(refused(&world, &["OPTIONS", "sip:b@x", "x"]), said(400, "Invalid next_hop"));
    let missing = refused(&world, &["OPTIONS", "sip:b@x", ".", "udp:1.2.3.4", HEADERS]);
    assert_eq!(missing, said(404, "Local socket not found"));
    assert_eq!(refused(&world, &["OPTIONS", "sip:b@x"]), said(400, "To missing"));

    let mut world = with("route { exit; } local_route { drop; }");
    let asked = ask(&world, "OPTIONS");
    while !asked.is_finished() {
        world.take_turn(0);
        std::thread::yield_now();
    }
    let error = asked.join().unwrap().unwrap_err();
    assert_eq!((error.code, error.text.as_str()), (403, "dropped by local_route (403/MI/UAC)"));
}

#[test]
fn an_invite_is_acknowledged_whatever_the_answer() {
    let mut world = with("route { exit; }");
    let asked = ask(&world, "INVITE");
    let own = made(&mut world);
    assert_eq!(header(&own, "Contact").as_deref(), Some("<sip:127.0.0.1>"));
    let sent = world.receive(PEER, reply(&own, "486 Busy", ""));
    assert_eq!(sent[0].first_line(), "ACK sip:b@10.0.0.1:5071 SIP/2.0");
    assert_eq!(header(&sent[0], "Via"), header(&own, "Via"));
    assert_eq!(asked.join().unwrap().unwrap()["Status"], json!("486 Busy"));

    let asked = ask(&world, "INVITE");
    let own = made(&mut world);
    let way = "Record-Route: <sip:10.0.0.8;lr>\r\nRecord-Route: <sip:10.0.0.9:5070;lr>\r\n\
               Contact: <sip:b@10.0.0.2>\r\n";
    // RFC 3261 13.2.2.4: for each 2xx, also one that comes again.
    for _ in 0..2 {
        let ack = world.receive(PEER, reply(&own, "200 OK", way)).remove(0);
        assert_eq!(ack.first_line(), "ACK sip:b@10.0.0.2 SIP/2.0");
        assert_eq!(ack.to.to_string(), "10.0.0.9:5070");
        let text = ack.text();
        assert!(text.contains("Route: <sip:10.0.0.9:5070;lr>\r\nRoute: <sip:10.0.0.8;lr>\r\n"));
        assert_eq!(header(&ack, "CSeq").as_deref(), Some("10 ACK"));
        assert_eq!(header(&ack, "To").as_deref(), Some("<sip:b@there>;tag=2"));
        assert_ne!(header(&ack, "Via"), header(&own, "Via"));
    }
    let answer = asked.join().unwrap().unwrap();
    assert_eq!(answer["Next-hop"], json!("sip:10.0.0.9:5070;lr"));
    assert_eq!(answer["Routes"], json!(["<sip:10.0.0.9:5070;lr>", "<sip:10.0.0.8;lr>"]));
}

#[test]
fn an_ack_whose_next_hop_is_a_name_waits_for_that() {
    let way = "Contact: <sip:b@gw.example:5072>\r\n";
    for (answer, to) in [
        (located(5072, &["10.0.0.7"]), "10.0.0.7:5072"),
        // Where the name leads nowhere, after the INVITE.
        (Answer::Failed("unknown".into()), PEER),
    ] {
        let mut world = with("route { exit; }");
        let asked = ask(&world, "INVITE");
        let own = made(&mut world);
        // Nothing is sent before the name is known, and each 2xx is answered.
        for _ in 0..2 {
            assert_eq!(world.receive(PEER, reply(&own, "200 OK", way)), []);
        }
        assert_eq!(asked.join().unwrap().unwrap()["Status"], json!("200 OK"));
        for _ in 0..2 {
            assert_eq!(world.asked(), Some(&place("gw.example", Some(5072))));
            let sent = world.answer(answer.clone());
            assert_eq!(sent.len(), 1);
            assert_eq!(sent[0].to.to_string(), to);
            assert_eq!(sent[0].first_line(), "ACK sip:b@gw.example:5072 SIP/2.0");
            let branch = |sent: &Sent| header(sent, "Via").unwrap();
            assert_eq!(branch(&sent[0]), branch(&own) + "-ack");
            assert_eq!(header(&sent[0], "CSeq").as_deref(), Some("10 ACK"));
        }
        world.pass(70_000);
        assert!(world.workers[0].is_clear());
    }
}

#[test]
fn an_ack_leaves_by_a_socket_that_reaches_its_next_hop() {
    let sockets = vec![
        socket(Proto::Udp, "127.0.0.1:5060".parse().unwrap()),
        socket(Proto::Udp, "[::1]:5060".parse().unwrap()),
    ];
    let sockets = Some(Sockets { listen: sockets, aliases: Vec::new() });
    let mut world = Plan { sockets, ..plan(1) }.run(&script("route { exit; }"));
    let asked = ask(&world, "INVITE");
    let own = made(&mut world);
    let way = "Contact: <sip:b@[2001:db8::1]>\r\n";
    let mut sent = world.receive(PEER, reply(&own, "200 OK", way));
    sent.extend(world.take_turn(0));
    assert_eq!((sent.len(), sent[0].socket.0), (1, 1));
    assert_eq!(sent[0].to.to_string(), "[2001:db8::1]:5060");
    let via = header(&sent[0], "Via").unwrap();
    assert!(via.starts_with("SIP/2.0/UDP [::1];branch=z9hG4bK") && via.ends_with("-ack"), "{via}");
    assert!(asked.join().unwrap().is_ok());
}

#[test]
fn a_strict_router_takes_the_place_of_the_target() {
    let mut world = with("route { exit; }");
    let asked = ask(&world, "INVITE");
    let own = made(&mut world);
    let way = "Record-Route: <sip:10.0.0.8;lr>, <sip:10.0.0.9:5070>\r\n\
               Contact: <sip:b@10.0.0.2>\r\n";
    let ack = world.receive(PEER, reply(&own, "200 OK", way)).remove(0);
    assert_eq!(ack.first_line(), "ACK sip:10.0.0.9:5070 SIP/2.0");
    assert!(ack.text().contains("Route: <sip:10.0.0.8;lr>\r\nRoute: <sip:b@10.0.0.2>\r\n"));
    let routes = &asked.join().unwrap().unwrap()["Routes"];
    assert_eq!(*routes, json!(["<sip:10.0.0.8;lr>", "<sip:b@10.0.0.2>"]));
}

#[test]
fn an_invite_of_a_command_is_cancelled_by_another() {
    let mut world = with("route { exit; }");
    let asked = ask(&world, "INVITE");
    let own = made(&mut world);
    world.receive(PEER, reply(&own, "180 Ringing", ""));
    let call_id = header(&own, "Call-ID").unwrap();
    let wrong = command(&world, "t_uac_cancel", &[&call_id, "11"]);
    while !wrong.is_finished() {
        world.take_turn(0);
        std::thread::yield_now();
    }
    assert_eq!(wrong.join().unwrap().unwrap_err().code, 481);
    let cancelled = command(&world, "t_uac_cancel", &[&call_id, "10"]);
    let cancel = made(&mut world);
    assert_eq!(cancel.first_line(), "CANCEL sip:b@10.0.0.1:5071 SIP/2.0");
    assert_eq!(cancelled.join().unwrap(), Ok(json!("OK")));
    world.receive(PEER, reply(&cancel, "200 OK", ""));
    world.receive(PEER, reply(&own, "487 Request Terminated", ""));
    assert_eq!(asked.join().unwrap().unwrap()["Status"], json!("487 Request Terminated"));
}

#[test]
fn the_owner_of_a_call_id_makes_its_request() {
    let mut world =
        plan(4).run(&script("route { exit; } local_route { append_hf(\"X-Pid: $pp\\r\\n\"); }"));
    for n in 0..12 {
        let call_id = format!("given-{n}@x");
        let headers = format!("{HEADERS}Call-ID: {call_id}");
        let params = ["OPTIONS", "sip:b@10.0.0.1:5071", ".", ".", headers.as_str()];
        let asked = command(&world, "t_uac_dlg", &params);
        let owner = OwnerSeed(0).owner_of(call_id.as_bytes(), 4);
        let own = loop {
            if let Some(sent) = world.take_turn(usize::from(owner.0)).pop() {
                break sent;
            }
            std::thread::yield_now();
        };
        assert_eq!(header(&own, "Call-ID"), Some(call_id));
        // The reply lands anywhere.
        world.receive_at(n % 4, PEER, reply(&own, "200 OK", ""));
        assert_eq!(asked.join().unwrap().unwrap()["Status"], json!("200 OK"));
    }
}

#[test]
fn a_request_that_a_call_makes_belongs_to_the_worker_of_the_call() {
    let mut world = plan(4).run(&script(MAKES));
    let call = request("OPTIONS sip:x@y SIP/2.0", "");
    let owner = OwnerSeed(0).owner_of(b"1-2345@127.0.0.1", 4);
    let other = (usize::from(owner.0) + 1) % 4;
    assert!(world.land(other, "10.9.9.1:5060", &call).is_empty());
    let mut sent = world.take_turn(usize::from(owner.0));
    sent.extend(world.take_turn(usize::from(owner.0)));
    let own = to_peer(sent).remove(0);
    // Its reply reaches the owner of the call, wherever it lands.
    assert!(world.receive_at(other, PEER, reply(&own, "200 OK", "")).is_empty());
    assert!(world.pass(31_000).is_empty(), "it is not sent again");
}
