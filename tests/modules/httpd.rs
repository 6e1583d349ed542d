//! `httpd`, `mi_http` and `prometheus`: what their parameters amount to. The pages are tested over
//! the running program.

use std::time::Duration;

use sluice_modules::{httpd, mi_http, prometheus};
use sluice_tests::world::{Plan, World};

use crate::world::compiled;

fn script(lines: &str) -> String {
    format!("loadmodule \"httpd.so\"\nloadmodule \"mi_http.so\"\n{lines}\nroute {{ exit; }}")
}

fn refused(script: &str) -> String {
    Plan::default().try_run(script).map(|_| ()).unwrap_err()
}

/// The state of a module of a world.
macro_rules! state {
    ($world:expr, $module:ident, $state:ty) => {
        $world.program.state(stringify!($module)).unwrap().as_any().downcast_ref::<$state>()
    };
}

#[test]
fn without_parameters_only_this_machine_is_served() {
    let world = World::of(&script(""));
    let server = state!(world, httpd, httpd::api::Server).unwrap();
    assert_eq!((server.ip, server.port), (Some([127, 0, 0, 1].into()), 8888));
    assert_eq!(server.conn_timeout, Some(Duration::from_secs(30)));
    assert_eq!((server.request_max, server.reply_max), (65_536, 128 << 20));
    assert_eq!(server.login, None);
    assert!(world.warnings.is_empty(), "{:?}", world.warnings);
    let page = state!(world, mi_http, mi_http::api::Parameters).unwrap();
    assert_eq!((page.root.as_str(), page.pretty_printing), ("mi", false));
}

#[test]
fn parameters_of_httpd_and_mi_http() {
    let world = World::of(&script(
        "modparam(\"httpd\", \"ip\", \"*\")\nmodparam(\"httpd\", \"port\", 8000)\n\
         modparam(\"httpd\", \"conn_timeout\", 0)\nmodparam(\"httpd\", \"buf_size\", 524288)\n\
         modparam(\"httpd\", \"post_buf_size\", 4096)\n\
         modparam(\"httpd\", \"receive_buf_size\", 100000)\n\
         modparam(\"mi_http\", \"root\", \"/opensips_mi\")\n\
         modparam(\"mi_http\", \"mi_http_method\", 1)\n\
         modparam(\"mi_http\", \"pretty_printing\", 1)",
    ));
    let server = state!(world, httpd, httpd::api::Server).unwrap();
    assert_eq!((server.ip, server.port, server.conn_timeout), (None, 8000, None));
    assert_eq!((server.request_max, server.reply_max), (100_000, 524_288));
    let told = world.warnings.join("\n");
    assert!(told.contains("whoever reaches the address of httpd can give commands"), "{told}");
    let page = state!(world, mi_http, mi_http::api::Parameters).unwrap();
    assert_eq!((page.root.as_str(), page.pretty_printing), ("opensips_mi", true));
    let login = "modparam(\"httpd\", \"ip\", \"[::1]\")\n\
                 modparam(\"httpd\", \"auth_username\", \"ann\")\n\
                 modparam(\"httpd\", \"auth_password\", \"secret\")\n\
                 modparam(\"httpd\", \"auth_realm\", \"here\")";
    let world = World::of(&script(login));
    let server = state!(world, httpd, httpd::api::Server).unwrap();
    let login = server.login.clone().unwrap();
    assert_eq!((&*login.username, &*login.password, &*login.realm), ("ann", "secret", "here"));
    assert!(!format!("{login:?}").contains("secret"));
    assert_eq!(server.ip, Some("::1".parse().unwrap()));
}

#[test]
fn the_pages_are_listed_by_httpd_list_root_path() {
    let world = World::of(&script("loadmodule \"prometheus.so\""));
    let state = world.program.state("httpd").unwrap();
    let list = httpd::MODULE.commands.iter().find(|c| c.name == "httpd_list_root_path").unwrap();
    let listed = (list.run)(state.as_ref(), &[]).unwrap();
    let expected = "[{\"http_root\":\"mi\",\"module\":\"mi_http\"},\
                    {\"http_root\":\"metrics\",\"module\":\"prometheus\"}]";
    assert_eq!(listed.to_string(), expected);
}

