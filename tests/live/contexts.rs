//! Variables of the other message of a transaction, over sockets.

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers};

#[test]
fn routes_see_the_other_message_of_their_transaction() {
    let (caller, first, second) = (Agent::new(), Agent::new(), Agent::new());
    let script = format!(
        "loadmodule \"tm.so\"\nloadmodule \"sipmsgops.so\"\n\
         route {{ t_on_failure(\"next\"); t_on_reply(\"back\"); $du = \"sip:{}\"; t_relay(); }}\n\
         failure_route[next] {{ append_hf(\"X-Refused: $(<reply>rs) $(<reply>rr)\\r\\n\"); \
         $du = \"sip:{}\"; t_relay(); }}\n\
         onreply_route[back] {{ append_hf(\"X-Asked: $(<request>rm) $(<request>ru) \
         $(<request>hdr(X-Mark)[-1])\\r\\n\"); }}",
        first.address(),
        second.address()
    );
    let live = Live::start(&script, 2);
    let request =
        Request { method: "INVITE", more: "X-Mark: a\r\nX-Mark: b\r\n", ..Request::default() };
    caller.send(live.address, request.text(caller.address()));
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 100 Giving it a try");
    first.answer("486 Busy Here");
    let forked = second.answer("200 OK");
    assert_eq!(headers(&forked, "X-Refused"), ["486 Busy Here"]);
    let answer = caller.receive();
    assert_eq!(first_line(&answer), "SIP/2.0 200 OK");
    assert_eq!(headers(&answer, "X-Asked"), ["INVITE sip:bob@example.com b"]);
}
