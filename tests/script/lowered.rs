//! What constructs become: golden listings.

use insta::assert_snapshot;
use sluice_script::ir::Setting;

use crate::dump::dump;
use crate::world::compile_one;

const LOADED: &str = "loadmodule \"dispatcher\"\nloadmodule \"sipmsgops\"\n";

fn lowered(body: &str) -> String {
    let compiled = compile_one(format!("{LOADED}route {{\n{body}\n}}\nroute[a] {{ exit; }}\n"));
    match &compiled.script {
        Some(script) => dump(script),
        None => compiled.render(false),
    }
}

#[test]
fn and_and_or_have_one_precedence() {
    assert_snapshot!(lowered("if ($si || $rU && $rd) exit;"));
}

#[test]
fn not_binds_looser_than_a_comparison() {
    assert_snapshot!(lowered("if (!$rm==\"REGISTER\" && !has_totag()) exit; else drop;"));
}

#[test]
fn words_of_old_scripts() {
    assert_snapshot!(lowered(
        "if (method==INVITE || uri==myself || from_uri!=myself) exit;\n\
         if (src_ip==10.0.0.0/255.0.0.0 && dst_port==5060 && msg:len>=max_len) exit;\n\
         if (status=~\"[45]..\" || $si==[::1]) forward(uri:host, uri:port);"
    ));
}

#[test]
fn assignments() {
    assert_snapshot!(lowered(
        "$var(a) = \"sip:$rU@h\";\n$var(a) = ($var(b) + 1) / 3 << 2;\n$var(a) += \"x\" + 5;\n\
         $avp($var(n)) := $(hdr(Via)[-1]{s.select,1,,});\n$(avp(l)[$var(i)]) = NULL;\n\
         $var(c) = ($si == \"1.2.3.4\");\n$var(r) = route(a, \"$ru\", 2);\n$var(x) = ~$var(y) - -1;"
    ));
}

#[test]
fn loops() {
    assert_snapshot!(lowered(
        "while ($var(x) < 3) { if ($ru) break; }\n\
         for ($var(i) in $(avp(l)[*])) { if ($ru) return(2, $var(i)); break; }"
    ));
}

#[test]
fn switch_falls_through() {
    assert_snapshot!(lowered(
        "switch ($retcode) { case 1: xlog(\"1\"); case \"b\": break; default: exit;\n\
         case -1: drop; }"
    ));
}

#[test]
fn arguments_and_formats() {
    assert_snapshot!(lowered(
        "xlog(\"$ru costs $$5 at $rd.txt\");\nxlog(\"$ru\");\n\n\
         ds_select_dst(\"2\", $var(a), \"fu\");\nget_it(\"$avp(x)\");\nremove_re(\"^X-.*$\");\n\
         remove_re(\"$avp(p)\");\n\
         literal(\"$ru\");\n\
         setflag(22);\nsetflag(\"seen\");\nroute(\"to_$rm\");\nsend(udp:1.2.3.4:5060);"
    ));
}

#[test]
fn hidden_arguments_are_the_last_value_of_their_parameter() {
    let text = "loadmodule \"dispatcher\"\n\
        route { ds_select_dst(1, 7); }\n\
        modparam(\"dispatcher\", \"hash_pvar\", \"$ci\")\n\
        modparam(\"dispatcher\", \"hash_pvar\", \"$rU-$hdr(X)\")\n";
    let compiled = compile_one(text);
    assert_snapshot!(dump(compiled.script.as_ref().unwrap()));
}

#[test]
fn top_level_becomes_tables() {
    let compiled = compile_one(
        "debug=3 children=2\nlisten=udp:127.0.0.1:5060 as 10.0.0.1:5060\nlisten=eth0:5060;\n\
         loadmodule \"modules/DISPATCHER.so\"\nloadmodule \"/x/dispatcher.so\"\nloadmodule \"sl\"\n\
         modparam(\"DISP.*|SL\", \"max_limit\", 1)\n",
    );
    assert!(compiled.script.is_none(), "the dispatcher has no such parameter");
    let compiled = compile_one(
        "debug=3 children=0x2\nlisten=udp:127.0.0.1:5060 as 10.0.0.1:5060\nlisten=eth0:5060;\n\
         loadmodule \"/x/dispatcher.so\"\nloadmodule \"sl\"\nloadmodule \"maxfwd\"\n\
         modparam(\"MAX.*|SL\", \"max_limit\", -1)\n",
    );
    let script = compiled.script.unwrap();
    assert_eq!(script.modules, ["dispatcher", "sl", "maxfwd"]);
    let globals: Vec<_> = script.globals.iter().map(|g| (g.name, g.value.clone())).collect();
    let word = |text: &str| Setting::Word(text.into());
    assert_eq!(
        globals,
        [
            ("log_level", Setting::Int(3)),
            ("udp_workers", Setting::Int(2)),
            ("socket", word("udp:127.0.0.1:5060 as 10.0.0.1:5060")),
            ("socket", word("eth0:5060")),
        ]
    );
    let params: Vec<_> = script.params.iter().map(|p| (p.module, p.value.clone())).collect();
    assert_eq!(params, [("sl", Setting::Int(-1)), ("maxfwd", Setting::Int(-1))]);
}