#[test]
fn what_cannot_be_served_is_refused() {
    for (line, why) in [
        ("modparam(\"httpd\", \"ip\", \"localhost\")", "`localhost` is no address"),
        ("modparam(\"httpd\", \"auth_username\", \"ann\")", "go together"),
        ("modparam(\"httpd\", \"auth_password\", \"x\")", "go together"),
        (
            "modparam(\"httpd\", \"auth_username\", \"a:b\")\n\
             modparam(\"httpd\", \"auth_password\", \"x\")",
            "a colon in auth_username",
        ),
        ("modparam(\"mi_http\", \"mi_http_root\", \"\")", "`` is no path"),
        ("modparam(\"mi_http\", \"mi_http_root\", \"a/{b}\")", "`a/{b}` is no path"),
        (
            "loadmodule \"prometheus\"\nmodparam(\"prometheus\", \"root\", \"mi\")",
            "the path mi is that of mi_http",
        ),
    ] {
        let told = refused(&script(line));
        assert!(told.contains(why), "{line}: {told}");
    }
    for module in ["mi_http", "prometheus"] {
        let told = refused(&format!("loadmodule \"{module}\"\nroute {{ exit; }}"));
        assert!(told.contains("module httpd must be loaded too"), "{told}");
    }
    for line in [
        "modparam(\"httpd\", \"port\", 0)",
        "modparam(\"httpd\", \"port\", 65536)",
        "modparam(\"httpd\", \"conn_timeout\", -1)",
        "modparam(\"httpd\", \"buf_size\", -1)",
        "modparam(\"httpd\", \"post_buf_size\", 99999999)",
        "modparam(\"httpd\", \"tls_cert_file\", \"/x\")",
        "modparam(\"mi_http\", \"trace_destination\", \"hep\")",
    ] {
        assert_eq!(compiled(&script(line)).errors, 1, "{line}");
    }
}

fn metrics(lines: &str) -> prometheus::api::Parameters {
    let world = World::of(&script(&format!("loadmodule \"prometheus.so\"\n{lines}")));
    state!(world, prometheus, prometheus::api::Parameters).unwrap().clone()
}

#[test]
fn parameters_of_prometheus() {
    let bare = metrics("");
    assert_eq!((&*bare.root, &*bare.prefix, &*bare.group_prefix), ("metrics", "opensips", ""));
    assert_eq!((&*bare.delimiter, &*bare.group_label, bare.group_mode), ("_", "group", 0));
    assert!(bare.statistics.is_empty() && bare.series);
    let full = metrics(
        "modparam(\"prometheus\", \"root\", \"prom\")\n\
         modparam(\"prometheus\", \"prefix\", \"opensips_1\")\n\
         modparam(\"prometheus\", \"group_prefix\", \"g_\")\n\
         modparam(\"prometheus\", \"delimiter\", \"-\")\n\
         modparam(\"prometheus\", \"group_label\", \"grp\")\n\
         modparam(\"prometheus\", \"group_mode\", 2)\n\
         modparam(\"prometheus\", \"statistics\", \"active_dialogs load:\")\n\
         modparam(\"prometheus\", \"statistics\", \"core:\")\n\
         modparam(\"prometheus\", \"series\", 0)",
    );
    assert_eq!((&*full.root, &*full.prefix, &*full.group_prefix), ("prom", "opensips_1", "g_"));
    assert_eq!((&*full.delimiter, &*full.group_label, full.group_mode), ("-", "grp", 2));
    assert_eq!(full.statistics, ["active_dialogs", "load:", "core:"]);
    assert!(!full.series);
}

#[test]
fn names_are_taken_apart_by_labels() {
    // The rule of the module's documentation there, and one that comes too late.
    let parameters = metrics(
        "modparam(\"prometheus\", \"labels\", \"calls: /^(.*)_(.*)$/\\1:gateway=\\\"\\2\\\"/\")\n\
         modparam(\"prometheus\", \"labels\", \"calls: /^d/x:y=z/\")\n\
         modparam(\"prometheus\", \"labels\", \"sl: /^(.xx)_replies$/replies/\")",
    );
    let made = |group, name| parameters.relabel(group, name);
    let some = |name: &str, labels: &str| Some((name.to_owned(), labels.to_owned()));
    assert_eq!(made("calls", "duration_gw1"), some("duration", "gateway=\"gw1\""));
    assert_eq!(made("calls", "duration"), some("x", "y=zuration"));
    assert_eq!(made("sl", "duration_gw1"), None, "another group");
    assert_eq!(made("sl", "2xx_replies"), None, "no labels");
    for rule in ["calls", ": /a/b:c=d/", "calls: /(/b:c=d/", "calls: /a/b", "calls: /a/b/x"] {
        let line = format!("modparam(\"prometheus\", \"labels\", \"{rule}\")");
        let told = refused(&script(&format!("loadmodule \"prometheus\"\n{line}")));
        assert!(told.contains("is not `group: /regex/name:labels/flags`"), "{rule}: {told}");
    }
    for line in [
        "modparam(\"prometheus\", \"group_mode\", 3)",
        "modparam(\"prometheus\", \"script_route\", \"x\")",
    ] {
        let script = script(&format!("loadmodule \"prometheus\"\n{line}"));
        assert_eq!(compiled(&script).errors, 1, "{line}");
    }
}
