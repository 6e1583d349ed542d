//! The 49 messages of RFC 4475.
//!
//! The bytes are those of the archive in the RFC's appendix. `baddn` has the empty line behind its
//! headers that the archive forgets: its point is the display names.

use sluice_sip::Reason;

use super::{Here, Row};

const AS_OPENSIPS: &str = "the script is asked, as in OpenSIPS, which parses a header when used";
const SILENT: &str = "dropped and counted; the core answers nothing by itself, as in OpenSIPS";
const AS_RECEIVED: &str = "the first line is forwarded as received, as OpenSIPS does";

const fn script(
    section: &'static str,
    name: &'static str,
    demand: &'static str,
    shows: &'static str,
    text: &'static str,
) -> Row {
    Row { rfc: "rfc4475", name, section, demand, here: Here::Script { shows, text }, but: "" }
}

const fn dropped(
    section: &'static str,
    name: &'static str,
    demand: &'static str,
    reason: Reason,
) -> Row {
    Row { rfc: "rfc4475", name, section, demand, here: Here::Dropped(reason), but: "" }
}

pub(super) const ROWS: &[Row] = &[
    // 3.1.1: valid messages.
    script(
        "3.1.1.1",
        "wsinv",
        "all elements should treat this as a well-formed request",
        "$rm $rU $fn $ft $tt $cs $hdr(Max-Forwards) $hdrcnt(Via) $cl [$hdr(s)] $hdr(UnknownHeaderWithUnusualValue) \
         $(hdr(Route){nameaddr.uri}) $(ct{nameaddr.name}) $(ct{nameaddr.param,q})",
        "INVITE vivekg \"J Rosenberg \\\\\\\"\" 98asjd8 1918181833n 0009 0068 2 150 [] ;;,,;;,; \
         sip:services.example.com;lr;unknownwith=value;unknown-no-value \"Quoted string \\\"\\\"\" 0.33",
    ),
    script(
        "3.1.1.2",
        "intmeth",
        "a wider range of characters in key elements than usual; well formed",
        "$rm $rU $td $ft $ci",
        "!interesting-Method0123456789_*+`.%indeed'~ \
         1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* example.com _token~1'+`*%!-. \
         intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
    ),
    script(
        "3.1.1.3",
        "esc01",
        "the parts are well formed; escapes do not make another URI of them",
        "$rU@$rd $tU $fU $(hdr(Contact){nameaddr.uri})",
        "sips%3Auser%40example.com@example.net %75se%72 I%20have%20spaces \
         sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31",
    ),
    script(
        "3.1.1.4",
        "escnull",
        "parsers must accept this; NULs must not shorten the username; two distinct contacts",
        "$rm $tU $fU $(hdr(Contact)[0]) $(hdr(Contact)[1])",
        "REGISTER null-%00-null null-%00-null <sip:%00@host5.example.com> \
         <sip:%00%00@host5.example.com>",
    ),
    script(
        "3.1.1.5",
        "esc02",
        "well formed; the method is unknown, NOT REGISTER; C%6Fntact is no Contact",
        "$rm $fn $hdrcnt(Contact) $(hdr(C%6Fntact))",
        "RE%47IST%45R \"%Z%45\" 2 <sip:alias2@host2.example.com>",
    ),
    script(
        "3.1.1.6",
        "lwsdisp",
        "elements should accept a display name without a blank before <",
        "$fn $fu $ft",
        "caller sip:caller@example.com 323",
    ),
    script(
        "3.1.1.7",
        "longreq",
        "well formed, with many values, and very long ones",
        "$rm $hdrcnt(Via) $(tU{s.len}) $(ft{s.len}) $(ci{s.len}) $cl",
        "INVITE 34 4 155 141 150",
    ),
    script(
        "3.1.1.8",
        "dblreq",
        "octets behind the body are noise and must be ignored, and not be forwarded",
        "$rm $ci $cl [$rb]",
        "REGISTER dblreq.0ha0isndaksdj99sdfafnl3lk233412 0 [<null>]",
    ),
    script(
        "3.1.1.9",
        "semiuri",
        "well formed; the user part is `user;par=u@example.net`",
        "$rU $rd $hdrcnt(Accept)",
        "user;par=u%40example.net example.com 1",
    ),
    script(
        "3.1.1.10",
        "transports",
        "parsers must accept all known transports, and unknown ones",
        "$hdrcnt(Via) $(hdr(Via)[3])",
        "5 SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
    ),
    script(
        "3.1.1.11",
        "mpart01",
        "parsers must frame a binary body with NULs, and accept it",
        "$rm $cl $(rb{s.len}) $(hdr(Content-Type))",
        "MESSAGE 553 553 multipart/mixed;boundary=7a9cbec02ceef655",
    ),
    script(
        "3.1.1.12",
        "unreason",
        "a parser must accept any reason phrase",
        "$rs $rr",
        "200 = 2**3 * 5**2 но сто девяносто девять - простое",
    ),
    script(
        "3.1.1.13",
        "noreason",
        "a parser must accept a reply without a reason phrase",
        "$rs [$rr]",
        "100 []",
    ),
    // 3.1.2: invalid messages.
    dropped("3.1.2.1", "badinv01", "400: Via with separators that separate nothing", Reason::Via)
        .but(SILENT),
    dropped(
        "3.1.2.2",
        "clerr",
        "400: Content-Length is larger than the body",
        Reason::ContentLength,
    )
    .but(SILENT),
    dropped("3.1.2.3", "ncl", "4xx: Content-Length is negative", Reason::ContentLength).but(SILENT),
    dropped("3.1.2.4", "scalar02", "400: the number of CSeq is out of range", Reason::CSeq)
        .but(SILENT),
    dropped(
        "3.1.2.5",
        "scalarlg",
        "a reply with numbers out of range is simply discarded",
        Reason::CSeq,
    ),
    script(
        "3.1.2.6",
        "quotbal",
        "400, or a guess where the quote should end",
        "$tu $tU $fu",
        "<null> <null> sip:caller@example.net",
    )
    .but(AS_OPENSIPS),
    script(
        "3.1.2.7",
        "ltgtruri",
        "400, or the brackets are ignored and not forwarded",
        "$rU $ru $rd",
        "<null> <sip:user@example.com> <null>",
    )
    .but(AS_OPENSIPS),
    dropped("3.1.2.8", "lwsruri", "400: a blank within the Request-URI", Reason::FirstLine)
        .but(SILENT),
    script(
        "3.1.2.9",
        "lwsstart",
        "refused, or blanks are ignored and not forwarded",
        "$rm $ru",
        "INVITE sip:user@example.com",
    )
    .but(AS_RECEIVED),
    script(
        "3.1.2.10",
        "trws",
        "refused, or blanks are ignored and not forwarded",
        "$rm $ru",
        "OPTIONS sip:remote-target@example.com",
    )
    .but(AS_RECEIVED),
    script(
        "3.1.2.11",
        "escruri",
        "400, or the headers of the Request-URI are ignored and not forwarded",
        "$rU $rd $ru",
        "user example.com sip:user@example.com?Route=%3Csip:example.com%3E",
    )
    .but(AS_RECEIVED),
    script(
        "3.1.2.12",
        "baddate",
        "a Date that is not GMT: ignored by who does not need it",
        "$rm $hdr(Date)",
        "INVITE Fri, 01 Jan 2010 16:00:00 EST",
    ),
    script(
        "3.1.2.13",
        "regbadct",
        "400, or the brackets around the Contact are inferred",
        "$ct",
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
    )
    .but(AS_OPENSIPS),
    script(
        "3.1.2.14",
        "badaspec",
        "must not break; 400, or blanks within <> are ignored",
        "$tu $tn",
        "sip:t.watson@example.org \"Watson, Thomas\"",
    ),
    script(
        "3.1.2.15",
        "baddn",
        "400, or the quotes around the display names are inferred",
        "$fu $fn $ft $tu $tn",
        "sip:a.g.bell@example.com Bell, Alexander 43 sip:t.watson@example.org Watson, Thomas",
    )
    .but("names are forwarded as received, as OpenSIPS does"),
    dropped("3.1.2.16", "badvers", "505 Version Not Supported", Reason::Version).but(SILENT),
    dropped("3.1.2.17", "mismatch01", "400: the method of CSeq is not the request's", Reason::CSeq)
        .but(SILENT),
    dropped(
        "3.1.2.18",
        "mismatch02",
        "501 or 400: an unknown method, and another in CSeq",
        Reason::CSeq,
    )
    .but(SILENT),
    dropped(
        "3.1.2.19",
        "bigcode",
        "a reply with a code above 699 is simply dropped",
        Reason::FirstLine,
    ),
    // 3.2: transaction layer.
    script(
        "3.2.1",
        "badbranch",
        "must not break; 400, or identified as in RFC 2543",
        "$rm $(hdr(Via){via.branch})",
        "OPTIONS z9hG4bK",
    ),
    // 3.3: application layer.
    dropped(
        "3.3.1",
        "insuf",
        "400 at best, and must not break: no Call-ID, From, To",
        Reason::Mandatory,
    )
    .but(SILENT),
    script(
        "3.3.2",
        "unkscm",
        "well formed; 416 Unsupported URI Scheme",
        "$ru $rU",
        "nobodyKnowsThisScheme:totallyopaquecontent <null>",
    ),
    script(
        "3.3.3",
        "novelsc",
        "well formed; a scheme that SIP seldom meets",
        "$ru $rU",
        "soap.beep://192.0.2.103:3002 <null>",
    ),
    script(
        "3.3.4",
        "unksm2",
        "well formed; proxies should treat it as any other",
        "$tu $fu $ft $ct",
        "isbn:2983792873 http://www.example.com 3234233 <name:John_Smith>",
    ),
    script(
        "3.3.5",
        "bext01",
        "420 Bad Extension",
        "$hdr(Require) $hdr(Proxy-Require)",
        "nothingSupportsThis, nothingSupportsThisEither \
         noProxiesSupportThis, norDoAnyProxiesSupportThis",
    )
    .but(AS_OPENSIPS),
    script(
        "3.3.6",
        "invut",
        "must not fail; a proxy handles it as any INVITE",
        "$rm $cT $cl",
        "INVITE application/unknownformat 40",
    ),
    script(
        "3.3.7",
        "regaut01",
        "well formed; Authorization of an unknown scheme is kept as it is",
        "$hdr(Authorization) $au",
        "NoOneKnowsThisScheme opaque-data=here <null>",
    ),
    script(
        "3.3.8",
        "multi01",
        "must not break; 400: more than one Call-ID, To, From, Max-Forwards, CSeq",
        "$ci $cs $tu $fu $hdr(Max-Forwards)",
        "multi01.98asdh@192.0.2.1 5 sip:user@example.com sip:caller@example.com 70",
    )
    .but("the first of each counts, as in OpenSIPS"),
    dropped("3.3.9", "mcl01", "4xx: two Content-Lengths that differ", Reason::ContentLength)
        .but(SILENT),
    Row {
        rfc: "rfc4475",
        name: "bcast",
        section: "3.3.10",
        demand: "proxies should drop a reply that would go to the broadcast address",
        here: Here::Discarded,
        but: "",
    },
    script(
        "3.3.11",
        "zeromf",
        "a proxy should answer 483, an endpoint handles it",
        "$rm $hdr(Max-Forwards)",
        "OPTIONS 0",
    )
    .but("the script asks maxfwd, as in OpenSIPS"),
    script(
        "3.3.12",
        "cparam01",
        "unknownparam is a parameter of Contact, not of the URI",
        "$(ct{nameaddr.uri}) $(ct{nameaddr.params})",
        "sip:+19725552222@gw1.example.net unknownparam",
    ),
    script(
        "3.3.13",
        "cparam02",
        "unknownparam is a parameter of the URI, not of Contact",
        "$(ct{nameaddr.uri}) $(ct{nameaddr.params})",
        "sip:+19725552222@gw1.example.net;unknownparam <null>",
    ),
    script(
        "3.3.14",
        "regescrt",
        "a Contact with an escaped header is a valid one",
        "$(ct{nameaddr.uri}) $(ct{nameaddr.uri}{uri.headers})",
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E \
         Route=%3Csip:sip.example.com%3E",
    ),
    script(
        "3.3.15",
        "sdp01",
        "406, since it does not accept SDP",
        "$rm $hdr(Accept)",
        "INVITE text/nobodyKnowsThis",
    )
    .but(AS_OPENSIPS),
    // 3.4: backward compatibility.
    script(
        "3.4.1",
        "inv2543",
        "should be accepted: no branch, From tag, Content-Length, Max-Forwards",
        "$rm $ft $hdr(Max-Forwards) $cl $(rb{s.len})",
        "INVITE <null> <null> <null> 105",
    ),
];
