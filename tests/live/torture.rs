//! All messages of RFC 4475 and RFC 5118 at a running gateway: it lives, and every one is counted
//! where the table says.

use std::time::{Duration, Instant};

use sluice_engine::counter::Counter;
use sluice_sip::Reason;
use sluice_tests::torture::{Here, rows};

use crate::live::Live;
use crate::sip::{Agent, Request, first_line};
use crate::support::PATIENCE;

#[test]
fn the_gateway_outlives_all_messages_and_counts_each_once() {
    let script = "loadmodule \"sl.so\"\nroute { sl_send_reply(200, \"OK\"); }\n\
        onreply_route { xlog(\"a reply\\n\"); }\n";
    let mut live = Live::start(script, 2);
    let sender = Agent::new();
    let mut expected = [0; Reason::COUNT];
    let mut sent = 0;
    for row in rows() {
        sender.send(live.address, row.bytes());
        sent += 1;
        if let Here::Dropped(reason) = row.here {
            expected[reason as usize] += 1;
        }
    }
    let handled = sent - expected.iter().sum::<u64>();
    let end = Instant::now() + PATIENCE;
    let mut counted = 0;
    while counted < sent {
        assert!(Instant::now() < end, "{counted} of {sent} are counted");
        std::thread::sleep(Duration::from_millis(5));
        let refused: u64 = Reason::ALL.iter().map(|reason| live.refused(*reason)).sum();
        counted = live.count(Counter::Handled) + refused;
    }
    // Another call, on both workers, shows that they live.
    for call_id in ["one", "two", "three", "four"] {
        let request = Request { call_id, ..Request::default() };
        let caller = Agent::new();
        caller.send(live.address, request.text(caller.address()));
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
    }
    let refused = Reason::ALL.map(|reason| live.refused(reason));
    assert_eq!(refused, expected);
    assert_eq!(live.count(Counter::Received), sent + 4);
    assert_eq!(live.count(Counter::Handled), handled + 4);
    let (requests, replies) = (live.count(Counter::Requests), live.count(Counter::Replies));
    assert_eq!(requests + replies, handled + 4);
    for never in [Counter::Panics, Counter::HopFull, Counter::Unanswered] {
        assert_eq!(live.count(never), 0, "{}", never.name());
    }
}
