//! The twelve messages of RFC 5118: IPv6.
//!
//! The bytes are those of the RFC's text with CRLF at line ends; its Content-Lengths, which were
//! counted with other line ends, are kept.

use sluice_sip::Reason;

use super::{Here, Row};

const fn script(
    section: &'static str,
    name: &'static str,
    demand: &'static str,
    shows: &'static str,
    text: &'static str,
) -> Row {
    Row { rfc: "rfc5118", name, section, demand, here: Here::Script { shows, text }, but: "" }
}

pub(super) const ROWS: &[Row] = &[
    script(
        "4.1",
        "ipv6-good",
        "well formed",
        "$ru $rd $rp $ct",
        "sip:[2001:db8::10] [2001:db8::10] 5060 \"Caller\" <sip:caller@[2001:db8::1]>",
    ),
    script(
        "4.2",
        "ipv6-bad",
        "400: an IPv6 address without brackets in the Request-URI",
        "$ru $rd $ou",
        "sip:2001:db8::10 <null> sip:2001:db8::10",
    )
    .but("the script is asked and reads NULL, as in OpenSIPS"),
    script(
        "4.3",
        "port-ambiguous",
        "an address without a port",
        "$rd $rp",
        "[2001:db8::10:5070] 5060",
    ),
    script("4.4", "port-unambiguous", "an address and a port", "$rd $rp", "[2001:db8::10] 5070"),
    script(
        "4.5",
        "via-received-param-with-delim",
        "`received` with brackets must be accepted, but not be sent",
        "$rm $(hdr(Via){via.received})",
        "BYE [2001:db8::9:255]",
    ),
    script(
        "4.5",
        "via-received-param-no-delim",
        "`received` without brackets must be accepted",
        "$rm $(hdr(Via){via.received})",
        "OPTIONS 2001:db8::9:255",
    ),
    Row {
        rfc: "rfc5118",
        name: "ipv6-in-sdp",
        section: "4.6",
        demand: "well formed, with IPv6 addresses in its body",
        here: Here::Dropped(Reason::ContentLength),
        but: "its Content-Length of 268 is larger than the body of 251 bytes (RFC 3261 18.3)",
    },
    script(
        "4.7",
        "mult-ip-in-header",
        "well formed, with Vias of both families",
        "$(hdr(Via)[0]{via.host}) $(hdr(Via)[0]{via.port}) $(hdr(Via)[1]{via.host}) $(hdr(Via)[2]{via.received})",
        "[2001:db8::9:1] 6050 192.0.2.1 192.0.2.200",
    ),
    script(
        "4.8",
        "mult-ip-in-sdp",
        "well formed, with addresses of both families",
        "$rm $cl $(rb{s.len}) $(hdr(Contact){nameaddr.uri})",
        "INVITE 181 181 sip:caller@[2001:db8::9:1]",
    ),
    script(
        "4.9",
        "ipv4-mapped-ipv6",
        "must be prepared to parse mapped addresses",
        "$(hdr(Via){via.host}) $(hdr(Via){via.port}) $(ct{nameaddr.name}) $(ct{nameaddr.uri})",
        "[::ffff:192.0.2.10] 19823 \"T. desk phone\" sip:ted@[::ffff:192.0.2.2]",
    ),
    script(
        "4.10",
        "ipv6-bug-abnf-3-colons",
        "must tolerate three colons, which RFC 3261's grammar permits",
        "$rU $rd $rp $tu",
        "user [2001:db8:::192.0.2.1] 5060 sip:user@[2001:db8:::192.0.2.1]",
    ),
    script(
        "4.10",
        "ipv6-correct-abnf-2-colons",
        "two colons are right",
        "$rU $rd $rp $tu",
        "user [2001:db8::192.0.2.1] 5060 sip:user@[2001:db8::192.0.2.1]",
    ),
];
