//! Module `rr`: Record-Route, loose and strict routing (spec 9.1).

use sluice_tests::world::{Plan, Sent, World};

const PEER: &str = "10.9.9.1:5060";

fn world(params: &str, route: &str) -> World {
    let modules =
        ["rr", "sl", "maxfwd", "sipmsgops"].map(|name| format!("loadmodule \"{name}\"\n"));
    let listen = ["127.0.0.1:5060", "127.0.0.2:5070"];
    let plan = Plan {
        listen: listen.iter().map(|addr| addr.parse().expect("an address")).collect(),
        ..Plan::default()
    };
    plan.run(&format!("{}{params}route {{ {route} }}", modules.concat()))
}

/// A request with a Request-URI, a To and more headers.
fn request(uri: &str, to: &str, more: &str) -> String {
    format!(
        "BYE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bK1\r\n\
         From: <sip:a@x>;tag=begun\r\nTo: {to}\r\nCall-ID: abc\r\nCSeq: 2 BYE\r\n\
         Max-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn lines<'a>(sent: &'a [Sent], name: &str, text: &'a str) -> Vec<&'a str> {
    assert_eq!(sent.len(), 1, "{}", sent.len());
    text.lines().filter_map(|line| line.strip_prefix(name)).collect()
}

/// The values of Record-Route that a request gets on its way to a callee.
fn recorded(params: &str, route: &str, more: &str) -> Vec<String> {
    let mut world = world(params, &format!("{route} forward();"));
    let sent = world.receive(PEER, request("sip:bob@10.0.0.1:5071", "<sip:b@x>", more));
    let text = sent[0].text();
    lines(&sent, "Record-Route: ", &text).into_iter().map(str::to_owned).collect()
}

#[test]
fn our_address_is_recorded_on_top() {
    assert_eq!(recorded("", "record_route();", ""), ["<sip:127.0.0.1;lr;ftag=begun>"]);
    assert_eq!(
        recorded("", "mf_process_maxfwd_header(10); record_route();", ""),
        ["<sip:127.0.0.1;lr;ftag=begun>"]
    );
    let before = "Record-Route: <sip:10.0.0.9;lr>\r\n";
    assert_eq!(
        recorded("", "record_route(\";x=$rU\");", before),
        ["<sip:127.0.0.1;lr;ftag=begun;x=bob>", "<sip:10.0.0.9;lr>"]
    );
    assert_eq!(
        recorded("", "add_rr_param(\";a=1\"); record_route(); add_rr_param(\";b=2\");", ""),
        ["<sip:127.0.0.1;lr;ftag=begun;a=1;b=2>"]
    );
    let params = "modparam(\"rr\", \"append_fromtag\", 0)\nmodparam(\"rr\", \"add_username\", 1)\n";
    assert_eq!(recorded(params, "record_route();", ""), ["<sip:bob@127.0.0.1;lr>"]);
}

#[test]
fn a_preset_is_taken_literally_and_twice_is_an_error() {
    assert_eq!(
        recorded("", "record_route_preset(\"gw.example.com:5080\", \"10.1.1.1\");", ""),
        ["<sip:gw.example.com:5080;ftag=begun;lr>", "<sip:10.1.1.1;ftag=begun;lr>"]
    );
    let twice = "record_route(); if (!record_route()) append_hf(\"X: twice\\r\\n\");";
    let mut world = world("", &format!("{twice} forward();"));
    let sent = world.receive(PEER, request("sip:bob@10.0.0.1:5071", "<sip:b@x>", ""));
    assert!(sent[0].text().contains("X: twice") && sent[0].text().matches("Record-").count() == 1);
}

#[test]
fn a_change_of_sockets_is_recorded_twice() {
    let route = "$socket_out = \"udp:127.0.0.2:5070\"; record_route();";
    assert_eq!(
        recorded("", route, ""),
        ["<sip:127.0.0.2:5070;r2=on;lr;ftag=begun>", "<sip:127.0.0.1;r2=on;lr;ftag=begun>"]
    );
    let single = "modparam(\"rr\", \"enable_double_rr\", 0)\n";
    assert_eq!(recorded(single, route, ""), ["<sip:127.0.0.2:5070;lr;ftag=begun>"]);
}

/// What `loose_route()` makes of a request: the result, the address, first line and Routes.
fn routed(uri: &str, to: &str, routes: &str) -> (bool, String, String, Vec<String>) {
    let mut world =
        world("", "if (loose_route()) append_hf(\"X: true\\r\\n\"); $du = $du; forward();");
    let sent = world.receive(PEER, request(uri, to, routes));
    let text = sent[0].text();
    let left = lines(&sent, "Route: ", &text).into_iter().map(str::to_owned).collect();
    (text.contains("X: true"), sent[0].to.to_string(), sent[0].first_line(), left)
}

const TAGGED: &str = "<sip:b@x>;tag=2";

#[test]
fn our_route_is_taken_away_and_the_next_one_followed() {
    let uri = "sip:bob@10.0.0.1:5071";
    let own = "Route: <sip:127.0.0.1;lr;ftag=begun>\r\n";
    let (driven, to, _, left) = routed(uri, TAGGED, own);
    assert!(driven && to == "10.0.0.1:5071" && left.is_empty(), "{to} {left:?}");
    let (driven, to, _, left) =
        routed(uri, TAGGED, "Route: <sip:127.0.0.1;lr>, <sip:10.0.0.8:5080;lr>\r\n");
    assert!(driven && to == "10.0.0.8:5080", "{to}");
    assert_eq!(left, ["<sip:10.0.0.8:5080;lr>"]);
    // A foreign one on top stays, and is followed.
    let (driven, to, _, left) = routed(uri, TAGGED, "Route: <sip:10.0.0.8:5080;lr>\r\n");
    assert!(driven && to == "10.0.0.8:5080" && left.len() == 1);
    let (driven, to, ..) = routed(uri, TAGGED, "");
    assert!(!driven && to == "10.0.0.1:5071");
}

#[test]
fn of_two_own_routes_both_go() {
    let (driven, to, _, left) = routed(
        "sip:bob@10.0.0.1:5071",
        TAGGED,
        "Route: <sip:127.0.0.2:5070;lr;r2=on>,<sip:127.0.0.1;lr;r2=on>, <sip:10.0.0.8;lr>\r\n",
    );
    assert!(driven && to == "10.0.0.8:5060", "{to}");
    assert_eq!(left, ["<sip:10.0.0.8;lr>"]);
}

#[test]
fn strict_routers_are_repaired_and_served() {
    // The one before us was strict: the Request-URI is ours, the last Route is the target.
    let (driven, _, first, left) = routed(
        "sip:127.0.0.1",
        TAGGED,
        "Route: <sip:127.0.0.1;lr>\r\nRoute: <sip:bob@10.0.0.1:5071>\r\n",
    );
    assert!(driven && left.is_empty(), "{left:?}");
    assert_eq!(first, "BYE sip:bob@10.0.0.1:5071 SIP/2.0");
    // The next one is strict: it becomes the Request-URI.
    let (driven, to, first, left) = routed(
        "sip:bob@10.0.0.1:5071",
        TAGGED,
        "Route: <sip:127.0.0.1;lr>, <sip:10.0.0.8:5080>\r\n",
    );
    assert!(driven && to == "10.0.0.8:5080", "{to}");
    assert_eq!(first, "BYE sip:10.0.0.8:5080 SIP/2.0");
    assert_eq!(left, ["<sip:bob@10.0.0.1:5071>"]);
}

#[test]
fn a_preloaded_set_that_ends_with_us_is_false() {
    let (driven, _, _, left) =
        routed("sip:bob@10.0.0.1:5071", "<sip:b@x>", "Route: <sip:127.0.0.1;lr>\r\n");
    assert!(!driven && left.is_empty());
    let (driven, to, ..) = routed(
        "sip:bob@10.0.0.1:5071",
        "<sip:b@x>",
        "Route: <sip:127.0.0.1;lr>\r\nRoute: <sip:10.0.0.8;lr>\r\n",
    );
    assert!(driven && to == "10.0.0.8:5060");
}

#[test]
fn our_route_tells_direction_and_parameters() {
    let seen = |tag: &str| {
        let mut world = world(
            "",
            "loose_route(); if (is_direction(\"upstream\")) sl_send_reply(200, \"up $rr_params\");\n\
             if (is_direction(\"downstream\") && check_route_param(\"nat=yes\"))\n\
             sl_send_reply(200, \"down\");",
        );
        let route = format!("Route: <sip:127.0.0.1;lr;ftag={tag};nat=yes>\r\n");
        world.receive(PEER, request("sip:bob@10.0.0.1", TAGGED, &route))[0].first_line()
    };
    assert_eq!(seen("begun"), "SIP/2.0 200 down");
    assert_eq!(seen("other"), "SIP/2.0 200 up lr;ftag=other;nat=yes");
}
