//! The script functions (spec 6.2, 6.3).

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::RouteKind;
use sluice_sip::Place;

use super::flags::{check_lookup, check_save};
use super::{lookup, queries, removal, save};
use crate::table::{function, optional, param};

const TABLE: ParamDef = param("table", ParamKind::Literal);
const AOR: ParamDef = optional("aor", ParamKind::Text);

/// Which argument of each function names a table.
pub(super) const TABLES: &[(&str, usize)] = &[
    ("save", 0),
    ("lookup", 0),
    ("remove", 0),
    ("remove_ip_port", 2),
    ("registered", 0),
    ("is_registered", 0),
    ("is_contact_registered", 0),
    ("is_ip_registered", 0),
];

const ASKING: Routes = Routes::of(&[
    RouteKind::Request,
    RouteKind::Failure,
    RouteKind::Branch,
    RouteKind::Reply,
    RouteKind::Local,
]);
const SAVING: Routes = Routes::of(&[RouteKind::Request, RouteKind::Reply]);

/// The table.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        suspends: true,
        ..function(
            "save",
            "Registers the contacts of a REGISTER, and answers it; -2 when that is a refusal.",
            &[
                TABLE,
                optional("flags", ParamKind::Checked(check_save)),
                AOR,
                optional("owner", ParamKind::Text),
            ],
            SAVING,
            save::save,
        )
    },
    Function {
        unknown: lookup::UNKNOWN,
        suspends: true,
        ..function(
            "lookup",
            "Makes a user's contacts the destinations; -1 none, -2 none takes the method.",
            &[TABLE, optional("flags", ParamKind::Checked(check_lookup)), AOR],
            Routes::of(&[RouteKind::Request, RouteKind::Failure]),
            lookup::lookup,
        )
    },
    Function {
        suspends: true,
        ..function(
            "remove",
            "Removes contacts of a user: all, or by URI, next hop, instance.",
            &[
                TABLE,
                param("aor", ParamKind::Text),
                optional("contact", ParamKind::Text),
                optional("next hop", ParamKind::Text),
                optional("instance", ParamKind::Text),
            ],
            SAVING,
            removal::remove,
        )
    },
    Function {
        suspends: true,
        ..function(
            "remove_ip_port",
            "Removes the contacts at an address and port, of one user or of all.",
            &[param("ip", ParamKind::Text), param("port", ParamKind::Int), TABLE, AOR],
            Routes::ANY,
            removal::remove_ip_port,
        )
    },
    Function {
        suspends: true,
        ..function(
            "registered",
            "Whether the user of the Request-URI, or of a URI, has a contact (of a Call-ID).",
            &[TABLE, AOR, optional("callid", ParamKind::Text)],
            ASKING,
            queries::registered,
        )
    },
    Function {
        suspends: true,
        ..function(
            "is_registered",
            "Whether the user of From (REGISTER: To), or of a URI, has a contact.",
            &[TABLE, AOR],
            ASKING,
            queries::is_registered,
        )
    },
    Function {
        suspends: true,
        ..function(
            "is_contact_registered",
            "Whether a user has a contact: that of the message, a given one, or one of a Call-ID.",
            &[
                TABLE,
                AOR,
                optional("contact", ParamKind::Text),
                optional("callid", ParamKind::Text),
            ],
            ASKING,
            queries::is_contact_registered,
        )
    },
    Function {
        suspends: true,
        ..function(
            "is_ip_registered",
            "Whether a user has a contact at an address (and port).",
            &[TABLE, AOR, param("ip", ParamKind::Text), optional("port", ParamKind::Any)],
            ASKING,
            queries::is_ip_registered,
        )
    },
    function(
        "add_sock_hdr",
        "Adds a header that names the socket the request came by, for flag `s` elsewhere.",
        &[param("name", ParamKind::Text)],
        Routes::REQUEST,
        |ctx, _, args| add_socket_header(ctx, args),
    ),
];

fn add_socket_header(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let name = args.first().and_then(|name| name.text());
    let socket = ctx.shared.sockets.get(ctx.packet.socket);
    let (Some(name), Some(socket)) = (name, socket) else { return Flow::FALSE };
    let line = [ctx.bytes(name), b": ", socket.text.as_bytes(), b"\r\n"].concat();
    ctx.run.patches.insert(ctx.message.headers_end(), Place::Before, &line);
    Flow::TRUE
}
