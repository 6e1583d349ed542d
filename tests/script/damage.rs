//! The damage of printed scripts: one error per cause, which names the mend.

use insta::assert_snapshot;

use crate::world::{compile_with, told};

/// The first script of the seed as it was printed.
const FIRST: &str = r#" debug=9            debug level (cmd line: -dddddddddd)
 log_stderror=yes  (cmd line: -E)
 check_via=no      (cmd. line: -v)
loadmodule ""
loadmodule ""

—————– setting module-specific parameters —————

dispatcher params

 modparam("dispatcher", "list_file", "../etc/dispatcher.list")
 // modparam("dispatcher", "force_dst", 1)
 if ( !mf_process_maxfwd_header("10") )
 sl_send_reply("483","To Many Hops");
 ds_select_dst("2", "0");
 // t_relay();
"#;

/// Pieces of the second one.
const SECOND: &str = r#"check_via=no    # (cmd. line: -v)
loadmodule "modules/dbtext/"
loadmodule "modules/sl/"
loadmodule "modules/maxfwd/"
loadmodule "modules/maxfwd/"
loadmodule "modules/sipmsgops/"

----------------- setting module-specific parameters ---------------
-- mi_fifo params --

modparam("mi_fifo", "fifo_name", "/tmp/opensips_fifo")

route {
// initial sanity checks
if (!mf_process_maxfwd_header("10")) {
sl_send_reply("483","Too Many Hops");
if ($ml >=  65535 ) {
sl_send_reply("513", "Message too big");
if (!$rm=="REGISTER") append_hf("x");
<pre><code>// subsequent messages within a dialog
if (has_totag()) {
    append_hf("P-hint: rr-enforced\r\n");
"#;

#[test]
fn first_script_of_the_seed() {
    assert_snapshot!(told(FIRST));
}

#[test]
fn second_script_of_the_seed() {
    assert_snapshot!(told(SECOND));
}

#[test]
fn quotes() {
    assert_snapshot!(told(
        "loadmodule “sl.so”\nmodparam(“sl”, “max_limit”, 1)\n\
         modparam(\"sl\", \"max_limit, 1)\nloadmodule \"maxfwd.so\n\
         route {\n\tsl_send_reply(\"483\", \"Too Many Hops);\n\tsl_send_reply(\"484\", \"x\");\n\
         \txlog(‘left’);\n}\n"
    ));
}

#[test]
fn a_brace_left_out_is_found_by_its_indentation() {
    assert_snapshot!(told(
        "route {\n    if ($ru) {\n        xlog(\"a\");\n    xlog(\"b\");\n}\n\
         route[next] {\n    exit;\n}\n\
         route[last] {\n    while ($ru) {\n        exit;\n}\n"
    ));
}

#[test]
fn web_pages() {
    assert_snapshot!(told(
        "route {\n<p>if ($ru &amp;&amp; $rd) exit;</p>\n    xlog(\"<b>\");\n…\n}\n<br/>\n"
    ));
}

#[test]
fn comments_and_remarks() {
    assert_snapshot!(told(
        "debug=3 /* fine */ fork\nlisten=udp:*:5060 (cmd line: -l)\n/* a /* b */\n"
    ));
}

#[test]
fn strict_refuses_what_opensips_would() {
    let text = "loadmodule \"modules/sl/\"\nroute {\n}; // slashes\n";
    assert_snapshot!(compile_with(text, &[], true).render(false));
    assert!(compile_with(text, &[], false).script.is_some());
}

#[test]
fn included_files_tell_where_they_come_from() {
    let files = [("part.cfg", "\nroute[a] {\n    xlgo(\"x\");\n}\n")];
    let text = "include_file \"part.cfg\"\nimport_file \"none.cfg\"\ninclude_file \"gone.cfg\"\n";
    assert_snapshot!(compile_with(text, &files, false).render(false));
}
